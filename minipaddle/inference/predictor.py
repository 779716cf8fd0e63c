"""Predictors: the same compiled Program as `paddle.jit.load` runs, with arrays instead of Tensors at both ends."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from .. import version
from ..backend import xp as backend
from ..backend.place import CPUPlace, CUDAPlace, Place
from ..backend.threads import limit_threads
from ..compiler import CompiledProgram, compile_program
from ..core.grad_mode import no_grad
from ..core.program import Variable
from ..core.tensor import Tensor as EagerTensor
from ..core.tensor import isinstance_strict, make_tensor
from ..dtypes import from_numpy
from ..errors import NotSupportedError
from ..formats import detect, pdmodel
from ..jit.partial_program import PartialProgram
from .config import Config, DataType

__all__ = [
    "Predictor",
    "PredictorPool",
    "Tensor",
    "convert_to_mixed_precision",
    "create_predictor",
    "get_trt_compile_version",
    "get_trt_runtime_version",
    "get_version",
]


class _Model(PartialProgram):
    """A loaded Program and its parameters; clones of a predictor share it."""

    optimize = True
    output_names: list[str]  # as the file has them; saving puts a scale operator with a name of its own before each fetch

    def inference_with(self, lod_feeds: tuple[str, ...]) -> CompiledProgram:
        if self.optimize:
            return super().inference_with(lod_feeds)
        found = self._inference.get(lod_feeds)
        if found is None:
            found = self._inference[lod_feeds] = compile_program(
                self.operators, self.feeds, [*self.outputs, *self.updated], "forward", lod_feeds, seldom=self.captured_names, passes=(),
            )  # fmt: skip
        return found


def _files(config: Config) -> detect.ModelFiles:
    if config.model_dir():
        folder = config.model_dir()
        if not os.path.isdir(folder):
            raise RuntimeError(f"{folder}: there is no such folder, nor the model file {folder}.pdmodel or {folder}.json")
        return detect.find_model(folder).methods["forward"]
    model, params = config.prog_file(), config.params_file()
    if not model:
        raise RuntimeError("the Config names no model; make it with Config(prog_file, params_file) or call set_model")
    if not os.path.isfile(model):
        raise RuntimeError(f"{model}: cannot open the model file, it does not exist")
    if params and not os.path.isfile(params):
        program, _, _ = pdmodel.from_inference_program(detect.load_program(model))
        if any(True for _ in program.persistables()):
            raise RuntimeError(f"{params}: cannot open the parameter file, it does not exist")
        params = ""
    return detect.ModelFiles(model, params or None)


def _read(files: detect.ModelFiles, config: Config) -> _Model:
    stored = detect.load_program(files.model)
    program, feeds, fetches = pdmodel.from_inference_program(stored)
    names = sorted(v.name for v in program.persistables())
    values = detect.read_parameters(files, names) if names else {}
    place = _place(config)
    model = _Model(program, feeds, {n: make_tensor(backend.to_place(a, place)) for n, a in values.items()}, fetches)
    model.optimize = config.ir_optim()
    operators = [op for op in stored.global_block().ops if op.type == "fetch"]
    model.output_names = [op.input_arg_names[0] for op in sorted(operators, key=lambda op: op.attrs.get("col") or 0)]
    return model


def _place(config: Config) -> Place:
    return CUDAPlace(config.gpu_device_id()) if config.use_gpu() else CPUPlace()


def _load(config: Config) -> _Model:
    if config._buffers is None:
        return _read(_files(config), config)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("model.pdmodel", "model.pdiparams")]
        for path, data in zip(paths, config._buffers, strict=True):
            with open(path, "wb") as f:
                f.write(data)
        return _read(detect.ModelFiles(paths[0], paths[1] if config._buffers[1] else None), config)


class Tensor:
    """The handle of one input or output of a predictor."""

    def __init__(self, variable: Variable, place: Place, is_input: bool, name: str | None = None) -> None:
        self._variable, self._place, self._is_input = variable, place, is_input
        self._name = variable.name if name is None else name
        self._value: EagerTensor | None = None
        self._shape: list[int] | None = None
        self._lod: list[list[int]] = []

    def name(self) -> str:
        """Its name in the model."""
        return self._name

    def reshape(self, shape: Sequence[int]) -> None:
        """Announce the shape of the next `copy_from_cpu`, which must then have as many elements. Inputs only."""
        self._only_input("reshape")
        self._shape = [int(n) for n in shape]

    def copy_from_cpu(self, data: np.ndarray[Any, Any]) -> None:
        """Set the input to a copy of `data`. TypeError unless it is an array, ValueError if it does not fit the model.

        The shape is that of `data`, or that of `reshape` if `data` has the same number of elements in another shape.
        """
        self._only_input("copy_from_cpu")
        if not isinstance(data, np.ndarray):
            raise TypeError(f"copy_from_cpu takes a NumPy array (lists of strings are not supported), got {type(data).__name__}")
        array = np.array(data, order="C")
        if self._shape is not None and list(array.shape) != self._shape:
            if array.size != int(np.prod(self._shape)):
                raise ValueError(
                    f"input {self.name()!r}: reshape announced {self._shape}, but copy_from_cpu got an array of shape {list(array.shape)}"
                )
            array = array.reshape(self._shape)
        self._set(make_tensor(backend.to_place(array, self._place)))

    def share_external_data(self, data: Any) -> None:
        """Set the input to a Tensor without copying it; changes of the Tensor are seen by the next run."""
        self._only_input("share_external_data")
        if not isinstance_strict(data, EagerTensor):
            raise TypeError(f"In share_external_data, we only support Tensor, got {type(data).__name__}")
        shared = make_tensor(data._data)
        self._set(shared)

    def _set(self, value: EagerTensor) -> None:
        v = self._variable
        shape = value._data.shape
        fits = len(shape) == len(v._shape) and all(a in (-1, b) for a, b in zip(v._shape, shape, strict=True))
        # the first dimension is the batch, also where the model was traced with one size
        fits = fits or (len(shape) == len(v._shape) > 0 and all(a in (-1, b) for a, b in zip(v._shape[1:], shape[1:], strict=True)))
        if from_numpy(value._data.dtype) is not v._dtype or (v._shape and not fits):
            raise ValueError(f"input {v.name!r} must be {v.describe()}, got {value.dtype.name}{list(shape)}")
        self._value = value

    def copy_to_cpu(self) -> np.ndarray[Any, Any]:
        """A copy of the value. RuntimeError for an output before the first run."""
        return self._needed().numpy()

    def _needed(self) -> EagerTensor:
        if self._value is None:
            raise RuntimeError(f"{self.name()!r} has no value yet; " + ("call copy_from_cpu" if self._is_input else "call predictor.run()"))
        return self._value

    def _only_input(self, what: str) -> None:
        if not self._is_input:
            raise RuntimeError(f"{what}: {self.name()!r} is an output; it is set by predictor.run()")

    def shape(self) -> list[int]:
        """Shape of the value; before there is one, the shape announced or that of the model."""
        if self._value is not None:
            return self._value.shape
        return list(self._shape) if self._shape is not None else list(self._variable._shape)

    def type(self) -> DataType:
        """Element type. NotSupportedError where Paddle has no name for it."""
        name = (self._value.dtype if self._value is not None else self._variable.dtype).name.upper()
        try:
            return DataType[name]
        except KeyError:
            raise NotSupportedError(f"{self.name()!r} has the type {name.lower()}, for which DataType has no name") from None

    def lod(self) -> list[list[int]]:
        """Where each sequence begins, per level: [[0, 2, 5]] are two sequences of 2 and 3 rows."""
        if self._value is not None and self._value._extra is not None:
            return [list(level) for level in self._value._extra.lod or self._lod]
        return self._lod

    def set_lod(self, lod: Sequence[Sequence[int]]) -> None:
        """Say where each sequence begins. Inputs only."""
        self._only_input("set_lod")
        self._lod = [list(level) for level in lod]


class Predictor:
    """Runs a model: fill the input handles, `run()`, read the output handles.

    One predictor serves one thread at a time; `clone()` gives another one that shares the parameters and the compiled Program.
    """

    def __init__(self, config: Config, model: _Model | None = None) -> None:
        if not isinstance(config, Config):
            raise TypeError(f"a predictor is made from a paddle.inference.Config, got {type(config).__name__}")
        self._config = config
        if config._threads is not None:
            limit_threads(config._threads)
        self._model = _load(config) if model is None else model
        self._place = _place(config)
        block = self._model.program.global_block()
        self._inputs = {n: Tensor(block._var_recursive(n), self._place, True) for n in self._model.inputs}
        self._outputs = {
            name: Tensor(block._var_recursive(n), self._place, False, name)
            for name, n in zip(self._model.output_names, self._model.outputs, strict=True)
        }

    @property
    def source(self) -> str:
        """The generated code that `run` executes."""
        return self._model.inference.source

    def get_input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        return list(self._inputs)

    def get_output_names(self) -> list[str]:
        """Names of the outputs, in order."""
        return list(self._outputs)

    def get_input_handle(self, name: str) -> Tensor:
        """The handle of an input. RuntimeError for an unknown name."""
        return _handle(self._inputs, name, "input")

    def get_output_handle(self, name: str) -> Tensor:
        """The handle of an output. RuntimeError for an unknown name."""
        return _handle(self._outputs, name, "output")

    def run(self, inputs: Sequence[Any] | None = None) -> list[Any] | None:
        """Compute the outputs.

        Without arguments from the input handles; the results are read from the output handles. With a list of Tensors, one per input,
        the results are returned as a list of Tensors (and can be read from the handles too).
        RuntimeError if an input was not set, ValueError if one does not fit.
        """
        if inputs is not None:
            if not isinstance(inputs, (list, tuple)) or len(inputs) != len(self._inputs):
                raise ValueError(f"run takes a list of {len(self._inputs)} Tensors ({', '.join(self._inputs)}), got {_count(inputs)}")
            for handle, value in zip(self._inputs.values(), inputs, strict=True):
                handle.share_external_data(value)
        tensors = []
        for handle in self._inputs.values():
            t = handle._needed()
            if backend._others and t.place != self._place:
                t = make_tensor(backend.to_place(t._data, self._place))
            if handle._lod:
                t._more().lod = tuple(map(tuple, handle._lod))
            tensors.append(t)
        with no_grad(), backend.on(self._place):
            results = self._model.run(tensors)
        for handle, result in zip(self._outputs.values(), results, strict=True):
            handle._value = result
        return results if inputs is not None else None

    def clone(self, stream: Any = None) -> Predictor:
        """Another predictor for the same model, with handles of its own, for another thread."""
        if stream is not None:
            raise NotSupportedError("clone: streams of one's own are not supported; leave the argument out")
        return Predictor(self._config, self._model)

    def clear_intermediate_tensor(self) -> None:
        """Nothing to do: values inside of the Program are freed as soon as they are used."""

    def try_shrink_memory(self) -> int:
        """Let go of inputs and outputs; on a GPU also of unused memory. Returns the number of bytes let go."""
        freed = 0
        for handle in (*self._inputs.values(), *self._outputs.values()):
            if handle._value is not None:
                freed += handle._value.nbytes
                handle._value = None
        if self._place.kind == "gpu":
            backend.module_for(self._place).get_default_memory_pool().free_all_blocks()
        return freed

    def register_output_hook(self, hook: Any) -> NoReturn:
        """Not supported: values inside of the compiled Program have no hooks."""
        raise NotSupportedError("register_output_hook: values inside of a compiled Program are not shown; use paddle.jit.load and layers")


def _handle(handles: dict[str, Tensor], name: str, kind: str) -> Tensor:
    found = handles.get(name)
    if found is None:
        raise RuntimeError(f"the model has no {kind} {name!r}; it has {', '.join(map(repr, handles))}")
    return found


def _count(inputs: Any) -> str:
    return f"{len(inputs)}" if isinstance(inputs, (list, tuple)) else type(inputs).__name__


class PredictorPool:
    """`size` predictors that share one model."""

    def __init__(self, config: Config, size: int = 1) -> None:
        if size < 1:
            raise ValueError(f"PredictorPool: size must be at least 1, got {size}")
        first = Predictor(config)
        self._predictors = [first, *(first.clone() for _ in range(size - 1))]

    def retrive(self, idx: int) -> Predictor:
        """Predictor number `idx` (so spelled in Paddle). IndexError when there is none."""
        if not 0 <= idx < len(self._predictors):
            raise IndexError(f"the pool has {len(self._predictors)} predictors, there is no number {idx}")
        return self._predictors[idx]

    retrieve = retrive


def create_predictor(config: Config) -> Predictor:
    """Load the model of `config`. RuntimeError when its files are missing, ValueError when they are damaged."""
    return Predictor(config)


def convert_to_mixed_precision(
    model_file: str,
    params_file: str,
    mixed_model_file: str,
    mixed_params_file: str,
    mixed_precision: Any,
    backend: Any,
    keep_io_types: bool = True,
    black_list: Any = frozenset(),
    **kwargs: Any,
) -> NoReturn:
    """Not supported: models are run in the precision they were saved with."""
    raise NotSupportedError(
        f"convert_to_mixed_precision: {model_file} cannot be converted here; models are run in the precision they were saved with"
    )


def get_version() -> str:
    """Version of the interface and of minipaddle."""
    return f"version: {version.full_version}\nminipaddle: {version.minipaddle}\n"


def get_trt_compile_version() -> tuple[int, int, int]:
    """(0, 0, 0): TensorRT is not used."""
    return 0, 0, 0


def get_trt_runtime_version() -> tuple[int, int, int]:
    """(0, 0, 0): TensorRT is not used."""
    return 0, 0, 0


def _get_phi_kernel_name(op_name: str) -> str:
    """The name of the operator's kernel: here its own."""
    return op_name

