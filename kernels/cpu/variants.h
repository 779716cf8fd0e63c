/* Compiles one file of loops several times: for float and double, and for each instruction set level.
 *
 * A family of kernels is two files. `<family>_loops.h` holds plain loops over `T` (float or double) and ends with a
 * table `static const struct <family>_loops NAME(table)` of its functions. `<family>.c` says
 *
 *     #define LOOPS "<family>_loops.h"
 *     #include "variants.h"
 *
 * after which `NAME(x)` exists as x_f32_base, x_f64_base, x_f32_avx2, ... and SELECT_TABLE picks by element type and by
 * the level that mp_isa() found in the processor at load time. The compiler's own vectoriser does the rest; loops that
 * hold vectors themselves find the width in VECTOR_BYTES.
 * A family that gains nothing from 512-bit vectors defines MP_MAX_ISA 1 beforehand.
 * This file has no include guard on purpose: each family includes it once.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common.h"

#define CAT_(a, b, c) a##_##b##_##c
#define CAT(a, b, c) CAT_(a, b, c)
#define NAME(x) CAT(x, TYPE, ISA)

#define ISA base
#define VECTOR_BYTES 16
#include "each_type.h"
#undef ISA
#undef VECTOR_BYTES

#ifndef MP_MAX_ISA
#define MP_MAX_ISA 2
#endif

#if MP_HAVE_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define ISA avx2
#define VECTOR_BYTES 32
#include "each_type.h"
#undef ISA
#undef VECTOR_BYTES
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if MP_HAVE_X86 && MP_MAX_ISA > 1
#ifdef __clang__
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif
#define ISA avx512
#define VECTOR_BYTES 64
#include "each_type.h"
#undef ISA
#undef VECTOR_BYTES
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#define BY_TYPE(name, isa, is_double) ((is_double) ? &name##_f64_##isa : &name##_f32_##isa)
#if !MP_HAVE_X86
#define SELECT_TABLE(name, is_double) BY_TYPE(name, base, is_double)
#elif MP_MAX_ISA == 1
#define SELECT_TABLE(name, is_double)                                                                                  \
    (mp_isa() >= 1 ? BY_TYPE(name, avx2, is_double) : BY_TYPE(name, base, is_double))
#else
#define SELECT_TABLE(name, is_double)                                                                                  \
    (mp_isa() == 2   ? BY_TYPE(name, avx512, is_double)                                                                \
     : mp_isa() == 1 ? BY_TYPE(name, avx2, is_double)                                                                  \
                     : BY_TYPE(name, base, is_double))
#endif
