"""Pages of other sites: an answer may be read by the one whose key was let in, and by no other.

Raw ASGI, and only below /api/v1/public. Whoever recognises a publishable key names its page here; the answer, a problem
included, then says so. Without that browsers keep the answer from the page, as they should.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request

PUBLIC_PATHS = "/api/v1/public/"
_LET_IN = "treadle.origin"


class CrossOrigin:
    """Says on an answer which page may read it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http" or not scope["path"].startswith(PUBLIC_PATHS):
            await self._app(scope, receive, send)
            return
        let_in: list[str] = []
        scope[_LET_IN] = let_in

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told = [(b"vary", b"origin")]
                if let_in:
                    told += [
                        (b"access-control-allow-origin", let_in[0].encode("latin-1")),
                        (b"access-control-allow-methods", b"GET, POST"),
                        (b"access-control-allow-headers", b"content-type"),
                        (b"access-control-max-age", b"600"),
                    ]
                message = {**message, "headers": [*message["headers"], *told]}
            await send(message)

        await self._app(scope, receive, sending)


def let_read(request: Request, origin: str) -> None:
    """Let the page read the answer of this request; without effect outside of the public paths."""
    request.scope.get(_LET_IN, []).append(origin)
