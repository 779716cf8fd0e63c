/* Elementwise functions and the scatter of embedding gradients. */
#include "common.h"

#define ACTIVATIONS 12

struct elementwise_loops {
    void (*unary[4])(ptrdiff_t, const void *, void *);
    void (*gelu_grad)(ptrdiff_t, const void *, const void *, void *);
    void (*add_rows)(ptrdiff_t, ptrdiff_t, const void *, int, int64_t, const void *, void *);
    void (*activation[ACTIVATIONS])(ptrdiff_t, const void *, void *, const double *);
    void (*activation_grad[ACTIVATIONS])(ptrdiff_t, const void *, const void *, void *, const double *);
};

#define LOOPS "elementwise_loops.h"
#include "variants.h"

static PyObject *unary(const char *function, PyObject *const *args, Py_ssize_t nargs, int which) {
    if (mp_check_count(function, nargs, 2, 2) < 0) return NULL;
    Py_buffer v[2];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "TW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = mp_count(&v[0]);
    if (mp_check_size(function, "out", &v[1], n) < 0) {
        mp_release_all(v, 2);
        return NULL;
    }
    MP_BEGIN_WORK(n)
    SELECT_TABLE(elementwise, kind == MP_F64)->unary[which](n, v[0].buf, v[1].buf);
    MP_END_WORK
    mp_release_all(v, 2);
    Py_RETURN_TRUE;
}

#define UNARY(name, which)                                                                                             \
    static PyObject *call_##name(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {                          \
        (void)module;                                                                                                  \
        return unary(#name, args, nargs, which);                                                                       \
    }
UNARY(sigmoid, 0)
UNARY(silu, 1)
UNARY(erf, 2)
UNARY(gelu, 3)

/* Gradients that are computed from x and the gradient of the result. */
static PyObject *gradient(const char *function, PyObject *const *args, Py_ssize_t nargs) {
    if (mp_check_count(function, nargs, 3, 3) < 0) return NULL;
    Py_buffer v[3];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "TTW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = mp_count(&v[0]);
    if (mp_check_size(function, "d_out", &v[1], n) < 0 || mp_check_size(function, "d_x", &v[2], n) < 0) {
        mp_release_all(v, 3);
        return NULL;
    }
    MP_BEGIN_WORK(n)
    SELECT_TABLE(elementwise, kind == MP_F64)->gelu_grad(n, v[0].buf, v[1].buf, v[2].buf);
    MP_END_WORK
    mp_release_all(v, 3);
    Py_RETURN_TRUE;
}

static PyObject *call_gelu_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return gradient("gelu_grad", args, nargs);
}

static const char activation_doc[] =
    "activation(code, x, out, a, b, c) -> bool\n\n"
    "out = the activation of this code of x; a, b, c are its attributes. out may be x.";

static PyObject *call_activation(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("activation", nargs, 6, 6) < 0) return NULL;
    Py_ssize_t code;
    double numbers[3];
    if (mp_sizes(args, &code, 1) < 0 || mp_doubles(args + 3, numbers, 3) < 0) return NULL;
    if (code < 0 || code >= ACTIVATIONS) return PyErr_Format(PyExc_ValueError, "activation: there is no code %zd", code);
    Py_buffer v[2];
    enum mp_kind kind;
    if (!mp_get_all(args + 1, v, "TW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = mp_count(&v[0]);
    if (mp_check_size("activation", "out", &v[1], n) < 0) {
        mp_release_all(v, 2);
        return NULL;
    }
    MP_BEGIN_WORK(n)
    SELECT_TABLE(elementwise, kind == MP_F64)->activation[code](n, v[0].buf, v[1].buf, numbers);
    MP_END_WORK
    mp_release_all(v, 2);
    Py_RETURN_TRUE;
}

static const char activation_grad_doc[] =
    "activation_grad(code, kept, d_out, d_x, a, b, c) -> bool\n\n"
    "d_x = the gradient of the activation of this code; kept: its input or output, see backend/kernels.py.";

static PyObject *call_activation_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("activation_grad", nargs, 7, 7) < 0) return NULL;
    Py_ssize_t code;
    double numbers[3];
    if (mp_sizes(args, &code, 1) < 0 || mp_doubles(args + 4, numbers, 3) < 0) return NULL;
    if (code < 0 || code >= ACTIVATIONS)
        return PyErr_Format(PyExc_ValueError, "activation_grad: there is no code %zd", code);
    Py_buffer v[3];
    enum mp_kind kind;
    if (!mp_get_all(args + 1, v, "TTW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = mp_count(&v[0]);
    if (mp_check_size("activation_grad", "d_out", &v[1], n) < 0 || mp_check_size("activation_grad", "d_x", &v[2], n) < 0) {
        mp_release_all(v, 3);
        return NULL;
    }
    MP_BEGIN_WORK(n)
    SELECT_TABLE(elementwise, kind == MP_F64)->activation_grad[code](n, v[0].buf, v[1].buf, v[2].buf, numbers);
    MP_END_WORK
    mp_release_all(v, 3);
    Py_RETURN_TRUE;
}

static const char add_rows_doc[] =
    "add_rows(ids, rows, table, width, skip) -> bool\n\n"
    "table[ids[i]] += rows[i] for ids other than `skip`; IndexError for an id outside the table.";

static PyObject *call_add_rows(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("add_rows", nargs, 5, 5) < 0) return NULL;
    Py_ssize_t numbers[2];
    if (mp_sizes(args + 3, numbers, 2) < 0) return NULL;
    Py_buffer v[3];
    enum mp_kind kind;
    if (!mp_get_all(args, v, "LTW", &kind)) Py_RETURN_FALSE;
    const Py_ssize_t n = mp_count(&v[0]), width = numbers[0], skip = numbers[1];
    const int wide = v[0].itemsize == 8;
    if (width < 1 || mp_count(&v[2]) % width) {
        PyErr_Format(PyExc_ValueError, "add_rows: a table of %zd elements has no rows of %zd", mp_count(&v[2]), width);
        goto fail;
    }
    if (mp_check_size("add_rows", "rows", &v[1], n * width) < 0) goto fail;
    const Py_ssize_t height = mp_count(&v[2]) / width;
    for (Py_ssize_t i = 0; i < n; i++) {
        const int64_t id = wide ? ((const int64_t *)v[0].buf)[i] : ((const int32_t *)v[0].buf)[i];
        if ((id < 0 || id >= height) && id != skip) {
            PyErr_Format(PyExc_IndexError, "add_rows: ids[%zd] is %lld, the table has %zd rows", i, (long long)id, height);
            goto fail;
        }
    }
    MP_BEGIN_WORK(n * width)
    SELECT_TABLE(elementwise, kind == MP_F64)->add_rows(n, width, v[0].buf, wide, skip, v[1].buf, v[2].buf);
    MP_END_WORK
    mp_release_all(v, 3);
    Py_RETURN_TRUE;
fail:
    mp_release_all(v, 3);
    return NULL;
}

PyMethodDef mp_elementwise_methods[] = {
    MP_FUNCTION("sigmoid", call_sigmoid, "sigmoid(x, out) -> bool"),
    MP_FUNCTION("silu", call_silu, "silu(x, out) -> bool"),
    MP_FUNCTION("erf", call_erf, "erf(x, out) -> bool"),
    MP_FUNCTION("gelu", call_gelu, "gelu(x, out) -> bool"),
    MP_FUNCTION("gelu_grad", call_gelu_grad, "gelu_grad(x, d_out, d_x) -> bool"),
    MP_FUNCTION("activation", call_activation, activation_doc),
    MP_FUNCTION("activation_grad", call_activation_grad, activation_grad_doc),
    MP_FUNCTION("add_rows", call_add_rows, add_rows_doc),
    {NULL, NULL, 0, NULL},
};
