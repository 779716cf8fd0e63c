"""``paddle.io``: data sets, samplers and the DataLoader."""
from __future__ import annotations

from .dataloader.batch_sampler import *
from .dataloader.dataset import *
from .dataloader.sampler import *
from .dataloader.worker import *
from .reader import *

# isort: split
from ..formats.program_state import load_program_state  # where the guide of Paddle 2.x looks for it
