"""``paddle.static.amp``: rewriting a Program for mixed precision after it was built is not supported; the names say what to do."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import NotSupportedError

__all__ = [
    "AutoMixedPrecisionLists", "CustomOpLists", "cast_model_to_fp16", "cast_parameters_to_fp16", "decorate", "fp16_guard",
]  # fmt: skip


def _refuse(name: str) -> NoReturn:
    raise NotSupportedError(
        f"paddle.static.amp.{name} is not supported: a finished Program is not rewritten for mixed precision. Build it inside of "
        "`with paddle.amp.auto_cast(dtype='bfloat16'):`, which writes the casts as the operators are recorded, with "
        "custom_white_list and custom_black_list where lists are wanted, and minimize with the optimizer itself"
    )


def decorate(*args: Any, **kwargs: Any) -> Any:
    """NotSupportedError that names `paddle.amp.auto_cast`."""
    _refuse("decorate")


def fp16_guard() -> Any:
    """NotSupportedError that names `paddle.amp.auto_cast`."""
    _refuse("fp16_guard")


def cast_model_to_fp16(*args: Any, **kwargs: Any) -> Any:
    """NotSupportedError that names `paddle.amp.auto_cast`."""
    _refuse("cast_model_to_fp16")


def cast_parameters_to_fp16(*args: Any, **kwargs: Any) -> Any:
    """NotSupportedError that names `paddle.amp.auto_cast`."""
    _refuse("cast_parameters_to_fp16")


class AutoMixedPrecisionLists:
    """NotSupportedError that names `paddle.amp.auto_cast`."""

    def __init__(
        self, custom_white_list: Any = None, custom_black_list: Any = None, custom_black_varnames: Any = None, dtype: str = "float16"
    ) -> None:
        _refuse("AutoMixedPrecisionLists")


CustomOpLists = AutoMixedPrecisionLists
