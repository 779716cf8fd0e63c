/* Running sums, sums, the largest numbers of rows, and taking what a mask chooses. */
#include "common.h"

#include <string.h>

struct rows_loops {
    double (*sum)(ptrdiff_t, const void *);
    void (*cumsum)(ptrdiff_t, ptrdiff_t, ptrdiff_t, int, const void *, void *);
    void (*top)(ptrdiff_t, ptrdiff_t, ptrdiff_t, int, const void *, void *, int64_t *);
    void (*resample)(ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const int64_t *, const double *, const void *,
                     void *);
};

#define LOOPS "rows_loops.h"
#include "variants.h"

static PyObject *call_sum(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("sum", nargs, 1, 1) < 0) return NULL;
    Py_buffer v[1];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "T", &kind)) Py_RETURN_NONE;
    if (kind != MP_F32) { /* sums of double are NumPy's, by pairs */
        mp_release_all(v, 1);
        Py_RETURN_NONE;
    }
    const Py_ssize_t n = mp_count(&v[0]);
    double total;
    MP_BEGIN_WORK(n)
    total = SELECT_TABLE(rows, 0)->sum(n, v[0].buf);
    MP_END_WORK
    mp_release_all(v, 1);
    return PyFloat_FromDouble(total);
}

static const char cumsum_doc[] =
    "cumsum(x, out, n, inner, reverse) -> bool\n\n"
    "Running sums over the middle axis of x [.., n, inner], from its end if `reverse`.";

static PyObject *call_cumsum(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("cumsum", nargs, 5, 5) < 0) return NULL;
    Py_ssize_t numbers[3];
    if (mp_sizes(args + 2, numbers, 3) < 0) return NULL;
    Py_buffer v[2];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "TW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t size = mp_count(&v[0]), n = numbers[0], inner = numbers[1];
    if (n < 1 || inner < 1 || size % (n * inner)) {
        PyErr_Format(PyExc_ValueError, "cumsum: %zd elements are no multiple of %zd x %zd", size, n, inner);
        goto fail;
    }
    if (mp_check_size("cumsum", "out", &v[1], size) < 0) goto fail;
    MP_BEGIN_WORK(size)
    SELECT_TABLE(rows, kind == MP_F64)->cumsum(size / (n * inner), n, inner, numbers[2] != 0, v[0].buf, v[1].buf);
    MP_END_WORK
    mp_release_all(v, 2);
    Py_RETURN_TRUE;
fail:
    mp_release_all(v, 2);
    return NULL;
}

static const char top_doc[] =
    "top(x, values, index, n, k, largest) -> bool\n\n"
    "The k largest (smallest) of each row of n numbers in order, and their places (int64); of equal ones the first.";

static PyObject *call_top(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("top", nargs, 6, 6) < 0) return NULL;
    Py_ssize_t numbers[3];
    if (mp_sizes(args + 3, numbers, 3) < 0) return NULL;
    Py_buffer v[3];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "TWI", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t size = mp_count(&v[0]), n = numbers[0], k = numbers[1];
    if (v[2].itemsize != 8) {
        mp_release_all(v, 3);
        Py_RETURN_FALSE;
    }
    if (n < 1 || k < 1 || k > n || size % n) {
        PyErr_Format(PyExc_ValueError, "top: %zd elements in rows of %zd have no %zd largest", size, n, k);
        goto fail;
    }
    if (mp_check_size("top", "values", &v[1], size / n * k) < 0 || mp_check_size("top", "index", &v[2], size / n * k) < 0)
        goto fail;
    MP_BEGIN_WORK(size)
    SELECT_TABLE(rows, kind == MP_F64)->top(size / n, n, k, numbers[2] != 0, v[0].buf, v[1].buf, v[2].buf);
    MP_END_WORK
    mp_release_all(v, 3);
    Py_RETURN_TRUE;
fail:
    mp_release_all(v, 3);
    return NULL;
}

static const char resample_doc[] =
    "resample(x, y, index, weight, size, inner) -> bool\n\n"
    "y [.., out, inner] of x [.., size, inner]: place i is the sum of the elements index[k, i] (int64 [taps, out]) times\n"
    "weight[k, i] (float64); of two taps the first counts with 1 - weight[1, i].";

static PyObject *call_resample(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("resample", nargs, 6, 6) < 0) return NULL;
    Py_ssize_t numbers[2];
    if (mp_sizes(args + 4, numbers, 2) < 0) return NULL;
    Py_buffer v[2], taps[2];
    enum mp_kind kind, unused;
    if (!mp_get_all(args, v, "TW", &kind)) Py_RETURN_FALSE;
    if (!mp_get_all(args + 2, taps, "LT", &unused)) {
        mp_release_all(v, 2);
        Py_RETURN_FALSE;
    }
    const Py_ssize_t size = numbers[0], inner = numbers[1], all = mp_count(&v[0]), count = mp_count(&taps[0]);
    PyObject *made = NULL;
    if (taps[0].itemsize != 8 || taps[1].itemsize != 8 || size < 1 || inner < 1 || all % (size * inner) || all == 0) {
        PyErr_SetString(PyExc_ValueError, "resample: wants int64 and float64 taps and elements in lines of the given size");
        goto done;
    }
    if (mp_check_size("resample", "weight", &taps[1], count) < 0) goto done;
    const Py_ssize_t outer = all / (size * inner), out = mp_count(&v[1]) / (outer * inner);
    if (out < 1 || count % out || count == 0 || mp_check_size("resample", "y", &v[1], outer * out * inner) < 0) {
        if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "resample: %zd taps for lines of %zd", count, out);
        goto done;
    }
    const int64_t *index = taps[0].buf;
    for (Py_ssize_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= size) {
            PyErr_Format(PyExc_IndexError, "resample: index %lld is outside of [0, %zd)", (long long)index[i], size);
            goto done;
        }
    MP_BEGIN_WORK(outer * out * inner)
    SELECT_TABLE(rows, kind == MP_F64)
        ->resample(outer, size, out, inner, count / out, index, taps[1].buf, v[0].buf, v[1].buf);
    MP_END_WORK
    made = Py_True;
done:
    mp_release_all(v, 2);
    mp_release_all(taps, 2);
    if (!made) return NULL;
    Py_RETURN_TRUE;
}

/* Each number is written, whether or not it stays: without a branch that a random mask would make the processor miss. */
#define COMPRESS(type)                                                                                                 \
    {                                                                                                                  \
        const type *x = from;                                                                                          \
        type *y = to;                                                                                                  \
        for (Py_ssize_t i = 0; i < n && k < count; i++) {                                                              \
            y[k] = x[i];                                                                                               \
            k += mask[i] != 0;                                                                                         \
        }                                                                                                              \
        break;                                                                                                         \
    }
#define SPREAD(type)                                                                                                   \
    {                                                                                                                  \
        const type *x = from;                                                                                          \
        type *y = to;                                                                                                  \
        Py_ssize_t i = 0;                                                                                              \
        for (; i < n && k < count; i++) {                                                                              \
            y[i] = (type)(x[k] & (type)(mask[i] ? -1 : 0));                                                            \
            k += mask[i] != 0;                                                                                         \
        }                                                                                                              \
        memset(y + i, 0, (size_t)(n - i) * sizeof(type));                                                              \
        break;                                                                                                         \
    }

static Py_ssize_t compress(Py_ssize_t n, Py_ssize_t count, Py_ssize_t size, const unsigned char *mask, const void *from,
                           void *to) {
    Py_ssize_t k = 0;
    switch (size) {
    case 1: COMPRESS(uint8_t)
    case 2: COMPRESS(uint16_t)
    case 4: COMPRESS(uint32_t)
    case 8: COMPRESS(uint64_t)
    }
    return k;
}

static Py_ssize_t spread(Py_ssize_t n, Py_ssize_t count, Py_ssize_t size, const unsigned char *mask, const void *from,
                         void *to) {
    Py_ssize_t k = 0;
    switch (size) {
    case 1: SPREAD(uint8_t)
    case 2: SPREAD(uint16_t)
    case 4: SPREAD(uint32_t)
    case 8: SPREAD(uint64_t)
    }
    return k;
}

static PyObject *masked(const char *function, PyObject *const *args, Py_ssize_t nargs, int back) {
    if (mp_check_count(function, nargs, 3, 3) < 0) return NULL;
    Py_buffer v[3];
    for (int i = 0; i < 3; i++) {
        if (!mp_get(args[i], &v[i], i == 2)) {
            mp_release_all(v, i);
            Py_RETURN_FALSE;
        }
    }
    const Py_ssize_t n = mp_count(&v[0]), size = v[1].itemsize, count = mp_count(&v[back ? 1 : 2]);
    const int served = v[0].itemsize == 1 && v[2].itemsize == size && (size == 1 || size == 2 || size == 4 || size == 8);
    if (!served) {
        mp_release_all(v, 3);
        Py_RETURN_FALSE;
    }
    if (mp_check_size(function, back ? "out" : "x", &v[back ? 2 : 1], n) < 0) {
        mp_release_all(v, 3);
        return NULL;
    }
    Py_ssize_t chosen;
    MP_BEGIN_WORK(n)
    chosen = back ? spread(n, count, size, v[0].buf, v[1].buf, v[2].buf) : compress(n, count, size, v[0].buf, v[1].buf, v[2].buf);
    MP_END_WORK
    mp_release_all(v, 3);
    if (chosen != count)
        return PyErr_Format(PyExc_ValueError, "%s: the mask chooses %zd elements, expected %zd", function, chosen, count);
    Py_RETURN_TRUE;
}

static PyObject *call_compress(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return masked("compress", args, nargs, 0);
}

static PyObject *call_spread(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return masked("spread", args, nargs, 1);
}

PyMethodDef mp_rows_methods[] = {
    MP_FUNCTION("sum", call_sum, "sum(x) -> float | None\n\nThe sum of float32 numbers, in double."),
    MP_FUNCTION("cumsum", call_cumsum, cumsum_doc),
    MP_FUNCTION("top", call_top, top_doc),
    MP_FUNCTION("resample", call_resample, resample_doc),
    MP_FUNCTION("compress", call_compress, "compress(mask, x, out) -> bool\n\nout = x[mask], for elements of any type."),
    MP_FUNCTION("spread", call_spread, "spread(mask, values, out) -> bool\n\nout = 0; out[mask] = values."),
    {NULL, NULL, 0, NULL},
};
