"""Two attempts at once, and a caller who goes away just when one of them has won."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping

from treadle.gateway.attempts import Attempts
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.gateway.ready import Ready
from treadle.gateway.routing.fleet import LEAST_FOR_P95, Fleet
from treadle.gateway.types import Arm, Endpoint, Hedge, Provider, Routing, Snapshot, Target

CHAT = PROTOCOLS["/v1/chat/completions"]
EVENT = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
TARGETS = (Target(provider="a", model="m"), Target(provider="b", model="m", priority=1))
ROUTING = Routing(hedge=Hedge(budget=1.0, min_seconds=0.001))
ARM = Arm(release_id="rel_a", role="stable", weight=1.0, model_version_id="mdv_a", targets=TARGETS)
ENDPOINT = Endpoint(project_id="prj", name="support", salt="salt", arms=(ARM,), routing=ROUTING)
PROVIDERS = {("prj", name): Provider(project_id="prj", name=name, kind="openai", base_url="http://x") for name in "ab"}


class Stream:
    """An upstream's stream, as the transport hands it out: its first content comes after a while."""

    status = 200
    content_type = "text/event-stream"
    awaits_content = False
    headers: Mapping[str, str] = {}

    def __init__(self, seconds: float, told: Callable[[], None]) -> None:
        self.is_closed = False
        self._seconds = seconds
        self._told = told

    async def read(self) -> bytes:
        """
        Return everything at once.
        """
        return EVENT

    async def chunks(self) -> AsyncIterator[bytes]:
        """
        Say one word, and tell that it was said.
        """
        await asyncio.sleep(self._seconds)
        self._told()
        yield EVENT
        await asyncio.sleep(60.0)

    def close(self) -> None:
        """
        Note that nobody listens any more.
        """
        self.is_closed = True


async def _cancelled_after(turns: int) -> tuple[bool, list[bool], int]:
    """Return whether a request that is cancelled so many turns of the loop after the first word was cancelled in time, which
    of its streams are closed, and how many attempts did not end."""
    fleet, loop, now = Fleet(lambda: 0.5), asyncio.get_running_loop(), time.monotonic()
    for _ in range(LEAST_FOR_P95):
        pick = fleet.pick(TARGETS, ROUTING, scope="prj", stream=True, now=now)
        assert pick is not None
        pick.first_token(now)
        pick.succeeded(now)
        fleet.budget("prj", "support").asked(now)
    ready = Ready(ARM, ENDPOINT, Snapshot(hash="h", providers=PROVIDERS))
    asked = CHAT.parse(b'{"model":"support","stream":true,"messages":[{"role":"user","content":"x"}]}')
    streams: list[Stream] = []

    def told(left: int = turns) -> None:
        if left:
            loop.call_soon(told, left - 1)
        else:
            request.cancel()

    async def send(*_: object) -> Stream:
        streams.append(Stream(0.05 if not streams else 30.0, told))
        return streams[-1]

    attempts = Attempts(
        fleet=fleet, send=send, ready=ready, targets=ready.targets, endpoint=ENDPOINT, protocol=CHAT, asked=asked,
        composed=await ready.compose(asked), session=None,
    )  # fmt: skip
    request = asyncio.ensure_future(attempts.begin())
    await asyncio.wait([request])
    return request.cancelled(), [each.is_closed for each in streams], sum(each.in_flight for each in fleet.view(now))


async def test_the_caller_goes_while_the_slower_one_is_ended() -> None:
    """
    Whoever won is let go as well where the caller goes away before it hears of it: no stream stays open, no attempt counts on.
    """
    found = [await _cancelled_after(turns) for turns in range(8)]

    cancelled = [rest for was_cancelled, *rest in found if was_cancelled]
    assert len(cancelled) >= 3
    assert [[[True, True], 0]] * len(cancelled) == cancelled
