"""``paddle.*`` functions on tensors, and the methods of Tensor."""
from __future__ import annotations

from . import dlpack, handles, operators
from .array import array_length, array_read, array_write, create_array
from .attribute import *
from .creation import *
from .creation import fill_constant
from .einsum import *
from .gradient import *
from .indexing import *
from .linalg import *
from .logic import *
from .manipulation import *
from .math import *
from .random import *
from .search import *
from .stat import *
from .to_string import *
