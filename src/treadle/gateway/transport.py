"""One door to every upstream: plain http:// through our own client, https:// through aiohttp.

aiohttp is loaded where something is asked over https:// (12 MB that a worker in front of engines does without); a configuration
that names such a provider loads it before it serves, see `ready_for_tls`.
Redirects are never followed, proxies of the environment never used, and each connection's address is checked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any

from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.pool import RawClient
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.types import Clocks, Provider
from treadle.gateway.upstream import Reply


class Transport:
    """Sends requests and hands back replies. Belongs to the event loop that it is first used in."""

    def __init__(self, hosts: PrivateHosts | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        """hosts: which private addresses private providers may have. tls: other certificates than the system's."""
        self._hosts = hosts or PrivateHosts()
        self._plain = RawClient(self._hosts)
        self._tls = tls
        self._secure: Any = None
        """The client for https://, once there was something to ask it."""

    def send(self, request: WireRequest, provider: Provider, clocks: Clocks) -> Coroutine[Any, Any, Reply]:
        """Send a request; await the result for the head of the answer.

        Raises NotRunning (nobody there, nothing was processed; AddressRefused where nobody may be), TimedOut with its
        clock ('connect', 'first_token', 'between', 'total'), Broken, TooLarge. Close the reply, however it ends.
        """
        if request.url.startswith("http://"):
            return self._plain.send(request, provider, clocks)
        if self._secure is None:
            self._secure = _secure_client(self._hosts, self._tls)
        asked: Coroutine[Any, Any, Reply] = self._secure.send(request, provider, clocks)
        return asked

    async def close(self) -> None:
        """Close what is open."""
        await self._plain.close()
        if self._secure is not None:
            await self._secure.close()


def ready_for_tls() -> None:
    """Begin to load what https:// needs, beside the running loop, so that no request waits for it. Safe to repeat."""
    asyncio.get_running_loop().run_in_executor(None, _secure_client, PrivateHosts(), None)


def _secure_client(hosts: PrivateHosts, tls: ssl.SSLContext | None) -> Any:
    from treadle.gateway.secure import SecureClient  # heavy: aiohttp

    return SecureClient(hosts, tls)
