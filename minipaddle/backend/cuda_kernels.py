"""CUDA kernels for CuPy arrays, compiled by CuPy when first used; reached through `kernels.lookup(name, "gpu")`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from functools import cache as remember
from typing import Any

import numpy as np

__all__ = ["TABLE", "adam"]

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
OPTIONS = ("--std=c++14",)
_BLOCK = 256
_MOST_BLOCKS = 4096  # the kernels stride over what is left


def source(name: str) -> str:
    """The text of `kernels/cuda/<name>`, from the installed package or from the checkout."""
    for folder in (_PACKAGE / "kernels" / "cuda", _PACKAGE.parent / "kernels" / "cuda"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise FileNotFoundError(f"the CUDA source {name} is neither in the package nor in the checkout of minipaddle")


@remember
def _function(file: str, name: str, device: int) -> Any:
    """A kernel of a source file, loaded on the current device, whose number tells the loaded modules apart."""
    import cupy

    return cupy.RawModule(code=source(file), options=OPTIONS).get_function(name)


def _per_parameter(value: float | Sequence[float], i: int) -> float:
    return value[i] if isinstance(value, (list, tuple)) else value  # type: ignore[return-value]


def adam(
    cache: Any, params: Sequence[Any], grads: Sequence[Any], moment1: Sequence[Any], moment2: Sequence[Any],
    beta1_pow: Sequence[Any], beta2_pow: Sequence[Any], lr: float | Sequence[float], beta1: float, beta2: float,
    epsilon: float, coeff: float | Sequence[float] = 0.0, l2: float | Sequence[float] = 0.0,
    scale: float | Sequence[float] = 1.0,
) -> bool:  # fmt: skip
    """Adam for a list of CuPy arrays, as the CPU kernel of this name; `cache` is not used.

    False, and nothing changed, for arrays that are not float32 or float64, contiguous and of one device.
    """
    lists = (params, grads, moment1, moment2, beta1_pow, beta2_pow)
    todo = [i for i, grad in enumerate(grads) if grad is not None]
    for i in todo:
        arrays = [arrays[i] for arrays in lists]
        param = arrays[0]
        if param.dtype not in (np.float32, np.float64):
            return False
        if not all(a.dtype == param.dtype and a.flags.c_contiguous and a.device == param.device for a in arrays):
            return False
        sizes = [a.size for a in arrays]
        if sizes != [param.size] * 4 + [1, 1]:
            raise ValueError(f"adam: parameter {i} has {param.size} elements, its arrays have {sizes[1:]}")
    for i in todo:
        param, grad, m, v, pow1, pow2 = (arrays[i] for arrays in lists)
        real, suffix, device = param.dtype.type, param.dtype.name, param.device.id
        settings = (_per_parameter(value, i) for value in (coeff, l2, scale))
        numbers = [real(n) for n in (_per_parameter(lr, i), beta1, beta2, epsilon, *settings)]
        with param.device:
            if param.size:
                blocks = min(-(-param.size // _BLOCK), _MOST_BLOCKS)
                arguments = (np.int64(param.size), param, grad, m, v, pow1, pow2, *numbers)
                _function("adam.cu", f"adam_{suffix}", device)((blocks,), (_BLOCK,), arguments)
            _function("adam.cu", f"adam_pow_{suffix}", device)((1,), (1,), (pow1, pow2, real(beta1), real(beta2)))
    return True


TABLE: dict[str, Callable[..., Any]] = {"adam": adam}
