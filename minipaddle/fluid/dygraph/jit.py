"""From dynamic layers to Programs."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ...backend import xp as backend
from ...core.program import Program
from ...core.tensor import Tensor, isinstance_strict
from ...formats import atomic, lod_tensor, pdmodel
from ...jit.api import StaticFunction, to_static
from ...jit.dy2static.program_translator import ProgramTranslator, convert_to_static
from ...jit.partial_program import PartialProgram
from ...nn.layer.layers import Layer

__all__ = ["ProgramTranslator", "TracedLayer", "declarative", "dygraph_to_static_func"]


def declarative(function: Any = None, input_spec: Any = None) -> Any:
    """`paddle.jit.to_static`."""
    return to_static(function, input_spec)


def dygraph_to_static_func(dygraph_func: Any) -> Any:
    """The function with its control flow rewritten, to be called in static mode."""
    return convert_to_static(dygraph_func)


class TracedLayer:
    """A Layer as a Program, made by running it once: ``outputs, traced = TracedLayer.trace(layer, inputs)``."""

    def __init__(self, program: Program, parameters: dict[str, Tensor], feed_names: Sequence[str], fetch_names: Sequence[str]) -> None:
        self._program, self._parameters = program, parameters
        self._feeds, self._fetches = list(feed_names), list(fetch_names)
        self._partial = PartialProgram(program, self._feeds, parameters, self._fetches)

    @staticmethod
    def trace(layer: Layer, inputs: Sequence[Tensor]) -> tuple[Any, TracedLayer]:
        """Run `layer` on the Tensors `inputs`; returns its results and the TracedLayer. TypeError for other arguments."""
        if not isinstance(layer, Layer):
            raise TypeError(f"TracedLayer.trace takes a Layer, got {type(layer).__name__}")
        values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if not all(isinstance_strict(v, Tensor) for v in values):
            raise TypeError("TracedLayer.trace takes a list of Tensors as inputs")
        outputs = layer(*values)
        function = layer.forward.dygraph_function if isinstance(layer.forward, StaticFunction) else layer.forward
        concrete = StaticFunction(function).concrete_program_specify_input_spec(values)
        feeds = [v.name for v in concrete.input_variables]
        fetches = [v.name for v in concrete.output_variables]
        return outputs, TracedLayer(concrete.main_program, concrete.captured, feeds, fetches)

    @property
    def program(self) -> Program:
        """The Program."""
        return self._program

    def set_strategy(self, build_strategy: Any = None, exec_strategy: Any = None) -> None:
        """Has no effect: there is one way to run a Program."""

    def __call__(self, inputs: Sequence[Any]) -> list[Tensor]:
        """The results for a list of Tensors or arrays."""
        values = [v if isinstance_strict(v, Tensor) else Tensor(v) for v in inputs]
        return self._partial.run(values)

    def save_inference_model(self, dirname: str, feed: Sequence[int] | None = None, fetch: Sequence[int] | None = None) -> None:
        """Write a folder with ``__model__`` and a file per parameter. feed, fetch: which inputs and results, default all."""
        feeds = [self._feeds[i] for i in (range(len(self._feeds)) if feed is None else feed)]
        fetches = [self._fetches[i] for i in (range(len(self._fetches)) if fetch is None else fetch)]
        made = pdmodel.to_inference_program(self._program, feeds, fetches, version=pdmodel.VERSION_1X)
        files: dict[str, atomic.Content] = {os.path.join(dirname, "__model__"): pdmodel.dumps(made)}
        for v in made.persistables():
            files[os.path.join(dirname, v.name)] = lod_tensor.dumps(backend.to_numpy(self._parameters[v.name]._data))
        atomic.write_files(files)
