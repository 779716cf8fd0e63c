"""What a predictor is made from, and its switches."""
from __future__ import annotations

import enum
import os
from collections.abc import Iterable
from typing import Any, NoReturn

from ..backend import xp as backend
from ..backend.place import CUDAPlace
from ..errors import NotSupportedError

__all__ = ["Config", "DataType", "PlaceType", "PrecisionType", "XpuConfig", "get_num_bytes_of_data_type"]


class PrecisionType(enum.Enum):
    """Precision of the computation."""

    Float32 = 0
    Int8 = 1
    Half = 2
    Bfloat16 = 3


class PlaceType(enum.Enum):
    """Kind of device."""

    UNK = -1
    CPU = 0
    GPU = 1
    XPU = 2
    CUSTOM = 4


class DataType(enum.Enum):
    """Element type of an input or output."""

    FLOAT32 = 0
    INT64 = 1
    INT32 = 2
    UINT8 = 3
    INT8 = 4
    FLOAT16 = 5
    BOOL = 6
    FLOAT64 = 7


_BYTES = {"FLOAT32": 4, "INT64": 8, "INT32": 4, "UINT8": 1, "INT8": 1, "FLOAT16": 2, "BOOL": 1, "FLOAT64": 8}


def get_num_bytes_of_data_type(dtype: DataType) -> int:
    """Bytes per element."""
    return _BYTES[dtype.name]


class XpuConfig:
    """For Kunlun devices, which are not supported; making one raises NotSupportedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError("XpuConfig: Kunlun XPUs are not supported; use the CPU or an NVIDIA GPU")


_TENSORRT = "TensorRT is not used here; leave the call out"
_REFUSED = {
    **dict.fromkeys(
        (
            "enable_tensorrt_engine", "enable_tensorrt_dla", "enable_tensorrt_varseqlen", "enable_tensorrt_memory_optim",
            "enable_tensorrt_inspector", "enable_tensorrt_explicit_quantization", "set_trt_dynamic_shape_info",
            "enable_tuned_tensorrt_dynamic_shape", "collect_shape_range_info", "exp_disable_tensorrt_ops", "mark_trt_engine_outputs",
            "set_tensorrt_optimization_level",
        ),
        _TENSORRT,
    ),
    **dict.fromkeys(
        ("enable_mkldnn_bfloat16", "enable_mkldnn_int8", "set_bfloat16_op", "enable_quantizer", "enable_low_precision_io",
         "exp_enable_mixed_precision_ops", "exp_disable_mixed_precision_ops"),
        "models are run in the precision they were saved with; leave the call out",
    ),
    **dict.fromkeys(
        ("enable_xpu", "set_xpu_device_id", "set_xpu_config", "enable_ipu", "set_ipu_config", "set_ipu_custom_info", "load_ipu_config",
         "enable_custom_device", "enable_lite_engine", "enable_opencl", "enable_onnxruntime", "enable_ort_optimization", "enable_dlnne",
         "set_dist_config", "exp_enable_use_cutlass"),
        "only the CPU and NVIDIA GPUs (through CuPy) are supported; leave the call out",
    ),
    "enable_profile": "use Python's profilers, for example cProfile, around predictor.run()",
    "enable_save_optim_model": "optimized Programs are not written; paddle.jit.save writes the model",
}  # fmt: skip
_NEVER = frozenset(
    ("tensorrt_engine_enabled", "tensorrt_dla_enabled", "tensorrt_varseqlen_enabled", "tensorrt_dynamic_shape_enabled",
     "tuned_tensorrt_dynamic_shape", "tensorrt_inspector_enabled", "tensorrt_explicit_quantization_enabled", "shape_range_info_collected",
     "mkldnn_int8_enabled", "use_xpu", "use_opencl", "lite_engine_enabled", "onnxruntime_enabled")
)  # fmt: skip


class Config:
    """A model and how to run it.

    Config(prog_file, params_file), or Config(folder) for a folder of 1.x, or Config(prefix) for the files of `paddle.jit.save`.

    With an effect: `enable_use_gpu`, `disable_gpu`, `switch_ir_optim(False)` (no rewriting of the Program, for comparison) and
    `set_cpu_math_library_num_threads` (threads of NumPy's BLAS, for the whole process). Accepted without one, because here it is always
    so or there is nothing to switch: `enable_memory_optim`, `enable_mkldnn`, `disable_mkldnn`, `disable_glog_info`, `switch_ir_debug`,
    `switch_use_feed_fetch_ops`, `switch_specify_input_names`, `delete_pass`, `enable_new_executor`, `set_optim_cache_dir` and the like.
    Switches that ask for other engines, devices or precisions raise NotSupportedError.
    """

    Precision = PrecisionType

    def __init__(self, *arguments: str | os.PathLike[str]) -> None:
        self._folder = self._prog = self._params = ""
        self._buffers: tuple[bytes, bytes] | None = None
        self._gpu: int | None = None
        self._memory_mb = 100
        self._ir_optim = True
        self._threads: int | None = None
        self._mkldnn = True
        self._memory_optim = True
        self._quiet = False
        self._named = False
        self._feed_fetch = False
        self._deleted: list[str] = []
        if arguments:
            self.set_model(*arguments)

    # --- the model

    def set_model(self, *arguments: str | os.PathLike[str]) -> None:
        """Name the model: (prog_file, params_file), a folder, or a prefix. TypeError for other numbers of arguments."""
        if len(arguments) not in (1, 2):
            raise TypeError(f"a model is named by a folder, a prefix, or (prog_file, params_file); got {len(arguments)} arguments")
        paths = [os.fspath(a) for a in arguments]
        self._buffers = None
        if len(paths) == 2:
            self._folder, (self._prog, self._params) = "", paths
        else:
            found = [paths[0] + s for s in (".pdmodel", ".json") if os.path.exists(paths[0] + s)]
            if found and not os.path.isdir(paths[0]):
                self._folder, self._prog, self._params = "", found[0], paths[0] + ".pdiparams"
            else:
                self._folder, self._prog, self._params = paths[0], "", ""

    def set_prog_file(self, path: str) -> None:
        """Name the file of the Program."""
        self._prog = os.fspath(path)

    def set_params_file(self, path: str) -> None:
        """Name the file of the parameters."""
        self._params = os.fspath(path)

    def set_model_buffer(self, prog_buffer: bytes, prog_buffer_size: int, params_buffer: bytes, params_buffer_size: int) -> None:
        """Give the contents of the two files instead of their names; the sizes say how many bytes of them count."""
        self._buffers = bytes(prog_buffer[:prog_buffer_size]), bytes(params_buffer[:params_buffer_size])

    def model_from_memory(self) -> bool:
        """Whether `set_model_buffer` was used."""
        return self._buffers is not None

    def model_dir(self) -> str:
        """The folder, or ""."""
        return self._folder

    def prog_file(self) -> str:
        """The file of the Program, or ""."""
        return self._prog

    def params_file(self) -> str:
        """The file of the parameters, or ""."""
        return self._params

    # --- the device

    def enable_use_gpu(
        self, memory_pool_init_size_mb: int = 100, device_id: int = 0, precision: PrecisionType = PrecisionType.Float32
    ) -> None:
        """Run on an NVIDIA GPU. ImportError without CuPy, RuntimeError without a GPU, NotSupportedError for another precision.

        memory_pool_init_size_mb is remembered, but CuPy's pool grows as needed.
        """
        if precision not in (PrecisionType.Float32, PrecisionType.Float32.value):
            raise NotSupportedError(f"enable_use_gpu: precision {precision} is not supported; models run as they were saved")
        backend.module_for(CUDAPlace(device_id))
        self._memory_mb, self._gpu = int(memory_pool_init_size_mb), int(device_id)

    def disable_gpu(self) -> None:
        """Run on the CPU."""
        self._gpu = None

    def use_gpu(self) -> bool:
        """Whether a GPU is used."""
        return self._gpu is not None

    def gpu_device_id(self) -> int:
        """Number of the GPU (0 on the CPU)."""
        return self._gpu or 0

    def xpu_device_id(self) -> int:
        """0: there are no XPUs."""
        return 0

    def memory_pool_init_size_mb(self) -> int:
        """What `enable_use_gpu` was given."""
        return self._memory_mb

    def fraction_of_gpu_memory_for_pool(self) -> float:
        """0.0: the pool grows as needed."""
        return 0.0

    # --- switches

    def switch_ir_optim(self, x: bool = True) -> None:
        """Let the compiler rewrite the Program (fusions and the like), or not."""
        self._ir_optim = bool(x)

    def ir_optim(self) -> bool:
        """Whether the compiler may rewrite the Program."""
        return self._ir_optim

    def set_cpu_math_library_num_threads(self, cpu_math_library_num_threads: int) -> None:
        """Threads of NumPy's BLAS, set for the whole process when a predictor is made. ValueError below 1."""
        if cpu_math_library_num_threads < 1:
            raise ValueError(f"cpu_math_library_num_threads must be at least 1, got {cpu_math_library_num_threads}")
        self._threads = int(cpu_math_library_num_threads)

    def cpu_math_library_num_threads(self) -> int:
        """The number set, 1 if none was."""
        return self._threads or 1

    def enable_memory_optim(self, x: bool = True) -> None:
        """Accepted: memory is always reused."""
        self._memory_optim = bool(x)

    def enable_mkldnn(self) -> None:
        """Accepted: there is one way of computing on the CPU."""
        self._mkldnn = True

    def disable_mkldnn(self) -> None:
        """Accepted, as `enable_mkldnn`."""
        self._mkldnn = False

    def mkldnn_enabled(self) -> bool:
        """The last of `enable_mkldnn` and `disable_mkldnn`."""
        return self._mkldnn

    def disable_mkldnn_fc_passes(self) -> None:
        """Accepted: there are no such passes."""

    def set_mkldnn_cache_capacity(self, capacity: int = 0) -> None:
        """Accepted: there is no such cache."""

    def set_mkldnn_op(self, op_types: Iterable[str]) -> None:
        """Accepted: there is one way of computing on the CPU."""

    def disable_onnxruntime(self) -> None:
        """Accepted: it is never used."""

    def disable_glog_info(self) -> None:
        """Accepted: nothing is logged."""
        self._quiet = True

    def glog_info_disabled(self) -> bool:
        """Whether `disable_glog_info` was called."""
        return self._quiet

    def switch_ir_debug(self, x: bool = True) -> None:
        """Accepted: the generated code can always be read, ``predictor.source``."""

    def switch_use_feed_fetch_ops(self, x: bool = True) -> None:
        """Accepted: inputs and outputs always go through handles."""
        self._feed_fetch = bool(x)

    def use_feed_fetch_ops_enabled(self) -> bool:
        """What `switch_use_feed_fetch_ops` was given."""
        return self._feed_fetch

    def switch_specify_input_names(self, x: bool = True) -> None:
        """Accepted: inputs always have names."""
        self._named = bool(x)

    def specify_input_name(self) -> bool:
        """What `switch_specify_input_names` was given."""
        return self._named

    def delete_pass(self, name: str) -> None:
        """Accepted: Paddle's passes do not exist here; `switch_ir_optim(False)` switches off those that do."""
        self._deleted.append(name)

    def enable_new_executor(self, x: bool = True) -> None:
        """Accepted: there is one executor."""

    def set_optim_cache_dir(self, opt_cache_dir: str) -> None:
        """Accepted: nothing is cached on disk."""

    def __getattr__(self, name: str) -> Any:
        if name in _REFUSED:

            def refuse(*args: Any, **kwargs: Any) -> NoReturn:
                raise NotSupportedError(f"Config.{name}: {_REFUSED[name]}")

            return refuse
        if name in _NEVER:
            return lambda: False
        raise AttributeError(f"Config has no attribute {name!r}")

    def summary(self) -> str:
        """The settings as a table."""
        rows = [
            ("model_dir", self._folder), ("model_file", self._prog), ("params_file", self._params), ("use_gpu", self.use_gpu()),
            ("gpu_device_id", self.gpu_device_id()), ("ir_optim", self._ir_optim), ("memory_optim", self._memory_optim),
            ("cpu_math_thread", self.cpu_math_library_num_threads()), ("enable_mkldnn", self._mkldnn),
        ]  # fmt: skip
        texts = [("Option", "Value"), *((name, str(value)) for name, value in rows if value != "")]
        wide = [max(len(row[i]) for row in texts) for i in (0, 1)]
        line = f"+-{'-' * wide[0]}-+-{'-' * wide[1]}-+"
        body = [f"| {a.ljust(wide[0])} | {b.ljust(wide[1])} |" for a, b in texts]
        return "\n".join([line, body[0], line, *body[1:], line]) + "\n"
