"""What a provider is to the gateway: something that takes a prepared request and gives a reply, whole or in chunks.

Everything that can go wrong is one of five errors here, so that the room which serves a request knows no HTTP client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

NOT_SENT = "nothing was sent"
"""Noted on a cancellation that came while a request waited for a connection."""


class UpstreamError(Exception):
    """The upstream gave no (whole) answer."""


class NotRunning(UpstreamError):
    """Nobody listens: no engine for these weights, or it refused the connection. Nothing was processed."""


class TimedOut(UpstreamError):
    """A clock ran out."""

    def __init__(self, clock: str, seconds: float) -> None:
        super().__init__(f"{clock} timeout after {seconds:g} s")
        self.clock = clock
        """'connect', 'first_token', 'between' or 'total'."""
        self.seconds = seconds


class Broken(UpstreamError):
    """The connection broke, or what came is not HTTP."""


class TooLarge(UpstreamError):
    """The answer is larger than an answer can be."""


class Reply(Protocol):
    """An answer whose status is known and whose body is still to come."""

    status: int
    """HTTP status."""
    content_type: str
    """Such as 'application/json'."""
    awaits_content: bool
    """Set to True to let the first token's clock run on from chunk to chunk, until it is set to False again."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, names in lowercase."""
        ...

    async def read(self) -> bytes:
        """Return the whole body; raises UpstreamError."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises UpstreamError when it breaks off."""
        ...

    def close(self) -> None:
        """Let go of the connection at once; an unfinished answer is abandoned. Safe to repeat."""
        ...
