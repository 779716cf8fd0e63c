"""Prints one of the two commands that the README promises: `readme_command.py README.md "main job"`.

A command is the text of the fenced block that follows the line `<!-- command: NAME -->`, so that what CI runs is what a
reader copies.
"""

from __future__ import annotations

import re
import sys


def command(text: str, name: str) -> str | None:
    """The fenced block after the mark of this name."""
    found = re.search(rf"^<!-- command: {re.escape(name)} -->\s*\n+```\w*\n(.*?)\n```", text, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else None


if __name__ == "__main__":
    path, wanted = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        result = command(file.read(), wanted)
    if result is None:
        sys.exit(f"{path}: no fenced block after a line '<!-- command: {wanted} -->'")
    print(result)
