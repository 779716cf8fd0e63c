"""High-level interface: ``paddle.Model``, its callbacks, ``paddle.summary`` and ``paddle.flops``."""

from __future__ import annotations

from . import callbacks
from .dynamic_flops import flops
from .model import Model
from .model_summary import summary

__all__ = ["Model", "callbacks", "flops", "summary"]
