"""What we send to servers of somebody else's choosing that are no providers: alerts to webhooks, spans to other backends.

One place for the rules: the URL is checked as it is written, the addresses it leads to when it is saved, so that people hear
at once, and each connection's address where it is made. Redirects are not followed, the environment's proxies not used.
"""

from __future__ import annotations

import ssl
from time import time
from typing import NamedTuple
from urllib.parse import urlsplit

from treadle.core.errors import Unavailable
from treadle.gateway.addresses import PrivateHosts, address_fault, resolve, url_fault
from treadle.gateway.attempt import retry_after_of
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.transport import Transport
from treadle.gateway.types import Clocks, Provider
from treadle.gateway.upstream import UpstreamError

CLOCKS = Clocks(connect_seconds=5, first_token_seconds=15, between_seconds=5, total_seconds=20)
"""Standard Webhooks asks for 15 to 30 s."""


class NotReached(Unavailable):
    """Nobody took what was sent; the next attempt may do better."""

    code = "gateway.not_reached"


class Answer(NamedTuple):
    """What a receiver said."""

    status: int
    content_type: str
    retry_after_seconds: float | None
    """How long it asks to wait; None when it does not say."""
    body: bytes
    """Empty unless it was asked for."""


class Poster:
    """Carries requests out. Belongs to one event loop; whoever builds it closes it."""

    def __init__(self, hosts: PrivateHosts, *, tls: ssl.SSLContext | None = None) -> None:
        """hosts: which private addresses are allowed on this server. tls: other certificates than the system's."""
        self._transport = Transport(hosts, tls=tls)

    async def close(self) -> None:
        """Close what is open."""
        await self._transport.close()

    async def post(
        self,
        url: str,
        body: bytes,
        headers: dict[str, str],
        *,
        project_id: str,
        sender: str,
        private: bool,
        clocks: Clocks = CLOCKS,
        reads: bool = False,
    ) -> Answer:
        """POST and return the answer, whatever its status. Raises NotReached when there was none.

        sender: what connections are kept apart by. private: whether a private address is allowed. reads: whether the
        answer's body is wanted.
        """
        place = Provider(project_id=project_id, name=sender, kind="openai", base_url=url, private=private)
        sent = {"user-agent": "Treadle", **headers}
        try:
            reply = await self._transport.send(WireRequest(url=url, headers=sent, body=body), place, clocks)
            try:
                told = await reply.read() if reads else b""
                return Answer(reply.status, reply.content_type, retry_after_of(reply.headers, time()), told)
            finally:
                reply.close()
        except UpstreamError as error:
            raise NotReached(str(error)) from error


def written_fault(url: str) -> str | None:
    """Return what is wrong with a URL as it is written, a query allowed; nothing is looked up."""
    address, _, query = url.partition("?")
    fault = url_fault(address)
    if fault is None and (not query.isascii() or not query.isprintable() or "#" in query or " " in query):
        fault = "its query holds characters that do not belong into a URL"
    return fault


def host_of(url: str) -> tuple[str, int]:
    """Return the host and port that a URL leads to."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def place_fault(host: str, port: int, *, private: bool, hosts: PrivateHosts, what: str) -> str | None:
    """Return why nothing may be sent to a host now; None for one that does not resolve from here: a test says so.

    what: is to be marked as private, such as 'channel', for the hint.
    """
    try:
        addresses = await resolve(host, port)
    except OSError:
        return None
    faults = [address_fault(host, each, private=private, hosts=hosts) for each in addresses]
    found = next((fault for fault in faults if fault is not None), None)
    if (
        found is not None
        and not private
        and address_fault(host, addresses[0], private=True, hosts=PrivateHosts()) is None
    ):
        found += f"; an owner marks the {what} so with --private (`private` in the API)"
    return found
