/* im2col, col2im and direct convolution over NCHW arrays; included by variants.h. */
#include "tile_loops.h"

/* The output columns [*lo, *hi) whose input column ow * stride + offset lies in [0, width). */
INLINE void NAME(valid_columns)(ptrdiff_t offset, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t out_width, ptrdiff_t *lo,
                                ptrdiff_t *hi) {
    *lo = offset < 0 ? (-offset + stride - 1) / stride : 0;
    *hi = width > offset ? (width - 1 - offset) / stride + 1 : 0;
    if (*hi > out_width) *hi = out_width;
    if (*lo > *hi) *lo = *hi;
}

/* The patches of x as columns, so that a convolution becomes one matrix product, weight[oc, (c kh kw)] @ cols: 0 outside of x.
 * Element (n, c, i, j, oh, ow) of the columns is x[n, c, oh sh - pt + i dh, ow sw - pl + j dw]; where it lies says `at`. */
static void NAME(im2col)(const struct conv_geometry *g, const struct conv_part *at, const void *in, void *out) {
    for (ptrdiff_t n = 0; n < at->images; n++)
        for (ptrdiff_t c = 0; c < at->planes; c++) {
            const T *x = (const T *)in + ((at->first_image + n) * g->c + at->first_plane + c) * g->h * g->w;
            for (ptrdiff_t i = 0; i < g->kh; i++)
                for (ptrdiff_t j = 0; j < g->kw; j++) {
                    T *cols = (T *)out + n * at->image_step + ((c * g->kh + i) * g->kw + j) * at->tap_step;
                    const ptrdiff_t offset = j * g->dw - g->pl;
                    ptrdiff_t lo, hi;
                    NAME(valid_columns)(offset, g->sw, g->w, g->ow, &lo, &hi);
                    for (ptrdiff_t oh = at->oh0; oh < at->oh1; oh++, cols += g->ow) {
                        const ptrdiff_t h = oh * g->sh - g->pt + i * g->dh;
                        if (h < 0 || h >= g->h || lo == hi) {
                            memset(cols, 0, (size_t)g->ow * sizeof(T));
                            continue;
                        }
                        const T *row = x + h * g->w + offset;
                        for (ptrdiff_t ow = 0; ow < lo; ow++) cols[ow] = 0;
                        if (g->sw == 1) {
                            for (ptrdiff_t ow = lo; ow < hi; ow++) cols[ow] = row[ow];
                        } else {
                            for (ptrdiff_t ow = lo; ow < hi; ow++) cols[ow] = row[ow * g->sw];
                        }
                        for (ptrdiff_t ow = hi; ow < g->ow; ow++) cols[ow] = 0;
                    }
                }
        }
}

/* The transpose of im2col: every element of the columns is added where im2col took it from. */
static void NAME(col2im)(const struct conv_geometry *g, const struct conv_part *at, const void *in, void *out) {
    for (ptrdiff_t n = 0; n < at->images; n++)
        for (ptrdiff_t c = 0; c < at->planes; c++) {
            T *x = (T *)out + ((at->first_image + n) * g->c + at->first_plane + c) * g->h * g->w;
            for (ptrdiff_t i = 0; i < g->kh; i++)
                for (ptrdiff_t j = 0; j < g->kw; j++) {
                    const T *cols = (const T *)in + n * at->image_step + ((c * g->kh + i) * g->kw + j) * at->tap_step;
                    const ptrdiff_t offset = j * g->dw - g->pl;
                    ptrdiff_t lo, hi;
                    NAME(valid_columns)(offset, g->sw, g->w, g->ow, &lo, &hi);
                    for (ptrdiff_t oh = at->oh0; oh < at->oh1; oh++, cols += g->ow) {
                        const ptrdiff_t h = oh * g->sh - g->pt + i * g->dh;
                        if (h < 0 || h >= g->h) continue;
                        T *RESTRICT row = x + h * g->w + offset;
                        const T *RESTRICT from = cols;
                        if (g->sw == 1) {
                            for (ptrdiff_t ow = lo; ow < hi; ow++) row[ow] += from[ow];
                        } else {
                            for (ptrdiff_t ow = lo; ow < hi; ow++) row[ow * g->sw] += from[ow];
                        }
                    }
                }
        }
}

/* One plane of a depthwise convolution, prepared so that its loops meet no border: padded with zeros, and the columns
 * sorted by their remainder modulo the stride, so that neighbouring outputs read neighbouring numbers.
 * plane[r][p][q] is the padded input at row r, column q * sw + p. */
static void NAME(sort_plane)(const struct conv_geometry *g, ptrdiff_t rows, ptrdiff_t width, const T *x, T *plane) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const ptrdiff_t h = r - g->pt;
        if (h < 0 || h >= g->h) {
            memset(plane, 0, (size_t)(g->sw * width) * sizeof(T));
            plane += g->sw * width;
            continue;
        }
        const T *row = x + h * g->w;
        for (ptrdiff_t p = 0; p < g->sw; p++, plane += width) {
            const ptrdiff_t offset = p - g->pl;
            ptrdiff_t lo, hi;
            NAME(valid_columns)(offset, g->sw, g->w, width, &lo, &hi);
            for (ptrdiff_t q = 0; q < lo; q++) plane[q] = 0;
            if (g->sw == 1) {
                memcpy(plane + lo, row + lo + offset, (size_t)(hi - lo) * sizeof(T));
            } else if (g->sw == 2) {
                for (ptrdiff_t q = lo; q < hi; q++) plane[q] = row[q * 2 + offset];
            } else {
                for (ptrdiff_t q = lo; q < hi; q++) plane[q] = row[q * g->sw + offset];
            }
            for (ptrdiff_t q = hi; q < width; q++) plane[q] = 0;
        }
    }
}

/* One output row from the places of its `count` taps; count is a constant where this is inlined. */
INLINE void NAME(tap_row)(ptrdiff_t n, ptrdiff_t count, const T *const *taps, const T *k, T *RESTRICT y) {
#pragma omp simd
    for (ptrdiff_t ow = 0; ow < n; ow++) {
        T sum = 0;
        for (ptrdiff_t t = 0; t < count; t++) sum += k[t] * taps[t][ow];
        y[ow] = sum;
    }
}

static void NAME(tap_row9)(ptrdiff_t n, const T *const *taps, const T *k, T *RESTRICT y) {
    const T *t0 = taps[0], *t1 = taps[1], *t2 = taps[2], *t3 = taps[3], *t4 = taps[4], *t5 = taps[5], *t6 = taps[6],
            *t7 = taps[7], *t8 = taps[8];
    const T k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3], k4 = k[4], k5 = k[5], k6 = k[6], k7 = k[7], k8 = k[8];
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++)
        y[i] = k0 * t0[i] + k1 * t1[i] + k2 * t2[i] + k3 * t3[i] + k4 * t4[i] + k5 * t5[i] + k6 * t6[i] + k7 * t7[i] +
               k8 * t8[i];
}

/* Convolution of groups of one channel with one channel each. Returns 0 when it does not serve the kernel size. */
static int NAME(depthwise)(const struct conv_geometry *g, const T *x, const T *weights, T *y) {
    const ptrdiff_t count = g->kh * g->kw;
    if (count > MAX_TAPS) return 0;
    const ptrdiff_t rows = (g->oh - 1) * g->sh + (g->kh - 1) * g->dh + 1;
    const ptrdiff_t width = g->ow + (g->kw - 1) * g->dw / g->sw;
    T *plane = malloc((size_t)(rows * g->sw * width) * sizeof(T));
    if (!plane) return 0;
    for (ptrdiff_t nc = 0; nc < g->n * g->c; nc++, x += g->h * g->w) {
        NAME(sort_plane)(g, rows, width, x, plane);
        const T *k = weights + nc % g->c * count;
        for (ptrdiff_t oh = 0; oh < g->oh; oh++, y += g->ow) {
            const T *taps[MAX_TAPS];
            for (ptrdiff_t i = 0, t = 0; i < g->kh; i++)
                for (ptrdiff_t j = 0; j < g->kw; j++, t++)
                    taps[t] = plane + ((oh * g->sh + i * g->dh) * g->sw + j * g->dw % g->sw) * width + j * g->dw / g->sw;
            switch (count) {
            case 9: NAME(tap_row9)(g->ow, taps, k, y); break;
            case 25:  /* five rows of five: as many places as fit in registers */
                for (ptrdiff_t i = 0; i < 5; i++) {
                    const T *const *at = taps + i * 5;
                    const T *t0 = at[0], *t1 = at[1], *t2 = at[2], *t3 = at[3], *t4 = at[4], *q = k + i * 5;
                    const T k0 = q[0], k1 = q[1], k2 = q[2], k3 = q[3], k4 = q[4];
                    T *RESTRICT to = y;
                    if (i == 0) {
#pragma omp simd
                        for (ptrdiff_t w = 0; w < g->ow; w++)
                            to[w] = k0 * t0[w] + k1 * t1[w] + k2 * t2[w] + k3 * t3[w] + k4 * t4[w];
                    } else {
#pragma omp simd
                        for (ptrdiff_t w = 0; w < g->ow; w++)
                            to[w] += k0 * t0[w] + k1 * t1[w] + k2 * t2[w] + k3 * t3[w] + k4 * t4[w];
                    }
                }
                break;
            default: NAME(tap_row)(g->ow, count, taps, k, y);
            }
        }
    }
    free(plane);
    return 1;
}

/* Direct convolution: out[n, o, oh, ow] = sum over c of o's group, i, j of
 * weight[o, c, i, j] x[n, c, oh sh - pt + i dh, ow sw - pl + j dw]. For groups of one channel (depthwise),
 * where a matrix product has too little to do. */
static void NAME(conv)(const struct conv_geometry *g, const void *in, const void *weights, void *out) {
    const ptrdiff_t per_group_in = g->c / g->groups, per_group_out = g->oc / g->groups;
    T *y = out;
    if (per_group_in == 1 && per_group_out == 1 && NAME(depthwise)(g, in, weights, out)) return;
    memset(y, 0, (size_t)(g->n * g->oc * g->oh * g->ow) * sizeof(T));
    for (ptrdiff_t n = 0; n < g->n; n++)
        for (ptrdiff_t o = 0; o < g->oc; o++) {
            const T *first = (const T *)in + (n * g->c + o / per_group_out * per_group_in) * g->h * g->w;
            for (ptrdiff_t oh = 0; oh < g->oh; oh++, y += g->ow)
                for (ptrdiff_t c = 0; c < per_group_in; c++)
                    for (ptrdiff_t i = 0; i < g->kh; i++) {
                        const ptrdiff_t h = oh * g->sh - g->pt + i * g->dh;
                        if (h < 0 || h >= g->h) continue;
                        const T *k = (const T *)weights + ((o * per_group_in + c) * g->kh + i) * g->kw;
                        for (ptrdiff_t j = 0; j < g->kw; j++) {
                            const ptrdiff_t offset = j * g->dw - g->pl;
                            ptrdiff_t lo, hi;
                            NAME(valid_columns)(offset, g->sw, g->w, g->ow, &lo, &hi);
                            const T *RESTRICT row = first + (c * g->h + h) * g->w + offset;
                            T *RESTRICT to = y;
                            const T weight = k[j];
                            if (g->sw == 1) {
                                for (ptrdiff_t ow = lo; ow < hi; ow++) to[ow] += weight * row[ow];
                            } else if (g->sw == 2) {
                                for (ptrdiff_t ow = lo; ow < hi; ow++) to[ow] += weight * row[ow * 2];
                            } else {
                                for (ptrdiff_t ow = lo; ow < hi; ow++) to[ow] += weight * row[ow * g->sw];
                            }
                        }
                    }
        }
}

/* dx[n, c, h, w] = sum of weight[o, c, i, j] dy[n, o, oh, ow] over all that used x[n, c, h, w]. */
static void NAME(conv_grad_input)(const struct conv_geometry *g, const void *weights, const void *d_out, void *d_in) {
    const ptrdiff_t per_group_in = g->c / g->groups, per_group_out = g->oc / g->groups;
    const T *dy = d_out;
    memset(d_in, 0, (size_t)(g->n * g->c * g->h * g->w) * sizeof(T));
    for (ptrdiff_t n = 0; n < g->n; n++)
        for (ptrdiff_t o = 0; o < g->oc; o++) {
            T *first = (T *)d_in + (n * g->c + o / per_group_out * per_group_in) * g->h * g->w;
            for (ptrdiff_t oh = 0; oh < g->oh; oh++, dy += g->ow)
                for (ptrdiff_t c = 0; c < per_group_in; c++)
                    for (ptrdiff_t i = 0; i < g->kh; i++) {
                        const ptrdiff_t h = oh * g->sh - g->pt + i * g->dh;
                        if (h < 0 || h >= g->h) continue;
                        const T *k = (const T *)weights + ((o * per_group_in + c) * g->kh + i) * g->kw;
                        for (ptrdiff_t j = 0; j < g->kw; j++) {
                            const ptrdiff_t offset = j * g->dw - g->pl;
                            ptrdiff_t lo, hi;
                            NAME(valid_columns)(offset, g->sw, g->w, g->ow, &lo, &hi);
                            T *RESTRICT row = first + (c * g->h + h) * g->w + offset;
                            const T *RESTRICT from = dy;
                            const T weight = k[j];
                            if (g->sw == 1) {
                                for (ptrdiff_t ow = lo; ow < hi; ow++) row[ow] += weight * from[ow];
                            } else {
                                for (ptrdiff_t ow = lo; ow < hi; ow++) row[ow * g->sw] += weight * from[ow];
                            }
                        }
                    }
        }
}

/* dweight[o, c, i, j] = sum over n, oh, ow of dy[n, o, oh, ow] x[n, c, oh sh - pt + i dh, ow sw - pl + j dw]. */
static void NAME(conv_grad_weight)(const struct conv_geometry *g, const void *in, const void *d_out, void *d_weights) {
    const ptrdiff_t per_group_in = g->c / g->groups, per_group_out = g->oc / g->groups;
    T *dk = d_weights;
    for (ptrdiff_t o = 0; o < g->oc; o++)
        for (ptrdiff_t c = 0; c < per_group_in; c++)
            for (ptrdiff_t i = 0; i < g->kh; i++)
                for (ptrdiff_t j = 0; j < g->kw; j++, dk++) {
                    const ptrdiff_t offset = j * g->dw - g->pl;
                    ptrdiff_t lo, hi;
                    NAME(valid_columns)(offset, g->sw, g->w, g->ow, &lo, &hi);
                    double total = 0;
                    for (ptrdiff_t n = 0; n < g->n; n++) {
                        const T *x = (const T *)in + (n * g->c + o / per_group_out * per_group_in + c) * g->h * g->w;
                        const T *dy = (const T *)d_out + (n * g->oc + o) * g->oh * g->ow;
                        T sum = 0;
                        for (ptrdiff_t oh = 0; oh < g->oh; oh++) {
                            const ptrdiff_t h = oh * g->sh - g->pt + i * g->dh;
                            if (h < 0 || h >= g->h) continue;
                            const T *RESTRICT row = x + h * g->w + offset, *RESTRICT from = dy + oh * g->ow;
                            if (g->sw == 1) {
#pragma omp simd reduction(+ : sum)
                                for (ptrdiff_t ow = lo; ow < hi; ow++) sum += from[ow] * row[ow];
                            } else {
                                for (ptrdiff_t ow = lo; ow < hi; ow++) sum += from[ow] * row[ow * g->sw];
                            }
                        }
                        total += (double)sum;
                    }
                    *dk = (T)total;
                }
}

#if MP_VECTORS
/* Convolution as a product of matrices without columns. A copy of the images with their padding is read as one long row of
 * places per channel, `pitch` places to an image row; what weight[o, c, i, j] meets then is this row moved by a distance that
 * is the same for all places. The results at the ends of rows, between images, are left out afterwards. With a stride the
 * copy is sorted by remainders modulo the stride, so that the places stay neighbours. */
struct NAME(flat) {
    ptrdiff_t first, images, oh0, oh1; /* which images, and output rows, at once */
    ptrdiff_t pitch, image;            /* places from one row to the next and from one image to the next */
    ptrdiff_t by_h, by_w;              /* remainders that the kernel meets */
    ptrdiff_t plane, places, step;     /* numbers of one plane (channel, remainder); places, and rounded up to vectors */
};

static void NAME(flat_init)(const struct conv_geometry *g, ptrdiff_t first, ptrdiff_t images, ptrdiff_t oh0, ptrdiff_t oh1,
                            struct NAME(flat) * f) {
    const ptrdiff_t rows = oh1 - oh0, reach_h = (g->kh - 1) * g->dh, reach_w = (g->kw - 1) * g->dw;
    /* with stride 1 the padding to the right of a row serves as that to the left of the next; so do those above and below */
    const ptrdiff_t right = g->ow + reach_w - g->pl - g->w, below = g->oh + reach_h - g->pt - g->h;
    ptrdiff_t pitch = g->w + (right > g->pl ? right : g->pl), apart = g->h + (below > g->pt ? below : g->pt);
    if (pitch < g->ow) pitch = g->ow;
    if (apart < g->oh) apart = g->oh;
    if (g->sw > 1) pitch = g->ow + reach_w / g->sw;
    if (g->sh > 1) apart = g->oh + reach_h / g->sh;
    f->first = first, f->images = images, f->oh0 = oh0, f->oh1 = oh1;
    f->pitch = pitch, f->image = apart * pitch;
    f->by_h = reach_h < g->sh ? reach_h + 1 : g->sh, f->by_w = reach_w < g->sw ? reach_w + 1 : g->sw;
    f->plane = (images - 1) * f->image + (rows + reach_h / g->sh) * pitch;
    f->places = (images - 1) * f->image + rows * pitch;
    f->step = (f->places + LANES - 1) / LANES * LANES;
}

/* The padded copy of `planes` channels from `plane0` on. */
static void NAME(flat_copy)(const struct conv_geometry *g, const struct NAME(flat) * f, ptrdiff_t plane0, ptrdiff_t planes,
                            const T *x, T *copy, ptrdiff_t size) {
    memset(copy, 0, (size_t)size * sizeof(T));
    const ptrdiff_t h0 = f->oh0 * g->sh - g->pt; /* the image row that comes first */
    ptrdiff_t h1 = (f->oh1 - 1) * g->sh - g->pt + (g->kh - 1) * g->dh + 1;
    if (h1 > g->h) h1 = g->h;
    for (ptrdiff_t c = 0; c < planes; c++)
        for (ptrdiff_t m = 0; m < f->images; m++) {
            const T *image = x + ((f->first + m) * g->c + plane0 + c) * g->h * g->w;
            for (ptrdiff_t h = h0 > 0 ? h0 : 0; h < h1; h++) {
                const ptrdiff_t r = h - h0;
                if (r % g->sh >= f->by_h) continue;
                T *to = copy + (c * f->by_h + r % g->sh) * f->by_w * f->plane + m * f->image + r / g->sh * f->pitch;
                for (ptrdiff_t p = 0; p < f->by_w; p++, to += f->plane) {
                    const T *RESTRICT row = image + h * g->w + p - g->pl;
                    T *RESTRICT at = to;
                    ptrdiff_t lo, hi;
                    NAME(valid_columns)(p - g->pl, g->sw, g->w, f->pitch, &lo, &hi);
                    if (g->sw == 1)
                        for (ptrdiff_t q = lo; q < hi; q++) at[q] = row[q];
                    else if (g->sw == 2)
                        for (ptrdiff_t q = lo; q < hi; q++) at[q] = row[q * 2];
                    else
                        for (ptrdiff_t q = lo; q < hi; q++) at[q] = row[q * g->sw];
                }
            }
        }
}

/* How far the row of places is moved for each weight of an output channel. */
static void NAME(flat_moves)(const struct conv_geometry *g, const struct NAME(flat) * f, ptrdiff_t planes, ptrdiff_t *at) {
    for (ptrdiff_t c = 0; c < planes; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t h = i * g->dh, w = j * g->dw;
                *at++ = ((c * f->by_h + h % g->sh) * f->by_w + w % g->sw) * f->plane + h / g->sh * f->pitch + w / g->sw;
            }
}

/* How many images, or output rows of one image, at once, so that copy and results (out channels each) stay within `limit`
 * bytes of cache. */
static void NAME(flat_part)(const struct conv_geometry *g, ptrdiff_t in, ptrdiff_t out, ptrdiff_t limit,
                            struct NAME(flat) * f) {
    ptrdiff_t images = 1, rows = g->oh;
    NAME(flat_init)(g, 0, 1, 0, g->oh, f);
    const ptrdiff_t size = (in * f->by_h * f->by_w * f->plane + out * f->step) * (ptrdiff_t)sizeof(T);
    if (size > limit) {
        const ptrdiff_t parts = (size + limit - 1) / limit;
        rows = (g->oh + parts - 1) / parts;
    } else {
        const ptrdiff_t parts = (g->n + limit / size - 1) / (limit / size);
        images = (g->n + parts - 1) / parts;
    }
    NAME(flat_init)(g, 0, images, 0, rows, f);
}

/* Bytes of cache for one part. It goes over all weights, or their gradients, once: it should not be smaller than they are. */
static ptrdiff_t NAME(flat_limit)(ptrdiff_t weights, ptrdiff_t most) {
    const ptrdiff_t bytes = weights * (ptrdiff_t)sizeof(T);
    return bytes < FLAT_CACHE ? FLAT_CACHE : bytes < most * FLAT_CACHE ? bytes : most * FLAT_CACHE;
}

#define BLOCK(rows, columns)                                                                                           \
    static void NAME(block_##rows##columns)(ptrdiff_t depth, const T *a, ptrdiff_t a_row, const T *b, const ptrdiff_t *at,\
                                            const T *init, T *c, ptrdiff_t c_row) {                                    \
        NAME(tile)(rows, columns, RIGHT_LISTED, depth, a, a_row, 1, b, 0, at, init, c_row, c, c_row);                             \
    }
#define BLOCKS(rows) BLOCK(rows, 1) BLOCK(rows, 2) BLOCK(rows, 3)
BLOCKS(1)
BLOCKS(2)
BLOCKS(4)
#if TILE_ROWS == 8
BLOCKS(8)
#endif
#undef BLOCKS
#undef BLOCK

/* out [channels, step] = weights [channels, depth] times the moved rows of the copy. Only whole vectors are written: where they
 * do not fill the step, the last one begins before the end of the one before. */
static void NAME(flat_product)(ptrdiff_t channels, ptrdiff_t depth, ptrdiff_t step, const T *weights, const T *copy,
                               const ptrdiff_t *at, T *out) {
    typedef void (*block)(ptrdiff_t, const T *, ptrdiff_t, const T *, const ptrdiff_t *, const T *, T *, ptrdiff_t);
    static const block ones[] = {NAME(block_11), NAME(block_12), NAME(block_13)};
    static const block twos[] = {NAME(block_21), NAME(block_22), NAME(block_23)};
    static const block fours[] = {NAME(block_41), NAME(block_42), NAME(block_43)};
#if TILE_ROWS == 8
    static const block eights[] = {NAME(block_81), NAME(block_82), NAME(block_83)};
#endif
    /* so much of the copy stays in the first cache; where few places share the weights, these are read in one go instead */
    const ptrdiff_t most = step > 6 * LANES && step % LANES == 0 ? 288 : depth;
    for (ptrdiff_t k = 0; k < depth; k += most) {
        const ptrdiff_t deep = depth - k < most ? depth - k : most;
        for (ptrdiff_t p = 0; p < step;) {
            ptrdiff_t left = (step - p) / LANES, vectors = left == 4 ? 2 : left < 3 ? left : 3;
            if (!left) p = step - LANES, vectors = 1;
            ptrdiff_t o = 0;
#define ROWS(rows, table)                                                                                              \
    for (; channels - o >= rows; o += rows)                                                                            \
        table[vectors - 1](deep, weights + o * depth + k, depth, copy + p, at + k, k ? out + o * step + p : NULL,      \
                           out + o * step + p, step);
#if TILE_ROWS == 8
            ROWS(8, eights)
#endif
            ROWS(4, fours)
            ROWS(2, twos)
            ROWS(1, ones)
#undef ROWS
            p += vectors * LANES;
        }
    }
}

/* Takes the places that are outputs out of the rows. Whole vectors, beyond the end of a row where what follows is written
 * later. */
static void NAME(flat_take)(const struct conv_geometry *g, const struct NAME(flat) * f, ptrdiff_t o0, ptrdiff_t channels,
                            const T *out, T *y) {
    for (ptrdiff_t m = 0; m < f->images; m++)
        for (ptrdiff_t o = 0; o < channels; o++) {
            const T *from = out + o * f->step + m * f->image;
            T *to = y + (((f->first + m) * g->oc + o0 + o) * g->oh + f->oh0) * g->ow;
            for (ptrdiff_t oh = f->oh0; oh < f->oh1; oh++, from += f->pitch, to += g->ow) {
                const ptrdiff_t rounded = (g->ow + LANES - 1) / LANES * LANES;
                const int spare = (g->oh - oh) * g->ow >= rounded && from + rounded <= out + channels * f->step;
                if (spare)
                    for (ptrdiff_t w = 0; w < g->ow; w += LANES) STORE(to + w, LOAD(from + w));
                else
                    for (ptrdiff_t w = 0; w < g->ow; w++) to[w] = from[w];
            }
        }
}

static int NAME(conv_flat)(const struct conv_geometry *g, const void *in, const void *weights, void *y) {
    const ptrdiff_t per_in = g->c / g->groups, per_out = g->oc / g->groups, depth = per_in * g->kh * g->kw;
    const ptrdiff_t slack = 4 * LANES + g->kw * g->dw;
    struct NAME(flat) f;
    NAME(flat_part)(g, per_in, per_out, NAME(flat_limit)(per_out * depth, 4), &f);
    ptrdiff_t size = per_in * f.by_h * f.by_w * f.plane + slack;
    char *scratch = malloc((size_t)(size + per_out * f.step) * sizeof(T) + (size_t)depth * sizeof(ptrdiff_t) + VECTOR_BYTES + 8);
    if (!scratch) return 0;
    T *out = (T *)(((uintptr_t)scratch + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES), *copy = out + per_out * f.step;
    ptrdiff_t *at = (ptrdiff_t *)(((uintptr_t)(copy + size) + 7) / 8 * 8);
    const ptrdiff_t most_images = f.images, most_rows = f.oh1 - f.oh0, area = g->oh * g->ow;
    if (g->kh == 1 && g->kw == 1 && area == g->h * g->w && g->sh == 1 && g->sw == 1 && !g->pt && !g->pl && area >= LANES) {
        for (ptrdiff_t c = 0; c < per_in; c++) at[c] = c * area; /* the image is its own copy */
        for (ptrdiff_t n = 0; n < g->n; n++)
            for (ptrdiff_t group = 0; group < g->groups; group++)
                NAME(flat_product)(per_out, depth, area, (const T *)weights + group * per_out * depth,
                                   (const T *)in + (n * g->c + group * per_in) * area, at,
                                   (T *)y + (n * g->oc + group * per_out) * area);
        free(scratch);
        return 1;
    }
    for (ptrdiff_t n = 0; n < g->n; n += most_images)
        for (ptrdiff_t oh = 0; oh < g->oh; oh += most_rows) {
            NAME(flat_init)(g, n, n + most_images > g->n ? g->n - n : most_images, oh,
                            oh + most_rows > g->oh ? g->oh : oh + most_rows, &f);
            size = per_in * f.by_h * f.by_w * f.plane + slack;
            NAME(flat_moves)(g, &f, per_in, at);
            for (ptrdiff_t group = 0; group < g->groups; group++) {
                NAME(flat_copy)(g, &f, group * per_in, per_in, in, copy, size);
                NAME(flat_product)(per_out, depth, f.step, (const T *)weights + group * per_out * depth, copy, at, out);
                NAME(flat_take)(g, &f, group * per_out, per_out, out, y);
            }
        }
    free(scratch);
    return 1;
}

/* dx is the convolution of dy with the kernels turned round, the channels exchanged. Stride 1 only. */
static int NAME(conv_flat_grad_input)(const struct conv_geometry *g, const void *weights, const void *d_out, void *d_in) {
    const ptrdiff_t per_in = g->c / g->groups, per_out = g->oc / g->groups, taps = g->kh * g->kw;
    const ptrdiff_t top = (g->kh - 1) * g->dh - g->pt, left = (g->kw - 1) * g->dw - g->pl;
    if (g->sh != 1 || g->sw != 1 || top < 0 || left < 0) return 0;
    T *turned = malloc((size_t)(g->oc * per_in * taps) * sizeof(T));
    if (!turned) return 0;
    for (ptrdiff_t group = 0; group < g->groups; group++)
        for (ptrdiff_t c = 0; c < per_in; c++)
            for (ptrdiff_t o = 0; o < per_out; o++) {
                const T *from = (const T *)weights + ((group * per_out + o) * per_in + c) * taps;
                T *to = turned + ((group * per_in + c) * per_out + o) * taps;
                for (ptrdiff_t t = 0; t < taps; t++) to[t] = from[taps - 1 - t];
            }
    const struct conv_geometry back = {g->n, g->oc, g->oh, g->ow, g->c,  g->groups, g->kh, g->kw,
                                       1,    1,     top,   left,  g->dh, g->dw,     g->h,  g->w};
    const int done = NAME(conv_flat)(&back, d_out, turned, d_in);
    free(turned);
    return done;
}

#define BLOCK(rows, columns)                                                                                           \
    static void NAME(sum_##rows##columns)(ptrdiff_t depth, const T *a, const ptrdiff_t *at, const T *b, ptrdiff_t b_row, \
                                          T *c) {                                                                      \
        NAME(tile)(rows, columns, LEFT_LISTED, depth, a, 0, 1, b, b_row, at, c, b_row, c, b_row);                      \
    }
#define BLOCKS(rows) BLOCK(rows, 1) BLOCK(rows, 2) BLOCK(rows, 3)
BLOCKS(1)
BLOCKS(2)
BLOCKS(4)
#if TILE_ROWS == 8
BLOCKS(8)
#endif
#undef BLOCKS
#undef BLOCK

/* sums [depth, width] += the moved rows of the copy times d_out [step, width]. */
static void NAME(flat_sums)(ptrdiff_t depth, ptrdiff_t width, ptrdiff_t step, const T *copy, const ptrdiff_t *at,
                            const T *d_out, T *sums) {
    typedef void (*block)(ptrdiff_t, const T *, const ptrdiff_t *, const T *, ptrdiff_t, T *);
    static const block ones[] = {NAME(sum_11), NAME(sum_12), NAME(sum_13)};
    static const block twos[] = {NAME(sum_21), NAME(sum_22), NAME(sum_23)};
    static const block fours[] = {NAME(sum_41), NAME(sum_42), NAME(sum_43)};
#if TILE_ROWS == 8
    static const block eights[] = {NAME(sum_81), NAME(sum_82), NAME(sum_83)};
#endif
    enum { PLACES = 512 }; /* at once; more would leave the second cache */
    for (ptrdiff_t p = 0; p < step; p += PLACES) {
        const ptrdiff_t deep = step - p < PLACES ? step - p : PLACES;
        for (ptrdiff_t o = 0; o < width;) {
            const ptrdiff_t left = (width - o) / LANES, vectors = left == 4 ? 2 : left < 3 ? left : 3;
            ptrdiff_t k = 0;
#define ROWS(rows, table)                                                                                              \
    for (; depth - k >= rows; k += rows)                                                                               \
        table[vectors - 1](deep, copy + p, at + k, d_out + p * width + o, width, sums + k * width + o);
#if TILE_ROWS == 8
            ROWS(8, eights)
#endif
            ROWS(4, fours)
            ROWS(2, twos)
            ROWS(1, ones)
#undef ROWS
            o += vectors * LANES;
        }
    }
}

static int NAME(conv_flat_grad_weight)(const struct conv_geometry *g, const void *in, const void *d_out, void *d_weights) {
    const ptrdiff_t per_in = g->c / g->groups, per_out = g->oc / g->groups, depth = per_in * g->kh * g->kw;
    const ptrdiff_t width = (per_out + LANES - 1) / LANES * LANES, slack = 4 * LANES + g->kw * g->dw;
    struct NAME(flat) f;
    NAME(flat_part)(g, per_in, width, NAME(flat_limit)(depth * width, 8), &f);
    ptrdiff_t size = per_in * f.by_h * f.by_w * f.plane + slack;
    const ptrdiff_t numbers = g->groups * depth * width + f.step * width + size;
    char *scratch = malloc((size_t)numbers * sizeof(T) + (size_t)depth * sizeof(ptrdiff_t) + VECTOR_BYTES + 8);
    if (!scratch) return 0;
    T *sums = (T *)(((uintptr_t)scratch + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES);
    T *turned = sums + g->groups * depth * width, *copy = turned + f.step * width;
    ptrdiff_t *at = (ptrdiff_t *)(((uintptr_t)(copy + size) + 7) / 8 * 8);
    const ptrdiff_t most_images = f.images, most_rows = f.oh1 - f.oh0;
    memset(sums, 0, (size_t)(g->groups * depth * width) * sizeof(T));
    for (ptrdiff_t n = 0; n < g->n; n += most_images)
        for (ptrdiff_t oh = 0; oh < g->oh; oh += most_rows) {
            NAME(flat_init)(g, n, n + most_images > g->n ? g->n - n : most_images, oh,
                            oh + most_rows > g->oh ? g->oh : oh + most_rows, &f);
            size = per_in * f.by_h * f.by_w * f.plane + slack;
            NAME(flat_moves)(g, &f, per_in, at);
            for (ptrdiff_t group = 0; group < g->groups; group++) {
                NAME(flat_copy)(g, &f, group * per_in, per_in, in, copy, size);
                memset(turned, 0, (size_t)(f.step * width) * sizeof(T)); /* 0 at places that are no outputs */
                for (ptrdiff_t m = 0; m < f.images; m++)
                    for (ptrdiff_t row = f.oh0; row < f.oh1; row++)
                        NAME(turn)(per_out, g->ow,
                                   (const T *)d_out + (((n + m) * g->oc + group * per_out) * g->oh + row) * g->ow,
                                   g->oh * g->ow, turned + (m * f.image + (row - f.oh0) * f.pitch) * width, width);
                NAME(flat_sums)(depth, width, f.places, copy, at, turned, sums + group * depth * width);
            }
        }
    for (ptrdiff_t group = 0; group < g->groups; group++)
        NAME(turn)(depth, per_out, sums + group * depth * width, width, (T *)d_weights + group * per_out * depth, depth);
    free(scratch);
    return 1;
}
#endif

static const struct conv_loops NAME(conv_table) = {
    NAME(im2col), NAME(col2im), NAME(conv), NAME(conv_grad_input), NAME(conv_grad_weight),
#if MP_VECTORS
    {NAME(conv_flat), NAME(conv_flat_grad_input), NAME(conv_flat_grad_weight)},
#endif
};
