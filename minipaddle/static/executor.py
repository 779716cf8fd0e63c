"""Executor: runs Programs through the compiler; the values of persistable variables stay in a scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..backend.place import Place
from ..compiler.passes.unfold_batch_norm import uses_stored_statistics
from ..compiler.pipeline import INFER_PASSES, STATIC_PASSES, compile_program
from ..compiler.pipeline import CompiledProgram as Compiled
from ..core.blocks import reads as reads_of
from ..core.blocks import writes as writes_of
from ..core.gradient_forms import completed
from ..core.lod_tensor import made_lod_tensor
from ..core.old_programs import in_our_form
from ..core.program import SPECIAL_KINDS, Program, Variable
from ..core.scope import Scope, current_scope
from ..core.tensor import Tensor, isinstance_strict
from ..errors import NotSupportedError
from ..formats import pdmodel
from ..ops.registry import OPS
from .program import default_main_program

__all__ = ["BuildStrategy", "CompiledProgram", "ExecutionStrategy", "Executor"]


class FeedError(AssertionError, ValueError, TypeError):
    """What is fed is no dict, nor a list of one dict, or what is fetched is no list.

    Paddle's versions raise AssertionError or TypeError.
    """


class MissingValueError(ValueError, RuntimeError):
    """A Program needs a variable that is neither fed, nor made by an operator, nor in the scope."""


class _Strategy:
    """Settings of Paddle's own engines. They are kept and may be read back; nothing here depends on them."""

    def __init__(self) -> None:
        self.__dict__.update(type(self).defaults)

    defaults: dict[str, Any] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self).defaults:
            raise AttributeError(
                f"{type(self).__name__} has no setting {name!r}; it has {', '.join(type(self).defaults)}"
            )
        object.__setattr__(self, name, value)


class BuildStrategy(_Strategy):
    """Which rewritings Paddle makes before it runs a Program; the results are the same without."""

    class ReduceStrategy:
        """How gradients of several devices meet."""

        AllReduce, Reduce = 0, 1

    class GradientScaleStrategy:
        """How gradients of several devices are scaled."""

        CoeffNumDevice, One, Customized = 0, 1, 2

    defaults = {
        "reduce_strategy": 0, "gradient_scale_strategy": 0, "debug_graphviz_path": "", "enable_sequential_execution": False,
        "remove_unnecessary_lock": True, "num_trainers": 1, "trainer_id": 0, "trainers_endpoints": [], "nccl_comm_num": 1,
        "fuse_elewise_add_act_ops": False, "fuse_bn_act_ops": False, "fuse_bn_add_act_ops": False, "fuse_gemm_epilogue": False,
        "fuse_relu_depthwise_conv": False, "fuse_broadcast_ops": None, "fuse_all_optimizer_ops": False, "fuse_all_reduce_ops": None,
        "fused_attention": False, "fused_feedforward": False, "fuse_dot_product_attention": False, "fuse_resunit": False,
        "sync_batch_norm": False, "memory_optimize": None, "enable_inplace": None, "enable_addto": False, "cache_runtime_context": False,
        "is_distribution": False, "mkldnn_enabled_op_types": set(), "build_cinn_pass": False, "enable_auto_fusion": False,
        "allow_cuda_graph_capture": False, "sequential_run": False,
    }  # fmt: skip


class ExecutionStrategy(_Strategy):
    """How Paddle's engine spreads operators over threads; NumPy decides that here."""

    defaults = {
        "num_threads": 0, "num_iteration_per_drop_scope": 100, "num_iteration_per_run": 1, "allow_op_delay": False,
        "use_thread_barrier": False,
    }  # fmt: skip


class CompiledProgram:
    """A Program as `Executor.run` takes it. Compiling happens at the first run either way, so this only wraps it."""

    def __init__(self, program_or_graph: Program, build_strategy: BuildStrategy | None = None) -> None:
        if not isinstance(program_or_graph, Program):
            raise TypeError(f"CompiledProgram takes a Program, got {type(program_or_graph).__name__}")
        if build_strategy is not None and not isinstance(build_strategy, BuildStrategy):
            raise TypeError(
                f"CompiledProgram: build_strategy must be a BuildStrategy, got {type(build_strategy).__name__}"
            )
        self._program, self._build_strategy = program_or_graph, build_strategy

    def with_data_parallel(
        self, loss_name: str | None = None, build_strategy: Any = None, exec_strategy: Any = None, share_vars_from: Any = None,
        places: Any = None,
    ) -> CompiledProgram:  # fmt: skip
        """Itself: one device does the work. NotSupportedError for several places."""
        if places is not None and len(places if isinstance(places, (list, tuple)) else [places]) > 1:
            raise NotSupportedError("with_data_parallel: a Program runs on one device here; give one place")
        return self


class _Feed:
    """One fed variable: what its value must look like. `fixed`: (axis, size) for the known dimensions."""

    __slots__ = ("check", "copy", "dtype", "fixed", "name", "ndim", "shape")

    def __init__(self, v: Variable, copy: bool) -> None:
        self.name, self.shape, self.ndim = v.name, v.static_shape, len(v.static_shape)
        self.dtype = v.dtype.np if v.has_dtype else None
        self.check = v.need_check_feed
        self.fixed = tuple((i, n) for i, n in enumerate(v.static_shape) if n != -1)
        self.copy = copy

    def array(self, value: Any) -> Any:
        """`value` as an array that fits."""
        if isinstance_strict(value, Tensor):
            found = value._data
        elif isinstance(value, np.ndarray):
            found = value
        elif hasattr(value, "lod") and hasattr(value, "__array__"):
            found = np.asarray(value)
        else:
            found = np.asarray(value)
            if found.dtype == object:
                raise TypeError(
                    f"the fed variable {self.name!r} got a nested list whose parts differ in length; pad them, or make a tensor with "
                    "a lod out of them"
                )
            if self.dtype is not None:
                found = found.astype(self.dtype)
            if found.ndim == 0 and self.ndim == 1:
                found = found.reshape(1)  # a Python number stands for one element
        dtypes.from_numpy(found.dtype)
        if self.check:
            fits = found.ndim == self.ndim and all(found.shape[i] == n for i, n in self.fixed)
            if not fits:
                raise ValueError(
                    f"The fed Variable {self.name!r} should have dimensions = {self.ndim}, shape = {self.shape}, but received fed shape "
                    f"{list(found.shape)} on each device"
                )
            if self.dtype is not None and found.dtype != self.dtype:
                raise ValueError(
                    f"The data type of fed Variable {self.name!r} must be '{self.dtype}', but received '{found.dtype}'; convert it with "
                    f".astype('{self.dtype}')"
                )
        return found


# a scope, its version, the Tensors that a Program reads in it, and those it writes (None: not there yet)
_Bound = tuple[Scope, int, list[Tensor], "list[Tensor | None]"]


class _Plan:
    """A Program compiled for certain feeds and fetches; it remembers the scope it ran in last."""

    __slots__ = (
        "bound", "careful", "copies", "feeds", "fetches", "follows", "from_scope", "function", "keeps", "program", "written",
    )  # fmt: skip

    def __init__(
        self, program: Program, feeds: Sequence[str], fetches: Sequence[str], lod_feeds: Sequence[str]
    ) -> None:
        block = program.global_block()
        self.program = program
        operators = completed([op for op in block.ops if op.type not in ("feed", "fetch")])
        made: set[str] = set()
        known = set(feeds)
        outside: dict[str, None] = {}
        written: dict[str, None] = {}
        careful: set[str] = set()
        for op in operators:
            reads = list(reads_of(op))
            all_written = writes_of(op)
            # batch_norm with stored statistics "writes" them, but writes what is there already
            persistent = [n for n in all_written if _persists(block, n)] if not uses_stored_statistics(op) else []
            if op.sub_blocks:  # what a branch does not write must keep its value
                reads += persistent
            for n in reads:
                if n not in known and n != "@EMPTY@" and n:
                    outside[n] = None
                    known.add(n)
            definition = OPS.get(op.type)
            over = {s.name for s in definition.outputs if s.over} if definition is not None else set()
            in_place = {n for slot, names in op.outputs.items() if slot in over for n in names}
            for n in persistent:
                written[n] = None
                if n not in in_place:
                    careful.add(n)
            known.update(all_written)
            made.update(all_written)
        for n in fetches:
            if n not in known:
                outside[n] = None
                known.add(n)
        self.from_scope = [n for n in outside if not _made_inside(block, n)]
        self.written = list(written)
        self.feeds = [_Feed(block.vars[n], n in made) for n in feeds]
        self.fetches = list(fetches)
        keep = {*feeds, *self.from_scope, *self.written}
        self.copies = [
            n in keep for n in fetches
        ]  # the caller must not share memory with the scope or with what it fed
        self.careful = [n in careful for n in self.written]
        # a Program that changes nothing is one for inference: what depends on parameters alone is computed when they change
        self.follows = not self.written
        self.function: Compiled = compile_program(
            operators, [*feeds, *self.from_scope], [*fetches, *self.written], "program", lod_feeds,
            seldom=self.from_scope if self.follows else (), passes=INFER_PASSES if self.follows else STATIC_PASSES,
        )  # fmt: skip
        prepared = self.function.prepare
        hoisted = {n for op in prepared.operators for n in op.output_arg_names} if prepared is not None else set()
        self.copies = [c or n in hoisted for c, n in zip(self.copies, fetches)]
        # what is computed once may be kept only where it cannot become a variable that is changed in place
        self.keeps = prepared is not None and not any(self.careful) and not hoisted & set(self.written)
        self.bound: _Bound | None = None  # replaced as a whole: several threads may run a Program, each in its scope

    def bind(self, scope: Scope) -> _Bound:
        """Find the Tensors of the scope that the Program reads and writes."""
        tensors = []
        for name in self.from_scope:
            found = scope.find_var(name)
            if found is None or found.value is None:
                raise MissingValueError(self._missing(name))
            tensors.append(found.value)
        bound = (scope, scope.version, tensors, [scope.tensor(name) for name in self.written])
        if scope._parent is None:  # else a variable of an enclosing scope may be hidden by a new one
            self.bound = bound
        return bound

    def _missing(self, name: str) -> str:
        v = self.program.global_block().find_var(name)
        if v is None:
            return f"variable {name!r} is not in the Program, nor has the scope a value for it"
        if v.persistable:
            return (
                f"variable {name!r} ({v.describe()}) has no value in the scope; run the startup Program first: "
                "exe.run(paddle.static.default_startup_program()), after optimizer.minimize"
            )
        reader = next((op for b in self.program.blocks for op in b.ops if name in op.input_arg_names), None)
        where = f"; operator {reader.type} reads it" if reader is not None else ""
        return f"variable {name!r} ({v.describe()}) is neither fed nor computed by the Program{where}. Feed it: feed={{{name!r}: array}}"

    def run(self, xp: Any, feed: dict[str, Any], scope: Scope, lods: Sequence[Any]) -> list[Any]:
        """Results of the fetches; persistable variables are updated in `scope`."""
        arrays = []
        for f in self.feeds:
            value = feed[f.name]
            if type(value) is np.ndarray and value.dtype is f.dtype and value.ndim == f.ndim:
                for axis, n in f.fixed:
                    if value.shape[axis] != n:
                        value = f.array(value)
                        break
            else:
                value = f.array(value)
            arrays.append(value.copy() if f.copy else value)
        bound = self.bound
        if bound is None or bound[0] is not scope or bound[1] != scope.version:
            bound = self.bind(scope)
        tensors, write = bound[2], bound[3]
        if xp is not np or backend._others:
            arrays = [backend.to_module(a, xp) for a in arrays]
            for t in tensors:
                if backend.array_module(t._data) is not xp:
                    t._data = backend.to_module(t._data, xp)
        fed = len(arrays)
        arrays += [t._data for t in tensors]
        if self.keeps and not lods:
            versions = [0] * fed + [t._version[0] for t in tensors] if self.follows else None
            results = self.function.with_state(xp, arrays, versions)
        else:
            results = self.function(xp, *arrays, *lods)
        count = len(self.fetches)
        if self.written:
            position = count
            seen: set[int] = set()
            for held, careful in zip(write, self.careful):
                value = results[position]
                if held is None or held._data is not value:
                    if type(value) is not np.ndarray and isinstance(value, (np.generic, float, int)):
                        value = np.asarray(value)
                    if careful:  # no two variables may share memory: updates happen in place
                        if (
                            getattr(value, "base", None) is not None
                            or id(value) in seen
                            or any(value is a for a in arrays)
                        ):
                            value = value.copy()
                        seen.add(id(value))
                    if held is None:
                        scope.var(self.written[position - count]).put(value)
                    else:
                        held._data = value
                else:
                    held._version[0] += 1  # an update in place
                position += 1
        out = results[:count]
        for i, must_copy in enumerate(self.copies):
            value = out[i]
            if type(value) is not np.ndarray:
                if isinstance(value, (np.generic, float, int, bool, complex)):
                    out[i] = np.asarray(value)
                    continue
                if isinstance(value, list):
                    out[i] = list(value)
                    continue
            if must_copy or value.base is not None or any(value is a for a in arrays[:fed]):
                out[i] = value.copy()
        return out if not self.function.gives_lods else [*out, *results[count + len(self.written) :][:count]]


def _persists(block: Any, name: str) -> bool:
    v = block.find_var(name)
    return v is not None and v.persistable and v.kind not in SPECIAL_KINDS


def _made_inside(block: Any, name: str) -> bool:
    """Whether a name is a variable of control flow that has no value before it runs (step scopes, tensor arrays)."""
    v = block.find_var(name)
    return v is not None and v.kind in ("STEP_SCOPES", "LOD_TENSOR_ARRAY") and not v.persistable


class Executor:
    """Runs Programs on one device.

    place: a Place or a device name; the current device by default. ValueError for anything else.
    """

    def __init__(self, place: Place | str | None = None) -> None:
        if isinstance(place, (list, tuple)) and len(place) == 1:
            place = place[0]
        if place is not None and not isinstance(place, (Place, str)):
            raise ValueError(
                f"Executor: place must be a Place or a string such as 'cpu' or 'gpu:0', got {type(place).__name__}"
            )
        self.place = backend.current_place() if place is None else backend.parse(place)
        self._xp = backend.module_for(self.place)
        self._closed = False

    def close(self) -> None:
        """No more runs: RuntimeError from then on."""
        self._closed = True

    def flush(self) -> None:
        """Nothing waits to be written; here for Paddle's sake."""

    def run(
        self,
        program: Program | CompiledProgram | None = None,
        feed: Any = None,
        fetch_list: Any = None,
        feed_var_name: str = "feed",
        fetch_var_name: str = "fetch",
        scope: Scope | None = None,
        return_numpy: bool = True,
        use_program_cache: bool = False,
        use_prune: bool = False,
    ) -> list[Any]:
        """Run all operators of a Program and return the values of `fetch_list`.

        program: default the default main Program. feed: a dict from variable names to ndarrays, Tensors or lists; a list of one
        such dict; or a batch of a DataLoader with `feed_list`. Names the Program lacks are ignored. fetch_list: Variables or
        names. scope: where persistable variables live, default the one in force. return_numpy: False for LoDTensors.
        use_prune: leave out what the fetches do not need, updates of parameters too. The other arguments name Paddle's
        internal variables and its cache, and have no effect: Programs are always cached here.

        ValueError names a fed variable of the wrong shape or dtype, and a variable that has no value; AssertionError (and
        TypeError) when `feed` is something else; RuntimeError after `close()`.
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Executor")
        if program is None:
            program = default_main_program()
        elif type(program) is not Program:
            program = _program_of(program)
        if type(feed) is not dict:
            feed = _feed_dict(feed)
        fetches = _fetch_names(fetch_list)
        key: Any = (tuple(feed), fetches) if not use_prune else (tuple(feed), fetches, "pruned")
        lods: list[Any] = []
        lod_feeds: list[str] = []
        for name, value in feed.items():
            if type(value) is not np.ndarray and hasattr(value, "lod"):
                lod = value.lod() if callable(value.lod) else None
                if lod:
                    lod_feeds.append(name)
                    lods.append(tuple(tuple(level) for level in lod))
        if lod_feeds:
            key = (*key, tuple(lod_feeds))
        plan = program.cache.get(key)
        if plan is None:
            block = program.global_block()
            known = [n for n in feed if n in block.vars]
            if lods:
                lods = [lod for n, lod in zip(lod_feeds, lods) if n in block.vars]
                lod_feeds = [n for n in lod_feeds if n in block.vars]
            source = in_our_form(program)
            if use_prune and fetches:
                source = pdmodel.prune(source, known, fetches)
                known = [n for n in known if n in source.global_block().vars]
            plan = _Plan(source, known, fetches, lod_feeds)
            program.cache[key] = plan
        scope = current_scope() if scope is None else scope
        if program.lr_scheduler is not None:
            _write_rate(program, scope)
        if len(lods) != len(plan.function.lod_feeds):
            lods = [lod for n, lod in zip(lod_feeds, lods) if n in plan.function.lod_feeds]
        with backend.on(self.place):
            results = plan.run(self._xp, feed, scope, lods)
        count = len(fetches)
        out_lods = results[count:]
        if return_numpy:
            for i, lod in enumerate(out_lods):
                if lod:
                    raise RuntimeError(
                        f"Some of your fetched tensors hold LoD information ({fetches[i]!r}). They can not be completely cast to Python "
                        "ndarray. Please set the parameter 'return_numpy' as 'False' to return LoDTensor itself directly."
                    )
            return [r if type(r) is np.ndarray or isinstance(r, list) else backend.to_numpy(r) for r in results[:count]]
        tensors: list[Any] = [
            r if isinstance(r, list) else made_lod_tensor(np.asarray(r) if isinstance(r, np.generic) else r) for r in results[:count]
        ]
        for t, lod in zip(tensors, out_lods):
            if lod:
                t.set_lod(lod)
        return tensors

    def train_from_dataset(self, *args: Any, **kwargs: Any) -> None:
        """Not supported: NotSupportedError."""
        raise NotSupportedError(
            "Executor.train_from_dataset: file data sets of Paddle's C++ readers are not supported; loop over a DataLoader"
        )

    infer_from_dataset = train_from_dataset


def _program_of(value: Any) -> Program:
    if isinstance(value, CompiledProgram):
        return value._program
    if isinstance(value, Program):
        return value
    raise TypeError(f"Executor.run takes a Program or CompiledProgram, got {type(value).__name__}")


def _feed_dict(feed: Any) -> dict[str, Any]:
    """The fed values by name."""
    if feed is None:
        return {}
    if isinstance(feed, dict):
        return feed
    names = getattr(feed, "feed_names", None)
    if names is not None and not (len(feed) == 1 and isinstance(feed[0], dict)):
        if len(names) != len(feed):
            raise FeedError(f"the fed batch has {len(feed)} fields for the variables {list(names)}")
        return dict(zip(names, feed))
    if isinstance(feed, (list, tuple)):
        if len(feed) == 1 and isinstance(feed[0], dict):
            return feed[0]
        if not feed:
            return {}
        if all(isinstance(f, dict) for f in feed):
            raise FeedError(
                f"Not compiled with data parallel: feed holds {len(feed)} dicts, but a Program runs on one device; give one"
            )
        raise FeedError(
            "feed requires dict as its Parameter. But you passed in a list of "
            f"{', '.join(sorted({type(f).__name__ for f in feed}))}; write feed={{name: value, ...}}, or give the DataLoader its feed_list"
        )
    raise FeedError(f"feed requires dict as its Parameter. But you passed in {type(feed).__name__}")


def _fetch_names(fetch_list: Any) -> tuple[str, ...]:
    if fetch_list is None:
        return ()
    if isinstance(fetch_list, (str, Variable)):
        fetch_list = [fetch_list]
    if not isinstance(fetch_list, (list, tuple)):
        raise FeedError(f"fetch_list must be a list or tuple of Variables or names, got {type(fetch_list).__name__}")
    names: list[str] = []
    for i, item in enumerate(fetch_list):
        if type(item) is str:
            names.append(item)
        elif isinstance(item, Variable):
            names.append(item.name)
        elif isinstance(item, (list, tuple)):
            names += _fetch_names(item)
        else:
            raise TypeError(
                f"Require fetch_list[{i}] 's type shall be one of (Variable, str), but received {type(item).__name__}."
            )
    return tuple(names)


def _write_rate(program: Program, scope: Scope) -> None:
    """Put the scheduler's rate of this step into the Program's learning-rate variable."""
    v = program.lr_var
    if v is None:
        v = program.lr_var = program.global_block().var(program.lr_scheduler._var_name)
    holder = scope.var(v.name)
    value = np.full(v.static_shape, program.lr_scheduler(), v.dtype.np)
    if holder.value is None:
        holder.put(value)
    else:
        holder.value._data = backend.to_module(value, backend.array_module(holder.value._data))
