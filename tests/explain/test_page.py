"""The HTML page: complete, safe, and working in a real browser."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import minipaddle as paddle
from minipaddle.jit.explanation import Report
from minipaddle.jit.explanation.page import escape, highlight

from . import webdriver
from .networks import Net, Uneven, line_of
from .webdriver import Browser


def report_of() -> Report:
    return paddle.jit.explain(Net(), paddle.rand([4, 12]), compare=True)


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    report = report_of()
    report.save(path)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![-\w])(?:src|href)\s*=|@import|url\(|https?://|//cdn", text), "no request leaves the page"
    assert "default-src 'none'" in text
    for word in ("Net.forward", "linear_grad", "self.stem(x)", "blocks.1", "Cache account", "self.scale"):
        assert word in text


def test_a_notebook_gets_a_frame() -> None:
    html = report_of()._repr_html_()
    assert html.startswith("<iframe") and "srcdoc=" in html and "<script" not in html


def test_what_comes_from_files_is_escaped() -> None:
    bad = '</script><img src=x onerror="alert(1)">\n'
    report = report_of()
    report.name = bad
    report.sources[0].lines[0] = bad.strip()
    row = report.operators[0]
    row.type, row.layer, row.attrs = bad, bad, {bad: bad}
    row.inputs = [(bad, [(bad, bad)])]
    report.listing = report.script = bad
    text = report.to_html()
    assert "<img" not in text and text.count("</script>") == 2


@pytest.mark.parametrize("line, wanted", [
    ("def f(x):  # a <b>", '<span class="key">def</span> <span class="nam">f</span>(x):  <span class="com"># a &lt;b&gt;</span>'),
    ("y = 'a#b' + 1.5", 'y = <span class="str">&#39;a#b&#39;</span> + <span class="num">1.5</span>'),
    ("@paddle.jit.to_static", '<span class="dec">@paddle.jit.to_static</span>'),
])  # fmt: skip
def test_highlighting(line: str, wanted: str) -> None:
    assert highlight(line) == wanted


def test_escaping_shows_control_characters() -> None:
    assert escape("a\0b&'") == "a&#x2400;b&amp;&#39;"


# --- in a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if webdriver.programs() is None:
        pytest.skip("there is no Chromium with chromedriver on the PATH")
    with webdriver.started(str(tmp_path_factory.mktemp("browser"))) as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "net.html"
    report_of().save(path)
    return path.as_uri()


def chosen(browser: Browser) -> list[str]:
    return browser.run("return [...document.querySelectorAll('.ops.shown .op.sel b')].map(e => e.textContent)")


@pytest.mark.browser
def test_a_source_line_leads_to_its_operators_and_back(browser: Browser, page: str) -> None:
    browser.open(page)
    line = f'#source .ln[data-src$=":{line_of("h = self.stem(x)")}"]'
    browser.click(line)
    assert chosen(browser) == ["matmul_v2", "elementwise_add"]
    assert browser.count(".code.shown .ln.sel") == 1
    browser.click('.ops.shown .op[data-n="0"] .line')
    assert chosen(browser) == ["matmul_v2"]
    assert browser.run("return document.querySelectorAll('#source .text .ln.sel').length") == 1
    assert "linear" in browser.texts(".ops.shown .op.sel .more")[0], "the details are open"
    browser.click(".code.shown .ln.sel")  # one line of generated code runs both
    assert chosen(browser) == ["matmul_v2", "elementwise_add"]
    assert browser.errors() == []


@pytest.mark.browser
def test_a_line_that_calls_leads_to_all_it_calls(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.click(f'#source .ln[data-src$=":{line_of("h = block(h)")}"]')
    assert len(chosen(browser)) == 11 and "layer_norm" in chosen(browser)


@pytest.mark.browser
def test_search_filters_operators(browser: Browser, page: str) -> None:
    browser.open(page)
    total = browser.count(".ops.shown .op")
    browser.type("#search", "matmul blocks.1")
    left = browser.run("return [...document.querySelectorAll('.ops.shown .op:not(.off) b')].map(e => e.textContent)")
    assert left == ["matmul_v2", "elementwise_add"], "the second one reads the result of the first"
    assert browser.texts("#found") == [f"2 of {total}"]
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
    assert browser.count(".ops.shown .op") == total


@pytest.mark.browser
def test_layers_fold(browser: Browser, page: str) -> None:
    browser.open(page)
    total = browser.count(".ops.shown .op")
    browser.click('.ops.shown .group[data-path="blocks.1"] > .fold')
    assert browser.count(".ops.shown .op") == total - 6
    browser.click(f'#source .ln[data-src$=":{line_of("y = y * self.scale")}"]')
    assert browser.count(".ops.shown .op") == total, "choosing an operator opens the layers around it"
    browser.click("#fold")
    assert browser.count(".ops.shown .op") < total


@pytest.mark.browser
def test_parts_and_schemes(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.click('[role="tab"]:nth-child(2)')
    assert "linear_grad" in browser.texts(".ops.shown .op b")
    assert any("def backward" in t for t in browser.texts(".code.shown .ln"))
    before = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.click("#theme")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") != before
    browser.click("#as-rewritten")
    assert browser.count("#source .rewritten .ln") > 0 and browser.count("#source .text .ln") == 0


@pytest.mark.browser
def test_keys(browser: Browser, page: str) -> None:
    browser.open(page)
    for key in ("j", "j"):
        browser.run("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))", key)
    assert chosen(browser) == ["elementwise_add"]


@pytest.mark.browser
def test_the_first_difference_is_one_click_away(browser: Browser, tmp_path: Path) -> None:
    report = paddle.jit.explain(Uneven(), paddle.to_tensor([1.0, 2.0]), compare=True)
    report.save(tmp_path / "uneven.html")
    browser.open((tmp_path / "uneven.html").as_uri())
    browser.click("#jump")
    assert browser.count(".op.st-first.sel .more") == 1
    assert browser.texts(".ops.shown .op.st-first .cmp") == ["≠ first"]


@pytest.mark.browser
def test_hostile_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    report = report_of()
    bad = '<img src=x onerror="document.title=\'owned\'"></script>\n'
    row = report.operators[0]
    row.attrs, row.layer, row.type = {bad: bad}, bad, bad
    report.save(tmp_path / "bad.html")
    browser.open((tmp_path / "bad.html").as_uri())
    browser.click('.ops.shown .op[data-n="0"] .line')
    assert browser.run("return document.title") == "Net.forward explained"
    assert browser.run("return document.images.length") == 0
