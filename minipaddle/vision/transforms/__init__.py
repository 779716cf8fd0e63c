"""Image transforms, on Pillow images, arrays [H, W, C] and Tensors [C, H, W]."""
from __future__ import annotations

from . import functional
from . import transforms as _transforms
from .functional import *
from .transforms import *

__all__: list[str] = []
__all__ += functional.__all__
__all__ += _transforms.__all__
