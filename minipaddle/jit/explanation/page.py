"""The report as one HTML page: its own style and script inside, nothing fetched from elsewhere.

All text from programs and files is escaped here or set as text by the script, never as markup.
"""
from __future__ import annotations

import functools
import json
import keyword
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .figures import bytes_text, count_text, numbered

if TYPE_CHECKING:
    from .report import OperatorRow, Part, Report

__all__ = ["escape", "frame", "render"]

_HERE = os.path.dirname(os.path.abspath(__file__))
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#39;"}
_ESCAPES |= {c: f"&#x{0x2400 + c:x};" for c in range(32) if chr(c) not in "\t\n"}  # control characters as their pictures


def escape(text: Any) -> str:
    """Text that a browser shows as it is, in an element or a quoted attribute."""
    return str(text).translate(_ESCAPES)


@functools.cache
def _asset(name: str) -> str:
    with open(os.path.join(_HERE, name), encoding="utf-8") as file:
        return file.read()


# --- Python source in colours

_TOKEN = re.compile(
    r"(?P<comment>\#.*)|(?P<string>[rbfuRBFU]{0,2}(?:\"\"\".*?(?:\"\"\"|$)|'''.*?(?:'''|$)|\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?))"
    r"|(?P<number>\b\d[\w.]*)|(?P<decorator>^\s*@[\w.]+)|(?P<run>\bop_\w+)|(?P<word>[^\W\d]\w*)|(?P<other>.)",
    re.DOTALL,
)


def highlight(line: str) -> str:
    """One line of Python as markup."""
    parts: list[str] = []
    defines = False
    for found in _TOKEN.finditer(line):
        kind, text = found.lastgroup, found[0]
        if kind == "word":
            kind = "keyword" if keyword.iskeyword(text) else "name" if defines else None
            defines = text in ("def", "class")
        shown = escape(text)
        parts.append(shown if kind in (None, "other") else f'<span class="{kind[:3]}">{shown}</span>')  # type: ignore[index]
    return "".join(parts)


# --- operators

_FAMILIES = (
    ("conv", r"conv|im2sequence"),
    ("matmul", r"matmul|^mul$|^mul_|bmm|^mv|^fc|linear"),
    ("norm", r"norm"),
    ("pool", r"pool|interp"),
    ("reduce", r"reduce|^mean|^sum|arg_|top_k|cumsum|softmax|cross_entropy|loss"),
    ("random", r"dropout|random|rand|bernoulli|multinomial"),
    ("control", r"conditional|while|select_|array|assert|print|less_|greater_|equal|logical"),
    ("move", r"reshape|transpose|flatten|squeeze|concat|split|slice|stack|gather|scatter|pad|tile|expand"
             r"|cast|assign|fill|shape|lookup|one_hot|range"),
)


def family(type: str) -> str:
    """What kind of operator it is, for its colour."""
    return next((name for name, pattern in _FAMILIES if re.search(pattern, type)), "elementwise")


def _components(path: str) -> list[str]:
    """``blocks.0.fc`` as ``blocks.0``, ``fc``: a number belongs to the list before it."""
    parts: list[str] = []
    for word in path.split(".") if path else []:
        if word.isdigit() and parts:
            parts[-1] += f".{word}"
        else:
            parts.append(word)
    return parts


def _row(row: OperatorRow) -> str:
    results = ", ".join(row.shown[:4]) + (f", and {len(row.shown) - 4} more" if len(row.shown) > 4 else "")
    badges = []
    if row.together > 1:
        badges.append(_badge("fused", f"1 of {row.together}", "runs together with others as one operation"))
    if row.beforehand:
        badges.append(_badge("before", "once", "computed once, before the first call"))
    if not row.code:
        badges.append(_badge("gone", "no line", "no generated line of its own: folded into control flow, or needed by nothing"))
    if row.status:
        badges.append(_status(row))
    title = f' title="{row.operations:,} multiply-adds"' if row.operations else ""
    cost = f'<span class="cost"{title}>{count_text(row.operations) if row.operations else ""}</span>'
    indent = f' style="--depth:{row.depth}"' if row.depth else ""
    words = " ".join([row.type, row.layer, row.location, *(f"{n} {t}" for _, items in (*row.inputs, *row.outputs) for n, t in items)])
    return (
        f'<li class="op{" st-first" if row.status == "first" else ""}" data-n="{row.number}"'
        f' data-words="{escape(words.lower())}"{indent}>'
        f'<button class="line" aria-expanded="false"><span class="no">{row.number}</span><i class="dot {family(row.type)}"></i>'
        f'<b>{escape(row.type)}</b><span class="shape">{escape(results)}</span>'
        f'<span class="marks">{"".join(badges)}</span>{cost}</button></li>'
    )


def _badge(kind: str, text: str, title: str) -> str:
    return f'<span class="badge {kind}" title="{title}">{text}</span>'


def _status(row: OperatorRow) -> str:
    gap = max((d for d in (row.eager, row.generated) if d is not None), default=None)
    figure = "" if gap is None else f"{gap:.1e}"
    sign, words = {
        "same": ("=", "eager and traced agree"), "differs": ("≠", "differs, after the first difference"),
        "first": ("≠ first", "the first operator that differs"), "only traced": ("–", "the traced form alone has it"),
        "not run": ("·", "not run on these inputs"),
    }[row.status]  # fmt: skip
    return f'<span class="cmp {row.status.replace(" ", "-")}" title="{words}{": " + figure if figure else ""}">{sign}</span>'


def _groups(rows: Sequence[OperatorRow], root: str) -> str:
    """Rows in order, those of one layer under its name."""
    html: list[str] = []
    stack: list[str] = []
    open_root = False

    def begin(title: str, path: str) -> None:
        html.append(
            f'<li class="group{"" if path else " root"}" data-path="{escape(path)}">'
            f'<button class="fold" aria-expanded="true"><span class="chevron"></span>{escape(title)}</button><ol>'
        )

    for row in rows:
        wanted = _components(row.layer)
        common = 0
        while common < min(len(stack), len(wanted)) and stack[common] == wanted[common]:
            common += 1
        while len(stack) > common:
            stack.pop()
            html.append("</ol></li>")
        if not open_root and root:
            begin(root, "")
            open_root = True
        while len(stack) < len(wanted):
            stack.append(wanted[len(stack)])
            begin(stack[-1], ".".join(stack))
        html.append(_row(row))
    html.append("</ol></li>" * (len(stack) + open_root))
    return "".join(html)


def _part(part: Part, index: int, report: Report) -> tuple[str, str]:
    """The operators and the code of one part."""
    lines = []
    for number, text in enumerate(part.code.rstrip("\n").split("\n"), 1):
        linked = ' class="ln on"' if part.code_rows.get(number) else ' class="ln"'
        lines.append(f'<div{linked} data-line="{number}"><span class="no">{number}</span><code>{highlight(text) or " "}</code></div>')
    return (
        f'<ol class="ops" data-part="{index}" aria-label="{escape(part.title)} operators">'
        f"{_groups(part.operators, report.layer_class)}</ol>",
        f'<div class="code" data-part="{index}">{"".join(lines)}</div>',
    )


# --- source


def _sources(report: Report) -> str:
    html = []
    for index, source in enumerate(report.sources):
        lines = []
        shift = min((len(t) - len(t.lstrip()) for t in source.lines if t.strip()), default=0)
        for number, text in numbered(source):
            lines.append(
                f'<div class="ln" data-src="{index}:{number}"><span class="no">{number}</span><code>{highlight(text[shift:]) or " "}</code>'
                '<span class="count"></span></div>'
            )
        rewritten = "".join(
            f'<div class="ln"><span class="no">{n}</span><code>{highlight(t) or " "}</code></div>'
            for n, t in enumerate(source.rewritten.splitlines(), 1)
        )
        note = "" if source.known else ' <span title="the file is not here, or has changed since">lines saved with the model</span>'
        name = f"<b>{escape(source.name)}</b> <span>{escape(os.path.basename(source.file))}</span>"
        if not source.known:
            name = f"<b>{escape(os.path.basename(source.file))}</b>"
        none = '<p class="note">Not rewritten: there is no control flow in it, or it is not traced as source.</p>'
        html.append(
            f'<section class="fn"><h3 title="{escape(source.file)}">{name}{note}</h3>'
            f'<div class="text">{"".join(lines)}</div>'
            f'<div class="rewritten">{rewritten or none}</div></section>'
        )
    return "".join(html) or '<p class="note">The source of these operators is not known.</p>'


def _data(report: Report) -> str:
    """What the script needs, as JSON that cannot end its element."""
    places = {(s.file, n): f"{i}:{n}" for i, s in enumerate(report.sources) for n, _ in numbered(s)}
    parts = []
    for part in report.parts:
        ops = []
        for row in part.operators:
            found = [places[file, line] for file, line, _ in row.stack if (file, line) in places]
            ops.append({
                "t": row.type, "l": row.layer, "i": row.inputs, "o": row.outputs, "a": row.attrs, "s": found, "c": row.code,
                "w": [f"{file}:{line}, in {name}" for file, line, name in row.stack], "m": row.operations, "b": row.bytes,
                "k": row.together, "of": row.of, "st": row.status, "e": _number(row.eager), "g": _number(row.generated), "bl": row.block,
            })  # fmt: skip
        parts.append({"name": part.name, "ops": ops, "lines": {str(k): v for k, v in part.code_rows.items()}})
    text = json.dumps({"parts": parts}, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


# --- the rest of the page


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], marked: Iterable[bool] = ()) -> str:
    flags = list(marked)
    body = "".join(
        f'<tr{" class=bad" if i < len(flags) and flags[i] else ""}>' + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>"
        for i, row in enumerate(rows)
    )
    heads = "".join(f"<th>{escape(h)}</th>" for h in head)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _section(id: str, title: str, content: str, count: str = "", is_open: bool = True) -> str:
    counted = f' <span class="tally">{escape(count)}</span>' if count else ""
    return f'<details class="panel" id="{id}"{" open" if is_open else ""}><summary>{escape(title)}{counted}</summary>{content}</details>'


def _cards(report: Report) -> str:
    fused = f", {report.fused} operators fused" if report.fused else ""
    trips = ", one trip of each loop" if report.has_loops else ""
    without = f", without {', '.join(report.uncounted)}" if report.uncounted else ""
    cards = [
        ("Operators", str(len(report.operators)), f"{report.parts[0].generated} generated operations{fused}"),
        ("Parameters", count_text(report.parameter_count), f"{len(report.parameters)} tensors, {bytes_text(report.parameter_bytes)}"),
        ("Multiply-adds", count_text(report.operations), f"one forward pass{trips}{without}"),
        ("Activations", bytes_text(report.activation_bytes), f"at most {bytes_text(report.peak_bytes)} at once"),
    ]
    if report.kept_bytes is not None:
        cards.append(("For backward", bytes_text(report.kept_bytes), "kept between the two passes"))
    if report.cache:
        cards.append(("Programs", str(len(report.cache)), "traced forms of this function"))
    return "".join(f'<div class="card"><h2>{escape(t)}</h2><strong>{escape(v)}</strong><p>{escape(n)}</p></div>' for t, v, n in cards)


def _panels(report: Report) -> str:
    html = []

    def panel(id: str, title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], count: str = "", **options: Any) -> None:
        marked = options.pop("marked", ())
        html.append(_section(id, title, _table(head, rows, marked), count or str(len(rows)), **options))

    if report.compared:
        marks = [d.difference > d.tolerance for d in report.differences]
        found = [(d.kind, d.name, f"{d.difference:.3g}", f"{d.tolerance:.0e}") for d in report.differences]
        panel("compared", "Compared", ("what", "name", "relative difference", "rounding explains"), found, report.compared, marked=marks)
    values = [("input", n, t) for n, t in report.inputs] + [("output", n, t) for n, t in report.outputs]
    panel("inputs", "Inputs and outputs", ("", "variable", "type"), values)
    if report.frozen:
        panel("frozen", "Frozen while tracing", ("what", "value", "why it is fixed"), report.frozen)
    if report.branches:
        panel("branches", "Branches that Python took", ("condition at", "went", "times"), report.branches)
    if report.cache:
        panel("cache", "Cache account", list(report.cache[0]), [list(e.values()) for e in report.cache])
    kept = [(n, t, bytes_text(size), "yes" if trains else "no") for n, t, size, trains in report.parameters]
    if kept:
        panel("parameters", "Parameters and buffers", ("name", "type", "bytes", "trains"), kept, is_open=len(kept) <= 24)
    if report.notes:
        html.append(_section("notes", "Notes", "".join(f'<p class="note">{escape(n)}</p>' for n in report.notes)))
    html.append(_section("listing", "The Program, print(program)", f"<pre>{escape(report.listing)}</pre>", is_open=False))
    html.append(_section("script", "The Program as Python, program.to_code()", f"<pre>{escape(report.script)}</pre>", is_open=False))
    return "".join(html)


def _title(report: Report) -> str:
    place = f'<span class="place">{escape(report.origin)}</span>' if report.origin else ""
    return f'<h1>{escape(report.name)}<span class="sig">{escape(report.signature)}</span></h1>{place}'


def render(report: Report) -> str:
    """The whole page."""
    made = [_part(part, i, report) for i, part in enumerate(report.parts)]
    tabs = "".join(
        f'<button role="tab" data-part="{i}" aria-selected="{"true" if not i else "false"}" title="{escape(p.note)}">{escape(p.title)}'
        f'<span class="tally">{len(p.operators)}</span></button>'
        for i, p in enumerate(report.parts)
    )
    verdict = ""
    if report.compared:
        bad = report.first_difference is not None or any(d.difference > d.tolerance for d in report.differences)
        jump = '<button id="jump">show it</button>' if report.first_difference is not None else ""
        verdict = f'<div class="verdict {"bad" if bad else "good"}" role="status"><span>{escape(report.compared)}</span>{jump}</div>'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{escape(report.name)} explained</title>
<style>
{_asset("page.css")}
</style>
</head>
<body>
<header class="top">
<div class="title">{_title(report)}</div>
<button id="theme" title="light or dark (t)" aria-label="switch between light and dark">◐</button>
</header>
<section class="cards" aria-label="figures">{_cards(report)}</section>
<p class="sizes">Figures are for {escape(report.sizes)}. A multiplication with its addition counts as one operation.</p>
{verdict}
<nav class="bar">
<div class="tabs" role="tablist">{tabs}</div>
<label class="search"><span aria-hidden="true">⌕</span>
<input id="search" type="search" placeholder="filter operators: type, variable, layer, shape   /" aria-label="filter operators">
<output id="found"></output></label>
<button id="fold" title="fold or unfold all layers (f)">Fold all</button>
</nav>
<main class="panes">
<section class="pane" id="source">
<h2><span>Source</span><span class="seg{"" if any(s.rewritten for s in report.sources) else " off"}" role="group">
<button id="as-written" aria-pressed="true">as written</button><button id="as-rewritten" aria-pressed="false">rewritten</button></span></h2>
<div class="scroll" tabindex="0">{_sources(report)}</div></section>
<section class="pane" id="operators">
<h2><span>Operators</span><span class="hint">↑ ↓ move, enter opens, esc clears</span></h2>
<div class="scroll" tabindex="0">{"".join(ops for ops, _ in made)}</div></section>
<section class="pane" id="generated">
<h2><span>Generated code</span></h2>
<div class="scroll" tabindex="0">{"".join(code for _, code in made)}</div></section>
</main>
<section class="panels">{_panels(report)}</section>
<script type="application/json" id="data">{_data(report)}</script>
<script>
{_asset("page.js")}
</script>
</body>
</html>
"""


def frame(report: Report) -> str:
    """For a notebook: the page in a frame of its own, so that its style stays inside."""
    return (
        f'<iframe title="{escape(report.name)} explained" srcdoc="{escape(render(report))}" sandbox="allow-scripts" '
        'style="width:100%;height:820px;border:1px solid #8884;border-radius:8px"></iframe>'
    )
