"""The call of a traced Program, written out as source for each kind of call.

What has to be done at a call depends on the kind of call: on which device, with gradients of which inputs or without, with lods
or without. Finding that out in Python at every call would take longer than two small operators. So it is found out once, and
`write_call` writes just the steps of that kind, after a test that this is it:

    def call(args):
        if len(args) != 1: return ANOTHER
        [x0] = args
        a0, b0, b1 = x0._data, c0._data, c1._data
        if others or not context.grad_enabled or not x0._stop_gradient or c0._stop_gradient or c1._stop_gradient: return ANOTHER
        token = quiet()
        try:
            [r0] = function(xp, a0, b0, b1)
        except Exception as error:
            found = failed(error)
            raise found from found.__cause__
        finally:
            restore(token)
        t0 = new(Tensor)
        ...
        return [t0]

x are the arguments, a their arrays; c the parameters and buffers, b theirs; r results, u new values of buffers, s what the gradient
needs, t the resulting Tensors. A call gives the list of results, or ANOTHER, with nothing done, for a call of another kind.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import xp as backend
from ..backend.quiet import quiet, restore
from ..core.context import context
from ..core.tape import next_rank
from ..core.tensor import Tensor

if TYPE_CHECKING:
    from ..compiler import CompiledProgram
    from .partial_program import PartialProgram, TrainingForm

__all__ = ["ANOTHER", "CallPath", "as_array", "function_of", "write_call"]

ANOTHER: Any = object()  # the result of a written call that does not serve a call

_SPELLED_OUT = 16  # up to so many parameters and buffers each is named in the source


class CallPath:
    """A written call. `function(args)`: see the module; `source`: its text; `compiled`: what it runs."""

    def __init__(self, writer: _Writer, tests: Sequence[str], ending: Sequence[str]) -> None:
        self._writer = writer
        self.source, self.compiled = writer.source(tests, ending), writer.compiled
        exec(compile(self.source, "<minipaddle call>", "exec"), writer.space)
        self.function: Callable[[Sequence[Tensor]], Any] = writer.space["call"]

    def narrowed(self, tests: Sequence[str], facts: dict[str, Any], ending: Sequence[str]) -> CallPath:
        """The same for calls with plain Tensors that also pass `tests`: conditions, in the terms of the module and of `facts`, under
        which it is another kind of call.

        ending: its last lines, where `outputs` is the list of results.
        """
        again = _Writer(*self._writer.kind)
        again.space |= facts
        return CallPath(again, tests, ending)


def write_call(
    partial: PartialProgram, form: TrainingForm | None, differentiated: tuple[bool, ...] | None, xp: Any, lod_feeds: Sequence[str]
) -> CallPath:
    """The call of a Program when the inputs marked in `differentiated` need gradients (None: no gradients are recorded).

    form: its functions for these gradients. xp: the array module of all its arrays. lod_feeds: inputs that come with a lod.
    """
    return CallPath(_Writer(partial, form, differentiated, xp, lod_feeds), (), ["return outputs"])


def _listed(items: Iterable[str]) -> str:
    return "[" + ", ".join(items) + "]"


class _Writer:
    def __init__(
        self, partial: PartialProgram, form: TrainingForm | None, differentiated: tuple[bool, ...] | None, xp: Any, lod_feeds: Sequence[str]
    ) -> None:
        self.kind = (partial, form, differentiated, xp, lod_feeds)
        form = None if form is None or form.backward is None else form  # nothing that is differentiated leads to a result
        self.partial, self.form, self.differentiated, self.lod_feeds = partial, form, differentiated, lod_feeds
        self.recomputes = form is not None and partial.recompute
        self.compiled = partial.inference_with(tuple(lod_feeds)) if form is None or self.recomputes else form.forward
        n, m = len(partial.inputs), len(partial.captured)
        self.spelled_out = m <= _SPELLED_OUT and partial.refresh is None
        self.tensors = [f"x{i}" for i in range(n)] + [f"c{i}" if self.spelled_out else f"captured[{i}]" for i in range(m)]
        self.arrays = [f"a{i}" for i in range(n)] + [f"b{i}" if self.spelled_out else f"b[{i}]" for i in range(m)]
        self.all_arrays = [*self.arrays[:n], *(self.arrays[n:] if self.spelled_out else ["*b"])]
        self.inputs = n
        function, failed = function_of(self.compiled)
        self.space: dict[str, Any] = {
            "ANOTHER": ANOTHER, "xp": xp, "np": np, "Tensor": Tensor, "new": Tensor.__new__, "ndarray": np.ndarray, "as_array": as_array,
            "context": context, "others": backend._others, "module_of": backend.module_of, "quiet": quiet, "restore": restore,
            "function": function, "failed": failed, "captured": partial.captured, "is_": is_,
        }  # fmt: skip
        self.space |= {f"c{i}": t for i, t in enumerate(partial.captured)}

    def source(self, tests: Sequence[str], ending: Sequence[str]) -> str:
        """The text of the function; see `CallPath.narrowed` for the arguments."""
        results = [f"r{i}" for i in range(len(self.partial.outputs))]
        updates = [f"u{i}" for i in range(len(self.partial.updated))]
        own = [f"s{i}" for i in range(self.form.own)] if self.form is not None and not self.recomputes else []
        outputs = [f"t{i}" for i in range(len(results))]
        lines = self.tests(tests)
        arguments = self.arguments(lines)
        given = [*results, *updates, *own]
        if self.compiled.gives_lods:
            given += ["lod_" + name for name in given]
        lines += [
            "token = quiet()",
            "try:",
            f"    [{', '.join(given)}] = function({', '.join(['xp', *arguments])})",
            "except Exception as error:",
            "    found = failed(error)",
            "    raise found from found.__cause__",
            "finally:",
            "    restore(token)",
        ]
        for t, r in zip(outputs, results, strict=True):
            lines += [
                f"{t} = new(Tensor)",
                f"{t}._data = {r} if type({r}) is ndarray else as_array({r})",
                f"{t}._stop_gradient, {t}._edge, {t}._version, {t}._extra = True, None, [0], None",
            ]
            if self.compiled.gives_lods:
                lines.append(f"if lod_{r}: {t}._more().lod = lod_{r}")
        self.space["updated"] = self.partial.updated_tensors
        lines += [f"updated[{number}]._data = {u} if type({u}) is ndarray else as_array({u})" for number, u in enumerate(updates)]
        if self.partial.trains:  # parameters: a gradient that needs their old values has to notice
            lines.append("for t in updated: t._version[0] += 1")
        lines += self.apart(outputs)
        if self.form is not None:
            lines += self.node(self.form, outputs, own)
        lines += [line.replace("outputs", _listed(outputs)) for line in ending]
        return "\n".join(["def call(args):", *("    " + line for line in lines), ""])

    # --- before

    def tests(self, more: Sequence[str]) -> list[str]:
        """Is it this kind of call?"""
        n = self.inputs
        lines = [f"if len(args) != {n}: return ANOTHER", f"[{', '.join(self.tensors[:n])}] = args"]
        if more and n:
            lines.append(f"if {' or '.join(f'type({x}) is not Tensor' for x in self.tensors[:n])}: return ANOTHER")
        lines += [f"{a} = {x}._data" for a, x in zip(self.arrays[:n], self.tensors[:n], strict=True)]
        if self.spelled_out:
            lines += [f"{b} = {c}._data" for b, c in zip(self.arrays[n:], self.tensors[n:], strict=True)]
        else:
            lines.append("b = [t._data for t in captured]")
        others = [*more, f"others and module_of({_listed(self.all_arrays)}) is not xp"]
        for name, x in zip(self.partial.inputs, self.tensors[:n], strict=True):
            has_lod = f"{x}._extra is not None and {x}._extra.lod"
            others.append(f"not ({has_lod})" if name in self.lod_feeds else has_lod)
        others += self.other_gradients()
        return [*lines, f"if {' or '.join(others)}: return ANOTHER"]

    def other_gradients(self) -> list[str]:
        """Conditions under which gradients of other inputs are wanted."""
        n, differentiated = self.inputs, self.differentiated
        if self.partial.trains:  # its results have no gradient in any case
            return []
        if differentiated is None:
            named = [f"not {t}._stop_gradient" for t in self.tensors[: None if self.spelled_out else n]]
            if not self.spelled_out:
                named.append("False in [t._stop_gradient for t in captured]")
            return [f"context.grad_enabled and ({' or '.join(named)})"] if named else []
        found = ["not context.grad_enabled"]
        for t, wanted in zip(self.tensors[: None if self.spelled_out else n], differentiated, strict=False):
            found.append(f"{t}._stop_gradient" if wanted else f"not {t}._stop_gradient")
        if not self.spelled_out:
            self.space["stopped"] = [not wanted for wanted in differentiated[n:]]
            found.append("stopped != [t._stop_gradient for t in captured]")
        return found

    def arguments(self, lines: list[str]) -> list[str]:
        """Arguments of the compiled function. Where it has state, `lines` get the test that this is still right."""
        lods = [f"{x}._extra.lod" for name, x in zip(self.partial.inputs, self.tensors, strict=False) if name in self.lod_feeds]
        compiled = self.compiled
        if compiled.prepare is None:
            return [*self.all_arrays, *lods]
        self.space["compiled"] = compiled
        lines.append("state = compiled.state")
        if self.spelled_out:
            changed = [f"state.arrays[{k}] is not {self.arrays[i]}" for k, i in enumerate(compiled.first)]
            changed += [f"state.versions[{k}] != {self.tensors[i]}._version[0]" for k, i in enumerate(compiled.first)]
        else:
            self.space["first"] = [i - self.inputs for i in compiled.first]
            changed = ["not all(map(is_, state.arrays, [b[i] for i in first]))"]
            changed.append("state.versions != [captured[i]._version[0] for i in first]")
        lines.append(f"if {' or '.join(['state is None', 'state.xp is not xp', *changed])}: return ANOTHER")
        return [*(self.arrays[i] for i in compiled.second), "*state.made", *lods]

    # --- afterwards

    def apart(self, outputs: Sequence[str]) -> list[str]:
        """No result may lie in memory of an input or a parameter, nor in what is kept for later calls."""
        lines = []
        if self.compiled.prepare is not None:
            self.space["kept_apart"] = _kept_apart
            lines = [f"if {t}._data.base is not None or id({t}._data) in state.roots: kept_apart({t}, state)" for t in outputs]
        self.space["part"] = _part
        part = f"part({_listed(outputs)}, {_listed(self.all_arrays)})"
        if len(outputs) == 1 and self.spelled_out:
            same = [f"r0 is {a}" for a in self.arrays]
            part = f"if {' or '.join(['r0.base is not None', *same])}: {part}"
        return [*lines, part] if outputs else lines

    def node(self, form: TrainingForm, outputs: Sequence[str], own: Sequence[str]) -> list[str]:
        """The entry on the tape."""
        n = self.inputs
        self.space |= {"form": form, "Node": self.partial.node_class, "next_rank": next_rank, "partial": self.partial}
        tensors = self.tensors if self.spelled_out else [*self.tensors[:n], "*captured"]
        lods = [f"{x}._extra.lod" if name in self.lod_feeds else "None" for name, x in zip(self.partial.inputs, self.tensors, strict=False)]
        lines = [
            "node = Node.__new__(Node)",
            "node.rank, node.hooks, node.retained, node.form = next_rank(), None, None, form",
            f"node.partial, node.tensors = partial, {_listed(tensors)}",
            "node.versions = "
            + (_listed(f"{t}._version[0]" for t in tensors) if self.spelled_out else "[t._version[0] for t in node.tensors]"),
            f"node.saved = {_listed([*(self.arrays[i] for i in form.saved_from_inputs), *own])}",
        ]
        if self.recomputes:
            watched: Sequence[int] = range(len(self.arrays))
            lines += [f"node.arrays, node.given_lods, node.lods = {_listed(self.all_arrays)}, {_listed(lods)}, ()"]
        else:
            watched = form.watched
            lines.append(f"node.lods = {_listed(lods[i] if of_input else f'lod_s{i}' for of_input, i in form.backward_lods)}")
        checks = []
        for k, i in enumerate(watched if self.spelled_out else [i for i in watched if i < n]):
            lines.append(f"v{k} = {self.tensors[i]}._version")
            checks.append(f"(v{k}, v{k}[0])")
        if not self.spelled_out:
            self.space["watched"] = [i - n for i in watched if i >= n]
            checks.append("*[(captured[i]._version, captured[i]._version[0]) for i in watched]")
        lines.append(f"node.checks = {_listed(checks)}")
        if own:  # a result may lie in memory that the gradient needs
            self.space["shared_with"] = _shared_with
            lines.append(f"node.checks += shared_with({_listed(own)}, {_listed(outputs)})")
        if self.spelled_out:
            lines.append(f"node.edges = {_listed(f'{self.tensors[i]}._edge or {self.tensors[i]}' for i in form.grad_positions)}")
        else:
            self.space["leading"] = [i - n for i in form.grad_positions if i >= n]
            first = [f"{self.tensors[i]}._edge or {self.tensors[i]}" for i in form.grad_positions if i < n]
            lines.append(f"node.edges = {_listed([*first, '*[captured[i]._edge or captured[i] for i in leading]'])}")
        like = _listed(f"({outputs[i]}._data.shape, {outputs[i]}._data.dtype)" for i in form.seeds) if len(form.seeds) > 1 else "None"
        lines.append(f"node.out_like = {like}")
        for i, seed in form.differentiable:
            lines.append(f"{outputs[i]}._edge, {outputs[i]}._stop_gradient = (node, {seed}), False")
        return lines


# --- what the written calls use


def as_array(value: Any) -> Any:
    """NumPy gives scalars for 0-d results; tensors hold arrays."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def function_of(compiled: CompiledProgram) -> tuple[Callable[..., list[Any]], Callable[[Exception], BaseException]]:
    """The generated function inside, without what its wrappers do at each call, and what makes its errors readable."""
    main = compiled.main
    return getattr(main, "function", main), getattr(main, "failed", _itself)


def _itself(error: Exception) -> Exception:
    return error


def _root(array: Any) -> int:
    """Identity of the memory an array lies in."""
    base = getattr(array, "base", None)  # None may be kept, and lists
    return id(array if base is None else base)


def _kept_apart(t: Tensor, state: Any) -> None:
    """A result in memory that is kept for later calls gets its own."""
    if _root(t._data) in state.roots:
        t._data = t._data.copy()


def _shared_with(own: Sequence[Any], outputs: Sequence[Tensor]) -> list[tuple[list[int], int]]:
    """Versions of those results that lie in memory that the gradient needs."""
    roots = {_root(a) for a in own}
    return [(t._version, t._version[0]) for t in outputs if _root(t._data) in roots]


def _part(outputs: Sequence[Tensor], arrays: Sequence[Any]) -> None:
    """Results that lie in the memory of an input get their own; those that share memory share their version, as views do."""
    inputs = {_root(a) for a in arrays}
    seen: dict[int, Tensor] = {}
    for t in outputs:
        root = _root(t._data)
        if root in inputs:
            t._data = t._data.copy()
        elif root in seen:
            t._version = seen[root]._version
        else:
            seen[root] = t
