"""The outermost room: refuses what should never reach a route, cheaply, and sends each request where it belongs.

Raw ASGI, because every request of the data plane passes here too: no framework middleware, no objects made per request but a header list.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from treadle.gateway.refusals import lacks_v1
from treadle.gateway.traces_door import PATH as TRACES_PATH
from treadle.server.metrics import Requests
from treadle.server.platform import Platform

WEB_FOLDER = Path(__file__).parent / "web"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "treadle.local"})
CONTROL_PATHS = ("/v1/files", "/v1/batches")
"""Paths in OpenAI's API that write to the database: the control plane answers them."""
CHANGES_PATH = "/api/v1/changes"
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Limit of a body under /api; uploads of files have their own, larger limit in their route."""
UPLOADS = re.compile(r"/api/v1/(turns/files|datasets/[^/]+/imports)")
"""Routes that take a file to disk as it arrives."""

WEB_HEADERS = [
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
     b"base-uri 'none'; form-action 'self'; object-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]  # fmt: skip
NO_WEB_PAGE = (
    b"<!doctype html><title>Treadle</title><p>The server runs, but its web pages were not built. "
    b"Build them with: <code>make web</code>, or install Treadle from a wheel. The API is described at "
    b"<a href='/openapi.json'>/openapi.json</a>."
)

NO_SUCH_PAGE = "There is nothing here. The pages begin at /, the API at /api/v1; it is described at /openapi.json."


class Shell:
    """One ASGI callable for everything that one port serves."""

    def __init__(self, api: Any, platform: Platform, requests: Requests) -> None:
        self._requests = requests
        self._api = api
        self._platform = platform
        settings = platform.settings
        told = {_name_of(settings.host), _host_of(urlsplit(settings.public_url or "").netloc)}
        self._names = (LOCAL_NAMES | told) - {""}
        self._any_name = settings.host in ("0.0.0.0", "::")
        self._pages = StaticFiles(directory=WEB_FOLDER, html=True) if (WEB_FOLDER / "index.html").exists() else None

    async def start(self) -> None:
        """Bring the platform to life (a server does it through the lifespan protocol)."""
        await self._platform.start()

    async def stop(self) -> None:
        """Stop what `start` started."""
        await self._platform.stop()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        if not self._any_name and _host_of(_header(scope, b"host")) not in self._names:
            await _refuse(
                send,
                421,
                "http.unknown_host",
                "this server does not answer to that host name; use the address it printed when it started, "
                "or name the one that people use with TREADLE_PUBLIC_URL",
            )
            return
        path: str = scope["path"]
        send = self._requests.counting(_plane_of(path), send)
        data_plane = self._platform.data_plane
        if path.startswith(CONTROL_PATHS):
            await self._api(scope, receive, send)
        elif data_plane is not None and path == TRACES_PATH:
            await data_plane.traces(scope, receive, send)
        elif data_plane is not None and (path.startswith("/v1/") or lacks_v1(path)):
            await data_plane.application(scope, receive, send)
        elif path.startswith("/api/") or path in ("/healthz", "/metrics", "/openapi.json"):
            whole = receive if UPLOADS.fullmatch(path) else await _read_body(scope, receive)
            if whole is None:
                await _refuse(
                    send,
                    413,
                    "http.body_too_large",
                    f"the body is larger than {MAX_BODY_BYTES:,} bytes; send less at once, or upload it as a file",
                )
                return
            await self._api(scope, whole, send)
        elif self._pages is not None:
            try:
                await self._pages(scope, receive, _with_headers(send, path))
            except HTTPException as error:
                answer = PlainTextResponse(NO_SUCH_PAGE, error.status_code)
                await answer(scope, receive, _with_headers(send, path))
        else:
            await _respond(send, 200, b"text/html; charset=utf-8", NO_WEB_PAGE)


def _plane_of(path: str) -> str:
    if path == TRACES_PATH:
        return "spans"
    if path.startswith("/v1/"):
        return "gateway"
    if path == CHANGES_PATH:
        return "live"
    return "api" if path.startswith("/api/") or path in ("/healthz", "/metrics", "/openapi.json") else "pages"


async def _read_body(scope: dict[str, Any], receive: Any) -> Any:
    """Return what hands the body on, read whole; None as soon as it is over the limit, or said to be."""
    announced = _header(scope, b"content-length")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        return None
    messages: deque[dict[str, Any]] = deque()
    size_bytes = 0
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
        size_bytes += len(messages[-1].get("body", b""))
        if size_bytes > MAX_BODY_BYTES:
            return None

    async def receiving() -> Any:
        return messages.popleft() if messages else await receive()

    return receiving


def _header(scope: dict[str, Any], wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            text: str = value.decode("latin-1")
            return text
    return ""


def _host_of(address: str) -> str:
    """Return the host of 'host' or 'host:port' as we compare it."""
    return _name_of(address if address.endswith("]") else address.rpartition(":")[0] or address)


def _name_of(host: str) -> str:
    """Return a host name in lower case; every way to write an IPv6 address becomes one, in brackets."""
    name = host.strip("[]").lower()
    if ":" not in name:
        return name
    try:
        return f"[{ipaddress.IPv6Address(name)}]"
    except ValueError:
        return ""


def _with_headers(send: Any, path: str) -> Any:
    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            # A file under assets/ has its hash in its name; what is not there may be there after the next build.
            lasts = path.startswith("/assets/") and message["status"] in (200, 206, 304)
            kept = (b"cache-control", b"public, max-age=31536000, immutable" if lasts else b"no-cache")
            message = {**message, "headers": [*message["headers"], *WEB_HEADERS, kept]}
        await send(message)

    return sending


async def _refuse(send: Any, status: int, code: str, detail: str) -> None:
    problem = {
        "type": f"https://treadle.dev/errors/{code}",
        "title": "Refused",
        "status": status,
        "code": code,
        "detail": detail,
        "values": {},
    }
    await _respond(send, status, b"application/problem+json", json.dumps(problem).encode())


async def _respond(send: Any, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *WEB_HEADERS]
    if status == 413:
        headers.append((b"connection", b"close"))  # else the rest of the body would be read, to find the next request
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
