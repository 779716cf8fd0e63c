"""Handing what the tape keeps to the user, for example to keep it on disk."""
from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..core import tape
from ..core.tensor import Tensor

__all__ = ["saved_tensors_hooks"]


class saved_tensors_hooks:
    """A ``with`` block in which ``pack_hook(tensor)`` is kept for the backward pass instead of each saved tensor.

    ``unpack_hook`` of what it returned must give the tensor back when `backward()` comes. Both concern operators and
    `PyLayer.save_for_backward` alike.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        tape.packers.setdefault(threading.get_ident(), []).append((self.pack_hook, self.unpack_hook))

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack = tape.packers[threading.get_ident()]
        stack.pop()
        if not stack:
            del tape.packers[threading.get_ident()]
