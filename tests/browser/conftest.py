"""A real browser before a real server over a workspace in which one small turn has really been done.

The turn takes a minute or two, once per session. TREADLE_BROWSER_WORKSPACE names a workspace in which a turn has been done before
(`treadle demo --no-serve`), to look at that one instead. Without Chromium or the built pages the tests skip and say so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    expect,
    sync_playwright,
)

from tests.browser.world import World, turn_the_wheel
from tests.conftest import RunningServer, new_database, running
from tests.traces.home import Home, new_home, serve_module
from treadle.core.settings import Settings
from treadle.server.shell import WEB_FOLDER
from treadle.storage.embedded import EmbeddedPostgres

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenPage = Callable[..., Page]

COUNT_ASKED = """
window.treadleAsking = 0
const ask = window.fetch
window.fetch = async (...asked) => {
    if (String(asked[0]?.url ?? asked[0]).includes('/api/v1/changes')) return ask(...asked)
    window.treadleAsking += 1
    let isOver = false
    const over = () => { if (!isOver) window.treadleAsking -= 1; isOver = true }
    try {
        const answer = await ask(...asked)
        const isStream = (answer.headers.get('content-type') ?? '').startsWith('text/event-stream')
        if (isStream) over()
        else answer.clone().arrayBuffer().then(over, over)
        return answer
    } catch (thrown) {
        over()
        throw thrown
    }
}
"""
"""In every page: how many requests are not answered to their end. The stream of changes never ends, so the network is never idle."""

PATIENCE_MS = 60_000
"""The machine may be busy; what comes at once is waited for no longer than it takes."""
expect.set_options(timeout=PATIENCE_MS)


TURNED = frozenset(
    f"test_{name}.py"
    for name in ("acting", "every_page", "manners", "rollouts", "signing_in", "tasks", "training_pages")
)
"""The files whose tests look at the workspace in which a turn was done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests before the server without a turn. Where there is only one process, choose: `-m plain` or `-m "not plain"`.

    Durable work is one per process, and two servers in one would take it from each other.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            needed = set(getattr(item, "fixturenames", ()))
            if ("world" in needed) != (item.path.name in TURNED) and needed & {"world", "plain_server"}:
                raise pytest.UsageError(
                    f"'{item.nodeid}' stands in a file for the other server; see TURNED in {__file__}"
                )
            if "plain_server" in needed:
                item.add_marker(pytest.mark.plain)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep all tests before the server with a turn in one process, which does that turn; the others share the rest by file.

    Whoever is done with the turned ones may take of the rest, when nobody asks that first server any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "turned" if Path(file).name in TURNED else file

    return ByServer(config, log)


def find_chromium() -> str | None:
    """Return the path of a Chromium: TREADLE_CHROMIUM, else one on PATH."""
    return os.environ.get("TREADLE_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """
    Playwright, where there is something to drive and something to look at.
    """
    if find_chromium() is None:
        pytest.skip("no Chromium found: install one (Debian: apt-get install chromium), or name it in TREADLE_CHROMIUM")
    if not (WEB_FOLDER / "index.html").is_file():
        pytest.skip("the web pages are not built: python tools/build_web.py")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """
    A headless Chromium. As root it only runs without its sandbox.
    """
    sandbox = [] if not hasattr(os, "geteuid") or os.geteuid() != 0 else ["--no-sandbox"]
    opened = playwright.chromium.launch(executable_path=find_chromium(), args=[*FLAGS, *sandbox])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def world(
    playwright: Playwright, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """
    A running server over a workspace in which a turn has been done.
    """
    given = os.environ.get("TREADLE_BROWSER_WORKSPACE")
    if given:
        with contextlib.contextmanager(running)(Settings(workspace=Path(given).resolve(), port=0)) as server:
            yield World(server.url, server.key, server.client)
        return
    folder = tmp_path_factory.mktemp("world")
    with new_database(postgres) as url:
        settings = Settings(workspace=folder / "workspace", database_url=url, port=0)
        with contextlib.contextmanager(running)(settings) as server:
            turn_the_wheel(server.client, folder)
            yield World(server.url, server.key, server.client)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """
    A browser that has never been here. It asks for less motion, so that colours are settled when they are looked at.
    """
    opened = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce", locale="en-GB"
    )
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def plain_server(
    playwright: Playwright, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """
    A running server in which nothing was done, for tests that bring their own few traces.
    """
    with serve_module(postgres, tmp_path_factory.mktemp("plain") / "workspace") as server:
        yield server


@pytest.fixture
def home(plain_server: RunningServer) -> Iterator[Home]:
    """
    A project that only this test knows.
    """
    with new_home(plain_server) as made:
        yield made


@pytest.fixture
def open_home(context: BrowserContext, home: Home) -> Iterator[OpenPage]:
    """
    Opens a page of the test's own project, with the same rules as `open_page`.
    """
    with opening(context, home.client.url, home.key) as opener:
        yield opener


@pytest.fixture
def open_page(context: BrowserContext, world: World) -> Iterator[OpenPage]:
    """
    Opens a page as the owner of the workspace in which a turn was done.
    """
    with opening(context, world.url, world.key) as opener:
        yield opener


@contextlib.contextmanager
def opening(context: BrowserContext, url: str, key: str) -> Iterator[OpenPage]:
    """Open pages as the owner. At the end nothing may have gone wrong in the console but what the test said it would cause."""
    noticed: list[str] = []
    expected: list[str] = []
    context.add_init_script(COUNT_ASKED)

    def on_console(message: ConsoleMessage) -> None:
        # Chromium reports a refused request twice; it is counted once, below.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            noticed.append(message.text)

    def on_response(response: Response) -> None:
        if response.status >= 400:
            noticed.append(f"{response.status} {response.url}")

    def watch(page: Page) -> None:
        page.on("console", on_console)
        page.on("pageerror", lambda error: noticed.append(str(error)))
        page.on("response", on_response)

    def opener(path: str, *, expect: str | None = None, signed_in: bool = True) -> Page:
        if expect:
            expected.append(expect)
        if signed_in:
            answer = context.request.post(f"{url}/api/v1/session", data={"key": key})
            assert 204 == answer.status
        page = context.new_page()
        watch(page)
        page.goto(f"{url}/#{path}")
        return page

    yield opener
    assert [] == [line for line in noticed if not any(words in line for words in expected)]
