"""The command line: ``minipaddle run script.py [args]`` and ``minipaddle explain script.py:function``.

``python -m minipaddle`` does the same.
"""
from __future__ import annotations

import argparse
import ast
import os
import runpy
import sys
from collections.abc import Sequence
from typing import Any

from .again import run_as_main
from .alias import alias
from .errors import NotSupportedError
from .jit import load
from .jit.explanation import explain as jit_explain
from .jit.explanation import spec_from_text
from .nn.layer.layers import Layer

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="minipaddle", description="A small deep-learning framework with Paddle's interface.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a Paddle script unchanged, with minipaddle under the name paddle")
    run.add_argument("script", help="path of the script")
    run.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the script")
    explain = commands.add_parser("explain", help="show what to_static makes of a function, or what a saved model holds")
    explain.add_argument("target", help="script.py:function, script.py:Class, script.py:object.method, or the prefix of a model's files")
    spec = "an argument: 'float32[-1,784]' or a Python literal; may be repeated"
    explain.add_argument("--spec", action="append", default=[], metavar="SPEC", help=spec)
    explain.add_argument("--output", metavar="PAGE.html", help="write the page here instead of printing text")
    explain.add_argument("--compare", action="store_true", help="run eager and traced and mark the first operator that differs")
    explain.add_argument("--method", default="forward", help="which method of a saved model (default: forward)")
    options = parser.parse_args(argv)
    if options.command == "explain":
        return explain_target(options.target, options.spec, options.output, options.compare, options.method)
    return run_script(options.script, options.args)


def explain_target(target: str, specs: Sequence[str], output: str | None, compare: bool, method: str = "forward") -> int:
    """Explain a function of a script, or a saved model; 2 with a message when there is nothing to explain."""
    arguments: list[Any] = []
    for text in specs:
        found = spec_from_text(text)
        if found is None:
            try:
                found = ast.literal_eval(text)
            except (ValueError, SyntaxError):
                return _failed(f"explain: --spec {text!r} is neither a spec such as 'float32[-1, 784]' nor a Python literal")
        arguments.append(found)
    script, colon, name = target.rpartition(":")
    is_script = bool(colon) and script.endswith(".py")
    try:
        function = _function_in(script, name) if is_script else load(target)
        report = jit_explain(function, *arguments, compare=compare, method=method)
    except (LookupError, ValueError, TypeError, OSError, NotSupportedError) as error:
        return _failed(f"explain: {target}: {error}")
    if not is_script:
        report.name, report.origin = f"{os.path.basename(target)}.{method}", target
    if output is None:
        print(report)
    else:
        report.save(output)
        print(f"{output}: {len(report.operators)} operators" + (f"; {report.compared}" if report.compared else ""))
    return 0


def _function_in(script: str, name: str) -> Any:
    """The object `name` of a script that is run under another name than ``__main__``; a Layer class is made without arguments."""
    if not os.path.isfile(script):
        raise FileNotFoundError(f"there is no file {script!r}")
    alias()
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    space = runpy.run_path(script, run_name="__explain__")
    words = name.split(".")
    if words[0] not in space:
        known = [n for n, v in space.items() if callable(v) and not n.startswith("_")]
        raise LookupError(f"{script} has no {words[0]!r}; it has {', '.join(known) or 'no functions'}")
    found = space[words[0]]
    for at, word in enumerate([*words[1:], ""]):
        if isinstance(found, type) and issubclass(found, Layer):
            found = found()
        if at < len(words) - 1:
            found = getattr(found, word)
    return found


def _failed(message: str) -> int:
    print(f"minipaddle {message}", file=sys.stderr)
    return 2


def run_script(script: str, args: Sequence[str]) -> int:
    """Run a script as ``__main__`` under the alias; 2 with a message if there is no such file."""
    if not os.path.isfile(script):
        print(f"minipaddle run: there is no file {script!r}", file=sys.stderr)
        return 2
    try:
        alias()
    except RuntimeError as error:
        print(f"minipaddle run: {error}", file=sys.stderr)
        return 2
    sys.argv = [script, *args]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    run_as_main(script)
    return 0
