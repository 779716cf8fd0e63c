"""Names that Paddle has and minipaddle has not: the error says so, and the page that lists them is true."""
from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import minipaddle as paddle

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate_absent", DOCS / "generate_absent.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "absent.md").read_text("utf-8") == module.page(), "run python docs/generate_absent.py"


def test_an_absent_name_is_explained() -> None:
    with pytest.raises(AttributeError, match="Paddle 2.6 has it, minipaddle has not"):
        paddle.DataParallel  # noqa: B018
    with pytest.raises(AttributeError, match="nearest here: matmul"):
        paddle.matmull  # noqa: B018
    with pytest.raises(AttributeError, match=r"'paddle.nn.functional' has no attribute 'mean'; it is in paddle$"):
        paddle.nn.functional.mean  # noqa: B018
    assert not hasattr(paddle, "nothing_like_it")
