"""L-BFGS, a quasi-Newton method for full-batch problems."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..backend import xp as backend
from ..core.context import context
from ..core.grad_mode import enable_grad
from ..core.tensor import Tensor, isinstance_strict, make_tensor
from ..errors import NotSupportedError
from ..nn.clip import ClipGradBase
from .optimizer import Optimizer
from .program import refuse_step

__all__ = ["LBFGS"]

Function = Callable[[float], tuple[float, Any]]


def _cubic_minimum(
    x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: tuple[float, float] | None = None
) -> float:
    """Where the cubic through two points with these values and slopes is least, kept inside of `bounds`."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    if x1 <= x2:
        least = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        least = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(least, low), high)


class _Point:
    """A place on the search line: step length, loss, gradient, slope along the line."""

    __slots__ = ("f", "g", "slope", "t")

    def __init__(self, t: float, f: float, g: Any, slope: float) -> None:
        self.t, self.f, self.g, self.slope = t, f, g, slope


def _strong_wolfe(
    function: Function, t: float, d: Any, start: _Point, tolerance_change: float, c1: float = 1e-4, c2: float = 0.9,
    most: int = 25,
) -> tuple[_Point, int]:  # fmt: skip
    """A step length that satisfies the strong Wolfe conditions (Nocedal & Wright, algorithms 3.5 and 3.6).

    Returns the point and how often the function was evaluated.
    """
    longest = float(abs(d).max())

    def at(t: float) -> _Point:
        f, g = function(t)
        return _Point(t, f, g, float((g * d).sum()))

    def too_high(p: _Point) -> bool:
        return p.f > start.f + c1 * p.t * start.slope

    point, evaluations = at(t), 1
    previous, bracket, done = start, [], False
    steps = 0
    while steps < most:
        if too_high(point) or (steps > 1 and point.f >= previous.f):
            bracket = [previous, point]
            break
        if abs(point.slope) <= -c2 * start.slope:
            bracket, done = [point], True
            break
        if point.slope >= 0:
            bracket = [previous, point]
            break
        bounds = (point.t + 0.01 * (point.t - previous.t), point.t * 10)
        t = _cubic_minimum(previous.t, previous.f, previous.slope, point.t, point.f, point.slope, bounds)
        previous, point = point, at(t)
        evaluations += 1
        steps += 1
    if not bracket:
        bracket = [start, point]
    if len(bracket) == 1:
        return bracket[0], evaluations
    low, high = sorted(bracket, key=lambda p: p.f)
    stuck = False
    while not done and steps < most:
        if abs(high.t - low.t) * longest < tolerance_change:
            break
        first, second = (low, high) if low.t <= high.t else (high, low)
        t = _cubic_minimum(low.t, low.f, low.slope, high.t, high.f, high.slope)
        margin = 0.1 * (second.t - first.t)
        if min(second.t - t, t - first.t) < margin:
            if stuck or t >= second.t or t <= first.t:
                t = second.t - margin if abs(t - second.t) < abs(t - first.t) else first.t + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        evaluations += 1
        steps += 1
        if too_high(point) or point.f >= low.f:
            high = point
            if high.f < low.f:
                low, high = high, low
            continue
        if abs(point.slope) <= -c2 * start.slope:
            done = True
        elif point.slope * (high.t - low.t) >= 0:
            high = low
        low = point
    return low, evaluations


class LBFGS(Optimizer):
    """L-BFGS (Liu & Nocedal 1989): ``step(closure)`` runs up to `max_iter` iterations.

    max_eval: most evaluations of the closure in one step (default ``1.25 * max_iter``). tolerance_grad, tolerance_change:
    stop when the largest element of the gradient, or the change of loss or parameters, is below. history_size: updates
    remembered. line_search_fn: None (steps of `learning_rate`) or "strong_wolfe".

    weight_decay and grad_clip are refused: they would make the gradient disagree with the loss that is searched.
    """

    def __init__(
        self,
        learning_rate: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        name: str | None = None,
    ) -> None:
        for label, value in (("weight_decay", weight_decay), ("grad_clip", grad_clip)):
            if value is not None:
                raise NotSupportedError(
                    f"{label} of LBFGS: the line search needs a gradient that belongs to the loss; add the term to the loss "
                    "in the closure instead"
                )
        self.learning_rate = learning_rate
        self.max_iter, self.max_eval = max_iter, max_iter * 5 // 4 if max_eval is None else max_eval
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change
        self.history_size, self.line_search_fn = history_size, line_search_fn
        self.state: dict[str, Any] = {}
        super().__init__(1.0, parameters, None, None, name)
        self._params = self._parameters()

    def state_dict(self) -> dict[str, Any]:
        """``{"state": {...}}``: counts, direction and history; tensors and numbers."""

        def packed(value: Any) -> Any:
            if isinstance(value, list):
                return [packed(v) for v in value]
            return make_tensor(value) if hasattr(value, "dtype") else value

        return {"state": {key: packed(value) for key, value in self.state.items()}}

    def set_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. KeyError without "state"."""

        def unpacked(value: Any) -> Any:
            if isinstance(value, list):
                return [unpacked(v) for v in value]
            return value._data if isinstance_strict(value, Tensor) else value

        if "state" not in state_dict:
            raise KeyError(f"state: the loaded state of LBFGS has only {sorted(state_dict)}")
        self.state = {key: unpacked(value) for key, value in state_dict["state"].items()}

    def _flat_gradient(self) -> Any:
        module = backend.array_module(self._params[0]._data)
        parts = [
            module.zeros(p._data.size, p._data.dtype) if p.grad is None else p.grad._data.reshape(-1) for p in self._params
        ]
        return module.concatenate(parts)

    def _move(self, d: Any, length: float, origin: list[Any] | None = None) -> None:
        """Put the parameters `length` along `d` from where they are, or from `origin`."""
        offset = 0
        for i, p in enumerate(self._params):
            part = d[offset : offset + p._data.size].reshape(p._data.shape)
            p._replace((p._data if origin is None else origin[i]) + part * p._data.dtype.type(length))
            offset += p._data.size

    def _direction(self, gradient: Any) -> Any:
        """Minus the gradient times the approximate inverse Hessian (two-loop recursion)."""
        state = self.state
        ys, ss, ro = state["old_yk"], state["old_sk"], state["ro"]
        q = -gradient
        kept = [0.0] * len(ys)
        for i in range(len(ys) - 1, -1, -1):
            kept[i] = float((ss[i] * q).sum()) * ro[i]
            q = q - ys[i] * q.dtype.type(kept[i])
        r = q * q.dtype.type(state["H_diag"])
        for i in range(len(ys)):
            r = r + ss[i] * r.dtype.type(kept[i] - float((ys[i] * r).sum()) * ro[i])
        return r

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimise: `closure` clears the gradients, computes the loss, calls its backward() and returns it.

        Returns the loss before the step.
        """
        if context.recorder is not None:
            refuse_step(self)
        if not callable(closure):
            raise TypeError(f"LBFGS.step takes a closure that computes the loss, got {type(closure).__name__}")
        if self.line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError(f"line_search_fn of LBFGS must be None or 'strong_wolfe', got {self.line_search_fn!r}")
        from_closure = enable_grad()(closure)
        state = self.state
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = from_closure()
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        gradient = self._flat_gradient()
        if float(abs(gradient).max()) <= self.tolerance_grad:
            return first_loss
        d: Any = state.get("d")
        length: float = state.get("alpha", 0.0)
        before, loss_before = state.get("prev_flat_grad"), state.get("prev_loss", loss)
        for iteration in range(1, self.max_iter + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = -gradient
                state.update(old_yk=[], old_sk=[], ro=[], H_diag=1.0)
            else:
                y, s = gradient - before, d * d.dtype.type(length)
                ys = float((y * s).sum())
                if ys > 1e-10:
                    if len(state["old_yk"]) == self.history_size:
                        for name in ("old_yk", "old_sk", "ro"):
                            state[name].pop(0)
                    state["old_yk"].append(y)
                    state["old_sk"].append(s)
                    state["ro"].append(1.0 / ys)
                    state["H_diag"] = ys / float((y * y).sum())
                d = self._direction(gradient)
            before, loss_before = gradient, loss
            length = self.learning_rate
            if state["n_iter"] == 1:
                length = min(1.0, 1.0 / float(abs(gradient).sum())) * self.learning_rate
            slope = float((gradient * d).sum())
            if slope > -self.tolerance_change:
                break
            used = 0
            if self.line_search_fn is not None:
                origin = [p._data for p in self._params]

                def along(t: float, origin: list[Any] = origin, d: Any = d) -> tuple[float, Any]:
                    self._move(d, t, origin)
                    return float(from_closure()), self._flat_gradient()

                point, used = _strong_wolfe(along, length, d, _Point(0.0, loss, gradient, slope), self.tolerance_change)
                loss, gradient, length = point.f, point.g, point.t
                self._move(d, length, origin)
            else:
                self._move(d, length)
                if iteration != self.max_iter:
                    loss, gradient, used = float(from_closure()), self._flat_gradient(), 1
            evaluations += used
            state["func_evals"] += used
            if used and float(abs(gradient).max()) <= self.tolerance_grad:
                break
            if float(abs(d).max()) * abs(length) <= self.tolerance_change:
                break
            if abs(loss - loss_before) < self.tolerance_change and used:
                break
            if evaluations >= self.max_eval:
                break
        state.update(d=d, alpha=length, prev_flat_grad=before, prev_loss=loss_before)
        return first_loss

    def minimize(self, loss: Any, startup_program: Any = None, parameters: Any = None, no_grad_set: Any = None) -> Any:
        """Not for LBFGS, which evaluates the loss several times: NotImplementedError."""
        raise NotImplementedError("LBFGS has no minimize(loss); call step(closure), where closure computes the loss")

