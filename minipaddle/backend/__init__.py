"""Where arrays live: devices, the array module, random numbers, compiled kernels."""
