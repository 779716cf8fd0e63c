/* Convolution over NCHW arrays: im2col and col2im for the matrix product of NumPy's BLAS, and direct convolution. */
#include "common.h"

#include <stdlib.h>

/* Sizes of a convolution; pt and pl are the padding above and to the left, the rest follows from oh and ow. */
struct conv_geometry {
    ptrdiff_t n, c, h, w, oc, groups, kh, kw, sh, sw, pt, pl, dh, dw, oh, ow;
};

struct conv_loops {
    void (*im2col)(const struct conv_geometry *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, void *);
    void (*col2im)(const struct conv_geometry *, const void *, void *);
    void (*conv)(const struct conv_geometry *, const void *, const void *, void *);
    void (*conv_grad_input)(const struct conv_geometry *, const void *, const void *, void *);
    void (*conv_grad_weight)(const struct conv_geometry *, const void *, const void *, void *);
};

enum { MAX_TAPS = 49 }; /* places of a depthwise kernel, 7 x 7 */

#define LOOPS "conv_loops.h"
#include "variants.h"

/* Reads the geometry, a tuple of the 16 numbers in the order of the struct; -1 with an exception. */
static int geometry_init(struct conv_geometry *g, PyObject *tuple, const char *function) {
    Py_ssize_t value[16];
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) != 16) {
        PyErr_Format(PyExc_TypeError, "%s: geometry must be a tuple of 16 numbers", function);
        return -1;
    }
    for (int i = 0; i < 16; i++) {
        PyObject *item = PyTuple_GetItem(tuple, i);
        if (mp_sizes(&item, &value[i], 1) < 0) return -1;
        const int may_be_zero = i == 0 || i == 2 || i == 3 || i == 10 || i == 11 || i >= 14;
        if (value[i] < (may_be_zero ? 0 : 1) || value[i] > INT32_MAX) {
            PyErr_Format(PyExc_ValueError, "%s: number %d of the geometry is %zd", function, i, value[i]);
            return -1;
        }
    }
    *g = (struct conv_geometry){value[0], value[1], value[2],  value[3],  value[4],  value[5],  value[6],  value[7],
                                value[8], value[9], value[10], value[11], value[12], value[13], value[14], value[15]};
    if (g->c % g->groups || g->oc % g->groups) {
        PyErr_Format(PyExc_ValueError, "%s: %zd and %zd channels cannot be split into %zd groups", function,
                     (Py_ssize_t)g->c, (Py_ssize_t)g->oc, (Py_ssize_t)g->groups);
        return -1;
    }
    return 0;
}

enum { IMAGE, COLUMNS, WEIGHT, OUTPUT };

static Py_ssize_t size_of(const struct conv_geometry *g, int role) {
    switch (role) {
    case IMAGE: return g->n * g->c * g->h * g->w;
    case COLUMNS: return g->n * g->c * g->kh * g->kw * g->oh * g->ow;
    case WEIGHT: return g->oc * (g->c / g->groups) * g->kh * g->kw;
    default: return g->n * g->oc * g->oh * g->ow;
    }
}

static const char *const role_names[] = {"x", "cols", "weight", "y"};

/* The common part of the two functions of two arrays and the three of three. */
static PyObject *call(const char *function, PyObject *const *args, Py_ssize_t nargs, const int *roles, int count,
                      int which) {
    if (mp_check_count(function, nargs, count + 1, count + 1) < 0) return NULL;
    struct conv_geometry g;
    if (geometry_init(&g, args[count], function) < 0) return NULL;
    Py_buffer v[3];
    enum mp_kind kind;
    if (!mp_get_all(args, v, count == 2 ? "TW" : "TTW", &kind)) Py_RETURN_FALSE;
    for (int i = 0; i < count; i++)
        if (mp_check_size(function, role_names[roles[i]], &v[i], size_of(&g, roles[i])) < 0) {
            mp_release_all(v, count);
            return NULL;
        }
    const struct conv_loops *loops = SELECT_TABLE(conv_table, kind == MP_F64);
    MP_BEGIN_WORK(size_of(&g, COLUMNS))
    MP_BEGIN_FLUSH
    switch (which) {
    case 0: loops->im2col(&g, 0, g.n * g.c, 0, g.oh, v[0].buf, v[1].buf); break;
    case 1: loops->col2im(&g, v[0].buf, v[1].buf); break;
    case 2: loops->conv(&g, v[0].buf, v[1].buf, v[2].buf); break;
    case 3: loops->conv_grad_input(&g, v[0].buf, v[1].buf, v[2].buf); break;
    default: loops->conv_grad_weight(&g, v[0].buf, v[1].buf, v[2].buf); break;
    }
    MP_END_FLUSH
    MP_END_WORK
    mp_release_all(v, count);
    Py_RETURN_TRUE;
}

static PyObject *im2col(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {IMAGE, COLUMNS};
    return call("im2col", args, nargs, roles, 2, 0);
}

/* im2col for some planes and output rows: the arguments behind the geometry are first, planes, oh0, oh1. */
static PyObject *im2col_part(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("im2col_part", nargs, 7, 7) < 0) return NULL;
    struct conv_geometry g;
    Py_ssize_t at[4];
    if (geometry_init(&g, args[2], "im2col_part") < 0 || mp_sizes(args + 3, at, 4) < 0) return NULL;
    if (at[0] < 0 || at[1] < 0 || at[0] > g.n * g.c - at[1] || at[2] < 0 || at[2] > at[3] || at[3] > g.oh) {
        PyErr_SetString(PyExc_ValueError, "im2col_part: planes or rows outside of the arrays");
        return NULL;
    }
    Py_buffer v[2];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "TW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t size = at[1] * g.kh * g.kw * (at[3] - at[2]) * g.ow;
    if (mp_check_size("im2col_part", "x", &v[0], size_of(&g, IMAGE)) < 0 ||
        mp_check_size("im2col_part", "cols", &v[1], size) < 0) {
        mp_release_all(v, 2);
        return NULL;
    }
    MP_BEGIN_WORK(size)
    SELECT_TABLE(conv_table, kind == MP_F64)->im2col(&g, at[0], at[1], at[2], at[3], v[0].buf, v[1].buf);
    MP_END_WORK
    mp_release_all(v, 2);
    Py_RETURN_TRUE;
}

static PyObject *col2im(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {COLUMNS, IMAGE};
    return call("col2im", args, nargs, roles, 2, 1);
}

static PyObject *conv(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {IMAGE, WEIGHT, OUTPUT};
    return call("conv", args, nargs, roles, 3, 2);
}

static PyObject *conv_grad_input(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {WEIGHT, OUTPUT, IMAGE};
    return call("conv_grad_input", args, nargs, roles, 3, 3);
}

static PyObject *conv_grad_weight(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {IMAGE, OUTPUT, WEIGHT};
    return call("conv_grad_weight", args, nargs, roles, 3, 4);
}

PyMethodDef mp_conv_methods[] = {
    MP_FUNCTION("im2col", im2col, "im2col(x, cols, geometry) -> bool"),
    MP_FUNCTION("im2col_part", im2col_part, "im2col_part(x, cols, geometry, first, planes, oh0, oh1) -> bool"),
    MP_FUNCTION("col2im", col2im, "col2im(cols, x, geometry) -> bool"),
    MP_FUNCTION("conv", conv, "conv(x, weight, y, geometry) -> bool"),
    MP_FUNCTION("conv_grad_input", conv_grad_input, "conv_grad_input(weight, d_y, d_x, geometry) -> bool"),
    MP_FUNCTION("conv_grad_weight", conv_grad_weight, "conv_grad_weight(x, d_y, d_weight, geometry) -> bool"),
    {NULL, NULL, 0, NULL},
};
