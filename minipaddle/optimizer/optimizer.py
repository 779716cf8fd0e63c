"""What all optimizers share: the walk over the parameters, groups, learning rate, decay, clipping and saved state.

An optimizer names its operator and its accumulators; the update itself is that operator (`ops/optimizer.py`). An eager
step collects the gradients and hands them to a compiled kernel in one call where there is one, else to the operator
parameter by parameter. In static mode `minimize` appends the same operator to the Program (`optimizer/program.py`).
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import kernels
from ..backend import xp as backend
from ..core.context import context
from ..core.dispatch import call
from ..core.grad_mode import no_grad
from ..core.program import Variable
from ..core.tensor import Parameter, Tensor, isinstance_strict, make_tensor
from ..nn.clip import ClipGradBase, ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue
from ..ops.registry import Op
from ..regularizer import L2Decay
from ..utils import unique_name
from . import program as static_side
from . import recorded
from .lr import LRScheduler

__all__ = ["Accumulator", "Optimizer", "at", "needed"]

_OWN_CLIPS = (ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue)


def needed(optimizer: Optimizer, error: type[Exception], **values: Any) -> None:
    """`error` for an argument that is None."""
    for name, value in values.items():
        if value is None:
            raise error(f"{name} of {type(optimizer).__name__} is not set")


@dataclass(frozen=True)
class Accumulator:
    """A tensor that an optimizer keeps per parameter, in a slot of its operator.

    start: the first value, or the name of the optimizer's attribute that holds it. one: a single element rather than the
    parameter's shape. wide: float32 for parameters of half precision.
    """

    slot: str
    name: str
    start: float | str = 0.0
    one: bool = False
    wide: bool = False


class _Plan:
    """The arrays of one parameter group, gathered once for all steps in which the same parameters have gradients."""

    __slots__ = ("accumulators", "cache", "ids", "masters", "params", "targets", "tensors")

    def __init__(self, ids: list[int], params: list[Any], masters: list[Any], accumulators: list[list[Any]]) -> None:
        self.ids, self.params, self.accumulators = ids, params, accumulators
        self.masters = masters if any(m is not None for m in masters) else []
        self.targets = [p if m is None else m for p, m in zip(params, masters, strict=True)]
        self.tensors = [t for column in (self.targets, *accumulators) for t in column]
        self.cache = kernels.BufferCache()

    def arrays(self) -> list[list[Any]]:
        """The arrays of the targets, and of each accumulator."""
        arrays, n = [t._data for t in self.tensors], len(self.params)
        return [arrays[i : i + n] for i in range(0, len(arrays), n)]


class Optimizer:
    """Base class of the optimizers.

    learning_rate: a float or an `LRScheduler`. parameters: list of parameters, or of dicts with "params" and own options
    ("learning_rate" is a factor); needed in dynamic mode, in static mode None means all. weight_decay: a float (L2), or
    an `L1Decay` or `L2Decay`; a parameter's own regularizer goes first. grad_clip: a `ClipGradBy...`, applied before the
    decay is added.

    TypeError for other types, AttributeError in dynamic mode without parameters.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._finishes = cls._finish_update is not Optimizer._finish_update

    op: Op  # the operator that does one update
    type: str = ""
    _slots: tuple[Accumulator, ...] = ()
    _finishes = False  # whether `_finish_update` does anything
    _static_rate_shape: tuple[int, ...] = ()
    _learning_rate: Any

    def __init__(
        self,
        learning_rate: float | LRScheduler,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(parameters, (Tensor, Variable)):
            raise TypeError(
                f"parameters of {type(self).__name__} must be an iterable of tensors, such as layer.parameters(); got one "
                f"{type(parameters).__name__}"
            )
        if isinstance(parameters, dict):
            raise TypeError(
                f"parameters of {type(self).__name__} must not be a dict; pass parameter groups as a list of dicts"
            )
        self._parameter_list: list[Any] | None = None if parameters is None else list(parameters)
        self._name = name
        dynamic = context.recorder is None or context.recorder.tracing
        if dynamic and self._parameter_list is None:
            raise AttributeError(
                f"parameters of {type(self).__name__} must be given in dynamic mode, for example "
                "parameters=model.parameters()"
            )
        is_rate = isinstance(learning_rate, (float, LRScheduler))
        if not is_rate and (dynamic or not isinstance_strict(learning_rate, Variable)):
            raise TypeError(
                f"learning_rate of {type(self).__name__} must be a float or an LRScheduler, got "
                f"{type(learning_rate).__name__} {learning_rate!r}"
            )
        if grad_clip is not None and not isinstance(grad_clip, ClipGradBase):
            raise TypeError(
                f"grad_clip of {type(self).__name__} must be a paddle.nn.ClipGradBy... object, got "
                f"{type(grad_clip).__name__}"
            )
        self._learning_rate = learning_rate
        self._grad_clip = grad_clip
        self.regularization = L2Decay(weight_decay) if isinstance(weight_decay, float) else weight_decay
        self._default_dict: dict[str, Any] = {"weight_decay": weight_decay, "grad_clip": grad_clip}
        self._accumulators: dict[str, dict[str, Any]] = {}
        self._accumulators_holder: dict[str, Any] = {}
        self._opti_name_list: list[str] = []
        self._master_weights: dict[str, Any] = {}
        if not hasattr(self, "_multi_precision"):
            self._multi_precision = False
        self._auxiliary_vars: dict[str, Any] = {}
        self._learning_rate_map: dict[Any, Variable] = {}  # Program -> its learning-rate variable
        self._plans: dict[int, _Plan] = {}
        self._param_groups: list[Any] | None = self._parameter_list
        if self._parameter_list and isinstance(self._parameter_list[0], dict):
            self._param_groups = []
            for group in self._parameter_list:
                assert "params" in group, f"a parameter group must have the key 'params', got {sorted(group)}"
                self._add_param_group(dict(group))
        for p in self._parameters() if dynamic else ():
            if not isinstance_strict(p, Tensor):
                raise TypeError(f"parameters of {type(self).__name__} must hold tensors, got {type(p).__name__}")
        self._dtype = next((p.dtype for p in self._parameters() if hasattr(p, "dtype")), None)
        if weight_decay is not None and self._param_groups is self._parameter_list:
            if any(getattr(p, "regularizer", None) is not None for p in self._parameters()):
                logging.getLogger("minipaddle").info(
                    "some parameters have a regularizer of their own (ParamAttr); weight_decay=%s does not apply to them",
                    weight_decay,
                )

    # --- parameters and groups

    def _parameters(self) -> list[Any]:
        """All parameters, of all groups."""
        if self._param_groups and isinstance(self._param_groups[0], dict):
            return [p for group in self._param_groups for p in group["params"]]
        return list(self._param_groups or [])

    def _add_param_group(self, param_group: dict[str, Any]) -> None:
        """Append a group: "params" and options that replace the optimizer's own for them."""
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError("the parameters of a group must be ordered, as in a list; got a set")
        params = param_group["params"] = [params] if isinstance_strict(params, Parameter) else list(params)
        assert self._param_groups is not None
        taken = {id(p) for group in self._param_groups for p in group["params"]}
        if any(id(p) in taken for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        for key, value in self._default_dict.items():
            param_group.setdefault(key, value)
        self._group_options(param_group)
        self._param_groups.append(param_group)

    def _group_options(self, group: dict[str, Any]) -> None:
        """Give the parameters of a new group its decay and rate factor."""
        decay = group["weight_decay"]
        for p in group["params"]:
            if hasattr(p, "optimize_attr"):
                p.regularizer = L2Decay(decay) if isinstance(decay, float) else decay
                p.optimize_attr["learning_rate"] = group.get("learning_rate", 1.0)

    def _groups(self) -> list[dict[str, Any]]:
        if self._param_groups and isinstance(self._param_groups[0], dict):
            return self._param_groups
        return [{"params": self._param_groups or [], "weight_decay": self.regularization, "grad_clip": self._grad_clip}]

    # --- learning rate

    def get_lr(self) -> float:
        """The learning rate now, a float."""
        return self._learning_rate if isinstance(self._learning_rate, float) else self._learning_rate()

    def set_lr(self, value: float) -> None:
        """Set the learning rate. RuntimeError if a scheduler sets it."""
        if not isinstance(value, (int, float)):
            raise TypeError(f"set_lr takes a float, got {type(value).__name__}")
        if isinstance(self._learning_rate, LRScheduler):
            raise RuntimeError(
                "set_lr: the learning rate of this optimizer comes from an LRScheduler; change or replace the scheduler"
            )
        self._learning_rate = float(value)
        static_side.set_learning_rate(self, float(value))

    def set_lr_scheduler(self, scheduler: LRScheduler) -> None:
        """Let `scheduler` set the learning rate from now on. TypeError for anything else."""
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(f"set_lr_scheduler takes an LRScheduler, got {type(scheduler).__name__}")
        self._learning_rate = scheduler

    def _factor(self, param: Any) -> float:
        """The factor of the learning rate for one parameter."""
        attr = getattr(param, "optimize_attr", None)
        return 1.0 if attr is None else attr.get("learning_rate", 1.0)

    # --- accumulators

    def _is_half(self, dtype: Any) -> bool:
        return dtype.name in ("float16", "bfloat16")

    def _accumulator_shape(self, accumulator: Accumulator, param: Any) -> list[int]:
        return [1] if accumulator.one else list(param.shape)

    def _accumulator_start(self, accumulator: Accumulator) -> float:
        start = accumulator.start
        return float(getattr(self, start) if isinstance(start, str) else start)

    def _add_accumulator(self, accumulator: Accumulator, param: Any) -> Any:
        """Make the tensor of one parameter, with the value loaded earlier if there is one."""
        name = accumulator.name if self._name is None else f"{self._name}_{accumulator.name}"
        kept = self._accumulators.setdefault(name, {})
        if param.name in kept:
            return kept[param.name]
        own_name = unique_name.generate(f"{param.name}_{name}")
        self._opti_name_list.append(own_name)
        dtype = dtypes.float32 if accumulator.wide and self._is_half(param.dtype) else param.dtype
        shape = self._accumulator_shape(accumulator, param)
        start = self._accumulator_start(accumulator)
        if not isinstance_strict(param, Tensor):
            made: Any = static_side.create_persistable(self, own_name, shape, dtype, start)
        else:
            module = backend.array_module(param._data)
            made = make_tensor(module.full(shape, start, dtype.np))
            made.name, made.persistable = own_name, True
            if self._accumulators_holder:
                self._load(made, self._accumulators_holder.pop(self._saved_name(own_name, self._accumulators_holder)))
        kept[param.name] = made
        return made

    def _get_accumulator(self, name: str, param: Any) -> Any:
        """The accumulator `name` ("moment1" ...) of a parameter. ValueError before the first step."""
        if self._name is not None:
            name = f"{self._name}_{name}"
        try:
            return self._accumulators[name][self._target_name(param)]
        except KeyError:
            raise ValueError(
                f"{type(self).__name__} keeps no {name!r} for parameter {param.name!r}: it is made in the first step"
            ) from None

    _get_accumulator_master = _get_accumulator

    def _target_name(self, param: Any) -> str:
        master = self._master_weights.get(param.name)
        return param.name if master is None else master.name

    def _create_master_weight(self, param: Any) -> Any:
        """The float32 copy that the sums of a half-precision parameter are done on."""
        found = self._master_weights.get(param.name)
        if found is None:
            name = unique_name.generate(f"{param.name}_fp32_master")
            if isinstance_strict(param, Tensor):
                found = make_tensor(param._data.astype(np.float32))
                found.name, found.persistable = name, True
            else:
                found = static_side.create_master_weight(self, name, param)
            self._master_weights[param.name] = found
        return found

    def _prepare(self, param: Any) -> tuple[Any, list[Any]]:
        """The master weight (or None) and the accumulators of a parameter, made if need be."""
        master = None
        if self._is_half(param.dtype):
            if self._multi_precision:
                master = self._create_master_weight(param)
            else:
                warnings.warn(
                    f"{type(self).__name__} updates the {param.dtype.name} parameter {param.name!r} in half precision, which "
                    "loses accuracy; use multi_precision=True where the optimizer has it",
                    stacklevel=4,
                )
        target = param if master is None else master
        return master, [self._add_accumulator(a, target) for a in self._slots]

    # --- one eager step

    def step(self) -> None:
        """Update all parameters that have a gradient."""
        if context.recorder is not None:
            if not context.recorder.tracing:
                static_side.refuse_step(self)
            recorded.record_step(self)
            return
        if self._auxiliary_vars and self._found_infinite():
            return
        for index, group in enumerate(self._groups()):
            params, grads = [], []
            for p in group["params"]:
                if not p._stop_gradient:
                    extra = p._extra
                    if extra is None:
                        continue
                    g = p.grad if extra.zero_grad else extra.grad
                    if g is not None:
                        params.append(p)
                        grads.append(g)
            if params:
                self._update(index, params, grads, group)

    def _update(self, index: int, params: list[Any], grads: list[Any], group: dict[str, Any]) -> None:
        """Clip, decay and apply the gradients of one group."""
        old_mode, context.grad_enabled = context.grad_enabled, False
        try:
            scale: float | list[float] = 1.0
            clip = group.get("grad_clip")
            if clip is not None:
                params, grads, scale = _clipped(clip, params, grads)
            arrays = [g._data for g in grads]
            l2, scale = self._decay(params, arrays, scale, group)
            ids = [id(p) for p in params]
            plan = self._plans.get(index)
            if plan is None or plan.ids != ids:
                prepared = [self._prepare(p) for p in params]
                columns = [list(c) for c in zip(*(row for _, row in prepared), strict=True)]
                plan = self._plans[index] = _Plan(ids, params, [m for m, _ in prepared], columns)
            self._apply(plan, arrays, l2, scale, group)
            if self._finishes:
                for p in params:
                    self._finish_update(p, group)
        finally:
            context.grad_enabled = old_mode

    def _default_regularizer(self, group: dict[str, Any]) -> Any:
        """The regularizer of parameters without their own."""
        decay = group.get("weight_decay")
        return L2Decay(decay) if isinstance(decay, float) else decay

    def _decay(self, params: list[Any], arrays: list[Any], scale: Any, group: dict[str, Any]) -> tuple[Any, Any]:
        """L2 coefficients and scales for the update; terms of other regularizers are added to `arrays`."""
        default = self._default_regularizer(group)
        own = [getattr(p, "regularizer", None) for p in params]
        if default is None and own.count(None) == len(own):
            return 0.0, scale
        coefficients = [0.0] * len(params)
        for i, r in enumerate(own):
            r = default if r is None else r
            if type(r) is L2Decay:
                coefficients[i] = float(r._coeff)
            elif r is not None:
                if isinstance(scale, float):
                    scale = [scale] * len(params)
                target = self._master_weights.get(params[i].name, params[i])
                wide = arrays[i].astype(target._data.dtype, copy=False)
                arrays[i] = wide * wide.dtype.type(scale[i]) + r(target, make_tensor(wide), None)._data
                scale[i] = 1.0
        return coefficients, scale

    def _apply(self, plan: _Plan, arrays: list[Any], l2: Any, scale: Any, group: dict[str, Any]) -> None:
        """Update the parameters of a plan, by the kernel as far as it goes."""
        rates: Any = self.get_lr()
        factors = [self._factor(p) for p in plan.params]
        if factors.count(1.0) != len(factors):
            rates = [rates * f for f in factors]
        rates, attributes = self._attributes(plan.params, rates, group)
        targets, *accumulators = plan.arrays()
        finished: Collection[int]
        if self._fused(plan.cache, targets, arrays, accumulators, rates, attributes, l2, scale):
            finished = range(len(arrays))
        else:
            finished = set(self._fused_where_possible(targets, arrays, accumulators, rates, attributes, l2, scale))
            for i, p in enumerate(plan.params):
                if i not in finished:
                    before = p._version[0]
                    self._apply_one(plan, i, arrays[i], at(rates, i), at_all(attributes, i), at(l2, i), at(scale, i))
                    p._version[0] = before  # counted below
        for p in plan.params:
            p._version[0] += 1  # a gradient that still needs the old value is refused
        for i, master in enumerate(plan.masters):
            if master is not None and i in finished:
                plan.params[i]._data = master._data.astype(plan.params[i]._data.dtype)

    def _fused_where_possible(
        self, targets: list[Any], arrays: list[Any], accumulators: list[list[Any]], rates: Any, attributes: dict[str, Any],
        l2: Any, scale: Any,
    ) -> list[int]:  # fmt: skip
        """The same for those parameters a kernel may serve: NumPy, single or double precision, contiguous."""
        chosen = []
        for i, target in enumerate(targets):
            if type(target) is np.ndarray and target.dtype.itemsize >= 4 and target.flags.c_contiguous:
                arrays[i] = np.ascontiguousarray(arrays[i], dtype=target.dtype).reshape(target.shape)
                chosen.append(i)
        if not chosen:
            return []
        done = self._fused(
            None, [targets[i] for i in chosen], [arrays[i] for i in chosen],
            [[column[i] for i in chosen] for column in accumulators], _some(rates, chosen),
            {k: _some(v, chosen) for k, v in attributes.items()}, _some(l2, chosen), _some(scale, chosen),
        )  # fmt: skip
        return chosen if done else []

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Rates and attributes of the operator; a list value has one entry per parameter."""
        return rates, {}

    def _fused(
        self, cache: Any, params: list[Any], grads: list[Any], accumulators: list[list[Any]], rates: Any,
        attributes: dict[str, Any], l2: Any, scale: Any,
    ) -> bool:  # fmt: skip
        """Do the whole update with one compiled kernel; False (and nothing changed) where there is none."""
        return False

    def _finish_update(self, param: Any, group: dict[str, Any]) -> None:
        """What is left to do for a parameter after its update, in either mode."""

    def _decays_itself(self, regularizer: Any) -> bool:
        """Whether the static operator takes this decay as an attribute."""
        return False

    def _static_attributes(self, param: Any, group: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """Attributes of the operator of one parameter; `values` (inputs by slot) may be added to."""
        return {k: v[0] if isinstance(v, list) else v for k, v in self._attributes([param], 1.0, group)[1].items()}

    def _apply_one(
        self, plan: _Plan, i: int, array: Any, rate: float, attributes: dict[str, Any], l2: float, scale: float
    ) -> None:
        """Update one parameter by its operator."""
        param, master = plan.params[i], plan.masters[i] if plan.masters else None
        target = plan.targets[i]._data
        if scale != 1.0:
            array = array * array.dtype.type(scale)
        if l2:
            wide = array.astype(target.dtype, copy=False)
            array = wide + target * target.dtype.type(l2)
        values = {a.slot: column[i] for a, column in zip(self._slots, plan.accumulators, strict=True)}
        module = backend.array_module(target)
        values |= {
            "Param": param, "Grad": make_tensor(array), "MasterParam": master,
            "LearningRate": make_tensor(module.full((1,), rate, target.dtype if target.dtype.itemsize > 2 else np.float32)),
        }  # fmt: skip
        if master is not None:
            attributes = {**attributes, "multi_precision": True}
        self._call_operator(values, attributes)

    def _call_operator(self, values: dict[str, Any], attributes: dict[str, Any]) -> None:
        """Call the operator with tensors by slot; absent slots are left out."""
        op = self.op
        inputs = [values.get(s.name) for s in op.inputs]
        inputs = [[v] if s.many and v is not None else v for s, v in zip(op.inputs, inputs, strict=True)]
        while inputs[-1] is None:
            inputs.pop()
        call(op, *inputs, **attributes)

    def _append_over(self, op: Op, v: Variable, **attributes: Any) -> None:
        """Append an operator of one variable that writes its result over it."""
        made = call(op, v, **attributes)
        block = made.block
        last = block.ops[-1]
        last.outputs = {slot: [v.name if n == made.name else n for n in names] for slot, names in last.outputs.items()}
        del block.vars[made.name]

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Accumulators by name, grouped by kind; "master_weights" and "LR_Scheduler" where there are such.

        The tensors are the optimizer's own. Empty before the first step, but for the scheduler.
        """
        state: dict[str, Any] = {t.name: t for kept in self._accumulators.values() for t in kept.values()}
        if self._master_weights:
            state["master_weights"] = self._master_weights
        if isinstance(self._learning_rate, LRScheduler):
            state["LR_Scheduler"] = self._learning_rate.state_dict()
        return state

    def set_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over saved state; accumulators that do not exist yet get theirs in the first step.

        AssertionError for one that is missing, ValueError for another shape or dtype, KeyError without the state of
        the scheduler; then the optimizer stays as it was.
        """
        if not isinstance(state_dict, dict):
            raise TypeError(f"set_state_dict of {type(self).__name__} takes a dict, got {type(state_dict).__name__}")
        state = dict(state_dict)
        schedule = state.pop("LR_Scheduler", None)
        if isinstance(self._learning_rate, LRScheduler):
            if schedule is None:
                raise KeyError("LR_Scheduler: the loaded state has none, but the optimizer uses an LRScheduler")
        masters = state.pop("master_weights", None)
        for kept in self._accumulators.values():
            for t in kept.values():
                self._check(t, state[self._saved_name(t.name, state)])
        if isinstance(self._learning_rate, LRScheduler):
            self._learning_rate.set_state_dict(schedule)
        if masters is not None:
            self._load_master_weights(masters)
        for kept in self._accumulators.values():
            for t in kept.values():
                self._load(t, state.pop(self._saved_name(t.name, state)))
        self._accumulators_holder = state

    set_dict = set_state_dict

    def _saved_name(self, name: str, state: dict[str, Any]) -> str:
        """The key of an accumulator in loaded state: its name, or the same with another number at the end.

        The number counts how often an optimizer was made for the parameter, which may differ where the state is loaded.
        """
        if name in state:
            return name
        stem = name.rpartition("_")[0]
        found = [key for key in state if key.rpartition("_")[0] == stem and key.rpartition("_")[2].isdigit()]
        assert len(found) == 1, (
            f"{type(self).__name__}: the loaded state has no {name!r}; it has {sorted(state)}"
        )
        return found[0]

    def _load_master_weights(self, masters: dict[str, Any]) -> None:
        params = {p.name: p for p in self._parameters()}
        for name, value in masters.items():
            array = np.array(value.numpy() if isinstance_strict(value, Tensor) else value)
            param = params.get(name)
            if param is not None and tuple(param.shape) != array.shape:
                raise ValueError(
                    f"master weight of parameter {name!r} has shape {list(array.shape)}, expected {list(param.shape)}"
                )
            own = self._master_weights.get(name)
            if own is not None:
                own._data = backend.to_module(array, backend.array_module(own._data))
                continue
            if param is not None:
                array = backend.to_module(array, backend.array_module(param._data))
            own = self._master_weights[name] = make_tensor(array)
            own.name = getattr(value, "name", None) or unique_name.generate(f"{name}_fp32_master")
            own.persistable = True

    def _check(self, t: Tensor, value: Any) -> Any:
        """The array of a loaded value. ValueError if it does not fit the accumulator `t`."""
        array = value._data if isinstance_strict(value, Tensor) else value
        if not hasattr(array, "shape") or not hasattr(array, "dtype"):
            raise RuntimeError(f"optimizer state {t.name!r} must be a tensor or an array, got {type(value).__name__}")
        if tuple(array.shape) != t._data.shape:
            raise ValueError(
                f"optimizer state {t.name!r} has shape {list(array.shape)} in what was loaded, expected {t.shape}"
            )
        if array.dtype != t._data.dtype:
            raise ValueError(
                f"optimizer state {t.name!r} has dtype {array.dtype} in what was loaded, expected {t.dtype.name}"
            )
        return array

    def _load(self, t: Tensor, value: Any) -> None:
        array = backend.to_module(self._check(t, value), backend.array_module(t._data))
        t._replace(array.copy())

    def get_opti_var_name_list(self) -> list[str]:
        """Names of the accumulators."""
        return self._opti_name_list

    # --- gradients

    def clear_grad(self, set_to_zero: bool = True) -> None:
        """Set the gradients of all parameters to zero, or to None with ``set_to_zero=False``."""
        for p in self._parameters():
            if not p.stop_gradient:
                p.clear_gradient(set_to_zero)

    clear_gradients = clear_grad

    # --- minimize, and its parts

    def backward(
        self,
        loss: Any,
        startup_program: Any = None,
        parameters: Any = None,
        no_grad_set: Any = None,
        callbacks: Sequence[Callable[..., Any]] | None = None,
    ) -> list[tuple[Any, Any]]:
        """Pairs of parameter and gradient.

        Static mode: appends the gradient operators of `loss` to its Program. Dynamic mode: the gradients that
        ``loss.backward()`` left.
        """
        if self._dtype is None:
            self._dtype = loss.dtype
        if isinstance_strict(loss, Variable):
            return static_side.backward(self, loss, startup_program, parameters, no_grad_set, callbacks)
        unwanted = {getattr(p, "name", p) for p in no_grad_set or ()}
        chosen = parameters or self._parameters()
        return [(p, p.grad) for p in chosen if p.grad is not None and p.name not in unwanted]

    def apply_gradients(self, params_grads: list[tuple[Any, Any]]) -> list[Any]:
        """Clip and decay the gradients and apply them; returns the operators that were appended (none in dynamic mode)."""
        return self._apply_pairs(sorted(params_grads, key=lambda pair: pair[0].name))

    def _apply_pairs(self, params_grads: list[tuple[Any, Any]]) -> list[Any]:
        if params_grads and isinstance_strict(params_grads[0][0], Variable):
            return static_side.apply_gradients(self, params_grads)
        if self._found_infinite():
            return []
        pairs = [(p, g) for p, g in params_grads if g is not None and not p.stop_gradient]
        groups = self._groups()
        if len(groups) == 1:
            members = [(0, groups[0], pairs)]
        else:
            members = []
            for index, group in enumerate(groups):
                own = {id(p) for p in group["params"]}
                members.append((index, group, [pair for pair in pairs if id(pair[0]) in own]))
        for index, group, chosen in members:
            if chosen:
                self._update(index, [p for p, _ in chosen], [g for _, g in chosen], group)
        return []

    def _apply_optimize(self, loss: Any, startup_program: Any, params_grads: list[tuple[Any, Any]]) -> list[Any]:
        if isinstance_strict(loss, Variable):
            with static_side.building(loss.block.program, startup_program):
                return self.apply_gradients(params_grads)
        return self._apply_pairs(params_grads)

    def append_regularization_ops(
        self, parameters_and_grads: list[tuple[Any, Any]], regularization: Any = None
    ) -> list[tuple[Any, Any]]:
        """The pairs with decay terms added to the gradients; a parameter's own regularizer goes before `regularization`."""
        with no_grad():
            return [(p, static_side.regularized(self, p, g, regularization)) for p, g in parameters_and_grads]

    def minimize(
        self, loss: Any, startup_program: Any = None, parameters: Any = None, no_grad_set: Any = None
    ) -> tuple[list[Any], list[tuple[Any, Any]]]:
        """Update the parameters once; in static mode append gradient and update operators to the Program of `loss`.

        Dynamic mode uses the gradients that ``loss.backward()`` left, which has to be called before. Returns the
        appended operators and the pairs of parameter and gradient.
        """
        assert isinstance(loss, (Tensor, Variable)), f"loss of minimize must be a tensor, got {type(loss).__name__}"
        if context.recorder is not None and context.recorder.tracing:
            self.step()
            return [], [(p, p.grad) for p in self._parameters() if p.grad is not None]
        params_grads = self.backward(loss, startup_program, parameters, no_grad_set)
        return self._apply_optimize(loss, startup_program, params_grads), params_grads

    # --- for loss scaling

    def _found_infinite(self) -> bool:
        """Whether a GradScaler found infinite gradients, so that this update is to be left out."""
        found = self._auxiliary_vars.get("found_inf")
        return found is not None and bool(found)

    def _set_auxiliary_var(self, key: str, value: Any) -> None:
        self._auxiliary_vars[key] = value

    def _get_auxiliary_var(self, key: str) -> Any:
        return self._auxiliary_vars.get(key)

    # --- copies

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}, "_learning_rate_map": {}}

    def __deepcopy__(self, memo: dict[int, Any]) -> Optimizer:
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        new.__dict__.update({key: copy.deepcopy(value, memo) for key, value in self.__getstate__().items()})
        # copies of parameters have names of their own, and state is kept by name
        names = {p.name: q.name for p, q in zip(self._parameters(), new._parameters(), strict=True)}
        new._master_weights = {names[name]: t for name, t in new._master_weights.items()}
        for (name, old), t in zip(self._master_weights.items(), new._master_weights.values(), strict=True):
            t.name = unique_name.generate(f"{names[name]}_fp32_master")
            names[old.name] = t.name
        new._opti_name_list = []
        for kind, kept in new._accumulators.items():
            new._accumulators[kind] = {names[name]: t for name, t in kept.items()}
            for name, t in new._accumulators[kind].items():
                t.name = unique_name.generate(f"{name}_{kind}")
                new._opti_name_list.append(t.name)
        return new


def at(value: Any, i: int) -> Any:
    """Entry `i` of a list, or the one value for all."""
    return value[i] if isinstance(value, list) else value


def at_all(values: dict[str, Any], i: int) -> dict[str, Any]:
    return {key: at(value, i) for key, value in values.items()}


def _some(value: Any, chosen: list[int]) -> Any:
    return [value[i] for i in chosen] if isinstance(value, list) else value


def _clipped(clip: ClipGradBase, params: list[Any], grads: list[Any]) -> tuple[list[Any], list[Any], Any]:
    """Parameters, gradients and what to multiply these with."""
    if type(clip) in _OWN_CLIPS:
        factors = clip.factors(params, [g._data for g in grads])
        if factors is not None:
            return params, grads, 1.0 if all(f == 1.0 for f in factors) else factors
    pairs = [(p, g) for p, g in clip(list(zip(params, grads, strict=True))) if g is not None]
    return [p for p, _ in pairs], [g for _, g in pairs], 1.0
