"""ParamAttr: how a layer makes one of its parameters."""

from __future__ import annotations

from typing import Any

from ..regularizer import WeightDecayRegularizer
from .initializer import Initializer

__all__ = ["ParamAttr"]


def _check(value: Any, name: str, kinds: Any, optional: bool = False) -> None:
    if value is None and optional:
        return
    if not isinstance(value, kinds):
        names = kinds.__name__ if isinstance(kinds, type) else " or ".join(k.__name__ for k in kinds)
        raise TypeError(f"ParamAttr: {name} must be {names}, got {type(value).__name__}")


class ParamAttr:
    """Attributes of one parameter.

    name: of the parameter (unique in the process), None to count up. initializer: how it starts, None for the layer's default.
    learning_rate: factor on the optimizer's rate. regularizer: replaces the optimizer's. trainable: False freezes it.
    need_clip: whether gradient clipping counts it. TypeError for other types, ValueError for an empty name.
    """

    def __init__(
        self,
        name: str | None = None,
        initializer: Initializer | None = None,
        learning_rate: float = 1.0,
        regularizer: WeightDecayRegularizer | None = None,
        trainable: bool = True,
        do_model_average: bool = True,
        need_clip: bool = True,
    ) -> None:
        _check(name, "name", str, optional=True)
        _check(initializer, "initializer", Initializer, optional=True)
        _check(learning_rate, "learning_rate", (float, int))
        _check(regularizer, "regularizer", WeightDecayRegularizer, optional=True)
        _check(trainable, "trainable", bool)
        _check(do_model_average, "do_model_average", bool)
        _check(need_clip, "need_clip", bool)
        if name == "":
            raise ValueError("ParamAttr: name must not be empty; use None for a generated name")
        self.name, self.initializer, self.learning_rate, self.regularizer = (
            name,
            initializer,
            learning_rate,
            regularizer,
        )
        self.trainable, self.do_model_average, self.need_clip = trainable, do_model_average, need_clip

    @staticmethod
    def _to_attr(arg: Any) -> Any:
        """A ParamAttr out of None, True, a name, an initializer or a regularizer; False stays False (no parameter)."""
        if arg is None or arg is True:
            return ParamAttr()
        if arg is False or isinstance(arg, ParamAttr):
            return arg
        if isinstance(arg, (list, tuple)):
            return [ParamAttr._to_attr(a) for a in arg]
        if isinstance(arg, str):
            return ParamAttr(name=arg)
        if isinstance(arg, Initializer):
            return ParamAttr(initializer=arg)
        if isinstance(arg, WeightDecayRegularizer):
            return ParamAttr(regularizer=arg)
        raise TypeError(
            f"a parameter attribute must be a ParamAttr, a name, an Initializer, a regularizer, a bool or None, got {type(arg).__name__}"
        )

    def __repr__(self) -> str:
        return f"ParamAttr({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"
