"""``paddle.static.nn.control_flow``: branches and loops out of functions, and out of ``with`` blocks."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ...core import control_flow as C
from ...core.blocks import outer_writes
from ...core.control_flow import Assert, Print, case, cond, switch_case, while_loop
from ...core.program import Block, Program, Variable
from ...dtypes import bool_
from ..program import static_recorder

__all__ = ["Assert", "ConditionalBlock", "Print", "While", "case", "cond", "switch_case", "while_loop"]


@contextlib.contextmanager
def inside(program: Program) -> Iterator[Block]:
    """A new block is current; an error forgets it."""
    block = program.create_block()
    try:
        yield block
    except BaseException:
        C.drop_blocks(static_recorder("control flow"), block.idx)
        raise
    finally:
        program.current_block_idx = block.parent_idx


@contextlib.contextmanager
def outside(program: Program) -> Iterator[None]:
    """The enclosing block is current."""
    at = program.current_block_idx
    program.current_block_idx = program.current_block().parent_idx
    try:
        yield
    finally:
        program.current_block_idx = at


def variables_read(block: Block, known: Sequence[str] = ()) -> list[str]:
    """Names of enclosing blocks that the operators of a block read before they write them."""
    written = set(known)
    found: dict[str, None] = {}
    for op in block.ops:
        for n in op.input_arg_names:
            if n not in written and n not in block.vars:
                found[n] = None
        written.update(op.output_arg_names)
    return list(found)


def carrier(block: Block) -> Variable:
    return block.create_var(static_recorder("control flow").unused_name("_generated_var"), (), None, kind="STEP_SCOPES")


def one_bool(value: Any, what: str) -> Variable:
    if not isinstance(value, Variable):
        raise TypeError(f"{what} should be a variable, got {type(value).__name__}")
    if value.dtype is not bool_:
        raise TypeError(f"{what} should be a boolean variable, got {value.describe()}")
    return value


class While:
    """A loop: ``with While(cond).block():`` runs its block while the bool Variable `cond` (one element) holds.

    The block must write `cond` again, as with ``less_than(i, n, cond=cond)``; other Variables change by ``assign(x, output=y)``,
    ``increment`` and `array_write`. TypeError for a condition of another type or size. is_test: no gradient is wanted.
    """

    def __init__(self, cond: Any, is_test: bool = False, name: str | None = None) -> None:
        if any(n not in (1, -1) for n in one_bool(cond, "condition").static_shape):
            raise TypeError(f"condition expected shape as [1], but given shape as {list(cond.static_shape)}")
        self.cond_var, self.is_test = cond, is_test
        self.program = static_recorder("While").program

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """The ``with`` block whose operators are repeated."""
        with inside(self.program) as inner:
            yield
            self._at_the_end()
        going = self.cond_var
        if going.name not in outer_writes(inner):
            self.program.blocks.pop()
            self.program.touch()
            raise ValueError(
                f"While: its block never writes the condition {going.name!r}, so it would not end; write it with "
                "assign(less_than(i, n), cond)"
            )
        block = self.program.current_block()
        writes = [n for n in outer_writes(inner) if block.find_var(n) is not None]
        block.append_op(
            "while", {"X": variables_read(inner, [going.name]), "Condition": going}, {"Out": writes, "StepScopes": carrier(block)},
            {"sub_block": inner.idx, "is_test": self.is_test}, callstack=C.user_callstack(),
        )  # fmt: skip

    def _at_the_end(self) -> None:
        """Operators that others add behind the user's."""


class ConditionalBlock:
    """``with ConditionalBlock([c], is_scalar_condition=True).block():`` runs its block if c holds.

    Without the flag the block runs if no input is empty.
    """

    def __init__(self, inputs: Sequence[Any], is_scalar_condition: bool = False, name: str | None = None) -> None:
        for each in inputs:
            if not isinstance(each, Variable):
                raise TypeError(f"ConditionalBlock: each input must be a Variable, got {type(each).__name__}")
        self.inputs, self.is_scalar_condition = list(inputs), is_scalar_condition
        self.program = static_recorder("ConditionalBlock").program

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """The ``with`` block whose operators depend on the condition."""
        with inside(self.program) as inner:
            yield
        block = self.program.current_block()
        writes = [n for n in outer_writes(inner) if block.find_var(n) is not None]
        block.append_op(
            "conditional_block", {"Cond": self.inputs, "Input": variables_read(inner)}, {"Out": writes, "Scope": carrier(block)},
            {"sub_block": inner.idx, "is_scalar_condition": self.is_scalar_condition}, callstack=C.user_callstack(),
        )  # fmt: skip
