"""Random tensors.

A `seed` attribute other than 0 makes an operator repeat itself; 0 draws from the generator of the process.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import rng
from ..dtypes import numpy_of as _numpy
from ..errors import UnsupportedDtypeError
from .creation import batch_shape, checked_shape, shape_spec
from .manipulation import ints_of
from .registry import Attr, DTypeNumber, Ints, Longs, Spec, op
from .shapes import same_as

__all__: list[str] = []


def _generator(xp: Any, seed: int = 0) -> Any:
    return rng.random(xp) if seed == 0 else xp.random.default_rng(seed)


def _floating(dtype: Any) -> Any:
    target = _numpy(dtype)
    if target.kind not in "fV":
        raise ValueError(
            f"random floating numbers cannot have dtype {target}; expected float16, bfloat16, float32 or float64"
        )
    return target


def uniform_numbers(g: Any, shape: tuple[int, ...], low: float, high: float, dtype: Any) -> Any:
    """Numbers in [low, high); float16 and bfloat16 results may round to `high`."""
    # drawn in the precision of the result: rounding float64 to float32 could reach 1.0
    drawn = g.random(shape, dtype=dtype if dtype in (np.float32, np.float64) else np.float32)
    if (low, high) == (0.0, 1.0):
        return drawn if drawn.dtype == dtype else drawn.astype(dtype)
    return (drawn * drawn.dtype.type(high - low) + drawn.dtype.type(low)).astype(dtype)


def normal_numbers(g: Any, shape: tuple[int, ...], mean: float, std: float, dtype: Any) -> Any:
    """Normally distributed numbers."""
    drawn = g.standard_normal(shape, dtype=dtype if dtype in (np.float32, np.float64) else np.float32)
    if (mean, std) == (0.0, 1.0):
        return drawn if drawn.dtype == dtype else drawn.astype(dtype)
    return (drawn * drawn.dtype.type(std) + drawn.dtype.type(mean)).astype(dtype)


def _with_diagonal(values: Any, diag_num: int, diag_step: int, diag_val: float) -> Any:
    if diag_num > 0:
        flat = values.reshape(-1)
        width = diag_step + 1
        flat[: (diag_num - 1) * width + 1 : width] = diag_val
    return values


@op(
    "uniform_random",
    "ShapeTensor?, ShapeTensorList*? -> Out",
    random=True,
    infer=lambda s=None, t=None, *, shape=(), dtype=5, **_: shape_spec(s, t, shape, dtype),
)
def uniform_random(
    xp,
    shape_tensor=None,
    shape_tensors=None,
    *,
    shape: Longs = (),
    dtype: DTypeNumber = 5,
    min: float = -1.0,
    max: float = 1.0,
    seed: int = 0,
    diag_num: int = 0,
    diag_step: int = 0,
    diag_val: float = 1.0,
):
    size = checked_shape(ints_of(shape_tensor, shape_tensors, shape))
    return _with_diagonal(
        uniform_numbers(_generator(xp, seed), size, min, max, _floating(dtype)), diag_num, diag_step, diag_val
    )


@op(
    "uniform_random_batch_size_like",
    "Input -> Out",
    random=True,
    infer=lambda x, *, shape, input_dim_idx=0, output_dim_idx=0, dtype=5, **_: Spec(
        batch_shape(shape, x.shape, input_dim_idx, output_dim_idx), _numpy(dtype)
    ),
)
def uniform_random_batch_size_like(
    xp,
    x,
    *,
    shape: Ints,
    input_dim_idx: int = 0,
    output_dim_idx: int = 0,
    min: float = -1.0,
    max: float = 1.0,
    seed: int = 0,
    diag_num: int = 0,
    diag_step: int = 0,
    diag_val: float = 1.0,
    dtype: DTypeNumber = 5,
):
    size = batch_shape(shape, x.shape, input_dim_idx, output_dim_idx)
    return _with_diagonal(
        uniform_numbers(_generator(xp, seed), size, min, max, _floating(dtype)), diag_num, diag_step, diag_val
    )


@op("uniform_random_inplace", "X -> Out", random=True, infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def uniform_random_inplace(
    xp,
    x,
    *,
    min: float = -1.0,
    max: float = 1.0,
    seed: int = 0,
    diag_num: int = 0,
    diag_step: int = 0,
    diag_val: float = 1.0,
):
    return _with_diagonal(
        uniform_numbers(_generator(xp, seed), x.shape, min, max, _floating(x.dtype)), diag_num, diag_step, diag_val
    )


@uniform_random_inplace.backward
def _(xp, d_out):
    return xp.zeros_like(d_out)


@op(
    "gaussian_random",
    "ShapeTensor?, ShapeTensorList*? -> Out",
    random=True,
    infer=lambda s=None, t=None, *, shape=(), dtype=5, **_: shape_spec(s, t, shape, dtype),
)
def gaussian_random(
    xp,
    shape_tensor=None,
    shape_tensors=None,
    *,
    shape: Longs = (),
    mean: float = 0.0,
    std: float = 1.0,
    seed: int = 0,
    dtype: DTypeNumber = 5,
):
    size = checked_shape(ints_of(shape_tensor, shape_tensors, shape))
    return normal_numbers(_generator(xp, seed), size, mean, std, _floating(dtype))


@op("gaussian_inplace", "x -> out", random=True, infer=same_as(0), grad="out@GRAD -> x@GRAD")
def gaussian_inplace(xp, x, *, mean: float = 0.0, std: float = 1.0, seed: int = 0):
    return normal_numbers(_generator(xp, seed), x.shape, mean, std, _floating(x.dtype))


@gaussian_inplace.backward
def _(xp, d_out):
    return xp.zeros_like(d_out)


@op("truncated_gaussian_random", "-> Out", random=True, infer=lambda *, shape, dtype=5, **_: Spec(shape, _numpy(dtype)))
def truncated_gaussian_random(
    xp, *, shape: Ints, mean: float = 0.0, std: float = 1.0, seed: int = 0, dtype: DTypeNumber = 5
):
    g = _generator(xp, seed)
    target = _floating(dtype)
    values = g.standard_normal(checked_shape(shape), dtype=np.float64)
    for _ in range(64):  # drawn again where beyond two standard deviations (5 % each time)
        far = abs(values) > 2.0
        count = int(far.sum())
        if not count:
            break
        values[far] = g.standard_normal(count, dtype=np.float64)
    return (values * std + mean).astype(target)


@op(
    "randint",
    "ShapeTensor?, ShapeTensorList*? -> Out",
    random=True,
    infer=lambda s=None, t=None, *, shape=(), dtype=3, **_: shape_spec(s, t, shape, dtype),
)
def randint(
    xp,
    shape_tensor=None,
    shape_tensors=None,
    *,
    low: int,
    high: int,
    shape: Longs = (),
    dtype: DTypeNumber = 3,
    seed: int = 0,
):
    if low >= high:
        raise ValueError(f"low = {low} must be less than high = {high}")
    size = checked_shape(ints_of(shape_tensor, shape_tensors, shape))
    return _generator(xp, seed).integers(low, high, size, dtype=np.int64).astype(_numpy(dtype))


@op("randperm", "-> Out", random=True, infer=lambda *, n, dtype=3: Spec((n,), _numpy(dtype)))
def randperm(xp, *, n: int, dtype: DTypeNumber = 3):
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    # sorting random keys is the one way that every array module has
    return xp.argsort(rng.random(xp).random(n)).astype(_numpy(dtype))


@op("bernoulli", "X -> Out", random=True, infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def bernoulli(xp, x):
    if x.dtype.kind not in "fV":
        raise UnsupportedDtypeError(f"takes floating tensors, got {x.dtype}")
    if x.size and (float(x.min()) < 0 or float(x.max()) > 1):
        raise IndexError(f"probabilities must be in [0, 1], got {float(x.min())} to {float(x.max())}")
    return (rng.random(xp).random(x.shape) < x).astype(x.dtype)


@bernoulli.backward
def _(xp, d_out):
    return xp.zeros_like(d_out)


def _infer_multinomial(x: Spec, *, num_samples: int = 1, replacement: bool = False) -> Spec:
    if x.ndim not in (1, 2):
        raise ValueError(f"the input must have 1 or 2 dimensions, got shape {list(x.shape)}")
    return Spec((*x.shape[:-1], num_samples), np.dtype(np.int64))


@op("multinomial", "X -> Out", random=True, infer=_infer_multinomial)
def multinomial(xp, x, *, num_samples: int = 1, replacement: bool = False):
    _infer_multinomial(x, num_samples=num_samples)
    if x.dtype.kind not in "fV":
        raise UnsupportedDtypeError(f"takes floating tensors, got {x.dtype}")
    if num_samples < 1:
        raise ValueError(f"num_samples must be positive, got {num_samples}")
    weights = x.astype("float64")
    if bool((weights < 0).any()) or not bool(xp.isfinite(weights).all()) or bool((weights.sum(axis=-1) == 0).any()):
        raise ValueError("the weights must be finite and not negative, and the sum of each row positive")
    g = rng.random(xp)
    if replacement:
        ends = weights.cumsum(axis=-1)
        drawn = g.random((*x.shape[:-1], num_samples)) * ends[..., -1:]
        index = (xp.expand_dims(drawn, -1) >= xp.expand_dims(ends, -2)).sum(axis=-1)
        # rounding may put a number at the very end: the last class with a positive weight takes it
        last = x.shape[-1] - 1 - xp.argmax(xp.flip(weights, -1) > 0, axis=-1)
        return xp.minimum(index, xp.expand_dims(last, -1)).astype("int64")
    possible = int((weights > 0).sum(axis=-1).min())
    if num_samples > possible:
        raise ValueError(
            f"num_samples = {num_samples} without replacement, but only {possible} classes have a positive weight"
        )
    # the largest values of log(weight) + Gumbel noise are a weighted sample without replacement
    noise = -xp.log(-xp.log(xp.maximum(g.random(x.shape), 1e-300)))
    keys = xp.where(weights > 0, xp.log(xp.where(weights > 0, weights, 1.0)) + noise, -np.inf)
    return xp.argsort(-keys, axis=-1)[..., :num_samples].astype("int64")


def _infer_top_p(x: Spec, ps: Spec, threshold: Any = None, **_: Any) -> tuple[Spec, Spec]:
    if x.ndim != 2:
        raise ValueError(f"x must have two dimensions, got shape {list(x.shape)}")
    for what, s in (("ps", ps), ("threshold", threshold)):
        if s is not None and -1 not in (s.size, x.shape[0]) and s.size != x.shape[0]:
            raise ValueError(f"{what} must hold one number for each of the {x.shape[0]} rows, got shape {list(s.shape)}")
    return Spec((x.shape[0], 1), x.dtype), Spec((x.shape[0], 1), np.dtype(np.int64))


@op("top_p_sampling", "x, ps, threshold? -> out, ids", random=True, infer=_infer_top_p)
def top_p_sampling(xp, x, ps, threshold=None, *, seed: int = -1):
    _infer_top_p(x, ps, threshold)
    weights = x.astype("float64")
    order = xp.argsort(-weights, axis=-1, kind="stable")
    weights = xp.take_along_axis(weights, order, -1)
    if threshold is not None:
        low = weights < threshold.astype("float64").reshape(-1, 1)
        low[:, 0] = False  # the most probable class stays in any case
        weights = xp.where(low, 0.0, weights)
    ends = weights.cumsum(axis=-1)
    # those before which less than `ps` has been gathered
    weights = xp.where(ends - weights < ps.astype("float64").reshape(-1, 1), weights, 0.0)
    weights[:, 0] = xp.maximum(weights[:, 0], 1e-300)
    ends = weights.cumsum(axis=-1)
    drawn = _generator(xp, max(seed, 0)).random((x.shape[0], 1)) * ends[:, -1:]
    place = xp.minimum((drawn >= ends).sum(axis=-1, keepdims=True), (weights > 0).sum(axis=-1, keepdims=True) - 1)
    ids = xp.take_along_axis(order, place, -1)
    return xp.take_along_axis(x, ids, -1), ids.astype("int64")


@op("poisson", "X -> Out", random=True, infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def poisson(xp, x):
    if x.dtype.kind != "f":
        raise UnsupportedDtypeError(f"takes floating tensors, got {x.dtype}")
    return xp.asarray(rng.random(xp).poisson(x)).astype(x.dtype)


@poisson.backward
def _(xp, d_out):
    return xp.zeros_like(d_out)


# `lambda` is a keyword of Python, so the attribute is named in the table after the function is registered
@op("exponential", "X -> Out", random=True, infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def exponential(xp, x, **attrs: Any):
    rate = float(attrs.get("lambda", 1.0))
    if rate <= 0:
        raise ValueError(f"lambda must be positive, got {rate}")
    return (rng.random(xp).standard_exponential(x.shape) / rate).astype(x.dtype)


exponential.attrs["lambda"] = Attr("lambda", "FLOAT", 1.0)
exponential.defaults["lambda"] = 1.0


@exponential.backward
def _(xp, d_out):
    return xp.zeros_like(d_out)


@op("dirichlet", "Alpha -> Out", random=True, infer=same_as(0))
def dirichlet(xp, alpha):
    drawn = rng.random(xp).standard_gamma(alpha.astype("float64"))
    return (drawn / drawn.sum(axis=-1, keepdims=True)).astype(alpha.dtype)


@op("seed", "-> Out", random=True, infer=lambda *, seed=0, **_: Spec((1,), np.dtype(np.int32)))
def seed(xp, *, seed: int = 0):
    return xp.full((1,), seed or int(rng.numpy_generator().integers(1, 2**31 - 1)), "int32")
