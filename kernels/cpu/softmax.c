/* Softmax, log-softmax and softmax with cross entropy over the last axis. */
#include "common.h"

struct softmax_loops {
    void (*softmax)(ptrdiff_t, ptrdiff_t, const void *, void *);
    void (*softmax_grad)(ptrdiff_t, ptrdiff_t, const void *, const void *, void *);
    void (*log_softmax)(ptrdiff_t, ptrdiff_t, const void *, void *);
    void (*log_softmax_grad)(ptrdiff_t, ptrdiff_t, const void *, const void *, void *);
    void (*cross_entropy)(ptrdiff_t, ptrdiff_t, const void *, const void *, int, int64_t, void *, void *);
    void (*cross_entropy_grad)(ptrdiff_t, ptrdiff_t, const void *, const void *, int, int64_t, const void *, void *);
};

#define LOOPS "softmax_loops.h"
#include "variants.h"

/* Rows and columns from the element count and the last axis; -1 with an exception. */
static int split_rows(const char *function, const Py_buffer *view, PyObject *columns, Py_ssize_t *n, Py_ssize_t *c) {
    if (mp_sizes(&columns, c, 1) < 0) return -1;
    const Py_ssize_t size = mp_count(view);
    if (*c < 1 || size % *c) {
        PyErr_Format(PyExc_ValueError, "%s: %zd elements cannot be rows of %zd", function, size, *c);
        return -1;
    }
    *n = size / *c;
    return 0;
}

/* (x, out, columns): softmax or log_softmax */
static PyObject *forward(const char *function, int logarithm, PyObject *const *args, Py_ssize_t nargs) {
    if (mp_check_count(function, nargs, 3, 3) < 0) return NULL;
    Py_buffer views[2];
    enum mp_kind kind;
    Py_ssize_t n, c;
    if (!mp_get_all(args, views, "TW", &kind)) Py_RETURN_FALSE;
    if (split_rows(function, &views[0], args[2], &n, &c) < 0 || mp_check_size(function, "out", &views[1], n * c) < 0) {
        mp_release_all(views, 2);
        return NULL;
    }
    const struct softmax_loops *loops = SELECT_TABLE(softmax_table, kind == MP_F64);
    MP_BEGIN_WORK(n * c)
    (logarithm ? loops->log_softmax : loops->softmax)(n, c, views[0].buf, views[1].buf);
    MP_END_WORK
    mp_release_all(views, 2);
    Py_RETURN_TRUE;
}

/* (out, d_out, d_x, columns) */
static PyObject *backward(const char *function, int logarithm, PyObject *const *args, Py_ssize_t nargs) {
    if (mp_check_count(function, nargs, 4, 4) < 0) return NULL;
    Py_buffer views[3];
    enum mp_kind kind;
    Py_ssize_t n, c;
    if (!mp_get_all(args, views, "TTW", &kind)) Py_RETURN_FALSE;
    if (split_rows(function, &views[0], args[3], &n, &c) < 0 || mp_check_size(function, "d_out", &views[1], n * c) < 0 ||
        mp_check_size(function, "d_x", &views[2], n * c) < 0) {
        mp_release_all(views, 3);
        return NULL;
    }
    const struct softmax_loops *loops = SELECT_TABLE(softmax_table, kind == MP_F64);
    MP_BEGIN_WORK(n * c)
    (logarithm ? loops->log_softmax_grad : loops->softmax_grad)(n, c, views[0].buf, views[1].buf, views[2].buf);
    MP_END_WORK
    mp_release_all(views, 3);
    Py_RETURN_TRUE;
}

static PyObject *softmax(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return forward("softmax", 0, args, nargs);
}

static PyObject *log_softmax(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return forward("log_softmax", 1, args, nargs);
}

static PyObject *softmax_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return backward("softmax_grad", 0, args, nargs);
}

static PyObject *log_softmax_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    return backward("log_softmax_grad", 1, args, nargs);
}

/* ValueError if a label is neither a class nor the ignored value. */
static int check_labels(const char *function, const Py_buffer *labels, Py_ssize_t n, Py_ssize_t c, int64_t ignore) {
    const int wide = labels->itemsize == 8;
    for (Py_ssize_t i = 0; i < n; i++) {
        const int64_t label = wide ? ((const int64_t *)labels->buf)[i] : ((const int32_t *)labels->buf)[i];
        if ((label < 0 || label >= c) && label != ignore) {
            PyErr_Format(PyExc_ValueError, "%s: label[%zd] is %lld, expected a class in [0, %zd) or ignore_index %lld",
                         function, i, (long long)label, c, (long long)ignore);
            return -1;
        }
    }
    return 0;
}

static int ignore_index(PyObject *obj, int64_t *ignore) {
    *ignore = PyLong_AsLongLong(obj);
    return *ignore == -1 && PyErr_Occurred() ? -1 : 0;
}

/* The arguments of a cross entropy: an array [n, classes], labels [n], two more arrays, and the numbers classes
 * and ignore_index. */
struct cross_entropy_call {
    Py_buffer views[4];
    enum mp_kind kind;
    Py_ssize_t n, c;
    int64_t ignore;
    int wide; /* labels are int64 */
    const struct softmax_loops *loops;
};

enum extent { ONE, ROWS_EACH, WHOLE }; /* how many elements an array has: 1, n, or n times classes */

static Py_ssize_t elements(const struct cross_entropy_call *call, enum extent extent) {
    return extent == ONE ? 1 : extent == ROWS_EACH ? call->n : call->n * call->c;
}

/* 1 with the buffers held, 0 where some array cannot be served, -1 with an exception. */
static int get_call(const char *name, PyObject *const *args, Py_ssize_t nargs, const char *kinds, const char *third,
                    enum extent third_extent, const char *fourth, enum extent fourth_extent,
                    struct cross_entropy_call *call) {
    if (mp_check_count(name, nargs, 6, 6) < 0) return -1;
    Py_buffer *views = call->views;
    if (!mp_get_all(args, views, kinds, &call->kind)) return 0;
    if (split_rows(name, &views[0], args[4], &call->n, &call->c) < 0 ||
        mp_check_size(name, "label", &views[1], call->n) < 0 ||
        mp_check_size(name, third, &views[2], elements(call, third_extent)) < 0 ||
        mp_check_size(name, fourth, &views[3], elements(call, fourth_extent)) < 0 ||
        ignore_index(args[5], &call->ignore) < 0 ||
        check_labels(name, &views[1], call->n, call->c, call->ignore) < 0) {
        mp_release_all(views, 4);
        return -1;
    }
    call->wide = views[1].itemsize == 8;
    call->loops = SELECT_TABLE(softmax_table, call->kind == MP_F64);
    return 1;
}

#define GET_CALL(...)                                                                                                  \
    struct cross_entropy_call call;                                                                                    \
    const int served = get_call(__VA_ARGS__, &call);                                                                   \
    if (served < 0) return NULL;                                                                                       \
    if (!served) Py_RETURN_FALSE;                                                                                      \
    Py_buffer *const views = call.views;                                                                               \
    const Py_ssize_t n = call.n, c = call.c

static const char cross_entropy_doc[] =
    "softmax_with_cross_entropy(logits, label, softmax, loss, classes, ignore_index) -> bool\n\n"
    "Fills softmax [n, classes] and loss [n] from logits [n, classes] and int32 or int64 label [n]. ValueError for a\n"
    "label that is no class and not ignored. False: some array cannot be served and nothing was changed.";

static PyObject *cross_entropy(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    GET_CALL("softmax_with_cross_entropy", args, nargs, "TLWW", "softmax", WHOLE, "loss", ROWS_EACH);
    MP_BEGIN_WORK(n * c)
    call.loops->cross_entropy(n, c, views[0].buf, views[1].buf, call.wide, call.ignore, views[2].buf, views[3].buf);
    MP_END_WORK
    mp_release_all(views, 4);
    Py_RETURN_TRUE;
}

static const char cross_entropy_grad_doc[] =
    "softmax_with_cross_entropy_grad(softmax, label, d_loss, d_logits, classes, ignore_index) -> bool\n\n"
    "Fills d_logits [n, classes]. ValueError for a label that is no class and not ignored. False: some array cannot be\n"
    "served and nothing was changed.";

static PyObject *cross_entropy_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    GET_CALL("softmax_with_cross_entropy_grad", args, nargs, "TLTW", "d_loss", ROWS_EACH, "d_logits", WHOLE);
    MP_BEGIN_WORK(n * c)
    call.loops->cross_entropy_grad(n, c, views[0].buf, views[1].buf, call.wide, call.ignore, views[2].buf,
                                   views[3].buf);
    MP_END_WORK
    mp_release_all(views, 4);
    Py_RETURN_TRUE;
}

static const char mean_cross_entropy_doc[] =
    "mean_cross_entropy(logits, label, softmax, mean, classes, ignore_index) -> bool\n\n"
    "Fills softmax [n, classes] and mean [1], the sum of the losses over the number of labels that count, 0 if none does.\n"
    "Otherwise as softmax_with_cross_entropy.";

/* Rows whose losses, or gradients of losses, a call of the loops gets in memory on the stack. */
#define ROWS 64

static double count_labels(const struct cross_entropy_call *call) {
    const void *labels = call->views[1].buf;
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < call->n; i++)
        count += (call->wide ? ((const int64_t *)labels)[i] : ((const int32_t *)labels)[i]) != call->ignore;
    return count ? (double)count : 1.0;
}

static PyObject *mean_cross_entropy(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    GET_CALL("mean_cross_entropy", args, nargs, "TLWW", "softmax", WHOLE, "mean", ONE);
    const Py_ssize_t row = c * views[0].itemsize;
    double total = 0;
    MP_BEGIN_WORK(n * c)
    for (Py_ssize_t start = 0; start < n; start += ROWS) {
        const Py_ssize_t rows = n - start < ROWS ? n - start : ROWS;
        double losses[ROWS];
        call.loops->cross_entropy(rows, c, (const char *)views[0].buf + start * row,
                                  (const char *)views[1].buf + start * views[1].itemsize, call.wide, call.ignore,
                                  (char *)views[2].buf + start * row, losses);
        for (Py_ssize_t i = 0; i < rows; i++) total += call.kind == MP_F64 ? losses[i] : ((const float *)losses)[i];
    }
    total /= count_labels(&call);
    MP_END_WORK
    if (call.kind == MP_F64) *(double *)views[3].buf = total;
    else *(float *)views[3].buf = (float)total;
    mp_release_all(views, 4);
    Py_RETURN_TRUE;
}

static const char mean_cross_entropy_grad_doc[] =
    "mean_cross_entropy_grad(softmax, label, d_mean, d_logits, classes, ignore_index) -> bool\n\n"
    "Fills d_logits [n, classes] from d_mean [1]; otherwise as softmax_with_cross_entropy_grad.";

static PyObject *mean_cross_entropy_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    GET_CALL("mean_cross_entropy_grad", args, nargs, "TLTW", "d_mean", ONE, "d_logits", WHOLE);
    const Py_ssize_t row = c * views[0].itemsize;
    const double count = count_labels(&call);
    double each[ROWS];
    for (int i = 0; i < ROWS; i++) {
        if (call.kind == MP_F64) each[i] = *(const double *)views[2].buf / count;
        else ((float *)each)[i] = *(const float *)views[2].buf / (float)count;
    }
    MP_BEGIN_WORK(n * c)
    for (Py_ssize_t start = 0; start < n; start += ROWS)
        call.loops->cross_entropy_grad(n - start < ROWS ? n - start : ROWS, c, (const char *)views[0].buf + start * row,
                                       (const char *)views[1].buf + start * views[1].itemsize, call.wide, call.ignore,
                                       each, (char *)views[3].buf + start * row);
    MP_END_WORK
    mp_release_all(views, 4);
    Py_RETURN_TRUE;
}

PyMethodDef mp_softmax_methods[] = {
    MP_FUNCTION("softmax", softmax, "softmax(x, out, columns) -> bool"),
    MP_FUNCTION("softmax_grad", softmax_grad, "softmax_grad(out, d_out, d_x, columns) -> bool"),
    MP_FUNCTION("log_softmax", log_softmax, "log_softmax(x, out, columns) -> bool"),
    MP_FUNCTION("log_softmax_grad", log_softmax_grad, "log_softmax_grad(out, d_out, d_x, columns) -> bool"),
    MP_FUNCTION("softmax_with_cross_entropy", cross_entropy, cross_entropy_doc),
    MP_FUNCTION("softmax_with_cross_entropy_grad", cross_entropy_grad, cross_entropy_grad_doc),
    MP_FUNCTION("mean_cross_entropy", mean_cross_entropy, mean_cross_entropy_doc),
    MP_FUNCTION("mean_cross_entropy_grad", mean_cross_entropy_grad, mean_cross_entropy_grad_doc),
    {NULL, NULL, 0, NULL},
};
