"""Error messages with a stable code: what is wrong, and what to do."""
from __future__ import annotations

__all__ = ["CODES", "code_of", "coded"]

# code -> title; each has a page docs/errors/<code>.md
CODES = {
    "D2S101": "a Tensor decides a branch in code that cannot be rewritten",
    "D2S102": "NumPy, or Python, asks for the data of a traced Tensor",
    "D2S103": "a loop variable changes its kind",
    "D2S104": "a value is set in one branch only",
    "D2S105": "the branches of a condition do not fit together",
    "D2S106": "a call does not fit the declared input_spec",
    "D2S107": "a list, dict or attribute is changed in a branch or loop on a Tensor",
    "D2S108": "recursion that a Tensor ends",
    "D2S109": "a condition of more than one element",
    "D2S110": "iteration over a Tensor of unknown size",
    "D2S111": "an assertion of a traced function failed",
    "D2S112": "an operator of the Program failed while it ran",
    "D2S113": "an operator refuses its inputs while the function is traced",
    "D2S114": "a Tensor computed outside is used inside a traced function",
}


def coded(code: str, message: str, remedy: str = "") -> str:
    """A message with its code, and the usual remedy."""
    return f"[{code}] {message}" + (f"\n  what to do: {remedy}" if remedy else "")


def code_of(message: str) -> str:
    """The code a message carries, "" if it has none."""
    start = message.find("[D2S")
    return message[start + 1 : start + 7] if start >= 0 else ""
