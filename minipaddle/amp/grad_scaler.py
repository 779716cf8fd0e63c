"""Loss scaling, which keeps small gradients of half-precision training from vanishing."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..core.context import context
from ..core.dispatch import call
from ..core.grad_mode import no_grad
from ..core.tensor import Tensor, isinstance_strict, make_tensor
from ..ops import elementwise as E
from ..ops import optimizer as O

__all__ = ["AmpScaler", "GradScaler", "OptimizerState"]


class OptimizerState(Enum):
    """What happened to an optimizer's gradients since the last `update()`."""

    INIT = 0
    UNSCALED = 1
    STEPPED = 2


class AmpScaler:
    """Scales a loss up, the gradients down again, and skips updates with infinite gradients; see `GradScaler`."""

    def __init__(
        self,
        enable: bool = True,
        init_loss_scaling: float = 2.0**15,
        incr_ratio: float = 2.0,
        decr_ratio: float = 0.5,
        incr_every_n_steps: int = 1000,
        decr_every_n_nan_or_inf: int = 1,
        use_dynamic_loss_scaling: bool = True,
    ) -> None:
        self._enable = bool(enable)
        assert incr_ratio > 1.0, f"incr_ratio must be greater than 1, got {incr_ratio}"
        assert decr_ratio < 1.0, f"decr_ratio must be less than 1, got {decr_ratio}"
        self._init_loss_scaling = init_loss_scaling
        self._incr_ratio, self._decr_ratio = incr_ratio, decr_ratio
        self._incr_every_n_steps, self._decr_every_n_nan_or_inf = incr_every_n_steps, decr_every_n_nan_or_inf
        self._incr_count = self._decr_count = 0
        self._use_dynamic_loss_scaling = bool(use_dynamic_loss_scaling)
        self._scale = self._scale_tensor(init_loss_scaling)
        self._found_inf: Any = None
        self._cache_founf_inf = False
        self._optimizer_states: dict[int, OptimizerState] = {}

    @staticmethod
    def _scale_tensor(value: float) -> Tensor:
        return make_tensor(backend.current().full((1,), float(value), np.float32))

    def scale(self, var: Any) -> Any:
        """The loss times the scale, to call backward() on. TypeError unless it is a tensor."""
        if not isinstance_strict(var, Tensor) and context.recorder is None:
            raise TypeError(f"scale takes the loss, a tensor; got {type(var).__name__}")
        if not self._enable:
            return var
        return call(E.scale, var, scale=float(self._scale))

    def _state(self, optimizer: Any) -> OptimizerState:
        return self._optimizer_states.get(id(optimizer), OptimizerState.INIT)

    def _unscale(self, optimizer: Any) -> None:
        if not self._enable:
            return
        state = self._state(optimizer)
        if state is OptimizerState.UNSCALED:
            raise RuntimeError("unscale_() was already called on this optimizer since the last update()")
        if state is OptimizerState.STEPPED:
            raise RuntimeError("unscale_() is called after step(); call it between backward() and step()")
        grads = [p.grad for p in optimizer._parameters() if p.grad is not None]
        found = False
        with no_grad():
            if grads:
                _, infinite = call(O.check_finite_and_unscale, grads, self._scale)
                found = bool(infinite)
        self._found_inf = make_tensor(np.array([found]))
        self._optimizer_states[id(optimizer)] = OptimizerState.UNSCALED

    def _apply(self, optimizer: Any, update: Any) -> Any:
        """Call `update` unless a gradient was infinite."""
        optimizer._set_auxiliary_var("found_inf", self._found_inf)
        try:
            return update()
        finally:
            self._cache_founf_inf = bool(self._found_inf)
            optimizer._set_auxiliary_var("found_inf", None)

    def minimize(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """As ``optimizer.minimize``, with unscaling before and `update` after."""
        if not self._enable:
            return optimizer.minimize(*args, **kwargs)
        if self._state(optimizer) is OptimizerState.INIT:
            self._unscale(optimizer)
        result = self._apply(optimizer, lambda: optimizer.minimize(*args, **kwargs))
        if self._use_dynamic_loss_scaling:
            self._update()
        self._optimizer_states = {}
        return result

    def _update(self) -> None:
        """Shrink the scale after infinite gradients, grow it after enough steps without."""
        if self._cache_founf_inf:
            self._incr_count = 0
            self._decr_count += 1
            if self._decr_count == self._decr_every_n_nan_or_inf:
                now = float(self._scale)
                print(f"Found inf or nan, current scale is: {now}, decrease to: {now}*{float(self._decr_ratio)}")
                self._scale = self._scale_tensor(now * self._decr_ratio)
                self._decr_count = 0
        else:
            self._decr_count = 0
            self._incr_count += 1
            if self._incr_count == self._incr_every_n_steps:
                self._scale = self._scale_tensor(float(self._scale) * self._incr_ratio)
                self._incr_count = 0

    def is_enable(self) -> bool:
        """Whether losses are scaled at all."""
        return self._enable

    def is_use_dynamic_loss_scaling(self) -> bool:
        """Whether the scale changes."""
        return self._use_dynamic_loss_scaling

    def get_init_loss_scaling(self) -> float:
        """The scale to start from."""
        return self._init_loss_scaling

    def set_init_loss_scaling(self, new_init_loss_scaling: float) -> None:
        """Start from this scale, now."""
        self._init_loss_scaling = new_init_loss_scaling
        self._scale = self._scale_tensor(new_init_loss_scaling)

    def get_incr_ratio(self) -> float:
        """The factor by which the scale grows."""
        return self._incr_ratio

    def set_incr_ratio(self, new_incr_ratio: float) -> None:
        """Set the factor by which the scale grows, more than 1."""
        assert new_incr_ratio > 1.0, f"the factor must be greater than 1, got {new_incr_ratio}"
        self._incr_ratio = new_incr_ratio

    def get_decr_ratio(self) -> float:
        """The factor by which the scale shrinks."""
        return self._decr_ratio

    def set_decr_ratio(self, new_decr_ratio: float) -> None:
        """Set the factor by which the scale shrinks, less than 1."""
        assert new_decr_ratio < 1.0, f"the factor must be less than 1, got {new_decr_ratio}"
        self._decr_ratio = new_decr_ratio

    def get_incr_every_n_steps(self) -> int:
        """How many good steps in a row make the scale grow."""
        return self._incr_every_n_steps

    def set_incr_every_n_steps(self, new_incr_every_n_steps: int) -> None:
        """Set how many good steps in a row make the scale grow."""
        self._incr_every_n_steps = new_incr_every_n_steps

    def get_decr_every_n_nan_or_inf(self) -> int:
        """How many steps with infinite gradients make the scale shrink."""
        return self._decr_every_n_nan_or_inf

    def set_decr_every_n_nan_or_inf(self, new_decr_every_n_nan_or_inf: int) -> None:
        """Set how many steps with infinite gradients make the scale shrink."""
        self._decr_every_n_nan_or_inf = new_decr_every_n_nan_or_inf

    def state_dict(self) -> dict[str, Any]:
        """Scale, settings and counts; {} if disabled."""
        if not self._enable:
            return {}
        return {
            "scale": self._scale.numpy(),
            "incr_ratio": self._incr_ratio,
            "decr_ratio": self._decr_ratio,
            "incr_every_n_steps": self._incr_every_n_steps,
            "decr_every_n_nan_or_inf": self._decr_every_n_nan_or_inf,
            "incr_count": self._incr_count,
            "decr_count": self._decr_count,
            "use_dynamic_loss_scaling": self._use_dynamic_loss_scaling,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. RuntimeError for {}, which a disabled scaler gives."""
        if not self._enable:
            return
        if not state_dict:
            raise RuntimeError("the state is empty; it was probably saved from a disabled GradScaler")
        scale = state_dict["scale"]
        scale = scale.numpy() if isinstance_strict(scale, Tensor) else np.asarray(scale)
        self.set_init_loss_scaling(float(scale.reshape(-1)[0]))
        for name in (
            "incr_ratio", "decr_ratio", "incr_every_n_steps", "decr_every_n_nan_or_inf", "incr_count", "decr_count",
            "use_dynamic_loss_scaling",
        ):  # fmt: skip
            setattr(self, f"_{name}", state_dict[name])


class GradScaler(AmpScaler):
    """Dynamic loss scaling: ``scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()``.

    init_loss_scaling: the first scale. It grows by `incr_ratio` after `incr_every_n_steps` good steps and shrinks by
    `decr_ratio` after `decr_every_n_nan_or_inf` steps with infinite gradients, which are skipped. With
    ``use_dynamic_loss_scaling=False`` it stays. With ``enable=False`` everything passes through unchanged.
    """

    def __init__(
        self,
        enable: bool = True,
        init_loss_scaling: float = 2.0**16,
        incr_ratio: float = 2.0,
        decr_ratio: float = 0.5,
        incr_every_n_steps: int = 2000,
        decr_every_n_nan_or_inf: int = 1,
        use_dynamic_loss_scaling: bool = True,
    ) -> None:
        super().__init__(
            enable, init_loss_scaling, incr_ratio, decr_ratio, incr_every_n_steps, decr_every_n_nan_or_inf,
            use_dynamic_loss_scaling,
        )  # fmt: skip

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the scale, for example before clipping them. RuntimeError if done already."""
        self._unscale(optimizer)

    def step(self, optimizer: Any) -> None:
        """Unscale unless done already, then ``optimizer.step()`` unless a gradient is infinite or not a number."""
        if not self._enable:
            optimizer.step()
            return
        if self._state(optimizer) is OptimizerState.STEPPED:
            raise RuntimeError("step() was already called since the last update()")
        if self._state(optimizer) is OptimizerState.INIT:
            self._unscale(optimizer)
        self._apply(optimizer, optimizer.step)
        self._optimizer_states[id(optimizer)] = OptimizerState.STEPPED
        if not self._use_dynamic_loss_scaling:
            self._optimizer_states = {}

    def update(self) -> None:
        """Adapt the scale; call it after `step`."""
        if self._enable and self._use_dynamic_loss_scaling:
            self._update()
            self._optimizer_states = {}
