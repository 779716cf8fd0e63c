"""``fluid.executor``."""
from __future__ import annotations

from ..core.scope import scope_guard
from ..static.executor import Executor
from ..static.program import global_scope

__all__ = ["Executor", "global_scope", "scope_guard"]
