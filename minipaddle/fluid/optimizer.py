"""Optimizers under the argument names of 1.x: ``parameter_list`` and ``regularization``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import optimizer as O
from ..core.program import Variable
from ..core.tensor import TensorBase
from ..errors import NotSupportedError
from ..ops.registry import Op, find_op
from ..optimizer.lr import LRScheduler
from ..optimizer.optimizer import Accumulator
from ..static.extras import ExponentialMovingAverage

__all__ = [
    "Adadelta",
    "AdadeltaOptimizer",
    "Adagrad",
    "AdagradOptimizer",
    "Adam",
    "AdamOptimizer",
    "Adamax",
    "AdamaxOptimizer",
    "DecayedAdagrad",
    "DecayedAdagradOptimizer",
    "Dpsgd",
    "DpsgdOptimizer",
    "ExponentialMovingAverage",
    "Ftrl",
    "FtrlOptimizer",
    "Lamb",
    "LambOptimizer",
    "LarsMomentum",
    "LarsMomentumOptimizer",
    "Momentum",
    "MomentumOptimizer",
    "RMSProp",
    "RMSPropOptimizer",
    "SGD",
    "SGDOptimizer",
]


def _rate(value: Any) -> Any:
    if isinstance(value, (LRScheduler, TensorBase)):
        return value
    return float(value)


class _Fluid:
    """What the optimizers of 1.x have in common."""

    _static_rate_shape: tuple[int, ...] = (1,)
    _learning_rate: Any

    def minimize(
        self,
        loss: Any,
        startup_program: Any = None,
        parameter_list: Any = None,
        no_grad_set: Any = None,
        grad_clip: Any = None,
    ) -> tuple[list[Any], list[Any]]:
        """Static: append gradients and updates for `loss`; dynamic: one update after ``loss.backward()``.

        Returns the update operators and the (parameter, gradient) pairs.
        """
        if grad_clip is not None:
            self._grad_clip = grad_clip
        made = super().minimize(loss, startup_program, parameter_list, no_grad_set)  # type: ignore[misc]
        if not isinstance(loss, Variable) and isinstance(self._learning_rate, LRScheduler):
            self._learning_rate.step()  # in 1.x each update moves the schedule on
        return made

    def current_step_lr(self) -> float:
        """The learning rate of this step."""
        return float(self.get_lr())  # type: ignore[attr-defined]

    def set_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.set_state_dict(state_dict)  # type: ignore[attr-defined]


class SGDOptimizer(_Fluid, O.SGD):
    """``parameter -= learning_rate * gradient``."""

    def __init__(
        self,
        learning_rate: Any,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            _rate(learning_rate), parameters=parameter_list, weight_decay=regularization, grad_clip=grad_clip, name=name
        )


class MomentumOptimizer(_Fluid, O.Momentum):
    """Gradient descent with momentum."""

    def __init__(
        self,
        learning_rate: Any,
        momentum: float,
        parameter_list: Any = None,
        use_nesterov: bool = False,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            _rate(learning_rate),
            momentum,
            parameters=parameter_list,
            use_nesterov=use_nesterov,
            weight_decay=regularization,
            grad_clip=grad_clip,
            name=name,
        )


class AdagradOptimizer(_Fluid, O.Adagrad):
    """Steps divided by the root of the sum of squared gradients (Duchi et al. 2011)."""

    def __init__(
        self,
        learning_rate: Any,
        epsilon: float = 1e-6,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
        initial_accumulator_value: float = 0.0,
    ) -> None:
        super().__init__(
            _rate(learning_rate),
            epsilon,
            parameters=parameter_list,
            weight_decay=regularization,
            grad_clip=grad_clip,
            name=name,
            initial_accumulator_value=initial_accumulator_value,
        )


class AdamOptimizer(_Fluid, O.Adam):
    """Adam (Kingma and Ba 2015)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: float = 1e-8,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
        lazy_mode: bool = False,
    ) -> None:
        super().__init__(
            _rate(learning_rate),
            beta1,
            beta2,
            epsilon,
            parameters=parameter_list,
            weight_decay=regularization,
            grad_clip=grad_clip,
            lazy_mode=lazy_mode,
            name=name,
        )


class AdamaxOptimizer(_Fluid, O.Adamax):
    """Adam with the largest of past gradients instead of their mean square."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            _rate(learning_rate),
            beta1,
            beta2,
            epsilon,
            parameters=parameter_list,
            weight_decay=regularization,
            grad_clip=grad_clip,
            name=name,
        )


class RMSPropOptimizer(_Fluid, O.RMSProp):
    """Steps divided by the root of a running mean of squared gradients (Tieleman and Hinton 2012)."""

    def __init__(
        self,
        learning_rate: Any,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        momentum: float = 0.0,
        centered: bool = False,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            _rate(learning_rate),
            rho,
            epsilon,
            momentum,
            centered,
            parameters=parameter_list,
            weight_decay=regularization,
            grad_clip=grad_clip,
            name=name,
        )


class AdadeltaOptimizer(_Fluid, O.Adadelta):
    """Steps from running means of squared gradients and squared steps (Zeiler 2012).

    learning_rate: as in 1.8 it is a variable of the Program that has no effect on the steps.
    """

    def __init__(
        self,
        learning_rate: Any,
        epsilon: float = 1e-6,
        rho: float = 0.95,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            _rate(learning_rate),
            epsilon,
            rho,
            parameters=parameter_list,
            weight_decay=regularization,
            grad_clip=grad_clip,
            name=name,
        )

    def _call_operator(self, values: dict[str, Any], attributes: dict[str, Any]) -> None:
        super()._call_operator({k: v for k, v in values.items() if k != "LearningRate"}, attributes)


class LambOptimizer(_Fluid, O.Lamb):
    """Adam whose steps are scaled by the norm of each parameter (You et al. 2020)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        lamb_weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        exclude_from_weight_decay_fn: Callable[[Any], bool] | None = None,
        name: str | None = None,
    ) -> None:
        if regularization is not None:
            raise ValueError("LambOptimizer decays itself: use lamb_weight_decay instead of regularization")
        super().__init__(
            _rate(learning_rate),
            lamb_weight_decay,
            beta1,
            beta2,
            epsilon,
            parameters=parameter_list,
            grad_clip=grad_clip,
            exclude_from_weight_decay_fn=exclude_from_weight_decay_fn,
            name=name,
        )


class _Plain(_Fluid, O.Optimizer):
    """Optimizers that 2.x does not have any more. _settings: attributes of the operator."""

    op: Op
    type: str

    def __init__(
        self,
        learning_rate: Any,
        parameter_list: Any,
        regularization: Any,
        grad_clip: Any,
        name: str | None,
        **settings: Any,
    ) -> None:
        self._settings = settings
        super().__init__(
            _rate(learning_rate), parameters=parameter_list, weight_decay=regularization, grad_clip=grad_clip, name=name
        )

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, dict(self._settings)


class DecayedAdagradOptimizer(_Plain):
    """Adagrad that forgets: the sum of squares becomes a running mean."""

    op, type = find_op("decayed_adagrad"), "decayed_adagrad"
    _slots = (Accumulator("Moment", "moment"),)

    def __init__(
        self,
        learning_rate: Any,
        decay: float = 0.95,
        epsilon: float = 1e-6,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            learning_rate, parameter_list, regularization, grad_clip, name, decay=float(decay), epsilon=float(epsilon)
        )


class FtrlOptimizer(_Plain):
    """Follow the regularised leader (McMahan et al. 2013)."""

    op, type = find_op("ftrl"), "ftrl"
    _slots = (Accumulator("SquaredAccumulator", "squared"), Accumulator("LinearAccumulator", "linear"))

    def __init__(
        self,
        learning_rate: Any,
        l1: float = 0.0,
        l2: float = 0.0,
        lr_power: float = -0.5,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            parameter_list,
            regularization,
            grad_clip,
            name,
            l1=float(l1),
            l2=float(l2),
            lr_power=float(lr_power),
        )


class LarsMomentumOptimizer(_Plain):
    """Momentum with a rate for each parameter by the ratio of its norm to that of its gradient (You et al. 2017)."""

    op, type = find_op("lars_momentum"), "lars_momentum"
    _slots = (Accumulator("Velocity", "velocity"),)

    def __init__(
        self,
        learning_rate: Any,
        momentum: float,
        lars_coeff: float = 0.001,
        lars_weight_decay: float = 0.0005,
        parameter_list: Any = None,
        regularization: Any = None,
        grad_clip: Any = None,
        name: str | None = None,
        exclude_from_weight_decay: Any = None,
        epsilon: float = 0.0,
    ) -> None:
        if exclude_from_weight_decay:
            raise NotSupportedError(
                "LarsMomentumOptimizer: exclude_from_weight_decay is not supported; give those parameters an optimizer of their own"
            )
        super().__init__(
            learning_rate,
            parameter_list,
            regularization,
            grad_clip,
            name,
            mu=float(momentum),
            lars_coeff=float(lars_coeff),
            lars_weight_decay=[float(lars_weight_decay)],
            epsilon=float(epsilon),
        )


class DpsgdOptimizer(_Plain):
    """Gradient descent with clipped gradients and noise, for differential privacy (Abadi et al. 2016)."""

    op, type = find_op("dpsgd"), "dpsgd"
    _slots = ()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        clip: float = 0.9,
        batch_size: float = 0.999,
        sigma: float = 1e-8,
        parameter_list: Any = None,
    ) -> None:
        super().__init__(
            learning_rate,
            parameter_list,
            None,
            None,
            None,
            clip=float(clip),
            batch_size=float(batch_size),
            sigma=float(sigma),
        )


SGD, Momentum, Adagrad, Adam, Adamax, Adadelta, RMSProp, Lamb, Ftrl, DecayedAdagrad, LarsMomentum, Dpsgd = (
    SGDOptimizer,
    MomentumOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    AdamaxOptimizer,
    AdadeltaOptimizer,
    RMSPropOptimizer,
    LambOptimizer,
    FtrlOptimizer,
    DecayedAdagradOptimizer,
    LarsMomentumOptimizer,
    DpsgdOptimizer,
)
