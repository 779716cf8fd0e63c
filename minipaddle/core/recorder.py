"""Recorders: what `dispatch.call` does when a Program is being built instead of values."""
from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..dtypes import DType, from_numpy
from ..errors import TracingError, WrongTypeError
from ..ops.data_types import refusal
from ..ops.registry import OPS, Op, Spec
from ..utils import unique_name
from . import dispatch
from .callsite import user_callstack
from .context import context
from .program import Block, Program, Variable
from .report import coded
from .tensor import Parameter, Tensor, isinstance_strict

__all__ = ["Recorder", "StaticRecorder", "TraceRecorder", "recording", "spec_of"]


class Recorder:
    """Appends operators to the current block of a Program; eager Tensors are refused."""

    tracing = False
    notes: Any = None
    converted: Callable[[Any], Any] = staticmethod(lambda function: function)  # a user's function as it is to be run

    def __init__(self, program: Program) -> None:
        self.program = program
        self.regions: list[Any] = []  # parts of the Program inside of branches and loops, innermost last
        self.layers: list[tuple[Any, str]] = []  # Layers that are running and their paths, innermost last

    @property
    def block(self) -> Block:
        """Where operators go."""
        return self.program.current_block()

    # --- values

    def variable(self, value: Any, op: Op, slot: str) -> Variable:
        """The Variable for one input."""
        if isinstance_strict(value, Variable):
            return value
        if isinstance_strict(value, Tensor):
            return self.capture(value)
        raise WrongTypeError(f"{op.type}: argument {slot} must be a Variable, got {type(value).__name__} {str(value)[:80]}")

    def capture(self, t: Tensor) -> Variable:
        """The Variable that stands for an eager Tensor."""
        raise TypeError(
            f"an eager Tensor ({t.name!r}, shape {t.shape}) was used in static mode; make values with paddle.static.data or "
            "leave static mode with paddle.disable_static()"
        )

    def check_types(self, op: Op, inputs: Sequence[Any]) -> None:
        """TypeError where Paddle would not record this operator with these data types."""

    def apply(self, op: Op, inputs: Any, attrs: dict[str, Any]) -> Any:
        """Append operator `op`, or what it consists of; returns its visible outputs as Variables."""
        if op.expand is not None:
            return op.expand(*inputs, **{**op.defaults, **attrs})
        outputs = self.append(op, inputs, attrs)
        visible = op.returns
        return outputs[visible[0]] if len(visible) == 1 else tuple(outputs[i] for i in visible)

    def append(self, op: Op, inputs: Any, attrs: dict[str, Any]) -> list[Any]:
        """Append operator `op`; returns all its outputs in slot order."""
        if len(inputs) < len(op.inputs):
            inputs = (*inputs, *(None,) * (len(op.inputs) - len(inputs)))
        block = self.block
        names: dict[str, list[str]] = {}
        specs: list[Any] = []
        found: list[Any] = []
        differentiable = False
        for slot, value in zip(op.inputs, inputs, strict=True):
            if value is None:
                if not slot.optional:
                    raise WrongTypeError(f"{op.type}: argument {slot.name} must be a Variable, got None")
                specs.append(None)
                found.append(None)
                continue
            items = [self.variable(v, op, slot.name) for v in (value if slot.many else [value])]
            names[slot.name] = [v.name for v in items]
            found.append(items)
            item_specs = [v.spec for v in items]
            specs.append(item_specs if slot.many else item_specs[0])
            differentiable = differentiable or any(not v.stop_gradient for v in items)
        self.check_types(op, found)
        try:
            out_specs = op.infer(*specs, **attrs)
        except Exception as error:
            raise self._explain(op, specs, attrs, error) from None
        differentiable = differentiable and op.grad is not None and context.grad_enabled
        flags = self._flags(op, found, attrs)
        new_name = self.namer(op, found)
        named = self.order_of_names(op, out_specs, new_name)
        outputs: list[Any] = []
        out_names: dict[str, list[str]] = {}
        for slot, spec in zip(op.outputs, out_specs, strict=True):
            if spec is None:
                outputs.append(None)
                continue
            if slot.over and found[op.input_index[slot.over]] is not None:
                items = found[op.input_index[slot.over]]
            else:
                items = []
                for s in spec if slot.many else [spec]:
                    floating = s.dtype.kind in "fcV"
                    name = named.pop(slot.name) if slot.name in named else new_name()
                    v = block.create_var(name, s.shape, from_numpy(s.dtype))
                    v._stop_gradient = not (differentiable and floating)
                    v.cut = not context.grad_enabled
                    if flags:
                        v.__dict__.update(flags)
                    items.append(v)
            out_names[slot.name] = [v.name for v in items]
            outputs.append(items if slot.many else items[0])
        if op.lod_rules and (op.lod_function is not None or any(v.lod_level for items in found if items for v in items)):
            set_lod_levels(op, found, outputs, attrs)
        full = {**op.defaults, **attrs, **self.common_attrs()}
        block.append_op(op.type, names, out_names, full, callstack=user_callstack())
        return outputs

    def _flags(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> dict[str, bool] | None:
        """What outputs inherit: `weak` (they stand for Python numbers), `ragged` (the number of dimensions is not known)."""
        weak, ragged, count = True, False, 0
        for items in inputs:
            for v in items or ():
                count += 1
                if v.__dict__:
                    weak = weak and "weak" in v.__dict__
                    ragged = ragged or "ragged" in v.__dict__
                else:
                    weak = False
        reduces_all = op.type.startswith("reduce_") and (attrs.get("reduce_all") or not attrs.get("dim", [0]))
        if ragged and op.type not in RANK_FREE and not reduces_all:
            names = ", ".join(v.name for items in inputs for v in items or () if "ragged" in v.__dict__)
            raise TracingError(
                coded("D2S105", f"{op.type}: the number of dimensions of {names} depends on a Tensor: a branch or loop gives it "
                      "different ranks",
                      "give both branches, or all trips, the same number of dimensions")
            )  # fmt: skip
        if not (weak and count):
            return {"ragged": True} if ragged and not op.type.startswith("reduce_") else None
        return {"weak": True}

    def forget(self, gone: Callable[[Variable], bool]) -> None:
        """Variables that are not to be used any more."""

    def namer(self, op: Op, inputs: Sequence[Any]) -> Callable[[], str]:
        """A function that makes names for the outputs of one operator."""
        prefix = f"{self.program.fresh_name(op.type)}.tmp_"
        count = -1

        def new_name() -> str:
            nonlocal count
            count += 1
            return f"{prefix}{count}"

        return new_name

    def order_of_names(self, op: Op, specs: Sequence[Any], new_name: Callable[[], str]) -> dict[str, str]:
        """Names by output slot where they are not made in the order of the slots."""
        return {}

    def common_attrs(self) -> dict[str, Any]:
        """Attributes for every operator that is recorded."""
        return {}

    def _explain(self, op: Op, specs: Any, attrs: dict[str, Any], error: Exception) -> Exception:
        message = f"{op.type}: {error}\n{dispatch.describe_call(op, specs, attrs)}"
        try:
            return type(error)(message)
        except Exception:
            return error

    def in_place(self, target: Variable, result: Variable) -> Variable:
        """`target` stands for `result` from now on; the name it had keeps its old value."""
        target = self.variable(target, OPS["assign"], "X")
        outside = not self.regions and target.block is not self.block  # a `While` or `Switch` block: what it changes is written
        if target.persistable or outside:
            self.block.append_op("assign", {"X": result}, {"Out": target}, {}, callstack=user_callstack())
            return target
        for region in self.regions:
            region.note(target)
        block = target.block
        old = Variable(
            block, target.name, target._shape, target._dtype, kind=target.kind, lod_level=target.lod_level,
            stop_gradient=target.stop_gradient, need_check_feed=target.need_check_feed, is_data=target.is_data,
        )  # fmt: skip
        block.vars[target.name] = old
        target.block, target.name, target._shape, target._dtype = result.block, result.name, result._shape, result._dtype
        old.cut, target.cut = target.cut, result.cut
        target._stop_gradient, target.kind, target.lod_level = result._stop_gradient, result.kind, result.lod_level
        target.is_data = target.need_check_feed = False
        result.block.vars[result.name] = target
        for flag in ("weak", "ragged"):
            target.__dict__.pop(flag, None)
            if flag in result.__dict__:
                target.__dict__[flag] = True
        return target

    def open_shape(self, variable: Variable) -> Any:
        """Shape with -1 where unknown (static mode)."""
        return list(variable._shape)

    def numel(self, variable: Variable) -> Any:
        """-1: the number of elements is not known."""
        return -1

    def is_dimension(self, value: Variable, variable: Variable, axis: int) -> bool:
        """Whether `value` is dimension `axis` of `variable`, as given by ``variable.shape[axis]``."""
        return False


# operators that mean the same whatever the number of dimensions is
RANK_FREE = frozenset([
    "assign", "cast", "scale", "print", "sqrt", "square", "exp", "log", "abs", "tanh", "sigmoid", "relu", "sin",
    "cos", "elementwise_add", "elementwise_sub", "elementwise_mul", "elementwise_div", "elementwise_max",
    "elementwise_min", "elementwise_pow", "mean", "size", "shape", "less_than", "less_equal", "greater_than",
    "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not", "fill_any_like",
    "select_input",
])  # fmt: skip

# operators whose results lie in the memory of their input when they run dynamically
VIEWS = frozenset([
    "slice", "strided_slice", "reshape2", "transpose2", "squeeze2", "unsqueeze2", "flatten_contiguous_range", "share_data", "unbind",
])  # fmt: skip

# What Paddle calls the helper that names the outputs of these operators, and the order in which it makes them.
_HELPERS = {
    "arg_max": "argmax", "arg_min": "argmin", "assign_value": "assign", "cumsum": "cumsum", "cross_entropy2": "cross_entropy2",
    "expand_as_v2": "expand_as", "expand_v2": "expand", "flatten_contiguous_range": "flatten", "lookup_table_v2": "embedding",
    "one_hot_v2": "one_hot_v2", "reduce_all": "all", "reduce_any": "any", "reduce_max": "max", "reduce_mean": "mean",
    "reduce_min": "min", "reduce_prod": "prod", "reduce_sum": "sum", "squeeze2": "squeeze2", "sum": "add_n", "top_k_v2": "top_k_v2",
    "transpose2": "transpose", "unsqueeze2": "unsqueeze2", "where_index": "where_index",
}  # fmt: skip
_ORDER = {
    "batch_norm": ("SavedMean", "SavedVariance", "ReserveSpace", "Y"),
    "gru": ("Hidden", "BatchGate", "BatchResetHiddenPrev", "BatchHidden"),
    "group_norm": ("Mean", "Variance", "Y"),
    "instance_norm": ("SavedMean", "SavedVariance", "Y"),
    "layer_norm": ("Mean", "Variance", "Y"),
}
_OPERATORS = os.path.join("tensor", "operators.py")
_INDEXING = os.path.join("tensor", "indexing.py")


class StaticRecorder(Recorder):
    """Static mode: operators go to `program`, the making of parameters to `startup`, names count as in Paddle.

    role, role_vars, namescope, device: what the operators recorded now get as op_role, op_role_var, op_namescope and
    op_device; see `marked`.
    """

    def __init__(self, program: Program, startup: Program) -> None:
        super().__init__(program)
        self.startup = startup
        self.role = 0
        self.role_vars: list[str] = []
        self.namescope = "/"
        self.device = ""
        self._helper: str | None = None

    @contextlib.contextmanager
    def marked(self, role: int | None = None, role_vars: Sequence[Any] = (), device: str | None = None) -> Iterator[None]:
        """Inside of the ``with`` block operators get this role (bits of op_role, with the variables it is about) or device."""
        old = self.role, self.role_vars, self.device
        if role is not None:
            self.role, self.role_vars = role, [v if isinstance(v, str) else v.name for v in role_vars]
        if device is not None:
            self.device = device
        try:
            yield
        finally:
            self.role, self.role_vars, self.device = old

    @contextlib.contextmanager
    def helper(self, name: str) -> Iterator[None]:
        """Inside of the ``with`` block outputs of operators are named ``<name>.tmp_<number>``."""
        old, self._helper = self._helper, name
        try:
            yield
        finally:
            self._helper = old

    def check_types(self, op: Op, inputs: Sequence[Any]) -> None:
        for slot, items in zip(op.inputs, inputs, strict=True):
            for v in items or ():
                message = refusal(op.type, slot.name, v.dtype.name)
                if message is not None:
                    raise TypeError(message)

    # --- names

    def unused_name(self, key: str) -> str:
        """The next ``key_<number>`` that counts with the generator's names and that no variable of the Program has."""
        while True:
            name = unique_name.generate(key)
            if not any(name in block.vars for block in self.program.blocks):
                return name

    def namer(self, op: Op, inputs: Sequence[Any]) -> Callable[[], str]:
        block = self.block

        def unused(key: str) -> str:
            while True:
                name = unique_name.generate(key)
                if block.find_var(name) is None:
                    return name

        if self._helper is not None:
            key = self._helper + ".tmp"
            return lambda: unused(key)
        # Frames: this one, append, apply, dispatch.call, the public function. Its name and place decide the name.
        frame = sys._getframe(4) if sys._getframe(2).f_code.co_name == "apply" else sys._getframe(2)
        function, file = frame.f_code.co_name, frame.f_code.co_filename
        base = _HELPERS.get(op.type, op.type)
        if file.endswith(_OPERATORS):
            return lambda: unused("tmp")
        if file.endswith(_INDEXING) and op.type in ("slice", "strided_slice") and inputs and inputs[0]:
            key = f"{inputs[0][0].name}_slice"
            return lambda: unused(key)
        if op.type.startswith("elementwise_"):
            last = block.ops[-1] if block.ops else None
            x = inputs[0][0].name
            biased = last is not None and x in last.output_arg_names and last.type.startswith(("matmul", "conv", "depthwise"))
            if not biased or ".tmp_" not in x:
                return lambda: unused(op.type)
            key = x.rpartition(".tmp_")[0] + ".tmp"  # a bias: it belongs to the operator before
            return lambda: unused(key)
        if function == "linear":
            base = "linear"
        key = unique_name.generate(base) + ".tmp"
        return lambda: unused(key)

    def order_of_names(self, op: Op, specs: Sequence[Any], new_name: Callable[[], str]) -> dict[str, str]:
        present = {slot.name for slot, spec in zip(op.outputs, specs, strict=True) if spec is not None and not slot.many}
        return {slot: new_name() for slot in _ORDER.get(op.type, ()) if slot in present}

    def common_attrs(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.role:
            found["op_role"] = self.role
        if self.role_vars:
            found["op_role_var"] = list(self.role_vars)
        if self.namescope != "/":
            found["op_namescope"] = self.namescope
        if self.device:
            found["op_device"] = self.device
        return found

    # --- variables that persist

    def create_parameter(
        self,
        shape: Sequence[int],
        dtype: DType,
        name: str,
        make: Callable[[], Any],
        *,
        trainable: bool = True,
        optimize_attr: dict[str, float] | None = None,
        regularizer: Any = None,
        need_clip: bool = True,
        stop_gradient: bool | None = None,
    ) -> Variable:
        """A parameter of the main Program whose first value the operators of `make()` give it in the startup Program.

        A parameter of this name that exists already is shared. ValueError when it has another shape or dtype.
        """
        stop = not trainable if stop_gradient is None else stop_gradient
        v = self.create_persistable(name, shape, dtype, make, is_parameter=True, stop_gradient=stop)
        v.optimize_attr = dict(optimize_attr) if optimize_attr else {"learning_rate": 1.0}
        v.regularizer, v.need_clip = regularizer, need_clip
        return v

    def create_persistable(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DType,
        make: Callable[[], Any],
        *,
        is_parameter: bool = False,
        stop_gradient: bool = True,
    ) -> Variable:
        """A persistable variable of the main Program that the startup Program fills with what `make()` returns."""
        main = self.program.global_block()
        found = main.vars.get(name)
        if found is None:
            found = main.create_var(
                name, shape, dtype, persistable=True, is_parameter=is_parameter, stop_gradient=stop_gradient
            )
        elif found._shape != tuple(shape) or found._dtype is not dtype or not found.persistable:
            raise ValueError(
                f"Variable {name!r} has been created before with {found.describe()}; it cannot be made again with "
                f"{dtype.name}{list(shape)}. Give the new one another name, or share the old one with the same shape"
            )
        block = self.startup.global_block()
        if name not in block.vars:
            first = len(block.ops)
            with recording(Recorder(self.startup)):
                made = make()
            last = made.op
            if last is None or last not in block.ops[first:]:
                raise ValueError(f"the initializer of {name!r} records no operator that makes its value")
            last.outputs = {slot: [name if n == made.name else n for n in names] for slot, names in last.outputs.items()}
            del block.vars[made.name]
            block.create_var(
                name, shape, dtype, persistable=True, is_parameter=is_parameter, stop_gradient=stop_gradient
            )
            for op in block.ops[first:]:
                op.attrs.update(self._startup_attrs())
                if self.startup.random_seed and op.attrs.get("seed") == 0:
                    op.attrs["seed"] = self.startup.random_seed
            self.startup.touch()
        return found

    def _startup_attrs(self) -> dict[str, Any]:
        return {"op_device": self.device} if self.device else {}


class OpenShape(list):  # type: ignore[type-arg]
    """A shape with unknown dimensions: asking for one of those records operators that find it at run time."""

    def __init__(self, recorder: TraceRecorder, variable: Variable) -> None:
        super().__init__(variable._shape)
        self._recorder, self._variable = recorder, variable

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        found = super().__getitem__(index)
        return self._recorder.dimension(self._variable, range(len(self))[index]) if found == -1 else found

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


class TraceRecorder(Recorder):
    """Records one call of a Python function: what Tensors do goes into the Program, what Python does happens.

    Eager Tensors it meets (parameters, buffers, constants) become persistable variables under their own names; `captured`
    maps these names to the Tensors.
    """

    tracing = True

    def __init__(self, program: Program, on_capture: Callable[[Tensor], None] | None = None) -> None:
        super().__init__(program)
        self.captured: dict[str, Tensor] = {}
        self._by_id: dict[int, Variable] = {}
        self._dimensions: dict[tuple[str, int], Variable] = {}
        self._on_capture = on_capture
        self.notes = None  # what the trace remembers about Python values
        self.read_anew: Callable[[Tensor], bool] = lambda t: False  # whether each call will look again which Tensor stands in its place
        self.training: Any = None  # the training step inside of the function, if there is one
        self.made: list[Tensor] = []  # parameters that came into being while the function ran

    def capture(self, t: Tensor) -> Variable:
        found = self._by_id.get(id(t))
        if found is not None:
            return found
        if t._edge is not None and not self.read_anew(t):
            raise TracingError(
                coded("D2S114", f"a Tensor computed outside of the traced function ({t.name!r}, shape {t.shape}) that requires a gradient "
                      "is used inside of it: its gradient would be lost", "pass it as an argument, or use its .detach()")
            )  # fmt: skip
        block = self.program.global_block()
        name = t.name
        if name in block.vars:
            raise TracingError(
                f"two different tensors named {name!r} are used in one traced function; give each parameter and buffer a name of its own"
            )
        v = block.create_var(name, t._data.shape, t.dtype, persistable=True)
        v._stop_gradient = t._stop_gradient
        v.is_parameter = isinstance_strict(t, Parameter)
        self._by_id[id(t)] = v
        self.captured[name] = t
        return v

    def variable(self, value: Any, op: Op, slot: str) -> Variable:
        found = super().variable(value, op, slot)
        if found.block.program is not self.program:
            raise TracingError(
                coded(
                    "D2S114",
                    f"{op.type}: Variable {found.name!r} ({found.describe()}) belongs to another Program; it was kept, in an "
                    "attribute or a list, from another trace",
                    "keep state in a buffer (self.register_buffer), or return it and pass it in",
                )
            )
        if "mixed" in found.__dict__:  # its type depends on the branch that ran
            raise TracingError(found.__dict__["mixed"])
        if "memory" in found.__dict__ and found.__dict__["seen"] != found.__dict__["memory"][0]:
            maker = found.op
            made = f" (made at {maker.location})" if maker is not None and maker.location else ""
            raise TracingError(
                coded("D2S115", f"{op.type}: {found.describe()}{made} shares its memory with a Tensor that was changed in place since; "
                      "values of a Program share no memory, so the change would not be seen here",
                      "take the slice or reshape again after the change, or .clone() what is to stay as it was")
            )  # fmt: skip
        if found.block.idx and not self._visible(found.block):
            maker = found.op
            made = f", made at {maker.location}," if maker is not None and maker.location else ""
            raise TracingError(
                coded("D2S107", f"{op.type}: {found.describe()}{made} belongs to the inside of a branch or loop on a Tensor and is used "
                      "outside of it: Python kept it in an object that the branch or loop knows nothing of",
                      "give it to the outside in a variable, an attribute or a list of the function that holds the branch or loop")
            )  # fmt: skip
        return found

    def append(self, op: Op, inputs: Any, attrs: dict[str, Any]) -> list[Any]:
        outputs = super().append(op, inputs, attrs)
        if op.type in VIEWS:  # dynamically they share memory: the Program has to notice when one of them is changed in place
            source = self.variable(inputs[0], op, op.inputs[0].name)
            memory = source.__dict__.setdefault("memory", [0])
            source.__dict__.setdefault("seen", memory[0])
            for v in outputs[0] if isinstance(outputs[0], list) else outputs[:1]:
                v.__dict__["memory"], v.__dict__["seen"] = memory, memory[0]
        return outputs

    def in_place(self, target: Variable, result: Variable) -> Variable:
        maker = result.op
        target = super().in_place(target, result)
        memory = target.__dict__.get("memory")
        if memory is not None and (maker is None or maker.type not in VIEWS):
            at = memory
            while at is not None:  # outside of the branch or loop too
                at[0] += 1
                at = at[1] if len(at) > 1 else None
            target.__dict__["seen"] = memory[0]
        return target

    def open_shape(self, variable: Variable) -> Any:
        return OpenShape(self, variable)

    def dimension(self, variable: Variable, axis: int) -> Variable:
        """A 0-d int32 Variable holding one dimension."""
        key = (variable.name, axis)
        found = self._dimensions.get(key)
        if found is None or not self._visible(found.block):
            shape = dispatch.call(OPS["shape"], variable)
            found = self._dimensions[key] = dispatch.call(
                OPS["slice"], shape, axes=[0], starts=[axis], ends=[axis + 1], decrease_axis=[0], infer_flags=[1]
            )
            found.weak = True  # in Python it is an int
        return found

    def _visible(self, block: Block) -> bool:
        at: Block | None = self.block
        while at is not None and at is not block:
            at = at.parent
        return at is not None

    def forget(self, gone: Callable[[Variable], bool]) -> None:
        self._dimensions = {key: v for key, v in self._dimensions.items() if not gone(v)}

    def is_dimension(self, value: Variable, variable: Variable, axis: int) -> bool:
        return self._dimensions.get((variable.name, axis)) is value

    def numel(self, variable: Variable) -> Any:
        return dispatch.call(OPS["size"], variable)


@contextlib.contextmanager
def recording(recorder: Recorder | None) -> Iterator[Recorder | None]:
    """Make `recorder` current in a ``with`` block; None means eager execution."""
    old, context.recorder = context.recorder, recorder
    try:
        yield recorder
    finally:
        context.recorder = old


def set_lod_levels(op: Op, inputs: Any, outputs: Any, attrs: dict[str, Any]) -> None:
    """Say of outputs how many levels of sequences they carry, as their operator's rules have it."""

    def level_of(slot: str) -> int:
        items = inputs[op.input_index[slot]]
        return max((v.lod_level for v in items), default=0) if items else 0

    for rule in op.lod_rules:
        made = outputs[op.output_index[rule.slot]]
        if made is None:
            continue
        if rule.source is not None:
            level = level_of(rule.source)
        elif op.lod_level is not None:
            level = op.lod_level(*map(level_of, op.lod_takes), **attrs)
        else:
            level = (level_of(op.lod_takes[0]) if op.lod_takes else 1) - rule.less
        for v in made if isinstance(made, list) else [made]:
            if rule.rows and rule.source is not None and inputs[op.input_index[rule.source]][0]._shape[:1] != v._shape[:1]:
                continue
            v.lod_level = max(level, 0)


def spec_of(value: Any) -> Spec:
    """Spec of a Tensor or Variable."""
    if type(value) is Tensor:
        return Spec(value._data.shape, value._data.dtype)
    if isinstance_strict(value, Variable):
        return value.spec
    try:
        return Spec(value._data.shape, value._data.dtype)
    except AttributeError:
        raise WrongTypeError(f"expected a Tensor, got {type(value).__name__} {str(value)[:80]}") from None
