"""The classes behind `to_static`, and the switch of Paddle before 2.5."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.program import Program, Variable
from ..api import ProgramCache, StaticFunction, enable_to_static, is_enabled
from ..convert import convert_function
from ..trace import ConcreteProgram, FunctionSpec

__all__ = [
    "ASTStaticFunction", "ConcreteProgram", "FunctionSpec", "ProgramCache", "ProgramTranslator", "StaticFunction", "SymbolicStaticFunction",
    "convert_to_static",
]  # fmt: skip

# there is one way to trace
ASTStaticFunction = SymbolicStaticFunction = StaticFunction


def convert_to_static(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its control flow rewritten."""
    found: Callable[..., Any] = convert_function(function, main=True)
    return found


class ProgramTranslator:
    """Switches traced functions on and off, and tells what they become. There is one object of this class."""

    _instance: ProgramTranslator | None = None

    def __new__(cls) -> ProgramTranslator:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    @classmethod
    def get_instance(cls) -> ProgramTranslator:
        """The one object."""
        return cls()

    @classmethod
    def reset(cls) -> None:
        """Traced functions are on again."""
        enable_to_static(True)

    @property
    def enable_to_static(self) -> bool:
        """Whether traced functions run as Programs."""
        return is_enabled()

    def enable(self, enable_to_static: bool) -> None:
        """Switch traced functions off (they run dynamically) or on again. TypeError unless a bool."""
        _switch(enable_to_static)

    def get_output(self, dygraph_func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function gives, run as a Program; dynamically where traced functions are off."""
        return self._static(dygraph_func)(*args, **kwargs)

    def get_func(self, dygraph_func: Callable[..., Any]) -> Callable[..., Any]:
        """The rewritten function; the function itself where traced functions are off."""
        self._check(dygraph_func)
        return convert_to_static(dygraph_func) if is_enabled() else dygraph_func

    def get_program(
        self, dygraph_func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> tuple[Program, Program, list[Any], list[Variable]]:
        """(main Program, startup Program, inputs, outputs) of a call with these arguments."""
        concrete = self._static(dygraph_func).get_concrete_program(*args, **kwargs)[0]
        return concrete.main_program, concrete.startup_program, list(concrete.inputs), list(concrete.outputs)

    def get_code(self, dygraph_func: Callable[..., Any]) -> str:
        """The text of the rewritten function."""
        return self._static(dygraph_func).code

    def _check(self, dygraph_func: Any) -> None:
        assert callable(dygraph_func), f"dygraph_func must be a function, but received {type(dygraph_func).__name__}"

    def _static(self, dygraph_func: Any) -> StaticFunction:
        self._check(dygraph_func)
        return dygraph_func if isinstance(dygraph_func, StaticFunction) else StaticFunction(dygraph_func)


_switch = enable_to_static
