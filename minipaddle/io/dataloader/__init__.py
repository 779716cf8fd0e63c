"""The parts of a DataLoader: data sets, samplers, collating, and the worker processes."""
from __future__ import annotations

from . import batch_sampler, dataset, sampler, worker
from .batch_sampler import *
from .dataset import *
from .sampler import *
from .worker import *

__all__: list[str] = []
__all__ += batch_sampler.__all__
__all__ += dataset.__all__
__all__ += sampler.__all__
__all__ += worker.__all__
