/* Softmax, its logarithm, and softmax with cross entropy, over the last axis of [n, c]; included by variants.h. */
#include "math_loops.h"

INLINE T NAME(row_max)(ptrdiff_t c, const T *x) {
    T top = x[0];
#pragma omp simd reduction(max : top)
    for (ptrdiff_t j = 0; j < c; j++) top = x[j] > top ? x[j] : top;
    return top;
}

/* Rows are taken in blocks of up to 64, so that exp runs over the whole block in one vectorised loop: rows of ten
 * classes alone would leave most of it to the scalar remainder. */
#define BLOCK_ROWS(n, c) ((c) > 512 ? 1 : (c) * 64 > 1024 ? 1024 / (c) : 64)

/* y = exp(x - top), top the largest of each row, sums the sum of each row of y; y may be x. */
INLINE void NAME(block_exp)(ptrdiff_t rows, ptrdiff_t c, const T *x, T *y, T *tops, T *sums) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        const T top = NAME(row_max)(c, x + i * c);
        tops[i] = top;
#pragma omp simd
        for (ptrdiff_t j = i * c; j < (i + 1) * c; j++) y[j] = x[j] - top;
    }
#pragma omp simd
    for (ptrdiff_t j = 0; j < rows * c; j++) y[j] = NAME(exp)(y[j]);
    for (ptrdiff_t i = 0; i < rows; i++) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t j = i * c; j < (i + 1) * c; j++) sum += y[j];
        sums[i] = sum;
    }
}

/* softmax_j = exp(x_j - max x) / sum_k exp(x_k - max x) */
static void NAME(softmax)(ptrdiff_t n, ptrdiff_t c, const void *in, void *out) {
    const ptrdiff_t block = BLOCK_ROWS(n, c);
    for (ptrdiff_t start = 0; start < n; start += block) {
        const ptrdiff_t rows = n - start < block ? n - start : block;
        T *y = (T *)out + start * c, tops[64], sums[64];
        NAME(block_exp)(rows, c, (const T *)in + start * c, y, tops, sums);
        for (ptrdiff_t i = 0; i < rows; i++) {
            const T inverse = 1 / sums[i];
            for (ptrdiff_t j = i * c; j < (i + 1) * c; j++) y[j] *= inverse;
        }
    }
}

/* dx_j = y_j (dy_j - sum_k y_k dy_k) */
static void NAME(softmax_grad)(ptrdiff_t n, ptrdiff_t c, const void *out, const void *d_out, void *d_in) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *RESTRICT y = (const T *)out + i * c, *RESTRICT dy = (const T *)d_out + i * c;
        T *RESTRICT dx = (T *)d_in + i * c;
        T dot = 0;
#pragma omp simd reduction(+ : dot)
        for (ptrdiff_t j = 0; j < c; j++) dot += y[j] * dy[j];
        for (ptrdiff_t j = 0; j < c; j++) dx[j] = y[j] * (dy[j] - dot);
    }
}

/* log_softmax_j = x_j - max x - log sum_k exp(x_k - max x) */
static void NAME(log_softmax)(ptrdiff_t n, ptrdiff_t c, const void *in, void *out) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *RESTRICT x = (const T *)in + i * c;
        T *RESTRICT y = (T *)out + i * c;
        const T top = NAME(row_max)(c, x);
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t j = 0; j < c; j++) sum += NAME(exp)(x[j] - top);
        const T shift = (T)log((double)sum);
        for (ptrdiff_t j = 0; j < c; j++) y[j] = (x[j] - top) - shift;
    }
}

/* dx_j = dy_j - exp(y_j) sum_k dy_k */
static void NAME(log_softmax_grad)(ptrdiff_t n, ptrdiff_t c, const void *out, const void *d_out, void *d_in) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *RESTRICT y = (const T *)out + i * c, *RESTRICT dy = (const T *)d_out + i * c;
        T *RESTRICT dx = (T *)d_in + i * c;
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t j = 0; j < c; j++) sum += dy[j];
        for (ptrdiff_t j = 0; j < c; j++) dx[j] = dy[j] - NAME(exp)(y[j]) * sum;
    }
}

/* loss_i = log sum_k exp(x_ik) - x_i,label, 0 where the label is ignore_index; softmax as above. Labels are checked by
 * the caller. */
static void NAME(cross_entropy)(ptrdiff_t n, ptrdiff_t c, const void *logits, const void *labels, int wide,
                                int64_t ignore, void *softmax, void *losses) {
    const ptrdiff_t block = BLOCK_ROWS(n, c);
    for (ptrdiff_t start = 0; start < n; start += block) {
        const ptrdiff_t rows = n - start < block ? n - start : block;
        const T *x = (const T *)logits + start * c;
        T *y = (T *)softmax + start * c, *loss = (T *)losses + start, tops[64], sums[64];
        NAME(block_exp)(rows, c, x, y, tops, sums);
        for (ptrdiff_t i = 0; i < rows; i++) {
            const int64_t label = wide ? ((const int64_t *)labels)[start + i] : ((const int32_t *)labels)[start + i];
            const T inverse = 1 / sums[i];
            for (ptrdiff_t j = i * c; j < (i + 1) * c; j++) y[j] *= inverse;
            loss[i] = label == ignore ? 0 : (T)log((double)sums[i]) + (tops[i] - x[i * c + label]);
        }
    }
}

/* dx_ij = dloss_i (softmax_ij - [j = label_i]), 0 where the label is ignore_index. */
static void NAME(cross_entropy_grad)(ptrdiff_t n, ptrdiff_t c, const void *softmax, const void *labels, int wide,
                                     int64_t ignore, const void *d_losses, void *d_logits) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *RESTRICT y = (const T *)softmax + i * c;
        T *RESTRICT dx = (T *)d_logits + i * c;
        const int64_t label = wide ? ((const int64_t *)labels)[i] : ((const int32_t *)labels)[i];
        if (label == ignore) {
            memset(dx, 0, (size_t)c * sizeof(T));
            continue;
        }
        const T scale = ((const T *)d_losses)[i];
        for (ptrdiff_t j = 0; j < c; j++) dx[j] = scale * y[j];
        dx[label] = scale * (y[label] - 1);
    }
}

#undef BLOCK_ROWS

static const struct softmax_loops NAME(softmax_table) = {
    NAME(softmax),     NAME(softmax_grad),  NAME(log_softmax),
    NAME(log_softmax_grad), NAME(cross_entropy), NAME(cross_entropy_grad),
};
