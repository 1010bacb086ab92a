"""The workspace on this machine as a client reaches it: its running server, or the same application in this process."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from treadle.client.client import Client
from treadle.core.settings import Settings, read_settings
from treadle.storage.holder import is_held, running_server

LOCAL_URL = "http://treadle.local"
STARTING_SECONDS = 15


@contextmanager
def connect(workspace: Path | str | None = None) -> Iterator[Client]:
    """Yield a client of TREADLE_URL, of the workspace's running server, or of the application mounted in this process."""
    settings = read_settings(workspace=workspace)
    url, key = os.environ.get("TREADLE_URL"), os.environ.get("TREADLE_API_KEY")
    running = None if url else _await_starting(settings.workspace)
    if url or running:
        local_key = settings.keys_folder / "local.key"
        key = key or (local_key.read_text().strip() if running and local_key.exists() else None)
        with Client(url or str((running or {})["url"]), api_key=key) as client:
            yield client
        return
    with mounted(settings) as client:
        yield client


@contextmanager
def mounted(settings: Settings) -> Iterator[Client]:
    """Yield a client of the application in this process, without a socket."""
    # A client of a server elsewhere needs none of the server's packages.
    from treadle.server.app import build_app
    from treadle.server.platform import Platform

    platform = Platform(settings)
    platform.open()
    try:
        with (
            _LoopThread(build_app(platform)) as transport,
            Client(LOCAL_URL, api_key=platform.local_key, transport=transport) as client,
        ):
            yield client
    finally:
        platform.close()


def _await_starting(workspace: Path) -> dict[str, object] | None:
    """Return the running server's facts; one that is just starting is waited for."""
    deadline = time.monotonic() + STARTING_SECONDS
    while (facts := running_server(workspace)) is None and is_held(workspace) and time.monotonic() < deadline:
        time.sleep(0.05)
    return facts


class _LoopThread(httpx2.BaseTransport):
    """An event loop in a thread that serves an ASGI application to a plain client."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="treadle-local", daemon=True)
        self._transport = httpx2.ASGITransport(app=app)

    def __enter__(self) -> _LoopThread:
        self._thread.start()
        self._run(self._app.start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._app.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry one request into the loop and its whole answer back."""
        response: httpx2.Response = self._run(self._handle(request, request.read()))
        return response

    async def _handle(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        inner = httpx2.Request(request.method, request.url, headers=request.headers, content=body)
        response = await self._transport.handle_async_request(inner)
        content = await response.aread()
        return httpx2.Response(response.status_code, headers=response.headers, content=content)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
