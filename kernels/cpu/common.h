/* What all kernel families share: buffers of arrays, the element types, the instruction set level. */
#ifndef MINIPADDLE_COMMON_H
#define MINIPADDLE_COMMON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define MP_HAVE_X86 1
#else
#define MP_HAVE_X86 0
#endif

#if defined(_MSC_VER)
#define RESTRICT __restrict
#define INLINE static __inline
#else
#define RESTRICT restrict
#define INLINE static inline __attribute__((always_inline, unused))
#endif

#define MP_FUNCTION(name, function, doc) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc}

/* Below this many elements a kernel keeps the GIL: handing it over and back costs more than the work. */
#define MP_GIL_THRESHOLD 20000

/* 0: no extension beyond the compiler's default, 1: AVX2 and FMA, 2: AVX-512 F, DQ, BW, VL. */
int mp_isa(void);

enum mp_kind { MP_OTHER = -1, MP_F32 = 0, MP_F64 = 1, MP_I32 = 2, MP_I64 = 3 };

/* The element type of a buffer, from its struct-module format; MP_OTHER if no kernel takes it. */
enum mp_kind mp_kind_of(const Py_buffer *view);

/* Gets a C-contiguous buffer of `obj`. Returns 1, or 0 without an exception set if `obj` cannot give one. */
int mp_get(PyObject *obj, Py_buffer *view, int writable);

/* Elements of a view (0 for an empty array). */
INLINE Py_ssize_t mp_count(const Py_buffer *view) { return view->itemsize ? view->len / view->itemsize : 0; }

/* Gets one buffer per letter of `kinds`: 'T' to read and 'W' to write, float or double, all of one type; 'L' to read,
 * int32 or int64; 'I' to write, int32 or int64; lower case where None is allowed (then .obj is NULL). Returns 1 and
 * the element type, or 0 without an exception (and nothing held) when some array cannot be served. */
int mp_get_all(PyObject *const *args, Py_buffer *views, const char *kinds, enum mp_kind *kind);
void mp_release_all(Py_buffer *views, int n);

/* Argument parsing; each sets an exception and returns -1 on failure. */
int mp_check_count(const char *function, Py_ssize_t got, Py_ssize_t least, Py_ssize_t most);
int mp_doubles(PyObject *const *args, double *out, int count);
int mp_sizes(PyObject *const *args, Py_ssize_t *out, int count);

/* ValueError unless the view has `expected` elements. */
int mp_check_size(const char *function, const char *name, const Py_buffer *view, Py_ssize_t expected);

extern PyObject *mp_zero, *mp_one; /* the numbers 0.0 and 1.0 */

#define MP_BEGIN_WORK(size)                                                                                            \
    {                                                                                                                  \
        PyThreadState *mp_state = (size) >= MP_GIL_THRESHOLD ? PyEval_SaveThread() : NULL;
#define MP_END_WORK                                                                                                    \
        if (mp_state) PyEval_RestoreThread(mp_state);                                                                  \
    }

/* Between these two, numbers too small for full precision count as zero, in this thread alone and only for so long:
 * arithmetic with them takes a hundred times longer, and trained networks are full of them. */
#if MP_HAVE_X86
#define MP_BEGIN_FLUSH                                                                                                 \
    {                                                                                                                  \
        const unsigned int mp_csr = __builtin_ia32_stmxcsr();                                                          \
        __builtin_ia32_ldmxcsr(mp_csr | 0x8040); /* FTZ and DAZ */
#define MP_END_FLUSH                                                                                                   \
        __builtin_ia32_ldmxcsr(mp_csr);                                                                                \
    }
#else
#define MP_BEGIN_FLUSH {
#define MP_END_FLUSH }
#endif

/* Each family adds its functions and types to the module. */
extern PyMethodDef mp_optim_methods[];
extern PyMethodDef mp_softmax_methods[];
extern PyMethodDef mp_norm_methods[];
extern PyMethodDef mp_conv_methods[];
extern PyMethodDef mp_pool_methods[];
extern PyMethodDef mp_elementwise_methods[];
extern PyMethodDef mp_chain_methods[];
extern PyMethodDef mp_rnn_methods[];
extern PyMethodDef mp_rows_methods[];
int mp_optim_init(PyObject *module);

#endif
