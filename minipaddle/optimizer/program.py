"""The static side of optimizers: what `minimize` writes into the main and the startup Program.

The operators are the same as in eager steps, called through the same door; here are the persistable variables around
them, the learning rate among these, and the marks that tell readers which operators belong to the update.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..core import backward as core_backward
from ..core.context import context
from ..core.dispatch import call
from ..core.program import LR_SCHEDULE, OPTIMIZE, Program, Variable
from ..core.recorder import StaticRecorder
from ..core.scope import current_scope
from ..core.tensor import isinstance_strict
from ..ops import creation as C
from ..ops import elementwise as E
from ..utils import unique_name
from .lr import LRScheduler

if TYPE_CHECKING:
    from .optimizer import Optimizer

__all__: list[str] = []


def refuse_step(optimizer: Optimizer) -> None:
    """`step` in static mode or while a function is traced. AssertionError or RuntimeError that says what to do."""
    if not context.recorder.tracing:
        raise AssertionError(
            f"{type(optimizer).__name__}.step() works in dynamic mode; in static mode use minimize(loss), or leave it with "
            "paddle.disable_static()"
        )
    raise RuntimeError(
        f"{type(optimizer).__name__}.step() was called inside of a function that to_static traces; call it outside of the "
        "traced function, after loss.backward()"
    )


def _recorder() -> StaticRecorder:
    recorder = context.recorder
    if not isinstance(recorder, StaticRecorder):
        raise AssertionError(
            "this writes operators into a Program and works in static mode only; call paddle.enable_static() before"
        )
    return recorder


@contextlib.contextmanager
def building(program: Program, startup_program: Program | None) -> Iterator[StaticRecorder]:
    """Operators go to `program`, first values to `startup_program` (default: that of the mode)."""
    old = context.recorder
    startup = startup_program
    if startup is None:
        startup = old.startup if isinstance(old, StaticRecorder) else Program()
    if isinstance(old, StaticRecorder) and old.program is program and old.startup is startup:
        yield old
        return
    made = StaticRecorder(program, startup)
    if isinstance(old, StaticRecorder):
        made.namescope, made.device = old.namescope, old.device
    context.recorder = made
    try:
        yield made
    finally:
        context.recorder = old


@contextlib.contextmanager
def _scope(recorder: StaticRecorder, name: str) -> Iterator[None]:
    """Name the part of the update in op_namescope."""
    old = recorder.namescope
    counts = recorder.program.__dict__.setdefault("_name_scopes", {})
    path = f"{old}{name}"
    number = counts.get(path, 0)
    counts[path] = number + 1
    recorder.namescope = f"{path}_{number}/" if number else f"{path}/"
    try:
        yield
    finally:
        recorder.namescope = old


# --- variables


def create_persistable(
    optimizer: Optimizer, name: str, shape: Sequence[int], dtype: dtypes.DType, value: float
) -> Variable:
    """A persistable variable that the startup Program fills with `value`."""
    return _recorder().create_persistable(
        name, shape, dtype,
        lambda: call(
            C.fill_constant, shape=list(shape), dtype=dtype.proto, value=float(value), str_value=str(float(value))
        ),
    )  # fmt: skip


def create_master_weight(optimizer: Optimizer, name: str, param: Variable) -> Variable:
    """The float32 copy of a parameter, cast from it in the startup Program."""
    recorder = _recorder()
    source = recorder.startup.global_block().var(param.name)
    return recorder.create_persistable(
        name, param.static_shape, dtypes.float32,
        lambda: call(E.cast, source, in_dtype=param.dtype.proto, out_dtype=dtypes.float32.proto),
    )  # fmt: skip


def learning_rate(optimizer: Optimizer) -> Variable:
    """The variable of the current Program that holds the rate, made at first use."""
    recorder = _recorder()
    program, rate = recorder.program, optimizer._learning_rate
    if isinstance_strict(rate, Variable):
        return rate
    found = optimizer._learning_rate_map.get(program)
    if found is None:
        name = unique_name.generate("learning_rate")
        kind = optimizer._dtype or dtypes.default_dtype()
        if kind.name in ("float16", "bfloat16"):
            kind = dtypes.float32
        found = create_persistable(optimizer, name, optimizer._static_rate_shape, kind, optimizer.get_lr())
        optimizer._learning_rate_map[program] = found
        if isinstance(rate, LRScheduler):
            rate._var_name = name
            program.lr_scheduler, program.lr_var = rate, found
    return found


def set_learning_rate(optimizer: Optimizer, value: float) -> None:
    """Put a new rate into the scope, for the Programs that `minimize` wrote."""
    for v in optimizer._learning_rate_map.values():
        held = current_scope().find_var(v.name)
        if held is not None:
            held.set(np.full(v.static_shape, value, v.dtype.np))


def _rate_of(optimizer: Optimizer, recorder: StaticRecorder, param: Variable) -> Variable:
    rate, factor = learning_rate(optimizer), optimizer._factor(param)
    if isinstance_strict(factor, Variable):
        return factor  # type: ignore[return-value]
    if factor == 1.0:
        return rate
    with recorder.marked(OPTIMIZE | LR_SCHEDULE), _scope(recorder, "scale_with_param_lr"):
        return call(E.scale, rate, scale=float(factor))


# --- operators


def backward(
    optimizer: Optimizer, loss: Variable, startup_program: Any, parameters: Any, no_grad_set: Any, callbacks: Any
) -> list[tuple[Any, Any]]:
    """Append the gradient operators of `loss`."""
    chosen = parameters or optimizer._parameters() or None
    with building(loss.block.program, startup_program):
        return core_backward.append_backward(loss, chosen, no_grad_set, callbacks)


def regularized(optimizer: Optimizer, param: Any, grad: Any, default: Any) -> Any:
    """`grad` with the decay term of `param` added, in either mode."""
    own = getattr(param, "regularizer", None)
    regularizer = default if own is None else own
    if grad is None or regularizer is None or optimizer._decays_itself(regularizer):
        return grad
    target = param
    if param.dtype != grad.dtype:
        target = optimizer._master_weights.get(param.name)
        if target is None:
            target = call(E.cast, param, in_dtype=param.dtype.proto, out_dtype=grad.dtype.proto)
    term = regularizer(target, grad, getattr(grad, "block", None))
    return call(E.sum_, [grad, term])


def apply_gradients(optimizer: Optimizer, params_grads: list[tuple[Any, Any]]) -> list[Any]:
    """Append clipping, decay and update operators; returns the update operators."""
    program = params_grads[0][0].block.program
    with building(program, None) as recorder:
        block = recorder.block
        before = context.grad_enabled
        context.grad_enabled = False
        try:
            groups = optimizer._groups()
            members = _by_group(groups, params_grads)
            decayed: list[tuple[dict[str, Any], list[tuple[Any, Any]]]] = []
            for group, pairs in members:
                clip = group.get("grad_clip")
                if clip is not None:
                    with recorder.marked(OPTIMIZE), _scope(recorder, "gradient_clip"):
                        pairs = clip(pairs)
                decayed.append((group, pairs))
            with _scope(recorder, "regularization"):
                for group, pairs in decayed:
                    for i, (p, g) in enumerate(pairs):
                        with recorder.marked(OPTIMIZE, [p, g]):
                            pairs[i] = (p, regularized(optimizer, p, g, optimizer._default_regularizer(group)))
            first = len(block.ops)
            learning_rate(optimizer)
            todo = [(group, p, g) for group, pairs in decayed for p, g in pairs if g is not None and not p.stop_gradient]
            prepared = {p.name: optimizer._prepare(p) for _, p, _ in todo}
            for group, p, g in todo:
                with recorder.marked(OPTIMIZE, [p, g]), _scope(recorder, "optimizer"):
                    master, row = prepared[p.name]
                    rate = _rate_of(optimizer, recorder, p)
                    values = {a.slot: v for a, v in zip(optimizer._slots, row, strict=True)}
                    values |= {"Param": p, "Grad": g, "LearningRate": rate, "MasterParam": master}
                    found_inf = optimizer._auxiliary_vars.get("found_inf")
                    if found_inf is not None and "SkipUpdate" in optimizer.op.input_index:
                        values["SkipUpdate"] = found_inf
                    attributes = optimizer._static_attributes(p, group, values)
                    if "multi_precision" in optimizer.op.attrs:
                        attributes["multi_precision"] = master is not None
                    optimizer._call_operator(values, attributes)
            for group, p, g in todo:
                with recorder.marked(OPTIMIZE, [p, g]):
                    optimizer._finish_update(p, group)
            return block.ops[first:]
        finally:
            context.grad_enabled = before


def _by_group(
    groups: list[dict[str, Any]], params_grads: list[tuple[Any, Any]]
) -> list[tuple[dict[str, Any], list[tuple[Any, Any]]]]:
    if len(groups) == 1:
        return [(groups[0], list(params_grads))]
    names = [{p if isinstance(p, str) else p.name for p in group["params"]} for group in groups]
    return [(g, [pair for pair in params_grads if pair[0].name in own]) for g, own in zip(groups, names, strict=True)]
