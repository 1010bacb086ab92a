"""What runs on a worker of Ray for a batch: one HTTP client that hands requests to the gateway and answers back, unread.

It decides nothing: limits, retries and what is kept are the affair of those who sent the line.
"""

from __future__ import annotations

import base64

import httpx2

from treadle.core.types import JsonObject

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 900.0
"""The gateway has clocks of its own; this one is for a machine that vanished."""


class RayAsker:
    """Made once on each worker."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS), follow_redirects=False, trust_env=False
        )

    async def __call__(self, spec: JsonObject) -> JsonObject:
        """Send one request: `url`, `pass`, `body` in base64 (None asks with GET). Returns its answer, or why there is none."""
        body, headers = spec["body"], {"authorization": f"Bearer {spec['pass']}", "content-type": "application/json"}
        try:
            told = await self._client.request(
                "GET" if body is None else "POST",
                str(spec["url"]),
                headers=headers,
                content=None if body is None else base64.b64decode(str(body)),
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return {"failed": f"{type(error).__name__}: {error}"}
        return {
            "status": told.status_code,
            "headers": {name.lower(): value for name, value in told.headers.items()},
            "body": base64.b64encode(told.content).decode(),
        }
