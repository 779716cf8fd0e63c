"""``paddle._legacy_C_ops``: operators by type, ``matmul_v2(x, y, "trans_x", True)``: input slots, then pairs of attribute and value."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core.dispatch import call
from .ops.registry import OPS

__all__: list[str] = []


def __getattr__(name: str) -> Callable[..., Any]:
    definition = OPS.get(name)
    if definition is None:
        raise AttributeError(f"there is no operator {name!r}", name=name)

    def run(*args: Any) -> Any:
        first = next((i for i, a in enumerate(args) if isinstance(a, str)), len(args))
        inputs, pairs = args[:first], args[first:]
        if len(inputs) > len(definition.inputs) or len(pairs) % 2:
            slots = ", ".join(s.name for s in definition.inputs)
            got = f"{len(inputs)} inputs and {len(pairs)} more"
            raise TypeError(f"{name} takes the inputs {slots}, then pairs of attribute and value; got {got}")
        attrs = {key: value for key, value in zip(pairs[::2], pairs[1::2], strict=True) if key in definition.attrs}
        return call(definition, *inputs, **attrs)

    run.__name__ = name
    return run
