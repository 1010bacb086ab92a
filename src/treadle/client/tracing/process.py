"""The tracing of this process: where its spans go, set up at the first one and anew after a fork.

The one place of the SDK with state of its own, as an application has one tracing and its decorators run at import.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import platform
import sys
import threading
import urllib.parse
from pathlib import Path
from typing import Any, NamedTuple

from treadle.client.tracing.delivery import MAX_QUEUED, Delivery, FlushReport, Stats
from treadle.client.tracing.otlp import Finished
from treadle.client.tracing.sending import Door
from treadle.client.tracing.spool import MAX_BYTES
from treadle.core.errors import InvalidInput
from treadle.guards.capture import LEVELS, Capture

log = logging.getLogger("treadle.tracing")

EXIT_SECONDS = 2.0
DEFAULT_URL = "http://127.0.0.1:8700"


class _Setup(NamedTuple):
    url: str
    api_key: str | None
    capture: Capture
    folder: Path
    resource: tuple[tuple[str, Any], ...]
    max_queued: int
    max_spool_bytes: int


class _Process:
    """What is set up."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.setup: _Setup | None = None
        self.is_decided = False
        self.delivery: Delivery | None = None


_process = _Process()


def configure_tracing(
    url: str | None = None,
    *,
    api_key: str | None = None,
    service: str | None = None,
    capture: Capture | None = None,
    spool: Path | str | None = None,
    max_queued: int = MAX_QUEUED,
    max_spool_bytes: int = MAX_BYTES,
    enabled: bool = True,
) -> None:
    """Say where this process's spans go. Without it the environment says: TREADLE_URL, TREADLE_API_KEY, OTEL_SERVICE_NAME,
    TREADLE_CAPTURE, TREADLE_SPOOL; and where that says nothing, a `treadle up` of this folder is looked for.

    service: the application's name. capture: 'off', 'masked' or 'on', the most that is sent, whatever the project allows.
    spool: the folder for what waits. enabled: False sends nothing. Raises InvalidInput for what cannot be.
    """
    if capture is not None and capture not in LEVELS:
        raise InvalidInput(
            f"capture is '{capture}'; it is one of {', '.join(LEVELS)} (TREADLE_CAPTURE)", code="tracing.capture"
        )
    made = _setup_of(url, api_key, service, capture, spool, max_queued, max_spool_bytes) if enabled else None
    with _process.lock:
        old, _process.setup, _process.is_decided, _process.delivery = _process.delivery, made, True, None
        if made is not None:
            _process.delivery = _delivery_of(made)
    if old is not None:
        old.close(0.0)


def take(span: Finished) -> None:
    """Take a span that ended; one that nobody wants is forgotten."""
    delivery = _process.delivery
    if delivery is not None:
        delivery.take(span)


def who_am_i() -> tuple[tuple[str, Any], ...] | None:
    """Return what this application says of itself on its spans; None where spans go nowhere."""
    if not _process.is_decided:
        _decide()
    return None if _process.setup is None else _process.setup.resource


def flush(timeout_seconds: float = 10.0) -> FlushReport:
    """Wait until the server answered for every span that has ended, at most so long; say what came of it.

    For scripts and functions that are frozen after each call. A server's requests never need it.
    """
    delivery = _process.delivery
    return FlushReport(True, 0, 0, 0, 0, None) if delivery is None else delivery.flush(timeout_seconds)


def tracing_stats() -> Stats:
    """Return what became of this process's spans: taken = queued + spooled + sent + dropped + rejected."""
    delivery = _process.delivery
    if delivery is None:
        return Stats(0, 0, 0, 0, 0, 0, 0, "off", None if _process.is_decided else "no span has begun yet")
    return delivery.stats()


def _decide() -> None:
    with _process.lock:
        if _process.is_decided:
            return
        try:
            setup = _setup_of(None, None, None, None, None, MAX_QUEUED, MAX_BYTES)
        except InvalidInput as error:
            log.warning("nothing is traced: %s", error)
            setup = None
        _process.setup, _process.is_decided = setup, True
        if setup is None:
            log.info("nothing is traced: no server is named; set TREADLE_URL and TREADLE_API_KEY, or run: treadle up")
        else:
            _process.delivery = _delivery_of(setup)


def _setup_of(
    url: str | None,
    api_key: str | None,
    service: str | None,
    capture: str | None,
    spool: Path | str | None,
    max_queued: int,
    max_spool_bytes: int,
) -> _Setup | None:
    """Return what arguments and environment say together; None where no server is named and none is near."""
    env = os.environ
    url = (url or env.get("TREADLE_URL") or "").rstrip("/")
    api_key = api_key or env.get("TREADLE_API_KEY") or None
    if not url:
        local = Path(env.get("TREADLE_WORKSPACE") or ".treadle").expanduser().absolute() / "keys" / "local.key"
        try:
            api_key = api_key or local.read_text().strip()
        except OSError:
            return None
        url = f"http://127.0.0.1:{env['TREADLE_PORT']}" if env.get("TREADLE_PORT") else DEFAULT_URL
    try:
        parts = urllib.parse.urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidInput(
            f"'{url}' is not the address of a server; it should look like {DEFAULT_URL} (TREADLE_URL)",
            code="client.url",
        )
    if parts.path.endswith("/v1"):
        raise InvalidInput(
            f"'{url}' is where models are called; spans go to '{url.removesuffix('/v1')}': leave out /v1 (TREADLE_URL)",
            code="client.url",
        )
    level = (capture or env.get("TREADLE_CAPTURE") or "on").lower()
    if level not in LEVELS:
        raise InvalidInput(
            f"capture is '{level}'; it is one of {', '.join(LEVELS)} (TREADLE_CAPTURE)", code="tracing.capture"
        )
    base = Path(
        spool or env.get("TREADLE_SPOOL") or Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "treadle" / "spool"
    )
    # What waits for one project must never be sent with another's key.
    own = hashlib.sha256(f"{url}\0{api_key or ''}".encode()).hexdigest()[:16]
    resource = {
        "service.name": service or env.get("OTEL_SERVICE_NAME") or Path(sys.argv[0] or "python").stem or "python",
        "telemetry.sdk.name": "treadle",
        "telemetry.sdk.language": "python",
        "process.runtime.version": platform.python_version(),
    }
    return _Setup(
        url,
        api_key,
        level,
        base.expanduser() / own,
        tuple(resource.items()),
        max_queued,
        max_spool_bytes,
    )


def _delivery_of(setup: _Setup) -> Delivery:
    return Delivery(
        lambda: Door(setup.url, setup.api_key),
        setup.folder,
        capture=setup.capture,
        max_queued=setup.max_queued,
        max_spool_bytes=setup.max_spool_bytes,
    )


def _after_fork() -> None:
    """In the child: what the parent took is the parent's; begin anew, without its locks and threads."""
    global _process
    parent, _process = _process, _Process()
    _process.setup, _process.is_decided = parent.setup, parent.is_decided
    if parent.delivery is not None:
        parent.delivery.forget()
    if _process.setup is not None:
        _process.delivery = _delivery_of(_process.setup)


def _at_exit() -> None:
    if _process.delivery is not None:
        _process.delivery.close(EXIT_SECONDS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
