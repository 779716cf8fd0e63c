/* exp and tanh that the compiler can vectorise; included by the loops that need it, inside variants.h.
 *
 * exp(x) = 2^n exp(r), n = round(x / ln 2), r = x - n ln 2 in two parts, |r| <= ln(2)/2; exp(r) by its Taylor
 * polynomial (degree 7 for float: error below 1e-8 relative; degree 13 for double: below 1e-17). n is rounded by adding
 * 1.5 * 2^23 (2^52), whose low bits then hold n. 2^n is applied in two halves, so that results go down into the
 * denormals and up to the largest number. NaN gives NaN, below the range 0, above it infinity.
 */
#if T_IS_DOUBLE
INLINE double NAME(exp)(double x) {
    const double lo = -745.5, hi = 709.9;
    x = x < lo ? lo : x;
    x = x > hi ? hi : x;
    const double magic = 6755399441055744.0;
    const double shifted = x * 1.4426950408889634074 + magic, n = shifted - magic;
    const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double y = 1.0 / 6227020800.0;
    y = y * r + 1.0 / 479001600.0;
    y = y * r + 1.0 / 39916800.0;
    y = y * r + 1.0 / 3628800.0;
    y = y * r + 1.0 / 362880.0;
    y = y * r + 1.0 / 40320.0;
    y = y * r + 1.0 / 5040.0;
    y = y * r + 1.0 / 720.0;
    y = y * r + 1.0 / 120.0;
    y = y * r + 1.0 / 24.0;
    y = y * r + 1.0 / 6.0;
    y = y * r + 0.5;
    y = y * r + 1.0;
    y = y * r + 1.0;
    int64_t bits;
    memcpy(&bits, &shifted, 8);
    bits = (int64_t)((uint64_t)bits - UINT64_C(0x4338000000000000)); /* the bits of magic: leaves n (anything of a nan) */
    /* n >> 1 without an arithmetic 64-bit shift, which AVX2 has not: |n| < 2048 */
    const int64_t half = (int64_t)(((uint64_t)bits + 2048) >> 1) - 1024;
    const int64_t bits1 = (int64_t)((uint64_t)(half + 1023) << 52);
    const int64_t bits2 = (int64_t)(((uint64_t)bits - (uint64_t)half + 1023) << 52);
    double scale1, scale2;
    memcpy(&scale1, &bits1, 8);
    memcpy(&scale2, &bits2, 8);
    return y * scale1 * scale2;
}
#else
INLINE float NAME(exp)(float x) {
    const float lo = -104.0f, hi = 88.8f;
    x = x < lo ? lo : x;
    x = x > hi ? hi : x;
    const float magic = 12582912.0f;
    const float shifted = x * 1.44269504088896341f + magic, n = shifted - magic;
    const float r = (x - n * 6.93359375e-01f) - n * -2.12194440e-4f;
    float y = 1.0f / 5040.0f;
    y = y * r + 1.0f / 720.0f;
    y = y * r + 1.0f / 120.0f;
    y = y * r + 1.0f / 24.0f;
    y = y * r + 1.0f / 6.0f;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    bits -= 0x4B400000; /* the bits of magic: leaves n */
    const int32_t half = bits >> 1;
    const int32_t bits1 = (int32_t)((uint32_t)(half + 127) << 23), bits2 = (int32_t)((uint32_t)(bits - half + 127) << 23);
    float scale1, scale2;
    memcpy(&scale1, &bits1, 4);
    memcpy(&scale2, &bits2, 4);
    return y * scale1 * scale2;
}
#endif

/* tanh(x) = e / (e + 2) with e = exp(2x) - 1 = 2^n (exp(r) - 1) + (2^n - 1): near 0, where n = 0, nothing is lost. Beyond
 * the limits the result is 1 to the last digit. */
#if T_IS_DOUBLE
INLINE double NAME(tanh)(double x) {
    double y = 2 * x;
    y = y < -50.0 ? -50.0 : y;
    y = y > 50.0 ? 50.0 : y;
    const double magic = 6755399441055744.0;
    const double shifted = y * 1.4426950408889634074 + magic, n = shifted - magic;
    const double r = (y - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r;
    int64_t bits;
    memcpy(&bits, &shifted, 8);
    bits = (int64_t)(((uint64_t)bits - UINT64_C(0x4338000000000000) + 1023) << 52);
    double scale;
    memcpy(&scale, &bits, 8);
    const double e = p * scale + (scale - 1);
    return e / (e + 2);
}
#else
INLINE float NAME(tanh)(float x) {
    float y = 2 * x;
    y = y < -25.0f ? -25.0f : y;
    y = y > 25.0f ? 25.0f : y;
    const float magic = 12582912.0f;
    const float shifted = y * 1.44269504088896341f + magic, n = shifted - magic;
    const float r = (y - n * 6.93359375e-01f) - n * -2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r * r + r;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    bits = (int32_t)(((uint32_t)bits - 0x4B400000u + 127) << 23);
    float scale;
    memcpy(&scale, &bits, 4);
    const float e = p * scale + (scale - 1);
    return e / (e + 2);
}
#endif
/* exp(x) - 1 for x <= 0, to the last digits near 0: 2^n (exp(r) - 1) + (2^n - 1), with n and r as above. */
#if T_IS_DOUBLE
INLINE double NAME(expm1)(double x) {
    const double lo = -40.0;
    x = x < lo ? lo : x;
    const double magic = 6755399441055744.0;
    const double shifted = x * 1.4426950408889634074 + magic, n = shifted - magic;
    const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double y = 1.0 / 6227020800.0;
    y = y * r + 1.0 / 479001600.0;
    y = y * r + 1.0 / 39916800.0;
    y = y * r + 1.0 / 3628800.0;
    y = y * r + 1.0 / 362880.0;
    y = y * r + 1.0 / 40320.0;
    y = y * r + 1.0 / 5040.0;
    y = y * r + 1.0 / 720.0;
    y = y * r + 1.0 / 120.0;
    y = y * r + 1.0 / 24.0;
    y = y * r + 1.0 / 6.0;
    y = y * r + 0.5;
    y = y * (r * r) + r;
    int64_t bits;
    memcpy(&bits, &shifted, 8);
    bits = (int64_t)((uint64_t)(bits - INT64_C(0x4338000000000000) + 1023) << 52);
    double scale;
    memcpy(&scale, &bits, 8);
    return y * scale + (scale - 1);
}
#else
INLINE float NAME(expm1)(float x) {
    const float lo = -20.0f;
    x = x < lo ? lo : x;
    const float magic = 12582912.0f;
    const float shifted = x * 1.44269504088896341f + magic, n = shifted - magic;
    const float r = (x - n * 6.93359375e-01f) - n * -2.12194440e-4f;
    float y = 1.0f / 5040.0f;
    y = y * r + 1.0f / 720.0f;
    y = y * r + 1.0f / 120.0f;
    y = y * r + 1.0f / 24.0f;
    y = y * r + 1.0f / 6.0f;
    y = y * r + 0.5f;
    y = y * (r * r) + r;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    bits = (int32_t)((uint32_t)(bits - 0x4B400000 + 127) << 23);
    float scale;
    memcpy(&scale, &bits, 4);
    return y * scale + (scale - 1);
}
#endif

/* log(1 + u) for 0 <= u <= 1: 2 artanh(s) with s = u / (2 + u) <= 1/3, by its series (what is left out: below 2e-9 for
 * float, 2e-18 for double). */
INLINE T NAME(log1p)(T u) {
    const T s = u / (2 + u), z = s * s;
#if T_IS_DOUBLE
    T y = 1.0 / 33.0;
    y = y * z + 1.0 / 31.0;
    y = y * z + 1.0 / 29.0;
    y = y * z + 1.0 / 27.0;
    y = y * z + 1.0 / 25.0;
    y = y * z + 1.0 / 23.0;
    y = y * z + 1.0 / 21.0;
    y = y * z + 1.0 / 19.0;
    y = y * z + 1.0 / 17.0;
    y = y * z + 1.0 / 15.0;
#else
    T y = 1.0f / 15.0f;
#endif
    y = y * z + (T)(1.0 / 13.0);
    y = y * z + (T)(1.0 / 11.0);
    y = y * z + (T)(1.0 / 9.0);
    y = y * z + (T)(1.0 / 7.0);
    y = y * z + (T)(1.0 / 5.0);
    y = y * z + (T)(1.0 / 3.0);
    return 2 * s * (y * z + 1);
}
