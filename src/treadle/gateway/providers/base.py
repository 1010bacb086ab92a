"""What a kind of provider is to the gateway: which dialects it speaks, and how a request to it looks on the wire.

A kind is one file and one line in `kinds.py`. It builds requests and frames answers; it opens no connection itself.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from treadle.gateway.types import Dialect, Provider, Target


class WireRequest(Struct, kw_only=True):
    """A request ready to be sent."""

    method: str = "POST"
    url: str
    headers: dict[str, str]
    """Lowercase names; authentication included."""
    body: bytes = b""


class Event(Struct):
    """One event of a stream."""

    data: bytes
    """Its payload: JSON, or '[DONE]'."""
    name: str | None = None
    """Its `event:` name, where it has one."""
    raw: bytes = b""
    """As it came, framed; empty when the upstream's framing is not server-sent events."""


class Framer(Protocol):
    """Cuts a stream into events; has state, one per stream."""

    @property
    def is_between(self) -> bool:
        """Whether it holds nothing of an event that is not whole."""
        ...

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes; return the events that are complete now. Raises EventTooLarge for one that does not end."""
        ...


class Kind(Protocol):
    """One kind of provider. Instances have no state."""

    name: str
    """What `Provider.kind` says."""
    dialects: tuple[Dialect, ...]
    """What it speaks, preferred first."""

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire; `body` is in the dialect, its model already `target.model`."""
        ...

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a streaming answer of this content type into events."""
        ...

    def error_message(self, data: bytes) -> str | None:
        """Return what the provider's error body says, in its words without secrets; None when it is no error."""
        ...
