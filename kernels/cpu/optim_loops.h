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

static const struct optim_loops NAME(optim) = {NAME(adam), NAME(sgd), NAME(momentum), NAME(squared_norm)};
