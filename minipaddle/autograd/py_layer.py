"""Functions with a gradient written by hand."""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..backend import xp as backend
from ..core.context import context
from ..core.custom_gradient import record
from ..core.dispatch import getattr_nested, specs_of
from ..core.grad_mode import no_grad
from ..core.tape import Node, Packed, current_packer, edge_of
from ..core.tensor import Tensor, isinstance_strict, make_tensor
from ..dtypes import from_numpy
from ..errors import GradientError
from ..ops.registry import OPS, Spec
from ..tensor.manipulation import reshape
from ..tensor.operators import cast_to

__all__ = ["PyLayer", "PyLayerContext", "once_differentiable"]


class _Output:
    """A saved tensor that is also a result: kept without its place on the tape, which would make a cycle."""

    def __init__(self, t: Tensor, number: Any) -> None:
        self.data, self.version, self.number = t._data, t._version, number


class PyLayerContext:
    """Carries tensors and anything else from `forward` to `backward` of a `PyLayer`."""

    _saved: tuple[Any, ...] | None = None
    _versions: tuple[int | None, ...] = ()
    _node: Any = None  # set while backward runs
    not_inplace_tensors: tuple[Any, ...] = ()
    non_differentiable: tuple[Any, ...] = ()
    materialize_grads: bool = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`; to be called once, in `forward`."""
        self._saved = tensors
        self._versions = tuple(t._version[0] if isinstance_strict(t, Tensor) else None for t in tensors)

    def saved_tensor(self) -> tuple[Any, ...] | None:
        """What `save_for_backward` was given, None if it was not called.

        RuntimeError if one of the tensors was changed in place meanwhile.
        """
        if self._saved is None:
            return None
        found: list[Any] = []
        for value, version in zip(self._saved, self._versions, strict=True):
            if type(value) is Packed:
                found.append(value.unpack())
                continue
            if type(value) is _Output:
                t = make_tensor(value.data)
                t._version = value.version
                if self._node is not None:
                    t._edge, t._stop_gradient = (self._node, value.number), False
                value = t
            if version is not None and value._version[0] != version:
                raise GradientError(
                    f"a tensor of shape {value.shape} that save_for_backward kept was changed in place afterwards; save "
                    "a copy of it, or call backward() first"
                )
            found.append(value)
        return tuple(found)

    def mark_not_inplace(self, *args: Any) -> None:
        """Say that these inputs, although `forward` returns them, stand for new tensors."""
        self.not_inplace_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say that these results get no gradient; `backward` is given zeros for them."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for results that no gradient reaches."""
        self.materialize_grads = bool(value)

    def _settle(self, outputs: dict[Any, Tensor]) -> None:
        """After forward: what may be kept without holding the tape, and what the pack hook takes."""
        if self._saved is None:
            return
        numbers = {id(t): number for number, t in outputs.items()}
        hooks = current_packer()

        def keep(value: Any) -> Any:
            if not isinstance_strict(value, Tensor):
                return value
            if hooks is not None:
                return Packed(value, hooks)
            return _Output(value, numbers[id(value)]) if id(value) in numbers else value

        self._saved = tuple(keep(v) for v in self._saved)


class PyLayerNode(Node):
    """The tape entry of one `PyLayer.apply`."""

    __slots__ = ("function", "in_specs", "layer", "specs")

    def __init__(
        self,
        layer: str,
        function: Callable[..., Any],
        ctx: PyLayerContext,
        edges: Sequence[Any],
        in_specs: Sequence[Any],
    ) -> None:
        super().__init__()
        self.layer, self.function, self.edges, self.in_specs = layer, function, edges, in_specs
        self.saved = ctx
        # per result that is a tensor: its number on the tape (None: no gradient) and what its gradient looks like
        self.specs: list[tuple[Any, Spec]] = []

    def name(self) -> str:
        return self.layer

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        ctx: PyLayerContext = self.saved
        some = next(iter(d_outs.values()))
        module = backend.array_module(some._data if create_graph else some)
        given: list[Tensor | None] = []
        for number, spec in self.specs:
            if number in d_outs:
                given.append(d_outs[number] if create_graph else make_tensor(d_outs[number]))
            else:
                given.append(make_tensor(module.zeros(spec.shape, spec.dtype)) if ctx.materialize_grads else None)
        ctx._node = self
        try:
            result = self.function(ctx, *given)
        finally:
            ctx._node = None
        return self._fit(result, create_graph)

    def _fit(self, result: Any, create_graph: bool) -> list[Any]:
        """The results of the user's function along the edges. ValueError if they do not fit, as in Paddle."""
        results = list(result) if isinstance(result, (list, tuple)) else [result]
        lists = [i for i, e in enumerate(self.edges) if type(e) is list]
        if len(self.edges) == 1 and lists and not (len(results) == 1 and isinstance(results[0], (list, tuple))):
            results = [results]
        if len(results) > len(self.edges):
            raise ValueError(
                f"{self.layer}.backward returned {len(results)} gradients for the {len(self.edges)} tensor arguments "
                "of forward"
            )
        given = len(results)
        results += [None] * (len(self.edges) - given)

        def check(g: Any, edge: Any, spec: Spec, number: int) -> Any:
            what = f"tensor argument {number} of {self.layer}.forward"
            if g is None:
                if edge is not None and number >= given:
                    raise ValueError(f"backward returned {given} gradients, but {what} needs one too")
                return None
            if not isinstance_strict(g, Tensor):
                raise ValueError(f"backward must return Tensors or None, got {type(g).__name__} for {what}")
            if edge is None:
                raise ValueError(f"backward returned a gradient for {what}, which has stop_gradient=True; return None")
            if g._data.shape != spec.shape:
                if g._data.size != spec.size:
                    raise ValueError(f"backward returned shape {g.shape} for {what} of shape {list(spec.shape)}")
                g = reshape(g, list(spec.shape))
            if g._data.dtype != spec.dtype:
                g = cast_to(g, from_numpy(spec.dtype))
            return g if create_graph else g._data

        fitted: list[Any] = []
        for number, (g, edge, spec) in enumerate(zip(results, self.edges, self.in_specs, strict=True)):
            if type(edge) is not list:
                fitted.append(check(g, edge, spec, number))
                continue
            items = list(g) if isinstance(g, (list, tuple)) else [None] * len(edge) if g is None else [g]
            if len(items) != len(edge):
                raise ValueError(
                    f"{self.layer}.backward returned {len(items)} gradients for argument {number} of forward, a list "
                    f"of {len(edge)} tensors"
                )
            fitted.append([check(one, e, s, number) for one, e, s in zip(items, edge, spec, strict=True)])
        return fitted


class PyLayer(PyLayerContext):
    """Base of functions with their own gradient: subclasses have static `forward(ctx, ...)` and `backward(ctx, ...)`.

    `forward` takes tensors and anything else; `backward` takes a gradient for each tensor that `forward` returned and
    returns one for each of its tensor arguments, None where there is none. Used as ``MyLayer.apply(...)``.
    """

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """The function itself, run without recording. To be overridden."""
        raise NotImplementedError("a PyLayer needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        """Gradients of the tensor arguments from the gradients of the results. To be overridden."""
        raise NotImplementedError("a PyLayer needs a static method backward(ctx, ...)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and put the layer on the tape; returns what `forward` returns."""
        slots: list[Any] = []
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor):
                slots.append(value)
            elif isinstance(value, (list, tuple)) and value and all(isinstance(t, Tensor) for t in value):
                slots.append(list(value))
        inputs: list[Tensor] = [t for s in slots for t in (s if type(s) is list else [s])]
        needed = context.grad_enabled and any(not t.stop_gradient for t in inputs)
        ctx = PyLayerContext()
        if context.recorder is not None:
            recorder: Any = context.recorder
            forward = recorder.converted(cls.forward)
            if not needed:
                return forward(ctx, *args, **kwargs)
            given = [recorder.variable(t, OPS["assign"], "X") for t in inputs]
            return record(
                f"{cls.__name__}.forward", lambda: forward(ctx, *args, **kwargs), functools.partial(cls._recorded_backward, ctx, slots),
                given, recorder, lambda v: not any(v is x for x in ctx.non_differentiable),
            )  # fmt: skip
        edges = [[edge_of(t) for t in s] if type(s) is list else edge_of(s) for s in slots]
        in_specs = specs_of(getattr_nested(slots))
        with no_grad():
            result = cls.forward(ctx, *args, **kwargs)
        single = not isinstance(result, (list, tuple))
        results = [result] if single else list(result)
        if not any(isinstance_strict(t, Tensor) for t in results):
            raise ValueError(f"{cls.__name__}.forward must return at least one Tensor, got {type(result).__name__}")
        if not needed:
            return result
        node = PyLayerNode(cls.__name__, cls.backward, ctx, edges, in_specs)
        outputs: dict[Any, Tensor] = {}
        for i, t in enumerate(results):
            if isinstance_strict(t, Tensor):
                t = results[i] = cls._result(ctx, t, inputs)
                number = None
                if t._data.dtype.kind in "fcV" and not any(t is x for x in ctx.non_differentiable):
                    number = i
                    outputs[i] = t
                node.specs.append((number, Spec(t._data.shape, t._data.dtype)))
        ctx._settle(outputs)
        for number, t in outputs.items():
            t._edge, t._stop_gradient = (node, number), False
        return results[0] if single else type(result)(results) if type(result) in (list, tuple) else tuple(results)

    @classmethod
    def _recorded_backward(cls, ctx: PyLayerContext, slots: Sequence[Any], *gradients: Any) -> list[Any]:
        """`backward` while a Program is recorded: one entry for each tensor, those in lists too. ValueError if it does not fit."""
        assert context.recorder is not None
        found = context.recorder.converted(cls.backward)(ctx, *gradients)
        given = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(slots) == 1 and type(slots[0]) is list and not (len(given) == 1 and isinstance(given[0], (list, tuple))):
            given = [given]
        if len(given) > len(slots):
            raise ValueError(
                f"{cls.__name__}.backward returned {len(given)} gradients for the {len(slots)} tensor arguments of forward"
            )
        flat: list[Any] = []
        for number, slot in enumerate(slots):
            items = slot if type(slot) is list else [slot]
            one = given[number] if number < len(given) else None
            parts = list(one) if isinstance(one, (list, tuple)) else [None] * len(items) if one is None else [one]
            if len(parts) != len(items):
                raise ValueError(
                    f"{cls.__name__}.backward returned {len(parts)} gradients for argument {number} of forward, which holds "
                    f"{len(items)} tensors"
                )
            if number >= len(given) and any(not t.stop_gradient for t in items):
                raise ValueError(
                    f"{cls.__name__}.backward returned {len(given)} gradients for the {len(slots)} tensor arguments of forward, but "
                    f"tensor argument {number} needs one too"
                )
            flat += parts
        return flat

    @staticmethod
    def _result(ctx: PyLayerContext, t: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        """A result of `forward`; one that is an input too is taken as changed in place unless it was marked."""
        known = any(t is x for x in inputs)
        if not known and t._edge is None and t._stop_gradient:
            return t
        if not known or any(t is x for x in ctx.not_inplace_tensors):  # its own place on the tape stays as it is
            alias = make_tensor(t._data)
            alias._version = t._version
            return alias
        if t._edge is None and not t._stop_gradient:
            raise ValueError(
                f"forward returned its argument {t.name!r}, a leaf that requires a gradient, as if changed in place; "
                "return a copy, or call ctx.mark_not_inplace on it"
            )
        return t


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a `backward` that cannot be differentiated itself: it runs without recording."""

    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            return backward(ctx, *args)

    return wrapper
