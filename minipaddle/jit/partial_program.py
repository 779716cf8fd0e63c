"""A traced Program ready to run: compiled for inference, and split into forward and backward for training.

Each training call is one node on the tape. The forward function returns the results, the values the backward function
needs, and new values of buffers that the Program writes (batch_norm's statistics).
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..compiler import INFER_PASSES, CompiledProgram, compile_program
from ..compiler.passes.unfold_batch_norm import uses_stored_statistics
from ..core.backward import append_gradients
from ..core.blocks import ARRAY_WRITES, EMPTY, reads, single_assignment, writes
from ..core.context import context
from ..core.program import Block, Operator, Program, Variable
from ..core.tape import Node
from ..core.tensor import Tensor, make_tensor
from ..errors import GradientError, NotSupportedError
from ..ops.registry import OPS

__all__ = ["PartialProgram"]


class _TrainingForm:
    """Forward and backward functions for one set of differentiated inputs."""

    __slots__ = ("backward", "backward_lods", "differentiable", "forward", "grad_positions", "own", "saved_from_inputs", "seeds")

    forward: CompiledProgram
    backward: CompiledProgram | None
    seeds: list[int]  # outputs whose gradients the backward function takes
    saved_from_inputs: list[int]  # positions among all inputs that the backward function takes
    own: int  # how many saved values the forward function returns
    grad_positions: list[int]  # positions among all inputs that the backward function gives gradients for
    differentiable: list[tuple[int, int]]  # (output, seed of its gradient); two outputs may be the same variable
    backward_lods: list[tuple[bool, int]]  # lods that it takes: (of an input, its position) or (of a saved value, its number)


class PartialProgram:
    """Runs a Program on Tensors.

    inputs: feed names in order. captured: name -> Tensor for everything else it reads. outputs: names in order.
    recompute: gradients will hardly be wanted (eval mode). Then a call runs the faster inference form and keeps its inputs alone;
    `backward()`, should it come, runs the forward part again first. Not done for Programs that draw random numbers.
    """

    def __init__(
        self, program: Program, inputs: Sequence[str], captured: dict[str, Tensor], outputs: Sequence[str], recompute: bool = False
    ) -> None:
        self.program = program
        block = program.global_block()
        self.recompute = recompute and not any(_is_random(op) for b in program.blocks for op in b.ops)
        self.inputs, self.outputs = list(inputs), list(outputs)
        used = {n for op in block.ops for n in (*reads(op), *op.input_arg_names, *writes(op))} | set(outputs)
        self.captured_names = [n for n in captured if n in used]
        self.captured = [captured[n] for n in self.captured_names]
        self.feeds = [*self.inputs, *self.captured_names]
        self.operators = list(block.ops)
        written = {n for op in block.ops if not uses_stored_statistics(op) for n in writes(op)}
        self.updated = [n for n in self.captured_names if n in written]
        self._updated_tensors = [captured[n] for n in self.updated]
        self._inference: dict[tuple[str, ...], CompiledProgram] = {}  # by the inputs that come with a lod
        self._training: dict[tuple[tuple[bool, ...], tuple[str, ...]], _TrainingForm] = {}

    # --- facts

    trains = False  # whether the Program holds a whole training step, so that its results need no gradient
    before: Sequence[Any] = ()  # what is done before each run
    training = True  # False for the form of a Layer or function in eval mode

    @property
    def train_program(self) -> Program:
        """The Program; its gradients are computed by a function of their own."""
        return self.program

    infer_program = _train_program = _infer_program = train_program

    # --- compiled forms

    @property
    def inference(self) -> CompiledProgram:
        """The function that computes outputs and updated buffers."""
        return self._inference_with(())

    def _inference_with(self, lod_feeds: tuple[str, ...]) -> CompiledProgram:
        found = self._inference.get(lod_feeds)
        if found is None:
            found = self._inference[lod_feeds] = compile_program(
                self.operators, self.feeds, [*self.outputs, *self.updated], "forward", lod_feeds, seldom=self.captured_names,
                passes=INFER_PASSES,
            )  # fmt: skip
        return found

    def training_form(self, differentiated: tuple[bool, ...], lod_feeds: tuple[str, ...] = ()) -> _TrainingForm:
        """The forward and backward functions when the floating inputs marked True need gradients and `lod_feeds` come with a lod."""
        form = self._training.get((differentiated, lod_feeds))
        if form is None:
            form = self._training[differentiated, lod_feeds] = self._build(differentiated, lod_feeds)
        return form

    def _build(self, differentiated: tuple[bool, ...], lod_feeds: tuple[str, ...]) -> _TrainingForm:
        program = self.program.clone()
        block = program.global_block()
        single_assignment(program)
        count = len(block.ops)
        wanted = [n for n, d in zip(self.feeds, differentiated, strict=True) if d and _is_floating(block.find_var(n))]
        floating = [n for n in dict.fromkeys(self.outputs) if _is_floating(block.find_var(n))]
        seeds, gradients = append_gradients(block, floating, wanted)
        forward_ops, backward_ops = block.ops[:count], block.ops[count:]
        for op in backward_ops:
            _read_shape_elsewhere(block, op)
        form = _TrainingForm()
        form.seeds, form.saved_from_inputs, form.grad_positions, form.own, form.differentiable = [], [], [], 0, []
        read = {n for op in backward_ops for n in reads(op)} | set(gradients.values())
        live_seeds = [(name, seed) for name, seed in zip(floating, seeds, strict=True) if seed in read]
        if not gradients:
            form.forward, form.backward = self._inference_with(lod_feeds), None
            return form
        seed_names = [seed for _, seed in live_seeds]
        free, produced = [], set(seed_names)
        for op in backward_ops:
            own = op.output_arg_names if op.type in ARRAY_WRITES else ()  # an array may begin here
            free += [n for n in reads(op) if n not in produced and n != EMPTY and n not in own]
            produced.update(op.output_arg_names)
        free = list(dict.fromkeys(free))
        made_by_forward = {n for op in forward_ops for n in writes(op)} - set(self.updated)
        saved_own = [n for n in free if n in made_by_forward]
        saved_inputs = [n for n in free if n not in made_by_forward]
        position = {n: i for i, n in enumerate(self.feeds)}
        form.saved_from_inputs = [position[n] for n in saved_inputs]
        form.own = len(saved_own)
        form.forward = compile_program(forward_ops, self.feeds, [*self.outputs, *self.updated, *saved_own], "forward", lod_feeds)
        grad_names = [gradients[n] for n in wanted if n in gradients]
        form.grad_positions = [position[n] for n in wanted if n in gradients]
        ragged = {n: (True, position[n]) for n in saved_inputs if n in lod_feeds}
        ragged |= {n: (False, i) for i, n in enumerate(saved_own) if n in form.forward.lod_fetches}
        form.backward_lods = list(ragged.values())
        form.backward = compile_program(
            backward_ops, [*saved_inputs, *saved_own, *seed_names], grad_names, "backward", list(ragged)
        )
        index_of = {n: i for i, n in enumerate(self.outputs)}
        form.seeds = [index_of[name] for name, _ in live_seeds]
        form.differentiable = [(i, index_of[n]) for i, n in enumerate(self.outputs) if index_of[n] in form.seeds]
        return form

    # --- running

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Results for `inputs` (one Tensor per feed); writes the tape when something needs a gradient."""
        for action in self.before:
            action()
        tensors = [*inputs, *self.captured]
        arrays = [t._data for t in tensors]
        xp = backend.module_of(arrays) if backend._others else np
        lods: list[Any] | None = None
        lod_feeds: tuple[str, ...] = ()
        for t in inputs:
            if t._extra is not None and t._extra.lod:
                lods = [t._extra.lod if t._extra is not None else None for t in inputs]
                lod_feeds = tuple([n for n, lod in zip(self.inputs, lods, strict=True) if lod])
                break
        form = None
        if context.grad_enabled and not self.trains:
            differentiated = tuple([not t._stop_gradient for t in tensors])
            if True in differentiated:
                form = self._training.get((differentiated, lod_feeds)) or self.training_form(differentiated, lod_feeds)
                if form.backward is None:
                    form = None
        if form is None or self.recompute:
            compiled = self._inference_with(lod_feeds)
            versions = [t._version[0] for t in self.captured] if compiled.prepare is not None else None
        else:
            compiled, versions = form.forward, None
        given = arrays if lods is None else [*arrays, *filter(None, lods)]
        results = compiled.main(xp, *given) if compiled.prepare is None else compiled.with_state(xp, given, versions)
        n = len(self.outputs)
        outputs = [make_tensor(r) for r in results[:n]]
        result_lods: list[Any] = []
        if compiled.gives_lods:
            half = len(results) // 2
            results, result_lods = results[:half], results[half:]
            for t, lod in zip(outputs, result_lods, strict=False):
                if lod:
                    t._more().lod = lod
        if self._updated_tensors:
            for t, value in zip(self._updated_tensors, results[n : n + len(self.updated)], strict=True):
                t._data = np.asarray(value) if isinstance(value, np.generic) else value
                if self.trains:
                    t._version[0] += 1
        _part_outputs(outputs, arrays)
        if form is None:
            return outputs
        if compiled is form.forward:
            own = results[len(results) - form.own :] if form.own else ()
            node = ProgramNode(self, form, tensors, arrays, own, outputs)
            if form.backward_lods:
                own_lods = result_lods[len(results) - form.own :]
                node.lods = [(lods or ())[i] if of_input else own_lods[i] for of_input, i in form.backward_lods]
        else:
            node = RecomputedNode(self, form, tensors, arrays, lods or (), outputs)
        for i, seed in form.differentiable:
            outputs[i]._edge, outputs[i]._stop_gradient = (node, seed), False
        return outputs


class ProgramNode(Node):
    """The tape entry of one training call of a Program."""

    __slots__ = ("checks", "form", "lods", "out_like", "partial", "saved")

    def __init__(
        self, partial: PartialProgram, form: _TrainingForm, tensors: Sequence[Tensor], arrays: Sequence[Any], own: Sequence[Any],
        outputs: Sequence[Tensor],
    ) -> None:  # fmt: skip
        super().__init__()
        self.partial, self.form = partial, form
        self.lods: list[Any] = []
        self.saved: Any = [arrays[i] for i in form.saved_from_inputs]
        self.checks = []
        for i in form.saved_from_inputs:
            cell = tensors[i]._version
            self.checks.append((cell, cell[0]))
        if own:  # a result may lie in memory that the gradient needs
            self.saved += own
            roots = {_root(a) for a in own}
            self.checks += [(t._version, t._version[0]) for t in outputs if _root(t._data) in roots]
        edges: list[Any] = []
        for i in form.grad_positions:  # all of them need gradients
            t = tensors[i]
            edges.append(t if t._edge is None else t._edge)
        self.edges = edges
        self.out_like = [(outputs[i]._data.shape, outputs[i]._data.dtype) for i in form.seeds] if len(form.seeds) > 1 else None

    @property
    def freed(self) -> bool:
        return self.saved is None

    def free(self) -> None:
        self.saved = None

    def name(self) -> str:
        return "run_program"

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        if create_graph:
            raise NotSupportedError(
                "create_graph=True through a function traced by to_static is not supported; call the original function "
                "(f.dygraph_function, or paddle.jit.enable_to_static(False)) where second derivatives are needed"
            )
        for cell, version in self.checks:
            if cell[0] != version:
                raise GradientError(
                    "a tensor needed for the gradient of a traced Program was changed in place after the call (version "
                    f"{cell[0]}, expected {version}); call backward() before changing it"
                )
        xp = backend.array_module(next(iter(d_outs.values())))
        if self.out_like is None:
            seeds = [d_outs[self.form.seeds[0]]]
        else:
            seeds = [
                d_outs[i] if i in d_outs else xp.zeros(shape, dtype)
                for i, (shape, dtype) in zip(self.form.seeds, self.out_like, strict=True)
            ]
        assert self.form.backward is not None
        backward = self.form.backward
        given = [*self.saved, *seeds, *self.lods]
        results = backward.main(xp, *given) if backward.prepare is None else backward(xp, *given)
        if backward.gives_lods:
            results = results[: len(self.form.grad_positions)]
        return [np.asarray(r) if isinstance(r, np.generic) else r for r in results]


class RecomputedNode(ProgramNode):
    """The tape entry of a call that kept its inputs alone: `backward` runs the forward function first."""

    __slots__ = ("arrays", "given_lods")

    def __init__(
        self, partial: PartialProgram, form: _TrainingForm, tensors: Sequence[Tensor], arrays: Sequence[Any], lods: Sequence[Any],
        outputs: Sequence[Tensor],
    ) -> None:  # fmt: skip
        super().__init__(partial, form, tensors, arrays, (), outputs)
        self.arrays, self.given_lods = arrays, lods
        self.checks = [(t._version, t._version[0]) for t in tensors]

    def free(self) -> None:
        self.saved = self.arrays = None  # type: ignore[assignment]

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        form, kept = self.form, self.saved
        results = form.forward(backend.module_of(self.arrays), *self.arrays, *(lod for lod in self.given_lods if lod))
        result_lods: list[Any] = []
        if form.forward.gives_lods:
            half = len(results) // 2
            results, result_lods = results[:half], results[half:]
        first = len(results) - form.own
        self.saved = [*kept, *results[first:]]
        self.lods = [self.given_lods[i] if of_input else result_lods[first + i] for of_input, i in form.backward_lods]
        try:
            return super().backward(d_outs, create_graph)
        finally:
            self.saved = kept


def _is_random(op: Operator) -> bool:
    definition = OPS.get(op.type)
    return definition is None or (definition.is_random and not op.attrs.get("is_test"))


def _read_shape_elsewhere(block: Block, op: Operator) -> None:
    """`elementwise_add_grad` wants only the shape of X: the gradient that comes in has it, and X need not be kept."""
    if op.type not in ("elementwise_add_grad", "elementwise_sub_grad"):
        return
    x, y, d = (block.find_var(op.inputs[slot][0]) for slot in ("X", "Y", "Out@GRAD"))
    if x is None or y is None or d is None or x._dtype is not d._dtype or x._shape != d._shape:
        return
    known = x._shape[len(x._shape) - len(y._shape) :]
    if op.attrs.get("axis", -1) in (-1, len(x._shape) - len(y._shape)) and -1 not in known and len(y._shape) < len(x._shape):
        op.inputs["X"] = list(op.inputs["Out@GRAD"])


def _root(array: Any) -> int:
    """Identity of the memory an array lies in."""
    base = getattr(array, "base", None)  # None may be kept, and lists
    return id(array if base is None else base)


def _part_outputs(outputs: Sequence[Tensor], arrays: Sequence[Any]) -> None:
    """Results that lie in the memory of an input get their own; those that share memory share their version, as views do."""
    if len(outputs) == 1 and getattr(outputs[0]._data, "base", None) is None:
        only = outputs[0]._data
        for a in arrays:
            if a is only:
                break
        else:
            return
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


def _is_floating(v: Variable | None) -> bool:
    return v is not None and v.has_dtype and (v.dtype.is_floating or v.dtype.is_complex)
