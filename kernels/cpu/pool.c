/* Max and average pooling over the last two axes. */
#include "common.h"

#include <float.h>

/* The windows of a pooling, see pool_loops.h. */
struct pool_windows {
    ptrdiff_t planes, h, w, oh, ow;
    const int64_t *h0, *h1, *w0, *w1;
    const double *scale_h, *scale_w;
    int regular;
    ptrdiff_t kw, sw, left, right; /* left, right: the columns that windows cover */
};

struct pool_loops {
    void (*max_pool)(const struct pool_windows *, const void *, void *, int32_t *);
    void (*max_pool_grad)(const struct pool_windows *, const void *, const void *, void *);
    void (*avg_pool)(const struct pool_windows *, const void *, void *);
    void (*avg_pool_grad)(const struct pool_windows *, const void *, void *);
};

#define T_LOWEST (T_IS_DOUBLE ? (T)-DBL_MAX : (T)-FLT_MAX)
#define LOOPS "pool_loops.h"
#include "variants.h"

/* The table of windows of one axis: int64 [2, size] (begins, ends), and the scales float64 [size]. */
typedef struct {
    Py_buffer bounds, scales;
} Axis;

static void axes_free(Axis *axes) {
    for (int i = 0; i < 2; i++) {
        if (axes[i].bounds.obj) PyBuffer_Release(&axes[i].bounds);
        if (axes[i].scales.obj) PyBuffer_Release(&axes[i].scales);
    }
}

/* Reads args = planes, h, w, bounds_h, bounds_w, scales_h, scales_w; -1 with an exception (and nothing held). */
static int windows_init(struct pool_windows *p, Axis *axes, PyObject *const *args, const char *function) {
    Py_ssize_t sizes[3];
    memset(axes, 0, 2 * sizeof(Axis));
    if (mp_sizes(args, sizes, 3) < 0) return -1;
    for (int i = 0; i < 2; i++) {
        if (!mp_get(args[3 + i], &axes[i].bounds, 0) || mp_kind_of(&axes[i].bounds) != MP_I64 ||
            !mp_get(args[5 + i], &axes[i].scales, 0) || mp_kind_of(&axes[i].scales) != MP_F64) {
            axes_free(axes);
            PyErr_Format(PyExc_TypeError, "%s: windows must be int64 bounds [2, n] and float64 scales [n]", function);
            return -1;
        }
        const Py_ssize_t n = mp_count(&axes[i].scales);
        const int64_t *begin = axes[i].bounds.buf, *end = begin + n;
        int fine = mp_count(&axes[i].bounds) == 2 * n;
        for (Py_ssize_t k = 0; fine && k < n; k++)
            fine = begin[k] >= end[k] || (begin[k] >= 0 && end[k] <= sizes[1 + i]);
        if (!fine) {
            axes_free(axes);
            PyErr_Format(PyExc_ValueError, "%s: a window of axis %d lies outside the input", function, i);
            return -1;
        }
    }
    if (sizes[1] * sizes[2] > INT32_MAX) {
        axes_free(axes);
        PyErr_Format(PyExc_ValueError, "%s: planes of %zd x %zd are too large", function, sizes[1], sizes[2]);
        return -1;
    }
    p->planes = sizes[0], p->h = sizes[1], p->w = sizes[2];
    p->oh = mp_count(&axes[0].scales), p->ow = mp_count(&axes[1].scales);
    p->h0 = axes[0].bounds.buf, p->h1 = p->h0 + p->oh;
    p->w0 = axes[1].bounds.buf, p->w1 = p->w0 + p->ow;
    p->scale_h = axes[0].scales.buf, p->scale_w = axes[1].scales.buf;
    p->kw = p->ow ? p->w1[0] - p->w0[0] : 0;
    p->sw = p->ow > 1 ? p->w0[1] - p->w0[0] : 1;
    p->left = p->w, p->right = 0;
    for (ptrdiff_t j = 0; j < p->ow; j++) {
        if (p->w1[j] <= p->w0[j]) continue;
        if (p->w0[j] < p->left) p->left = p->w0[j];
        if (p->w1[j] > p->right) p->right = p->w1[j];
    }
    p->regular = p->kw > 0 && p->sw > 0;
    for (ptrdiff_t j = 0; p->regular && j < p->ow; j++)
        p->regular = p->w0[j] == p->w0[0] + j * p->sw && p->w1[j] == p->w0[j] + p->kw;
    return 0;
}

/* which: 0 max_pool(x, y, index | None, windows...), 1 max_pool_grad(x, d_y, d_x, windows...),
 * 2 avg_pool(x, y, windows...), 3 avg_pool_grad(d_y, d_x, windows...) */
static PyObject *call(const char *function, PyObject *const *args, Py_ssize_t nargs, int which) {
    static const char *const kinds[] = {"TWi", "TTW", "TW", "TW"};
    const int count = which < 2 ? 3 : 2;
    if (mp_check_count(function, nargs, count + 7, count + 7) < 0) return NULL;
    struct pool_windows p;
    Axis axes[2];
    Py_buffer v[3];
    enum mp_kind kind;
    if (windows_init(&p, axes, args + count, function) < 0) return NULL;
    if (!mp_get_all(args, v, kinds[which], &kind)) {
        axes_free(axes);
        Py_RETURN_FALSE;
    }
    const Py_ssize_t in = p.planes * p.h * p.w, out = p.planes * p.oh * p.ow;
    int fine;
    switch (which) {
    case 0:
        fine = mp_check_size(function, "x", &v[0], in) == 0 && mp_check_size(function, "y", &v[1], out) == 0 &&
               (!v[2].obj || mp_check_size(function, "index", &v[2], out) == 0);
        if (fine && v[2].obj && v[2].itemsize != 4) {
            PyErr_Format(PyExc_TypeError, "%s: index must be int32", function);
            fine = 0;
        }
        break;
    case 1:
        fine = mp_check_size(function, "x", &v[0], in) == 0 && mp_check_size(function, "d_y", &v[1], out) == 0 &&
               mp_check_size(function, "d_x", &v[2], in) == 0;
        break;
    case 2: fine = mp_check_size(function, "x", &v[0], in) == 0 && mp_check_size(function, "y", &v[1], out) == 0; break;
    default:
        fine = mp_check_size(function, "d_y", &v[0], out) == 0 && mp_check_size(function, "d_x", &v[1], in) == 0;
        break;
    }
    if (fine) {
        const struct pool_loops *loops = SELECT_TABLE(pool, kind == MP_F64);
        MP_BEGIN_WORK(in)
        switch (which) {
        case 0: loops->max_pool(&p, v[0].buf, v[1].buf, v[2].buf); break;
        case 1: loops->max_pool_grad(&p, v[0].buf, v[1].buf, v[2].buf); break;
        case 2: loops->avg_pool(&p, v[0].buf, v[1].buf); break;
        default: loops->avg_pool_grad(&p, v[0].buf, v[1].buf); break;
        }
        MP_END_WORK
    }
    mp_release_all(v, count);
    axes_free(axes);
    if (!fine) return NULL;
    Py_RETURN_TRUE;
}

static PyObject *max_pool(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return call("max_pool", args, nargs, 0);
}

static PyObject *max_pool_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return call("max_pool_grad", args, nargs, 1);
}

static PyObject *avg_pool(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return call("avg_pool", args, nargs, 2);
}

static PyObject *avg_pool_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return call("avg_pool_grad", args, nargs, 3);
}

PyMethodDef mp_pool_methods[] = {
    MP_FUNCTION("max_pool", max_pool,
                "max_pool(x, y, index, planes, h, w, bounds_h, bounds_w, scales_h, scales_w) -> bool"),
    MP_FUNCTION("max_pool_grad", max_pool_grad,
                "max_pool_grad(x, d_y, d_x, planes, h, w, bounds_h, bounds_w, scales_h, scales_w) -> bool"),
    MP_FUNCTION("avg_pool", avg_pool, "avg_pool(x, y, planes, h, w, bounds_h, bounds_w, scales_h, scales_w) -> bool"),
    MP_FUNCTION("avg_pool_grad", avg_pool_grad,
                "avg_pool_grad(d_y, d_x, planes, h, w, bounds_h, bounds_w, scales_h, scales_w) -> bool"),
    {NULL, NULL, 0, NULL},
};
