"""A server on loopback that answers as it is told, and the official clients that read what it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
from msgspec import Struct

from tests.gateway.harness import serving


class Said(Struct):
    """What the server answers."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    piece_bytes: int = 0
    """Sends so many bytes at a time; 0 sends all at once."""


class Replay:
    """A server that says to every request what is in `says`."""

    def __init__(self) -> None:
        self.says = Said()
        self.url = ""
        self._openai: openai.OpenAI | None = None
        self._anthropic: anthropic.Anthropic | None = None

    def stream(self, body: bytes, piece_bytes: int = 0) -> None:
        """Answer with a stream from now on."""
        self.says = Said(body=body, content_type="text/event-stream", piece_bytes=piece_bytes)

    def openai(self) -> openai.OpenAI:
        """Return OpenAI's client, told to try nothing twice."""
        if self._openai is None:
            self._openai = openai.OpenAI(base_url=f"{self.url}/v1", api_key="key", max_retries=0, timeout=60)
        return self._openai

    def anthropic(self) -> anthropic.Anthropic:
        """Return Anthropic's client, told to try nothing twice."""
        if self._anthropic is None:
            self._anthropic = anthropic.Anthropic(base_url=self.url, api_key="key", max_retries=0, timeout=60)
        return self._anthropic

    def close(self) -> None:
        """Close the clients."""
        for client in (self._openai, self._anthropic):
            if client is not None:
                client.close()

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve what is in `says`."""
        while (await receive()).get("more_body"):
            pass
        says = self.says
        headers = [(b"content-type", says.content_type.encode()), *says.headers]
        await send({"type": "http.response.start", "status": says.status, "headers": headers})
        size = says.piece_bytes or len(says.body) or 1
        for start in range(0, len(says.body), size):
            await send({"type": "http.response.body", "body": says.body[start : start + size], "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def replaying() -> Iterator[Replay]:
    """Serve on loopback until the caller is done."""
    replay = Replay()
    with serving(replay.application) as replay.url:
        yield replay
        replay.close()
