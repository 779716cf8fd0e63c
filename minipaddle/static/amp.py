"""``paddle.static.amp``: Programs in mixed precision, with scaled losses.

`decorate` wraps an optimizer. Its `minimize` puts casts between the operators of the Program, so that those which are safe and
slow compute in half precision, multiplies the loss, and divides the gradients again before the update. On the CPU, as with Paddle's
own, no operator computes in half precision: there the scaling is all that changes.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..amp.amp_lists import BLACK, SLOW_OR_INEXACT, WHITE
from ..backend import xp as backend
from ..core.blocks import inner_block
from ..core.dispatch import call
from ..core.program import BACKWARD, OPTIMIZE, Operator, Program, Variable
from ..core.scope import Scope, current_scope
from ..ops.registry import OPS
from ..optimizer import Optimizer
from ..optimizer import program as writing
from ..tensor import manipulation
from ..utils import unique_name
from .program import create_global_var, name_scope

__all__ = [
    "AutoMixedPrecisionLists", "CustomOpLists", "cast_model_to_fp16", "cast_parameters_to_fp16", "decorate", "fp16_guard",
]  # fmt: skip

# computed in the type in which their inputs come
GRAY = {
    "batch_norm", "cast", "concat", "dropout", "elementwise_add", "elementwise_div", "elementwise_floordiv", "elementwise_max",
    "elementwise_min", "elementwise_mod", "elementwise_mul", "elementwise_pow", "elementwise_sub", "fill_constant", "flatten2", "gather",
    "gaussian_random", "layer_norm", "leaky_relu", "pool2d", "pool3d", "rank", "relu", "relu6", "reshape2", "scale", "sigmoid", "sign",
    "slice", "soft_relu", "split", "stack", "tanh", "top_k", "transpose2", "uniform_random", "uniform_random_batch_size_like", "unstack",
}  # fmt: skip
_GUARD = "__use_fp16__"
_IN_FLOAT32 = {"batch_norm": "X", "instance_norm": "X", "layer_norm": "X"}  # all inputs but this one stay float32
_OUT_FLOAT32 = {"batch_norm": "Y", "layer_norm": "Y"}
_ALWAYS = {"cast", "conditional_block", "lod_array_length", "select_input", "tensor_array_to_tensor", "while", "write_to_array"}
_TYPES = ("float16", "bfloat16")


def _half(dtype: Any) -> dtypes.DType:
    found = dtypes.as_dtype(dtype.lower() if isinstance(dtype, str) else dtype)
    if found.name not in _TYPES:
        raise ValueError(f"If enable AMP, dtype should be 'float16' or 'bfloat16', got {dtype!r}.")
    return found


class AutoMixedPrecisionLists:
    """Which operators compute in half precision.

    white_list: always; black_list: never; gray_list: where their inputs come so; others not. unsupported_list: those that the device
    cannot compute in half precision (on the CPU all). custom_black_varnames: variables whose operators stay float32. ValueError for an
    operator in both custom lists, and for other types than "float16" and "bfloat16".
    """

    def __init__(
        self, custom_white_list: Any = None, custom_black_list: Any = None, custom_black_varnames: Any = None, dtype: Any = "float16"
    ) -> None:
        self.amp_dtype = _half(dtype).name
        white, black = set(custom_white_list or ()), set(custom_black_list or ())
        for name in sorted(white & black):
            raise ValueError(f"The given custom_white_list overlaps custom_black_list with < {name} >!")
        self.white_list = (WHITE | white) - black
        self.black_list = ((BLACK | SLOW_OR_INEXACT) - white) | black
        self.gray_list = GRAY - white - black
        self.black_varnames = None if custom_black_varnames is None else set(custom_black_varnames)
        self.all_list = {name for name, definition in OPS.items() if definition.gradient_of is None}
        self.unsupported_list = black | (self.all_list - _ALWAYS if backend.current_place().kind == "cpu" else set())


CustomOpLists = AutoMixedPrecisionLists


@contextlib.contextmanager
def fp16_guard() -> Iterator[None]:
    """With `use_fp16_guard` only operators that are made inside of this ``with`` block may compute in half precision."""
    with name_scope(_GUARD):
        yield


# --- casts


def _is_float(v: Variable | None) -> bool:
    return v is not None and v.kind == "LOD_TENSOR" and v.has_dtype and v.dtype.name in ("float32", *_TYPES)


def _stays_float32(op: Operator, lists: Any, guarded: bool) -> bool:
    if op.type in lists.unsupported_list or any("learning_rate" in n for n in (*op.input_arg_names, *op.output_arg_names)):
        return True
    return guarded and _GUARD not in str(op.attrs.get("op_namescope", ""))


def _keeps_input(op: Operator, slot: str) -> bool:
    return op.type in _IN_FLOAT32 and slot != _IN_FLOAT32[op.type]


def _type_attributes(op: Operator) -> list[str]:
    floating = {t.proto for t in (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)}
    return [name for name in ("in_dtype", "out_dtype", "dtype") if op.attrs.get(name) in floating]


def _has_its_own_type(op: Operator) -> bool:
    """Whether an attribute says the type of the output, or there is nothing to cast."""
    names = op.input_arg_names
    if names and not any(_is_float(op.block._find_var_recursive(n)) for n in names):
        return True
    if op.type == "set_value":
        return False
    return op.type in ("create_py_reader", "read") or ("in_dtype" not in op.attrs and bool(_type_attributes(op)))


class _Casting:
    """One pass over the forward operators of a Program."""

    def __init__(self, program: Program, lists: Any, half: dtypes.DType, level: str, guarded: bool, promote: bool) -> None:
        self.program, self.lists, self.half, self.level, self.guarded, self.promote = program, lists, half, level, guarded, promote
        self.black = lists.black_list - BLACK - SLOW_OR_INEXACT if level == "O2" else lists.black_list
        if level == "OD":
            self.black = lists.all_list - lists.white_list
        self.makers: dict[str, tuple[str, dtypes.DType | None]] = {}  # variable -> type of the operator that made it, and its choice
        self.names: set[str] = set()  # what becomes half precision
        self.kept: set[str] = set()

    def run(self) -> set[str]:
        if self.level == "O2":
            self.parameters()
        for block in self.program.blocks:
            chosen = [(op, self.choose(op)) for op in block.ops]
            block.ops = []
            for op, target in chosen:
                if target is not None:
                    self.cast_inputs(op, target)
                block.ops.append(op)
        self.program.touch()
        return self.names - self.kept

    def parameters(self) -> None:
        """Let the parameters be of the half type, but for those that an operator wants in float32."""
        for block in self.program.blocks:
            for op in block.ops:
                if op.type in self.black:
                    continue
                everything = _stays_float32(op, self.lists, self.guarded)
                for slot, found in op.inputs.items():
                    if everything or _keeps_input(op, slot):
                        self.kept.update(found)
        for p in self.program.all_parameters():
            if p.name not in self.kept and _is_float(p):
                p._dtype = self.half

    def choose(self, op: Operator) -> dtypes.DType | None:
        """The type an operator computes in, None to leave it as it is; its outputs are declared so."""
        target = None
        if inner_block(op) is None and not int(op.attrs.get("op_role", 0)) & (BACKWARD | OPTIMIZE) and not _has_its_own_type(op):
            target = self.wanted(op)
        if target is not None:
            for slot, found in op.inputs.items():
                if target is self.half and not _keeps_input(op, slot):
                    self.names.update(n for n in found if _is_float(op.block._find_var_recursive(n)))
            for slot, found in op.outputs.items():
                if op.type in _OUT_FLOAT32 and slot != _OUT_FLOAT32[op.type]:
                    continue
                for n in found:
                    v = op.block._find_var_recursive(n)
                    if v is not None and _is_float(v) and not v.persistable:
                        v._dtype = target
        for n in op.output_arg_names:
            self.makers[n] = (op.type, target)
        return target

    def wanted(self, op: Operator) -> dtypes.DType | None:
        varnames = self.lists.black_varnames
        if _stays_float32(op, self.lists, self.guarded):
            return dtypes.float32
        if varnames is not None and any(n in varnames for n in (*op.input_arg_names, *op.output_arg_names)):
            return dtypes.float32
        if op.type in self.black:
            found = [op.block._find_var_recursive(n) for n in op.input_arg_names]
            self.names.update(v.name for v in found if v is not None and v.is_parameter)
            return dtypes.float32
        if op.type in self.lists.white_list:
            return self.half
        if op.type == "cast":
            source, made = (op.block._find_var_recursive(n) for n in (op.inputs["X"][0], op.outputs["Out"][0]))
            if source is not None and made is not None:
                op.attrs["in_dtype"] = source.dtype.proto
                made._dtype = dtypes.as_dtype(op.attrs["out_dtype"])
            return None
        if self.promote:
            plain = [n for slot, names in op.inputs.items() if not _keeps_input(op, slot) for n in names]
            found = [op.block._find_var_recursive(n) for n in plain]
            return dtypes.float32 if any(v is not None and v.has_dtype and v.dtype is dtypes.float32 for v in found) else self.half
        if self.level == "O2":
            return self.half
        if op.type not in self.lists.gray_list:
            return dtypes.float32
        target = self.half
        for _, names in sorted(op.inputs.items()):
            for n in names:
                maker, choice = self.makers.get(n, ("", None))
                if choice is dtypes.float32 or maker in self.black:
                    target = dtypes.float32
                elif choice is self.half or maker in self.lists.white_list:
                    target = self.half
        return target

    def cast_inputs(self, op: Operator, target: dtypes.DType) -> None:
        block = op.block
        for slot, found in op.inputs.items():
            if target is self.half and _keeps_input(op, slot):
                continue
            for i, n in enumerate(found):
                v = block._find_var_recursive(n)
                if v is None or not _is_float(v) or v.dtype is target:
                    continue
                name = f"{n}.cast_{'fp32' if target is dtypes.float32 else 'fp16' if target is dtypes.float16 else 'bf16'}"
                if name not in block.vars:
                    made = block.create_var(name, v._shape, target)
                    made._stop_gradient = v._stop_gradient
                    attrs = {"in_dtype": v.dtype.proto, "out_dtype": target.proto, "op_role": int(op.attrs.get("op_role", 0))}
                    block.append_op("cast", {"X": n}, {"Out": name}, attrs, callstack=list(op.callstack))
                found[i] = name
        for attribute in _type_attributes(op):
            op.attrs[attribute] = target.proto


def cast_model_to_fp16(
    program: Program, amp_lists: Any = None, use_fp16_guard: bool = True, dest_type: Any = "float16", level: str = "O2",
    use_promote: bool = False,
) -> set[str]:  # fmt: skip
    """Put casts into a Program without gradients, in place; the names of parameters and other variables that are half precision then.

    amp_lists: `AutoMixedPrecisionLists`. use_fp16_guard: change only what was made under `fp16_guard`. level: "O1" follows the lists,
    "OD" the white list alone; "O2" makes everything half precision that is not in a list of its own, parameters too. use_promote:
    operators with any float32 input stay float32.
    """
    half = _half(dest_type)
    return _Casting(program, amp_lists or AutoMixedPrecisionLists(dtype=half), half, level, use_fp16_guard, use_promote).run()


def cast_parameters_to_fp16(
    place: Any, program: Program, scope: Scope | None = None, to_fp16_var_names: Collection[str] | None = None,
    dest_type: Any = "float16", rewrite_master_weight: bool = False, master_weights: Any = None,
) -> None:  # fmt: skip
    """Cast the values of those parameters that `cast_model_to_fp16` named; `place` has no effect.

    rewrite_master_weight: give the float32 copies (name of the parameter -> Variable) the rounded values.
    """
    half, names = _half(dest_type), set(to_fp16_var_names or ())
    values = scope or current_scope()
    for p in program.all_parameters():
        held = values.find_var(p.name) if p.name in names else None
        if held is None:
            continue
        array = np.asarray(held.get_tensor()).astype(half.np)
        held.set(array)
        master = (master_weights or {}).get(p.name)
        if rewrite_master_weight and master is not None:
            copy = values.find_var(master.name)
            if copy is not None:
                copy.set(array.astype(np.float32))


# --- the optimizer


class OptimizerWithMixedPrecision:
    """What `decorate` returns: an optimizer whose `minimize` works in mixed precision with a scaled loss."""

    def __init__(
        self, optimizer: Optimizer, amp_lists: Any, level: str, dtype: str, init_loss_scaling: float, use_dynamic_loss_scaling: bool,
        incr_every_n_steps: int, decr_every_n_nan_or_inf: int, incr_ratio: float, decr_ratio: float, use_amp_guard: bool = False,
        use_promote: bool = False,
    ) -> None:  # fmt: skip
        if dtype == "bfloat16" and use_dynamic_loss_scaling:
            warnings.warn("bfloat16 has the range of float32: its loss is not scaled", stacklevel=3)
            use_dynamic_loss_scaling, init_loss_scaling = False, 1.0
        self._optimizer, self._amp_lists, self._level, self._half = optimizer, amp_lists, level, _half(dtype)
        self._initial, self._dynamic = float(init_loss_scaling), bool(use_dynamic_loss_scaling)
        self._rules = {
            "incr_every_n_steps": int(incr_every_n_steps), "decr_every_n_nan_or_inf": int(decr_every_n_nan_or_inf),
            "incr_ratio": float(incr_ratio), "decr_ratio": float(decr_ratio),
        }  # fmt: skip
        self._guarded, self._promote = bool(use_amp_guard), bool(use_promote)
        self._train_program: Program | None = None
        self._loss_scaling: Any = None
        self._scaled_loss: Any = None
        self._counts: list[Any] = []
        self._names: set[str] = set()

    def get_loss_scaling(self) -> Any:
        """The variable that holds the present factor. AssertionError before `minimize`."""
        assert self._loss_scaling is not None, "Please call minimize() before calling get_loss_scaling()."
        return self._loss_scaling

    def get_scaled_loss(self) -> Any:
        """The loss times the factor, None before `minimize`."""
        return self._scaled_loss

    def _cast(self, program: Program) -> set[str]:
        guarded = self._guarded if self._level == "O2" else False
        if self._level == "O0":
            return set()
        return cast_model_to_fp16(program, self._amp_lists, guarded, self._half, self._level, self._promote)

    def _scales(self) -> bool:
        return self._dynamic or self._initial != 1.0

    def backward(
        self, loss: Any, startup_program: Any = None, parameter_list: Any = None, no_grad_set: Any = None, callbacks: Any = None
    ) -> list[tuple[Any, Any]]:
        """Put in the casts, scale the loss and append its gradient operators; pairs of parameter and scaled gradient."""
        program = self._train_program = loss.block.program
        with writing.building(program, startup_program):
            name = unique_name.generate("loss_scaling")
            self._loss_scaling = create_global_var([1], self._initial, "float32", persistable=True, name=name)
            if self._dynamic:
                names = [unique_name.generate(n) for n in ("num_good_steps", "num_bad_steps")]
                self._counts = [create_global_var([1], 0, "int32", persistable=True, name=n) for n in names]
            writing.learning_rate(self._optimizer)
            self._names = self._cast(program)
            if loss.dtype is not dtypes.float32:
                loss = loss.astype("float32")
            self._scaled_loss = loss * self._loss_scaling if self._scales() else loss
        return self._optimizer.backward(self._scaled_loss, startup_program, parameter_list, no_grad_set, callbacks)

    def apply_gradients(self, params_grads: list[tuple[Any, Any]]) -> list[Any]:
        """Append what divides the gradients, changes the factor and updates the parameters; the update operators."""
        assert self._train_program is not None, "Please call the minimize method first."
        if not self._scales():
            return self._optimizer.apply_gradients(params_grads)
        with writing.building(self._train_program, None) as recorder, recorder.marked(OPTIMIZE):
            grads = [g for _, g in params_grads if g is not None]
            parts = [("", grads)]
            if self._level == "O2":
                parts = [("_fp32", [g for g in grads if g.dtype is dtypes.float32]), ("_fp16", [g for g in grads if g.dtype is self._half])]
                parts = [(suffix, part) for suffix, part in parts if part]
            found = []
            for suffix, part in parts:
                with recorder.helper("find_infinite_scale" + suffix):
                    found.append(call(OPS["check_finite_and_unscale"], part, self._loss_scaling)[1])
            infinite = call(OPS["reduce_any"], manipulation.concat(found), dim=[], reduce_all=True) if self._level == "O2" else found[0]
            if self._dynamic and self._half is dtypes.float16:
                for i, (suffix, part) in enumerate(parts):
                    with recorder.helper("update_loss_scaling" + suffix):
                        call(
                            OPS["update_loss_scaling"], part, infinite, self._loss_scaling, *self._counts, stop_update=i > 0, **self._rules
                        )
            self._optimizer._set_auxiliary_var("found_inf", infinite)
        return self._optimizer.apply_gradients(params_grads)

    def apply_optimize(self, loss: Any, startup_program: Any, params_grads: list[tuple[Any, Any]]) -> list[Any]:
        """`apply_gradients` in the Program of the loss."""
        with writing.building(loss.block.program, startup_program):
            return self.apply_gradients(params_grads)

    def minimize(
        self, loss: Any, startup_program: Any = None, parameter_list: Any = None, no_grad_set: Any = None
    ) -> tuple[list[Any], list[tuple[Any, Any]]]:
        """`backward` and `apply_optimize`: the update operators, and pairs of parameter and scaled gradient."""
        pairs = self.backward(loss, startup_program, parameter_list, no_grad_set)
        return self.apply_optimize(loss, startup_program, pairs), pairs

    def amp_init(
        self, place: Any, scope: Scope | None = None, test_program: Program | None = None, use_fp16_test: bool = False,
        rewrite_master_weight: bool = False,
    ) -> None:  # fmt: skip
        """After the startup Program ran: cast parameters of level O2 in the scope, and put the casts into `test_program`.

        use_fp16_test: do the latter for the other levels too. AssertionError before `minimize`.
        """
        assert self._train_program is not None, "Please call the minimize method first."
        if self._level == "O2":
            masters = self._optimizer._master_weights
            cast_parameters_to_fp16(place, self._train_program, scope, self._names, self._half, rewrite_master_weight, masters)
        if test_program is not None and (self._level == "O2" or use_fp16_test):
            self._cast(test_program)


_OLD = (
    "amp_lists", "init_loss_scaling", "incr_every_n_steps", "decr_every_n_nan_or_inf", "incr_ratio", "decr_ratio",
    "use_dynamic_loss_scaling", "use_pure_fp16", "use_fp16_guard", "use_bf16", "use_promote",
)  # fmt: skip
_NEW = (
    "amp_lists", "level", "dtype", "master_weight", "master_grad", "init_loss_scaling", "incr_every_n_steps", "decr_every_n_nan_or_inf",
    "incr_ratio", "decr_ratio", "use_dynamic_loss_scaling", "use_amp_guard", "use_promote",
)  # fmt: skip


def decorate(optimizer: Optimizer, *args: Any, **kwargs: Any) -> OptimizerWithMixedPrecision:
    """The optimizer for mixed precision, in one of two forms that are told apart by their arguments.

    (optimizer, amp_lists, level="O1", dtype="float16", master_weight, master_grad=False, init_loss_scaling=2**16,
    incr_every_n_steps=2000, decr_every_n_nan_or_inf=1, incr_ratio=2.0, decr_ratio=0.5, use_dynamic_loss_scaling, use_amp_guard=False,
    use_promote=False) and the older (optimizer, amp_lists, init_loss_scaling=2**15, incr_every_n_steps=1000, decr_every_n_nan_or_inf=2,
    incr_ratio=2.0, decr_ratio=0.8, use_dynamic_loss_scaling=True, use_pure_fp16=False, use_fp16_guard, use_bf16=False, use_promote=False).
    level: see `cast_model_to_fp16`. The loss is multiplied by a factor, which grows after `incr_every_n_steps` good steps and shrinks
    after `decr_every_n_nan_or_inf` with infinite gradients; those update nothing. TypeError and ValueError for other arguments.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"static.amp.decorate takes an optimizer, got {type(optimizer).__name__}")
    old = set(kwargs) <= set(_OLD) and (not set(kwargs) <= set(_NEW) or (len(args) >= 2 and isinstance(args[1], float)))
    names: Sequence[str] = _OLD if old else _NEW
    given = dict(zip(names, args, strict=False))
    twice = [name for name in kwargs if name in given or name not in names]
    if twice or len(args) > len(names):
        raise TypeError(f"static.amp.decorate got unexpected arguments: {', '.join(twice) or len(args)}; it takes {', '.join(names)}")
    given |= kwargs
    if old:
        level = "O2" if given.get("use_pure_fp16", False) else "O1"
        kind = "bfloat16" if given.get("use_bf16", False) else "float16"
        defaults = (2.0**15, 1000, 2, 2.0, 0.8)
        guarded = given.get("use_fp16_guard")
        guarded = level == "O2" if guarded is None else guarded
    else:
        level, kind = given.get("level", "O1").upper(), _half(given.get("dtype", "float16")).name
        if level not in ("O0", "OD", "O1", "O2"):
            raise ValueError(f"static.amp.decorate: level should be O0, OD, O1 or O2, got {level!r}")
        defaults, guarded = (2.0**16, 2000, 1, 2.0, 0.5), given.get("use_amp_guard", False)
        if given.get("master_grad"):
            warnings.warn("static.amp.decorate: master_grad has no effect; updates are computed in float32 anyway", stacklevel=2)
        optimizer._multi_precision = given.get("master_weight") is not False
    lists = given.get("amp_lists")
    if lists is None or level == "OD":
        lists = AutoMixedPrecisionLists(dtype=kind)
    if level != "O0" and not (lists.white_list & lists.all_list) - lists.unsupported_list:
        warnings.warn(f"static.amp.decorate: on the CPU operators do not compute in {kind}; all stay float32", stacklevel=2)
    dynamic = given.get("use_dynamic_loss_scaling")
    keys = ("init_loss_scaling", "incr_every_n_steps", "decr_every_n_nan_or_inf", "incr_ratio", "decr_ratio")
    initial, grow_after, shrink_after, grow, shrink = (given.get(k, d) for k, d in zip(keys, defaults, strict=True))
    return OptimizerWithMixedPrecision(
        optimizer, lists, level, kind, initial, (kind == "float16" or bool(old)) if dynamic is None else dynamic, grow_after, shrink_after,
        grow, shrink, guarded, given.get("use_promote", False),
    )  # fmt: skip
