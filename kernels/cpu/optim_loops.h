/* Update rules over flat arrays; included once per element type and instruction set by variants.h. */

/* Adam (Kingma and Ba 2015) as Paddle's `adam` operator has it: the bias correction goes into the learning rate and
 * epsilon, which the caller passes as
 *     rate = lr * sqrt(1 - beta2^t) / (1 - beta1^t)      eps = epsilon * sqrt(1 - beta2^t)
 * keep = 1 - lr * coeff is AdamW's decoupled decay (Loshchilov and Hutter 2019), 1 for Adam:
 *     g = scale * grad + l2 * p
 *     m = beta1 * m + (1 - beta1) * g        v = beta2 * v + (1 - beta2) * g * g
 *     p = keep * p - rate * m / (sqrt(v) + eps)
 */
static void NAME(adam)(ptrdiff_t n, void *param, const void *grad, void *moment1, void *moment2, double rate_,
                       double beta1_, double beta2_, double eps_, double keep_, double scale_, double l2_) {
    T *RESTRICT p = param, *RESTRICT m = moment1, *RESTRICT v = moment2;
    const T *RESTRICT g = grad;
    const T rate = (T)rate_, beta1 = (T)beta1_, beta2 = (T)beta2_, eps = (T)eps_, keep = (T)keep_;
    const T scale = (T)scale_, l2 = (T)l2_, c1 = 1 - beta1, c2 = 1 - beta2;
    if (scale == 1 && l2 == 0) {
        if (keep == 1) {
            for (ptrdiff_t i = 0; i < n; i++) {
                m[i] = beta1 * m[i] + c1 * g[i];
                v[i] = beta2 * v[i] + c2 * g[i] * g[i];
                p[i] -= rate * (m[i] / (SQRT(v[i]) + eps));
            }
            return;
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            m[i] = beta1 * m[i] + c1 * g[i];
            v[i] = beta2 * v[i] + c2 * g[i] * g[i];
            p[i] = keep * p[i] - rate * (m[i] / (SQRT(v[i]) + eps));
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const T gi = scale * g[i] + l2 * p[i];
        m[i] = beta1 * m[i] + c1 * gi;
        v[i] = beta2 * v[i] + c2 * gi * gi;
        p[i] = keep * p[i] - rate * (m[i] / (SQRT(v[i]) + eps));
    }
}

/* Stochastic gradient descent: p = p - lr * (scale * grad + l2 * p). */
static void NAME(sgd)(ptrdiff_t n, void *param, const void *grad, double lr_, double scale_, double l2_) {
    T *RESTRICT p = param;
    const T *RESTRICT g = grad;
    const T lr = (T)lr_, scale = (T)scale_, l2 = (T)l2_;
    if (scale == 1 && l2 == 0) {
        for (ptrdiff_t i = 0; i < n; i++) p[i] -= lr * g[i];
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) p[i] -= lr * (scale * g[i] + l2 * p[i]);
}

/* Momentum as Paddle's `momentum` operator has it:
 *     g = scale * grad + l2 * p        v = mu * v + g
 *     p = p - lr * v, or with Nesterov's variant p = p - lr * (g + mu * v)
 */
static void NAME(momentum)(ptrdiff_t n, void *param, const void *grad, void *velocity, double lr_, double mu_,
                           int nesterov, double scale_, double l2_) {
    T *RESTRICT p = param, *RESTRICT v = velocity;
    const T *RESTRICT g = grad;
    const T lr = (T)lr_, mu = (T)mu_, scale = (T)scale_, l2 = (T)l2_;
    if (nesterov) {
        for (ptrdiff_t i = 0; i < n; i++) {
            const T gi = scale * g[i] + l2 * p[i];
            v[i] = mu * v[i] + gi;
            p[i] -= lr * (gi + mu * v[i]);
        }
        return;
    }
    if (scale == 1 && l2 == 0) {
        for (ptrdiff_t i = 0; i < n; i++) {
            v[i] = mu * v[i] + g[i];
            p[i] -= lr * v[i];
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        v[i] = mu * v[i] + scale * g[i] + l2 * p[i];
        p[i] -= lr * v[i];
    }
}

/* RMSProp (Tieleman and Hinton 2012) as Paddle's `rmsprop` operator has it:
 *     g = scale * grad + l2 * p       s = rho * s + (1 - rho) * g * g
 *     m = mu * m + lr * g / sqrt(s + eps)       p = p - m
 * With a mean gradient (centered), d = rho * d + (1 - rho) * g, the root is that of s - d * d + eps.
 */
static void NAME(rmsprop)(ptrdiff_t n, void *param, const void *grad, void *moment, void *mean_square, void *mean_grad,
                          double lr_, double rho_, double eps_, double mu_, double scale_, double l2_) {
    T *RESTRICT p = param, *RESTRICT m = moment, *RESTRICT s = mean_square, *RESTRICT d = mean_grad;
    const T *RESTRICT g = grad;
    const T lr = (T)lr_, rho = (T)rho_, eps = (T)eps_, mu = (T)mu_, scale = (T)scale_, l2 = (T)l2_, rest = 1 - rho;
    if (d) {
        for (ptrdiff_t i = 0; i < n; i++) {
            const T gi = scale * g[i] + l2 * p[i];
            s[i] = rho * s[i] + rest * gi * gi;
            d[i] = rho * d[i] + rest * gi;
            m[i] = mu * m[i] + lr * gi / SQRT(s[i] - d[i] * d[i] + eps);
            p[i] -= m[i];
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const T gi = scale * g[i] + l2 * p[i];
        s[i] = rho * s[i] + rest * gi * gi;
        m[i] = mu * m[i] + lr * gi / SQRT(s[i] + eps);
        p[i] -= m[i];
    }
}

/* Adagrad (Duchi et al. 2011): g = scale * grad + l2 * p, m = m + g * g, p = p - lr * g / (sqrt(m) + eps). */
static void NAME(adagrad)(ptrdiff_t n, void *param, const void *grad, void *moment, double lr_, double eps_,
                          double scale_, double l2_) {
    T *RESTRICT p = param, *RESTRICT m = moment;
    const T *RESTRICT g = grad;
    const T lr = (T)lr_, eps = (T)eps_, scale = (T)scale_, l2 = (T)l2_;
    for (ptrdiff_t i = 0; i < n; i++) {
        const T gi = scale * g[i] + l2 * p[i];
        m[i] += gi * gi;
        p[i] -= lr * gi / (SQRT(m[i]) + eps);
    }
}

/* LAMB (You et al. 2020) as Paddle's `lamb` operator has it; c1 = 1 - beta1^t, c2 = 1 - beta2^t:
 *     g = scale * grad + l2 * p       m = beta1 * m + (1 - beta1) * g       v = beta2 * v + (1 - beta2) * g * g
 *     u = (m / c1) / (sqrt(v / c2) + eps) + decay * p       p = p - lr * ratio * u
 * ratio = |p| / |u| where `adapt` is set and both are positive, else 1.
 */
static void NAME(lamb)(ptrdiff_t n, void *param, const void *grad, void *moment1, void *moment2, double lr_,
                       double beta1_, double beta2_, double eps_, double c1_, double c2_, double decay_, int adapt,
                       double scale_, double l2_) {
    T *RESTRICT p = param, *RESTRICT m = moment1, *RESTRICT v = moment2;
    const T *RESTRICT g = grad;
    const T beta1 = (T)beta1_, beta2 = (T)beta2_, eps = (T)eps_, c1 = (T)c1_, c2 = (T)c2_, decay = (T)decay_;
    const T scale = (T)scale_, l2 = (T)l2_, r1 = 1 - beta1, r2 = 1 - beta2;
    double p_square = 0, u_square = 0;
    for (ptrdiff_t start = 0; start < n; start += 1024) {
        const ptrdiff_t stop = start + 1024 < n ? start + 1024 : n;
        T p_sum = 0, u_sum = 0;
#pragma omp simd reduction(+ : p_sum, u_sum)
        for (ptrdiff_t i = start; i < stop; i++) {
            const T gi = scale * g[i] + l2 * p[i];
            m[i] = beta1 * m[i] + r1 * gi;
            v[i] = beta2 * v[i] + r2 * gi * gi;
            const T u = m[i] / c1 / (SQRT(v[i] / c2) + eps) + decay * p[i];
            p_sum += p[i] * p[i];
            u_sum += u * u;
        }
        p_square += (double)p_sum;
        u_square += (double)u_sum;
    }
    T rate = (T)lr_;
    if (adapt && p_square > 0 && u_square > 0) rate *= (T)(sqrt(p_square) / sqrt(u_square));
    for (ptrdiff_t i = 0; i < n; i++) p[i] -= rate * (m[i] / c1 / (SQRT(v[i] / c2) + eps) + decay * p[i]);
}

/* Sum of squares. Blocks of 1024 are summed in T (vectorised) and the blocks in double. */
static double NAME(squared_norm)(ptrdiff_t n, const void *data) {
    const T *RESTRICT x = data;
    double total = 0;
    for (ptrdiff_t start = 0; start < n; start += 1024) {
        const ptrdiff_t stop = start + 1024 < n ? start + 1024 : n;
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t i = start; i < stop; i++) sum += x[i] * x[i];
        total += (double)sum;
    }
    return total;
}

static const struct optim_loops NAME(optim) = {NAME(adam),    NAME(sgd),  NAME(momentum),    NAME(rmsprop),
                                              NAME(adagrad), NAME(lamb), NAME(squared_norm)};
