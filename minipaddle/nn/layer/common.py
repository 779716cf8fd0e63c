"""Linear maps, embeddings, dropout and changes of shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.context import context
from ...core.grad_mode import no_grad
from ...dtypes import get_default_dtype
from ...tensor import manipulation
from .. import functional as F
from .layers import Layer

__all__ = [
    "AlphaDropout",
    "Bilinear",
    "Dropout",
    "Dropout2D",
    "Dropout3D",
    "Embedding",
    "Flatten",
    "Identity",
    "Linear",
    "Unflatten",
]


def _named(text: str, name: str | None) -> str:
    return f"{text}, name={name}" if name else text


class Identity(Layer):
    """Gives back what it gets; arguments are accepted and of no effect, so it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Layer):
    """x @ weight + bias. weight: [in_features, out_features]; bias: [out_features], none with ``bias_attr=False``."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        weight_attr: Any = None,
        bias_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._dtype = get_default_dtype()
        self._weight_attr, self._bias_attr, self.name = weight_attr, bias_attr, name
        self.weight = self.create_parameter([in_features, out_features], weight_attr, self._dtype)
        self.bias = self.create_parameter([out_features], bias_attr, self._dtype, is_bias=True)

    def forward(self, input: Any) -> Any:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        n, m = self.weight.shape
        return _named(f"in_features={n}, out_features={m}, dtype={self._dtype}", self.name)


class Bilinear(Layer):
    """x1 weight[o] x2^T + bias for each output o. weight: [out, in1, in2]; bias: [1, out]."""

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        weight_attr: Any = None,
        bias_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._dtype = get_default_dtype()
        self._in1_features, self._in2_features, self._out_features = in1_features, in2_features, out_features
        self._weight_attr, self._bias_attr, self._name = weight_attr, bias_attr, name
        self.weight = self.create_parameter([out_features, in1_features, in2_features], weight_attr, self._dtype)
        self.bias = self.create_parameter([1, out_features], bias_attr, self._dtype, is_bias=True)

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = (
            f"in1_features={self._in1_features}, in2_features={self._in2_features}, out_features={self._out_features}"
        )
        return _named(f"{sizes}, dtype={self._dtype}", self._name)


class Embedding(Layer):
    """Rows of a learned table [num_embeddings, embedding_dim] by number; see `functional.embedding`.

    The row at `padding_idx` starts as zeros and stays so. ValueError for sizes that are not positive.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        sparse: bool = False,
        weight_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        if num_embeddings <= 0:
            raise ValueError(f"Embedding: num_embeddings must be positive, got {num_embeddings}")
        if embedding_dim <= 0:
            raise ValueError(f"Embedding: embedding_dim must be positive, got {embedding_dim}")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(
                f"Embedding: padding_idx must be within [-{num_embeddings}, {num_embeddings}), got {padding_idx}"
            )
        self._num_embeddings, self._embedding_dim, self._sparse = num_embeddings, embedding_dim, sparse
        self._padding_idx, self._weight_attr, self._name = padding_idx, weight_attr, name
        self._dtype = get_default_dtype()
        self._size = [num_embeddings, embedding_dim]
        self.weight = self.create_parameter(self._size, weight_attr, self._dtype)
        if padding_idx is not None and context.recorder is None:
            with no_grad():
                self.weight[padding_idx] = 0.0

    def forward(self, x: Any) -> Any:
        return F.embedding(x, self.weight, padding_idx=self._padding_idx, sparse=self._sparse)

    def extra_repr(self) -> str:
        shown = f"{self._num_embeddings}, {self._embedding_dim}"
        if self._padding_idx is not None:
            shown += f", padding_idx={self._padding_idx}"
        return f"{shown}, sparse={self._sparse}" + (f", name={self._name}" if self._name is not None else "")


class Dropout(Layer):
    """Elements become 0 with probability `p` in training; see `functional.dropout`."""

    def __init__(
        self,
        p: Any = 0.5,
        axis: int | Sequence[int] | None = None,
        mode: str = "upscale_in_train",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.p, self.axis, self.mode, self.name = p, axis, mode, name

    def forward(self, input: Any) -> Any:
        return F.dropout(input, p=self.p, axis=self.axis, training=self.training, mode=self.mode)

    def extra_repr(self) -> str:
        return _named(f"p={self.p}, axis={self.axis}, mode={self.mode}", self.name)


class Dropout2D(Layer):
    """Whole channels of a 4-D tensor become 0 with probability `p` in training."""

    def __init__(self, p: Any = 0.5, data_format: str = "NCHW", name: str | None = None) -> None:
        super().__init__()
        self.p, self.data_format, self.name = p, data_format, name

    def forward(self, input: Any) -> Any:
        return F.dropout2d(input, p=self.p, training=self.training, data_format=self.data_format)

    def extra_repr(self) -> str:
        return _named(f"p={self.p}, data_format={self.data_format}", self.name)


class Dropout3D(Layer):
    """Whole channels of a 5-D tensor become 0 with probability `p` in training."""

    def __init__(self, p: Any = 0.5, data_format: str = "NCDHW", name: str | None = None) -> None:
        super().__init__()
        self.p, self.data_format, self.name = p, data_format, name

    def forward(self, input: Any) -> Any:
        return F.dropout3d(input, p=self.p, training=self.training, data_format=self.data_format)

    def extra_repr(self) -> str:
        return _named(f"p={self.p}, data_format={self.data_format}", self.name)


class AlphaDropout(Layer):
    """Dropout that keeps mean and variance of SELU activations; see `functional.alpha_dropout`."""

    def __init__(self, p: float = 0.5, name: str | None = None) -> None:
        super().__init__()
        self.p, self.name = p, name

    def forward(self, input: Any) -> Any:
        return F.alpha_dropout(input, p=self.p, training=self.training)

    def extra_repr(self) -> str:
        return _named(f"p={self.p}", self.name)


class Flatten(Layer):
    """Axes `start_axis` to `stop_axis` as one; the first axis stays by default."""

    def __init__(self, start_axis: int = 1, stop_axis: int = -1) -> None:
        super().__init__()
        self.start_axis, self.stop_axis = start_axis, stop_axis

    def forward(self, input: Any) -> Any:
        return manipulation.flatten(input, start_axis=self.start_axis, stop_axis=self.stop_axis)


class Unflatten(Layer):
    """One axis as several of sizes `shape`, one of which may be -1."""

    def __init__(self, axis: int, shape: Any, name: str | None = None) -> None:
        super().__init__()
        self.axis, self.shape, self.name = axis, shape, name

    def forward(self, input: Any) -> Any:
        return manipulation.unflatten(input, self.axis, self.shape)

    def extra_repr(self) -> str:
        return _named(f"axis={self.axis}, shape={self.shape}", self.name)
