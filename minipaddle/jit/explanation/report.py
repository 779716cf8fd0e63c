"""The report of `explain`: plain data, and how it reads in a terminal."""
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.blocks import LOOPS
from ...formats.atomic import write_file
from . import page
from .figures import bytes_text, numbered

__all__ = ["Difference", "OperatorRow", "Part", "Report", "SourceLines"]


@dataclass
class OperatorRow:
    """One operator. inputs, outputs: (slot, [(variable, "float32[3, 64]")]). code: lines of the part's code, from 1."""

    number: int
    type: str
    inputs: list[tuple[str, list[tuple[str, str]]]]
    outputs: list[tuple[str, list[tuple[str, str]]]]
    attrs: dict[str, str]
    layer: str = ""
    stack: list[tuple[str, int, str]] = field(default_factory=list)  # frames of the traced code, innermost last
    shown: list[str] = field(default_factory=list)  # types of the results that a user sees
    block: int = 0
    depth: int = 0  # how many blocks it stands in
    operations: int | None = None  # multiply-adds
    bytes: int | None = None  # of the results
    code: list[int] = field(default_factory=list)
    together: int = 1  # operators that its generated line stands for
    beforehand: bool = False  # computed once, not at each call
    of: int | None = None  # number of the forward operator whose gradient it computes
    eager: float | None = None  # largest difference to the eager run
    generated: float | None = None  # largest difference between generated code and reference
    status: str = ""  # of compare: "same", "differs", "first", "only traced", "not run"

    @property
    def location(self) -> str:
        """``file:line`` of the user's code, "" if not known."""
        return f"{self.stack[-1][0]}:{self.stack[-1][1]}" if self.stack else ""

    @property
    def results(self) -> list[tuple[str, str]]:
        """(variable, "float32[3, 64]") of all outputs."""
        return [one for _, items in self.outputs for one in items]


@dataclass
class Part:
    """One function that was generated. code_rows: line of `code`, from 1 -> numbers of its operators."""

    name: str
    title: str
    note: str
    operators: list[OperatorRow]
    code: str
    code_rows: dict[int, list[int]]
    generated: int  # operators of the generated code


@dataclass
class SourceLines:
    """Lines of one function of the user's. known: False when the file is not here and its lines come from the model file."""

    file: str
    name: str
    first: int
    lines: list[str]
    rewritten: str = ""
    known: bool = True
    numbers: list[int] = field(default_factory=list)  # of the lines; empty: from `first` on


@dataclass
class Difference:
    """How far one result or gradient of the traced run is from the eager one (or from the reference)."""

    name: str
    kind: str
    difference: float
    tolerance: float


@dataclass
class Report:
    """What `explain` found. `print` it, show it in a notebook, `save` it as a page."""

    name: str
    signature: str
    origin: str
    layer_class: str
    sources: list[SourceLines]
    parts: list[Part]
    inputs: list[tuple[str, str]]
    outputs: list[tuple[str, str]]
    parameters: list[tuple[str, str, int, bool]]  # name, "float32[64]", bytes, trainable
    sizes: str  # for which input sizes operations and bytes are counted
    activation_bytes: int
    peak_bytes: int
    kept_bytes: int | None  # held from forward to backward
    frozen: list[tuple[str, str, str]]  # what, value, why
    branches: list[tuple[str, str, int]]  # file:line, way, times
    cache: list[dict[str, str]]
    listing: str
    script: str
    notes: list[str] = field(default_factory=list)
    compared: str = ""  # what compare found, in one sentence
    differences: list[Difference] = field(default_factory=list)

    # --- figures

    @property
    def operators(self) -> list[OperatorRow]:
        """Operators of the first part: the forward pass."""
        return self.parts[0].operators

    @property
    def operations(self) -> int:
        """Multiply-adds of one forward pass, those that could be counted."""
        return sum(row.operations or 0 for row in self.operators)

    @property
    def uncounted(self) -> list[str]:
        """Types of forward operators whose operations are not known."""
        return sorted({row.type for row in self.operators if row.operations is None})

    @property
    def parameter_count(self) -> int:
        """Numbers in all parameters."""
        return sum(_size(text) for _, text, _, _ in self.parameters)

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters."""
        return sum(n for _, _, n, _ in self.parameters)

    @property
    def fused(self) -> int:
        """Forward operators that share a generated operation with others."""
        return sum(row.together > 1 for row in self.operators)

    @property
    def first_difference(self) -> OperatorRow | None:
        """The first operator that differs, None when none does or nothing was compared."""
        return next((row for part in self.parts for row in part.operators if row.status == "first"), None)

    # --- showing

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page that needs nothing else: no network, no other file."""
        write_file(os.fspath(path), self.to_html().encode("utf-8"))

    def to_html(self) -> str:
        """The text of the page."""
        return page.render(self)

    def _repr_html_(self) -> str:
        return page.frame(self)

    def __repr__(self) -> str:
        return f"<report on {self.name}: {len(self.operators)} operators, {self.parameter_count:,} parameters>"

    def __str__(self) -> str:
        lines = [f"{self.name}{self.signature}", f"  from {self.origin}" if self.origin else "", *self._figures(), ""]
        lines += self._by_source()
        for part in self.parts:
            lines += ["", f"-- generated code, {part.title.lower()} ({part.generated} operations)", part.code.rstrip("\n")]
        if self.frozen:
            lines += ["", "-- frozen while tracing", *_table([(what, value, why) for what, value, why in self.frozen])]
        if self.branches:
            lines += ["", "-- branches taken", *_table([(where, way, f"{n} x") for where, way, n in self.branches])]
        if self.cache:
            lines += ["", "-- cache", *_table([tuple(entry.values()) for entry in self.cache])]
        if self.compared:
            lines += ["", "-- compared", f"  {self.compared}"]
            lines += _table([(d.kind, d.name, f"{d.difference:.3g}") for d in self.differences])
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1]))

    @property
    def has_loops(self) -> bool:
        """Whether there are loops, of which the figures count one trip."""
        return any(row.type in LOOPS for row in self.operators)

    def _figures(self) -> list[str]:
        kept = "" if self.kept_bytes is None else f", {bytes_text(self.kept_bytes)} kept for backward"
        notes = [f"without {', '.join(self.uncounted)}"] if self.uncounted else []
        notes += ["one trip of each loop"] if self.has_loops else []
        uncounted = f" ({', '.join(notes)})" if notes else ""
        return [
            f"  {len(self.operators)} operators, {self.parts[0].generated} generated, {self.fused} of them fused",
            f"  {self.parameter_count:,} parameters ({bytes_text(self.parameter_bytes)})",
            f"  {self.operations:,} multiply-adds{uncounted}, activations {bytes_text(self.activation_bytes)} "
            f"(at most {bytes_text(self.peak_bytes)} at once{kept}); for {self.sizes}",
        ]

    def _by_source(self) -> list[str]:
        """Source lines, each followed by its operators."""
        at: dict[tuple[str, int], list[OperatorRow]] = {}
        for row in self.operators:
            if row.stack:
                at.setdefault((row.stack[-1][0], row.stack[-1][1]), []).append(row)
        lines: list[str] = []
        shown: set[int] = set()
        for source in self.sources:
            lines.append(f"-- {source.file}, {source.name}")
            for number, text in numbered(source):
                lines.append(f"{number:>5} | {text}")
                for row in at.get((source.file, number), []):
                    shown.add(row.number)
                    lines.append(" " * 8 + _row_text(row))
        rest = [row for row in self.operators if row.number not in shown]
        if rest:
            lines.append("-- operators whose source is not known" if self.sources else "-- operators")
            lines += ["    " + _row_text(row) for row in rest]
        return lines


def _row_text(row: OperatorRow) -> str:
    results = ", ".join(row.shown)
    marks = [row.layer] if row.layer else []
    if row.together > 1:
        marks.append(f"1 of {row.together} fused")
    if row.beforehand:
        marks.append("beforehand")
    if row.status:
        figure = max((d for d in (row.eager, row.generated) if d is not None), default=None)
        marks.append({"first": "FIRST DIFFERENCE"}.get(row.status, row.status) + (f" {figure:.2g}" if figure else ""))
    return f"{'  ' * row.depth}{row.number:>3} {row.type} -> {results or '()'}" + (f"   [{'; '.join(marks)}]" if marks else "")


def _size(text: str) -> int:
    count = 1
    for n in text.partition("[")[2].rstrip("]").split(","):
        count *= int(n) if n.strip() else 1
    return count


def _table(rows: Sequence[Sequence[Any]]) -> list[str]:
    cells = [[" ".join(str(c).split()) for c in row] for row in rows]
    if not cells:
        return []
    widths = [min(max(len(row[i]) for row in cells), 60) for i in range(len(cells[0]))]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
