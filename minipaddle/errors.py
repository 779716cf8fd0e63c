"""Error classes.

Users of Paddle catch the built-in classes (``ValueError``, ``TypeError``, ``RuntimeError`` ...), so every class
here derives from the one that Paddle raises in the same situation.
"""
from __future__ import annotations

__all__ = [
    "AssertionFailedError",
    "AxisError",
    "BranchMismatchError",
    "FormatError",
    "GradientError",
    "InvalidIndexError",
    "MissingCupyError",
    "MissingExtraError",
    "MisusedTensorError",
    "NoGPUError",
    "MixedDtypesError",
    "NotSupportedError",
    "RepeatedBackwardError",
    "TracingError",
    "UnfitShapesError",
    "UnknownOperatorError",
    "UnsetVariableError",
    "UnsupportedDtypeError",
    "WrongTypeError",
]


class AssertionFailedError(AssertionError, ValueError):
    """An `assert` of a traced function failed. Python raises AssertionError, Paddle's Programs ValueError."""


class NotSupportedError(NotImplementedError):
    """Something Paddle has and minipaddle has not; the message says what to do instead."""


class MissingExtraError(ImportError):
    """An optional package is needed; the message names the extra that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'minipaddle[{extra}]'"
        )


class MissingCupyError(MissingExtraError, ValueError):
    """A GPU is asked for and CuPy is missing. Paddle raises ValueError for a device that it was not built for."""


class NoGPUError(RuntimeError, ValueError):
    """A GPU is asked for and there is none, or none with that number."""


class MisusedTensorError(AssertionError, ValueError, TypeError):
    """A tensor has the wrong number of elements, shape or dtype for what was asked of it.

    Paddle raises ``AssertionError`` in these places, NumPy ``ValueError`` or ``TypeError``; all three catch it.
    """


class WrongTypeError(ValueError, TypeError):
    """An argument has the wrong Python type: no tensor, no int. Paddle raises ValueError at once, TypeError in static mode."""


class UnfitShapesError(ValueError, RuntimeError):
    """The shapes of several tensors do not go together, in an operator for which Paddle raises RuntimeError."""


class UnsupportedDtypeError(NotImplementedError, TypeError):
    """An operator does not take tensors of this element type.

    Paddle raises RuntimeError or NotImplementedError (a kind of RuntimeError) at run time, TypeError while a Program is made.
    """


class MixedDtypesError(UnsupportedDtypeError, ValueError):
    """Tensors of different element types meet in an operator that wants one. Paddle raises any of these, by mode and operator."""


class AxisError(ValueError, IndexError):
    """An axis is out of range. Paddle raises ValueError in some operators, IndexError in others; NumPy's class is both, too."""


class InvalidIndexError(IndexError, ValueError):
    """Something that no index is made of. Paddle raises IndexError in static mode, ValueError in dynamic mode."""


class GradientError(RuntimeError):
    """A gradient cannot be computed: a saved value was changed in place, or an input is not connected."""


class RepeatedBackwardError(SystemError, RuntimeError):
    """`backward()` was called a second time on a graph that was freed by the first call.

    Paddle raises ``SystemError`` here.
    """


class TracingError(TypeError):
    """Python asked a symbolic value of a traced function for something only real data has."""


class BranchMismatchError(TracingError, ValueError):
    """The branches of a condition on a Tensor give values that do not go together. Paddle raises ValueError, or TypeError."""


class FormatError(ValueError):
    """A file is truncated, foreign or inconsistent; the message names the file, what was got and expected."""


class UnknownOperatorError(NotSupportedError):
    """A Program holds an operator type that minipaddle does not define."""


class UnsetVariableError(UnboundLocalError, ValueError):
    """A traced function used a variable that the branch or loop which ran gave no value. Python raises UnboundLocalError."""
