/* The steps of recurrent layers; included by variants.h. Gates of one sample stand side by side: i f g o of an LSTM, r z c of a
 * GRU. The formulas are those of minipaddle/ops/rnn.py. */
#include "math_loops.h"
#include "tile_loops.h"

#if MP_VECTORS

INLINE T NAME(logistic)(T x) { return 1 / (1 + NAME(exp)(-x)); }

/* One block of rows of the product below: all columns, as many vectors at once as registers hold. */
#define ROW_BLOCK(rows, most)                                                                                          \
    static void NAME(product_##rows)(ptrdiff_t vectors, ptrdiff_t depth, const T *a, const T *b, ptrdiff_t b_row,      \
                                     const T *init, T *c) {                                                            \
        const ptrdiff_t c_row = vectors * LANES;                                                                       \
        ptrdiff_t j = 0;                                                                                               \
        for (; vectors - j >= most; j += most)                                                                         \
            NAME(tile)(rows, most, EVEN, depth, a, depth, 1, b + j * LANES, b_row, NULL, init + j * LANES, 0,             \
                       c + j * LANES, c_row);                                                                          \
        if (most > 4 && vectors - j >= 4) {                                                                            \
            NAME(tile)(rows, 4, EVEN, depth, a, depth, 1, b + j * LANES, b_row, NULL, init + j * LANES, 0, c + j * LANES, \
                       c_row);                                                                                         \
            j += 4;                                                                                                    \
        }                                                                                                              \
        if (most > 2 && vectors - j >= 2) {                                                                            \
            NAME(tile)(rows, 2, EVEN, depth, a, depth, 1, b + j * LANES, b_row, NULL, init + j * LANES, 0, c + j * LANES, \
                       c_row);                                                                                         \
            j += 2;                                                                                                    \
        }                                                                                                              \
        if (vectors - j >= 1)                                                                                          \
            NAME(tile)(rows, 1, EVEN, depth, a, depth, 1, b + j * LANES, b_row, NULL, init + j * LANES, 0, c + j * LANES, \
                       c_row);                                                                                         \
    }
ROW_BLOCK(1, 8)
ROW_BLOCK(2, 4)
ROW_BLOCK(4, 3)
#if TILE_ROWS == 8
ROW_BLOCK(8, 3)
#endif
#undef ROW_BLOCK

/* c [m, vectors LANES] = init + a [m, depth] b, where row k of b begins at b + k b_row; every row of c begins with init. */
static void NAME(product)(ptrdiff_t m, ptrdiff_t vectors, ptrdiff_t depth, const T *a, const T *b, ptrdiff_t b_row,
                          const T *init, T *c) {
    const ptrdiff_t c_row = vectors * LANES;
    ptrdiff_t i = 0;
#if TILE_ROWS == 8
    for (; m - i >= 8; i += 8) NAME(product_8)(vectors, depth, a + i * depth, b, b_row, init, c + i * c_row);
#endif
    for (; m - i >= 4; i += 4) NAME(product_4)(vectors, depth, a + i * depth, b, b_row, init, c + i * c_row);
    for (; m - i >= 2; i += 2) NAME(product_2)(vectors, depth, a + i * depth, b, b_row, init, c + i * c_row);
    if (i < m) NAME(product_1)(vectors, depth, a + i * depth, b, b_row, init, c + i * c_row);
}

/* One sample: x and hidden are its two shares of the gates, h and c its states; the new state goes to h_new (and extra). */
static void NAME(lstm_step)(ptrdiff_t n, const T *RESTRICT x, const T *RESTRICT hidden, const T *RESTRICT c,
                            T *RESTRICT gates, T *RESTRICT extra, T *RESTRICT h_new) {
#pragma omp simd
    for (ptrdiff_t j = 0; j < n; j++) {
        const T i = NAME(logistic)(x[j] + hidden[j]);
        const T f = NAME(logistic)(x[n + j] + hidden[n + j]);
        const T g = NAME(tanh)(x[2 * n + j] + hidden[2 * n + j]);
        const T o = NAME(logistic)(x[3 * n + j] + hidden[3 * n + j]);
        const T cell = f * c[j] + i * g;
        gates[j] = i;
        gates[n + j] = f;
        gates[2 * n + j] = g;
        gates[3 * n + j] = o;
        extra[j] = cell;
        h_new[j] = o * NAME(tanh)(cell);
    }
}

static void NAME(lstm_back)(ptrdiff_t n, const T *RESTRICT d_h, T *RESTRICT d_c, const T *RESTRICT c,
                            const T *RESTRICT gates, const T *RESTRICT extra, T *RESTRICT d_x) {
#pragma omp simd
    for (ptrdiff_t j = 0; j < n; j++) {
        const T i = gates[j], f = gates[n + j], g = gates[2 * n + j], o = gates[3 * n + j], t = NAME(tanh)(extra[j]);
        const T d = d_c[j] + d_h[j] * o * (1 - t * t);
        d_x[j] = d * g * i * (1 - i);
        d_x[n + j] = d * c[j] * f * (1 - f);
        d_x[2 * n + j] = d * i * (1 - g * g);
        d_x[3 * n + j] = d_h[j] * t * o * (1 - o);
        d_c[j] = d * f;
    }
}

static void NAME(gru_step)(ptrdiff_t n, const T *RESTRICT x, const T *RESTRICT hidden, const T *RESTRICT h,
                           T *RESTRICT gates, T *RESTRICT extra, T *RESTRICT h_new) {
#pragma omp simd
    for (ptrdiff_t j = 0; j < n; j++) {
        const T r = NAME(logistic)(x[j] + hidden[j]);
        const T z = NAME(logistic)(x[n + j] + hidden[n + j]);
        const T inner = hidden[2 * n + j];
        const T candidate = NAME(tanh)(x[2 * n + j] + r * inner);
        gates[j] = r;
        gates[n + j] = z;
        gates[2 * n + j] = candidate;
        extra[j] = inner;
        h_new[j] = (h[j] - candidate) * z + candidate;
    }
}

/* Leaves in d_h what goes to the state before directly, not through the product. */
static void NAME(gru_back)(ptrdiff_t n, T *RESTRICT d_h, const T *RESTRICT h, const T *RESTRICT gates,
                           const T *RESTRICT extra, T *RESTRICT d_x, T *RESTRICT d_hidden) {
#pragma omp simd
    for (ptrdiff_t j = 0; j < n; j++) {
        const T r = gates[j], z = gates[n + j], candidate = gates[2 * n + j], d = d_h[j];
        const T inner = d * (1 - z) * (1 - candidate * candidate);
        const T d_r = inner * extra[j] * r * (1 - r), d_z = d * (h[j] - candidate) * z * (1 - z);
        d_x[j] = d_r;
        d_x[n + j] = d_z;
        d_x[2 * n + j] = inner;
        d_hidden[j] = d_r;
        d_hidden[n + j] = d_z;
        d_hidden[2 * n + j] = inner * r;
        d_h[j] = d * z;
    }
}

static void NAME(plain_step)(ptrdiff_t n, int is_relu, const T *RESTRICT x, const T *RESTRICT hidden, T *RESTRICT gates,
                             T *RESTRICT h_new) {
    if (is_relu) {
        for (ptrdiff_t j = 0; j < n; j++) {
            const T a = x[j] + hidden[j];
            gates[j] = h_new[j] = a < 0 ? 0 : a; /* nan stays nan */
        }
    } else {
#pragma omp simd
        for (ptrdiff_t j = 0; j < n; j++) gates[j] = h_new[j] = NAME(tanh)(x[j] + hidden[j]);
    }
}

static void NAME(plain_back)(ptrdiff_t n, int is_relu, const T *RESTRICT d_h, const T *RESTRICT gates, T *RESTRICT d_x) {
    if (is_relu)
        for (ptrdiff_t j = 0; j < n; j++) d_x[j] = d_h[j] * (T)(gates[j] > 0);
    else
        for (ptrdiff_t j = 0; j < n; j++) d_x[j] = d_h[j] * (1 - gates[j] * gates[j]);
}

static ptrdiff_t NAME(rounded)(ptrdiff_t n) { return (n + LANES - 1) / LANES * LANES; }

/* All steps. Scratch memory is one piece: the weight turned round [n, width], a row of biases, the product of a step. */
static int NAME(rnn)(const struct rnn_sizes *s, const void *driven, const void *weight, const void *bias, const void *mask,
                     const void *h0, const void *c0, void *gates_, void *extra_, void *states, void *c_) {
    const ptrdiff_t n = s->n, batch = s->batch, many = s->gates * n, width = NAME(rounded)(many);
    T *scratch = malloc((size_t)((n + 1 + batch) * width + LANES) * sizeof(T));
    if (!scratch) return 0;
    T *turned = (T *)(((uintptr_t)scratch + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES);
    T *init = turned + n * width, *hidden = init + width, *c = c_;
    NAME(turn)(many, n, weight, n, turned, width);
    for (ptrdiff_t k = 0; k < n; k++)
        for (ptrdiff_t g = many; g < width; g++) turned[k * width + g] = 0;
    memset(init, 0, (size_t)width * sizeof(T));
    if (bias) memcpy(init, bias, (size_t)many * sizeof(T));
    if (c) memcpy(c, c0, (size_t)(batch * n) * sizeof(T));
    const T *h = h0;
    for (ptrdiff_t step = 0; step < s->steps; step++) {
        const ptrdiff_t t = s->backwards ? s->steps - 1 - step : step;
        T *h_new = (T *)states + t * batch * n;
        NAME(product)(batch, width / LANES, n, h, turned, width, init, hidden);
        for (ptrdiff_t b = 0; b < batch; b++) {
            const ptrdiff_t at = t * batch + b;
            const T *x = (const T *)driven + at * many, *part = hidden + b * width;
            T *gates = (T *)gates_ + at * many, *extra = (T *)extra_ + at * n, *to = h_new + b * n;
            switch (s->mode) {
            case LSTM: NAME(lstm_step)(n, x, part, c + b * n, gates, extra, to); break;
            case GRU: NAME(gru_step)(n, x, part, h + b * n, gates, extra, to); break;
            default: NAME(plain_step)(n, s->mode == RELU, x, part, gates, to); break;
            }
            if (mask && ((const T *)mask)[at] == 0)
                memcpy(to, h + b * n, (size_t)n * sizeof(T));
            else if (c)
                memcpy(c + b * n, extra, (size_t)n * sizeof(T));
        }
        h = h_new;
    }
    free(scratch);
    return 1;
}

/* The steps in reverse order; d_h and d_c come with the gradients of the last states and leave with those of the first.
 * cells are the cells after each step (extra, unless sequences end early). d_hidden may be d_x where both are the same. */
static int NAME(rnn_grad)(const struct rnn_sizes *s, const void *d_out, const void *weight, const void *mask, const void *h0,
                          const void *c0, const void *gates_, const void *extra_, const void *states, const void *cells,
                          void *d_x_, void *d_hidden_, void *d_h_, void *d_c_) {
    const ptrdiff_t n = s->n, batch = s->batch, many = s->gates * n, width = NAME(rounded)(n);
    T *scratch = malloc((size_t)((width == n ? 0 : many * width) + (1 + batch) * width + LANES) * sizeof(T));
    if (!scratch) return 0;
    T *init = (T *)(((uintptr_t)scratch + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES);
    T *d_before = init + width, *copy = d_before + batch * width, *d_h = d_h_, *d_c = d_c_;
    const T *w = weight;
    if (width != n) {
        memset(copy, 0, (size_t)(many * width) * sizeof(T));
        for (ptrdiff_t g = 0; g < many; g++) memcpy(copy + g * width, w + g * n, (size_t)n * sizeof(T));
        w = copy;
    }
    memset(init, 0, (size_t)width * sizeof(T));
    for (ptrdiff_t step = s->steps - 1; step >= 0; step--) {
        const ptrdiff_t t = s->backwards ? s->steps - 1 - step : step, t_before = s->backwards ? t + 1 : t - 1;
        const T *h = step ? (const T *)states + t_before * batch * n : h0;
        const T *c = step && cells ? (const T *)cells + t_before * batch * n : c0;
        T *d_hidden = (T *)d_hidden_ + t * batch * many;
        for (ptrdiff_t b = 0; b < batch; b++) {
            const ptrdiff_t at = t * batch + b;
            const T *wanted = (const T *)d_out + at * n, *gates = (const T *)gates_ + at * many;
            const T *extra = (const T *)extra_ + at * n;
            T *d_x = (T *)d_x_ + at * many, *d = d_h + b * n;
            if (mask && ((const T *)mask)[at] == 0) { /* this step has left the states alone, and has no output */
                memset(d_x, 0, (size_t)many * sizeof(T));
                memset(d_hidden + b * many, 0, (size_t)many * sizeof(T));
                continue;
            }
            for (ptrdiff_t j = 0; j < n; j++) d[j] += wanted[j];
            switch (s->mode) {
            case LSTM: NAME(lstm_back)(n, d, d_c + b * n, c + b * n, gates, extra, d_x); break;
            case GRU: NAME(gru_back)(n, d, h + b * n, gates, extra, d_x, d_hidden + b * many); break;
            default: NAME(plain_back)(n, s->mode == RELU, d, gates, d_x); break;
            }
            if (s->mode != GRU) memset(d, 0, (size_t)n * sizeof(T));
        }
        NAME(product)(batch, width / LANES, many, d_hidden, w, width, init, d_before);
        for (ptrdiff_t b = 0; b < batch; b++)
            for (ptrdiff_t j = 0; j < n; j++) d_h[b * n + j] += d_before[b * width + j];
    }
    free(scratch);
    return 1;
}

static const struct rnn_loops NAME(rnn_table) = {NAME(rnn), NAME(rnn_grad)};
#else
static const struct rnn_loops NAME(rnn_table) = {NULL, NULL};
#endif
