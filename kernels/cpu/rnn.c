/* Recurrent layers: all steps of one direction of one layer in one call. */
#include "common.h"

#include <stdlib.h>

enum { LSTM, GRU, TANH, RELU };

struct rnn_sizes {
    ptrdiff_t steps, batch, n, gates; /* n: numbers in a state; gates: of a cell, each n wide */
    int mode, backwards;
};

struct rnn_loops {
    int (*forward)(const struct rnn_sizes *, const void *, const void *, const void *, const void *, const void *,
                   const void *, void *, void *, void *, void *);
    int (*backward)(const struct rnn_sizes *, const void *, const void *, const void *, const void *, const void *,
                    const void *, const void *, const void *, const void *, void *, void *, void *, void *);
};

#define LOOPS "rnn_loops.h"
#include "variants.h"

enum { MOST = 14 };

/* The sizes behind the arrays: mode, backwards, steps, batch, n; -1 with an exception. */
static int sizes_init(struct rnn_sizes *s, PyObject *const *args, const char *function) {
    static const int gates[] = {4, 3, 1, 1};
    Py_ssize_t value[5];
    if (mp_sizes(args, value, 5) < 0) return -1;
    if (value[0] < LSTM || value[0] > RELU || value[2] < 0 || value[3] < 0 || value[4] < 1) {
        PyErr_Format(PyExc_ValueError, "%s: mode %zd, %zd steps, batch %zd, hidden size %zd", function, value[0], value[2],
                     value[3], value[4]);
        return -1;
    }
    *s = (struct rnn_sizes){value[2], value[3], value[4], gates[value[0]], (int)value[0], value[1] != 0};
    return 0;
}

/* Roles of arrays, by what they hold a number for: step and gate; weight; bias; step and sample; state; step and state. */
enum { STEPS_GATES, WEIGHT, BIAS, MASK, STATE, STEPS_STATE };

static Py_ssize_t size_of(const struct rnn_sizes *s, int role) {
    switch (role) {
    case STEPS_GATES: return s->steps * s->batch * s->gates * s->n;
    case WEIGHT: return s->gates * s->n * s->n;
    case BIAS: return s->gates * s->n;
    case MASK: return s->steps * s->batch;
    case STATE: return s->batch * s->n;
    default: return s->steps * s->batch * s->n;
    }
}

/* Gets the arrays and the sizes behind them; 1 if all is well, 0 if they are not served, -1 with an exception. */
static int arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, const char *kinds, const int *roles,
                     int count, struct rnn_sizes *s, Py_buffer *v, enum mp_kind *kind) {
    if (mp_check_count(function, nargs, count + 5, count + 5) < 0 || sizes_init(s, args + count, function) < 0) return -1;
    if (!mp_get_all(args, v, kinds, kind)) return 0;
    for (int i = 0; i < count; i++)
        if (v[i].obj && mp_check_size(function, "an array", &v[i], size_of(s, roles[i])) < 0) {
            mp_release_all(v, count);
            return -1;
        }
    return 1;
}

static PyObject *rnn(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {STEPS_GATES, WEIGHT, BIAS, MASK, STATE, STATE, STEPS_GATES, STEPS_STATE, STEPS_STATE, STATE};
    struct rnn_sizes s;
    Py_buffer v[MOST];
    enum mp_kind kind;
    const int ready = arguments("rnn", args, nargs, "TTttTtWwWw", roles, 10, &s, v, &kind);
    if (ready < 0) return NULL;
    if (!ready) Py_RETURN_FALSE;
    const struct rnn_loops *loops = SELECT_TABLE(rnn_table, kind == MP_F64);
    const int has_cell = v[5].obj && v[9].obj, has_extra = v[7].obj != NULL;
    int done = loops->forward && has_cell == (s.mode == LSTM) && (has_extra || s.mode >= TANH);
    if (done) {
        MP_BEGIN_WORK(size_of(&s, STEPS_GATES) * s.n)
        MP_BEGIN_FLUSH
        done = loops->forward(&s, v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf, v[5].buf, v[6].buf, v[7].buf, v[8].buf,
                              v[9].buf);
        MP_END_FLUSH
        MP_END_WORK
    }
    mp_release_all(v, 10);
    return PyBool_FromLong(done);
}

static PyObject *rnn_grad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const int roles[] = {STEPS_STATE, WEIGHT,      MASK,        STATE,       STATE, STEPS_GATES, STEPS_STATE,
                                STEPS_STATE, STEPS_STATE, STEPS_GATES, STEPS_GATES, STATE, STATE};
    struct rnn_sizes s;
    Py_buffer v[MOST];
    enum mp_kind kind;
    const int ready = arguments("rnn_grad", args, nargs, "TTtTtTtTtWWWw", roles, 13, &s, v, &kind);
    if (ready < 0) return NULL;
    if (!ready) Py_RETURN_FALSE;
    const struct rnn_loops *loops = SELECT_TABLE(rnn_table, kind == MP_F64);
    const int has_cell = v[4].obj && v[8].obj && v[12].obj, has_extra = v[6].obj != NULL;
    const int apart = v[9].buf != v[10].buf;
    int done = loops->backward && has_cell == (s.mode == LSTM) && (has_extra || s.mode >= TANH) && apart == (s.mode == GRU);
    if (done) {
        MP_BEGIN_WORK(size_of(&s, STEPS_GATES) * s.n)
        MP_BEGIN_FLUSH
        done = loops->backward(&s, v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf, v[5].buf, v[6].buf, v[7].buf, v[8].buf,
                               v[9].buf, v[10].buf, v[11].buf, v[12].buf);
        MP_END_FLUSH
        MP_END_WORK
    }
    mp_release_all(v, 13);
    return PyBool_FromLong(done);
}

PyMethodDef mp_rnn_methods[] = {
    MP_FUNCTION("rnn", rnn,
                "rnn(driven, weight, bias, mask, h0, c0, gates, extra, states, c, mode, backwards, steps, batch, n) -> bool"),
    MP_FUNCTION("rnn_grad", rnn_grad,
                "rnn_grad(d_out, weight, mask, h0, c0, gates, extra, states, cells, d_x, d_hidden, d_h, d_c, mode, backwards, "
                "steps, batch, n) -> bool"),
    {NULL, NULL, 0, NULL},
};
