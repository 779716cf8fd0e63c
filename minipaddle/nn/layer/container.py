"""Containers: layers and parameters held in a list, a dict or a chain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...core.tensor import Parameter, isinstance_strict
from .layers import Layer

__all__ = ["LayerDict", "LayerList", "ParameterList", "Sequential"]


def _index(index: Any, length: int, insert: bool = False) -> int:
    """A non-negative index; IndexError when it is out of range."""
    if not isinstance(index, int):
        raise TypeError(f"the index must be an integer, got {type(index).__name__}")
    if not -length <= index < length + insert:
        raise IndexError(f"index {index} is out of range, should be an integer in range [{-length}, {length})")
    return index + length if index < 0 else index


def _checked(layer: Any) -> Layer:
    if not isinstance(layer, Layer):
        raise TypeError(f"a Layer is expected, got {type(layer).__name__}")
    return layer


class Sequential(Layer):
    """Layers run one after the other: ``Sequential(a, b)``, or with names ``Sequential(("first", a), ("second", b))``."""

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        if len(layers) == 1 and isinstance(layers[0], OrderedDict):
            for name, layer in layers[0].items():
                self.add_sublayer(name, _checked(layer))
        elif len(layers) > 0 and isinstance(layers[0], (list, tuple)):
            for name, layer in layers:
                self.add_sublayer(name, _checked(layer))
        else:
            for number, layer in enumerate(layers):
                self.add_sublayer(str(number), _checked(layer))

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, slice):
            return type(self)(*list(self._sub_layers.values())[name])
        if isinstance(name, str):
            return self._sub_layers[name]
        return list(self._sub_layers.values())[_index(name, len(self))]

    def __setitem__(self, name: Any, layer: Layer) -> None:
        key = str(name) if isinstance(name, str) else list(self._sub_layers)[_index(name, len(self))]
        setattr(self, key, _checked(layer))

    def __delitem__(self, name: Any) -> None:
        key = name if isinstance(name, str) else list(self._sub_layers)[_index(name, len(self))]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._sub_layers)

    def forward(self, input: Any) -> Any:
        """`input` through every layer in turn."""
        for layer in self._sub_layers.values():
            input = layer(input)
        return input


class LayerList(Layer):
    """A list of Layers whose parameters are registered."""

    def __init__(self, sublayers: Iterable[Layer] | None = None) -> None:
        super().__init__()
        if sublayers is not None:
            self.extend(sublayers)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self._sub_layers.values())[index])
        return self._sub_layers[str(_index(index, len(self)))]

    def __setitem__(self, index: int, layer: Layer) -> None:
        setattr(self, str(_index(index, len(self))), _checked(layer))

    def __delitem__(self, index: Any) -> None:
        left = list(self._sub_layers.values())
        if not isinstance(index, slice):
            index = _index(index, len(self))
        del left[index]
        self._renew(left)

    def _renew(self, layers: list[Layer]) -> None:
        for key in list(self._sub_layers):
            delattr(self, key)
        for number, layer in enumerate(layers):
            self.add_sublayer(str(number), layer)

    def __len__(self) -> int:
        return len(self._sub_layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._sub_layers.values())

    def append(self, sublayer: Layer) -> LayerList:
        """Add a layer at the end. Returns the list."""
        self.add_sublayer(str(len(self)), _checked(sublayer))
        return self

    def insert(self, index: int, sublayer: Layer) -> None:
        """Put a layer before position `index`."""
        layers = list(self._sub_layers.values())
        layers.insert(_index(index, len(self), insert=True), _checked(sublayer))
        self._renew(layers)

    def extend(self, sublayers: Iterable[Layer]) -> LayerList:
        """Add several layers at the end. Returns the list."""
        for layer in sublayers:
            self.append(layer)
        return self


class LayerDict(Layer):
    """A dict of Layers whose parameters are registered."""

    def __init__(self, sublayers: Any = None) -> None:
        super().__init__()
        if sublayers is not None:
            self.update(sublayers)

    def __getitem__(self, key: str) -> Layer:
        return self._sub_layers[key]  # type: ignore[no-any-return]

    def __setitem__(self, key: str, sublayer: Layer) -> None:
        self.add_sublayer(key, _checked(sublayer))

    def __delitem__(self, key: str) -> None:
        if key not in self._sub_layers:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._sub_layers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sub_layers)

    def __contains__(self, key: str) -> bool:
        return key in self._sub_layers

    def clear(self) -> None:
        """Take all layers out."""
        for key in list(self._sub_layers):
            delattr(self, key)

    def pop(self, key: str) -> Layer:
        """Take the layer at `key` out and return it."""
        layer = self[key]
        del self[key]
        return layer

    def keys(self) -> Any:
        """The keys, in order."""
        return self._sub_layers.keys()

    def items(self) -> Any:
        """(key, layer) pairs, in order."""
        return self._sub_layers.items()

    def values(self) -> Any:
        """The layers, in order."""
        return self._sub_layers.values()

    def update(self, sublayers: Any) -> None:
        """Add the layers of a dict or of (key, layer) pairs. TypeError or ValueError for anything else."""
        if isinstance(sublayers, (Mapping, LayerDict)):
            for key, layer in sublayers.items():
                self[key] = layer
            return
        if not isinstance(sublayers, Iterable):
            raise TypeError(f"LayerDict.update takes a dict or (key, layer) pairs, got {type(sublayers).__name__}")
        for number, pair in enumerate(sublayers):
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise ValueError(f"LayerDict.update: entry {number} must be a (key, layer) pair, got {str(pair)[:60]}")
            self[pair[0]] = pair[1]


class ParameterList(Layer):
    """A list of registered parameters."""

    def __init__(self, parameters: Iterable[Any] | None = None) -> None:
        super().__init__()
        if parameters is not None:
            for p in parameters:
                self.append(p)

    def __getitem__(self, index: int) -> Any:
        return self._parameters[str(_index(index, len(self)))]

    def __setitem__(self, index: int, parameter: Any) -> None:
        if not isinstance_strict(parameter, Parameter):
            raise TypeError(f"a Parameter is expected, got {type(parameter).__name__}")
        setattr(self, str(_index(index, len(self))), parameter)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def append(self, parameter: Any) -> ParameterList:
        """Add a parameter at the end. Returns the list."""
        self.add_parameter(str(len(self)), parameter)
        return self
