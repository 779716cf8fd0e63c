/* Includes LOOPS once for float and once for double; see variants.h. */
#define T float
#define TYPE f32
#define T_IS_DOUBLE 0
#define LIT(x) x##f
#define SQRT sqrtf
#include LOOPS
#undef T
#undef TYPE
#undef T_IS_DOUBLE
#undef LIT
#undef SQRT

#define T double
#define TYPE f64
#define T_IS_DOUBLE 1
#define LIT(x) x
#define SQRT sqrt
#include LOOPS
#undef T
#undef TYPE
#undef T_IS_DOUBLE
#undef LIT
#undef SQRT
