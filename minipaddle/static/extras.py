"""Functions of ``paddle.static`` that are neither layers nor files: printing, Python functions, metrics, averaged parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..core.control_flow import Print
from ..core.dispatch import call
from ..core.program import OPTIMIZE, Variable
from ..core.scope import current_scope
from ..core.tensor import TensorBase
from ..nn.initializer import Constant
from ..nn.param_attr import ParamAttr
from ..ops.py_func import register_function
from ..ops.registry import find_op
from ..utils import unique_name
from .executor import MissingValueError
from .program import default_main_program, static_only, static_recorder

__all__ = ["ExponentialMovingAverage", "Print", "WeightNormParamAttr", "accuracy", "auc", "py_func"]


def _listed(value: Any, what: str) -> list[Variable]:
    items = [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
    for item in items:
        if not isinstance(item, Variable):
            raise TypeError(f"py_func: {what} must be a Variable or a list of Variables, got {type(item).__name__}")
    return items


@static_only
def py_func(
    func: Callable[..., Any],
    x: Any,
    out: Any,
    backward_func: Callable[..., Any] | None = None,
    skip_vars_in_backward_input: Any = None,
) -> Any:
    """Call a Python function on NumPy arrays while the Program runs; returns `out`.

    x: Variables whose values `func` gets. out: Variables that say which shapes and dtypes it returns; None for nothing.
    backward_func: gets x, out and the gradients of out (without `skip_vars_in_backward_input`) and returns the gradients of x;
    None stands for zero. The Program can be saved, but runs only in this process. TypeError for other arguments.
    """
    if not callable(func):
        raise TypeError("py_func: Input func must be a function.")
    if backward_func is not None and not callable(backward_func):
        raise TypeError("py_func: Input bwd_func must be a function.")
    inputs, outputs = _listed(x, "x"), _listed(out, "out")
    skipped = [v.name for v in _listed(skip_vars_in_backward_input, "skip_vars_in_backward_input")]
    for name in skipped:
        if name not in {v.name for v in (*inputs, *outputs)}:
            raise ValueError(f"py_func: Variable {name} is not found in forward inputs and outputs")
    recorder = static_recorder("py_func")
    attrs: dict[str, Any] = {
        "forward_callable_id": register_function(func),
        "backward_callable_id": -1 if backward_func is None else register_function(backward_func),
        "backward_skip_vars": skipped,
        "out_shapes": [" ".join([v.dtype.np.name, *map(str, v.static_shape)]) for v in outputs],
        "in_names": [v.name for v in inputs],
        "out_names": [v.name for v in outputs],
    }
    recorder.block.append_op("py_func", {"X": inputs}, {"Out": outputs}, attrs)
    if backward_func is None:
        for v in outputs:
            v.stop_gradient = True
    return out


def accuracy(input: Any, label: Any, k: int = 1, correct: Any = None, total: Any = None) -> Any:
    """Share of rows of `input` [N, C] whose `k` highest scores include `label` [N, 1]; float32 []. In dynamic mode and traces too.

    correct, total: in static mode int32 Variables that also get the counts. TypeError unless `input` is a Tensor.
    """
    if not isinstance(input, TensorBase):
        raise TypeError(f"The type of 'input' in accuracy must be Variable, but received {type(input).__name__}")
    values, indices = call(find_op("top_k_v2"), input, k=k, sorted=False)
    share, count, of = call(find_op("accuracy"), values, indices, label)
    for target, value in ((correct, count), (total, of)):
        if target is not None:
            static_recorder("accuracy").block.append_op("assign", {"X": value}, {"Out": target})
    return share


@static_only
def auc(
    input: Variable, label: Variable, curve: str = "ROC", num_thresholds: int = 2**12 - 1, topk: int = 1, slide_steps: int = 1,
    ins_tag_weight: Any = None,
) -> Any:  # fmt: skip
    """Area under the ROC curve, over everything seen and over the last `slide_steps` batches.

    input: [N, 2] probabilities, the last column that of class 1. label: [N, 1]. Returns (area, area of the last batches, [counts of the
    last batches, positive and negative, counts of everything, positive and negative]); the counts are persistable variables.
    topk: has no effect, as in Paddle.
    """
    recorder = static_recorder("auc")
    kind = dtypes.int64

    def counts(shape: list[int]) -> Variable:
        name = recorder.unused_name("_generated_var")
        return recorder.create_persistable(name, shape, kind, lambda: Constant(0.0).values(shape, kind))

    recent = [counts([(1 + slide_steps) * (num_thresholds + 1) + 1]) for _ in range(2)]
    overall = [counts([1, num_thresholds + 1]) for _ in range(2)]
    settings = {"curve": curve, "num_thresholds": num_thresholds}
    of_recent, *_ = call(find_op("auc"), input, label, *recent, ins_tag_weight, slide_steps=slide_steps, **settings)
    of_all, *_ = call(find_op("auc"), input, label, *overall, ins_tag_weight, slide_steps=0, **settings)
    return of_all, of_recent, [*recent, *overall]


class WeightNormParamAttr(ParamAttr):
    """A parameter kept as length and direction, ``w = g * v / |v|``; the norm leaves out axis `dim` (None: over everything)."""

    def __init__(
        self, dim: int | None = None, name: str | None = None, initializer: Any = None, learning_rate: float = 1.0, regularizer: Any = None,
        trainable: bool = True, do_model_average: bool = False, need_clip: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(name, initializer, learning_rate, regularizer, trainable, do_model_average, need_clip)
        self.dim = dim


class ExponentialMovingAverage:
    """Running averages of the trainable parameters: ``ema = decay * ema + (1 - decay) * parameter``.

    `update()` appends the averaging to the main Program, after the optimizer. ``with ema.apply(exe):`` puts the averages, divided
    by ``1 - decay ** steps``, in the place of the parameters. thres_steps: a Variable that counts steps; the decay is then at
    most ``(1 + thres_steps) / (10 + thres_steps)``.
    """

    def __init__(self, decay: float = 0.999, thres_steps: Variable | None = None, name: str | None = None) -> None:
        recorder = static_recorder("ExponentialMovingAverage")
        self._decay, self._thres_steps, self._name = decay, thres_steps, name or ""
        self._program = default_main_program()
        prefix = f"{self._name}_" if self._name else ""

        def variable(base: str, shape: Sequence[int], kind: dtypes.DType, value: float) -> Variable:
            size = list(shape)
            return recorder.create_persistable(
                unique_name.generate(prefix + base), size, kind, lambda: Constant(value).values(size, kind)
            )

        self._steps = variable("ema_step_counter", [1], dtypes.int64, 0.0)
        self._rate = variable("ema_decay_rate", [1], dtypes.float32, decay)
        self._averages = {
            p.name: variable(f"{p.name}_ema", p.static_shape, p.dtype, 0.0)
            for p in self._program.all_parameters()
            if p.trainable and p.do_model_average is not False
        }
        self._kept: dict[str, Any] = {}

    def update(self) -> None:
        """Append the averaging operators to the main Program."""
        recorder = static_recorder("ExponentialMovingAverage.update")
        block = self._program.global_block()
        with recorder.marked(OPTIMIZE):
            steps = call(find_op("scale"), self._steps, scale=1.0, bias=1.0)
            block.append_op("assign", {"X": steps}, {"Out": self._steps}, recorder.common_attrs())
            rate: Any = self._rate
            if self._thres_steps is not None:
                count = call(
                    find_op("cast"),
                    self._thres_steps,
                    in_dtype=self._thres_steps.dtype.proto,
                    out_dtype=dtypes.float32.proto,
                )
                limit = (count + 1.0) / (count + 10.0)
                fixed = call(find_op("fill_constant"), shape=[1], dtype=dtypes.float32.proto, value=self._decay)
                rate = call(find_op("elementwise_min"), limit, fixed)
                block.append_op("assign", {"X": rate}, {"Out": self._rate}, recorder.common_attrs())
            for name, average in self._averages.items():
                p = block.var(name)
                share = rate if p.dtype is dtypes.float32 else rate.astype(p.dtype)
                new = average * share + p * (1.0 - share)
                block.append_op("assign", {"X": new}, {"Out": average}, recorder.common_attrs())

    def _value(self, name: str) -> np.ndarray[Any, Any]:
        found = current_scope().tensor(name)
        if found is None:
            raise MissingValueError(f"variable {name!r} has no value in the scope; run the startup Program first")
        return found._data

    @contextlib.contextmanager
    def apply(self, executor: Any, need_restore: bool = True) -> Iterator[None]:
        """Inside of the ``with`` block the parameters are their averages; need_restore=False leaves them so."""
        steps = int(self._value(self._steps.name).reshape(-1)[0])
        rate = float(self._value(self._rate.name).reshape(-1)[0])
        correction = 1.0 - rate**steps if steps > 0 else 1.0
        self._kept = {name: self._value(name) for name in self._averages}
        for name, average in self._averages.items():
            value = self._value(average.name)
            current_scope().var(name).put((value / value.dtype.type(correction)).astype(value.dtype))
        try:
            yield
        finally:
            if need_restore:
                self.restore(executor)

    def restore(self, executor: Any) -> None:
        """Put the parameters back that `apply` replaced."""
        for name, value in self._kept.items():
            current_scope().var(name).put(value)
        self._kept = {}
