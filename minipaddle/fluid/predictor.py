"""The predictor of Paddle 1.x: Tensors go in as a list and come out as a list. The work is done in `paddle.inference`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..inference import Config, Predictor

__all__ = ["AnalysisConfig", "PaddleBuf", "PaddleTensor", "create_paddle_predictor"]

AnalysisConfig = Config


class PaddleBuf:
    """The elements of a `PaddleTensor`, in a row."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    def length(self) -> int:
        """Size in bytes."""
        return int(self._array.nbytes)

    def tolist(self, dtype: str = "") -> list[Any]:
        """The elements as a list. TypeError when they are not of the dtype named."""
        if dtype and self._array.dtype != dtype:
            raise TypeError(f"the data are of dtype {self._array.dtype}, not {dtype}")
        return list(self._array.reshape(-1).tolist())

    def float_data(self) -> list[float]:
        """The elements of a float32 tensor."""
        return self.tolist("float32")

    def int64_data(self) -> list[int]:
        """The elements of an int64 tensor."""
        return self.tolist("int64")

    def int32_data(self) -> list[int]:
        """The elements of an int32 tensor."""
        return self.tolist("int32")


class PaddleTensor:
    """An array with a name, a shape and a lod (levels of offsets)."""

    def __init__(self, data: Any = None, name: str = "") -> None:
        self.name = name
        self.lod: list[list[int]] = []
        self._array = np.zeros((0,), np.float32) if data is None else np.array(data)

    @property
    def shape(self) -> list[int]:
        """Dimensions. Setting them rearranges the data; ValueError when the number of elements differs."""
        return list(self._array.shape)

    @shape.setter
    def shape(self, shape: Sequence[int]) -> None:
        self._array = self._array.reshape(tuple(shape))

    @property
    def data(self) -> PaddleBuf:
        """The elements in a row."""
        return PaddleBuf(self._array)

    def as_ndarray(self) -> np.ndarray[Any, Any]:
        """The data as an array of this shape."""
        return self._array


class PaddlePredictor:
    """What `create_paddle_predictor` returns."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def run(self, inputs: Sequence[PaddleTensor]) -> list[PaddleTensor]:
        """Results for `inputs`, one per input of the model in its order. ValueError if they are too many or do not fit."""
        names = self._predictor.get_input_names()
        if len(inputs) != len(names):
            raise ValueError(f"run takes {len(names)} PaddleTensors ({', '.join(names)}), got {len(inputs)}")
        for i, (name, t) in enumerate(zip(names, inputs, strict=True)):
            if not isinstance(t, PaddleTensor):
                raise TypeError(f"run: input {i} must be a PaddleTensor, got {type(t).__name__}")
            handle = self._predictor.get_input_handle(name)
            handle.copy_from_cpu(np.ascontiguousarray(t.as_ndarray()))
            handle.set_lod([list(level) for level in t.lod])
        self._predictor.run()
        results = []
        for name in self._predictor.get_output_names():
            handle = self._predictor.get_output_handle(name)
            result = PaddleTensor(handle.copy_to_cpu(), name)
            result.lod = [list(level) for level in handle.lod()]
            results.append(result)
        return results

    def clone(self) -> PaddlePredictor:
        """Another predictor for the same model, for another thread."""
        return PaddlePredictor(self._predictor.clone())


def create_paddle_predictor(config: Config) -> PaddlePredictor:
    """The predictor for a model; see `paddle.inference.create_predictor`."""
    return PaddlePredictor(Predictor(config))
