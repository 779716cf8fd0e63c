"""``base.proto``: the messages of Paddle's files."""
from __future__ import annotations

from ...formats import op_messages as framework_pb2

__all__ = ["framework_pb2"]
