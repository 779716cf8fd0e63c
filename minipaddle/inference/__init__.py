"""``paddle.inference``: saved models behind named input and output handles."""
from __future__ import annotations

from .config import *
from .predictor import *
from .predictor import _get_phi_kernel_name as _get_phi_kernel_name
