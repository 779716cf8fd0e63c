"""Just enough of the WebDriver protocol to drive a headless Chromium, on the standard library."""
from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key under which the protocol hands out elements


def programs() -> tuple[str, str] | None:
    """Paths of the browser and of its driver, None when one of them is not installed."""
    browser = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """One browser window. An error of the protocol, or of a script, is a RuntimeError."""

    def __init__(self, root: str) -> None:
        self._root = root

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._root + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(error.read().decode()) from None

    def open(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def run(self, script: str, *args: Any) -> Any:
        return self._send("POST", "/execute/sync", {"script": script, "args": list(args)})

    def _find(self, selector: str) -> str:
        return self._send("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector: str) -> None:
        self._send("POST", f"/element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._send("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def texts(self, selector: str) -> list[str]:
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)

    def count(self, selector: str) -> int:
        return self.run("return [...document.querySelectorAll(arguments[0])].filter(e => e.offsetParent !== null).length", selector)

    def errors(self) -> list[str]:
        """What the page complained about on the console."""
        return [entry["message"] for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path: str) -> None:
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._send("GET", "/screenshot")))


@contextmanager
def started(profile: str, width: int = 1600, height: int = 1200, dark: bool = False) -> Iterator[Browser]:
    """A browser; it and its driver end with the ``with`` block."""
    found = programs()
    assert found is not None
    log = os.path.join(profile, "driver.log")
    with open(log, "wb") as output, subprocess.Popen([found[1], "--port=0"], stdout=output, stderr=output) as driver:
        try:
            port = _port(log, driver)
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                       f"--user-data-dir={profile}/user",
                       f"--window-size={width},{height}", *(["--force-dark-mode"] if dark else [])]  # fmt: skip
            wanted = {"goog:chromeOptions": {"binary": found[0], "args": options}, "goog:loggingPrefs": {"browser": "ALL"}}
            first = Browser(f"http://127.0.0.1:{port}")
            session = first._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            browser = Browser(f"http://127.0.0.1:{port}/session/{session}")
            try:
                yield browser
            finally:
                browser._send("DELETE", "")
        finally:
            driver.terminate()


def _port(log: str, driver: Any) -> int:
    """The port the driver chose, which it prints when it is ready."""
    end = time.monotonic() + 30
    while time.monotonic() < end and driver.poll() is None:
        with open(log, encoding="utf-8", errors="replace") as file:
            found = re.search(r"successfully on port (\d+)", file.read())
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError("chromedriver did not start")
