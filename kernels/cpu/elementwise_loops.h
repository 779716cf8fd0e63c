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

/* The error function. double: libm. float: erf(a) = 1 - exp(-a R(a)) for a >= 0, with R = -log(erfc(a)) / a a polynomial
 * of degree 8, fitted at Chebyshev points over 0 <= a <= 4 (error of erf below 4e-9, so that rounding decides: 1e-7). */
#if T_IS_DOUBLE
INLINE double NAME(erf1)(double x) { return erf(x); }
INLINE double NAME(normal1)(double x) { return 0.5 * (1 + erf(x * 0.70710678118654752440)); }
#else
INLINE float NAME(log_erfc)(float a) { /* for 0 <= a <= 4 */
    float y = -9.25635504e-06f;
    y = y * a + 0.000117642026f;
    y = y * a - 0.000632839394f;
    y = y * a + 0.00166703179f;
    y = y * a - 0.000160400086f;
    y = y * a - 0.0191530623f;
    y = y * a + 0.102777831f;
    y = y * a + 0.636619389f;
    y = y * a + 1.12837923f;
    return -a * y;
}
INLINE float NAME(erf1)(float x) {
    float a = x < 0 ? -x : x;
    a = a > 4.0f ? 4.0f : a;
    const float y = NAME(expm1)(NAME(log_erfc)(a));
    return x < 0 ? y : 0 - y;
}
/* (1 + erf(x / sqrt 2)) / 2; half of erfc on the negative side, where the sum would lose digits. */
INLINE float NAME(normal1)(float x) {
    float a = (x < 0 ? -x : x) * 0.70710678118654752440f;
    const float part = 0.5f * (1 + NAME(expm1)(NAME(log_erfc)(a > 4.0f ? 4.0f : a)));
    const float half = a > 4.0f ? 0 : part;
    return x < 0 ? half : 1 - half;
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
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i] * NAME(normal1)(x[i]);
}

/* gelu'(x) = (1 + erf(x / sqrt 2)) / 2 + x exp(-x^2 / 2) / sqrt(2 pi) */
static void NAME(gelu_grad)(ptrdiff_t n, const void *in, const void *d_out, void *d_in) {
    const T *x = in, *dy = d_out;
    T *dx = d_in;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) {
        const T cdf = NAME(normal1)(x[i]);
        dx[i] = dy[i] * (cdf + x[i] * LIT(0.39894228040143267794) * NAME(exp)(LIT(-0.5) * x[i] * x[i]));
    }
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

/* Activations: what is read is called x (in a backward loop the operator's input or output, whichever it keeps, beside g,
 * the gradient that arrives); a, b, c are its attributes. The order is that of ACTIVATIONS in backend/kernels.py. */
#if T_IS_DOUBLE
#define TRUNCATE trunc
#else
#define TRUNCATE truncf
#endif
#define FORWARD(name, expression)                                                                                      \
    static void NAME(name)(ptrdiff_t n, const void *in, void *out, const double *numbers) {                            \
        const T *from = in;                                                                                            \
        T *to = out;                                                                                                   \
        const T a = (T)numbers[0], b = (T)numbers[1], c = (T)numbers[2];                                               \
        (void)a, (void)b, (void)c;                                                                                     \
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            const T x = from[i];                                                                                       \
            to[i] = (expression);                                                                                      \
        }                                                                                                              \
    }
#define BACKWARD(name, expression)                                                                                     \
    static void NAME(name##_grad)(ptrdiff_t n, const void *in, const void *d_out, void *d_in, const double *numbers) { \
        const T *from = in, *d = d_out;                                                                                \
        T *to = d_in;                                                                                                  \
        const T a = (T)numbers[0], b = (T)numbers[1], c = (T)numbers[2], bend = (T)(numbers[0] - numbers[2]);          \
        (void)a, (void)b, (void)c, (void)bend;                                                                         \
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            const T x = from[i], g = d[i];                                                                             \
            to[i] = (expression);                                                                                      \
        }                                                                                                              \
    }

/* In all of these NaN stays NaN, and what stops a gradient is a product with 0, as in NumPy. */
INLINE T NAME(between)(T x, T low, T high) {
    const T least = x < low ? low : x;
    return least > high ? high : least;
}
INLINE T NAME(logistic)(T x) { return 1 / (1 + NAME(exp)(-x)); }
/* e (e + 2) with e = exp(x): tanh(log(1 + e)) is u / (u + 2) of it; at 20 it is 1. */
INLINE T NAME(mish_part)(T x) {
    const T e = NAME(exp)(x > 20 ? 20 : x);
    return e * (e + 2);
}
INLINE T NAME(mish_slope)(T x) { /* t + x (1 - t^2) e / (1 + e) with t the tanh */
    const T e = NAME(exp)(x > 20 ? 20 : x), u = e * (e + 2), r = 1 / (u + 2);
    return u * r + x * (4 * (e + 1) * r * r) * e;
}
INLINE T NAME(softplus1)(T z) { return (z > 0 ? z : 0) + NAME(log1p)(NAME(exp)(z > 0 ? -z : z)); }
/* twice the argument of tanh in gelu's tanh form, and its slope */
INLINE T NAME(gelu_inner)(T x) { return LIT(1.5957691216057307) * (x + LIT(0.044715) * x * x * x); }
INLINE T NAME(gelu_slope)(T x) { return LIT(1.5957691216057307) * (1 + LIT(0.134145) * x * x); }

FORWARD(relu, x <= 0 ? 0 : x)
BACKWARD(relu, g * (x > 0 ? LIT(1.0) : LIT(0.0)))
FORWARD(clip, NAME(between)(x, a, b))
BACKWARD(clip, g * (x > a && x < b ? LIT(1.0) : LIT(0.0)))
FORWARD(leaky, x > 0 ? x : x * a)
BACKWARD(leaky, x > 0 ? g : g * a)
FORWARD(hard_swish, x * NAME(between)(x + c, 0, a) / b)
BACKWARD(hard_swish, g * (x < bend ? (x + x + c) / b : 1) * (x > -c ? LIT(1.0) : LIT(0.0)))
FORWARD(hard_sigmoid, NAME(between)(x * a + b, 0, 1))
BACKWARD(hard_sigmoid, g * (x > 0 && x < 1 ? LIT(1.0) : LIT(0.0)) * a)
FORWARD(elu, x > 0 ? x : NAME(expm1)(x > 0 ? 0 : x) * a)
BACKWARD(elu, x > 0 ? g : g * NAME(exp)(x > 0 ? 0 : x) * a)
FORWARD(softplus, x * a > b ? x : NAME(softplus1)(x * a) / a)
BACKWARD(softplus, x * a > b ? g : g * NAME(logistic)(x * a))
FORWARD(mish, x * (NAME(mish_part)(x) / (NAME(mish_part)(x) + 2)))
BACKWARD(mish, g * NAME(mish_slope)(x))
FORWARD(gelu_tanh, x / (1 + NAME(exp)(-NAME(gelu_inner)(x))))
BACKWARD(gelu_tanh, g * (NAME(logistic)(NAME(gelu_inner)(x)) *
                         (1 + x * (1 - NAME(logistic)(NAME(gelu_inner)(x))) * NAME(gelu_slope)(x))))
FORWARD(swish, x / (1 + NAME(exp)(-(x * a))))
BACKWARD(swish, g * NAME(logistic)(x * a) * (1 + x * a * (1 - NAME(logistic)(x * a))))
BACKWARD(sigmoid, g * x * (1 - x))
FORWARD(scale, x * a + b)
BACKWARD(tanh, g * (1 - x * x))
FORWARD(round, TRUNCATE(x) + ((x < 0 ? TRUNCATE(x) - x : x - TRUNCATE(x)) >= LIT(0.5) ? (x < 0 ? LIT(-1.0) : LIT(1.0)) : 0))
#undef FORWARD
#undef BACKWARD
#undef TRUNCATE

static const struct elementwise_loops NAME(elementwise) = {
    {NAME(sigmoid), NAME(silu), NAME(erf), NAME(gelu)}, NAME(gelu_grad), NAME(add_rows),
    {NAME(relu), NAME(clip), NAME(leaky), NAME(hard_swish), NAME(hard_sigmoid), NAME(elu), NAME(softplus), NAME(mish),
     NAME(gelu_tanh), NAME(swish), NAME(round), NAME(scale)},
    {NAME(relu_grad), NAME(clip_grad), NAME(leaky_grad), NAME(hard_swish_grad), NAME(hard_sigmoid_grad), NAME(elu_grad),
     NAME(softplus_grad), NAME(mish_grad), NAME(gelu_tanh_grad), NAME(swish_grad), NAME(sigmoid_grad),
     NAME(tanh_grad)},
};
