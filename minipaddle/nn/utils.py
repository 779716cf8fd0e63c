"""``paddle.nn.utils``: weight and spectral normalisation of layers, clipping of gradients, parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..core.context import context
from ..core.grad_mode import no_grad
from ..core.tensor import TensorBase, isinstance_strict
from ..errors import NotSupportedError
from ..tensor import creation, linalg, logic, manipulation
from ..tensor import math as tensor_math
from .functional.norm import normalize
from .initializer import Normal
from .layer.layers import Layer

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "remove_weight_norm", "spectral_norm", "vector_to_parameters",
    "weight_norm",
]  # fmt: skip


def _norm_except(v: Any, dim: int) -> Any:
    """Euclidean norm over all axes but `dim` (over all axes for -1), shaped to broadcast against `v`."""
    square = tensor_math.square(v)
    if dim == -1:
        return tensor_math.sqrt(tensor_math.sum(square))
    axes = [i for i in range(len(v.shape)) if i != dim]
    return tensor_math.sqrt(tensor_math.sum(square, axis=axes, keepdim=True)) if axes else tensor_math.sqrt(square)


class _WeightHook:
    """Pre-hook that computes the parameter `name` of a layer from others before each call."""

    name: str

    def weight(self, layer: Layer) -> Any:
        raise NotImplementedError

    def __call__(self, layer: Layer, inputs: Any) -> None:
        # an ordinary attribute: it is neither parameter nor buffer, and is computed again before each call
        layer.__dict__[self.name] = self.weight(layer)


def _refuse_second(layer: Layer, kind: type, name: str, what: str) -> None:
    if name not in layer._parameters:
        raise KeyError(f"{what}: the layer has no parameter {name!r}; it has {', '.join(layer._parameters) or 'none'}")
    if any(isinstance(hook, kind) and hook.name == name for hook in layer._forward_pre_hooks.values()):  # type: ignore[attr-defined]
        raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {name}")


class _WeightNorm(_WeightHook):
    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def weight(self, layer: Layer) -> Any:
        g, v = getattr(layer, self.name + "_g"), getattr(layer, self.name + "_v")
        return v * (_flat(g, v, self.dim) / _norm_except(v, self.dim))


def _flat(g: Any, v: Any, dim: int) -> Any:
    """`g` of shape [v.shape[dim]] in the shape that broadcasts along `dim` of `v`."""
    if dim == -1:
        return g
    return manipulation.reshape(g, [n if i == dim else 1 for i, n in enumerate(v.shape)])


def weight_norm(layer: Layer, name: str = "weight", dim: int | None = 0) -> Layer:
    """Split the parameter into length ``<name>_g`` (per entry of axis `dim`, None: one) and direction ``<name>_v``.

    w = g * v / |v| (Salimans and Kingma 2016), computed before each call. Returns the layer. AssertionError for a bad axis.
    """
    if context.recorder is not None and not context.recorder.tracing:
        raise NotSupportedError(
            "weight_norm works on a layer with values and cannot be applied in static mode; apply it in dynamic mode and use "
            "to_static, or give the layer weight_attr=static.WeightNormParamAttr(dim)"
        )
    axis = -1 if dim is None else dim
    _refuse_second(layer, _WeightNorm, name, "weight_norm")
    w = layer._parameters[name]
    ndim = len(w.shape)
    if not -ndim <= axis < ndim:
        raise AssertionError(f"weight_norm: dim must be in [{-ndim}, {ndim}), the dimensions of {name!r}, got {dim}")
    if axis != -1:
        axis %= ndim
    hook = _WeightNorm(name, axis)
    with no_grad():
        length = _norm_except(w, axis)
        length = length if axis == -1 else manipulation.reshape(length, [w.shape[axis]])
    delattr(layer, name)
    v = layer.create_parameter(w.shape, dtype=w.dtype)
    g = layer.create_parameter(length.shape, dtype=w.dtype)
    layer.add_parameter(name + "_v", v)
    layer.add_parameter(name + "_g", g)
    with no_grad():
        creation.assign(w, v)
        creation.assign(length, g)
    layer.__dict__[name] = hook.weight(layer)
    layer.register_forward_pre_hook(hook)
    return layer


def remove_weight_norm(layer: Layer, name: str = "weight") -> Layer:
    """Undo `weight_norm`: the layer has one parameter `name` again. ValueError if there is nothing to undo."""
    for number, hook in list(layer._forward_pre_hooks.items()):
        if isinstance(hook, _WeightNorm) and hook.name == name:
            with no_grad():
                value = hook.weight(layer)
            del layer._forward_pre_hooks[number]
            layer.__dict__.pop(name)
            delattr(layer, name + "_g")
            delattr(layer, name + "_v")
            w = layer.create_parameter(value.shape, dtype=value.dtype)
            layer.add_parameter(name, w)
            with no_grad():
                creation.assign(value, w)
            return layer
    raise ValueError(f"weight_norm of {name!r} not found in {type(layer).__name__}")


class _SpectralNorm(_WeightHook):
    def __init__(self, name: str, iterations: int, dim: int, eps: float) -> None:
        self.name, self.iterations, self.dim, self.eps = name, iterations, dim, eps

    def matrix(self, weight: Any) -> Any:
        """The weight with axis `dim` first and the others taken together."""
        if self.dim != 0:
            weight = manipulation.transpose(weight, [self.dim, *[d for d in range(len(weight.shape)) if d != self.dim]])
        return manipulation.reshape(weight, [weight.shape[0], -1])

    def weight(self, layer: Layer) -> Any:
        original, u, v = (getattr(layer, self.name + end) for end in ("_orig", "_u", "_v"))
        matrix = self.matrix(original)
        if layer.training:
            with no_grad():
                for _ in range(self.iterations):
                    creation.assign(normalize(linalg.matmul(matrix, u, transpose_x=True), axis=0, epsilon=self.eps), v)
                    creation.assign(normalize(linalg.matmul(matrix, v), axis=0, epsilon=self.eps), u)
                u, v = creation.clone(u), creation.clone(v)
        return original / linalg.dot(u, linalg.mv(matrix, v))


def spectral_norm(
    layer: Layer, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Layer:
    """Divide the parameter by its largest singular value, found by power iteration (Miyato et al. 2018). Returns the layer.

    dim: the output axis, by default 1 for Linear and transposed convolutions, else 0.
    """
    if n_power_iterations <= 0:
        raise ValueError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
    _refuse_second(layer, _SpectralNorm, name, "spectral_norm")
    if dim is None:
        dim = 1 if type(layer).__name__ in ("Linear", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose") else 0
    hook = _SpectralNorm(name, n_power_iterations, dim, eps)
    weight = layer._parameters[name]
    height, width = hook.matrix(weight).shape
    for end, size in (("_u", height), ("_v", width)):
        with no_grad():
            start = layer.create_parameter([size], dtype=weight.dtype, default_initializer=Normal(0.0, 1.0))
            start = normalize(start, axis=0, epsilon=eps)
        layer.register_buffer(name + end, start)
    delattr(layer, name)
    layer.add_parameter(name + "_orig", weight)
    layer.__dict__[name] = hook.weight(layer)
    layer.register_forward_pre_hook(hook)
    return layer


def _listed(parameters: Any) -> list[Any]:
    return [parameters] if isinstance_strict(parameters, TensorBase) else list(parameters)


@no_grad()
def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Any:
    """Scale all gradients in place so that their common norm is at most `max_norm`; returns the norm before, shape [].

    norm_type: 0, 1, 2 or inf, else ValueError. RuntimeError for a norm that is not finite, if asked for.
    """
    if norm_type not in (math.inf, 0, 1, 2):
        raise ValueError(f"norm_type only support [inf, 0, 1, 2], got {norm_type}")
    owners = [p for p in _listed(parameters) if p.grad is not None]
    if not owners:
        return creation.to_tensor(0.0)
    norms = [linalg.norm(p.grad.detach(), float(norm_type)) for p in owners]
    total = (
        linalg.norm(manipulation.stack(norms), float(norm_type))
        if len(norms) > 1 or norm_type != math.inf
        else norms[0]
    )
    if error_if_nonfinite and not bool(logic.logical_not(tensor_math.isnan(total) | tensor_math.isinf(total))):
        raise RuntimeError(
            f"clip_grad_norm_: the total norm of order {norm_type} of the gradients is not finite, so they cannot be clipped; "
            "set error_if_nonfinite=False to scale them all the same"
        )
    factor = tensor_math.clip(float(max_norm) / (total + 1e-6), max=1.0)
    for p in owners:
        p.grad._replace((p.grad * factor)._data)
    return total


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Limit every element of all gradients to [-clip_value, clip_value] in place. ValueError for a negative limit."""
    if clip_value < 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for p in _listed(parameters):
        if p.grad is not None:
            p.grad._replace(tensor_math.clip(p.grad, min=-float(clip_value), max=float(clip_value))._data)


def parameters_to_vector(parameters: Iterable[Any], name: str | None = None) -> Any:
    """All parameters one after another as one vector [number of elements]."""
    with no_grad():
        vector = manipulation.concat([manipulation.reshape(p, [-1]) for p in parameters])
    vector.stop_gradient = False
    return vector


def vector_to_parameters(vec: Any, parameters: Sequence[Any], name: str | None = None) -> None:
    """Copy the pieces of `vec` into the parameters, in order. ValueError when the lengths differ."""
    parameters = list(parameters)
    sizes = [math.prod(p.shape) for p in parameters]
    if sum(sizes) != vec.shape[0]:
        raise ValueError(f"vector_to_parameters: the parameters hold {sum(sizes)} numbers, the vector {vec.shape[0]}")
    at = 0
    for p, size in zip(parameters, sizes, strict=True):
        p.set_value(vec.detach()[at : at + size].reshape(p.shape))
        at += size
