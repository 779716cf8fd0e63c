/* Elementwise functions that NumPy lacks or needs several passes for; included by variants.h. */
#include "math_loops.h"

/* sigmoid(x) = 1 / (1 + exp(-x)) */
static void NAME(sigmoid)(ptrdiff_t n, const void *in, void *out) {
    const T *x = in;
    T *y = out;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) y[i] = 1 / (1 + NAME(exp)(-x[i]));
}

/* silu(x) = x sigmoid(x) */
static void NAME(silu)(ptrdiff_t n, const void *in, void *out) {
    const T *x = in;
    T *y = out;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i] / (1 + NAME(exp)(-x[i]));
}

/* The error function. double: libm. float: below 0.75 the Taylor series 2/sqrt(pi) sum (-1)^k x^(2k+1) / (k! (2k+1));
 * from there 1 - erfc(x), with log(erfc(x) / t) + x^2 a polynomial of degree 7 in t = 1 / (1 + x/2), fitted at Chebyshev
 * points over 0.7 <= x <= 5 (error of erf below 4e-10, so that rounding decides: 1.1e-7). */
#if T_IS_DOUBLE
INLINE double NAME(erf1)(double x) { return erf(x); }
#else
INLINE float NAME(erf1)(float x) {
    const float a = x < 0 ? -x : x, s = x * x;
    const float t = 1.0f / (1.0f + 0.5f * a);
    float p = -0.266495696f;
    p = p * t + 1.04140226f;
    p = p * t - 1.44387113f;
    p = p * t + 0.712490277f;
    p = p * t - 0.210998734f;
    p = p * t + 0.440546939f;
    p = p * t + 0.991838136f;
    p = p * t - 1.26507463f;
    const float far = 1.0f - t * NAME(exp)(-s + p);
    float q = -1.0f / 75600.0f;
    q = q * s + 1.0f / 9360.0f;
    q = q * s - 1.0f / 1320.0f;
    q = q * s + 1.0f / 216.0f;
    q = q * s - 1.0f / 42.0f;
    q = q * s + 1.0f / 10.0f;
    q = q * s - 1.0f / 3.0f;
    q = q * s + 1.0f;
    const float near = 1.12837916709551257f * x * q;
    return a < 0.75f ? near : x < 0 ? -far : far;
}
#endif

static void NAME(erf)(ptrdiff_t n, const void *in, void *out) {
    const T *x = in;
    T *y = out;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) y[i] = NAME(erf1)(x[i]);
}

/* gelu(x) = x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016) */
static void NAME(gelu)(ptrdiff_t n, const void *in, void *out) {
    const T *x = in;
    T *y = out;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) y[i] = LIT(0.5) * x[i] * (1 + NAME(erf1)(x[i] * LIT(0.70710678118654752440)));
}

/* gelu'(x) = (1 + erf(x / sqrt 2)) / 2 + x exp(-x^2 / 2) / sqrt(2 pi) */
static void NAME(gelu_grad)(ptrdiff_t n, const void *in, const void *d_out, void *d_in) {
    const T *x = in, *dy = d_out;
    T *dx = d_in;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) {
        const T cdf = LIT(0.5) * (1 + NAME(erf1)(x[i] * LIT(0.70710678118654752440)));
        dx[i] = dy[i] * (cdf + x[i] * LIT(0.39894228040143267794) * NAME(exp)(LIT(-0.5) * x[i] * x[i]));
    }
}

/* relu'(x), by the result y = max(x, 0): dy or 0 dy, which keeps what is not a number. */
static void NAME(relu_grad)(ptrdiff_t n, const void *out, const void *d_out, void *d_in) {
    const T *y = out, *dy = d_out;
    T *dx = d_in;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) dx[i] = dy[i] * (T)(y[i] > 0);
}

/* table[ids[i]] += rows[i]: the gradient of an embedding. ids equal to `skip` are left out; ids are checked by the
 * caller. */
static void NAME(add_rows)(ptrdiff_t n, ptrdiff_t width, const void *ids, int wide, int64_t skip, const void *rows,
                           void *table) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const int64_t id = wide ? ((const int64_t *)ids)[i] : ((const int32_t *)ids)[i];
        if (id == skip) continue;
        const T *RESTRICT from = (const T *)rows + i * width;
        T *RESTRICT to = (T *)table + id * width;
        for (ptrdiff_t j = 0; j < width; j++) to[j] += from[j];
    }
}

static const struct elementwise_loops NAME(elementwise) = {
    {NAME(sigmoid), NAME(silu), NAME(erf), NAME(gelu)}, {NAME(gelu_grad), NAME(relu_grad)}, NAME(add_rows),
};
