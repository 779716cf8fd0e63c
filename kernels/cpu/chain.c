/* Chains of elementwise operators in one pass over memory. */
#include "common.h"

/* The operators; minipaddle.backend.kernels knows them by these numbers. c0, c1, c2 are the constants of a step. */
enum chain_code {
    CHAIN_ADD, CHAIN_SUB, CHAIN_MUL, CHAIN_DIV, CHAIN_MAX, CHAIN_MIN, /* of two operands */
    CHAIN_TIMES,                                                      /* x c0 */
    CHAIN_PLUS,                                                       /* x + c0 */
    CHAIN_CLIP,                                                       /* between c0 and c1 */
    CHAIN_RELU,
    CHAIN_LEAKY,      /* x c0 below 0 */
    CHAIN_HARD_SWISH, /* x clip(x + c0, 0, c1) / c2 */
    CHAIN_SIGMOID,
    CHAIN_SILU,
    CHAIN_SQRT,
    CHAIN_SQUARE,
    CHAIN_ABS,
    CHAIN_CODES
};

enum { MP_CHAIN_BLOCK = 512, MP_CHAIN_REGISTERS = 24 };

struct chain_step {
    int code, a, b; /* a and b are registers: first the operands, then the results of the steps */
    double constants[3];
};

/* Element i of the result meets values[i / repeat % count]. */
struct chain_operand {
    const void *values;
    ptrdiff_t repeat, count;
};

struct chain {
    int operands, steps;
    struct chain_operand operand[MP_CHAIN_REGISTERS];
    struct chain_step step[MP_CHAIN_REGISTERS];
};

struct chain_loops {
    void (*run)(const struct chain *, void *, ptrdiff_t);
};

#define LOOPS "chain_loops.h"
#include "variants.h"

static const char chain_doc[] =
    "chain(steps, places, out, *operands) -> bool\n\n"
    "steps: tuple of (code, a, b, c0, c1, c2); a and b count the operands, then the results of earlier steps.\n"
    "places: tuple of (repeat, count) per operand; element i of the result meets operand[i // repeat % count].\n"
    "out may be an operand that is as large as itself.";

static int read_steps(struct chain *chain, PyObject *steps) {
    for (int k = 0; k < chain->steps; k++) {
        PyObject *item = PyTuple_GetItem(steps, k);
        if (!item || !PyTuple_Check(item) || PyTuple_Size(item) != 6) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "chain: a step must be a tuple of 6 numbers");
            return -1;
        }
        PyObject *parts[6];
        for (int i = 0; i < 6; i++) parts[i] = PyTuple_GetItem(item, i);
        Py_ssize_t whole[3];
        struct chain_step *step = &chain->step[k];
        if (mp_sizes(parts, whole, 3) < 0 || mp_doubles(parts + 3, step->constants, 3) < 0) return -1;
        const int known = chain->operands + k;
        if (whole[0] < 0 || whole[0] >= CHAIN_CODES || whole[1] < 0 || whole[1] >= known || whole[2] < 0 ||
            whole[2] >= known) {
            PyErr_Format(PyExc_ValueError, "chain: step %d is (%zd, %zd, %zd)", k, whole[0], whole[1], whole[2]);
            return -1;
        }
        step->code = (int)whole[0], step->a = (int)whole[1], step->b = (int)whole[2];
    }
    return 0;
}

static int read_places(struct chain *chain, PyObject *places) {
    for (int k = 0; k < chain->operands; k++) {
        PyObject *item = PyTuple_GetItem(places, k);
        if (!item || !PyTuple_Check(item) || PyTuple_Size(item) != 2) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "chain: a place must be a tuple of 2 numbers");
            return -1;
        }
        PyObject *parts[2] = {PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1)};
        Py_ssize_t numbers[2];
        if (mp_sizes(parts, numbers, 2) < 0) return -1;
        if (numbers[0] < 1 || numbers[1] < 1) {
            PyErr_Format(PyExc_ValueError, "chain: place %d is (%zd, %zd)", k, numbers[0], numbers[1]);
            return -1;
        }
        chain->operand[k].repeat = numbers[0], chain->operand[k].count = numbers[1];
    }
    return 0;
}

static PyObject *call_chain(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("chain", nargs, 4, 3 + MP_CHAIN_REGISTERS) < 0) return NULL;
    if (!PyTuple_Check(args[0]) || !PyTuple_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "chain: steps and places must be tuples");
        return NULL;
    }
    struct chain chain;
    chain.operands = (int)nargs - 3;
    const Py_ssize_t steps = PyTuple_Size(args[0]);
    if (steps < 1 || steps + chain.operands > MP_CHAIN_REGISTERS || PyTuple_Size(args[1]) != chain.operands) {
        PyErr_Format(PyExc_ValueError, "chain: %zd steps, %zd places and %d operands", steps, PyTuple_Size(args[1]),
                     chain.operands);
        return NULL;
    }
    chain.steps = (int)steps;
    if (read_steps(&chain, args[0]) < 0 || read_places(&chain, args[1]) < 0) return NULL;
    Py_buffer v[MP_CHAIN_REGISTERS + 1];
    char kinds[MP_CHAIN_REGISTERS + 2];
    kinds[0] = 'W';
    for (int k = 0; k < chain.operands; k++) kinds[k + 1] = 'T';
    kinds[chain.operands + 1] = 0;
    enum mp_kind kind;
    if (!mp_get_all(args + 2, v, kinds, &kind)) Py_RETURN_FALSE;
    const Py_ssize_t total = mp_count(&v[0]);
    for (int k = 0; k < chain.operands; k++) {
        chain.operand[k].values = v[k + 1].buf;
        if (mp_check_size("chain", "an operand", &v[k + 1], chain.operand[k].count) < 0) {
            mp_release_all(v, chain.operands + 1);
            return NULL;
        }
    }
    MP_BEGIN_WORK(total)
    MP_BEGIN_FLUSH
    SELECT_TABLE(chain_table, kind == MP_F64)->run(&chain, v[0].buf, total);
    MP_END_FLUSH
    MP_END_WORK
    mp_release_all(v, chain.operands + 1);
    Py_RETURN_TRUE;
}

PyMethodDef mp_chain_methods[] = {
    MP_FUNCTION("chain", call_chain, chain_doc),
    {NULL, NULL, 0, NULL},
};
