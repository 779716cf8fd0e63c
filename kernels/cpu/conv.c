/* Convolution over NCHW arrays: im2col and col2im for the matrix product of NumPy's BLAS, and direct convolution. */
#include "common.h"

#include <stdlib.h>

/* Sizes of a convolution; pt and pl are the padding above and to the left, the rest follows from oh and ow. */
struct conv_geometry {
    ptrdiff_t n, c, h, w, oc, groups, kh, kw, sh, sw, pt, pl, dh, dw, oh, ow;
};

/* Which images, planes (channels) and output rows columns are made of, and the distance in the columns from one image to
 * the next and from one place in the kernel to the next. */
struct conv_part {
    ptrdiff_t first_image, images, first_plane, planes, oh0, oh1, image_step, tap_step;
};

struct conv_loops {
    void (*im2col)(const struct conv_geometry *, const struct conv_part *, const void *, void *);
    void (*col2im)(const struct conv_geometry *, const struct conv_part *, const void *, void *);
    void (*conv)(const struct conv_geometry *, const void *, const void *, void *);
    void (*conv_grad_input)(const struct conv_geometry *, const void *, const void *, void *);
    void (*conv_grad_weight)(const struct conv_geometry *, const void *, const void *, void *);
    int (*flat[3])(const struct conv_geometry *, const void *, const void *, void *); /* conv, grad_input, grad_weight */
};

enum { FLAT_CACHE = 1 << 19 }; /* bytes that stay in a core's second cache beside the weights */
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
    const ptrdiff_t places = g.oh * g.ow;
    int done = 1;
    const struct conv_part whole = {0, g.n, 0, g.c, 0, g.oh, g.c * g.kh * g.kw * places, places};
    MP_BEGIN_WORK(size_of(&g, COLUMNS))
    MP_BEGIN_FLUSH
    switch (which) {
    case 0: loops->im2col(&g, &whole, v[0].buf, v[1].buf); break;
    case 1:
        memset(v[1].buf, 0, (size_t)v[1].len);
        loops->col2im(&g, &whole, v[0].buf, v[1].buf);
        break;
    case 2: loops->conv(&g, v[0].buf, v[1].buf, v[2].buf); break;
    case 3: loops->conv_grad_input(&g, v[0].buf, v[1].buf, v[2].buf); break;
    case 4: loops->conv_grad_weight(&g, v[0].buf, v[1].buf, v[2].buf); break;
    default: done = loops->flat[which - 5] && loops->flat[which - 5](&g, v[0].buf, v[1].buf, v[2].buf); break;
    }
    MP_END_FLUSH
    MP_END_WORK
    mp_release_all(v, count);
    return PyBool_FromLong(done);
}

static PyObject *im2col(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {IMAGE, COLUMNS};
    return call("im2col", args, nargs, roles, 2, 0);
}

/* im2col and col2im (which adds to x) for some images, one group and some output rows, with columns
 * [(c kh kw), images, (rows ow)]: one matrix product for many small images, or for a part of a large one. The arguments behind
 * the geometry are first image, images, group, oh0, oh1. */
static PyObject *columns_part(const char *function, PyObject *const *args, Py_ssize_t nargs, int back) {
    if (mp_check_count(function, nargs, 8, 8) < 0) return NULL;
    struct conv_geometry g;
    Py_ssize_t at[5];
    if (geometry_init(&g, args[2], function) < 0 || mp_sizes(args + 3, at, 5) < 0) return NULL;
    if (at[0] < 0 || at[1] < 0 || at[0] > g.n - at[1] || at[2] < 0 || at[2] >= g.groups || at[3] < 0 || at[3] > at[4] ||
        at[4] > g.oh) {
        PyErr_Format(PyExc_ValueError, "%s: images, group or rows outside of the arrays", function);
        return NULL;
    }
    const ptrdiff_t planes = g.c / g.groups, places = (at[4] - at[3]) * g.ow;
    const struct conv_part part = {at[0], at[1], at[2] * planes, planes, at[3], at[4], places, at[1] * places};
    Py_buffer v[2];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "TW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t size = planes * g.kh * g.kw * at[1] * places;
    if (mp_check_size(function, "x", &v[back], size_of(&g, IMAGE)) < 0 ||
        mp_check_size(function, "cols", &v[!back], size) < 0) {
        mp_release_all(v, 2);
        return NULL;
    }
    const struct conv_loops *loops = SELECT_TABLE(conv_table, kind == MP_F64);
    MP_BEGIN_WORK(size)
    MP_BEGIN_FLUSH
    (back ? loops->col2im : loops->im2col)(&g, &part, v[0].buf, v[1].buf);
    MP_END_FLUSH
    MP_END_WORK
    mp_release_all(v, 2);
    Py_RETURN_TRUE;
}

static PyObject *im2col_part(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return columns_part("im2col_part", args, nargs, 0);
}

static PyObject *col2im_part(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return columns_part("col2im_part", args, nargs, 1);
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

static PyObject *conv_flat(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {IMAGE, WEIGHT, OUTPUT};
    return call("conv_flat", args, nargs, roles, 3, 5);
}

static PyObject *conv_flat_grad_input(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {WEIGHT, OUTPUT, IMAGE};
    return call("conv_flat_grad_input", args, nargs, roles, 3, 6);
}

static PyObject *conv_flat_grad_weight(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {IMAGE, OUTPUT, WEIGHT};
    return call("conv_flat_grad_weight", args, nargs, roles, 3, 7);
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
    MP_FUNCTION("im2col_part", im2col_part, "im2col_part(x, cols, geometry, image, images, group, oh0, oh1) -> bool"),
    MP_FUNCTION("col2im_part", col2im_part, "col2im_part(cols, x, geometry, image, images, group, oh0, oh1) -> bool"),
    MP_FUNCTION("col2im", col2im, "col2im(cols, x, geometry) -> bool"),
    MP_FUNCTION("conv", conv, "conv(x, weight, y, geometry) -> bool"),
    MP_FUNCTION("conv_flat", conv_flat, "conv_flat(x, weight, y, geometry) -> bool"),
    MP_FUNCTION("conv_flat_grad_input", conv_flat_grad_input, "conv_flat_grad_input(weight, d_y, d_x, geometry) -> bool"),
    MP_FUNCTION("conv_flat_grad_weight", conv_flat_grad_weight,
                "conv_flat_grad_weight(x, d_y, d_weight, geometry) -> bool"),
    MP_FUNCTION("conv_grad_input", conv_grad_input, "conv_grad_input(weight, d_y, d_x, geometry) -> bool"),
    MP_FUNCTION("conv_grad_weight", conv_grad_weight, "conv_grad_weight(x, d_y, d_weight, geometry) -> bool"),
    {NULL, NULL, 0, NULL},
};
