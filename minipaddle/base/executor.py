"""``base.executor``."""
from __future__ import annotations

from ..fluid.executor import Executor, global_scope, scope_guard

__all__ = ["Executor", "global_scope", "scope_guard"]
