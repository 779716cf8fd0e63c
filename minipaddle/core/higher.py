"""Gradients of gradient operators in Programs.

Nobody writes a second derivative. What a Program has for the gradient of ``<op>_grad`` is, in this order:

- the operator itself, where ``<op>`` is linear: the gradient of a `reduce_sum_grad` is a `reduce_sum` again;
- an operator that Paddle has for it, such as `tanh_grad_grad`, where it reads just what our gradient operator reads;
- ``derivative_of_<op>_grad``, which only this library knows.

The latter two run the backward function on recorded Tensors (see `array_facade`) and walk that tape. The same again gives third
derivatives and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..errors import NotSupportedError
from ..ops.registry import OPS, GradPlan, Op, Slot, Spec
from . import tape
from .array_facade import backward_on_tensors
from .context import context
from .program import GRAD_SUFFIX, Block, Operator
from .tensor import Tensor, make_tensor

__all__ = ["find", "form_of", "make_differentiable", "seeds_of", "source_of"]

PREFIX = "derivative_of_"
_HIGHEST = 16  # of a name in a file

# operators f with f(a + b) = f(a) + f(b) in their first input: the gradient of their gradient is f
_LINEAR = frozenset(
    "concat cumsum expand_v2 flatten_contiguous_range gather gather_nd mean pad pad3d reduce_mean reduce_sum roll slice squeeze2 stack "
    "strided_slice tile transpose2 tril_triu unsqueeze2".split()
)

# operators f(x, y) that are linear in x and in y: their second derivative is made of f and its gradient
_BILINEAR = frozenset("bmm conv2d conv2d_transpose conv3d depthwise_conv2d dot elementwise_mul matmul matmul_v2 mul mv".split())
# sums of their inputs
_SUMS = frozenset(("elementwise_add", "elementwise_sub"))
# one input, whose gradient is a multiple of that of the output, element by element, and is constant piece by piece
_PIECEWISE = frozenset(("abs", "clip", "leaky_relu", "relu"))

# gradient operator -> Paddle's operator for its gradient, and what Paddle calls the slots. Inputs of ours that are not named count for
# their shapes alone. Results that are not named are zero.
_DOUBLE = "{0}, Out@GRAD={1}, X@GRAD@GRAD=grad_x@GRAD -> {0}@GRAD, Out@GRAD@GRAD={1}@GRAD"
_FLAT = "{0}, X@GRAD@GRAD=grad_x@GRAD -> Out@GRAD@GRAD=grad_out@GRAD"
_SUM = "Y, Out@GRAD=DOut, X@GRAD@GRAD=DDX, Y@GRAD@GRAD=DDY -> Out@GRAD@GRAD=DDOut"
_PADDLE: dict[str, tuple[str, str]] = {
    "tanh_grad": ("tanh_grad_grad", _DOUBLE.format("Out", "grad_out")),
    "sigmoid_grad": ("sigmoid_grad_grad", _DOUBLE.format("Out", "fwd_grad_out")),
    "square_grad": ("square_grad_grad", _DOUBLE.format("X", "grad_out")),
    "log_grad": ("log_grad_grad", _DOUBLE.format("X", "grad_out")),
    "sin_grad": ("sin_double_grad", _DOUBLE.format("X", "grad_out")),
    "cos_grad": ("cos_double_grad", _DOUBLE.format("X", "grad_out")),
    "celu_grad": ("celu_grad_grad", _DOUBLE.format("X", "grad_out")),
    "softplus_grad": ("softplus_double_grad", _DOUBLE.format("X", "grad_out")),
    "relu_grad": ("relu_grad_grad", _FLAT.format("Out")),
    "leaky_relu_grad": ("leaky_relu_grad_grad", _FLAT.format("X")),
    "abs_grad": ("abs_double_grad", "X=x, X@GRAD@GRAD=grad_x@GRAD -> Out@GRAD@GRAD=grad_out@GRAD"),
    "clip_grad": ("clip_double_grad", "X, Min, Max, X@GRAD@GRAD=grad_x@GRAD -> Out@GRAD@GRAD=grad_out@GRAD"),
    "elementwise_add_grad": ("elementwise_add_grad_grad", _SUM),
    "elementwise_sub_grad": ("elementwise_sub_grad_grad", _SUM),
    "elementwise_mul_grad": (
        "elementwise_mul_grad_grad",
        "X, Y, Out@GRAD=DOut, X@GRAD@GRAD=DDX, Y@GRAD@GRAD=DDY -> X@GRAD, Y@GRAD, Out@GRAD@GRAD=DDOut",
    ),
    "reshape2_grad": ("reshape2_grad_grad", "Out@GRAD=DOut, X@GRAD@GRAD=DDX -> Out@GRAD@GRAD=DDOut"),
    "mul_grad": (
        "mul_grad_grad",
        "X, Y, Out@GRAD=DOut, X@GRAD@GRAD=DDX, Y@GRAD@GRAD=DDY -> X@GRAD=DX, Y@GRAD=DY, Out@GRAD@GRAD=DDOut",
    ),
    "matmul_v2_grad": (
        "matmul_v2_grad_grad",
        "X, Y, Out@GRAD=grad_out, X@GRAD@GRAD=grad_x@GRAD, Y@GRAD@GRAD=grad_y@GRAD -> X@GRAD, Y@GRAD, Out@GRAD@GRAD=grad_out@GRAD",
    ),
    "conv2d_grad": (
        "conv2d_grad_grad",
        "Input, Filter, Output@GRAD=grad_out, Input@GRAD@GRAD=grad_input@GRAD, Filter@GRAD@GRAD=grad_filter@GRAD -> "
        "Input@GRAD, Filter@GRAD, Output@GRAD@GRAD=grad_out@GRAD",
    ),
}
_BASES = {type: base for base, (type, _) in _PADDLE.items()}


def make_differentiable(gradient: Op) -> GradPlan:
    """The way to differentiate a gradient operator once more; registers the operator for it. NotSupportedError if there is none."""
    if gradient.grad is not None:
        return gradient.grad
    if gradient.lod_takes:
        raise NotSupportedError(
            f"the gradient of operator {gradient.type} is asked for: ragged sequences have no second derivatives in a Program"
        )
    inputs = tuple(Slot(s.name, s.many, s.optional) for s in gradient.inputs)
    taken = {s.name for s in inputs}
    # from the third derivative on, names would come twice
    seeds = tuple(Slot(_unlike(s.name + GRAD_SUFFIX, taken), s.many, True) for s in gradient.outputs)
    targets = tuple(i for i, s in enumerate(gradient.inputs) if not s.spec_only)
    if gradient.type in _PADDLE:
        named = {mine.removesuffix(GRAD_SUFFIX) for mine, _ in _sides(gradient.type)[1]}
        targets = tuple(i for i in targets if gradient.inputs[i].name in named)
    results = tuple(Slot(gradient.inputs[i].name + GRAD_SUFFIX, gradient.inputs[i].many, True) for i in targets)
    sources = [("in", i, s.spec_only) for i, s in enumerate(gradient.inputs)]
    sources += [("d_out", i, not s.many) for i, s in enumerate(gradient.outputs)]
    count = len(inputs) + len(seeds)

    def function(xp: Any, *arrays: Any, needs: Sequence[bool] | None = None, **attrs: Any) -> Any:
        given = [*arrays, *(None,) * (count - len(arrays))]
        return _alone(_on_arrays(gradient, given, attrs, tuple(needs or (True,) * len(targets))))

    gradient.grad = GradPlan(
        function, (*inputs, *seeds), results, tuple(sources), targets, True, tuple(gradient.attrs), True
    )  # fmt: skip
    gradient.grad_type = PREFIX + gradient.type
    made = OPS[gradient.grad_type] = Op(gradient.grad_type, function, (*inputs, *seeds), results, gradient.attrs)
    made.gradient_of = gradient
    made.infer_rule = lambda *specs, **_: tuple(specs[i] for i in targets)
    return gradient.grad


def _unlike(name: str, taken: set[str]) -> str:
    return _unlike(name + "_", taken) if name in taken else name


def find(type: str) -> Op | None:
    """The definition of operator `type`, made now if it is a derivative of a gradient operator."""
    found = OPS.get(type)
    if found is not None:
        return found
    if type.startswith(PREFIX) and type.count(PREFIX) <= _HIGHEST:
        base = find(type[len(PREFIX) :])
        if base is not None and base.gradient_of is not None:
            make_differentiable(base)
    elif type in _BASES and _BASES[type] in OPS:
        _paddle_operator(OPS[_BASES[type]], type)
    return OPS.get(type)


def source_of(definition: Op, slot: str) -> str | None:
    """The input slot whose gradient an output slot of a gradient operator is; of Paddle's operators for the next gradient too."""
    ours = _translations.get(definition.type)
    if ours is None:
        return slot.removesuffix(GRAD_SUFFIX) if slot.endswith(GRAD_SUFFIX) else None
    mine = next((mine for mine, theirs in ours.right if theirs == slot), "").removesuffix(GRAD_SUFFIX)
    return next((theirs for name, theirs in ours.left if name == mine), None)


def seeds_of(definition: Op) -> dict[str, str]:
    """For Paddle's operators for the gradient of a gradient: slot of an incoming gradient -> input slot of its shape."""
    ours = _translations.get(definition.type)
    if ours is None:
        return {}
    theirs = dict(ours.left)
    found = {}
    for s in ours.gradient.outputs:
        seed, source = theirs.get(s.name + GRAD_SUFFIX), theirs.get(s.name.removesuffix(GRAD_SUFFIX))
        if seed is not None and source is not None:
            found[seed] = source
    return found


# --- Paddle's own


def _sides(gradient: str) -> list[list[tuple[str, str]]]:
    """(slot of ours, slot of Paddle's) for the inputs and for the outputs of an entry of `_PADDLE`."""
    sides = []
    for side in _PADDLE[gradient][1].split("->"):
        parts = [part.strip().partition("=") for part in side.split(",")]
        sides.append([(ours, theirs or ours) for ours, _, theirs in parts])
    return sides


class _Translation:
    """How Paddle's operator for the gradient of `gradient` reads and writes the slots of ours."""

    def __init__(self, gradient: Op) -> None:
        self.gradient = gradient
        plan = make_differentiable(gradient)
        self.left, self.right = _sides(gradient.type)
        self.slots = [s.name for s in plan.slots_in]
        self.place = {mine: i for i, (mine, _) in enumerate(self.left)}
        results = [s.name for s in plan.slots_out]
        self.chosen = [results.index(mine) for mine, _ in self.right]
        self.count = len(results)

    def values(self, given: Sequence[Any], shape: Callable[[Any], Any], zeros: Callable[[Any], Any]) -> list[Any]:
        """The inputs of ours from those of Paddle's operator; zeros, or just the shape, for what that does not read."""

        def of(slot: str) -> Any:
            return given[self.place[slot]] if slot in self.place else None

        seeds = [of(s.name + GRAD_SUFFIX) for s in self.gradient.outputs]
        first = next(v for v in seeds if v is not None)
        behind = next((of(s.name) for s in self.gradient.inputs if s.name.endswith(GRAD_SUFFIX) and of(s.name) is not None), first)
        found = []
        for i, slot in enumerate(self.slots):
            if slot in self.place:
                found.append(of(slot))
                continue
            like = first
            if not slot.endswith(GRAD_SUFFIX):
                own = of(slot + GRAD_SUFFIX + GRAD_SUFFIX)
                like = own if own is not None else behind
            if slot == "XShape":
                found.append(Spec((0, *shape(first).shape), shape(first).dtype))
            elif i < len(self.gradient.inputs) and self.gradient.inputs[i].spec_only:
                found.append(shape(like))
            else:
                found.append(None if i < len(self.gradient.inputs) and self.gradient.inputs[i].optional else zeros(like))
        return found

    def needs(self, needs: Sequence[bool] | None) -> tuple[bool, ...]:
        """Which results of ours are wanted."""
        wanted = dict(zip(self.chosen, needs or (True,) * len(self.chosen), strict=True))
        return tuple(wanted.get(i, False) for i in range(self.count))


_translations: dict[str, _Translation] = {}  # by Paddle's type


def _paddle_operator(gradient: Op, type: str) -> None:
    """Register Paddle's operator for the gradient of `gradient`."""
    ours = _translations[type] = _Translation(gradient)

    def function(xp: Any, *arrays: Any, needs: Sequence[bool] | None = None, **attrs: Any) -> Any:
        given = [*arrays, *(None,) * (len(ours.left) - len(arrays))]
        values = ours.values(given, lambda a: Spec(a.shape, a.dtype), lambda a: xp.zeros(a.shape, a.dtype))
        results = _on_arrays(gradient, values, attrs, ours.needs(needs))
        return _alone(tuple(results[i] for i in ours.chosen))

    optional = {s.name: s.optional for s in make_differentiable(gradient).slots_in}
    made = Op(
        type, function, tuple(Slot(theirs, optional=optional[mine]) for mine, theirs in ours.left),
        tuple(Slot(theirs, optional=True) for _, theirs in ours.right), gradient.attrs,
    )  # fmt: skip

    def infer(*specs: Any, **_: Any) -> tuple[Any, ...]:
        known = [*specs, *(None,) * (len(ours.left) - len(specs))]
        values = ours.values(known, lambda s: s, lambda s: s)
        return tuple(values[ours.slots.index(mine.removesuffix(GRAD_SUFFIX))] for mine, _ in ours.right)

    made.infer_rule = infer
    OPS[type] = made
    plan = GradPlan(function, made.inputs, made.outputs, (), (), True, tuple(gradient.attrs), True)
    made.gradient_of = Op(gradient.type, gradient.forward, gradient.inputs, gradient.outputs, gradient.attrs, grad=plan)


Slots = dict[str, list[str]]
Form = list[tuple[str, Slots, Slots, dict[str, Any]]]  # type, inputs, outputs, attributes


def form_of(op: Operator, gradient: Op, inputs: Slots, outputs: Slots, block: Block) -> Form | None:
    """Ordinary or Paddle's own operators for the gradient of the gradient operator `op`; None where there are none.

    inputs, outputs: slots of ``derivative_of_<op>_grad``.
    """
    forward = gradient.gradient_of
    assert forward is not None
    if forward.type in _LINEAR:
        return _linear_form(op, gradient, forward, inputs, outputs, block)
    if gradient.type not in _PADDLE:
        return None
    left, right = _sides(gradient.type)
    needed = {s.name for s in gradient.inputs if not s.optional}
    if any(mine in needed and not inputs.get(mine) for mine, _ in left):
        return None
    type, names = _PADDLE[gradient.type][0], dict(right)
    find(type)
    given = {theirs: inputs[mine] for mine, theirs in left if inputs.get(mine)}
    return [(type, given, {names[slot]: made for slot, made in outputs.items()}, dict(op.attrs))]


def _linear_form(op: Operator, gradient: Op, forward: Op, inputs: Slots, outputs: Slots, block: Block) -> Form | None:
    (out,) = [i for i, s in enumerate(forward.outputs) if not s.hidden]
    target = forward.outputs[out].name + GRAD_SUFFIX + GRAD_SUFFIX
    seed = forward.inputs[0].name + GRAD_SUFFIX + GRAD_SUFFIX
    if list(outputs) != [target] or not inputs.get(seed):
        return None
    given = {forward.inputs[0].name: inputs[seed]}
    for slot in forward.inputs[1:]:
        if slot.name in gradient.input_index:
            if inputs.get(slot.name):
                given[slot.name] = inputs[slot.name]
        elif forward.type in ("expand_v2", "tile", "unsqueeze2"):
            # a Tensor may have said the sizes; the attributes then are empty or hold -1 in its place
            sizes = op.attrs.get("shape") or op.attrs.get("repeat_times") or op.attrs.get("axes") or ()
            if not sizes or any(n < 0 for n in sizes):
                return None
    made = {forward.outputs[out].name: outputs[target]}
    for slot in forward.outputs:
        if slot.hidden:  # XShape
            made[slot.name] = [block.create_var(block.program.fresh_name(f"{outputs[target][0]}@{slot.name}"), (), None).name]
            like = block._find_var_recursive(inputs[seed][0])
            v = block.vars[made[slot.name][0]]
            assert like is not None
            v._shape, v._dtype = (0, *like._shape), like._dtype
    return [(forward.type, given, made, {name: op.attrs[name] for name in forward.attrs if name in op.attrs})]


# --- running


def _alone(results: tuple[Any, ...]) -> Any:
    return results[0] if len(results) == 1 else results


def _flat(values: Sequence[Any]) -> list[Any]:
    return [item for v in values for item in (v if isinstance(v, list) else [v])]


def _on_arrays(gradient: Op, arrays: Sequence[Any], attrs: dict[str, Any], needs: tuple[bool, ...]) -> tuple[Any, ...]:
    """Gradients of what `gradient` reads, as arrays. arrays: its inputs and then the gradients of its outputs."""
    direct = _directly(gradient, arrays, attrs, needs)
    if direct is not None:
        return direct

    def leaf(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [leaf(v) for v in value]
        if value is None or isinstance(value, Spec):
            return value
        t = make_tensor(np.asarray(value) if isinstance(value, np.generic) else value)
        t._stop_gradient = value.dtype.kind not in "fcV"
        return t

    old = context.recorder, context.grad_enabled, context.amp
    context.recorder, context.grad_enabled, context.amp = None, True, None
    try:
        found = _differentiated(gradient, [leaf(v) for v in arrays], attrs, needs, create_graph=False)
    finally:
        context.recorder, context.grad_enabled, context.amp = old

    def plain(value: Any) -> Any:
        return [plain(v) for v in value] if isinstance(value, list) else None if value is None else value._data

    return tuple(plain(v) for v in found)


def _directly(gradient: Op, arrays: Sequence[Any], attrs: dict[str, Any], needs: tuple[bool, ...]) -> tuple[Any, ...] | None:
    """The same from the functions of the operator and its gradient, where its kind allows that: faster than to record them."""
    forward = gradient.gradient_of
    assert forward is not None
    kind, count = forward.type, len(gradient.inputs)
    seeds = arrays[count:]
    given = next((s for s in seeds if s is not None), None)
    if given is None or isinstance(given, list):
        return None
    xp = backend.array_module(given)
    if kind in _BILINEAR and count == 3:
        x, y, d = arrays[:3]
        ddx, ddy = seeds
        one, other, behind = needs
        dx = dy = dd = None
        if one:
            dx = xp.zeros(x.shape, x.dtype) if ddy is None else gradient.forward(xp, x, ddy, d, needs=(True, False), **attrs)[0]
        if other:
            dy = xp.zeros(y.shape, y.dtype) if ddx is None else gradient.forward(xp, ddx, y, d, needs=(False, True), **attrs)[1]
        if behind:
            parts = [] if ddx is None else [forward.forward(xp, ddx, y, **attrs)]
            parts += [] if ddy is None else [forward.forward(xp, x, ddy, **attrs)]
            dd = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return dx, dy, dd
    if kind in _SUMS:
        ddx, ddy = (xp.zeros(a.shape, given.dtype) if s is None else s for a, s in zip(arrays, seeds, strict=False))
        return (forward.forward(xp, ddx, ddy, **attrs),)
    if kind in _PIECEWISE:
        return (gradient.forward(xp, *arrays[: count - 1], given, **attrs),)
    return None


def _differentiated(
    gradient: Op, values: Sequence[Any], attrs: dict[str, Any], needs: tuple[bool, ...], create_graph: bool
) -> list[Any]:
    """The same on Tensors; with `create_graph` the results can be differentiated again."""
    plan = make_differentiable(gradient)
    inputs, seeds = values[: len(gradient.inputs)], values[len(gradient.inputs) :]
    results = _results(gradient, inputs, attrs, tuple(_any(s) for s in seeds))
    pairs = [
        (r, s) for r, s in zip(_flat(_like(results, seeds)), _flat(_like(seeds, results)), strict=True)
        if r is not None and s is not None and not r._stop_gradient
    ]  # fmt: skip
    wanted = [inputs[i] if need else None for i, need in zip(plan.targets, needs, strict=True)]
    ins = [t for t in _flat(wanted) if t is not None and not t._stop_gradient]
    found: dict[int, Any] = {}
    if pairs and ins:
        grads = tape.grad([r for r, _ in pairs], ins, [s for _, s in pairs], True, create_graph, True)
        found = {id(t): g for t, g in zip(ins, grads, strict=True) if g is not None}

    def of(t: Any) -> Any:
        if isinstance(t, list):
            return [of(item) for item in t]
        return None if t is None else found[id(t)] if id(t) in found else _zeros_like(t)

    return [of(t) for t in wanted]


def _results(gradient: Op, inputs: Sequence[Any], attrs: dict[str, Any], needs: tuple[bool, ...]) -> list[Any]:
    """What a gradient operator computes from Tensors, recorded on the tape."""
    ours = _translations.get(gradient.type)
    if ours is not None:
        given = ours.values(inputs, lambda t: Spec(t._data.shape, t._data.dtype), lambda t: _zeros_like(t, stop_gradient=False))
        found = _differentiated(ours.gradient, given, attrs, ours.needs(needs), create_graph=True)
        return [found[i] for i in ours.chosen]
    forward = gradient.gradient_of
    assert forward is not None and forward.grad is not None
    if forward.gradient_of is not None:
        return _differentiated(forward, inputs, attrs, needs, create_graph=True)
    plan = forward.grad
    picked = plan.pick(attrs)
    if plan.takes_needs:
        picked = {**picked, "needs": needs}
    function: Callable[..., Any] = plan.function
    return list(backward_on_tensors(function, inputs, picked))


def _zeros_like(t: Tensor, stop_gradient: bool = True) -> Tensor:
    made = make_tensor(backend.array_module(t._data).zeros(t._data.shape, t._data.dtype))
    made._stop_gradient = stop_gradient
    return made


def _any(value: Any) -> bool:
    return any(v is not None for v in value) if isinstance(value, list) else value is not None


def _like(values: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """`values`, with lists of None where the other side has a list and here is nothing."""
    return [[None] * len(o) if v is None and isinstance(o, list) else v for v, o in zip(values, other, strict=True)]
