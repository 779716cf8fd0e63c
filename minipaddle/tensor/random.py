"""Random tensors; `seed` makes them repeat."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..backend import rng
from ..core.dispatch import call, in_place
from ..core.recorder import spec_of
from ..core.tensor import tensor_method
from ..dtypes import DType
from ..errors import UnsupportedDtypeError, WrongTypeError
from ..ops import creation as C
from ..ops import random as R
from .arguments import as_int, builds_program, ints_or_tensors, is_tensor_like, static_dtype, static_types

__all__ = [
    "bernoulli",
    "cauchy_",
    "exponential_",
    "geometric_",
    "get_cuda_rng_state",
    "get_rng_state",
    "multinomial",
    "normal",
    "normal_",
    "poisson",
    "rand",
    "randint",
    "randint_like",
    "randn",
    "randperm",
    "seed",
    "set_cuda_rng_state",
    "set_rng_state",
    "standard_normal",
    "uniform",
    "uniform_",
]


def seed(seed: int) -> rng.Generator:
    """Make everything random repeat from here; returns the generator."""
    return rng.seed(as_int(seed, "seed"))


def get_rng_state(device: str | None = None) -> list[Any]:
    """The states of the generators of the CPU and of the GPUs in use, for `set_rng_state`."""
    return rng.get_state()


def set_rng_state(state_list: list[Any], device: str | None = None) -> None:
    """Put back what `get_rng_state` gave."""
    rng.set_state(state_list)


def get_cuda_rng_state() -> list[Any]:
    """The states of the generators of the GPUs in use; an empty list without any."""
    return rng.get_gpu_states()


def set_cuda_rng_state(state_list: list[Any]) -> None:
    """Put back what `get_cuda_rng_state` gave. ValueError for anything else."""
    if not isinstance(state_list, (list, tuple)) or not all(isinstance(s, dict) and "gpu" in s for s in state_list):
        raise ValueError("set_cuda_rng_state takes what get_cuda_rng_state gave, a list with one state for each GPU in use")
    rng.set_state(list(state_list))


def _floating(dtype: Any, what: str) -> DType:
    target = dtypes.default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not target.is_floating:
        raise UnsupportedDtypeError(f"{what}: dtype must be float16, bfloat16, float32 or float64, got {target.name}")
    return target


def uniform(
    shape: Any, dtype: Any = None, min: float = -1.0, max: float = 1.0, seed: int = 0, name: str | None = None
) -> Any:
    """Numbers evenly distributed in [min, max)."""
    attribute, whole, parts = ints_or_tensors(shape, "shape")
    return call(
        R.uniform_random,
        whole,
        parts,
        shape=attribute,
        dtype=_floating(dtype, "uniform").proto,
        min=float(min),
        max=float(max),
        seed=int(seed),
    )


def rand(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Numbers evenly distributed in [0, 1)."""
    return uniform(shape, dtype, 0.0, 1.0)


def _gaussian(shape: Any, mean: float, std: float, dtype: DType) -> Any:
    attribute, whole, parts = ints_or_tensors(shape, "shape")
    return call(R.gaussian_random, whole, parts, shape=attribute, mean=mean, std=std, dtype=dtype.proto)


def standard_normal(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Normally distributed numbers with mean 0 and standard deviation 1."""
    return _gaussian(shape, 0.0, 1.0, _floating(dtype, "standard_normal"))


def gaussian(shape: Any, mean: Any = 0.0, std: Any = 1.0, seed: int = 0, dtype: Any = None, name: str | None = None) -> Any:
    """Normally distributed numbers; a `seed` other than 0 makes the call repeat itself."""
    made = standard_normal(shape, dtype)
    return in_place(made, call(R.gaussian_inplace, made, mean=float(mean), std=float(std), seed=int(seed)))


def randn(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Normally distributed numbers with mean 0 and standard deviation 1."""
    return standard_normal(shape, dtype)


def normal(mean: Any = 0.0, std: Any = 1.0, shape: Any = None, name: str | None = None) -> Any:
    """Normally distributed numbers; `mean` and `std` may be tensors, which then give the shape."""
    tensors = [v for v in (mean, std) if is_tensor_like(v)]
    static_types("normal", "float32 float64", mean_or_std=tensors)
    if builds_program() and not tensors and isinstance(shape, int):
        raise WrongTypeError(f"normal: shape must be a list, a tuple or a Variable, got {shape}")
    if not tensors:
        return _gaussian([1] if shape is None else shape, float(mean), float(std), dtypes.default_dtype())
    like = tensors[0]
    size = call(C.shape, like) if -1 in spec_of(like).shape else list(spec_of(like).shape)
    return _gaussian(size, 0.0, 1.0, like.dtype) * std + mean


def randint(low: Any = 0, high: Any = None, shape: Any = [1], dtype: Any = None, name: str | None = None) -> Any:  # noqa: B006
    """Integers evenly distributed in [low, high), in [0, low) when `high` is None; int64 unless `dtype` says int32."""
    if high is None:
        if low <= 0:
            raise ValueError(f"randint: with high=None low must be greater than 0, got {low}")
        low, high = 0, low
    target = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if low >= high:
        raise ValueError(f"randint: low must be less than high, got {low} and {high}")
    if target.name not in ("int32", "int64"):
        raise UnsupportedDtypeError(f"randint: dtype must be int32 or int64, got {target.name}")
    attribute, whole, parts = ints_or_tensors(shape, "shape")
    return call(R.randint, whole, parts, low=int(low), high=int(high), shape=attribute, dtype=target.proto)


def randint_like(x: Any, low: Any = 0, high: Any = None, dtype: Any = None, name: str | None = None) -> Any:
    """Integers in [low, high) with the shape of `x`, in its dtype unless another is given."""
    target = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    shape = call(C.shape, x) if -1 in spec_of(x).shape else list(spec_of(x).shape)
    return randint(low, high, shape, "int64").astype(target)


def randperm(n: int, dtype: Any = "int64", name: str | None = None) -> Any:
    """The numbers 0 to n - 1 in random order."""
    n = as_int(n, "n")
    if n < 1:
        raise ValueError(f"randperm: n must be at least 1, got {n}")
    target = dtypes.as_dtype(dtype)
    static_dtype("randperm", "int32 int64 float32 float64", target)
    return call(R.randperm, n=n, dtype=target.proto)


@tensor_method("bernoulli")
def bernoulli(x: Any, name: str | None = None) -> Any:
    """1 with the probability given by each element of `x`, else 0."""
    return call(R.bernoulli, x)


@tensor_method("multinomial")
def multinomial(x: Any, num_samples: int = 1, replacement: bool = False, name: str | None = None) -> Any:
    """int64 class numbers drawn with the weights in each row of `x`. ValueError when there are too few classes."""
    return call(R.multinomial, x, num_samples=as_int(num_samples, "num_samples"), replacement=bool(replacement))


def poisson(x: Any, name: str | None = None) -> Any:
    """Poisson distributed counts with the rates in `x`."""
    return call(R.poisson, x)


# --- in place


@tensor_method("uniform_")
def uniform_(x: Any, min: float = -1.0, max: float = 1.0, seed: int = 0, name: str | None = None) -> Any:
    """Overwrite with numbers evenly distributed in [min, max)."""
    return in_place(x, call(R.uniform_random_inplace, x, min=float(min), max=float(max), seed=int(seed)))


@tensor_method("normal_")
def normal_(x: Any, mean: float = 0.0, std: float = 1.0, name: str | None = None) -> Any:
    """Overwrite with normally distributed numbers."""
    return in_place(x, call(R.gaussian_inplace, x, mean=float(mean), std=float(std)))


@tensor_method("gaussian_")
def gaussian_(x: Any, mean: float = 0.0, std: float = 1.0, seed: int = 0, name: str | None = None) -> Any:
    """Overwrite with normally distributed numbers; a `seed` other than 0 makes the call repeat itself."""
    return in_place(x, call(R.gaussian_inplace, x, mean=float(mean), std=float(std), seed=int(seed)))


@tensor_method("top_p_sampling")
def top_p_sampling(x: Any, ps: Any, threshold: Any = None, seed: int | None = None, name: str | None = None) -> tuple[Any, Any]:
    """One class per row of x [batch, classes] (probabilities), drawn among the most probable ones that make up `ps` [batch].

    threshold: classes less probable than that are left out, too. Returns values [batch, 1] of the type of `x` and int64 [batch, 1].
    Holtzman et al., "The Curious Case of Neural Text Degeneration" (2019).
    """
    return call(R.top_p_sampling, x, ps, threshold, seed=-1 if seed is None else int(seed))


@tensor_method("exponential_")
def exponential_(x: Any, lam: float = 1.0, name: str | None = None) -> Any:
    """Overwrite with exponentially distributed numbers of rate `lam`."""
    return in_place(x, call(R.exponential, x, **{"lambda": float(lam)}))


@tensor_method("cauchy_")
def cauchy_(x: Any, loc: float = 0.0, scale: float = 1.0, name: str | None = None) -> Any:
    """Overwrite with Cauchy distributed numbers."""
    drawn = call(R.uniform_random_inplace, x, min=0.0, max=1.0)
    return in_place(x, ((drawn - 0.5) * np.pi).tan() * float(scale) + float(loc))


@tensor_method("geometric_")
def geometric_(x: Any, probs: Any, name: str | None = None) -> Any:
    """Overwrite with ``log(u) / log(1 - probs)`` for u even in (0, 1), as Paddle does."""
    p = float(probs.item() if is_tensor_like(probs) else probs)
    if not 0 < p <= 1:
        raise ValueError(f"geometric_: probs must be in (0, 1], got {p}")
    tiny = float(np.finfo(spec_of(x).dtype).tiny)
    drawn = call(R.uniform_random_inplace, x, min=tiny, max=1.0)
    return in_place(x, drawn.log() / float(np.log1p(-p)))
