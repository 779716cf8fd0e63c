/* Sums for the loops that need them, inside variants.h: blocks of 1024 in T (vectorised), the blocks in double, so that
 * the error does not grow with the length. */
#define BLOCKED(expression)                                                                                            \
    double total = 0;                                                                                                  \
    for (ptrdiff_t start = 0; start < n; start += 1024) {                                                              \
        const ptrdiff_t stop = start + 1024 < n ? start + 1024 : n;                                                    \
        T sum = 0;                                                                                                     \
        _Pragma("omp simd reduction(+ : sum)") for (ptrdiff_t i = start; i < stop; i++) sum += (expression);           \
        total += (double)sum;                                                                                          \
    }                                                                                                                  \
    return total

INLINE double NAME(sum)(ptrdiff_t n, const T *RESTRICT x) { BLOCKED(x[i]); }

/* sum of (x - mean)^2 */
INLINE double NAME(sum_deviation)(ptrdiff_t n, const T *RESTRICT x, T mean) { BLOCKED((x[i] - mean) * (x[i] - mean)); }

/* sum of d (x - mean) */
INLINE double NAME(sum_product)(ptrdiff_t n, const T *RESTRICT d, const T *RESTRICT x, T mean) {
    BLOCKED(d[i] * (x[i] - mean));
}

/* sum of d w */
INLINE double NAME(dot)(ptrdiff_t n, const T *RESTRICT d, const T *RESTRICT w) { BLOCKED(d[i] * w[i]); }

/* sum of d w (x - mean) */
INLINE double NAME(sum_product3)(ptrdiff_t n, const T *RESTRICT d, const T *RESTRICT w, const T *RESTRICT x, T mean) {
    BLOCKED(d[i] * w[i] * (x[i] - mean));
}
#undef BLOCKED
