/* Products of small matrices with their result held in registers; included by loops that need them, inside variants.h.
 *
 * Everything rests on one block: `rows` x (`columns` vectors) numbers of the result stay in registers while the depth is
 * walked through, so that each number that is loaded is used several times.
 */
#ifndef MP_VECTORS
enum { EVEN, RIGHT_LISTED, LEFT_LISTED }; /* which operand of a block has its rows at listed places */
#if defined(__GNUC__) || defined(__clang__)
#define MP_VECTORS 1
#if MP_HAVE_X86
#include <immintrin.h>
#endif
#else
#define MP_VECTORS 0 /* no vector types: the functions answer 0, do it another way */
#endif
#endif

#if MP_VECTORS
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(T)))
/* Rows of the largest block. 32 registers hold 8 x 3 vectors and what is multiplied, 16 hold 4 x 3. */
#undef TILE_ROWS
#if VECTOR_BYTES == 64 || !MP_HAVE_X86
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif

typedef T NAME(vec) __attribute__((vector_size(VECTOR_BYTES)));
typedef T NAME(vec_anywhere) __attribute__((vector_size(VECTOR_BYTES), aligned(T_IS_DOUBLE ? 8 : 4), may_alias));
#define VEC NAME(vec)
#define LOAD(p) ((VEC) * (const NAME(vec_anywhere) *)(p))
#define STORE(p, v) (*(NAME(vec_anywhere) *)(p) = (v))

#undef FMA
/* a * b + c with one rounding where the processor can; the compiler does not join the two by itself in standard C. */
#if MP_HAVE_X86 && VECTOR_BYTES == 64
#if T_IS_DOUBLE
#define FMA(a, b, c) ((VEC)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#else
#define FMA(a, b, c) ((VEC)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#endif
#elif MP_HAVE_X86 && VECTOR_BYTES == 32
#if T_IS_DOUBLE
#define FMA(a, b, c) ((VEC)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#else
#define FMA(a, b, c) ((VEC)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#endif
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/* c[i, :] = init[i, :] + sum over k < depth of a[i, k] b[k, :] for `rows` rows and `columns` vectors, both constants where
 * this is inlined, as is `listed`: where row k of b begins, at b + k b_row or at b + at[k], and row i of a, at a + i a_row or
 * at a + at[i]. init may be NULL. */
INLINE void NAME(tile)(const int rows, const int columns, const int listed, ptrdiff_t depth, const T *a, ptrdiff_t a_row,
                       ptrdiff_t a_depth, const T *b, ptrdiff_t b_row, const ptrdiff_t *at, const T *init,
                       ptrdiff_t init_row, T *c, ptrdiff_t c_row) {
    VEC sum[8][8];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) sum[i][j] = init ? LOAD(init + i * init_row + j * LANES) : (VEC){0};
    for (ptrdiff_t k = 0; k < depth; k++) {
        const T *from = b + (listed == RIGHT_LISTED ? at[k] : k * b_row);
        VEC right[8];
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) right[j] = LOAD(from + j * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const VEC left = a[(listed == LEFT_LISTED ? at[i] : i * a_row) + k * a_depth] - (VEC){0}; /* the number in all lanes */
#pragma GCC unroll 8
            for (int j = 0; j < columns; j++) sum[i][j] = FMA(left, right[j], sum[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) STORE(c + i * c_row + j * LANES, sum[i][j]);
}

/* to[k, g] = from[g, k], by squares that stay in the first cache: rows of `to` often lie a power of two apart. */
static void NAME(turn)(ptrdiff_t rows, ptrdiff_t columns, const T *from, ptrdiff_t from_row, T *to, ptrdiff_t to_row) {
    T square[16][16];
    for (ptrdiff_t g = 0; g < rows; g += 16)
        for (ptrdiff_t k = 0; k < columns; k += 16) {
            const ptrdiff_t high = rows - g < 16 ? rows - g : 16, wide = columns - k < 16 ? columns - k : 16;
            if (high == 16) {
                if (wide == 16) {
                    for (int i = 0; i < 16; i++)
                        for (int j = 0; j < 16; j++) square[j][i] = from[(g + i) * from_row + k + j];
                } else {
                    for (int i = 0; i < 16; i++)
                        for (ptrdiff_t j = 0; j < wide; j++) square[j][i] = from[(g + i) * from_row + k + j];
                }
                for (ptrdiff_t j = 0; j < wide; j++) memcpy(to + (k + j) * to_row + g, square[j], sizeof(square[j]));
            } else {
                for (ptrdiff_t i = 0; i < high; i++)
                    for (ptrdiff_t j = 0; j < wide; j++) to[(k + j) * to_row + g + i] = from[(g + i) * from_row + k + j];
            }
        }
}
#endif
