"""Arguments of functions, as tests of operators ask for them."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["parse_arg_and_kwargs"]


def parse_arg_and_kwargs(function: Callable[..., Any]) -> tuple[list[str], dict[str, Any]]:
    """Names of the arguments of a function (a first `self` left out), and the defaults of those that have one."""
    spec = inspect.getfullargspec(inspect.unwrap(function))
    names = list(spec.args)
    if names and names[0] == "self":
        names = names[1:]
    defaults = list(spec.defaults or ())
    return names, dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
