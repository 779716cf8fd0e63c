"""AdamW: Adam with the weight decay taken out of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.program import Variable
from ..core.tensor import Tensor
from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .adam import Adam
from .lr import LRScheduler
from .optimizer import at

__all__ = ["AdamW"]


class AdamW(Adam):
    """AdamW (Loshchilov & Hutter 2019): ``parameter *= 1 - learning_rate * weight_decay``, then a step of Adam.

    lr_ratio: function of a parameter giving a factor of its learning rate, for decay that changes with depth.
    apply_decay_param_fun: function of a parameter's name; decay only where it is true. Parameter groups may set
    "weight_decay", "beta1", "beta2" and "epsilon". The other arguments are those of `Adam`.
    """

    op, type = O.adamw, "adamw"

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        parameters: Any = None,
        weight_decay: Any = 0.01,
        lr_ratio: Callable[[Any], float] | None = None,
        apply_decay_param_fun: Callable[[str], bool] | None = None,
        grad_clip: ClipGradBase | None = None,
        lazy_mode: bool = False,
        multi_precision: bool = False,
        name: str | None = None,
    ) -> None:
        if not isinstance(weight_decay, float) and not isinstance(weight_decay, (Tensor, Variable)):
            raise TypeError(f"weight_decay of AdamW must be a float or a tensor, got {type(weight_decay).__name__}")
        assert lr_ratio is None or callable(lr_ratio), "lr_ratio of AdamW must be a function of a parameter"
        self._weight_decay, self._lr_ratio = weight_decay, lr_ratio
        self._apply_decay_param_fun = apply_decay_param_fun
        super().__init__(
            learning_rate, beta1, beta2, epsilon, parameters, None, grad_clip, lazy_mode, multi_precision, name=name
        )

    def _add_param_group(self, param_group: dict[str, Any]) -> None:
        param_group.setdefault("weight_decay", self._weight_decay)
        super()._add_param_group(param_group)

    def _group_options(self, group: dict[str, Any]) -> None:
        for p in group["params"]:
            if hasattr(p, "optimize_attr"):
                p.optimize_attr["learning_rate"] = group.get("learning_rate", 1.0)

    def _default_regularizer(self, group: dict[str, Any]) -> Any:
        return None  # the decay of AdamW is not a term of the gradient

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        rates, attributes = super()._attributes(params, rates, group)
        decay = group.get("weight_decay")
        decay = float(self._weight_decay if decay is None else decay)
        wanted = self._apply_decay_param_fun
        attributes["coeff"] = decay if wanted is None else [decay if wanted(p.name) else 0.0 for p in params]
        if self._lr_ratio is not None:
            # the decay goes with the rate, so the ratio may be counted into that
            rates = [at(rates, i) * float(self._lr_ratio(p)) for i, p in enumerate(params)]
        return rates, attributes

    def _static_attributes(self, param: Any, group: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        attributes = super()._static_attributes(param, group, values)
        wanted = self._apply_decay_param_fun
        attributes["with_decay"] = wanted is None or bool(wanted(param.name))
        decay = group.get("weight_decay")
        attributes["coeff"] = float(self._weight_decay if decay is None else decay)
        attributes["lr_ratio"] = 1.0 if self._lr_ratio is None else float(self._lr_ratio(param))
        return attributes

    def _apply_one(
        self, plan: Any, i: int, array: Any, rate: float, attributes: dict[str, Any], l2: float, scale: float
    ) -> None:
        super()._apply_one(plan, i, array, rate, {**attributes, "with_decay": attributes["coeff"] != 0.0}, l2, scale)

    def __str__(self) -> str:
        return "Weight Decay, params: " + ",".join(getattr(p, "name", str(p)) for p in self._parameters())
