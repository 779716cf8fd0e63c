/* Running sums, sums and the largest numbers of rows; included by variants.h. */

/* The sum in double, of four parts at a time: a single sum would wait for each addition before the next. */
static double NAME(sum)(ptrdiff_t n, const void *in) {
    const T *RESTRICT x = in;
    const ptrdiff_t part = n / 4;
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (ptrdiff_t i = 0; i < part; i++) {
        s0 += (double)x[i];
        s1 += (double)x[part + i];
        s2 += (double)x[2 * part + i];
        s3 += (double)x[3 * part + i];
    }
    for (ptrdiff_t i = 4 * part; i < n; i++) s0 += (double)x[i];
    return (s0 + s1) + (s2 + s3);
}

/* Running sums of `rows` rows of n numbers that lie `stride` apart, the rows side by side in time. */
INLINE void NAME(scan_rows)(ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t step, const T *RESTRICT x,
                            T *RESTRICT y) {
    T total[8] = {0};
    for (ptrdiff_t i = 0; i < n; i++, x += step, y += step)
        for (ptrdiff_t r = 0; r < rows; r++) y[r * stride] = total[r] += x[r * stride];
}

/* [outer, n, inner], over n. */
static void NAME(cumsum)(ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner, int reverse, const void *in, void *out) {
    const T *x = in;
    T *y = out;
    const ptrdiff_t first = reverse ? (n - 1) * inner : 0, step = reverse ? -inner : inner;
    if (inner == 1) {
        ptrdiff_t k = 0;
        for (; k + 8 <= outer; k += 8) NAME(scan_rows)(8, n, n, step, x + k * n + first, y + k * n + first);
        for (; k < outer; k++) NAME(scan_rows)(1, n, n, step, x + k * n + first, y + k * n + first);
        return;
    }
    for (ptrdiff_t k = 0; k < outer; k++, x += n * inner, y += n * inner) {
        memcpy(y + first, x + first, (size_t)inner * sizeof(T));
        for (ptrdiff_t i = 1; i < n; i++) {
            const T *RESTRICT add = x + first + i * step, *before = y + first + (i - 1) * step;
            T *RESTRICT to = y + first + i * step;
            for (ptrdiff_t j = 0; j < inner; j++) to[j] = before[j] + add[j];
        }
    }
}

/* The k largest (or smallest) of each row of n in order, each put into its place among those found so far. Of equal
 * numbers the first comes first; NaN counts as the largest. */
static void NAME(top)(ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int largest, const void *in, void *out, int64_t *index) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        const T *RESTRICT x = (const T *)in + row * n;
        T *RESTRICT y = (T *)out + row * k;
        int64_t *RESTRICT place = index + row * k;
        ptrdiff_t found = 0;
        for (ptrdiff_t i = 0; i < n; i++) {
            const T value = x[i];
            if (found == k) {
                /* most numbers leave here; the rest also where NaN makes the comparison false */
                const T last = y[k - 1];
                if (largest ? value <= last : value >= last) continue;
                if (largest ? last != last : value != value) continue;
                found--;
            }
            ptrdiff_t at = found++;
            for (; at > 0; at--) {
                const T before = y[at - 1];
                const int better = largest ? (value > before || (value != value && before == before))
                                           : (value < before || (before != before && value == value));
                if (!better) break;
                y[at] = before;
                place[at] = place[at - 1];
            }
            y[at] = value;
            place[at] = i;
        }
    }
}

/* [outer, size, inner] resampled to [outer, out, inner]: place i mixes the elements index[k, i] with weight[k, i]. */
static void NAME(resample)(ptrdiff_t outer, ptrdiff_t size, ptrdiff_t out, ptrdiff_t inner, ptrdiff_t taps,
                           const int64_t *index, const double *weight, const void *in, void *made) {
    const T *x = in;
    T *y = made;
    for (ptrdiff_t o = 0; o < outer; o++, x += size * inner)
        for (ptrdiff_t start = 0; start < out; start += 256) {
            const ptrdiff_t n = out - start < 256 ? out - start : 256;
            if (inner == 1) {
                for (ptrdiff_t k = 0; k < taps; k++) {
                    const int64_t *RESTRICT at = index + k * out + start;
                    const double *RESTRICT w = weight + k * out + start;
                    T *RESTRICT to = y;
                    if (k == 0 && taps == 2) {
                        const int64_t *RESTRICT next = at + out;
                        const double *RESTRICT share = w + out;
                        for (ptrdiff_t i = 0; i < n; i++) to[i] = x[at[i]] + (x[next[i]] - x[at[i]]) * (T)share[i];
                        break;
                    }
                    if (k == 0)
                        for (ptrdiff_t i = 0; i < n; i++) to[i] = x[at[i]] * (T)w[i];
                    else
                        for (ptrdiff_t i = 0; i < n; i++) to[i] += x[at[i]] * (T)w[i];
                }
                y += n;
                continue;
            }
            for (ptrdiff_t i = start; i < start + n; i++, y += inner) {
                const T *RESTRICT first = x + index[i] * inner;
                T *RESTRICT to = y;
                if (taps == 2) {
                    const T *RESTRICT second = x + index[out + i] * inner;
                    const T share = (T)weight[out + i];
                    for (ptrdiff_t j = 0; j < inner; j++) to[j] = first[j] + (second[j] - first[j]) * share;
                    continue;
                }
                for (ptrdiff_t j = 0; j < inner; j++) to[j] = first[j] * (T)weight[i];
                for (ptrdiff_t k = 1; k < taps; k++) {
                    const T *RESTRICT more = x + index[k * out + i] * inner;
                    const T w = (T)weight[k * out + i];
                    for (ptrdiff_t j = 0; j < inner; j++) to[j] += more[j] * w;
                }
            }
        }
}

static const struct rows_loops NAME(rows) = {NAME(sum), NAME(cumsum), NAME(top), NAME(resample)};
