"""`treadle up`: one process that listens, with its database, engines and durable work beneath it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler

import uvicorn

from treadle.core.errors import Conflict
from treadle.core.settings import Settings
from treadle.server.app import build_app
from treadle.server.platform import Platform
from treadle.server.ports import bind, shown_host
from treadle.storage.holder import running_server

LOG_BYTES = 10 * 1024 * 1024
KEEP_ALIVE_SECONDS = 30


def serve(
    settings: Settings,
    *,
    on_ready: Callable[[Platform, str], None],
    stop_when: Callable[[uvicorn.Server], None] | None = None,
) -> None:
    """Serve a workspace until told to stop (SIGINT, SIGTERM: requests in flight are finished first, within the drain).

    on_ready: called with the platform and the URL once the port answers. stop_when: is handed the server before it runs, so that another
    thread can set `should_exit`.
    """
    holder = running_server(settings.workspace)
    if holder is not None:
        raise Conflict(
            f"the workspace '{settings.workspace}' is in use by the server at {holder['url']} (process {holder['pid']}); use that one, "
            f"stop it, or start another with: treadle up --workspace OTHER --port OTHER",
            code="storage.workspace_in_use",
        )
    listener = bind(settings)
    url = f"http://{shown_host(settings.host)}:{listener.getsockname()[1]}"
    platform = Platform(settings, url=url)
    try:
        platform.open()
        log_file = _log_to_files(settings)
        try:
            config = uvicorn.Config(
                build_app(platform),
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=settings.drain_seconds,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                h11_max_incomplete_event_size=64 * 1024,
            )
            server = _Announcing(config, lambda: _announce(platform, url, on_ready), lambda: _end_streams(platform))
            if stop_when is not None:
                stop_when(server)
            with _ending_quietly(), _saying_why(platform):
                server.run(sockets=[listener])
        finally:
            platform.close()
            logging.getLogger().removeHandler(log_file)
            log_file.close()
    finally:
        listener.close()


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Let the server raise the signal that ended it once more without ending us before the database is stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _saying_why(platform: Platform) -> Iterator[None]:
    """Raise what kept the platform from starting, which the HTTP server only logs."""
    try:
        yield
    except SystemExit:
        if platform.start_fault is None:
            raise
    if platform.start_fault is not None:
        raise platform.start_fault


class _Announcing(uvicorn.Server):
    """A server that says when it answers, and when it begins to stop."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], on_stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, then finish what is being answered."""
        self._on_stopping()
        await super().shutdown(sockets=sockets)


def _end_streams(platform: Platform) -> None:
    """End what would never end by itself, so that nobody waits for it."""
    if platform.hub is not None:
        platform.hub.leave()


def _announce(platform: Platform, url: str, on_ready: Callable[[Platform, str], None]) -> None:
    platform.workspace.announce({"url": url, "pid": os.getpid()})
    on_ready(platform, url)


def _log_to_files(settings: Settings) -> logging.Handler:
    """Keep the server's log in the workspace, until the handler is taken away: 3 files of 10 MB at most."""
    handler = RotatingFileHandler(settings.logs_folder / "server.log", maxBytes=LOG_BYTES, backupCount=2)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for noisy in ("dbos", "uvicorn.access", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return handler
