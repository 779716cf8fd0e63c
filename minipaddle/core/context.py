"""What is current in this thread: the recorder (None means eager execution) and whether gradients are recorded."""
from __future__ import annotations

import threading
from typing import Any

__all__ = ["Context", "context"]


class Context(threading.local):
    """Per-thread state; the class attributes are what a new thread starts with."""

    recorder: Any = None
    grad_enabled: bool = True
    amp: Any = None  # what `amp.auto_cast` has in force
    startup_program: Any = None  # the default one; parameters made in dynamic mode start from its seed, too


context = Context()
