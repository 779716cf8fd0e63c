"""Image transforms as objects, many of them random. They draw from `random` and `numpy.random`, as Paddle's do."""
from __future__ import annotations

import math
import numbers
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...core.context import context
from ...errors import NotSupportedError
from ...tensor import creation, manipulation, search
from ...tensor.random import rand
from ...tensor.random import standard_normal as normal
from . import functional as F
from .arguments import PAD_MODES

__all__ = [
    "BaseTransform",
    "BrightnessTransform",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ContrastTransform",
    "Grayscale",
    "HueTransform",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomPerspective",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "SaturationTransform",
    "ToTensor",
    "Transpose",
]


def _refuse_recording(transform: Any, img: Any) -> None:
    """What Python draws while a Program is recorded would be the same in every run."""
    if context.recorder is not None and F._is_tensor_image(img):
        raise NotSupportedError(
            f"{type(transform).__name__} draws its random numbers in Python and cannot be recorded into a Program; apply it in the "
            "data set, before the network"
        )


class Compose:
    """Transforms one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, data: Any) -> Any:
        for f in self.transforms:
            try:
                data = f(data)
            except Exception as error:
                if hasattr(error, "add_note"):  # Python 3.11
                    error.add_note(f"in the transform {f}")
                raise
        return data

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {t}" for t in self.transforms), ")"])


class BaseTransform:
    """Base of transforms. Subclasses define `_apply_image`, and `_apply_<key>` for other kinds of data.

    keys: what the entries of an input tuple are, for example ("image", "boxes"); further entries pass through unchanged.
    `_get_params` is called once per input, so that all entries are treated alike. ValueError for keys that are no sequence,
    NotImplementedError for a key without method.
    """

    def __init__(self, keys: Sequence[str] | None = None) -> None:
        if keys is None:
            keys = ("image",)
        elif not isinstance(keys, Sequence):
            raise ValueError(f"keys should be a sequence, but got keys={keys}")
        for k in keys:
            if self._get_apply(k) is None:
                raise NotImplementedError(f"{k} is unsupported data structure: {type(self).__name__} has no method _apply_{k}")
        self.keys = keys
        self.params: Any = None

    def _get_params(self, inputs: tuple[Any, ...]) -> Any:
        return None

    def __call__(self, inputs: Any) -> Any:
        if not isinstance(inputs, tuple):
            inputs = (inputs,)
        self.params = self._get_params(inputs)
        outputs = []
        for key, value in zip(self.keys, inputs):
            apply = self._get_apply(key)
            outputs.append(value if apply is None else apply(value))
        outputs.extend(inputs[len(self.keys) :])
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _get_apply(self, key: str) -> Any:
        return getattr(self, f"_apply_{key}", None)

    def _apply_image(self, image: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _apply_image")

    def _apply_boxes(self, boxes: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _apply_boxes")

    def _apply_mask(self, mask: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _apply_mask")


class ToTensor(BaseTransform):
    """See `to_tensor`."""

    def __init__(self, data_format: str = "CHW", keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.data_format = data_format

    def _apply_image(self, img: Any) -> Any:
        return F.to_tensor(img, self.data_format)


class Resize(BaseTransform):
    """See `resize`."""

    def __init__(self, size: Any, interpolation: str = "bilinear", keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        assert isinstance(size, int) or (isinstance(size, Iterable) and len(list(size)) == 2), (
            f"size must be an int or (height, width), got {size!r}"
        )
        self.size = size
        self.interpolation = interpolation

    def _apply_image(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation)


def _pair(size: Any) -> Any:
    return (int(size), int(size)) if isinstance(size, numbers.Number) else size  # type: ignore[call-overload]


class RandomResizedCrop(BaseTransform):
    """Cut out a part with a share of the area in `scale` and width / height in `ratio`, and resize it to `size`."""

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4, 4.0 / 3),
        interpolation: str = "bilinear",
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(keys)
        assert scale[0] <= scale[1], f"scale should be of kind (min, max), got {scale}"
        assert ratio[0] <= ratio[1], f"ratio should be of kind (min, max), got {ratio}"
        self.size = _pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation

    def _draw(self, image: Any, attempts: int = 10) -> tuple[int, int, int, int]:
        width, height = F.image_size(image)
        for _ in range(attempts):
            area = np.random.uniform(*self.scale) * width * height
            aspect = math.exp(np.random.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
            if 0 < w <= width and 0 < h <= height:
                top = random.randint(0, height - h)
                return top, random.randint(0, width - w), h, w
        w, h = width, height  # nothing fitted: the largest part of an allowed shape, in the middle
        if width / height < min(self.ratio):
            h = int(round(w / min(self.ratio)))
        elif width / height > max(self.ratio):
            w = int(round(h * max(self.ratio)))
        return (height - h) // 2, (width - w) // 2, h, w

    def _apply_image(self, img: Any) -> Any:
        _refuse_recording(self, img)
        return F.resize(F.crop(img, *self._draw(img)), self.size, self.interpolation)


class CenterCrop(BaseTransform):
    """See `center_crop`."""

    def __init__(self, size: Any, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.size = _pair(size)

    def _apply_image(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class _RandomFlip(BaseTransform):
    flip: Callable[[Any], Any]

    def __init__(self, prob: float = 0.5, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        assert 0 <= prob <= 1, f"probability must be between 0 and 1, got {prob}"
        self.prob = prob

    def _apply_image(self, img: Any) -> Any:
        flip = type(self).flip
        if context.recorder is not None and F._is_tensor_image(img):
            return search.where(rand([1]) < self.prob, flip(img), img)
        return flip(img) if random.random() < self.prob else img


class RandomHorizontalFlip(_RandomFlip):
    """Exchange left and right with probability `prob`."""

    flip = staticmethod(F.hflip)


class RandomVerticalFlip(_RandomFlip):
    """Exchange top and bottom with probability `prob`."""

    flip = staticmethod(F.vflip)


class Normalize(BaseTransform):
    """See `normalize`. A single number stands for three channels."""

    def __init__(
        self,
        mean: Any = 0.0,
        std: Any = 1.0,
        data_format: str = "CHW",
        to_rgb: bool = False,
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(keys)
        self.mean = [mean] * 3 if isinstance(mean, numbers.Number) else mean
        self.std = [std] * 3 if isinstance(std, numbers.Number) else std
        self.data_format = data_format
        self.to_rgb = to_rgb

    def _apply_image(self, img: Any) -> Any:
        return F.normalize(img, self.mean, self.std, self.data_format, self.to_rgb)


class Transpose(BaseTransform):
    """Permute the axes; an image without channels gets one. Pillow images become arrays."""

    def __init__(self, order: Sequence[int] = (2, 0, 1), keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.order = order

    def _apply_image(self, img: Any) -> Any:
        if F._is_tensor_image(img):
            return manipulation.transpose(img, self.order)
        array = np.asarray(img)
        return (array[..., None] if array.ndim == 2 else array).transpose(self.order)


def _range(
    value: Any, name: str, center: float = 1.0, bound: tuple[float, float] = (0, math.inf), from_zero: bool = True
) -> list[float] | None:
    """Limits of a random factor; None when it is always the neutral `center`."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be non negative, got {value}")
        limits = [center - value, center + value]  # type: ignore[operator]
        if from_zero:
            limits[0] = max(limits[0], 0)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        limits = list(value)
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2, got {value!r}")
    if not bound[0] <= limits[0] <= limits[1] <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, got {value}")
    return None if limits[0] == limits[1] == center else limits


class _RandomFactor(BaseTransform):
    change: Callable[[Any, float], Any]
    value: list[float] | None

    def _apply_image(self, img: Any) -> Any:
        if self.value is None:
            return img
        _refuse_recording(self, img)
        return type(self).change(img, random.uniform(self.value[0], self.value[1]))


class BrightnessTransform(_RandomFactor):
    """Brightness by a factor drawn from [max(0, 1 - value), 1 + value], or from the two limits given."""

    change = staticmethod(F.adjust_brightness)

    def __init__(self, value: Any, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.value = _range(value, "brightness")


class ContrastTransform(_RandomFactor):
    """Contrast, as in `BrightnessTransform`."""

    change = staticmethod(F.adjust_contrast)

    def __init__(self, value: Any, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        if isinstance(value, numbers.Number) and value < 0:  # type: ignore[operator]
            raise ValueError(f"contrast value should be non-negative, got {value}")
        self.value = _range(value, "contrast")


class SaturationTransform(_RandomFactor):
    """Saturation, as in `BrightnessTransform`."""

    change = staticmethod(F.adjust_saturation)

    def __init__(self, value: Any, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.value = _range(value, "saturation")


class HueTransform(_RandomFactor):
    """Hue turned by a share drawn from [-value, value], at most 0.5, or from the two limits given."""

    change = staticmethod(F.adjust_hue)

    def __init__(self, value: Any, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.value = _range(value, "hue", 0, (-0.5, 0.5), False)


class ColorJitter(BaseTransform):
    """Brightness, contrast, saturation and hue changed at random, in random order."""

    def __init__(
        self,
        brightness: Any = 0,
        contrast: Any = 0,
        saturation: Any = 0,
        hue: Any = 0,
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(keys)
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self._parts()  # wrong values are found out here, not in the middle of training

    def _parts(self) -> list[BaseTransform]:
        kinds = (BrightnessTransform, self.brightness), (ContrastTransform, self.contrast), (SaturationTransform, self.saturation), (
            HueTransform, self.hue)  # fmt: skip
        return [kind(value, self.keys) for kind, value in kinds if value is not None]

    def _apply_image(self, img: Any) -> Any:
        parts = self._parts()
        random.shuffle(parts)
        for part in parts:
            img = part._apply_image(img)
        return img


class RandomCrop(BaseTransform):
    """Cut out (height, width) at a random place, after `padding`; `pad_if_needed` widens images that are too small."""

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(keys)
        self.size = _pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def _apply_image(self, img: Any) -> Any:
        _refuse_recording(self, img)
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        w, h = F.image_size(img)
        if self.pad_if_needed and w < width:
            img = F.pad(img, (width - w, 0), self.fill, self.padding_mode)
        if self.pad_if_needed and h < height:
            img = F.pad(img, (0, height - h), self.fill, self.padding_mode)
        w, h = F.image_size(img)
        if w < width or h < height:
            raise ValueError(f"RandomCrop: the image is {h} x {w}, smaller than {height} x {width}; use pad_if_needed=True")
        if (w, h) == (width, height):
            return img
        top = random.randint(0, h - height)
        return F.crop(img, top, random.randint(0, w - width), height, width)


class Pad(BaseTransform):
    """See `pad`."""

    def __init__(
        self, padding: Any, fill: Any = 0, padding_mode: str = "constant", keys: Sequence[str] | None = None
    ) -> None:
        assert isinstance(padding, (numbers.Number, list, tuple)), f"padding must be a number or sequence, got {padding!r}"
        assert isinstance(fill, (numbers.Number, str, list, tuple)), f"fill must be a number, str or sequence, got {fill!r}"
        assert padding_mode in PAD_MODES, f"padding_mode must be one of {PAD_MODES}, got {padding_mode!r}"
        if isinstance(padding, Sequence) and len(padding) not in (2, 4):
            raise ValueError(f"Padding must be an int or a 2, or 4 element tuple, not a {len(padding)} element tuple")
        super().__init__(keys)
        self.padding = tuple(padding) if isinstance(padding, list) else padding
        self.fill = tuple(fill) if isinstance(fill, list) else fill
        self.padding_mode = padding_mode

    def _apply_image(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


def _check_sequence(x: Any, name: str, sizes: tuple[int, ...]) -> None:
    wanted = " or ".join(map(str, sizes))
    if not isinstance(x, Sequence):
        raise TypeError(f"{name} should be a sequence of length {wanted}, got {type(x).__name__}")
    if len(x) not in sizes:
        raise ValueError(f"{name} should be sequence of length {wanted}, got {len(x)}")


def _angles(x: Any, name: str, sizes: tuple[int, ...] = (2,)) -> list[float]:
    if isinstance(x, numbers.Number):
        if x < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive, got {x}")
        return [-float(x), float(x)]  # type: ignore[arg-type]
    _check_sequence(x, name, sizes)
    return [float(d) for d in x]


class RandomAffine(BaseTransform):
    """A random `affine` map.

    The angle comes from `degrees`, the shift is at most the shares `translate` of width and height, `scale` and `shear` are limits.
    """

    def __init__(
        self,
        degrees: Any,
        translate: Any = None,
        scale: Any = None,
        shear: Any = None,
        interpolation: str = "nearest",
        fill: Any = 0,
        center: Any = None,
        keys: Sequence[str] | None = None,
    ) -> None:
        self.degrees = _angles(degrees, "degrees")
        super().__init__(keys)
        assert interpolation in ("nearest", "bilinear", "bicubic"), f"interpolation {interpolation!r} is unknown"
        if translate is not None:
            _check_sequence(translate, "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError(f"translation values should be between 0 and 1, got {translate}")
        if scale is not None:
            _check_sequence(scale, "scale", (2,))
            if not all(s > 0 for s in scale):
                raise ValueError(f"scale values should be positive, got {scale}")
        fill = 0 if fill is None else fill
        if not isinstance(fill, (Sequence, numbers.Number)):
            raise TypeError(f"Fill should be either a sequence or a number, got {type(fill).__name__}")
        if center is not None:
            _check_sequence(center, "center", (2,))
        self.interpolation = interpolation
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _angles(shear, "shear", (2, 4))
        self.fill = fill
        self.center = center

    def _apply_image(self, img: Any) -> Any:
        _refuse_recording(self, img)
        angle = random.uniform(*self.degrees)
        shift = (0, 0)
        if self.translate is not None:
            far = [float(t * n) for t, n in zip(self.translate, F.image_size(img), strict=True)]
            shift = (int(random.uniform(-far[0], far[0])), int(random.uniform(-far[1], far[1])))
        scale = 1.0 if self.scale is None else random.uniform(self.scale[0], self.scale[1])
        shear = [0.0, 0.0]
        if self.shear is not None:
            shear[0] = random.uniform(self.shear[0], self.shear[1])
            if len(self.shear) == 4:
                shear[1] = random.uniform(self.shear[2], self.shear[3])
        return F.affine(img, angle, shift, scale, shear, self.interpolation, self.fill, self.center)


class RandomRotation(BaseTransform):
    """`rotate` by an angle drawn from `degrees`: a number d for [-d, d], or two limits."""

    def __init__(
        self,
        degrees: Any,
        interpolation: str = "nearest",
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
        keys: Sequence[str] | None = None,
    ) -> None:
        if isinstance(degrees, numbers.Number):
            if degrees < 0:  # type: ignore[operator]
                raise ValueError(f"If degrees is a single number, it must be positive, got {degrees}")
            degrees = (-degrees, degrees)  # type: ignore[operator]
        elif len(degrees) != 2:
            raise ValueError(f"If degrees is a sequence, it must be of len 2, got {len(degrees)}")
        super().__init__(keys)
        self.degrees = degrees
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    def _apply_image(self, img: Any) -> Any:
        _refuse_recording(self, img)
        angle = random.uniform(self.degrees[0], self.degrees[1])
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


class RandomPerspective(BaseTransform):
    """With probability `prob` move each corner inwards by up to `distortion_scale` of half the side."""

    def __init__(
        self,
        prob: float = 0.5,
        distortion_scale: float = 0.5,
        interpolation: str = "nearest",
        fill: Any = 0,
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(keys)
        assert 0 <= prob <= 1, f"probability must be between 0 and 1, got {prob}"
        assert 0 <= distortion_scale <= 1, f"distortion_scale must be between 0 and 1, got {distortion_scale}"
        assert interpolation in ("nearest", "bilinear", "bicubic"), f"interpolation {interpolation!r} is unknown"
        assert isinstance(fill, (numbers.Number, str, list, tuple)), f"fill must be a number, str or sequence, got {fill!r}"
        self.prob = prob
        self.distortion_scale = distortion_scale
        self.interpolation = interpolation
        self.fill = fill

    def get_params(self, width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of the image and where they go, each (x, y): top left, top right, bottom right, bottom left."""
        dx, dy = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, right, top, bottom = (0, dx + 1), (width - dx - 1, width), (0, dy + 1), (height - dy - 1, height)
        ends = [[int(random.uniform(*x)), int(random.uniform(*y))] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def _apply_image(self, img: Any) -> Any:
        _refuse_recording(self, img)
        if random.random() >= self.prob:
            return img
        start, end = self.get_params(*F.image_size(img), self.distortion_scale)
        return F.perspective(img, start, end, self.interpolation, self.fill)


class Grayscale(BaseTransform):
    """See `to_grayscale`."""

    def __init__(self, num_output_channels: int = 1, keys: Sequence[str] | None = None) -> None:
        super().__init__(keys)
        self.num_output_channels = num_output_channels

    def _apply_image(self, img: Any) -> Any:
        return F.to_grayscale(img, self.num_output_channels)


class RandomErasing(BaseTransform):
    """With probability `prob` overwrite a rectangle with a share of the area in `scale` and height / width in `ratio`.

    value: a number, one number per channel, or "random" for noise.
    """

    def __init__(
        self,
        prob: float = 0.5,
        scale: Any = (0.02, 0.33),
        ratio: Any = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(keys)
        assert isinstance(scale, (tuple, list)), "scale should be a tuple or list"
        assert 0 <= scale[0] <= scale[1] <= 1, f"scale should be of kind (min, max) and in range [0, 1], got {scale}"
        assert isinstance(ratio, (tuple, list)), "ratio should be a tuple or list"
        assert 0 <= ratio[0] <= ratio[1], f"ratio should be of kind (min, max), got {ratio}"
        assert 0 <= prob <= 1, f"The probability should be in range [0, 1], got {prob}"
        assert isinstance(value, (numbers.Number, str, tuple, list)), "value should be a number, tuple, list or str"
        if isinstance(value, str) and value != "random":
            raise ValueError(f"value must be 'random' when type is str, got {value!r}")
        self.prob = prob
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    def _apply_image(self, img: Any) -> Any:
        _refuse_recording(self, img)
        if random.random() >= self.prob:
            return img
        width, height = F.image_size(img)
        tensor = F._is_tensor_image(img)
        channels = img.shape[-3] if tensor else (np.asarray(img).shape[2] if np.asarray(img).ndim == 3 else 1)
        value = [self.value] if isinstance(self.value, numbers.Number) else self.value
        if not isinstance(value, str) and len(value) not in (1, channels):
            raise ValueError(
                f"Value should be a single number or a sequence with length equals to image's channel, got {len(value)} values for "
                f"{channels} channels"
            )
        log_ratio = np.log(self.ratio)
        for _ in range(10):
            area = np.random.uniform(*self.scale) * width * height
            aspect = np.exp(np.random.uniform(*log_ratio))
            h, w = int(round(np.sqrt(area * aspect))), int(round(np.sqrt(area / aspect)))
            if h < height and w < width:
                break
        else:
            return img
        v: Any
        if tensor and isinstance(value, str):
            v = normal([channels, h, w]).astype(img.dtype)
        elif tensor:
            v = creation.to_tensor(np.asarray(value, "float64").reshape(-1, 1, 1), dtype=img.dtype)
        elif isinstance(value, str):
            v = np.random.normal(size=[h, w, channels]) * 255
        else:
            v = np.asarray(value)
        if isinstance(img, np.ndarray) and img.ndim == 2:
            v = v.reshape(h, w) if np.size(v) > 1 else np.asarray(v).reshape(-1)[0]
        top = np.random.randint(0, height - h + 1)
        return F.erase(img, top, np.random.randint(0, width - w + 1), h, w, v, self.inplace)
