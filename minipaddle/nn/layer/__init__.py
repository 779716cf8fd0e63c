"""Layers, one file per family."""
from __future__ import annotations

from .activation import *
from .common import *
from .container import *
from .conv import *
from .distance import *
from .layers import *
from .loss import *
from .norm import *
from .pooling import *
from .rnn import *
from .transformer import *
from .vision import *
