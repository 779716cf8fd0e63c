"""A traced Program ready to run: compiled for inference, and split into forward and backward for training.

Each training call is one node on the tape; `call_path` writes the calls. The forward function returns the results, new values of
buffers that the Program writes (batch_norm's statistics), and the values the backward function needs.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..compiler import INFER_PASSES, CompiledProgram, compile_program, with_larger_operators
from ..compiler.passes.unfold_batch_norm import uses_stored_statistics
from ..core.backward import append_gradients
from ..core.blocks import ARRAY_WRITES, EMPTY, reads, single_assignment, writes
from ..core.context import context
from ..core.program import Block, Operator, Program, Variable
from ..core.tape import Node
from ..core.tensor import Tensor, make_tensor
from ..errors import GradientError, NotSupportedError
from ..ops.registry import OPS, Spec
from .call_path import ANOTHER, CallPath, as_array, function_of, write_call

__all__ = ["PartialProgram"]


class TrainingForm:
    """Forward and backward functions for one set of differentiated inputs."""

    __slots__ = (
        "again", "backward", "backward_lods", "differentiable", "failed", "forward", "grad_positions", "gradients", "operators",
        "outputs", "own", "saved_from_inputs", "seeds", "watched",
    )  # fmt: skip

    outputs: list[str]  # names of the results
    operators: list[Operator]  # of the forward part, as the Program has them; the functions may run larger ones
    forward: CompiledProgram
    backward: CompiledProgram | None
    gradients: Callable[..., list[Any]]  # what `backward` runs, with warnings off already: (xp, *saved, *gradients, *lods)
    failed: Callable[[Exception], BaseException]  # what to raise for an error of it
    seeds: list[int]  # outputs whose gradients the backward function takes
    saved_from_inputs: list[int]  # positions among all inputs that the backward function takes
    watched: list[int]  # those of them whose values it looks at, not only their shapes
    own: int  # how many saved values the forward function returns
    grad_positions: list[int]  # positions among all inputs that the backward function gives gradients for
    differentiable: list[tuple[int, int]]  # (output, seed of its gradient); two outputs may be the same variable
    again: PartialProgram | None  # what `gradients_of` makes
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
        self.updated_tensors = [captured[n] for n in self.updated]
        self.refresh: Callable[[], dict[str, Tensor]] | None = None  # asked before each run for what was captured, where that may change
        self._inference: dict[tuple[str, ...], CompiledProgram] = {}  # by the inputs that come with a lod
        self._paths: dict[Any, CallPath] = {}  # kind of call -> how it is done
        self.recent: CallPath | None = None  # as it was done last
        self._training: dict[tuple[tuple[bool, ...], tuple[str, ...]], TrainingForm] = {}

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
        return self.inference_with(())

    def inference_with(self, lod_feeds: tuple[str, ...]) -> CompiledProgram:
        found = self._inference.get(lod_feeds)
        if found is None:
            found = self._inference[lod_feeds] = compile_program(
                self.operators, self.feeds, [*self.outputs, *self.updated], "forward", lod_feeds,
                seldom=() if self.trains else self.captured_names,
                passes=INFER_PASSES,
            )  # fmt: skip
        return found

    def training_form(self, differentiated: tuple[bool, ...], lod_feeds: tuple[str, ...] = ()) -> TrainingForm:
        """The forward and backward functions when the floating inputs marked True need gradients and `lod_feeds` come with a lod."""
        form = self._training.get((differentiated, lod_feeds))
        if form is None:
            form = self._training[differentiated, lod_feeds] = self._build(differentiated, lod_feeds)
        return form

    def _build(self, differentiated: tuple[bool, ...], lod_feeds: tuple[str, ...]) -> TrainingForm:
        program = self.program.clone()
        block = program.global_block()
        single_assignment(program)
        operators = list(block.ops)
        if not lod_feeds:
            block.ops = with_larger_operators(block.ops, self.feeds, [*self.outputs, *self.updated])
        count = len(block.ops)
        wanted = [n for n, d in zip(self.feeds, differentiated, strict=True) if d and _is_floating(block.find_var(n))]
        floating = [n for n in dict.fromkeys(self.outputs) if _is_floating(block.find_var(n))]
        seeds, gradients = append_gradients(block, floating, wanted)
        forward_ops, backward_ops = block.ops[:count], block.ops[count:]
        for op in backward_ops:
            _read_shape_elsewhere(block, op)
        form = TrainingForm()
        form.seeds, form.saved_from_inputs, form.grad_positions, form.own, form.differentiable, form.again = [], [], [], 0, [], None
        form.outputs, form.operators, form.watched = self.outputs, operators, []
        read = {n for op in backward_ops for n in reads(op)} | set(gradients.values())
        live_seeds = [(name, seed) for name, seed in zip(floating, seeds, strict=True) if seed in read]
        if not gradients:
            form.forward, form.backward = self.inference_with(lod_feeds), None
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
        shapes_only = set(saved_inputs)
        for op in backward_ops:
            shapes_only -= {n for n in reads(op) if n not in op.input_arg_names}
            for slot, names in op.inputs.items():
                if not _takes_shape_only(op, slot):
                    shapes_only -= set(names)
        form.watched = [position[n] for n in saved_inputs if n not in shapes_only]
        form.forward = compile_program(forward_ops, self.feeds, [*self.outputs, *self.updated, *saved_own], "forward", lod_feeds)
        grad_names = [gradients[n] for n in wanted if n in gradients]
        form.grad_positions = [position[n] for n in wanted if n in gradients]
        ragged = {n: (True, position[n]) for n in saved_inputs if n in lod_feeds}
        ragged |= {n: (False, i) for i, n in enumerate(saved_own) if n in form.forward.lod_fetches}
        form.backward_lods = list(ragged.values())
        form.backward = compile_program(
            backward_ops, [*saved_inputs, *saved_own, *seed_names], grad_names, "backward", list(ragged)
        )
        form.gradients, form.failed = function_of(form.backward)
        if form.backward.prepare is not None:
            form.gradients = form.backward
        index_of = {n: i for i, n in enumerate(self.outputs)}
        form.seeds = [index_of[name] for name, _ in live_seeds]
        form.differentiable = [(i, index_of[n]) for i, n in enumerate(self.outputs) if index_of[n] in form.seeds]
        return form

    def gradients_of(self, form: TrainingForm) -> PartialProgram:
        """The Program that computes what `form.backward` does from all feeds and the gradients of outputs.

        It begins with the forward part, so that it can be differentiated itself.
        """
        if form.again is None:
            if any(_is_random(op) for block in self.program.blocks for op in block.ops):
                raise NotSupportedError(
                    "create_graph=True through a function traced by to_static that draws random numbers (dropout, say) is not "
                    "supported: the gradient of the gradient would need the same numbers again; call eval(), or the original function "
                    "(f.dygraph_function, or paddle.jit.enable_to_static(False))"
                )
            program = self.program.clone()
            single_assignment(program)
            floating = [n for n in dict.fromkeys(self.outputs) if _is_floating(program.global_block().find_var(n))]
            wanted = [self.feeds[i] for i in form.grad_positions]
            seeds, gradients = append_gradients(program.global_block(), floating, wanted)
            seed_of = dict(zip(floating, seeds, strict=True))
            given = [seed_of[self.outputs[i]] for i in form.seeds]
            form.again = PartialProgram(program, [*self.feeds, *given], {}, [gradients[n] for n in wanted])
        return form.again

    # --- running

    @property
    def node_class(self) -> type[ProgramNode]:
        """The class of its entries on the tape."""
        return RecomputedNode if self.recompute else ProgramNode

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Results for `inputs` (one Tensor per feed); writes the tape when something needs a gradient."""
        for action in self.before:
            action()
        if self.refresh is not None:
            captured = self.refresh()
            self.captured[:] = [captured[n] for n in self.captured_names]
            self.updated_tensors[:] = [captured[n] for n in self.updated]
        recent = self.recent
        if recent is not None:
            results = recent.function(inputs)
            if results is not ANOTHER:
                return results
        self.recent = path = self._path(inputs)
        results = path.function(inputs)
        assert results is not ANOTHER
        return results

    def _path(self, inputs: Sequence[Tensor]) -> CallPath:
        """The written call for calls of this kind, ready to serve it."""
        tensors = [*inputs, *self.captured]
        arrays = [t._data for t in tensors]
        xp = backend.module_of(arrays)
        lod_feeds = tuple([n for n, t in zip(self.inputs, inputs, strict=True) if t._extra is not None and t._extra.lod])
        differentiated: tuple[bool, ...] | None = tuple([not t._stop_gradient for t in tensors]) if context.grad_enabled else None
        if differentiated is not None and (self.trains or True not in differentiated):
            differentiated = None
        kind = (xp, differentiated, lod_feeds)
        path = self._paths.get(kind)
        if path is None:
            form = None if differentiated is None else self.training_form(differentiated, lod_feeds)
            path = self._paths[kind] = write_call(self, form, differentiated, xp, lod_feeds)
        if path.compiled.prepare is not None:
            path.compiled.prepared(xp, arrays, [t._version[0] for t in tensors])
        return path


class ProgramNode(Node):
    """The tape entry of one training call of a Program; made by `call_path`.


    saved: what the backward function takes before the gradients. checks: (version cell, version) of what must not change.
    tensors and versions: all feeds, for gradients of gradients.
    """

    __slots__ = ("checks", "form", "lods", "out_like", "partial", "tensors", "versions")

    partial: PartialProgram
    form: TrainingForm
    checks: list[tuple[list[int], int]]
    out_like: list[tuple[Any, Any]] | None  # shapes and dtypes of the results that have gradients, if there are several
    lods: Sequence[Any]
    tensors: Sequence[Tensor]
    versions: list[int]

    def free(self) -> None:
        self.saved = None
        self.tensors = ()

    def name(self) -> str:
        return "run_program"

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        if create_graph:
            return self._recorded_backward(d_outs)
        for cell, version in self.checks:
            if cell[0] != version:
                raise GradientError(
                    "a tensor needed for the gradient of a traced Program was changed in place after the call (version "
                    f"{cell[0]}, expected {version}); call backward() before changing it"
                )
        form = self.form
        xp = backend.array_module(next(iter(d_outs.values()))) if backend._others else np
        if self.out_like is None:
            seeds = [d_outs[form.seeds[0]]]
        else:
            seeds = [
                d_outs[i] if i in d_outs else xp.zeros(shape, dtype)
                for i, (shape, dtype) in zip(form.seeds, self.out_like, strict=True)
            ]
        try:
            results = form.gradients(xp, *self.saved, *seeds, *self.lods)
        except Exception as error:
            found = form.failed(error)
            raise found from found.__cause__
        if len(results) > len(self.edges):  # lods come behind
            results = results[: len(self.edges)]
        for i, r in enumerate(results):
            if type(r) is not np.ndarray:
                results[i] = as_array(r)
        return results

    def _recorded_backward(self, d_outs: dict[Any, Any]) -> Sequence[Any]:
        """Gradients as Tensors that can be differentiated again."""
        if self.lods:
            raise NotSupportedError("create_graph=True through a traced function that was given ragged sequences is not supported")
        if any(t._version[0] != version for t, version in zip(self.tensors, self.versions, strict=True)):
            raise GradientError(
                "a tensor that a traced Program was given was changed in place after the call; take gradients with create_graph=True "
                "before changing it"
            )
        outputs = {i: Spec(*spec) for i, spec in zip(self.form.seeds, self.out_like or [], strict=False)}
        seeds = []
        for i in self.form.seeds:
            if i in d_outs:
                seeds.append(d_outs[i])
            else:
                module = backend.module_of([t._data for t in self.tensors])
                seeds.append(make_tensor(module.zeros(outputs[i].shape, outputs[i].dtype)))
        return self.partial.gradients_of(self.form).run([*self.tensors, *seeds])


class RecomputedNode(ProgramNode):
    """The tape entry of a call that kept its inputs alone: `backward` runs the forward function first."""

    __slots__ = ("arrays", "given_lods")

    arrays: Sequence[Any]
    given_lods: Sequence[Any]

    def free(self) -> None:
        self.saved = self.arrays = None  # type: ignore[assignment]
        self.tensors = ()

    def backward(self, d_outs: dict[Any, Any], create_graph: bool) -> Sequence[Any]:
        if create_graph:
            return self._recorded_backward(d_outs)
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


def _takes_shape_only(op: Operator, slot: str) -> bool:
    definition = OPS.get(op.type)
    return definition is not None and any(s.name == slot and s.spec_only for s in definition.inputs)


def _is_floating(v: Variable | None) -> bool:
    return v is not None and v.has_dtype and (v.dtype.is_floating or v.dtype.is_complex)
