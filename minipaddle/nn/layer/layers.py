"""The base class of all layers.

A Layer owns parameters, buffers and sublayers. Assigning one of them to an attribute registers it under that name; the
registries `_parameters`, `_buffers` and `_sub_layers` keep the order in which they came. Registered values are ordinary
instance attributes as well, so reading `self.weight` costs nothing extra.
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import dtypes
from ...backend import xp as backend
from ...core.context import context
from ...core.parameters import create_parameter
from ...core.program import Variable
from ...core.tensor import Parameter, Tensor, TensorBase, isinstance_strict, make_tensor
from ...tensor import creation
from ...utils import unique_name
from ..initializer import Initializer, chosen_initializer, unique_parameter_name
from ..param_attr import ParamAttr

__all__ = ["Layer"]


# how often the parts or the mode of any Layer of this process changed: parameters, buffers, sublayers and hooks come and go
edits = [0]


def parts_of(layer: Layer) -> list[Any]:
    """All that a Layer consists of: itself and its sublayers, with their parameters, buffers and hooks on calls."""
    found: list[Any] = []
    for one in layer.sublayers(include_self=True):
        found.append(one)
        for part in (one._parameters, one._buffers, one._forward_pre_hooks, one._forward_post_hooks):
            found += part.values()
    return found


def _snake(name: str) -> str:
    """``BatchNorm2D`` -> ``batch_norm2d``, as Paddle names layers."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _path_among(running: Sequence[tuple[Any, str]], layer: Layer) -> str:
    """Where `layer` is found below the Layers that are running: "blocks.0.fc"; its class name when it is in none of them."""
    for outer, path in reversed(running):
        if outer is layer:
            return path
        for name, inner in outer.named_sublayers():
            if inner is layer:
                return f"{path}.{name}" if path else name
    return type(layer).__name__


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


class HookRemover:
    """What registering a hook returns; `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Any], number: int) -> None:
        self._hooks, self._number = hooks, number

    def remove(self) -> None:
        """Take the hook away; nothing happens the second time."""
        edits[0] += 1
        self._hooks.pop(self._number, None)


def _register(hooks: dict[int, Any], hook: Any) -> HookRemover:
    edits[0] += 1
    number = max(hooks, default=-1) + 1
    hooks[number] = hook
    return HookRemover(hooks, number)


def _is_parameter(value: Any) -> bool:
    return isinstance_strict(value, Parameter) or (isinstance_strict(value, Variable) and value.is_parameter)


class Layer:
    """Base class of layers: subclass it, make parameters and sublayers in `__init__`, compute in `forward`.

    name_scope: base of the layer's name (the class name in snake case by default). dtype: of parameters made by
    `create_parameter`.
    """

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _sub_layers: dict[str, Any]
    _non_persistable_buffer_names_set: set[str]
    _forward_pre_hooks: dict[int, Any]
    _forward_post_hooks: dict[int, Any]
    _state_dict_hooks: dict[int, Any]

    def __init__(self, name_scope: str | None = None, dtype: Any = "float32") -> None:
        space = self.__dict__
        space["training"] = True
        space["_full_name"] = unique_name.generate(_snake(type(self).__name__) if name_scope is None else name_scope)
        space["_dtype"] = dtype
        space["_parameters"], space["_buffers"], space["_sub_layers"] = OrderedDict(), OrderedDict(), OrderedDict()
        space["_non_persistable_buffer_names_set"] = set()
        space["_forward_pre_hooks"], space["_forward_post_hooks"], space["_state_dict_hooks"] = (
            OrderedDict(),
            OrderedDict(),
            OrderedDict(),
        )

    # --- calling

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        """Run pre-hooks, `forward`, post-hooks."""
        if context.recorder is not None:
            layers = context.recorder.layers
            layers.append((self, _path_among(layers, self)))
            try:
                return self._call_with_hooks(*inputs, **kwargs)
            finally:
                layers.pop()
        if not self._forward_pre_hooks and not self._forward_post_hooks:
            return self.forward(*inputs, **kwargs)
        return self._call_with_hooks(*inputs, **kwargs)

    def _call_with_hooks(self, *inputs: Any, **kwargs: Any) -> Any:
        for hook in list(self._forward_pre_hooks.values()):
            changed = hook(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        outputs = self.forward(*inputs, **kwargs)
        for hook in list(self._forward_post_hooks.values()):
            changed = hook(self, inputs, outputs)
            if changed is not None:
                outputs = changed
        return outputs

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the layer computes; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def backward(self, *inputs: Any) -> None:
        """ValueError: gradients come from the operators of `forward`; use PyLayer for one of your own."""
        raise ValueError(
            "Layer shouldn't implement backward; write a paddle.autograd.PyLayer for a gradient of your own"
        )

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookRemover:
        """Call ``hook(layer, inputs)`` before `forward`; what it returns (unless None) replaces the inputs."""
        return _register(self._forward_pre_hooks, hook)

    def register_forward_post_hook(self, hook: Callable[..., Any]) -> HookRemover:
        """Call ``hook(layer, inputs, output)`` after `forward`; what it returns (unless None) replaces the output."""
        return _register(self._forward_post_hooks, hook)

    def train(self) -> Layer:
        """Training mode for this layer and all below: dropout drops, batch_norm uses batch statistics."""
        for layer in self.sublayers(include_self=True):
            layer.training = True
        return self

    def eval(self) -> Layer:
        """Evaluation mode for this layer and all below."""
        for layer in self.sublayers(include_self=True):
            layer.training = False
        return self

    def apply(self, fn: Callable[[Layer], Any]) -> Layer:
        """``fn(layer)`` for every layer below and then this one."""
        for layer in self.children():
            layer.apply(fn)
        fn(self)
        return self

    def full_name(self) -> str:
        """The layer's name, ``linear_0``: base of its parameters' names."""
        return self._full_name  # type: ignore[no-any-return]

    # --- making parameters

    def create_parameter(
        self,
        shape: Sequence[int],
        attr: Any = None,
        dtype: Any = None,
        is_bias: bool = False,
        default_initializer: Initializer | None = None,
    ) -> Any:
        """A new parameter; None when `attr` is False.

        shape: ints. attr: ParamAttr, name, Initializer, regularizer, or False for no parameter. dtype: the layer's by default.
        """
        attr = ParamAttr._to_attr(attr)
        if attr is False:
            return None
        kind = dtypes.as_dtype(self._dtype or dtypes.get_default_dtype() if dtype is None else dtype)
        initializer = chosen_initializer(attr.initializer, default_initializer, is_bias)
        dims: Any = shape if hasattr(shape, "__iter__") else [shape]
        size = [int(n) for n in dims]
        name = attr.name if attr.name is not None else unique_parameter_name(self._full_name, is_bias)
        return create_parameter(
            size, kind, name, lambda: initializer.values(size, kind), trainable=attr.trainable,
            optimize_attr={"learning_rate": attr.learning_rate}, regularizer=attr.regularizer, need_clip=attr.need_clip,
        )  # fmt: skip

    def create_tensor(self, name: str | None = None, persistable: bool | None = None, dtype: Any = None) -> Any:
        """An empty Tensor named after the layer, to be given a value later."""
        kind = dtypes.as_dtype(self._dtype if dtype is None else dtype)
        t = Tensor(np.zeros([0], kind.np), name=name or unique_name.generate(f"{self._full_name}._generated_var"))
        t.persistable = bool(persistable)
        return t

    create_variable = create_tensor

    def add_parameter(self, name: str, parameter: Any) -> Any:
        """Register `parameter` (or None) as ``self.<name>``. TypeError for other types, KeyError for bad names."""
        self._check_name(name, "parameter", self._parameters)
        if parameter is not None and not _is_parameter(parameter):
            raise TypeError(
                f"The parameter to be added should be a Parameter, but received {type(parameter).__name__}."
            )
        edits[0] += 1
        self._parameters[name] = parameter
        self.__dict__[name] = parameter
        return parameter

    def add_sublayer(self, name: str, sublayer: Layer) -> Layer:
        """Register `sublayer` as ``self.<name>``. AssertionError unless it is a Layer."""
        if not isinstance(sublayer, Layer) and sublayer is not None:
            raise AssertionError(f"add_sublayer takes a Layer, got {type(sublayer).__name__}")
        edits[0] += 1
        self._sub_layers[str(name)] = sublayer
        self.__dict__[str(name)] = sublayer
        return sublayer

    def register_buffer(self, name: str, tensor: Any, persistable: bool = True) -> None:
        """Register a Tensor (or None) that belongs to the layer but is not trained; saved with it if `persistable`."""
        self._check_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance_strict(tensor, TensorBase):
            raise TypeError(f"The registered buffer should be a Tensor, but received {type(tensor).__name__}.")
        edits[0] += 1
        self._buffers[name] = tensor
        self.__dict__[name] = tensor
        if persistable:
            self._non_persistable_buffer_names_set.discard(name)
        else:
            self._non_persistable_buffer_names_set.add(name)
        if isinstance_strict(tensor, Tensor):
            tensor.persistable = True

    def _check_name(self, name: Any, kind: str, registry: dict[str, Any]) -> None:
        if "_parameters" not in self.__dict__:
            raise RuntimeError("super().__init__() should be called first")
        if not isinstance(name, str):
            raise TypeError(f"The name of {kind} should be a string, but received {type(name).__name__}.")
        if "." in name:
            raise KeyError(
                f"The name of {kind} can not contain `.`, got {name!r}: attributes below it could not be reached"
            )
        if name == "":
            raise KeyError(f"The name of {kind} can not be empty.")
        if hasattr(self, name) and name not in registry:
            raise KeyError(f"The {kind} '{name}' already exists: the layer has an attribute of that name")

    # --- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        space = self.__dict__
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        if isinstance(value, Layer) or isinstance_strict(value, TensorBase):
            self._set_registered(name, value)
            return
        if name == "training" and space.get(name) is not value:
            edits[0] += 1
        parameters = space.get("_parameters")
        if parameters is not None:
            for registry, kind in (
                (parameters, "parameter"),
                (self._sub_layers, "sublayer"),
                (self._buffers, "buffers"),
            ):
                if name in registry:
                    if value is not None:
                        wanted = {"parameter": "Parameter", "sublayer": "Layer", "buffers": "core.Tensor"}[kind]
                        raise TypeError(
                            f"assignment to {kind} '{name}' should be of type {wanted} or None, but got '{type(value).__name__}'"
                        )
                    edits[0] += 1
                    registry[name] = None
        object.__setattr__(self, name, value)

    def _set_registered(self, name: str, value: Any) -> None:
        """Assignment of a Layer, a Parameter, a Tensor or a Variable."""
        space = self.__dict__
        if "_parameters" not in space:
            raise ValueError("super().__init__() should be called first")
        parameters, buffers, layers = self._parameters, self._buffers, self._sub_layers
        if isinstance(value, Layer):
            kinds, registry = (parameters, buffers), layers
        elif _is_parameter(value):
            kinds, registry = (buffers, layers), parameters
        else:
            if name in parameters:
                raise TypeError(
                    f"assignment to parameter '{name}' should be of type Parameter or None, but got '{type(value).__name__}'"
                )
            if isinstance_strict(value, Variable) and isinstance_strict(buffers.get(name), Tensor):
                # a buffer updated while its layer is traced: the Program writes the new value over the buffer
                creation.assign(value, buffers[name])
                return
            if isinstance_strict(value, Variable) and name not in buffers:
                object.__setattr__(self, name, value)
                return
            kinds, registry = (parameters, layers), buffers
            if name not in buffers:
                self._non_persistable_buffer_names_set.add(name)
        if registry.get(name) is not value:
            edits[0] += 1
        for other in kinds:
            other.pop(name, None)
        registry[name] = value
        space[name] = value

    def __getattr__(self, name: str) -> Any:
        # only reached when there is no ordinary attribute: something was put into a registry directly
        space = self.__dict__
        for registry in ("_parameters", "_sub_layers", "_buffers"):
            if registry in space and name in space[registry]:
                return space[registry][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        edits[0] += 1
        found = False
        for registry in (self._parameters, self._sub_layers, self._buffers):
            if name in registry:
                del registry[name]
                found = True
        self._non_persistable_buffer_names_set.discard(name)
        if found:
            self.__dict__.pop(name, None)
        else:
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return [*dir(type(self)), *self.__dict__, *self._parameters, *self._sub_layers, *self._buffers]

    # --- walking

    def named_sublayers(
        self, prefix: str = "", include_self: bool = False, layers_set: set[Layer] | None = None
    ) -> Iterator[tuple[str, Layer]]:
        """(dotted name, layer) of all layers below, each layer once."""
        seen = set() if layers_set is None else layers_set
        if include_self and self not in seen:
            seen.add(self)
            yield prefix, self
        for name, layer in self._sub_layers.items():
            if layer is not None and layer not in seen:
                yield from layer.named_sublayers(
                    f"{prefix}.{name}" if prefix else name, include_self=True, layers_set=seen
                )

    def sublayers(self, include_self: bool = False) -> list[Layer]:
        """All layers below, in order."""
        return [layer for _, layer in self.named_sublayers(include_self=include_self)]

    def named_children(self) -> Iterator[tuple[str, Layer]]:
        """(name, layer) of the layers directly below."""
        seen: set[Layer] = set()
        for name, layer in self._sub_layers.items():
            if layer is not None and layer not in seen:
                seen.add(layer)
                yield name, layer

    def children(self) -> Iterator[Layer]:
        """The layers directly below."""
        return (layer for _, layer in self.named_children())

    def _named_members(self, registry: str, prefix: str, include_sublayers: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        layers = self.named_sublayers(prefix=prefix, include_self=True) if include_sublayers else [(prefix, self)]
        for layer_prefix, layer in layers:
            for name, value in getattr(layer, registry).items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{layer_prefix}.{name}" if layer_prefix else name), value

    def named_parameters(self, prefix: str = "", include_sublayers: bool = True) -> Iterator[tuple[str, Any]]:
        """(dotted name, parameter), each parameter once."""
        return self._named_members("_parameters", prefix, include_sublayers)

    def parameters(self, include_sublayers: bool = True) -> list[Any]:
        """All parameters, each once."""
        return [p for _, p in self.named_parameters(include_sublayers=include_sublayers)]

    def named_buffers(self, prefix: str = "", include_sublayers: bool = True) -> Iterator[tuple[str, Any]]:
        """(dotted name, buffer), each buffer once."""
        return self._named_members("_buffers", prefix, include_sublayers)

    def buffers(self, include_sublayers: bool = True) -> list[Any]:
        """All buffers, each once."""
        return [b for _, b in self.named_buffers(include_sublayers=include_sublayers)]

    def clear_gradients(self) -> None:
        """Zero the gradients of all trainable parameters."""
        for p in self.parameters():
            if p.trainable:
                p.clear_gradient()

    # --- state

    def _state(self, destination: Any, include_sublayers: bool, prefix: str, all_buffers: bool, use_hook: bool) -> Any:
        state = OrderedDict() if destination is None else destination
        for name, p in self._parameters.items():
            if p is not None:
                state[prefix + name] = p
        for name, b in self._buffers.items():
            if b is not None and (all_buffers or name not in self._non_persistable_buffer_names_set):
                state[prefix + name] = b
        if include_sublayers:
            for name, layer in self._sub_layers.items():
                if layer is not None:
                    state = layer._state(state, include_sublayers, f"{prefix}{name}.", all_buffers, use_hook)
        if use_hook:
            for hook in self._state_dict_hooks.values():
                changed = hook(state)
                if changed is not None:
                    state = changed
        return state

    def state_dict(
        self,
        destination: Any = None,
        include_sublayers: bool = True,
        structured_name_prefix: str = "",
        use_hook: bool = True,
    ) -> Any:
        """Dotted name -> parameter or persistable buffer (the Tensors themselves), in an OrderedDict."""
        return self._state(destination, include_sublayers, structured_name_prefix, False, use_hook)

    def to_static_state_dict(
        self,
        destination: Any = None,
        include_sublayers: bool = True,
        structured_name_prefix: str = "",
        use_hook: bool = True,
    ) -> Any:
        """As `state_dict`, with the buffers that are not persistable."""
        return self._state(destination, include_sublayers, structured_name_prefix, True, use_hook)

    def register_state_dict_hook(self, hook: Callable[[Any], Any]) -> HookRemover:
        """Call ``hook(state)`` whenever `state_dict` is asked for; what it returns (unless None) replaces the state."""
        return _register(self._state_dict_hooks, hook)

    def set_state_dict(
        self, state_dict: dict[str, Any], use_structured_name: bool = True
    ) -> tuple[list[str], list[str]]:
        """Copy values into parameters and buffers; returns (missing keys, unexpected keys).

        state_dict: name -> Tensor or array. With `use_structured_name` the names are those of `state_dict()`; without, a value is
        looked for under the parameter's own name (``linear_0.w_0``), then under the key that a name table in the dict gives
        for it, then under the structured name. A missing or misshapen entry warns and is left out; a wrong dtype is an
        AssertionError, and then nothing is changed.
        """
        if not isinstance(state_dict, dict):
            raise TypeError(f"set_state_dict takes a dict of name -> Tensor or array, got {type(state_dict).__name__}")
        table = state_dict.get("StructuredToParameterName@@")
        by_parameter_name = {v: k for k, v in table.items()} if isinstance(table, dict) else {}
        missing: list[str] = []
        matched: list[tuple[Any, Any]] = []
        used: set[str] = set()
        for key, p in self.state_dict(use_hook=False).items():
            wanted = key
            if not use_structured_name:
                wanted = next(
                    (k for k in (p.name, by_parameter_name.get(p.name), key) if k is not None and k in state_dict),
                    p.name,
                )
            problem = None
            value = state_dict.get(wanted)
            if value is None:
                problem = f"{wanted} is not found in the provided dict."
            else:
                shape = list(np.shape(value) if not hasattr(value, "shape") else value.shape)
                if shape != list(p.shape):
                    problem = f"{wanted} receives a shape {shape}, but the expected shape is {list(p.shape)}."
            if problem is not None:
                missing.append(wanted)
                warnings.warn(f"Skip loading for {key}. {problem}", stacklevel=2)
                continue
            used.add(wanted)
            matched.append((p, value))
        unexpected = [k for k in state_dict if k not in used and k != "StructuredToParameterName@@"]
        ready = [(p, _fitting(p, value)) for p, value in matched]
        for p, value in ready:
            p.set_value(value)
        return missing, unexpected

    set_dict = set_state_dict
    load_dict = set_state_dict

    # --- dtype and device

    def to(self, device: Any = None, dtype: Any = None, blocking: bool | None = None) -> Layer:
        """Move parameters and buffers to a device and/or cast them. Returns the layer. ValueError for an unknown device."""
        if device is None and dtype is None and blocking is None:
            return self
        if blocking is not None and not isinstance(blocking, bool):
            raise AssertionError(f"to: blocking must be True, False or None, got {blocking!r}")
        place = None if device is None else backend.parse(device)
        kind = None if dtype is None else dtypes.as_dtype(dtype)
        for layer in self.sublayers(include_self=True):
            layer._convert(kind, place, floating_only=False)
            if dtype is not None:
                layer.__dict__["_dtype"] = dtype
        return self

    def _convert(self, kind: dtypes.DType | None, place: Any, floating_only: bool) -> None:
        for registry in (self._parameters, self._buffers):
            for t in registry.values():
                if not isinstance_strict(t, Tensor) or (floating_only and not t.dtype.is_floating):
                    continue
                array = t._data
                if place is not None:
                    array = backend.to_place(array, place)
                if kind is not None and array.dtype != kind.np:
                    array = array.astype(kind.np)
                if array is not t._data:
                    t._replace(array)
                    if t._extra is not None and t._extra.grad is not None:
                        g = t._extra.grad._data
                        g = g if place is None else backend.to_place(g, place)
                        t._extra.grad = make_tensor(g if kind is None else g.astype(kind.np))

    def astype(self, dtype: Any = None) -> Layer:
        """Cast all parameters and buffers. Returns the layer; ValueError for an unknown dtype."""
        if dtype is None:
            return self
        try:
            dtypes.as_dtype(dtype)
        except TypeError:
            raise ValueError(f"astype: dtype must be a data type such as 'float32', got {dtype!r}") from None
        return self.to(dtype=dtype)

    def _cast_floating(self, dtype: str, excluded_layers: Any, default: Sequence[type]) -> Layer:
        excluded = default if excluded_layers is None else excluded_layers
        if isinstance(excluded, type):
            excluded = [excluded]
        if not isinstance(excluded, (list, tuple)):
            raise TypeError(f"excluded_layers should be type nn.Layer or list, but got {type(excluded).__name__}.")
        kind = dtypes.as_dtype(dtype)
        for layer in self.sublayers(include_self=True):
            if not isinstance(layer, tuple(excluded)):
                layer._convert(kind, None, floating_only=True)
                layer.__dict__["_dtype"] = dtype
        return self

    def float(self, excluded_layers: Any = None) -> Layer:
        """Cast floating parameters and buffers to float32, except in layers of the excluded types."""
        return self._cast_floating("float32", excluded_layers, ())

    def float16(self, excluded_layers: Any = None) -> Layer:
        """Cast floating parameters and buffers to float16, except in layers of the excluded types (batch norms by default)."""
        return self._cast_floating("float16", excluded_layers, _norms(self))

    def bfloat16(self, excluded_layers: Any = None) -> Layer:
        """Cast floating parameters and buffers to bfloat16, except in layers of the excluded types (batch norms by default)."""
        return self._cast_floating("bfloat16", excluded_layers, _norms(self))

    # --- printing, copying

    def extra_repr(self) -> str:
        """What stands between the brackets when the layer is printed."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n")
        lines = [f"({name}): {_indented(repr(layer))}" for name, layer in self._sub_layers.items()]
        text = type(self).__name__ + "("
        text += "\n  " + "\n  ".join(extra) + "\n" if len(extra) > 1 else extra[0]
        if lines:
            text += "\n  " + "\n  ".join(lines) + "\n"
        return text + ")"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _fitting(p: Any, value: Any) -> Any:
    """`value` if its dtype is that of the parameter; AssertionError otherwise."""
    if not isinstance_strict(value, TensorBase):
        value = np.asarray(value)
        if value.dtype == np.uint16 and p.dtype is dtypes.bfloat16:  # how Paddle stores bfloat16 in arrays
            return value.view(dtypes.bfloat16.np)
    dtype = value.dtype if isinstance_strict(value, TensorBase) else dtypes.from_numpy(value.dtype)
    if dtype is not p.dtype:
        raise AssertionError(
            f"Variable dtype not match, Variable [ {p.name} ] need tensor with dtype {p.dtype} but load tensor with dtype {dtype}"
        )
    return value


def _norms(layer: Layer) -> list[type]:
    """The batch norm classes used below `layer`: statistics keep their precision."""
    return list({type(found) for found in layer.sublayers(include_self=True) if "batch_norm" in found.full_name()})
