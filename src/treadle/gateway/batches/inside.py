"""Ask the data plane from inside its own process: the same door, limits, guards, routing and traces, without a socket.

The caller is named in the scope (`INSIDE`), where nothing from a network can put it: a server builds its scopes itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from treadle.core.halves import without_halves
from treadle.gateway.app import INSIDE, Inside
from treadle.gateway.types import Key
from treadle.traces.intake import NewSpan

Application = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    record: NewSpan | None = None
    """What is kept of the request: its trace, its tokens, what it cost. None where none was begun."""

    @property
    def retry_after_seconds(self) -> float | None:
        """How long it asks to wait; None when it does not say."""
        try:
            return float(self.headers.get("retry-after", ""))
        except ValueError:
            return None


async def ask_inside(
    application: Application,
    path: str,
    key: Key,
    body: bytes,
    *,
    aside: bool = False,
    internal: bool = False,
    on_part: Callable[[bytes], None] | None = None,
) -> Told:
    """Post a JSON body as this caller; returns the whole answer, with U+FFFD for half surrogate pairs.

    aside: whether it is no part of the endpoint's rollout. internal: whether it may call endpoints that no key may: never
    where people choose the name by the request. on_part: hears each piece of an answer as it comes.
    """
    records: list[NewSpan] = []
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "client": None,
        "server": None,
        INSIDE: Inside(key, aside, internal, records.append),
    }
    given = iter([{"type": "http.request", "body": body, "more_body": False}])
    status, headers, parts = 500, {}, []

    async def receive() -> MutableMapping[str, Any]:
        # Nobody hangs up on us: the door, which watches for it, waits for good.
        return next(given, None) or await asyncio.get_running_loop().create_future()

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            parts.append(without_halves(message.get("body", b"")))
            if on_part is not None:
                on_part(parts[-1])

    await application(scope, receive, send)
    return Told(status, headers, b"".join(parts), records[0] if records else None)
