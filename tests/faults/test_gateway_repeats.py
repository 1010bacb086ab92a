"""A request that is sent twice under one idempotency key: the upstream is asked once, and both callers get one answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.gateway.harness import Plane, wait_for
from tests.gateway.upstreams import PATHS, body_of, provide, serve
from tests.gateway.wall import TEXT, Fault, Wall
from treadle.gateway.repeats.repeats import KEEP_SECONDS, MOST_ANSWER_BYTES, MOST_BYTES, Kept, Repeats, Turn
from treadle.gateway.types import Retries, Routing, Target

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Caller:
    """Asks an endpoint with a key, and the wall that answers."""

    def __init__(self, plane: Plane, wall: Wall, key: str) -> None:
        self.plane = plane
        self.wall = wall
        self.key = key

    def ask(self, once: str | None = "one", *, stream: bool = False, **more: Any) -> httpx2.Response:
        """Send a chat request."""
        headers = {"authorization": f"Bearer {self.key}"} | ({} if once is None else {"idempotency-key": once})
        body = {**body_of("chat", "support", stream=stream), **more}
        return httpx2.post(self.plane.url + PATHS["chat"], json=body, headers=headers, trust_env=False, timeout=60)


@pytest.fixture
def caller(plane: Plane, key: str) -> Iterator[Caller]:
    """
    An endpoint of one target that is asked once.
    """
    with Wall() as wall:
        provide(plane, wall, "open")
        serve(plane, "support", Target(provider="open", model="m"), routing=Routing(retries=Retries(attempts=1)))
        yield Caller(plane, wall, key)


@BOTH
def test_the_same_answer_again(caller: Caller, stream: bool) -> None:
    """
    A repetition gets the very bytes of the first answer, its trace included, and says that it is one.
    """
    first, second = caller.ask(stream=stream), caller.ask(stream=stream)

    assert 1 == len(caller.wall.requests)
    assert (200, None) == (first.status_code, first.headers.get("idempotent-replayed"))
    assert (200, "true", first.content) == (second.status_code, second.headers["idempotent-replayed"], second.content)
    assert first.headers["x-treadle-trace-id"] == second.headers["x-treadle-trace-id"]
    assert first.headers["content-type"] == second.headers["content-type"]


def test_a_repetition_of_what_is_under_way(caller: Caller) -> None:
    """
    Whoever repeats a request that is being answered waits for that answer.
    """
    caller.wall.behave("m", Fault(before_head=0.5))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(caller.ask) for _ in range(4)]
        answers = [each.result() for each in asked]

    assert 1 == len(caller.wall.requests)
    assert [200] * 4 == [each.status_code for each in answers]
    assert 1 == len({each.content for each in answers})
    assert 3 == sum("idempotent-replayed" in each.headers for each in answers)


def test_a_repetition_of_a_stream_under_way(caller: Caller) -> None:
    """
    A stream that has not ended is not given to a second caller, which is told to come back.
    """
    caller.wall.behave("m", Fault(gate_at=4))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(caller.ask, stream=True)
        wait_for(lambda: caller.wall.requests)
        refused = caller.ask(stream=True)
        caller.wall.gate.set()
        first = asked.result()
    again = caller.ask(stream=True)

    assert (409, "1") == (refused.status_code, refused.headers["retry-after"])
    assert "idempotency_key_in_use" == refused.json()["error"]["code"]
    assert (200, first.content, 1) == (again.status_code, again.content, len(caller.wall.requests))


def test_another_request_under_the_same_key(caller: Caller) -> None:
    """
    A key names one request: with another body it is refused, and nobody gets an answer to something else.
    """
    caller.ask()
    refused = caller.ask(temperature=0.5)

    assert (422, "idempotency_key_reused") == (refused.status_code, refused.json()["error"]["code"])
    assert 1 == len(caller.wall.requests)


def test_other_keys_and_other_callers(caller: Caller) -> None:
    """
    Another key, none, or another caller with the same one: each is a request of its own.
    """
    other = Caller(caller.plane, caller.wall, caller.plane.create_key("other").key)

    answers = [caller.ask(), caller.ask("two"), caller.ask(None), other.ask()]

    assert [200] * 4 == [each.status_code for each in answers]
    assert not any("idempotent-replayed" in each.headers for each in answers)
    assert 4 == len(caller.wall.requests)


@pytest.mark.parametrize("once", ["", "x" * 256])
def test_what_is_no_key(caller: Caller, once: str) -> None:
    """
    A key that is empty or endless is refused, and says what one is.
    """
    refused = caller.ask(once)

    assert (400, "invalid_request") == (refused.status_code, refused.json()["error"]["code"])
    assert "1 to 255 bytes" in refused.json()["error"]["message"]


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=429), Fault(cut_at=4)])
@BOTH
def test_what_failed_is_asked_again(caller: Caller, fault: Fault, stream: bool) -> None:
    """
    An error, or a stream that was cut, is no answer to keep: the same key asks anew.
    """
    caller.wall.behave("m", fault, Fault())

    first = caller.ask(stream=stream)
    caller.plane.data_plane.fleet.reset(caller.plane.ctx.project_id, "open/m")
    second = caller.ask(stream=stream)

    assert TEXT.split()[-1] not in first.text
    assert (200, None, 2) == (second.status_code, second.headers.get("idempotent-replayed"), len(caller.wall.requests))


def test_who_asked_first_leaves(caller: Caller) -> None:
    """
    Where the first caller leaves before its answer, whoever waits for it asks itself.
    """
    caller.wall.behave("m", Fault(before_head=3600.0), Fault())
    headers = {"authorization": f"Bearer {caller.key}", "idempotency-key": "one"}
    url = caller.plane.url + PATHS["chat"]
    with ThreadPoolExecutor(2) as pool:
        client = httpx2.Client(trust_env=False, timeout=httpx2.Timeout(60, read=1.0))
        leaves = pool.submit(lambda: client.post(url, json=body_of("chat", "support"), headers=headers))
        wait_for(lambda: caller.wall.requests)
        waits = pool.submit(caller.ask)

        assert isinstance(leaves.exception(), httpx2.ReadTimeout)
        client.close()
        got = waits.result()

    assert (200, None, 2) == (got.status_code, got.headers.get("idempotent-replayed"), len(caller.wall.requests))


async def test_what_is_remembered_is_bounded() -> None:
    """
    Answers are forgotten after some minutes, the oldest sooner where they are too much, and a huge one is not kept.
    """
    now = [0.0]
    repeats = Repeats(lambda: now[0])

    async def has(number: int, size: int = MOST_ANSWER_BYTES) -> bool:
        found = await repeats.find(("prj", "key", "/v1", b"%d" % number), b"{}", is_stream=False)
        if isinstance(found, Turn):
            send = found.sending(_nowhere, lambda: True)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(size)})
        return isinstance(found, Kept)

    count = MOST_BYTES // MOST_ANSWER_BYTES

    assert [False] * (count + 1) == [await has(number) for number in range(count + 1)]
    assert await has(count)
    assert not await has(0)  # the oldest had to go
    assert not await has(-1, MOST_ANSWER_BYTES + 1)
    assert not await has(-1, 1)
    now[0] = KEEP_SECONDS
    assert not await has(count)


async def _nowhere(message: Any) -> None:
    """
    Take what is sent to nobody.
    """
