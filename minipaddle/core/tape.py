"""The tape: what was computed, walked backwards to find gradients.

Each differentiated operator leaves a node that keeps just what its grad string names. The walk takes the newest node first (by
its rank, a running count), so no recursion is needed and every node runs once, after all gradients of its outputs are known.
With `create_graph` the backward functions run on Tensors through `array_facade`, so they are recorded themselves.
"""
from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Collection, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..backend.quiet import quiet, restore
from ..errors import GradientError, NotSupportedError, RepeatedBackwardError
from ..ops.registry import Op, Spec
from .context import context
from .tensor import Tensor, isinstance_strict, make_tensor

__all__ = ["Node", "OpNode", "grad", "run_backward"]

next_rank = itertools.count(0, -1).__next__  # the newest node has the least rank

# thread -> stack of (pack, unpack) of `saved_tensors_hooks`; empty in nearly every process
packers: dict[int, list[tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]]] = {}

# Runs a backward function on Tensors so that it is recorded itself; set by `array_facade`, which stands above this module.
differentiable_backward: Callable[..., Sequence[Any]] | None = None


class Node:
    """One tape entry. Subclasses compute the gradients of their inputs in `backward`.

    edges: per gradient that `backward` returns, where it goes: None (nowhere), a leaf Tensor, or (node, output); a list
    of these for list slots. hooks: output -> functions applied to its gradient. saved: what `backward` needs, None once freed.
    """

    __slots__ = ("edges", "hooks", "rank", "retained", "saved")

    edges: Sequence[Any]
    saved: Any

    def __init__(self) -> None:
        self.rank = next_rank()
        self.hooks: dict[Any, dict[int, Callable[..., Any]]] | None = None
        self.retained: dict[Any, weakref.ref[Tensor]] | None = None  # output -> the tensor whose .grad is wanted too

    def free(self) -> None:
        """Drop what was kept for the gradient."""
        self.saved = None

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        """Gradients per edge from the gradients of the outputs (keys: output number, or (slot, item) in lists)."""
        raise NotImplementedError

    def name(self) -> str:
        """For error messages."""
        return type(self).__name__


def edge_of(t: Any) -> Any:
    """Where the gradient of `t` goes."""
    if t is None or t._stop_gradient:
        return None
    return t if t._edge is None else t._edge


def _spec(array: Any) -> Spec:
    s: Spec = Spec.__new__(Spec)
    s.shape, s.dtype = array.shape, array.dtype
    return s


def _specs(t: Any) -> Any:
    """Shape and dtype of an output: a Tensor, an array where the output is hidden, None where absent, or a list of these."""
    if t is None:
        return None
    return [_specs(x) for x in t] if type(t) is list else _spec(getattr(t, "_data", t))


def _keep_single(t: Any, value: Any, spec_only: bool, checks: list[Any]) -> Any:
    """What is kept of one slot: nothing, its spec, or its arrays, with their versions noted in `checks`."""
    if value is None:
        return None
    if type(value) is list:
        return [_keep_single(x, v, spec_only, checks) for x, v in zip(t, value, strict=True)]
    if spec_only:
        return _spec(value)
    checks.append(t._version)
    checks.append(t._version[0])
    return value


def _keep_hidden(value: Any, spec_only: bool) -> Any:
    """What is kept of a hidden output, which is an array that nobody else has, or a list of such."""
    if type(value) is list:
        return [_keep_hidden(v, spec_only) for v in value]
    return _spec(value) if spec_only and value is not None else value


def _edges(t: Any) -> Any:
    return [edge_of(x) for x in t] if isinstance(t, (list, tuple)) else edge_of(t)


def _keeper(op: Op, count: int) -> Callable[..., Any]:
    """The function (inputs, arrays, outputs) -> (saved, checks, edges) for a node of `op` with `count` inputs.

    This runs at each recorded operator, so the loops over the grad plan are written out as source once per operator.
    """
    plan = op.grad
    assert plan is not None
    lines, saved, checks = ["def keep(inputs, arrays, outputs):"], [], []
    simple = op.plain or count == op.short  # then inputs from `count` on are absent
    for kind, index, spec_only in plan.sources:
        if kind == "d_out" or (simple and kind == "in" and index >= count):
            saved.append("None")
        elif not simple:
            saved.append(
                f"single(inputs[{index}], arrays[{index}], {spec_only}, checks)" if kind == "in"
                else f"hidden(outputs[{index}], {spec_only})" if op.outputs[index].hidden and not op.outputs[index].over
                else f"single(outputs[{index}], data(outputs[{index}]), {spec_only}, checks)"
            )  # fmt: skip
        elif kind == "out" and op.outputs[index].hidden:  # an array that nobody else has
            saved.append(f"spec(outputs[{index}])" if spec_only else f"outputs[{index}]")
        elif spec_only:
            saved.append(f"spec(arrays[{index}])" if kind == "in" else f"spec(outputs[{index}]._data)")
        else:
            name = f"{kind}_{index}"
            lines.append(f"    {name} = {'inputs' if kind == 'in' else 'outputs'}[{index}]._version")
            checks += [name, f"{name}[0]"]
            saved.append(f"arrays[{index}]" if kind == "in" else f"outputs[{index}]._data")
    edges = []
    for n, index in enumerate(plan.targets):
        if simple and index >= count:
            edges.append("None")
        elif simple:
            lines.append(f"    t{n} = inputs[{index}]")
            edges.append(f"None if t{n}._stop_gradient else t{n}._edge or t{n}")
        else:
            edges.append(f"edges(inputs[{index}])")
    if not simple:
        lines[1:1] = [
            f"    if len(inputs) < {len(op.inputs)}:",  # absent optional inputs
            f"        rest = (None,) * ({len(op.inputs)} - len(inputs))",
            "        inputs, arrays = (*inputs, *rest), (*arrays, *rest)",
        ]
        lines.append("    checks = []")
    found = f"({', '.join(checks)}{',' if checks else ''})" if simple else "checks"
    lines.append(f"    return ({', '.join(saved)},), {found}, ({', '.join(edges)}{',' if edges else ''})")
    space: dict[str, Any] = {"spec": _spec, "single": _keep_single, "hidden": _keep_hidden, "edges": _edges, "data": _data}
    exec("\n".join(lines), space)
    return space["keep"]


def _data(t: Any) -> Any:
    return None if t is None else [x._data for x in t] if type(t) is list else t._data


def _runner(op: Op) -> Callable[..., Any]:
    """The function (node, xp, d_out) that calls the backward function of an `op` of which one output has a gradient.

    Written out as source once per operator, like `_keeper`.
    """
    plan = op.grad
    assert plan is not None
    lines = ["def run(node, xp, d_out):", "    saved, attrs, checks = node.saved, node.attrs, node.checks"]
    if op.plain:
        watched = sum(kind == "in" or (kind == "out" and not op.outputs[i].hidden) for kind, i, spec_only in plan.sources if not spec_only)
        if watched:
            same = " or ".join(f"checks[{2 * i}][0] != checks[{2 * i + 1}]" for i in range(watched))
            lines.append(f"    if checks and ({same}): node.check()")
    else:
        lines.append("    if checks: node.check()")
    arguments = [
        f"saved[{n}]" if kind != "d_out" else "d_out" if index == plan.only_d_out else "None"
        for n, (kind, index, _) in enumerate(plan.sources)
    ]
    extra = ["**attrs" if plan.all_attrs else "**pick(attrs)"]
    if plan.takes_needs:
        lines.append("    edges = node.edges")
        needs = [f"edges[{i}] is not None" for i in range(len(plan.targets))]
        extra.append(f"needs=({', '.join(needs)},)")
    lines += [
        "    if attrs:",
        f"        return function(xp, {', '.join([*arguments, *extra])})",
        f"    return function(xp, {', '.join([*arguments, *extra[1:]])})",
    ]
    space: dict[str, Any] = {"pick": plan.pick, "function": plan.function}
    exec("\n".join(lines), space)
    return space["run"]


class OpNode(Node):
    """The tape entry of one operator."""

    __slots__ = ("attrs", "checks", "op", "out_specs")

    def __init__(self, op: Op, inputs: Sequence[Any], arrays: Sequence[Any], attrs: dict[str, Any], outputs: Sequence[Any]):
        self.rank = next_rank()
        self.hooks = self.retained = None
        self.op, self.attrs = op, attrs
        plan = op.grad
        keep = plan.keep.get(len(inputs))  # type: ignore[union-attr]
        if keep is None:
            keep = plan.keep[len(inputs)] = _keeper(op, len(inputs))  # type: ignore[union-attr]
        self.saved, self.checks, self.edges = keep(inputs, arrays, outputs)
        if plan.only_d_out < 0:  # type: ignore[union-attr]
            # gradients of unused outputs are zeros of these shapes
            self.out_specs: Any = [_specs(t) for t in outputs]
        else:
            self.out_specs = None
        if packers:
            _pack_saved(self)

    def free(self) -> None:
        self.saved = self.checks = None

    def name(self) -> str:
        return self.op.type

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        plan = self.op.grad
        assert plan is not None
        if len(d_outs) == 1 and plan.only_d_out in d_outs and not create_graph:  # the common case
            some = d_outs[plan.only_d_out]
            run = plan.run
            if run is None:
                run = plan.run = _runner(self.op)
            result = run(self, backend.array_module(some) if backend._others else np, some)
            return result if type(result) is tuple else (result,)
        if not any(index in d_outs for kind, index, _ in plan.sources if kind == "d_out") and self.out_specs is None:
            return [None] * len(plan.targets)  # only outputs that have no gradient were used
        some = next(iter(d_outs.values()))
        self.check()
        module = backend.array_module(some._data if create_graph else some)
        args: list[Any] = []
        for (kind, index, may_miss), value in zip(plan.sources, self.saved, strict=True):
            if kind != "d_out":
                args.append(value)
            elif may_miss and index not in d_outs:
                args.append(None)
            else:
                args.append(self._d_out(d_outs, index, module, create_graph))
        attrs = self.attrs
        if not plan.all_attrs:
            attrs = plan.pick(attrs)
        if plan.takes_needs:
            attrs = {**attrs, "needs": tuple([e is not None for e in self.edges])}
        if create_graph:
            assert differentiable_backward is not None
            return differentiable_backward(self, args, attrs)
        result = plan.function(module, *args, **attrs)
        return result if type(result) is tuple else (result,)

    def check(self) -> None:
        """GradientError if a tensor that is needed was changed in place."""
        checks = self.checks
        for i in range(0, len(checks), 2):
            if checks[i][0] != checks[i + 1]:
                raise GradientError(
                    f"{self.op.type}: a tensor needed for its gradient was changed in place afterwards (version "
                    f"{checks[i][0]}, expected {checks[i + 1]}); change a copy, or call backward() first"
                )

    def _d_out(self, d_outs: dict[Any, Any], index: int, module: Any, create_graph: bool) -> Any:
        spec = self.out_specs[index] if self.out_specs is not None else None

        def zeros(s: Spec) -> Any:
            z = module.zeros(s.shape, s.dtype)
            return make_tensor(z) if create_graph else z

        if type(spec) is list:
            return [d_outs[index, k] if (index, k) in d_outs else zeros(s) for k, s in enumerate(spec)]
        if index in d_outs:
            return d_outs[index]
        return None if spec is None else zeros(spec)


# --- saved tensors handed to the user


def current_packer() -> tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]] | None:
    """The innermost pair of hooks of this thread, None outside of `saved_tensors_hooks`."""
    stack = packers.get(threading.get_ident())
    return stack[-1] if stack else None


class Packed:
    """What a pack hook made of a saved tensor, and how to get the tensor back."""

    __slots__ = ("unpack_hook", "value")

    def __init__(self, t: Tensor, hooks: tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]) -> None:
        pack, self.unpack_hook = hooks
        self.value = pack(t)

    def unpack(self) -> Tensor:
        """The tensor. TypeError if the hook gives something else."""
        t = self.unpack_hook(self.value)
        if not isinstance_strict(t, Tensor):
            raise TypeError(f"the unpack hook of saved_tensors_hooks must return a Tensor, got {type(t).__name__}")
        return t


class PackedOpNode(OpNode):
    """An operator's tape entry whose saved arrays went through the pack hook."""

    __slots__ = ()

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        if create_graph:
            raise NotSupportedError(
                f"{self.op.type}: a second derivative through saved_tensors_hooks is not defined; leave the hooks "
                "out or use create_graph=False"
            )

        def unpack(value: Any) -> Any:
            if type(value) is list:
                return [unpack(v) for v in value]
            return value.unpack()._data if type(value) is Packed else value

        packed = self.saved
        self.saved = tuple(unpack(v) for v in packed)
        try:
            return OpNode.backward(self, d_outs, create_graph)
        finally:
            self.saved = packed


def _pack_saved(node: OpNode) -> None:
    hooks = current_packer()
    if hooks is None:
        return
    in_memory = False

    def pack(value: Any) -> Any:
        nonlocal in_memory
        if type(value) is list:
            return [pack(v) for v in value]
        if value is None or type(value) is Spec:
            return value
        packed = Packed(make_tensor(value), hooks)
        in_memory = in_memory or isinstance_strict(packed.value, Tensor)
        return packed

    node.saved = tuple(pack(v) for v in node.saved)
    if not in_memory:  # the hook keeps its own copies, so changes in place do no harm
        node.checks = ()
    node.__class__ = PackedOpNode


# --- the walk


def _accumulate_leaf(t: Tensor, g: Any, create_graph: bool, held: bool) -> None:
    """Add a gradient to `t.grad`. held: somebody else has, or may have, the array `g`."""
    extra = t._extra
    if extra is None:
        extra = t._more()
    if create_graph:
        old = t.grad
        total = g if old is None else old + g  # type: ignore[operator]
        extra.grad, extra.zero_grad = total, False
        return
    old = extra.grad
    if old is not None:
        g = old._data + g
    elif held or g.base is not None or not g.flags.owndata:
        g = g.copy()
    made: Tensor = Tensor.__new__(Tensor)
    made._data, made._stop_gradient, made._edge, made._version, made._extra = g, False, None, [0], None
    extra.grad, extra.zero_grad = made, False


def _is_held(g: Any, d_outs: dict[Any, Any], todo: Sequence[tuple[Any, Any]]) -> bool:
    """Whether a backward function gave `g` twice, or gave back what it was given."""
    for d in d_outs.values():
        if d is g:
            return True
    count = 0
    for _, r in todo:
        if r is g:
            count += 1
    return count > 1


def _apply_hooks(hooks: dict[int, Callable[..., Any]], value: Tensor) -> Tensor:
    for hook in list(hooks.values()):
        changed = hook(value)
        if changed is not None:
            if not isinstance_strict(changed, Tensor):
                raise TypeError(f"a gradient hook must return a Tensor or None, got {type(changed).__name__}")
            if changed.shape != value.shape:
                raise ValueError(
                    f"a gradient hook must keep the shape of its gradient: it got {value.shape} and returned {changed.shape}"
                )
            value = changed
    return value


def run_backward(
    tensors: Sequence[Tensor], grads: Sequence[Tensor | None], retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Accumulate into `.grad` of every leaf the gradient of the sum of ``tensor * grad`` (ones where grad is None)."""
    _walk(tensors, grads, retain_graph, create_graph, None, ())


_ones: dict[Any, Any] = {}  # dtype -> a 0-d array that holds 1, for losses


def _seed(t: Tensor, g: Tensor | None, create_graph: bool) -> Any:
    data = t._data
    if g is None:
        if type(data) is np.ndarray and not data.shape:
            ones = _ones.get(data.dtype)
            if ones is None:
                ones = _ones[data.dtype] = np.ones((), data.dtype)
                ones.flags.writeable = False
        else:
            ones = backend.array_module(data).ones(data.shape, data.dtype)
        return make_tensor(ones) if create_graph else ones
    if g._data.shape != data.shape:
        raise ValueError(f"the gradient given for tensor {t.name!r} must have shape {t.shape}, got {g.shape}")
    return g if create_graph else g._data.astype(data.dtype, copy=False)


def _walk(
    tensors: Sequence[Tensor],
    grads: Sequence[Tensor | None],
    retain_graph: bool,
    create_graph: bool,
    captured: dict[Any, Any] | None,
    stop_at: Collection[Any],
) -> None:
    """The walk itself. `captured` (of `grad`): edges whose gradient is wanted instead of `.grad` of all leaves.

    Keys of `captured` and members of `stop_at`: (node, output), or the id of a leaf.
    """
    pending: dict[int, tuple[Node, dict[Any, Any]]] = {}  # rank -> node, gradients of its outputs so far
    heap: list[int] = []
    hooked: dict[int, tuple[Tensor, Any]] = {}
    wanted = None if captured is None else _leading_to(tensors, captured)
    # gradients on their way along the edges, and the arrays that `backward` got for them
    todo = [(edge_of(t), _seed(t, g, create_graph)) for t, g in zip(tensors, grads, strict=True)]
    d_outs: dict[Any, Any] = dict(todo)
    old_mode = context.grad_enabled
    context.grad_enabled = create_graph
    warnings = quiet()
    try:
        while True:
            for edge, g in todo:
                if edge is None or g is None:
                    continue
                if type(edge) is tuple:
                    node, output = edge
                    if wanted is not None and (node not in wanted or edge in stop_at):
                        continue
                    rank = node.rank
                    entry = pending.get(rank)
                    if entry is None:
                        pending[rank] = (node, {output: g})
                        heappush(heap, rank)
                    elif output in entry[1]:
                        entry[1][output] = entry[1][output] + g
                    else:
                        entry[1][output] = g
                elif type(edge) is list:
                    todo.extend(zip(edge, g, strict=True))
                elif captured is None:
                    if edge._extra is not None and edge._extra.hooks:
                        # hooks of a leaf see its whole gradient, so they wait for the last part
                        found = hooked.get(id(edge))
                        hooked[id(edge)] = (edge, g if found is None else found[1] + g)
                    else:
                        _accumulate_leaf(edge, g, create_graph, _is_held(g, d_outs, todo))
                elif id(edge) in captured and id(edge) not in stop_at:
                    old = captured[id(edge)]
                    captured[id(edge)] = g if old is None else old + g
            if not heap:
                break
            node, d_outs = pending.pop(heappop(heap))
            if node.saved is None and (wanted is None or wanted[node]):  # else only its outputs were asked for
                raise RepeatedBackwardError(
                    f"backward() reached operator {node.name()} a second time, but its saved values were freed by the first "
                    "backward(); call backward(retain_graph=True) the first time"
                )
            if node.hooks:
                for output, hooks in node.hooks.items():
                    if output in d_outs:
                        g = d_outs[output]
                        g = _apply_hooks(hooks, g if create_graph else make_tensor(g))
                        d_outs[output] = g if create_graph else g._data
            if captured is not None:
                for output, g in d_outs.items():
                    if (node, output) in captured:
                        captured[node, output] = g
                if not wanted[node]:  # type: ignore[index]
                    todo = []  # only its outputs were asked for
                    continue
            elif node.retained:
                for output, reference in node.retained.items():
                    kept = reference()
                    if kept is not None and output in d_outs:
                        _accumulate_leaf(kept, d_outs[output], create_graph, True)
            todo = list(zip(node.edges, node.backward(d_outs, create_graph), strict=True))
            if not retain_graph:
                node.free()
        for leaf, g in hooked.values():
            changed = _apply_hooks(leaf._more().hooks or {}, g if create_graph else make_tensor(g))
            _accumulate_leaf(leaf, changed if create_graph else changed._data, create_graph, True)
    finally:
        restore(warnings)
        context.grad_enabled = old_mode


def _leading_to(tensors: Sequence[Tensor], captured: dict[Any, Any]) -> dict[Node, bool]:
    """Nodes on a path to a captured edge; True where the node itself has to run."""
    nodes: dict[Node, None] = {}
    stack = [e[0] for e in map(edge_of, tensors) if type(e) is tuple]

    def flat(node: Node) -> Any:
        for e in node.edges:
            if type(e) is list:
                yield from e
            else:
                yield e

    while stack:
        node = stack.pop()
        if node in nodes:
            continue
        nodes[node] = None
        stack.extend(e[0] for e in flat(node) if type(e) is tuple)
    targets = {key[0] for key in captured if type(key) is tuple}
    wanted: dict[Node, bool] = {}
    for node in sorted(nodes, key=lambda n: n.rank, reverse=True):
        runs = any(
            (type(e) is tuple and (e[0] in wanted)) or (e is not None and type(e) is not tuple and id(e) in captured)
            for e in flat(node)
        )
        if runs or node in targets:
            wanted[node] = runs
    return wanted


def grad(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Sequence[Tensor | None] | None,
    retain_graph: bool,
    create_graph: bool,
    allow_unused: bool,
    no_grad_vars: Sequence[Tensor] = (),
) -> list[Tensor | None]:
    """Gradients of the sum of `outputs` with respect to `inputs`; `.grad` of no tensor changes.

    ValueError when an input is not used and `allow_unused` is False.
    """
    captured: dict[Any, Any] = {}
    keys = []
    for t in inputs:
        edge = edge_of(t)
        key = edge if type(edge) is tuple else id(t)
        keys.append(key)
        captured[key] = None
    stop_at = {e if type(e) is tuple else id(e) for e in map(edge_of, no_grad_vars) if e is not None}
    seeds = grad_outputs if grad_outputs is not None else [None] * len(outputs)
    _walk(outputs, seeds, retain_graph, create_graph, captured, stop_at)
    result: list[Tensor | None] = []
    for number, (t, key) in enumerate(zip(inputs, keys, strict=True)):
        g = captured[key]
        if g is None:
            if not allow_unused:
                raise ValueError(
                    f"paddle.grad: input number {number} ({t.name!r}) does not lead to any of the outputs, or has "
                    "stop_gradient=True; pass allow_unused=True to get None for it"
                )
            result.append(None)
        else:
            result.append(g if create_graph else make_tensor(g))
    return result
