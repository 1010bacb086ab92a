"""Where the lines of a batch are asked from: inside this process, or from the workers of a Ray cluster.

Either way they go through the gateway's door as the key that started the batch. From Ray each line goes to the gateway's address, with a pass
of that key for some minutes; it carries no API key. What may be asked again, and when, `work.py` decides for both.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from treadle.core.clock import Clock
from treadle.core.errors import Unavailable
from treadle.gateway.batches.inside import Application, Told, ask_inside
from treadle.gateway.passes import issue_pass
from treadle.gateway.types import Key
from treadle.jobs.ray_pool import RayPool, WorkerLost, open_pool

LINES_INSIDE = 8
"""Lines of a batch that are asked together in this process; the limits of its key may let fewer through."""
PASS_MINUTES = 10
"""How long a line may wait on Ray before it is asked."""
WORKER = "treadle.gateway.batches.ray_asker:RayAsker"
MODELS = "/v1/models"


class NotAnswered(Exception):
    """What became of a request is not known; it may be asked again."""


class GatewayUnreachable(Unavailable):
    """The workers of Ray do not reach the gateway, or it does not know us."""

    code = "gateway.unreachable_from_ray"


class Asking(Protocol):
    """A way to ask lines."""

    at_once: int
    """Lines that are asked together."""

    async def ask(self, path: str, key: Key, body: bytes) -> Told:
        """Post a JSON body as this caller; returns the whole answer. Raises NotAnswered, Unavailable when it never will be."""
        ...


class AskingInside:
    """Asks the data plane of this process."""

    at_once = LINES_INSIDE

    def __init__(self, application: Application) -> None:
        self._application = application

    async def ask(self, path: str, key: Key, body: bytes) -> Told:
        """Post a JSON body as this caller; returns the whole answer."""
        return await ask_inside(self._application, path, key, body)


class AskingFromRay:
    """Asks a gateway by its address from Ray's workers."""

    def __init__(self, pool: RayPool, gateway_url: str, pepper: bytes, clock: Clock) -> None:
        self._pool = pool
        self._gateway_url = gateway_url.rstrip("/")
        self._pepper = pepper
        self._clock = clock
        self.at_once = pool.facts.places

    async def ask(self, path: str, key: Key, body: bytes) -> Told:
        """Post a JSON body as this caller; returns the whole answer. Raises NotAnswered, RayUnreachable."""
        told = await self._send(path, key, body)
        if told.status == 401:
            # The door knows of a revoked key before we do; what is asked again hears of it here.
            raise NotAnswered(f"the gateway at '{self._gateway_url}' does not take our pass (401)")
        return told

    async def greet(self, key: Key) -> None:
        """Make sure that workers reach the gateway and that it knows us. Raises GatewayUnreachable, RayUnreachable."""
        try:
            told = await self._send(MODELS, key, None)
            found = f"it answers {told.status}" if told.status != 200 else ""
        except NotAnswered as error:
            found = str(error)
        if found:
            raise GatewayUnreachable(
                f"Ray's workers cannot use the gateway at '{self._gateway_url}': {found}; it must be a gateway of this installation, "
                f"with the same master keys, at an address that they reach; say which with TREADLE_GATEWAY_URL"
            )

    async def _send(self, path: str, key: Key, body: bytes | None) -> Told:
        until = self._clock.now() + timedelta(minutes=PASS_MINUTES)
        spec = {
            "url": self._gateway_url + path,
            "pass": issue_pass(self._pepper, key, until),
            "body": None if body is None else base64.b64encode(body).decode(),
        }
        try:
            answer = await self._pool.call(dict(spec))
        except WorkerLost as error:
            raise NotAnswered(error.message) from None
        match answer:
            case {"status": int(status), "headers": dict(headers), "body": str(told)}:
                return Told(status, {name: str(value) for name, value in headers.items()}, base64.b64decode(told))
        raise NotAnswered(str(answer.get("failed")))


@asynccontextmanager
async def asking_from_ray(address: str, gateway_url: str, pepper: bytes, clock: Clock) -> AsyncIterator[AskingFromRay]:
    """Ask from a cluster's workers until the block ends. Raises MissingExtra, RayUnreachable."""
    async with open_pool(address, WORKER) as pool:
        yield AskingFromRay(pool, gateway_url, pepper, clock)
