"""Models of Paddle 3.x: the ``.json`` of its intermediate representation (PIR), read into a Program.

    pir_text      the text as plain objects
    pir_ops       the table: which ProgramDesc operator says the same, with which slots and attributes
    pir_reader    from plain objects to a Program
    pir_special   operators that need more than a row of the table, control flow among them

The Program has the form of that of a ``.pdmodel`` file: ProgramDesc operators, feed and fetch operators, control flow in blocks. So what
was read runs, trains and is saved again like any other model. Nothing in the file is executed.

PIR gives every value a number and assigns it once. Here a value is a variable. Constants (`full`, `full_int_array`) become attributes
where the ProgramDesc operator has attributes, and operators that make them otherwise. An operator that works in place (``add_``) makes a
new variable under both numbers, unless the value belongs to an enclosing block: that is written over.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.program import Program
from ..errors import FormatError, NotSupportedError, UnknownOperatorError
from .pir_ops import rows
from .pir_reader import Damaged, Reader, Refused, find_handler, row_of
from .pir_special import FINISHERS, HANDLERS
from .pir_text import PD_OP, PirBlock, all_ops, parse, plain_name, shown_name

__all__ = ["is_pir", "is_read", "load_file", "loads", "stored_names", "variable_facts", "without_values"]


def is_pir(data: bytes) -> bool:
    """Whether bytes look like the json of a model rather than a ProgramDesc."""
    return data[:64].lstrip()[:1] == b"{"


def load_file(path: str) -> Program:
    """Read a ``.json`` model; see `loads`."""
    with open(path, "rb") as file:
        return loads(file.read(), path)


def loads(data: bytes, name: str = "data") -> Program:
    """The Program in the bytes of a ``.json`` model, with feed and fetch operators.

    FormatError (a ValueError) for damaged data and foreign files; UnknownOperatorError, which lists them, for operators that are
    not known. Both name the file.
    """
    function, trainable = parse(data, name)
    _check_known(function, name)
    try:
        program = Reader(HANDLERS, FINISHERS).read(function)
    except Refused as error:
        raise NotSupportedError(f"{name}: {error}") from None
    except Damaged as error:
        raise FormatError(f"{name}: {error}") from None
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise FormatError(f"{name}: damaged, or not a model of Paddle 3.x: {type(error).__name__}: {error}") from error
    program.extra.update(source=name, trainable=trainable)
    return program


def is_read(program: Program) -> bool:
    """Whether a Program came out of a json file."""
    return "trainable" in program.extra


def stored_names(data: bytes, name: str = "data") -> list[str]:
    """Names of the variables that ``.pdiparams`` holds, sorted; whatever operators the model has."""
    function, _ = parse(data, name)
    return sorted(op.attrs["name"] for op in function.ops if op.name == "p" and op.persistable[0])


def variable_facts(program: Program) -> dict[str, dict[str, Any]]:
    """For each stored variable what ``.pdiparams.info`` says of the variables of a ``.pdmodel``."""
    facts: dict[str, dict[str, Any]] = {}
    for v in program.global_block().vars.values():
        trainable = v.extra.get("trainable")
        if trainable is not None:
            facts[v.name] = {"stop_gradient": v.stop_gradient}
            if v.persistable:
                facts[v.name]["trainable"] = trainable
    return facts


def without_values(program: Program) -> dict[str, np.ndarray[Any, Any]]:
    """Parameters that the file declares without storing a value (states of dropout): zeros."""
    return {
        v.name: np.zeros(v.static_shape, v.dtype.np)
        for v in program.global_block().vars.values()
        if "trainable" in v.extra and not v.persistable
    }


def _check_known(function: PirBlock, name: str) -> None:
    unknown: dict[str, int] = {}
    for op in all_ops(function):
        if row_of(op.name) is None and find_handler(HANDLERS, op.name) is None:
            unknown[op.name] = unknown.get(op.name, 0) + 1
    if not unknown:
        return
    import difflib

    first = next(iter(unknown))
    known = [*rows(), *(n.removeprefix(PD_OP) for n in HANDLERS)]
    near = difflib.get_close_matches(plain_name(first), known, 3)
    others = len(unknown) - 1
    gradients = any(n.removesuffix("_").endswith("_grad") for n in unknown)
    raise UnknownOperatorError(
        f"{name}: operator {shown_name(first)!r} is not known"
        + (f", nor {others} other{'s' if others > 1 else ''} ({', '.join(map(shown_name, list(unknown)[1:6]))})" if others else "")
        + (f"; near: {', '.join(near)}" if near else "")
        + ("; this is a Program for training: export the model for inference (paddle.jit.save)" if gradients else "")
    )
