/* Chains of elementwise operators, one block of numbers at a time, so that what lies between two operators stays in the
 * first cache; included by variants.h. */
#include "math_loops.h"


#define BINARY(expression)                                                                                             \
    {                                                                                                                  \
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            const T x = a[i], y = b[i];                                                                                \
            to[i] = (expression);                                                                                      \
        }                                                                                                              \
        break;                                                                                                         \
    }
#define UNARY_STEP(expression)                                                                                         \
    {                                                                                                                  \
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            const T x = a[i];                                                                                          \
            to[i] = (expression);                                                                                      \
        }                                                                                                              \
        break;                                                                                                         \
    }

static void NAME(chain_step)(const struct chain_step *step, ptrdiff_t n, const T *a, const T *b, T *to) {
    const T c0 = (T)step->constants[0], c1 = (T)step->constants[1], c2 = (T)step->constants[2];
    switch (step->code) {
    case CHAIN_ADD: BINARY(x + y)
    case CHAIN_SUB: BINARY(x - y)
    case CHAIN_MUL: BINARY(x * y)
    case CHAIN_DIV: BINARY(x / y)
    case CHAIN_MAX: BINARY(x != x || x > y ? x : y) /* NaN on either side is the result, as in NumPy */
    case CHAIN_MIN: BINARY(x != x || x < y ? x : y)
    case CHAIN_TIMES: UNARY_STEP(x * c0)
    case CHAIN_PLUS: UNARY_STEP(x + c0)
    case CHAIN_CLIP: UNARY_STEP((x < c0 ? c0 : x) > c1 ? c1 : (x < c0 ? c0 : x))
    case CHAIN_RELU: UNARY_STEP(x < 0 ? 0 : x)
    case CHAIN_LEAKY: UNARY_STEP(x > 0 ? x : x * c0)
    case CHAIN_HARD_SWISH: UNARY_STEP(x * ((x + c0 < 0 ? 0 : x + c0) > c1 ? c1 : (x + c0 < 0 ? 0 : x + c0)) / c2)
    case CHAIN_SIGMOID: UNARY_STEP(1 / (1 + NAME(exp)(-x)))
    case CHAIN_SILU: UNARY_STEP(x / (1 + NAME(exp)(-x)))
    case CHAIN_SQRT: UNARY_STEP(SQRT(x))
    case CHAIN_SQUARE: UNARY_STEP(x * x)
    case CHAIN_ABS: UNARY_STEP(x < 0 ? -x : x == 0 ? 0 : x)
    }
}

/* The numbers of one operand for the elements [start, start + n): element i is values[i / repeat % count]. */
static const T *NAME(chain_load)(const struct chain_operand *operand, ptrdiff_t start, ptrdiff_t n, T *buffer) {
    const T *values = operand->values;
    if (operand->repeat == 1) {
        const ptrdiff_t at = start % operand->count;
        if (at + n <= operand->count) return values + at;
        for (ptrdiff_t i = 0, k = at; i < n;) {
            const ptrdiff_t run = operand->count - k < n - i ? operand->count - k : n - i;
            memcpy(buffer + i, values + k, (size_t)run * sizeof(T));
            i += run;
            k = 0;
        }
        return buffer;
    }
    ptrdiff_t index = start / operand->repeat % operand->count, left = operand->repeat - start % operand->repeat;
    for (ptrdiff_t i = 0; i < n;) {
        const ptrdiff_t run = left < n - i ? left : n - i;
        const T value = values[index];
        for (ptrdiff_t j = 0; j < run; j++) buffer[i + j] = value;
        i += run;
        left = operand->repeat;
        if (++index == operand->count) index = 0;
    }
    return buffer;
}

static void NAME(chain)(const struct chain *chain, void *out, ptrdiff_t total) {
    T buffers[MP_CHAIN_REGISTERS][MP_CHAIN_BLOCK];
    const T *registers[MP_CHAIN_REGISTERS];
    for (ptrdiff_t start = 0; start < total; start += MP_CHAIN_BLOCK) {
        const ptrdiff_t n = total - start < MP_CHAIN_BLOCK ? total - start : MP_CHAIN_BLOCK;
        for (int k = 0; k < chain->operands; k++)
            registers[k] = NAME(chain_load)(&chain->operand[k], start, n, buffers[k]);
        for (int k = 0; k < chain->steps; k++) {
            const struct chain_step *step = &chain->step[k];
            T *to = k == chain->steps - 1 ? (T *)out + start : buffers[chain->operands + k];
            NAME(chain_step)(step, n, registers[step->a], registers[step->b], to);
            registers[chain->operands + k] = to;
        }
    }
}

#undef BINARY
#undef UNARY_STEP

static const struct chain_loops NAME(chain_table) = {NAME(chain)};
