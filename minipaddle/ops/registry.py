"""One definition per operator: its forward and backward functions, slots, attributes and shape rule.

    @op("softmax", "X -> Out", infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
    def softmax(xp, x, *, axis: int = -1):
        ...

    @softmax.backward
    def _(xp, out, d_out, *, axis: int = -1):
        ...

Slots are spelled as Paddle spells them. Marks after an input or output slot:

    X*          a list of tensors
    Bias?       may be absent (the function gets None); also for outputs that may be absent
    XShape~     kept for the gradient (and written to Programs) but not returned by the public function
    Out&        may share memory with the first input (views)
    MeanOut=Mean  written in place over the input of that slot

Marks in the grad string: ``X#`` says that the backward function needs only the shape and dtype of X (it gets a
`Spec`), so the tape keeps no data and an in-place change of X does no harm. ``X@GRAD*`` is a list. ``Out@GRAD?`` is None
rather than zeros when nothing was computed from that output, and such a Program has no variable for it.

Keyword-only parameters of the forward function are the attributes, their defaults Paddle's defaults and their
annotations the type in Paddle's files: ``int float bool str`` or one of the names in `ATTR_TYPES`. A backward function
may take the keyword ``needs``, a tuple of bool per gradient, and return None for gradients nobody needs; it
takes only those attributes it names.

Ragged sequences: ``lod="Input -> Hidden=Input"`` says that the functions take the lod of Input as keyword ``lod`` (a
tuple when several slots are named, a list for a list slot), and that Hidden has Input's lod. ``Out=X?``: only if Out
has as many rows as X. ``Out`` alone: the function decorated with `Op.lod` makes it, from the same arguments as forward;
``Out-``: and it has one level less. A lod is a tuple of levels, a level a tuple of offsets; None says there is none.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["ATTR_TYPES", "OPS", "Attr", "GradPlan", "LodRule", "Op", "Slot", "Spec", "find_op", "gradient_op", "op", "parse_lod"]

# annotation -> AttrType of framework.proto
ATTR_TYPES = {
    "int": "INT", "float": "FLOAT", "str": "STRING", "bool": "BOOLEAN",
    "Ints": "INTS", "Floats": "FLOATS", "Strings": "STRINGS", "Booleans": "BOOLEANS",
    "Long": "LONG", "Longs": "LONGS", "Float64": "FLOAT64", "Float64s": "FLOAT64S",
    "Block": "BLOCK", "Blocks": "BLOCKS", "Scalar": "SCALAR", "Scalars": "SCALARS",
    "DTypeNumber": "INT",
}  # fmt: skip

# Annotations for attributes; values are plain Python lists and numbers. A DTypeNumber is a VarType.Type number.
Ints = Sequence
Floats = Sequence
Strings = Sequence
Booleans = Sequence
Longs = Sequence
Float64s = Sequence
Scalars = Sequence
Blocks = Sequence
Long = int
Block = int
Float64 = float
Scalar = float
DTypeNumber = int


class Spec:
    """Shape and dtype of a value that is not there: -1 stands for an unknown dimension."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.shape = tuple(shape)
        self.dtype: np.dtype[Any] = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        count = 1
        for n in self.shape:
            count *= n
        return count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Slot:
    """One input or output slot; see the module docstring for the marks."""

    name: str
    many: bool = False
    optional: bool = False
    hidden: bool = False
    view: bool = False
    spec_only: bool = False
    over: str | None = None  # name of the input slot this output is written over


@dataclass(frozen=True)
class Attr:
    """One attribute: `type` is an AttrType name of Paddle's files."""

    name: str
    type: str
    default: Any


def _parse(text: str) -> tuple[Slot, ...]:
    slots = []
    for part in text.split(","):
        part = part.strip()
        if not part:
            continue
        name, _, over = part.partition("=")
        marks = ""
        while name[-1] in "*?~&#":
            marks += name[-1]
            name = name[:-1]
        over = over.rstrip("*?~&")
        slots.append(Slot(name, "*" in marks or part.endswith("*"), "?" in marks or part.endswith("?"), "~" in marks,
                          "&" in marks, "#" in marks, over or None))  # fmt: skip
    return tuple(slots)


@dataclass(frozen=True)
class LodRule:
    """Where the lod of an output comes from: the input slot `source`, or (None) the operator's lod function.

    rows: shared only when the number of rows stays. less: has one level less than what the function was given.
    """

    slot: str
    source: str | None = None
    rows: bool = False
    less: bool = False


def parse_lod(text: str) -> tuple[tuple[str, ...], tuple[LodRule, ...]]:
    """The lod string of a definition: slots whose lod the functions take, and rules for the outputs."""
    left, right = text.split("->")
    takes = tuple(name.strip() for name in left.split(",") if name.strip())
    rules = []
    for part in right.split(","):
        if part.strip():
            slot, _, source = part.strip().partition("=")
            less, rows = slot.endswith("-"), source.endswith("?")
            rules.append(LodRule(slot.rstrip("-"), source.rstrip("?") or None, rows, less))
    return takes, tuple(rules)


@dataclass
class GradPlan:
    """How the gradient of an operator is computed; indices point into the forward operator's slots.

    `sources`: per argument of the backward function ("in" | "out" | "d_out", slot index, flag); the flag of "in" and
    "out" says that the spec alone is needed, that of "d_out" that an absent gradient is None rather than zeros.
    `targets`: per result the input slot it belongs to.
    """

    function: Callable[..., Any]
    slots_in: tuple[Slot, ...]
    slots_out: tuple[Slot, ...]
    sources: tuple[tuple[str, int, bool], ...]
    targets: tuple[int, ...]
    takes_needs: bool
    attr_names: tuple[str, ...]
    all_attrs: bool  # the backward function takes every attribute, so they need no filtering
    only_d_out: int = -1  # the one visible output whose gradient the function takes; -1 if there are several, or it is a list
    keep: dict[int, Callable[..., Any]] = field(default_factory=dict)  # made by the tape: what a node keeps, by the number of inputs
    run: Callable[..., Any] | None = None  # made by the tape: how a node calls `function`

    def pick(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Those of `attrs` that the backward function takes."""
        if self.all_attrs:
            return attrs
        return {name: attrs[name] for name in self.attr_names if name in attrs}


@dataclass(eq=False)
class Op:
    """An operator definition. Called like its forward function: ``softmax(xp, x, axis=0)``."""

    type: str
    forward: Callable[..., Any]
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    attrs: dict[str, Attr]
    infer_rule: Callable[..., Any] | None = None
    grad_text: str | None = None
    grad: GradPlan | None = None
    takes_out: bool = False
    is_random: bool = False
    has_effect: bool = False
    # (specs of the inputs, attributes) -> a shorter function of the arrays alone that does for these; None if there is none
    choose: Callable[[Sequence[Any], dict[str, Any]], Callable[..., Any] | None] | None = None
    expand: Callable[..., Any] | None = None  # for an operator that Paddle does not have: records the operators it consists of
    returns: tuple[int, ...] = ()  # indices of the outputs that public functions see
    plain: bool = False  # every input is one tensor, every output one new tensor that is returned
    sole: int = 0  # the one visible output of a plain operator
    viewing: bool = False  # its one visible output may share memory with the first input
    short: int = -1  # with just this many inputs it is plain too: the others are optional
    input_index: dict[str, int] = field(default_factory=dict)
    output_index: dict[str, int] = field(default_factory=dict)
    lod_takes: tuple[str, ...] = ()  # input slots whose lods forward and backward get
    lod_rules: tuple[LodRule, ...] = ()
    lod_function: Callable[..., Any] | None = None
    lod_level: Callable[..., int] | None = None  # levels of what it makes, from those of `lod_takes`; else the first's
    grad_type: str = ""  # type of its gradient operator
    gradient_of: Op | None = None  # for a gradient operator: what it is the gradient of

    def __post_init__(self) -> None:
        self.grad_type = self.grad_type or self.type + "_grad"
        self.input_index = {s.name: i for i, s in enumerate(self.inputs)}
        self.output_index = {s.name: i for i, s in enumerate(self.outputs)}
        self.returns = tuple(i for i, s in enumerate(self.outputs) if not s.hidden)
        self.sole = self.returns[0] if len(self.returns) == 1 else -1
        self.viewing = self.sole >= 0 and self.outputs[self.sole].view
        plain_outputs = not any(s.many or s.over or s.optional or (s.view and not self.viewing) for s in self.outputs)
        self.plain = plain_outputs and not any(s.many or s.optional for s in self.inputs)
        needed = sum(not s.optional for s in self.inputs)
        if plain_outputs and not any(s.many or s.optional for s in self.inputs[:needed]):
            self.short = needed
        self.defaults = {a.name: a.default for a in self.attrs.values()}

    def __call__(self, xp: Any, *arrays: Any, **attrs: Any) -> Any:
        return self.forward(xp, *arrays, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.type}>"

    def backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator that sets the backward function and registers ``<type>_grad`` as an operator of Programs."""
        if self.grad_text is None:
            raise ValueError(f"{self.type}: a backward function needs grad='... -> ...' in @op")
        left, right = self.grad_text.split("->")
        slots_in, slots_out = _parse(left), _parse(right)
        sources = []
        for s in slots_in:
            if s.name.endswith("@GRAD"):
                sources.append(("d_out", self.output_index[s.name[:-5]], s.optional))
            elif s.name in self.input_index:
                sources.append(("in", self.input_index[s.name], s.spec_only))
            else:
                sources.append(("out", self.output_index[s.name], s.spec_only))
        # a list slot stays a list in the gradient, whether or not the mark was repeated
        slots_in = tuple(
            Slot(s.name, self._slot(s.name).many, s.optional or self._slot(s.name).optional, spec_only=s.spec_only)
            for s in slots_in
        )
        slots_out = tuple(Slot(s.name, self._slot(s.name).many, True) for s in slots_out)
        targets = tuple(self.input_index[s.name[:-5]] for s in slots_out)
        keywords = [name for name, _, _ in _keywords(function)]
        names = tuple(n for n in keywords if n != "needs")
        takes_all = bool(function.__code__.co_flags & inspect.CO_VARKEYWORDS)
        everything = set(self.attrs) | ({"lod"} if self.lod_takes else set())
        d_outs = {i for kind, i, may_miss in sources if kind == "d_out" and not (may_miss and self.outputs[i].hidden)}
        only = d_outs.pop() if len(d_outs) == 1 else -1
        if only >= 0 and self.outputs[only].many:
            only = -1
        self.grad = GradPlan(
            function, slots_in, slots_out, tuple(sources), targets, "needs" in keywords,
            tuple(self.attrs) if takes_all else names, takes_all or everything <= set(names), only,
        )  # fmt: skip
        OPS[self.grad_type] = gradient_op(self)
        return function

    def lod(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator for the function that makes the lods of outputs: one lod, or a tuple with one per such output."""
        self.lod_function = function
        return function

    def _slot(self, name: str) -> Slot:
        base = name.removesuffix("@GRAD")
        if base in self.input_index:
            return self.inputs[self.input_index[base]]
        return self.outputs[self.output_index[base]]

    def infer(self, *specs: Any, **attrs: Any) -> tuple[Any, ...]:
        """Specs of all outputs (in slot order) from the specs of the inputs. -1 is an unknown dimension."""
        if self.infer_rule is None:
            found = _probe(self, specs, attrs)
        else:
            found = self.infer_rule(*specs, **{**self.defaults, **attrs})
        return found if isinstance(found, tuple) else (found,)


def gradient_op(forward: Op) -> Op:
    """``<type>_grad`` as an operator in its own right: Programs hold it, the compiler runs it."""
    plan = forward.grad
    assert plan is not None
    function = plan.function

    def run(xp: Any, *arrays: Any, needs: tuple[bool, ...] | None = None, **attrs: Any) -> Any:
        picked = plan.pick(attrs)
        if plan.takes_needs:
            picked = {**picked, "needs": needs or (True,) * len(plan.targets)}
        return function(xp, *arrays, **picked)

    gradient = Op(forward.grad_type, run, plan.slots_in, plan.slots_out, forward.attrs)
    gradient.is_random, gradient.gradient_of = False, forward
    if "lod" in plan.attr_names or (forward.lod_takes and plan.all_attrs):
        # where the gradient does not read the input itself, an output that shares its lod
        present = {s.name for s in plan.slots_in}
        shares = {rule.source: rule.slot for rule in forward.lod_rules if rule.slot in present}
        gradient.lod_takes = tuple(slot if slot in present else shares.get(slot, slot) for slot in forward.lod_takes)
    return gradient


OPS: dict[str, Op] = {}


def op(
    type: str,
    slots: str,
    *,
    infer: Callable[..., Any] | None = None,
    grad: str | None = None,
    random: bool = False,
    effect: bool = False,
    lod: str | None = None,
    grad_type: str = "",
) -> Callable[[Callable[..., Any]], Op]:
    """Register the decorated forward function as operator `type`; see the module docstring.

    infer: rule ``(*specs, **attrs) -> Spec | tuple``; without one the shapes are found by running the function on
    zeros with two different sizes for each unknown dimension. random: draws random numbers (never folded or reordered).
    effect: does something besides its outputs (printing, asserting), so it is never dropped as dead.
    lod: see the module. grad_type: of its gradient operator, where that is not ``<type>_grad``.
    """
    left, right = slots.split("->")

    def register(function: Callable[..., Any]) -> Op:
        attrs: dict[str, Attr] = {}
        takes_out = False
        for name, annotation, default in _keywords(function):
            if name == "out":
                takes_out = True
                continue
            if name == "lod":
                continue
            if annotation not in ATTR_TYPES:
                raise TypeError(f"{type}: attribute {name} needs an annotation out of {sorted(ATTR_TYPES)}")
            attrs[name] = Attr(name, ATTR_TYPES[annotation], list(default) if isinstance(default, tuple) else default)
        if type in OPS:
            raise ValueError(f"operator {type!r} is defined twice")
        made = OPS[type] = Op(type, function, _parse(left), _parse(right), attrs, infer, grad, takes_out=takes_out,
                              is_random=random, has_effect=effect, grad_type=grad_type)  # fmt: skip
        if lod is not None:
            made.lod_takes, made.lod_rules = parse_lod(lod)
        return made

    return register


def _keywords(function: Callable[..., Any]) -> list[tuple[str, str, Any]]:
    """(name, annotation, default or None) of the keyword-only parameters. `inspect.signature` would take a sixth of the import."""
    code, defaults = function.__code__, function.__kwdefaults__ or {}
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    found = []
    for name in names:
        annotation = function.__annotations__.get(name, "")
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        found.append((name, text, defaults.get(name)))
    return found


def find_op(type: str) -> Op:
    """The definition of operator `type`. KeyError with the nearest known names if there is none."""
    try:
        return OPS[type]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(type, OPS, 3)
        raise KeyError(f"operator {type!r} is not defined" + (f"; near: {', '.join(near)}" if near else "")) from None


def _probe(definition: Op, specs: Sequence[Any], attrs: dict[str, Any]) -> tuple[Any, ...]:
    """Output specs found by running forward on zeros, unknown dimensions once as 2 and once as 3."""

    def concrete(spec: Any, n: int) -> Any:
        if isinstance(spec, (list, tuple)):
            return [concrete(s, n) for s in spec]
        return None if spec is None else np.zeros([n if d == -1 else d for d in spec.shape], spec.dtype)

    def unknown(spec: Any) -> bool:
        if isinstance(spec, (list, tuple)):
            return any(unknown(s) for s in spec)
        return spec is not None and -1 in spec.shape

    def run(n: int) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            result = definition.forward(np, *[concrete(s, n) for s in specs], **attrs)
        return result if isinstance(result, tuple) else (result,)

    def merge(a: Any, b: Any) -> Any:
        if a is None:
            return None
        if isinstance(a, (list, tuple)):
            return [merge(i, j) for i, j in zip(a, b, strict=True)]
        a, b = np.asarray(a), np.asarray(b)
        return Spec([i if i == j else -1 for i, j in zip(a.shape, b.shape, strict=True)], a.dtype)

    first = run(2)
    second = run(3) if unknown(list(specs)) else first
    return tuple(merge(a, b) for a, b in zip(first, second, strict=True))
