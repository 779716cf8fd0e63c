// Adam and AdamW for one parameter; the same formula as kernels/cpu/optim_loops.h, compiled by CuPy at first use.
//
//     rate = lr * sqrt(1 - beta2_pow) / (1 - beta1_pow)        e = epsilon * sqrt(1 - beta2_pow)
//     g = scale * grad + l2 * param
//     m = beta1 * m + (1 - beta1) * g        v = beta2 * v + (1 - beta2) * g * g
//     param = (1 - lr * coeff) * param - rate * m / (sqrt(v) + e)
//
// beta1_pow and beta2_pow are device arrays of one element. adam_* only reads them: other blocks of the launch may not
// have read them yet. The launch of adam_pow_* that follows on the same stream multiplies them by beta1 and beta2.

template <typename T>
__device__ __forceinline__ void adam(long long n, T *param, const T *grad, T *moment1, T *moment2, const T *beta1_pow,
                                     const T *beta2_pow, T lr, T beta1, T beta2, T epsilon, T coeff, T l2, T scale) {
    const T root = sqrt(T(1) - *beta2_pow), rate = lr * (root / (T(1) - *beta1_pow)), eps = epsilon * root;
    const T keep = T(1) - lr * coeff;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
        const T p = param[i], g = scale * grad[i] + l2 * p;
        const T m = beta1 * moment1[i] + (T(1) - beta1) * g;
        const T v = beta2 * moment2[i] + (T(1) - beta2) * g * g;
        moment1[i] = m;
        moment2[i] = v;
        param[i] = keep * p - rate * (m / (sqrt(v) + eps));
    }
}

#define ADAM(SUFFIX, T)                                                                                                \
    extern "C" __global__ void adam_##SUFFIX(long long n, T *param, const T *grad, T *moment1, T *moment2,             \
                                             const T *beta1_pow, const T *beta2_pow, T lr, T beta1, T beta2,           \
                                             T epsilon, T coeff, T l2, T scale) {                                      \
        adam<T>(n, param, grad, moment1, moment2, beta1_pow, beta2_pow, lr, beta1, beta2, epsilon, coeff, l2, scale);  \
    }                                                                                                                  \
    extern "C" __global__ void adam_pow_##SUFFIX(T *beta1_pow, T *beta2_pow, T beta1, T beta2) {                       \
        *beta1_pow *= beta1;                                                                                           \
        *beta2_pow *= beta2;                                                                                           \
    }

ADAM(float32, float)
ADAM(float64, double)
