/* The extension module minipaddle.kernels._cpu: the helpers of common.h and the module itself. */
#include "common.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Counted up when functions come, go or take other arguments: backend/kernels.py must have been written for this number. */
#define MP_INTERFACE 2

PyObject *mp_zero, *mp_one;

static int isa_level = 0;

int mp_isa(void) { return isa_level; }

/* MINIPADDLE_KERNELS_ISA=base|avx2|avx512 lowers the level, so that one machine can test them all. */
static void isa_detect(void) {
#if MP_HAVE_X86
    __builtin_cpu_init();
    int level = 0;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        level = 1;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
            level = 2;
    }
    const char *wanted = getenv("MINIPADDLE_KERNELS_ISA");
    if (wanted && !strcmp(wanted, "base")) level = 0;
    if (wanted && !strcmp(wanted, "avx2") && level > 1) level = 1;
    isa_level = level;
#endif
}

enum mp_kind mp_kind_of(const Py_buffer *view) {
    const char *format = view->format;
    if (!format) return MP_OTHER;
    const int one = 1;
    const char own_order = *(const char *)&one ? '<' : '>'; /* how arrays read from files may say it */
    if (*format == '@' || *format == '=' || *format == own_order) format++;
    if (!format[0] || format[1]) return MP_OTHER;
    switch (format[0]) {
    case 'f': return MP_F32;
    case 'd': return MP_F64;
    case 'i':
    case 'l':
    case 'q': return view->itemsize == 8 ? MP_I64 : view->itemsize == 4 ? MP_I32 : MP_OTHER;
    default: return MP_OTHER;
    }
}

int mp_get(PyObject *obj, Py_buffer *view, int writable) {
    if (PyObject_GetBuffer(obj, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) == 0)
        return 1;
    PyErr_Clear();
    view->obj = NULL;
    return 0;
}

void mp_release_all(Py_buffer *views, int n) {
    for (int i = 0; i < n; i++)
        if (views[i].obj) PyBuffer_Release(&views[i]);
}

int mp_get_all(PyObject *const *args, Py_buffer *views, const char *kinds, enum mp_kind *kind) {
    *kind = MP_OTHER;
    for (int i = 0; kinds[i]; i++) {
        const int optional = kinds[i] >= 'a', letter = optional ? kinds[i] - 'a' + 'A' : kinds[i];
        if (optional && args[i] == Py_None) {
            views[i].obj = NULL;
            views[i].buf = NULL;
            continue;
        }
        if (!mp_get(args[i], &views[i], letter == 'W' || letter == 'I')) {
            mp_release_all(views, i);
            return 0;
        }
        const enum mp_kind this_kind = mp_kind_of(&views[i]);
        int served;
        if (letter == 'L' || letter == 'I') {
            served = this_kind == MP_I32 || this_kind == MP_I64;
        } else {
            served = (this_kind == MP_F32 || this_kind == MP_F64) && (*kind == MP_OTHER || *kind == this_kind);
            *kind = this_kind;
        }
        if (!served) {
            mp_release_all(views, i + 1);
            return 0;
        }
    }
    return 1;
}

int mp_check_count(const char *function, Py_ssize_t got, Py_ssize_t least, Py_ssize_t most) {
    if (got >= least && got <= most) return 0;
    PyErr_Format(PyExc_TypeError, "%s takes %zd to %zd positional arguments, got %zd", function, least, most, got);
    return -1;
}

int mp_doubles(PyObject *const *args, double *out, int count) {
    for (int i = 0; i < count; i++) {
        out[i] = PyFloat_AsDouble(args[i]);
        if (out[i] == -1.0 && PyErr_Occurred()) return -1;
    }
    return 0;
}

int mp_sizes(PyObject *const *args, Py_ssize_t *out, int count) {
    for (int i = 0; i < count; i++) {
        out[i] = PyNumber_AsSsize_t(args[i], PyExc_OverflowError);
        if (out[i] == -1 && PyErr_Occurred()) return -1;
    }
    return 0;
}

int mp_check_size(const char *function, const char *name, const Py_buffer *view, Py_ssize_t expected) {
    if (mp_count(view) == expected) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s has %zd elements, expected %zd", function, name, mp_count(view), expected);
    return -1;
}

static PyObject *isa(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    static const char *const names[] = {"base", "avx2", "avx512"};
    return PyUnicode_FromString(names[isa_level]);
}

static const char hold_memory_doc[] =
    "hold_memory(largest, total) -> bool\n\n"
    "Let the allocator take arrays of up to `largest` bytes from memory that it holds, and hold up to `total` free bytes\n"
    "for the next ones, rather than give them back to the system after each operator. False where that cannot be said.";

static PyObject *hold_memory(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    Py_ssize_t sizes[2];
    if (mp_check_count("hold_memory", nargs, 2, 2) < 0 || mp_sizes(args, sizes, 2) < 0) return NULL;
#ifdef __GLIBC__
    if (sizes[0] > 0 && sizes[0] <= INT_MAX && sizes[1] > 0 && sizes[1] <= INT_MAX)
        return PyBool_FromLong(mallopt(M_MMAP_THRESHOLD, (int)sizes[0]) && mallopt(M_TRIM_THRESHOLD, (int)sizes[1]));
#endif
    Py_RETURN_FALSE;
}

static PyMethodDef module_methods[] = {
    MP_FUNCTION("hold_memory", hold_memory, hold_memory_doc),
    {"isa", isa, METH_NOARGS, "The instruction set level in use: 'base', 'avx2' or 'avx512'."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "_cpu", "Kernels for the CPU; see minipaddle.backend.kernels.", -1, module_methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__cpu(void) {
    isa_detect();
    PyObject *module = PyModule_Create(&module_def);
    if (!module) return NULL;
    if (PyModule_AddIntConstant(module, "interface", MP_INTERFACE) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    mp_zero = PyFloat_FromDouble(0.0);
    mp_one = PyFloat_FromDouble(1.0);
    if (!mp_zero || !mp_one || mp_optim_init(module) < 0 || PyModule_AddFunctions(module, mp_optim_methods) < 0 ||
        PyModule_AddFunctions(module, mp_softmax_methods) < 0 || PyModule_AddFunctions(module, mp_norm_methods) < 0 ||
        PyModule_AddFunctions(module, mp_conv_methods) < 0 || PyModule_AddFunctions(module, mp_pool_methods) < 0 ||
        PyModule_AddFunctions(module, mp_elementwise_methods) < 0 ||
        PyModule_AddFunctions(module, mp_chain_methods) < 0 || PyModule_AddFunctions(module, mp_rnn_methods) < 0 ||
        PyModule_AddFunctions(module, mp_rows_methods) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
