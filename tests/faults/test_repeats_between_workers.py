"""Requests that are sent twice under one `Idempotency-Key`, each time to another worker on the same database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import psycopg
import pytest

from tests.faults.test_gateway_repeats import BOTH, Caller
from tests.gateway.harness import Plane, serving, wait_for
from tests.gateway.upstreams import provide, serve
from tests.gateway.wall import TEXT, Fault, Wall
from treadle.gateway.repeats.sharing import CLAIM_SECONDS, Sharing
from treadle.gateway.types import Retries, Routing, Target


class Two:
    """Two workers and the wall that both ask."""

    def __init__(self, first: Caller, second: Caller, wall: Wall) -> None:
        self.first = first
        self.second = second
        self.wall = wall
        self.database_url = first.plane.database.url


@contextmanager
def second_worker(plane: Plane, folder: Path) -> Iterator[Plane]:
    """
    Serve another data plane over the same database.
    """
    other = copy(plane)
    other.data_plane = plane.new_data_plane(folder)
    with serving(other.application, "on") as url:
        other.url = url
        yield other


@pytest.fixture
def two(plane: Plane, key: str, tmp_path: Path) -> Iterator[Two]:
    """
    An endpoint of one target that is asked once, served by two workers.
    """
    with Wall() as wall, second_worker(plane, tmp_path / "second") as other:
        provide(plane, wall, "open")
        served = serve(
            plane, "support", Target(provider="open", model="m"), routing=Routing(retries=Retries(attempts=1))
        )
        wait_for(lambda: other._served((plane.ctx.project_id, served.name)) == served)
        wait_for(lambda: set(plane._keys()) == set(other._keys()))
        yield Two(Caller(plane, wall, key), Caller(other, wall, key), wall)


@BOTH
def test_the_same_answer_again(two: Two, stream: bool) -> None:
    """
    Whoever has heard an answer to its end gets the very bytes from any worker.
    """
    first, second = two.first.ask(stream=stream), two.second.ask(stream=stream)

    assert 1 == len(two.wall.requests)
    assert (200, "true", first.content) == (second.status_code, second.headers["idempotent-replayed"], second.content)
    assert first.headers["x-treadle-trace-id"] == second.headers["x-treadle-trace-id"]
    assert first.headers["content-type"] == second.headers["content-type"]


def test_a_repetition_of_what_is_under_way(two: Two) -> None:
    """
    Whoever repeats what another worker is asking waits for its answer.
    """
    two.wall.behave("m", Fault(before_head=1.0))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(each.ask) for each in (two.first, two.second, two.first, two.second)]
        answers = [each.result() for each in asked]

    assert 1 == len(two.wall.requests)
    assert [200] * 4 == [each.status_code for each in answers]
    assert 3 == sum("idempotent-replayed" in each.headers for each in answers)


def test_a_repetition_of_a_stream_under_way(two: Two) -> None:
    """
    A stream that another worker has not ended is refused until it has.
    """
    two.wall.behave("m", Fault(gate_at=4))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(two.first.ask, stream=True)
        wait_for(lambda: two.wall.requests)
        refused = two.second.ask(stream=True)
        two.wall.gate.set()
        first = asked.result()

    assert (409, "idempotency_key_in_use") == (refused.status_code, refused.json()["error"]["code"])
    assert (first.content, 1) == (two.second.ask(stream=True).content, len(two.wall.requests))


def test_another_request_under_the_same_key(two: Two) -> None:
    """
    A key names one request for every worker.
    """
    two.first.ask()
    refused = two.second.ask(temperature=0.5)

    assert (422, "idempotency_key_reused") == (refused.status_code, refused.json()["error"]["code"])


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(cut_at=4)], ids=["error", "cut"])
@BOTH
def test_what_failed_is_asked_again(two: Two, fault: Fault, stream: bool) -> None:
    """
    An error of one worker is no answer to keep: another one asks anew.
    """
    two.wall.behave("m", fault, Fault())

    two.first.ask(stream=stream)
    second = two.second.ask(stream=stream)

    assert (200, None, 2) == (second.status_code, second.headers.get("idempotent-replayed"), len(two.wall.requests))


def test_a_worker_that_died(two: Two) -> None:
    """
    What a worker was at when it died may be asked by others once it was not heard of for so long.
    """
    two.wall.behave("m", Fault(before_head=3.0), Fault())
    with ThreadPoolExecutor(2) as pool:
        dies, _ = pool.submit(two.first.ask), wait_for(lambda: two.wall.requests)
        waits = pool.submit(two.second.ask)
        time.sleep(0.5)
        waited = not waits.done()
        with psycopg.connect(two.database_url) as admin:  # as old as a claim that nobody renews is by then
            admin.execute("update gateway_repeats set lapses_at = lapses_at - interval '1 s' * %s", [CLAIM_SECONDS])
        got = waits.result()
        dies.result()

    assert waited
    assert (200, None, 2) == (got.status_code, got.headers.get("idempotent-replayed"), len(two.wall.requests))


def test_nothing_said_is_stored_in_clear(two: Two) -> None:
    """
    What workers share of an answer opens only for whoever sends the same request again.
    """
    two.first.ask("my-secret-name")

    with psycopg.connect(two.database_url) as admin:
        row = admin.execute(
            "select string_agg(encode(name || digest || answer, 'escape'), '') from gateway_repeats"
        ).fetchone()

    assert row is not None
    assert len(row[0]) > 100
    assert not [word for word in (*TEXT.split(), "my-secret-name", "chat.completion") if word in row[0]]


async def test_what_is_under_way_stays_claimed(own_plane: Plane) -> None:
    """
    A claim is renewed while its worker is at it, and what lapsed or had to go for others is let go.
    """
    project_id = own_plane.ctx.project_id
    sharing = [Sharing(own_plane.database, name, b"pepper", tend_seconds=0.05) for name in ("one", "two")]
    places = [(project_id, "key", "/v1", b"%d" % number) for number in range(2)]
    for each in sharing:
        each.start()
    for place in places:
        assert await sharing[0].claim(place, b"digest", is_stream=False) is None
    await sharing[0].put(places[1], b"digest", {"status": 200}, b"said", 600.0)
    with psycopg.connect(own_plane.database.url, autocommit=True) as admin:
        admin.execute("update gateway_repeats set lapses_at = clock_timestamp() + interval '1 s' where answer is null")

        await asyncio.sleep(1.5)
        under_way = await sharing[1].claim(places[0], b"digest", is_stream=False)
        given = await sharing[1].claim(places[1], b"digest", is_stream=False)
        sharing[0].forget(places[1])
        await asyncio.sleep(0.5)
        gone = await sharing[1].claim(places[1], b"digest", is_stream=False)
    for each in sharing:
        await each.close()

    assert under_way is not None
    assert under_way.answer is None
    assert given is not None
    assert ({"status": 200}, b"said") == given.answer
    assert gone is None
