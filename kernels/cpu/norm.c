/* Layer normalisation over the last axes, batch normalisation over [n, c, s]. */
#include "common.h"

struct norm_loops {
    void (*layer_norm)(ptrdiff_t, ptrdiff_t, const void *, const void *, const void *, double, void *, void *, void *);
    void (*layer_norm_grad)(ptrdiff_t, ptrdiff_t, const void *, const void *, const void *, const void *, double,
                            const void *, void *, void *, void *);
    void (*channel_stats)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, void *, void *);
    void (*inverse_std)(ptrdiff_t, const void *, double, void *);
    void (*channel_affine)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, const void *, const void *, const void *,
                           const void *, void *);
    void (*batch_norm_grad)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, const void *, const void *, const void *,
                            const void *, int, void *, void *, void *);
};

#define LOOPS "norm_loops.h"
#include "variants.h"

/* Checks that each buffer present has the given number of elements. */
static int check_sizes(const char *function, const Py_buffer *views, const char *const *names, const Py_ssize_t *sizes,
                       int count) {
    for (int i = 0; i < count; i++)
        if (views[i].obj && mp_check_size(function, names[i], &views[i], sizes[i]) < 0) return -1;
    return 0;
}

static PyObject *finish(Py_buffer *views, int count, int ok) {
    mp_release_all(views, count);
    if (!ok) return NULL;
    Py_RETURN_TRUE;
}

static PyObject *layer_norm(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char name[] = "layer_norm";
    static const char *const names[] = {"x", "scale", "bias", "y", "mean", "variance"};
    if (mp_check_count(name, nargs, 9, 9) < 0) return NULL;
    Py_buffer v[6];
    enum mp_kind kind;
    Py_ssize_t size[2];
    double eps;
    if (mp_sizes(args + 6, size, 2) < 0 || mp_doubles(args + 8, &eps, 1) < 0) return NULL;
    if (!mp_get_all(args, v, "TttWWW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = size[0], c = size[1], sizes[] = {n * c, c, c, n * c, n, n};
    if (check_sizes(name, v, names, sizes, 6) < 0) return finish(v, 6, 0);
    MP_BEGIN_WORK(n * c)
    SELECT_TABLE(norm, kind == MP_F64)
        ->layer_norm(n, c, v[0].buf, v[1].buf, v[2].buf, eps, v[3].buf, v[4].buf, v[5].buf);
    MP_END_WORK
    return finish(v, 6, 1);
}

static PyObject *layer_norm_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char name[] = "layer_norm_grad";
    static const char *const names[] = {"x", "scale", "mean", "variance", "d_y", "d_x", "d_scale", "d_bias"};
    if (mp_check_count(name, nargs, 11, 11) < 0) return NULL;
    Py_buffer v[8];
    enum mp_kind kind;
    Py_ssize_t size[2];
    double eps;
    if (mp_sizes(args + 8, size, 2) < 0 || mp_doubles(args + 10, &eps, 1) < 0) return NULL;
    if (!mp_get_all(args, v, "TtTTTWww", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = size[0], c = size[1], sizes[] = {n * c, c, n, n, n * c, n * c, c, c};
    if (check_sizes(name, v, names, sizes, 8) < 0) return finish(v, 8, 0);
    MP_BEGIN_WORK(n * c)
    SELECT_TABLE(norm, kind == MP_F64)
        ->layer_norm_grad(n, c, v[0].buf, v[1].buf, v[2].buf, v[3].buf, eps, v[4].buf, v[5].buf, v[6].buf, v[7].buf);
    MP_END_WORK
    return finish(v, 8, 1);
}

static PyObject *batch_norm(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char name[] = "batch_norm";
    static const char *const names[] = {"x", "scale", "bias", "y", "mean", "variance", "inverse_std"};
    if (mp_check_count(name, nargs, 11, 11) < 0) return NULL;
    Py_buffer v[7];
    enum mp_kind kind;
    Py_ssize_t size[3];
    double eps;
    if (mp_sizes(args + 7, size, 3) < 0 || mp_doubles(args + 10, &eps, 1) < 0) return NULL;
    if (!mp_get_all(args, v, "TttWWWW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = size[0], c = size[1], s = size[2], all = n * c * s, sizes[] = {all, c, c, all, c, c, c};
    if (check_sizes(name, v, names, sizes, 7) < 0) return finish(v, 7, 0);
    MP_BEGIN_WORK(all)
    const struct norm_loops *loops = SELECT_TABLE(norm, kind == MP_F64);
    loops->channel_stats(n, c, s, v[0].buf, v[4].buf, v[5].buf);
    loops->inverse_std(c, v[5].buf, eps, v[6].buf);
    loops->channel_affine(n, c, s, v[0].buf, v[4].buf, v[6].buf, v[1].buf, v[2].buf, v[3].buf);
    MP_END_WORK
    return finish(v, 7, 1);
}

static PyObject *channel_affine(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char name[] = "channel_affine";
    static const char *const names[] = {"x", "mean", "inverse_std", "scale", "bias", "y"};
    if (mp_check_count(name, nargs, 9, 9) < 0) return NULL;
    Py_buffer v[6];
    enum mp_kind kind;
    Py_ssize_t size[3];
    if (mp_sizes(args + 6, size, 3) < 0) return NULL;
    if (!mp_get_all(args, v, "TTTttW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = size[0], c = size[1], s = size[2], sizes[] = {n * c * s, c, c, c, c, n * c * s};
    if (check_sizes(name, v, names, sizes, 6) < 0) return finish(v, 6, 0);
    MP_BEGIN_WORK(n * c * s)
    SELECT_TABLE(norm, kind == MP_F64)
        ->channel_affine(n, c, s, v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf, v[5].buf);
    MP_END_WORK
    return finish(v, 6, 1);
}

static PyObject *batch_norm_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char name[] = "batch_norm_grad";
    static const char *const names[] = {"x", "d_y", "mean", "inverse_std", "scale", "d_x", "d_scale", "d_bias"};
    if (mp_check_count(name, nargs, 12, 12) < 0) return NULL;
    Py_buffer v[8];
    enum mp_kind kind;
    Py_ssize_t size[3];
    if (mp_sizes(args + 8, size, 3) < 0) return NULL;
    const int stored = PyObject_IsTrue(args[11]);
    if (stored < 0) return NULL;
    if (!mp_get_all(args, v, "TTTTtwWW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = size[0], c = size[1], s = size[2], all = n * c * s, sizes[] = {all, all, c, c, c, all, c, c};
    if (check_sizes(name, v, names, sizes, 8) < 0) return finish(v, 8, 0);
    MP_BEGIN_WORK(all)
    SELECT_TABLE(norm, kind == MP_F64)
        ->batch_norm_grad(n, c, s, v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf, stored, v[5].buf, v[6].buf,
                          v[7].buf);
    MP_END_WORK
    return finish(v, 8, 1);
}

PyMethodDef mp_norm_methods[] = {
    MP_FUNCTION("layer_norm", layer_norm, "layer_norm(x, scale, bias, y, mean, variance, n, c, epsilon) -> bool"),
    MP_FUNCTION("layer_norm_grad", layer_norm_grad,
                "layer_norm_grad(x, scale, mean, variance, d_y, d_x, d_scale, d_bias, n, c, epsilon) -> bool"),
    MP_FUNCTION("batch_norm", batch_norm,
                "batch_norm(x, scale, bias, y, mean, variance, inverse_std, n, c, s, epsilon) -> bool"),
    MP_FUNCTION("channel_affine", channel_affine,
                "channel_affine(x, mean, inverse_std, scale, bias, y, n, c, s) -> bool"),
    MP_FUNCTION("batch_norm_grad", batch_norm_grad,
                "batch_norm_grad(x, d_y, mean, inverse_std, scale, d_x, d_scale, d_bias, n, c, s, stored) -> bool"),
    {NULL, NULL, 0, NULL},
};
