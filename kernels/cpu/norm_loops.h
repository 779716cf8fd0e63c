/* Layer and batch normalisation; included by variants.h. */
#include "reduce_loops.h"

/* Layer normalisation (Ba, Kiros and Hinton 2016) of the rows of x [n, c], as Paddle's `layer_norm`:
 *     y = (x - mean) / sqrt(variance + eps) * scale + bias
 * mean [n] and variance [n] (biased) are results; scale and bias [c] may be NULL. */
static void NAME(layer_norm)(ptrdiff_t n, ptrdiff_t c, const void *in, const void *scale_, const void *bias_, double eps,
                             void *out, void *means, void *variances) {
    const T *RESTRICT scale = scale_, *RESTRICT bias = bias_;
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *RESTRICT x = (const T *)in + i * c;
        T *RESTRICT y = (T *)out + i * c;
        const T mean = (T)(NAME(sum)(c, x) / (double)c);
        const double variance = NAME(sum_deviation)(c, x, mean) / (double)c;
        const T inverse = (T)(1 / sqrt(variance + eps));
        if (scale && bias) {
            for (ptrdiff_t j = 0; j < c; j++) y[j] = (x[j] - mean) * inverse * scale[j] + bias[j];
        } else {
            for (ptrdiff_t j = 0; j < c; j++) y[j] = (x[j] - mean) * inverse;
            if (scale)
                for (ptrdiff_t j = 0; j < c; j++) y[j] *= scale[j];
            if (bias)
                for (ptrdiff_t j = 0; j < c; j++) y[j] += bias[j];
        }
        ((T *)means)[i] = mean;
        ((T *)variances)[i] = (T)variance;
    }
}

/* With h = (x - mean) / sqrt(variance + eps) and g = dy * scale, means taken over the row:
 *     dx = (g - mean(g) - h mean(g h)) / sqrt(variance + eps)        dscale = sum dy h        dbias = sum dy
 * d_scale and d_bias [c] may be NULL. */
static void NAME(layer_norm_grad)(ptrdiff_t n, ptrdiff_t c, const void *in, const void *scale_, const void *means,
                                  const void *variances, double eps, const void *d_out, void *d_in, void *d_scale_,
                                  void *d_bias_) {
    const T *RESTRICT scale = scale_;
    T *RESTRICT d_scale = d_scale_, *RESTRICT d_bias = d_bias_;
    if (d_scale) memset(d_scale, 0, (size_t)c * sizeof(T));
    if (d_bias) memset(d_bias, 0, (size_t)c * sizeof(T));
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *RESTRICT x = (const T *)in + i * c, *RESTRICT dy = (const T *)d_out + i * c;
        T *RESTRICT dx = (T *)d_in + i * c;
        const T mean = ((const T *)means)[i];
        const double inverse_ = 1 / sqrt((double)((const T *)variances)[i] + eps);
        const T inverse = (T)inverse_;
        if (d_scale)
            for (ptrdiff_t j = 0; j < c; j++) d_scale[j] += dy[j] * ((x[j] - mean) * inverse);
        if (d_bias)
            for (ptrdiff_t j = 0; j < c; j++) d_bias[j] += dy[j];
        if (scale) {
            const T mean_g = (T)(NAME(dot)(c, dy, scale) / (double)c);
            const T slope = (T)(NAME(sum_product3)(c, dy, scale, x, mean) * inverse_ * inverse_ / (double)c);
            for (ptrdiff_t j = 0; j < c; j++) dx[j] = inverse * (dy[j] * scale[j] - mean_g - (x[j] - mean) * slope);
        } else {
            const T mean_g = (T)(NAME(sum)(c, dy) / (double)c);
            const T slope = (T)(NAME(sum_product)(c, dy, x, mean) * inverse_ * inverse_ / (double)c);
            for (ptrdiff_t j = 0; j < c; j++) dx[j] = inverse * (dy[j] - mean_g - (x[j] - mean) * slope);
        }
    }
}

/* For channels of one number per row (s = 1) the loops run along the rows, over blocks of channels. */
#ifndef COLUMNS
#define COLUMNS 64
#endif
#define EACH_BLOCK                                                                                                     \
    for (ptrdiff_t start = 0, width; start < c && (width = c - start < COLUMNS ? c - start : COLUMNS, 1); start += COLUMNS)

static void NAME(column_stats)(ptrdiff_t n, ptrdiff_t c, const void *in, void *means, void *variances) {
    EACH_BLOCK {
        const T *x = (const T *)in + start;
        double sum[COLUMNS] = {0}, deviation[COLUMNS] = {0};
        T mean[COLUMNS];
        for (ptrdiff_t i = 0; i < n; i++)
            for (ptrdiff_t j = 0; j < width; j++) sum[j] += (double)x[i * c + j];
        for (ptrdiff_t j = 0; j < width; j++) ((T *)means)[start + j] = mean[j] = (T)(sum[j] / (double)n);
        for (ptrdiff_t i = 0; i < n; i++)
            for (ptrdiff_t j = 0; j < width; j++) {
                const T distance = x[i * c + j] - mean[j];
                deviation[j] += (double)(distance * distance);
            }
        for (ptrdiff_t j = 0; j < width; j++) ((T *)variances)[start + j] = (T)(deviation[j] / (double)n);
    }
}

static void NAME(column_affine)(ptrdiff_t n, ptrdiff_t c, const void *in, const void *means, const void *inverse_stds,
                                const void *scale, const void *bias, void *out) {
    EACH_BLOCK {
        T a[COLUMNS], b[COLUMNS];
        const T *mean = (const T *)means + start;
        for (ptrdiff_t j = 0; j < width; j++) {
            a[j] = ((const T *)inverse_stds)[start + j] * (scale ? ((const T *)scale)[start + j] : 1);
            b[j] = bias ? ((const T *)bias)[start + j] : 0;
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            const T *RESTRICT x = (const T *)in + i * c + start;
            T *RESTRICT y = (T *)out + i * c + start;
            for (ptrdiff_t j = 0; j < width; j++) y[j] = (x[j] - mean[j]) * a[j] + b[j];
        }
    }
}

static void NAME(column_grad)(ptrdiff_t n, ptrdiff_t c, const void *in, const void *d_out, const void *means,
                              const void *inverse_stds, const void *scale, int stored, void *d_in, void *d_scale,
                              void *d_bias) {
    EACH_BLOCK {
        double sum[COLUMNS] = {0}, product[COLUMNS] = {0};
        T a[COLUMNS], shift[COLUMNS], slope[COLUMNS];
        const T *mean = (const T *)means + start, *inverse = (const T *)inverse_stds + start;
        for (ptrdiff_t i = 0; i < n; i++) {
            const T *RESTRICT x = (const T *)in + i * c + start, *RESTRICT dy = (const T *)d_out + i * c + start;
            for (ptrdiff_t j = 0; j < width; j++) {
                sum[j] += (double)dy[j];
                product[j] += (double)(dy[j] * (x[j] - mean[j]));
            }
        }
        for (ptrdiff_t j = 0; j < width; j++) {
            product[j] *= (double)inverse[j];
            ((T *)d_scale)[start + j] = (T)product[j];
            ((T *)d_bias)[start + j] = (T)sum[j];
            a[j] = inverse[j] * (scale ? ((const T *)scale)[start + j] : 1);
            shift[j] = stored ? 0 : (T)(sum[j] / (double)n);
            slope[j] = stored ? 0 : (T)(product[j] / (double)n * (double)inverse[j]);
        }
        if (!d_in) continue;
        for (ptrdiff_t i = 0; i < n; i++) {
            const T *RESTRICT x = (const T *)in + i * c + start, *RESTRICT dy = (const T *)d_out + i * c + start;
            T *RESTRICT dx = (T *)d_in + i * c + start;
            for (ptrdiff_t j = 0; j < width; j++) dx[j] = a[j] * (dy[j] - shift[j] - (x[j] - mean[j]) * slope[j]);
        }
    }
}
#undef EACH_BLOCK

/* Mean and biased variance of each channel of x [n, c, s]. */
static void NAME(channel_stats)(ptrdiff_t n, ptrdiff_t c, ptrdiff_t s, const void *in, void *means, void *variances) {
    if (s == 1) {
        NAME(column_stats)(n, c, in, means, variances);
        return;
    }
    const double count = (double)n * (double)s;
    for (ptrdiff_t k = 0; k < c; k++) {
        const T *x = (const T *)in + k * s;
        double sum = 0, deviation = 0;
        for (ptrdiff_t i = 0; i < n; i++) sum += NAME(sum)(s, x + i * c * s);
        const T mean = (T)(sum / count);
        for (ptrdiff_t i = 0; i < n; i++) deviation += NAME(sum_deviation)(s, x + i * c * s, mean);
        ((T *)means)[k] = mean;
        ((T *)variances)[k] = (T)(deviation / count);
    }
}

static void NAME(inverse_std)(ptrdiff_t c, const void *variances, double eps, void *out) {
    for (ptrdiff_t k = 0; k < c; k++) ((T *)out)[k] = 1 / SQRT(((const T *)variances)[k] + (T)eps);
}

/* y = (x - mean) * inverse_std * scale + bias for each channel of [n, c, s]; scale and bias [c] may be NULL. */
static void NAME(channel_affine)(ptrdiff_t n, ptrdiff_t c, ptrdiff_t s, const void *in, const void *means,
                                 const void *inverse_stds, const void *scale, const void *bias, void *out) {
    if (s == 1) {
        NAME(column_affine)(n, c, in, means, inverse_stds, scale, bias, out);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t k = 0; k < c; k++) {
            const T *RESTRICT x = (const T *)in + (i * c + k) * s;
            T *RESTRICT y = (T *)out + (i * c + k) * s;
            const T mean = ((const T *)means)[k];
            const T a = ((const T *)inverse_stds)[k] * (scale ? ((const T *)scale)[k] : 1);
            const T b = bias ? ((const T *)bias)[k] : 0;
            for (ptrdiff_t j = 0; j < s; j++) y[j] = (x[j] - mean) * a + b;
        }
}

/* Gradient of batch normalisation (Ioffe and Szegedy 2015) over x [n, c, s], h = (x - mean) * inverse_std:
 *     dscale = sum dy h        dbias = sum dy
 *     batch statistics:   dx = scale inverse_std (dy - mean(dy) - h mean(dy h))
 *     stored statistics:  dx = scale inverse_std dy
 * d_in may be NULL. */
static void NAME(batch_norm_grad)(ptrdiff_t n, ptrdiff_t c, ptrdiff_t s, const void *in, const void *d_out,
                                  const void *means, const void *inverse_stds, const void *scale, int stored,
                                  void *d_in, void *d_scale, void *d_bias) {
    if (s == 1) {
        NAME(column_grad)(n, c, in, d_out, means, inverse_stds, scale, stored, d_in, d_scale, d_bias);
        return;
    }
    const double count = (double)n * (double)s;
    for (ptrdiff_t k = 0; k < c; k++) {
        const T mean = ((const T *)means)[k], inverse = ((const T *)inverse_stds)[k];
        double sum = 0, product = 0;
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t at = (i * c + k) * s;
            sum += NAME(sum)(s, (const T *)d_out + at);
            product += NAME(sum_product)(s, (const T *)d_out + at, (const T *)in + at, mean);
        }
        product *= (double)inverse;
        ((T *)d_scale)[k] = (T)product;
        ((T *)d_bias)[k] = (T)sum;
        if (!d_in) continue;
        const T a = inverse * (scale ? ((const T *)scale)[k] : 1);
        const T shift = stored ? 0 : (T)(sum / count), slope = stored ? 0 : (T)(product / count * (double)inverse);
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t at = (i * c + k) * s;
            const T *RESTRICT x = (const T *)in + at, *RESTRICT dy = (const T *)d_out + at;
            T *RESTRICT dx = (T *)d_in + at;
            for (ptrdiff_t j = 0; j < s; j++) dx[j] = a * (dy[j] - shift - (x[j] - mean) * slope);
        }
    }
}

static const struct norm_loops NAME(norm) = {
    NAME(layer_norm), NAME(layer_norm_grad), NAME(channel_stats), NAME(inverse_std), NAME(channel_affine), NAME(batch_norm_grad),
};
