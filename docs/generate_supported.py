"""Makes docs/dynamic-to-static-supported.md of the cases in tests/jit/grammar_cases.py.

    python docs/generate_supported.py            write the page
    python docs/generate_supported.py --check    exit status 1 when the page is not what would be written
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dynamic-to-static-supported.md"
sys.path.insert(0, str(ROOT))

from minipaddle.core.report import CODES  # noqa: E402
from tests.jit import grammar_cases  # noqa: E402

HEAD = """# What one may write in a traced function

Made by `docs/generate_supported.py` from `tests/jit/grammar_cases.py`, so this page cannot promise more than the tests hold:
{supported} forms that work and {refused} that are refused.

Each function that works runs there dynamically and traced, on inputs that take each of its ways, through generated code and through the
interpreter, and after `jit.save` and `jit.load`; results, gradients of inputs and parameters, and buffers must agree. Each that is refused
must give the error named here, with the line, the reason and a remedy. `x` is a float32 Tensor, `n` an int64 Tensor of one element.
[dynamic-to-static.md](dynamic-to-static.md) says how it works, [errors/](errors/README.md) explains the errors.
"""


def code_of(made: Any) -> str:
    """Source of a function or class without the decorator that registers it."""
    text = textwrap.dedent(inspect.getsource(made))
    node = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[node.lineno - 1 :]).rstrip()


def uses(made: Any) -> list[str]:
    """Other functions and classes of the file that the source names, in the order of the file."""
    names = {n.id for n in ast.walk(ast.parse(code_of(made))) if isinstance(n, ast.Name)} - {made.__name__}
    others = [
        (name, value) for name, value in vars(grammar_cases).items()
        if name in names and (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == grammar_cases.__name__
    ]  # fmt: skip
    return [name for name, value in others if name not in grammar_cases.CASES and hasattr(value, "__name__")]


def page() -> str:
    """The text of the page."""
    cases = grammar_cases.CASES
    refused = sum(bool(c.refuses) for c in cases.values())
    out = [HEAD.format(supported=len(cases) - refused, refused=refused)]
    groups = dict.fromkeys(c.group for c in cases.values())
    out.append("| " + " | ".join(("group", "forms")) + " |\n|---|---|")
    for group in groups:
        titles = [c.title for c in cases.values() if c.group == group]
        out.append(f"| [{group}](#{anchor(group)}) | {'; '.join(titles).replace('|', chr(92) + '|')} |")
    shown: set[str] = set()
    for group in groups:
        out.append(f"\n## {group}")
        for case in (c for c in cases.values() if c.group == group):
            notes = []
            if case.refuses:
                notes.append(f"Refused with [{case.refuses}](errors/{case.refuses}.md): {CODES[case.refuses]}.")
            if case.open_sizes and not case.refuses:
                notes.append("Also with sizes that are not known while tracing (`InputSpec([None, ...])`).")
            out.append(f"\n### {case.title}\n")
            if notes:
                out.append(" ".join(notes) + "\n")
            parts = []
            for name in uses(case.make):
                if name not in shown:
                    shown.add(name)
                    value = getattr(grammar_cases, name)
                    parts.append(code_of(value) if not issubclass_of_tuple(value) else f'{name} = namedtuple("{name}", "a b")')
            parts.append(code_of(case.make))
            out.append("```python\n" + "\n\n\n".join(parts) + "\n```")
    return "\n".join(out) + "\n"


def issubclass_of_tuple(value: Any) -> bool:
    """Whether it is a namedtuple, which has no source of its own."""
    return inspect.isclass(value) and issubclass(value, tuple)


def anchor(title: str) -> str:
    """What a heading is called in links."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def main() -> int:
    """Write or check the page."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            print(f"{PAGE} is not up to date; run python docs/generate_supported.py")
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
