"""What browser tests need beside a browser: a place for coroutines, patience, and pictures for people to look at."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page

from tests.browser.test_every_page import COLOURS, RULES, faults, settle
from treadle.client.client import Client
from treadle.core.errors import NotFound

T = TypeVar("T")
PATIENCE_SECONDS = 180
"""What is waited for comes within moments; only a machine with much else to do takes longer."""


def beside(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: Playwright's event loop has this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so that nobody tells a page."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE_SECONDS} s"
        time.sleep(0.1)


def wait_for_trace(client: Client, trace_id: str) -> None:
    """Wait until an answer's trace is written; it follows the answer by a moment."""

    def is_there() -> bool:
        try:
            client.traces.get(trace_id)
        except NotFound:
            return False
        return True

    until(is_there)


def unsound(page: Page) -> list[str]:
    """Return what axe finds: in light, in dark of the colours alone, and in dark at 320 px, where it may not scroll sideways."""
    found: list[str] = []
    before = page.viewport_size
    for is_dark, width, rules in ((False, None, RULES), (True, None, COLOURS), (True, 320, RULES)):
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        if width:
            page.set_viewport_size({"width": width, "height": 800})
            excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{excess} px too wide at {width} px"] if excess else []
        found += faults(page, rules)
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)
    return found


def look(page: Page, name: str) -> None:
    """Keep pictures of a page in both schemes in the folder that TREADLE_SCREENSHOTS names, if it names one."""
    folder = os.environ.get("TREADLE_SCREENSHOTS")
    if not folder:
        return
    before = page.viewport_size
    for width in (1280, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            settle(page)  # charts draw anew
            page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)
