"""Helpers around the source of functions, and the class of refusals."""
from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from ...errors import TracingError
from .origin_info import unwrap

__all__ = ["Dygraph2StaticException", "ast_to_source_code", "func_to_source_code"]

#: What a traced function is refused with.
Dygraph2StaticException = TracingError


def func_to_source_code(function: Any, dedent: bool = True) -> str:
    """The source of a function or method without comments. TypeError for anything else."""
    function = unwrap(function)
    if not inspect.isfunction(function):
        raise TypeError(f"a function or method is needed, but received {type(function).__name__}")
    text = textwrap.dedent(inspect.getsource(function))
    code = ast.unparse(ast.parse(text)) + "\n"
    return code if dedent else textwrap.indent(code, " " * 4)


def ast_to_source_code(ast_node: ast.AST) -> str:
    """The text of a syntax tree."""
    return ast.unparse(ast_node) + "\n"
