/* Pooling of planes [h, w] with a table of windows; included by variants.h.
 *
 * Output row i covers the input rows [h0[i], h1[i]), column j the columns [w0[j], w1[j]), already cut to the plane: so
 * one set of loops serves strides, padding, ceil mode and adaptive pooling. Where all columns are alike (`regular`:
 * width kw, steps of sw) whole rows are combined at once, which the compiler vectorises. Ties go to the first element
 * of a window, as in Paddle. */

/* Combines input row `x` into best[] (and index[], positions within the plane) for columns [0, n) that start at
 * x[0], x[step], ...; `fresh` says that best holds nothing yet. */
INLINE void NAME(max_step)(ptrdiff_t n, const T *RESTRICT x, ptrdiff_t step, ptrdiff_t width, int32_t at, int fresh,
                           T *RESTRICT best, int32_t *RESTRICT index) {
    for (ptrdiff_t k = 0; k < width; k++) {
        if (fresh && k == 0) {
            for (ptrdiff_t j = 0; j < n; j++) best[j] = x[j * step];
            if (index)
                for (ptrdiff_t j = 0; j < n; j++) index[j] = at + (int32_t)(j * step);
        } else if (index) {
            for (ptrdiff_t j = 0; j < n; j++) {
                const T value = x[j * step + k];
                const int32_t here = at + (int32_t)(j * step + k);
                index[j] = value > best[j] ? here : index[j];
                best[j] = value > best[j] ? value : best[j];
            }
        } else {
            for (ptrdiff_t j = 0; j < n; j++) best[j] = x[j * step + k] > best[j] ? x[j * step + k] : best[j];
        }
    }
}

#ifndef MAX_SPAN
#define MAX_SPAN 1024
#endif

/* Any windows of columns [from, to) over the rows [h0, h1): first the largest of each column, then of the columns. Of
 * equal elements the one that comes first in the plane. */
INLINE void NAME(max_by_columns)(const struct pool_windows *p, const T *plane, ptrdiff_t h0, ptrdiff_t h1, ptrdiff_t from,
                                 ptrdiff_t to, T *RESTRICT best, int32_t *RESTRICT index) {
    T top[MAX_SPAN];
    int32_t place[MAX_SPAN];
    const ptrdiff_t start = p->left, span = p->right - p->left;
    const T *RESTRICT first = plane + h0 * p->w + start;
    for (ptrdiff_t c = 0; c < span; c++) top[c] = first[c];
    if (index)
        for (ptrdiff_t c = 0; c < span; c++) place[c] = (int32_t)(h0 * p->w + start + c);
    for (ptrdiff_t h = h0 + 1; h < h1; h++) {
        const T *RESTRICT x = plane + h * p->w + start;
        if (index)
            for (ptrdiff_t c = 0; c < span; c++) place[c] = x[c] > top[c] ? (int32_t)(h * p->w + start + c) : place[c];
        for (ptrdiff_t c = 0; c < span; c++) top[c] = x[c] > top[c] ? x[c] : top[c];
    }
    for (ptrdiff_t j = from; j < to; j++) {
        const ptrdiff_t w0 = p->w0[j] - start, w1 = p->w1[j] - start;
        T value = w1 > w0 ? top[w0] : T_LOWEST;
        if (!index) {
            for (ptrdiff_t k = w0 + 1; k < w1; k++) value = top[k] > value ? top[k] : value;
        } else {
            int32_t where = w1 > w0 ? place[w0] : -1;
            for (ptrdiff_t k = w0 + 1; k < w1; k++) {
                const int better = (top[k] > value) | ((top[k] == value) & (place[k] < where));
                where = better ? place[k] : where;
                value = top[k] > value ? top[k] : value;
            }
            index[j - from] = where;
        }
        best[j - from] = value;
    }
}

/* best[] and, if wanted, index[] of the columns [from, to) of output row i of one plane. An empty window gives the lowest
 * number and index -1. */
INLINE void NAME(max_row)(const struct pool_windows *p, const T *plane, ptrdiff_t i, ptrdiff_t from, ptrdiff_t to,
                          T *RESTRICT best, int32_t *RESTRICT index) {
    const ptrdiff_t h0 = p->h0[i], h1 = p->h1[i];
    if (h1 - h0 > 1 && p->right - p->left <= MAX_SPAN && (!p->regular || p->kw > 2)) {
        NAME(max_by_columns)(p, plane, h0, h1, from, to, best, index);
        return;
    }
    if (p->regular && h1 > h0) {
        const ptrdiff_t start = p->w0[from], n = to - from;
        for (ptrdiff_t h = h0; h < h1; h++) {
            const T *x = plane + h * p->w + start;
            const int32_t at = (int32_t)(h * p->w + start);
            if (p->sw == 2 && p->kw == 2) {
                NAME(max_step)(n, x, 2, 2, at, h == h0, best, index);
            } else if (p->sw == 1) {
                NAME(max_step)(n, x, 1, p->kw, at, h == h0, best, index);
            } else if (p->sw == 2) {
                NAME(max_step)(n, x, 2, p->kw, at, h == h0, best, index);
            } else {
                NAME(max_step)(n, x, p->sw, p->kw, at, h == h0, best, index);
            }
        }
        return;
    }
    for (ptrdiff_t j = from; j < to; j++) {
        T top = T_LOWEST;
        ptrdiff_t where = -1;
        for (ptrdiff_t h = h0; h < h1; h++)
            for (ptrdiff_t w = p->w0[j]; w < p->w1[j]; w++)
                if (where < 0 || plane[h * p->w + w] > top) {
                    where = h * p->w + w;
                    top = plane[where];
                }
        best[j - from] = top;
        if (index) index[j - from] = (int32_t)where;
    }
}

/* Windows of 2 by 2, side by side, over two rows x0 and x1: their largest elements. */
static void NAME(max_pairs_plain)(ptrdiff_t n, const T *RESTRICT x0, const T *RESTRICT x1, T *RESTRICT y) {
    for (ptrdiff_t j = 0; j < n; j++) {
        const T a = x0[2 * j], b = x0[2 * j + 1], c = x1[2 * j], d = x1[2 * j + 1];
        const T ab = b > a ? b : a, abc = c > ab ? c : ab;
        y[j] = d > abc ? d : abc;
    }
}

/* The gradient of that: dx0 and dx1 are the two rows. */
static void NAME(max_pairs_grad_plain)(ptrdiff_t n, const T *RESTRICT x0, const T *RESTRICT x1, const T *RESTRICT dy,
                                       T *RESTRICT dx0, T *RESTRICT dx1) {
    for (ptrdiff_t j = 0; j < n; j++) {
        const T a = x0[2 * j], b = x0[2 * j + 1], c = x1[2 * j], d = x1[2 * j + 1];
        const T ab = b > a ? b : a, abc = c > ab ? c : ab;
        const int is_d = d > abc, is_c = !is_d & (c > ab), is_b = !is_d & !is_c & (b > a), is_a = !is_d & !is_c & !is_b;
        dx0[2 * j] = is_a ? dy[j] : 0;
        dx0[2 * j + 1] = is_b ? dy[j] : 0;
        dx1[2 * j] = is_c ? dy[j] : 0;
        dx1[2 * j + 1] = is_d ? dy[j] : 0;
    }
}

#if !T_IS_DOUBLE && (defined(__GNUC__) || defined(__clang__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Both in vectors of `bytes`, for at least as many windows as these hold: the two columns of a window are the halves of one
 * 64-bit number. The last vector begins early, so that it ends with the row. */
#define PAIRS(bytes)                                                                                                   \
    typedef float NAME(real_##bytes) __attribute__((vector_size(bytes)));                                              \
    typedef int32_t NAME(mask_##bytes) __attribute__((vector_size(bytes)));                                            \
    typedef uint64_t NAME(wide_##bytes) __attribute__((vector_size(bytes)));                                           \
    typedef uint64_t NAME(memory_##bytes) __attribute__((vector_size(bytes), aligned(4), may_alias));                  \
    typedef uint32_t NAME(half_##bytes) __attribute__((vector_size(bytes / 2), aligned(4), may_alias));                \
    INLINE void NAME(pairs_##bytes)(int is_grad, ptrdiff_t n, const float *x0, const float *x1, float *y, const float *dy, \
                                    float *dx0, float *dx1) {                                                          \
        typedef NAME(real_##bytes) real;                                                                               \
        typedef NAME(mask_##bytes) mask;                                                                               \
        typedef NAME(wide_##bytes) wide;                                                                               \
        typedef NAME(memory_##bytes) memory;                                                                           \
        typedef NAME(half_##bytes) half;                                                                               \
        const ptrdiff_t step = bytes / 8;                                                                              \
        const wide low = (wide){0} + 0xffffffffu;                                                                      \
        for (ptrdiff_t j = 0; j < n; j += step) {                                                                      \
            if (j > n - step) j = n - step;                                                                            \
            const wide r0 = *(const memory *)(x0 + 2 * j), r1 = *(const memory *)(x1 + 2 * j);                         \
            const wide a = (r0 & low) | (r0 << 32), b = (r0 & ~low) | (r0 >> 32);                                      \
            const wide c = (r1 & low) | (r1 << 32), d = (r1 & ~low) | (r1 >> 32);                                      \
            const mask b_wins = (real)b > (real)a;                                                                     \
            const wide ab = ((wide)b_wins & b) | (~(wide)b_wins & a);                                                  \
            const mask c_wins = (real)c > (real)ab;                                                                    \
            const wide abc = ((wide)c_wins & c) | (~(wide)c_wins & ab);                                                \
            const wide is_d = (wide)(mask)((real)d > (real)abc), first = ~((wide)c_wins | is_d);                       \
            if (!is_grad) {                                                                                            \
                *(half *)(y + j) = __builtin_convertvector((is_d & d) | (~is_d & abc), half);                          \
                continue;                                                                                              \
            }                                                                                                          \
            wide g = __builtin_convertvector(*(const half *)(dy + j), wide);                                           \
            g |= g << 32;                                                                                              \
            *(memory *)(dx0 + 2 * j) = g & first & ((wide)b_wins ^ low);                                               \
            *(memory *)(dx1 + 2 * j) = g & ((low & (wide)c_wins & ~is_d) | (~low & is_d));                             \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(max_pairs_##bytes)(ptrdiff_t n, const float *x0, const float *x1, float *y) {                     \
        NAME(pairs_##bytes)(0, n, x0, x1, y, NULL, NULL, NULL);                                                        \
    }                                                                                                                  \
    static void NAME(max_pairs_grad_##bytes)(ptrdiff_t n, const float *x0, const float *x1, const float *dy, float *dx0, \
                                             float *dx1) {                                                             \
        NAME(pairs_##bytes)(1, n, x0, x1, NULL, dy, dx0, dx1);                                                         \
    }
PAIRS(16)
#if VECTOR_BYTES >= 32
PAIRS(32)
#endif
#if VECTOR_BYTES >= 64
PAIRS(64)
#endif
#undef PAIRS

/* The widest vectors that n windows fill. */
#if VECTOR_BYTES >= 64
#define WIDEST(name, n)                                                                                                \
    ((n) >= 8 ? &NAME(name##_64) : (n) >= 4 ? &NAME(name##_32) : (n) >= 2 ? &NAME(name##_16) : &NAME(name##_plain))
#elif VECTOR_BYTES >= 32
#define WIDEST(name, n) ((n) >= 4 ? &NAME(name##_32) : (n) >= 2 ? &NAME(name##_16) : &NAME(name##_plain))
#else
#define WIDEST(name, n) ((n) >= 2 ? &NAME(name##_16) : &NAME(name##_plain))
#endif
#else
#define WIDEST(name, n) (&NAME(name##_plain))
#endif

/* Whether no two windows meet and all have two rows and two columns. */
static int NAME(all_pairs)(const struct pool_windows *p) {
    if (!p->regular || p->kw != 2 || p->sw != 2) return 0;
    for (ptrdiff_t i = 0; i < p->oh; i++)
        if (p->h1[i] - p->h0[i] != 2 || (i && p->h0[i] < p->h1[i - 1])) return 0;
    return 1;
}

/* y = the largest element of each window; index (int32, or NULL) = its position h * width + w in the plane. */
static void NAME(max_pool)(const struct pool_windows *p, const void *in, void *out, int32_t *index) {
    const T *plane = in;
    T *y = out;
    if (!index && NAME(all_pairs)(p)) {
        void (*const pairs)(ptrdiff_t, const T *, const T *, T *) = WIDEST(max_pairs, p->ow);
        for (ptrdiff_t k = 0; k < p->planes; k++, plane += p->h * p->w)
            for (ptrdiff_t i = 0; i < p->oh; i++, y += p->ow) {
                const T *first = plane + p->h0[i] * p->w + p->w0[0];
                pairs(p->ow, first, first + p->w, y);
            }
        return;
    }
    for (ptrdiff_t k = 0; k < p->planes; k++, plane += p->h * p->w)
        for (ptrdiff_t i = 0; i < p->oh; i++, y += p->ow) {
            NAME(max_row)(p, plane, i, 0, p->ow, y, index);
            if (index) index += p->ow;
        }
}

/* dx = dy at the largest element of each window, 0 elsewhere; windows that share it add up. */
static void NAME(max_pool_grad)(const struct pool_windows *p, const void *in, const void *d_out, void *d_in) {
    enum { CHUNK = 256 };
    T best[CHUNK];
    int32_t index[CHUNK];
    const T *plane = in, *dy = d_out;
    T *dx = d_in;
    const int pairs = NAME(all_pairs)(p);
    void (*const pairs_grad)(ptrdiff_t, const T *, const T *, const T *, T *, T *) = WIDEST(max_pairs_grad, p->ow);
    if (!pairs || p->h != 2 * p->oh || p->w != 2 * p->ow)
        memset(dx, 0, (size_t)(p->planes * p->h * p->w) * sizeof(T)); /* else every element is written below */
    for (ptrdiff_t k = 0; k < p->planes; k++, plane += p->h * p->w, dx += p->h * p->w)
        for (ptrdiff_t i = 0; i < p->oh; i++, dy += p->ow) {
            if (pairs) {
                const ptrdiff_t first = p->h0[i] * p->w + p->w0[0], second = first + p->w;
                pairs_grad(p->ow, plane + first, plane + second, dy, dx + first, dx + second);
                continue;
            }
            for (ptrdiff_t from = 0; from < p->ow; from += CHUNK) {
                const ptrdiff_t to = from + CHUNK < p->ow ? from + CHUNK : p->ow;
                NAME(max_row)(p, plane, i, from, to, best, index);
                for (ptrdiff_t j = from; j < to; j++)
                    if (index[j - from] >= 0) dx[index[j - from]] += dy[j];
            }
        }
}

/* y = sum of each window times scale_h[i] scale_w[j], the inverse of the number of elements it counts. */
static void NAME(avg_pool)(const struct pool_windows *p, const void *in, void *out) {
    const T *plane = in;
    T *y = out;
    for (ptrdiff_t k = 0; k < p->planes; k++, plane += p->h * p->w)
        for (ptrdiff_t i = 0; i < p->oh; i++, y += p->ow) {
            for (ptrdiff_t j = 0; j < p->ow; j++) y[j] = 0;
            for (ptrdiff_t h = p->h0[i]; h < p->h1[i]; h++) {
                const T *RESTRICT row = plane + h * p->w;
                T *RESTRICT to = y;
                if (p->regular && p->ow >= p->kw) {
                    const T *RESTRICT x = row + p->w0[0];
                    for (ptrdiff_t m = 0; m < p->kw; m++) {
                        if (p->sw == 1) {
                            for (ptrdiff_t j = 0; j < p->ow; j++) to[j] += x[j + m];
                        } else if (p->sw == 2) {
                            for (ptrdiff_t j = 0; j < p->ow; j++) to[j] += x[j * 2 + m];
                        } else {
                            for (ptrdiff_t j = 0; j < p->ow; j++) to[j] += x[j * p->sw + m];
                        }
                    }
                    continue;
                }
                for (ptrdiff_t j = 0; j < p->ow; j++) {
                    T sum = 0;
#pragma omp simd reduction(+ : sum)
                    for (ptrdiff_t w = p->w0[j]; w < p->w1[j]; w++) sum += row[w];
                    to[j] += sum;
                }
            }
            for (ptrdiff_t j = 0; j < p->ow; j++) y[j] *= (T)(p->scale_h[i] * p->scale_w[j]);
        }
}

/* Every element of a window gets dy times scale_h[i] scale_w[j]. */
static void NAME(avg_pool_grad)(const struct pool_windows *p, const void *d_out, void *d_in) {
    const T *dy = d_out;
    T *plane = d_in;
    memset(plane, 0, (size_t)(p->planes * p->h * p->w) * sizeof(T));
    for (ptrdiff_t k = 0; k < p->planes; k++, plane += p->h * p->w)
        for (ptrdiff_t i = 0; i < p->oh; i++, dy += p->ow)
            for (ptrdiff_t h = p->h0[i]; h < p->h1[i]; h++)
                for (ptrdiff_t j = 0; j < p->ow; j++) {
                    const T share = dy[j] * (T)(p->scale_h[i] * p->scale_w[j]);
                    for (ptrdiff_t w = p->w0[j]; w < p->w1[j]; w++) plane[h * p->w + w] += share;
                }
}

#undef WIDEST

static const struct pool_loops NAME(pool) = {
    NAME(max_pool), NAME(max_pool_grad), NAME(avg_pool), NAME(avg_pool_grad),
};
