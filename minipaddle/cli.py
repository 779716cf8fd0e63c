"""The command line: ``minipaddle run script.py [args]``, also ``python -m minipaddle run ...``."""
from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence

from .alias import alias

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="minipaddle", description="A small deep-learning framework with Paddle's interface.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a Paddle script unchanged, with minipaddle under the name paddle")
    run.add_argument("script", help="path of the script")
    run.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the script")
    options = parser.parse_args(argv)
    return run_script(options.script, options.args)


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
    runpy.run_path(script, run_name="__main__")
    return 0
