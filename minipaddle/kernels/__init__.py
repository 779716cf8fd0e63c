"""Compiled kernels; reached through `minipaddle.backend.kernels`, never imported directly.

`_cpu` is the optional C extension built from `kernels/cpu/*.c`.
"""
