"""``base.dygraph_utils``: activations by name."""
from __future__ import annotations

from typing import Any

from ..core.dispatch import call
from ..ops.registry import OPS

__all__: list[str] = []


def _append_activation_in_dygraph(
    input: Any, act: str | None = None, use_cudnn: bool | None = None, use_mkldnn: bool | None = None
) -> Any:
    """`input` after the activation with this name; as it is for None. ValueError for an unknown name."""
    if act is None:
        return input
    if act not in OPS:
        raise ValueError(f"there is no activation {act!r}")
    return call(OPS[act], input)


def _append_bias_in_dygraph(input: Any, bias: Any = None, axis: int = 1, use_mkldnn: bool = False) -> Any:
    """`input` plus a bias that begins at dimension `axis`; as it is for None."""
    return input if bias is None else call(OPS["elementwise_add"], input, bias, axis=axis)
