"""The Program: operators over named variables, in plain Python objects that mirror Paddle's ProgramDesc.

Tracing makes Programs, the static API makes them, files are read into them and written from them, and the compiler runs
them. Protobuf exists only in `minipaddle.formats`.
"""
from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import DType
from ..errors import MisusedTensorError, NotSupportedError, TracingError
from ..ops.registry import OPS, Spec
from .callsite import user_location
from .context import context
from .listing import COMMON_ATTRS, block_text, operator_text, program_code, program_text
from .report import coded
from .scope import Scope, ScopeTensor, current_scope
from .tensor import Tensor, TensorBase

__all__ = ["BACKWARD", "LOSS", "LR_SCHEDULE", "OPTIMIZE", "Block", "Operator", "Program", "Variable"]

GRAD_SUFFIX = "@GRAD"


class StaticVariableError(MisusedTensorError, RuntimeError):
    """Something only a Tensor of dynamic mode has was asked of a static Variable. Paddle raises AssertionError."""


# kinds of variables that hold no value of their own
SPECIAL_KINDS = ("FEED_MINIBATCH", "FETCH_LIST", "READER", "RAW")

# bits of op_role
BACKWARD, OPTIMIZE, LOSS, LR_SCHEDULE = 1, 2, 256, 16


class Variable(TensorBase):
    """A named value of a Program. -1 in `shape` is a dimension known only when the Program runs.

    kind: the VarType of Paddle's files ("LOD_TENSOR", "FEED_MINIBATCH", "LOD_TENSOR_ARRAY" ...).
    """

    __slots__ = (
        "__dict__", "__weakref__", "_dtype", "_shape", "_stop_gradient", "block", "cut", "extra", "is_data", "is_parameter",
        "kind", "lod_level", "name", "need_check_feed", "persistable",
    )  # fmt: skip
    # set on some variables of traced functions: it stands for a Python number, its number of dimensions is not known, what
    # the user calls it
    weak: bool
    ragged: bool
    label: str

    def __init__(
        self,
        block: Block,
        name: str,
        shape: Sequence[int] = (),
        dtype: Any = None,
        *,
        kind: str = "LOD_TENSOR",
        lod_level: int | None = 0,
        persistable: bool = False,
        stop_gradient: bool = False,
        is_parameter: bool = False,
        need_check_feed: bool = False,
        is_data: bool = False,
    ) -> None:
        self.block, self.name, self.kind, self.lod_level = block, name, kind, lod_level or 0
        self._shape = tuple(int(n) for n in shape)
        self._dtype: DType | None = None if dtype is None else dtypes.as_dtype(dtype)
        self.persistable, self.is_parameter = persistable, is_parameter
        self._stop_gradient = stop_gradient
        self.cut = False
        self.need_check_feed, self.is_data = need_check_feed, is_data
        self.extra: dict[str, Any] = {}  # fields of a file that mean nothing here but are written back
        if is_parameter:  # what optimizers ask a parameter for
            self.optimize_attr: dict[str, Any] = {"learning_rate": 1.0}
            self.regularizer: Any = None
            self.need_clip = True
            self.do_model_average: bool | None = None

    @property
    def stop_gradient(self) -> bool:
        """True: no gradient flows to or through it. Setting it is a cut that holds whatever the inputs need."""
        return self._stop_gradient

    @stop_gradient.setter
    def stop_gradient(self, value: bool) -> None:
        self._stop_gradient = self.cut = bool(value)

    @property
    def shape(self) -> Any:
        """Dimensions. While a function is traced an unknown one is given as a symbolic integer when asked for."""
        recorder = _recorder_of(self)
        if recorder is not None and -1 in self._shape:
            return recorder.open_shape(self)
        return list(self._shape) if recorder is not None else self._shape

    @property
    def static_shape(self) -> tuple[int, ...]:
        """Dimensions as integers, -1 where unknown."""
        return self._shape

    @property
    def dtype(self) -> DType:
        """Element type."""
        if self._dtype is None:
            raise ValueError(f"variable {self.name!r} of kind {self.kind} has no element type")
        return self._dtype

    @property
    def has_dtype(self) -> bool:
        """Whether the variable has an element type (feed and fetch lists have none)."""
        return self._dtype is not None

    @property
    def spec(self) -> Spec:
        """Shape and NumPy dtype."""
        return Spec(self._shape, self.dtype.np)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    def dim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    ndimension = dim

    @property
    def size(self) -> Any:
        """Number of elements: an int, or a symbolic integer when a dimension is unknown."""
        if -1 not in self._shape:
            return self.spec.size
        from_recorder = _recorder_of(self)
        if from_recorder is None:
            return -1
        return from_recorder.numel(self)

    def element_size(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def type(self) -> str:
        """Kind of variable, as in Paddle's files."""
        return self.kind

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it."""
        return self.is_parameter and not self.stop_gradient

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.stop_gradient = not value

    @property
    def is_leaf(self) -> bool:
        """Whether no operator of the Program makes it."""
        return not any(self.name in op.output_arg_names for op in self.block.ops)

    @property
    def grad_name(self) -> str:
        """Name of its gradient in a Program with backward operators."""
        return self.name + GRAD_SUFFIX

    @property
    def op(self) -> Operator | None:
        """The last operator of its block that writes it."""
        return next((op for op in reversed(self.block.ops) if self.name in op.output_arg_names), None)

    def _symbolic(
        self, what: str, code: str = "D2S102",
        remedy: str = "compute with paddle functions instead, or do this part outside of the traced function",
    ) -> Any:  # fmt: skip
        maker = self.op
        where = f", made by operator {maker.type}" + (f" at {maker.location}" if maker.location else "") if maker else ""
        if _recorder_of(self) is None:  # static mode, or after it
            raise StaticVariableError(
                f"We only support '{what}' in dynamic graph mode: the static Variable {self.name!r} ({self.describe()}{where}) has no "
                "data of its own. Fetch it, exe.run(feed=..., fetch_list=[variable]), or leave static mode with "
                "paddle.disable_static()"
            )
        raise TracingError(
            coded(code, f"{what} asks for the data of the symbolic Variable {self.name!r} ({self.describe()}{where}), which has none "
                  "while a Program is being recorded", remedy)
        )  # fmt: skip

    def __bool__(self) -> bool:
        maker = self.op
        where = f"\n  it was made by operator {maker.type}" + (f" at {maker.location}" if maker and maker.location else "") if maker else ""
        line = user_location()
        raise TracingError(
            f"[D2S101] bool() of the symbolic Variable {self.name!r} ({self.describe()}): while a function is traced its value is not "
            f"known, so Python cannot choose a branch{where}"
            + (f"\n  the branch is at {line}" if line else "")
            + "\n  what to do: let the branch stand in code that to_static rewrites (a function from a file, without not_to_static, "
            "eval or yield); decide on Python values (a plain argument, `is None`, x.shape); or compute both sides and choose with "
            "paddle.where(condition, a, b)"
        )

    def numpy(self) -> Any:
        """Not while recording: TracingError (a TypeError), in static mode an AssertionError."""
        return self._symbolic("numpy()")

    def item(self, *args: int) -> Any:
        """One element, in a traced function: a Tensor of no dimension that stands for a number and has no gradient.

        args: its place, or its place among all elements. ValueError when there are several elements and no place is given, or
        there is no such place; in static mode AssertionError.
        """
        if _recorder_of(self) is None:
            return self._symbolic("item()")
        one: Any = self
        if args:
            known = -1 not in self._shape
            if len(args) > 1 and len(args) != len(self._shape):
                raise ValueError(f"item(): incorrect number of indices for Tensor of shape {list(self._shape)}: {len(args)}")
            sizes = (self.spec.size if known else -1,) if len(args) == 1 else self._shape
            for axis, (i, n) in enumerate(zip(args, sizes, strict=True)):
                if not isinstance(i, (int, np.integer)):
                    raise TypeError(f"item(): argument (position {axis + 1}) must be long, but got {type(i).__name__}")
                if n != -1 and not -n <= i < n:
                    where = f"for axis {axis} with size {n}" if len(args) > 1 else f"for size {n}"
                    raise ValueError(f"item(): index {i} is out of bounds {where}")
            one = one.reshape([-1])[int(args[0])] if len(args) == 1 else one[tuple(map(int, args))]
        elif -1 not in self._shape and self.spec.size != 1:
            raise ValueError(f"item() without index takes a tensor of one element, got shape {list(self._shape)}")
        made: Any = one.reshape([])
        made.stop_gradient = True
        made.weak = True
        return made

    def tolist(self) -> Any:
        """Not while recording: TracingError (a TypeError), in static mode an AssertionError."""
        return self._symbolic("tolist()")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self._symbolic("a NumPy function")

    def __float__(self) -> float:
        return self._symbolic("float()")

    def __int__(self) -> int:
        return self._symbolic("int()")

    def __index__(self) -> int:
        return self._symbolic(
            "use as an index of a Python list or size",
            remedy="paddle.stack(items)[i] takes an entry by a Tensor; or index with a Python number",
        )

    def get_value(self, scope: Scope | None = None) -> Any:
        """The value in a scope (default: the one in force), as a Tensor. ValueError when the scope holds none."""
        found = _checked_scope(scope).find_var(self.name)
        if found is None or found.value is None:
            raise ValueError(
                f"variable {self.name!r} has no value in the scope; run the startup Program first (or load the parameters)"
            )
        value = found.value
        assert value is not None
        return value

    def set_value(self, value: Any, scope: Scope | None = None) -> None:
        """Take a copy of `value` (ndarray or Tensor) as the value in a scope. ValueError when shape or dtype do not fit."""
        if not isinstance(value, (np.ndarray, Tensor, ScopeTensor)):
            raise TypeError(f"`value` should be `numpy.ndarray` or `LoDTensor`, but received {type(value)}.")
        array: Any = value._array() if isinstance(value, ScopeTensor) else getattr(value, "_data", value)
        found = _checked_scope(scope).find_var(self.name)
        if found is None:
            raise ValueError(f"variable {self.name!r} is not in the scope; run the startup Program first")
        wanted = self._shape if found.value is None else tuple(found.value._data.shape)
        if len(wanted) != array.ndim or any(n not in (-1, m) for n, m in zip(wanted, array.shape)):
            raise ValueError(f"{self.name} expected a shape {list(wanted)}, but the received shape is {list(array.shape)}.")
        if dtypes.from_numpy(array.dtype) is not self.dtype:
            raise ValueError(f"{self.name} expected a dtype {self.dtype.name}, but the received dtype is {array.dtype}.")
        found.set(array)

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """Not while recording: an error (RuntimeError, in static mode an AssertionError too) that names append_backward."""
        recorder = _recorder_of(self)
        if recorder is not None and recorder.tracing:
            from .recorded_training import record_backward

            record_backward(recorder, self, *args[:1], **{k: v for k, v in kwargs.items() if k == "grad_tensor"})
            return
        kind = RuntimeError if recorder is not None else StaticVariableError
        raise kind(
            f"backward() of the symbolic Variable {self.name!r}: inside a traced function or a static Program there is "
            "nothing to run yet; call backward() on the result of the traced call, or use paddle.static.append_backward"
        )

    def gradient(self) -> Any:
        """Not outside of dynamic mode: see `backward`."""
        self.backward()

    def clear_gradient(self) -> None:
        """Not outside of dynamic mode: see `backward`."""
        self.backward()

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a 0-D variable")
        if self._shape[0] == -1:
            return self._symbolic(
                "len() of an unknown dimension", "D2S110",
                "use x.shape[0] or paddle.shape(x)[0]; iterate in a for loop of the traced function itself, not in a comprehension or "
                "generator; or declare a fixed size in input_spec",
            )  # fmt: skip
        return self._shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))  # type: ignore[index]

    def describe(self) -> str:
        """For listings: ``float32[-1, 784]``."""
        name = self.kind.lower() if self._dtype is None else self._dtype.name
        return f"{name}[{', '.join(map(str, self._shape))}]"

    def __repr__(self) -> str:
        words = ["persist"] if self.persistable else []
        if self.is_parameter:
            words += ["trainable", "param"] if self.trainable else ["param"]
        else:
            words.append("var")
        name = " ".join([*words, self.name])
        if self._dtype is None:
            return f"{name} : {self.kind}"
        shape = "" if not self._shape else f"{self._shape[0]}," if len(self._shape) == 1 else ", ".join(map(str, self._shape))
        return f"{name} : {self.kind}.shape({shape}).dtype({self._dtype.name}).stop_gradient({self.stop_gradient})"

    def to_string(self, throw_on_error: bool = True, with_details: bool = False) -> str:
        """The listing line of the variable."""
        return repr(self)


def _recorder_of(variable: Variable) -> Any:
    recorder = context.recorder
    return recorder if recorder is not None and recorder.tracing else None


def _checked_scope(scope: Any) -> Scope:
    if scope is not None and not isinstance(scope, Scope):
        raise TypeError(f"`scope` should be None or `paddle.static.Scope` type, but received {type(scope)}.")
    return scope or current_scope()


class Operator:
    """One operator: type, slot -> variable names, attributes.

    attr_types: AttrType names for attributes that the definition does not know (read from a file). location: the user's
    ``file:line`` that made it. callstack: (file, line, function) from the outermost user frame inwards. layer: path of the
    Layer that was running when it was recorded ("blocks.0.fc"), "" if not known.
    """

    __slots__ = ("attr_types", "attrs", "block", "callstack", "extra", "inputs", "is_target", "layer", "outputs", "type")

    def __init__(
        self,
        block: Block,
        type: str,
        inputs: dict[str, list[str]],
        outputs: dict[str, list[str]],
        attrs: dict[str, Any],
        attr_types: dict[str, str] | None = None,
        callstack: list[tuple[str, int, str]] | None = None,
    ) -> None:
        self.block, self.type, self.inputs, self.outputs, self.attrs = block, type, inputs, outputs, attrs
        self.attr_types = attr_types or {}
        self.callstack = callstack or []
        self.layer = ""
        self.is_target = False
        self.extra: dict[str, Any] = {}  # fields of a file that mean nothing here but are written back

    @property
    def input_names(self) -> list[str]:
        """Names of its input slots."""
        return list(self.inputs)

    @property
    def output_names(self) -> list[str]:
        """Names of its output slots."""
        return list(self.outputs)

    @property
    def idx(self) -> int:
        """Its place in the list of operators of its block."""
        return next(i for i, op in enumerate(self.block.ops) if op is self)

    @property
    def input_arg_names(self) -> list[str]:
        """Names of all variables it reads."""
        return [n for names in self.inputs.values() for n in names]

    @property
    def output_arg_names(self) -> list[str]:
        """Names of all variables it writes."""
        return [n for names in self.outputs.values() for n in names]

    def input(self, slot: str) -> list[str]:
        """Variable names in an input slot."""
        return list(self.inputs.get(slot, []))

    def output(self, slot: str) -> list[str]:
        """Variable names in an output slot."""
        return list(self.outputs.get(slot, []))

    def attr(self, name: str) -> Any:
        """Value of an attribute; the definition's default where the operator does not carry it."""
        if name in self.attrs:
            return self.attrs[name]
        definition = OPS.get(self.type)
        if definition is not None and name in definition.attrs:
            return definition.attrs[name].default
        if name in COMMON_ATTRS:
            return copy.copy(COMMON_ATTRS[name])
        raise ValueError(f"operator {self.type} has no attribute {name!r}; it has {sorted(self.attrs)}")

    def has_attr(self, name: str) -> bool:
        """Whether the operator has this attribute, if only with its default value."""
        return name in self.attrs or name in COMMON_ATTRS or (self.type in OPS and name in OPS[self.type].attrs)

    def all_attrs(self) -> dict[str, Any]:
        """Attributes by name, those with default values too."""
        return {**(OPS[self.type].defaults if self.type in OPS else {}), **self.attrs}

    @property
    def attr_names(self) -> list[str]:
        """Names of the attributes, those with default values too."""
        return list(self.all_attrs())

    def _set_attr(self, name: str, value: Any) -> None:
        self.attrs[name] = value
        self.block.program.touch()

    def _rename_input(self, old: str, new: str) -> None:
        _rename(self.inputs, old, new)
        self.block.program.touch()

    def _rename_output(self, old: str, new: str) -> None:
        _rename(self.outputs, old, new)
        self.block.program.touch()

    @property
    def location(self) -> str:
        """``file:line`` of the user's code that made the operator, "" if not known."""
        if not self.callstack:
            return ""
        file, line, _ = self.callstack[-1]
        return f"{file}:{line}"

    @property
    def sub_blocks(self) -> list[int]:
        """Indices of the blocks its attributes name."""
        return [v for k, v in self.attrs.items() if k == "sub_block" and isinstance(v, int)]

    def __repr__(self) -> str:
        return operator_text(self)

    def to_string(self, throw_on_error: bool = True, with_details: bool = False) -> str:
        """The listing line of the operator."""
        return repr(self)


# operators of Programs that compute nothing themselves
_FRAME_OPS = frozenset(["feed", "fetch", "recurrent", "save", "save_combine", "load", "load_combine", "read", "create_py_reader"])


class Block:
    """Variables and a list of operators; block 0 is the Program's body, others belong to control flow."""

    def __init__(self, program: Program, idx: int, parent_idx: int = -1) -> None:
        self.program, self.idx, self.parent_idx = program, idx, parent_idx
        self.forward_block_idx = -1
        self.vars: dict[str, Variable] = {}
        self.ops: list[Operator] = []
        self.extra: dict[str, Any] = {}  # fields of a file that mean nothing here but are written back
        self._unshaped: set[str] = set()  # variables declared without a shape: the operator that makes them gives it

    @property
    def parent(self) -> Block | None:
        """The enclosing block."""
        return None if self.parent_idx < 0 else self.program.blocks[self.parent_idx]

    def var(self, name: str) -> Variable:
        """The variable of this block with this name; ValueError if there is none."""
        if not isinstance(name, str):
            raise TypeError(f"var require string as parameter, but get {type(name)} instead.")
        try:
            return self.vars[name]
        except KeyError:
            raise ValueError(f"var {name} not in this block") from None

    def has_var(self, name: str) -> bool:
        """Whether this block declares the variable."""
        return name in self.vars

    def find_var(self, name: str) -> Variable | None:
        """The variable in this block or an enclosing one, None if there is none."""
        block: Block | None = self
        while block is not None:
            if name in block.vars:
                return block.vars[name]
            block = block.parent
        return None

    def _var_recursive(self, name: str) -> Variable:
        found = self.find_var(name)
        if found is None:
            raise ValueError(f"var {name} not in this block or the enclosing ones")
        return found

    _find_var_recursive = find_var

    def create_var(
        self, name: str | None = None, shape: Sequence[int] | None = None, dtype: Any = None, **options: Any
    ) -> Variable:
        """Declare a variable; an existing one of the same name is returned as it is (ValueError if it has another shape or dtype).

        shape, dtype: what is not given is found when an operator that makes the variable is appended. type: the kind of
        variable, by name or as a VarType. The other options are those of `Variable`.
        """
        if name is None:
            name = self.program.fresh_name("_generated_var")
        if name in self.vars:
            return self._again(self.vars[name], shape, dtype)
        for foreign in ("belong_to_optimizer", "capacity", "initializer"):  # of Paddle's own bookkeeping
            options.pop(foreign, None)
        if options.pop("error_clip", None) is not None:
            raise NotSupportedError("create_var: error_clip is not supported; clip gradients with the optimizer's grad_clip")
        kind = options.pop("type", None)
        if kind is not None:
            options.setdefault("kind", kind if isinstance(kind, str) else kind.name)
        v = self.vars[name] = Variable(self, name, () if shape is None else shape, dtype, **options)
        if (shape is None or dtype is None) and v.kind == "LOD_TENSOR":
            self._unshaped.add(name)
        self.program.touch()
        return v

    def _again(self, v: Variable, shape: Sequence[int] | None, dtype: Any) -> Variable:
        if v.name in self._unshaped:
            return v
        if shape is not None and tuple(int(n) for n in shape) != v._shape:
            raise ValueError(f"variable {v.name!r} was declared with shape {list(v._shape)} before, now with {list(shape)}")
        if dtype is not None and v._dtype is not None and dtypes.as_dtype(dtype) is not v._dtype:
            raise ValueError(f"variable {v.name!r} was declared as {v._dtype.name} before, now as {dtypes.as_dtype(dtype).name}")
        return v

    def append_op(
        self,
        type: str | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        attrs: dict[str, Any] | None = None,
        **extra: Any,
    ) -> Operator:
        """Append an operator; slots take names or Variables, one or a list. ValueError for a type there is not."""
        if type is None:
            raise ValueError("`type` to initialized an Operator can not be None.")  # Paddle's words
        recording = context.recorder is not None and not context.recorder.tracing  # then all operators are imported
        if recording and type not in OPS and type not in _FRAME_OPS and not type.endswith("_grad"):
            raise ValueError(f'Operator "{type}" has not been registered.')
        extra.pop("stop_gradient", None)
        made = Operator(self, type, _names(inputs), _names(outputs), dict(attrs or {}), **extra)
        recorder = context.recorder
        if recorder is not None and recorder.layers:
            made.layer = recorder.layers[-1][1]
        self.ops.append(made)
        if self._unshaped and not self._unshaped.isdisjoint(made.output_arg_names):
            infer_outputs(made)
        self.program.touch()
        return made

    def create_parameter(self, name: str, shape: Sequence[int], dtype: Any, trainable: bool = True, **options: Any) -> Variable:
        """Declare a persistable parameter; see `create_var`. ValueError without a shape."""
        if shape is None:
            raise ValueError(f"create_parameter: the shape of parameter {name!r} must not be None")
        v = self.program.global_block().create_var(
            name, shape, dtype, persistable=True, is_parameter=True, stop_gradient=options.pop("stop_gradient", not trainable)
        )
        for key, value in options.items():
            setattr(v, key, value)
        return v

    def _insert_op(self, index: int, type: str, inputs: Any = None, outputs: Any = None, attrs: Any = None) -> Operator:
        made = Operator(self, type, _names(inputs), _names(outputs), dict(attrs or {}))
        self.ops.insert(index, made)
        self.program.touch()
        return made

    def _prepend_op(self, type: str, inputs: Any = None, outputs: Any = None, attrs: Any = None) -> Operator:
        return self._insert_op(0, type, inputs, outputs, attrs)

    def _remove_op(self, index: int, sync: bool = True) -> None:
        del self.ops[index]
        self.program.touch()

    def all_parameters(self) -> list[Variable]:
        """Variables that are parameters, in order of declaration."""
        return [v for v in self.vars.values() if v.is_parameter]

    def iter_parameters(self) -> Iterator[Variable]:
        """`all_parameters` one by one."""
        return iter(self.all_parameters())

    def _sync_with_cpp(self) -> None:
        """Nothing to do: the Python objects are the Program."""

    def __str__(self) -> str:
        return block_text(self)

    def to_string(self, throw_on_error: bool = True, with_details: bool = False) -> str:
        """The readable listing that `print` shows."""
        return str(self)


def _rename(slots: dict[str, list[str]], old: str, new: str) -> None:
    for slot, names in slots.items():
        slots[slot] = [new if n == old else n for n in names]


def infer_outputs(op: Operator, every: bool = False) -> None:
    """Give the outputs of an operator that were declared without a shape (or every one) what its definition finds."""
    definition = OPS.get(op.type)
    if definition is None:
        return
    specs: list[Any] = []
    for slot in definition.inputs:
        found = [v.spec if v is not None else None for v in (op.block.find_var(n) for n in op.inputs.get(slot.name, []))]
        specs.append(found if slot.many and (found or not slot.optional) else found[0] if found else None)
    attrs = {k: v for k, v in op.attrs.items() if k in definition.attrs}
    for slot, spec in zip(definition.outputs, definition.infer(*specs, **attrs)):
        names = op.outputs.get(slot.name, [])
        for name, one in zip(names, spec if slot.many else [spec]):
            v = op.block.vars.get(name)
            if v is not None and (every or name in op.block._unshaped) and one is not None:
                v._shape, v._dtype = tuple(one.shape), v._dtype or dtypes.from_numpy(one.dtype)
                op.block._unshaped.discard(name)


def _names(slots: dict[str, Any] | None) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for slot, value in (slots or {}).items():
        if value is None:
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        named[slot] = [v if isinstance(v, str) else v.name for v in values]
    return named


class Program:
    """A list of blocks. `version` grows with each change, so that compiled forms know when they are stale."""

    def __init__(self) -> None:
        self.blocks: list[Block] = [Block(self, 0)]
        self.current_block_idx = 0
        self._seed = Program._default_seed
        self.lr_scheduler: Any = None  # set by an optimizer: each run first writes its rate into `lr_var`
        self.lr_var: Variable | None = None
        self.desc_version = 0  # the number Paddle's files carry
        self.op_version_map: dict[str, int] = {}
        self.extra: dict[str, Any] = {}
        self.version = 0
        self._counts: dict[str, int] = {}
        self.cache: dict[Any, Any] = {}  # compiled forms, keyed by the compiler

    def touch(self) -> None:
        """Note a change."""
        self.version += 1
        if self.cache:
            self.cache.clear()

    def fresh_name(self, base: str) -> str:
        """A name no variable of the Program has: ``base_0``, ``base_1`` and so on."""
        while True:
            number = self._counts.get(base, 0)
            self._counts[base] = number + 1
            name = f"{base}_{number}"
            if not any(name in b.vars for b in self.blocks):
                return name

    def global_block(self) -> Block:
        """Block 0."""
        return self.blocks[0]

    def block(self, index: int) -> Block:
        """A block by its index."""
        return self.blocks[index]

    def current_block(self) -> Block:
        """The block that is being recorded."""
        return self.blocks[self.current_block_idx]

    def create_block(self, parent_idx: int | None = None) -> Block:
        """Add a block inside the current (or given) one and make it current."""
        parent = self.current_block_idx if parent_idx is None else parent_idx
        made = Block(self, len(self.blocks), parent)
        self.blocks.append(made)
        self.current_block_idx = made.idx
        self.touch()
        return made

    _create_block = create_block

    def rollback(self) -> None:
        """Make the parent of the current block current again."""
        self.current_block_idx = self.current_block().parent_idx

    _rollback = rollback

    @property
    def num_blocks(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def list_vars(self) -> Iterator[Variable]:
        """Variables of all blocks."""
        for block in self.blocks:
            yield from block.vars.values()

    def all_parameters(self) -> list[Variable]:
        """Parameters of all blocks."""
        return [v for block in self.blocks for v in block.all_parameters()]

    def persistables(self) -> list[Variable]:
        """Variables whose values live in a scope: parameters, statistics, optimizer state; sorted by name."""
        found = {v.name: v for v in self.list_vars() if v.persistable and v.kind not in SPECIAL_KINDS}
        return [found[name] for name in sorted(found)]

    @property
    def random_seed(self) -> int:
        """Seed of operators that draw random numbers and have none of their own; 0: that of `paddle.seed`."""
        return self._seed

    @random_seed.setter
    def random_seed(self, seed: int) -> None:
        if not isinstance(seed, int):
            raise ValueError(f"Program.random_seed must be an integer, got {type(seed).__name__}")
        self._seed = seed

    def global_seed(self, seed: int = 0) -> None:
        """Set the seed that Programs made from now on start with, and this one's."""
        Program._default_seed = self.random_seed = seed

    _default_seed = 0

    def state_dict(self, mode: str = "all", scope: Scope | None = None) -> dict[str, Any]:
        """Values of the persistable variables by name: of parameters ("param"), of the others ("opt"), or "all".

        scope: where they are, default the one in force. ValueError for another mode and for a variable without a value.
        """
        if not isinstance(mode, str):
            raise TypeError(f"Program.state_dict: mode must be a str, got {type(mode).__name__}")
        if mode not in ("param", "opt", "all"):
            raise ValueError(f"`mode` string should be 'param', 'opt' or 'all', but received {mode}.")
        scope = current_scope() if scope is None else scope
        if not isinstance(scope, Scope):
            raise TypeError(f"Program.state_dict: scope must be a paddle.static.Scope, got {type(scope).__name__}")
        found: dict[str, Any] = {}
        for parameters in (True, False):
            if mode == ("opt" if parameters else "param"):
                continue
            for v in self.list_vars():
                if v.persistable and v.is_parameter is parameters and v.kind not in SPECIAL_KINDS:
                    value = scope.tensor(v.name)
                    if value is None:
                        raise ValueError(
                            f"variable {v.name!r} has no value in the scope; run the startup Program before asking for the state"
                        )
                    found[v.name] = value
        return found

    def set_state_dict(self, state_dict: dict[str, Any], scope: Scope | None = None) -> None:
        """Set persistable variables from arrays or Tensors by name; what does not fit is left alone with a warning."""
        if not isinstance(state_dict, dict):
            raise TypeError(f"Program.set_state_dict: state_dict must be a dict, got {type(state_dict).__name__}")
        scope = current_scope() if scope is None else scope
        variables = {v.name: v for v in self.list_vars() if v.persistable and v.kind not in SPECIAL_KINDS}
        table = state_dict.get("StructuredToParameterName@@", {})
        for key, value in state_dict.items():
            if key == "StructuredToParameterName@@":
                continue
            name = table.get(key, key)
            if name not in variables:
                warnings.warn(f"Skip loading for '{name}'. '{name}' is not found in the program.", stacklevel=2)
                continue
            try:
                scope.var(name)
                variables[name].set_value(value, scope)
            except (TypeError, ValueError) as error:
                warnings.warn(f"Skip loading for '{name}'. {error}", stacklevel=2)

    def clone(self, for_test: bool = False) -> Program:
        """A copy; `for_test` drops backward and optimizer operators and sets `is_test` where operators have it."""
        new = copy.deepcopy(self)
        if for_test:
            drop = BACKWARD | OPTIMIZE | LR_SCHEDULE
            dropped = [op for block in new.blocks for op in block.ops if int(op.attrs.get("op_role", 0)) & drop]
            for block in new.blocks:
                block.ops = [op for op in block.ops if not int(op.attrs.get("op_role", 0)) & drop]
            new.set_test_mode()
            used = {n for block in new.blocks for op in block.ops for n in (*op.input_arg_names, *op.output_arg_names)}
            gone = {n for op in dropped for n in (*op.input_arg_names, *op.output_arg_names)} - used
            for block in new.blocks:
                block.vars = {name: v for name, v in block.vars.items() if name not in gone}
            new.lr_scheduler = new.lr_var = None
            new.touch()
        return new

    def set_test_mode(self) -> None:
        """Set `is_test` at all operators that have it."""
        for op in (op for block in self.blocks for op in block.ops):
            definition = OPS.get(op.type)
            if "is_test" in op.attrs or (definition is not None and "is_test" in definition.attrs):
                op.attrs["is_test"] = True
        self.touch()

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        new = Program()
        memo[id(self)] = new
        new.blocks = []
        for block in self.blocks:
            b = Block(new, block.idx, block.parent_idx)
            b.forward_block_idx = block.forward_block_idx
            b.extra = dict(block.extra)
            for name, v in block.vars.items():
                w = Variable(
                    b, name, v._shape, v._dtype, kind=v.kind, lod_level=v.lod_level, persistable=v.persistable,
                    stop_gradient=v.stop_gradient, is_parameter=v.is_parameter, need_check_feed=v.need_check_feed,
                    is_data=v.is_data,
                )  # fmt: skip
                w.extra = dict(v.extra)
                w.cut = v.cut
                w.__dict__.update(v.__dict__)
                b.vars[name] = w
            for op in block.ops:
                made = Operator(
                    b, op.type, {k: list(n) for k, n in op.inputs.items()}, {k: list(n) for k, n in op.outputs.items()},
                    copy.copy(op.attrs), dict(op.attr_types), list(op.callstack),
                )  # fmt: skip
                made.is_target, made.extra, made.layer = op.is_target, dict(op.extra), op.layer
                b.ops.append(made)
            new.blocks.append(b)
        new.current_block_idx = self.current_block_idx
        new._seed, new.desc_version = self._seed, self.desc_version
        new.lr_scheduler = self.lr_scheduler
        new.lr_var = None if self.lr_var is None else new.blocks[0].vars.get(self.lr_var.name)
        new.op_version_map, new.extra = dict(self.op_version_map), dict(self.extra)
        new._counts = dict(self._counts)
        return new

    def __str__(self) -> str:
        return program_text(self)

    def to_string(self, throw_on_error: bool = True, with_details: bool = False) -> str:
        """The readable listing that `print` shows. AssertionError for flags that are no bools."""
        for name, value in (("throw_on_error", throw_on_error), ("with_details", with_details)):
            assert isinstance(value, bool), f"The type of {name} parameter is wrong, expected bool, but received {type(value)}."
        return str(self)

    def _sync_with_cpp(self) -> None:
        """Nothing to do: the Python objects are the Program."""

    def to_code(self, fetch_list: Sequence[Any] | None = None) -> str:
        """The Program as a Python script: its function ``build()`` makes an equal Program, ``run(feed, values)`` runs it.

        fetch_list: names or Variables that `run` returns; default the results that no operator reads. Attributes with their
        default values are left out. Values of parameters are no part of it; `run` takes them by name. NotSupportedError for
        an attribute that cannot be written as Python, ValueError for unknown names.
        """
        return program_code(self, fetch_list)
