"""Image classification networks under Paddle's names; their state dicts have Paddle's keys, so its weight files load."""
from __future__ import annotations

from . import alexnet as _alexnet
from . import densenet as _densenet
from . import googlenet as _googlenet
from . import inceptionv3 as _inceptionv3
from . import lenet as _lenet
from . import mobilenetv1 as _mobilenetv1
from . import mobilenetv2 as _mobilenetv2
from . import mobilenetv3 as _mobilenetv3
from . import resnet as _resnet
from . import shufflenetv2 as _shufflenetv2
from . import squeezenet as _squeezenet
from . import vgg as _vgg
from .alexnet import *
from .densenet import *
from .googlenet import *
from .inceptionv3 import *
from .lenet import *
from .mobilenetv1 import *
from .mobilenetv2 import *
from .mobilenetv3 import *
from .resnet import *
from .shufflenetv2 import *
from .squeezenet import *
from .vgg import *

_PARTS = (
    _alexnet, _densenet, _googlenet, _inceptionv3, _lenet, _mobilenetv1, _mobilenetv2, _mobilenetv3, _resnet, _shufflenetv2,
    _squeezenet, _vgg,
)  # fmt: skip
__all__ = [name for part in _PARTS for name in part.__all__]
