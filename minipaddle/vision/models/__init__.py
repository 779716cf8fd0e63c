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

__all__: list[str] = []
__all__ += _alexnet.__all__
__all__ += _densenet.__all__
__all__ += _googlenet.__all__
__all__ += _inceptionv3.__all__
__all__ += _lenet.__all__
__all__ += _mobilenetv1.__all__
__all__ += _mobilenetv2.__all__
__all__ += _mobilenetv3.__all__
__all__ += _resnet.__all__
__all__ += _shufflenetv2.__all__
__all__ += _squeezenet.__all__
__all__ += _vgg.__all__
