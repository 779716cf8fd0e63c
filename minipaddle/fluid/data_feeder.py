"""From lists of samples to what `Executor.run` is fed with."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.program import Program, Variable
from ..static.program import default_main_program
from .lod_tensor import LoDTensor, create_lod_tensor
from .newer import from_base

__all__ = ["DataFeeder"]


class DataFeeder:
    """Makes arrays out of samples. feed_list: the variables (or names) in the order of a sample's fields; place: the device.

    A field whose variable has a lod_level becomes a LoDTensor: its samples are sequences, one behind the other.
    """

    def __init__(self, feed_list: Sequence[Any], place: Any, program: Program | None = None) -> None:
        block = (default_main_program() if program is None else program).global_block()
        self._variables: list[Variable] = [block.var(v) if isinstance(v, str) else v for v in feed_list]
        self._place = place
        for v in self._variables:
            if not isinstance(v, Variable):
                raise TypeError("Feed list should contain a list of variable")

    def feed(self, iterable: Iterable[Any]) -> dict[str, Any]:
        """The samples of a batch as a dict from names to arrays. ValueError for samples with another number of fields."""
        samples = list(iterable)
        for sample in samples:
            if len(sample) != len(self._variables):
                raise ValueError(
                    f"The number of fields in data ({len(sample)}) does not match len(feed_list) ({len(self._variables)})"
                )
        return {v.name: self._made(v, [sample[i] for sample in samples]) for i, v in enumerate(self._variables)}

    def _made(self, v: Variable, fields: list[Any]) -> Any:
        dtype = v.dtype.np
        if v.lod_level == 0:
            array = np.array(fields, dtype=dtype)
            wanted = v.static_shape
            if array.ndim != len(wanted) or any(n not in (-1, m) for n, m in zip(wanted, array.shape, strict=False)):
                array = array.reshape([-1 if n == -1 or i == 0 else n for i, n in enumerate(wanted)])
            return array
        lengths: list[list[int]] = [[] for _ in range(v.lod_level)]
        flat: list[Any] = []

        def walk(value: Any, level: int) -> None:
            if level == v.lod_level:
                flat.append(value)
                return
            lengths[level].append(len(value))
            for item in value:
                walk(item, level + 1)

        for field in fields:
            walk(field, 0)
        rest = list(v.static_shape[1:])
        array = np.array(flat, dtype=dtype).reshape([-1, *rest])
        made: LoDTensor = create_lod_tensor(array, lengths, self._place)
        return made

__getattr__ = from_base(__name__)
