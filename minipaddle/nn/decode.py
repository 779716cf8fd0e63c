"""Decoding step by step: `dynamic_decode` drives a decoder, `BeamSearchDecoder` keeps the best sequences."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.recorder import spec_of
from ..dtypes import get_default_dtype
from ..errors import NotSupportedError
from ..tensor import creation, logic, manipulation, search
from ..tensor import math as M
from ..tensor.arguments import is_symbolic
from ..tensor.operators import cast_to
from ..utils import tree
from . import functional as F
from .layer.rnn import _map

__all__ = ["BeamSearchDecoder", "dynamic_decode"]

_LOWEST = -1e9  # the score of what must not be chosen


class Decoder:
    """What `dynamic_decode` drives; subclasses define the methods."""

    def initialize(self, inits: Any) -> tuple[Any, Any, Any]:
        """First inputs, first states, and a bool tensor that says what has ended already."""
        raise NotImplementedError(f"{type(self).__name__} does not define initialize()")

    def step(self, time: Any, inputs: Any, states: Any, **kwargs: Any) -> tuple[Any, Any, Any, Any]:
        """Outputs, next states, next inputs, and what has ended; `time` is an int64 tensor [1]."""
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def finalize(self, outputs: Any, final_states: Any, sequence_lengths: Any) -> tuple[Any, Any]:
        """The last word on outputs [time, batch, ...] and states; need not be defined."""
        raise NotImplementedError

    @property
    def tracks_own_finished(self) -> bool:
        """Whether `step` itself remembers what has ended."""
        return False


class BeamSearchDecoder(Decoder):
    """Beam search over the steps of `cell`: the `beam_size` most probable sequences of every sample.

    embedding_fn makes inputs of token numbers, output_fn makes logits of cell outputs. Cell states are [batch, ...]; what else
    the cell needs per sample must be repeated with `tile_beam_merge_with_batch`.
    """

    class OutputWrapper(collections.namedtuple("OutputWrapper", ("scores", "predicted_ids", "parent_ids"))):
        """Per step: scores, token numbers and the beams they continue, [batch, beams]."""

    class StateWrapper(collections.namedtuple("StateWrapper", ("cell_states", "log_probs", "finished", "lengths"))):
        """Cell states [batch, beams, ...], and per beam the score, whether it has ended, and its length."""

    def __init__(
        self,
        cell: Any,
        start_token: int,
        end_token: int,
        beam_size: int,
        embedding_fn: Callable[[Any], Any] | None = None,
        output_fn: Callable[[Any], Any] | None = None,
    ) -> None:
        self.cell, self.embedding_fn, self.output_fn = cell, embedding_fn, output_fn
        self.start_token, self.end_token, self.beam_size = start_token, end_token, beam_size

    @staticmethod
    def tile_beam_merge_with_batch(x: Any, beam_size: int) -> Any:
        """[batch, ...] as [batch * beam_size, ...], each entry `beam_size` times in a row."""
        rest = list(spec_of(x).shape[1:])
        tiled = manipulation.tile(manipulation.unsqueeze(x, [1]), [1, beam_size] + [1] * len(rest))
        return manipulation.reshape(tiled, [-1, *rest])

    def _split_batch_beams(self, x: Any) -> Any:
        return manipulation.reshape(x, [-1, self.beam_size, *spec_of(x).shape[1:]])

    def _merge_batch_beams(self, x: Any) -> Any:
        return manipulation.reshape(x, [-1, *spec_of(x).shape[2:]])

    def _expand_to_beam_size(self, x: Any) -> Any:
        return manipulation.tile(
            manipulation.unsqueeze(x, [1]), [1, self.beam_size] + [1] * (len(spec_of(x).shape) - 1)
        )

    def _mask_probs(self, probs: Any, finished: Any) -> Any:
        """Beams that have ended can go on with the end token alone, at no cost."""
        row = np.full([self.vocab_size], _LOWEST)
        row[self.end_token] = 0
        ended = cast_to(manipulation.unsqueeze(finished, [2]), probs.dtype)
        return ended * creation.to_tensor(row, dtype=probs.dtype) + probs * (1 - ended)

    def _gather(self, x: Any, indices: Any) -> Any:
        """x[b, indices[b, k]]."""
        rows = creation.arange(0, spec_of(indices).shape[0], dtype=indices.dtype.name)
        rows = manipulation.expand(manipulation.unsqueeze(rows, [1]), list(spec_of(indices).shape))
        return manipulation.gather_nd(x, manipulation.stack([rows, indices], axis=2))

    def initialize(self, inits: Any) -> tuple[Any, Any, Any]:
        """First inputs (the start token), states, and nothing ended; only the first beam counts at the start."""
        batch = tree.flatten(inits)[0].shape[0]
        cell_states = tree.map_structure(self._expand_to_beam_size, inits)
        inputs = creation.full([batch, self.beam_size], self.start_token, dtype="int64")
        row = np.array([[0.0] + [_LOWEST] * (self.beam_size - 1)])
        scores = manipulation.tile(creation.to_tensor(row, dtype=get_default_dtype()), [batch, 1])
        finished = creation.full([batch, self.beam_size], False, dtype="bool")
        lengths = creation.zeros_like(inputs)
        inputs = self.embedding_fn(inputs) if self.embedding_fn else inputs
        return inputs, self.StateWrapper(cell_states, scores, finished, lengths), finished

    def _beam_search_step(self, time: Any, logits: Any, next_cell_states: Any, beam_state: Any) -> tuple[Any, Any]:
        self.vocab_size = spec_of(logits).shape[-1]
        scores = self._mask_probs(F.log_softmax(logits), beam_state.finished)
        scores = scores + manipulation.unsqueeze(cast_to(beam_state.log_probs, scores.dtype), [2])
        flat = manipulation.reshape(scores, [-1, self.beam_size * self.vocab_size])
        best, places = search.topk(flat, k=self.beam_size)
        size = creation.full([1], self.vocab_size, dtype="int64")
        beams, tokens = M.floor_divide(places, size), M.remainder(places, size)
        next_cell_states = tree.map_structure(lambda x: self._gather(x, beams), next_cell_states)
        finished = self._gather(beam_state.finished, beams)
        lengths = self._gather(beam_state.lengths, beams)
        lengths = lengths + cast_to(logic.logical_not(finished), lengths.dtype)
        finished = logic.logical_or(finished, logic.equal(tokens, creation.full([1], self.end_token, dtype="int64")))
        return self.OutputWrapper(best, tokens, beams), self.StateWrapper(next_cell_states, best, finished, lengths)

    def step(self, time: Any, inputs: Any, states: Any, **kwargs: Any) -> tuple[Any, Any, Any, Any]:
        """One step of the cell on all beams, and the best continuations."""
        inputs = tree.map_structure(self._merge_batch_beams, inputs)
        cell_states = tree.map_structure(self._merge_batch_beams, states.cell_states)
        outputs, next_cell_states = self.cell(inputs, cell_states, **kwargs)
        outputs = tree.map_structure(self._split_batch_beams, outputs)
        next_cell_states = tree.map_structure(self._split_batch_beams, next_cell_states)
        if self.output_fn is not None:
            outputs = self.output_fn(outputs)
        output, state = self._beam_search_step(time, outputs, next_cell_states, states)
        sample_ids = output.predicted_ids
        next_inputs = self.embedding_fn(sample_ids) if self.embedding_fn else sample_ids
        return output, state, next_inputs, state.finished

    def finalize(self, outputs: Any, final_states: Any, sequence_lengths: Any) -> tuple[Any, Any]:
        """Whole sequences: token numbers followed back through their parents, [time, batch, beams]."""
        return F.gather_tree(outputs.predicted_ids, outputs.parent_ids), final_states

    @property
    def tracks_own_finished(self) -> bool:
        """True: beams change places, so ends are kept per beam."""
        return True


def _kept(old: Any, new: Any, ended: Any) -> Any:
    """`old` where the sequence has ended, else `new`."""
    mask = manipulation.reshape(
        ended, list(spec_of(ended).shape) + [1] * (len(spec_of(new).shape) - spec_of(ended).ndim)
    )
    return search.where(manipulation.expand(mask, list(spec_of(new).shape)), old, new)


def dynamic_decode(
    decoder: Any,
    inits: Any = None,
    max_step_num: int | None = None,
    output_time_major: bool = False,
    impute_finished: bool = False,
    is_test: bool = False,
    return_length: bool = False,
    **kwargs: Any,
) -> Any:
    """Steps of `decoder` until everything has ended, or `max_step_num` + 1 of them; kwargs go to its `step`.

    Returns (outputs, final states), and the lengths int64 with `return_length`; outputs are [batch, time, ...], or
    [time, batch, ...] with `output_time_major`. impute_finished: states of ended sequences stay as they are.
    The number of steps depends on values, so inside a traced function this raises NotSupportedError.
    """
    inputs, states, finished = decoder.initialize(inits)
    if is_symbolic(finished):
        raise NotSupportedError(
            "dynamic_decode cannot be traced: the number of steps depends on values; call it outside of to_static functions"
        )
    lengths = cast_to(creation.zeros_like(finished), creation.zeros([1], dtype="int64").dtype)
    collected: list[Any] = []
    while not bool(finished._data.all()):
        time = creation.full([1], len(collected), dtype="int64")
        outputs, next_states, inputs, ended = decoder.step(time, inputs, states, **kwargs)
        if decoder.tracks_own_finished:
            if not hasattr(next_states, "lengths"):
                warnings.warn(
                    "the states of the decoder have no `lengths`, so the returned lengths are zeros", stacklevel=2
                )
            lengths = getattr(next_states, "lengths", lengths)
        else:
            ended = logic.logical_or(ended, finished)
            lengths = lengths + cast_to(logic.logical_not(finished), lengths.dtype)
            if impute_finished:
                was = finished
                next_states = _map(lambda old, new, was=was: _kept(old, new, was), states, next_states)
        collected.append(outputs)
        states, finished = next_states, ended
        if max_step_num is not None and len(collected) > max_step_num:
            break
    if not collected:
        raise ValueError("dynamic_decode: everything had ended before the first step, so there are no outputs")
    final = _map(lambda *parts: manipulation.stack(list(parts), axis=0), *collected)
    try:
        final, states = decoder.finalize(final, states, lengths)
    except NotImplementedError:
        pass
    if not output_time_major:
        final = tree.map_structure(lambda x: manipulation.transpose(x, [1, 0, *range(2, len(spec_of(x).shape))]), final)
    return (final, states, lengths) if return_length else (final, states)
