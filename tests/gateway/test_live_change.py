"""Change while traffic flows, on two data planes over one database: who sees what, and when."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.gateway.harness import Plane, endpoint, scripted, serving, wait_for
from tests.gateway.upstreams import PATHS, Heard, ask_once, body_of, heard, provide, served_by, trace
from tests.gateway.wall import TEXT, Fault, Wall
from treadle.core.errors import TreadleError
from treadle.gateway import service
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.limits.service import set_limit
from treadle.gateway.limits.types import SetLimit
from treadle.gateway.live import Live
from treadle.gateway.plane import DataPlane
from treadle.gateway.providers.service import Surroundings, change_provider, remove_provider, set_key
from treadle.gateway.providers.types import ChangedProvider
from treadle.gateway.types import Endpoint, Snapshot, Target
from treadle.governance.service import revoke_key
from treadle.prompts.jinja_room import Renders
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.traces import service as traces
from treadle.traces.types import TraceFilter

SOON = 1.0
"""Seconds within which a change is served everywhere."""


class Two:
    """Two data planes, each with a server of its own, over one database; and the wall behind both."""

    def __init__(self, plane: Plane, second: DataPlane, urls: tuple[str, str], wall: Wall) -> None:
        self.plane = plane
        self.planes = (plane.data_plane, second)
        self.urls = urls
        self.wall = wall

    def post(self, url: str, key: str, model: str = "support", *, stream: bool = False) -> Heard:
        """Ask one of the two."""
        reply = httpx2.post(
            url + PATHS["chat"],
            json=body_of("chat", model, stream=stream),
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=30,
        )
        return heard("chat", reply, reply.text)

    def both(self, key: str, model: str = "support", *, stream: bool = False) -> list[Heard]:
        """Ask both, one after the other."""
        return [self.post(url, key, model, stream=stream) for url in self.urls]

    def publish(self, endpoint: Endpoint) -> None:
        """Change an endpoint; do not wait."""
        asyncio.run(self.plane.ctx.db.write(lambda db: service.publish_endpoint(db, endpoint)))

    def everywhere(self, holds: Callable[[DataPlane], Any]) -> float:
        """Wait until something holds for both; return the seconds it took."""
        return wait_for(lambda: all(holds(each) for each in self.planes))

    def soon(self, change: Callable[[int], Any], holds: Callable[[int], Any]) -> int:
        """Make a change, anew when this machine was busy just then; fail unless one is seen soon. Returns the last one's number."""
        times = []
        for number in range(3):
            change(number)
            times.append(wait_for(lambda number=number: holds(number)))  # type: ignore[misc]
            if times[-1] < SOON:
                return number
        raise AssertionError(f"not within {SOON} s: {times}")

    def serve(self, model: str, **more: Any) -> Endpoint:
        """Serve 'support' by a model, and wait until both do."""
        made = served_by(
            self.plane, "support", Target(provider="open", model=model), arm_={"release_id": f"rel_{model}"}, **more
        )
        self.publish(made)
        self.everywhere(lambda each: self.served(each) == made)
        return made

    def served(self, each: DataPlane) -> Endpoint | None:
        """Return how a data plane serves 'support'."""
        table = each.live.table
        return None if table is None else table.snapshot.endpoints.get((self.plane.ctx.project_id, "support"))


@pytest.fixture
def two(own_plane: Plane, tmp_path: Path) -> Iterator[Two]:
    """
    Two data planes with a provider and the endpoint 'support'.
    """
    second = own_plane.new_data_plane(tmp_path / "second")
    with Wall() as wall, serving(_application(second), "on") as url:
        made = Two(own_plane, second, (own_plane.url, url), wall)
        provide(own_plane, wall, "open")
        made.serve("first")
        yield made


def _application(data_plane: DataPlane) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await data_plane.application(scope, receive, send)
            return
        await receive()
        await data_plane.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await data_plane.close()
        await send({"type": "lifespan.shutdown.complete"})

    return application


def test_a_key_is_revoked(two: Two) -> None:
    """
    Within a second of its revocation neither data plane takes a key; others are not touched.
    """
    other = two.plane.create_key("other").key
    keys = [two.plane.create_key(f"app-{number}").key for number in range(3)]
    two.everywhere(lambda each: _has_key(two, each, keys[-1]))
    before = [got.status for key in keys for got in two.both(key)]

    two.soon(
        lambda number: asyncio.run(revoke_key(two.plane.ctx, f"app-{number}")),
        lambda number: [401, 401] == [got.status for got in two.both(keys[number])],
    )

    assert [200] * 6 == before
    assert [200, 200] == [got.status for got in two.both(other)]


def _has_key(two: Two, each: DataPlane, key: str) -> bool:
    table = each.live.table
    return table is not None and any(known in key for known in table.snapshot.keys)


async def test_nobody_tells(own_plane: Plane) -> None:
    """
    A change of which no notification comes is found by looking, and what has not changed is not read again.
    """
    loads = 0

    async def load() -> Snapshot:
        nonlocal loads
        loads += 1
        return await service.load_snapshot(own_plane.database)

    made = endpoint(own_plane, scripted())
    await own_plane.ctx.db.write(lambda db: service.publish_endpoint(db, made))
    live = Live(own_plane.database, load, b"pepper", poll_seconds=0.01)
    await live.start()
    seen = []
    for reason in ("first", "second"):
        with psycopg.connect(own_plane.database.url) as silent:
            silent.execute("set local session_replication_role = replica")  # no trigger, so no notification
            silent.execute(
                "update gateway_endpoints set document = document::jsonb || %s", [Jsonb({"disabled": reason})]
            )
            silent.execute("insert into treadle_changes default values")
        while live.table is None or reason not in [each.disabled for each in live.table.snapshot.endpoints.values()]:
            await asyncio.sleep(0.01)
        seen.append(loads)
    await live.close()

    assert [2, 3] == seen


async def test_many_endpoints_are_made_ready_aside(own_plane: Plane) -> None:
    """
    Requests go on while a configuration is made ready: that is not done where they are served.
    """
    made_in: list[threading.Thread] = []

    class Noting(JinjaRooms):
        """Notes where it is asked for, which is once for each arm."""

        def of(self, project_id: str) -> Renders:
            made_in.append(threading.current_thread())
            return super().of(project_id)

    many = {
        ("prj", f"e{at}"): msgspec.structs.replace(endpoint(own_plane, scripted()), name=f"e{at}") for at in range(9)
    }

    async def load() -> Snapshot:
        return Snapshot(hash="many", endpoints=many)

    jinja = Noting()
    live = Live(own_plane.database, load, b"pepper", jinja=jinja)
    await live.reload()
    await jinja.close()

    assert live.table is not None
    assert 9 == len(made_in)
    assert threading.current_thread() not in made_in


async def test_a_change_while_the_configuration_is_read(own_plane: Plane) -> None:
    """
    A snapshot is of one moment: of a change in the middle of its reading it has all or nothing.
    """
    await asyncio.to_thread(own_plane.publish, endpoint(own_plane, scripted()))
    with psycopg.connect(own_plane.database.url) as changing:
        changing.execute("lock table gateway_limits in access exclusive mode")
        reading = asyncio.create_task(service.load_snapshot(own_plane.database))
        while not changing.execute("select 1 from pg_locks where not granted").fetchone():
            await asyncio.sleep(0.01)
        changing.execute("update gateway_endpoints set document = document::jsonb || %s", [Jsonb({"disabled": "x"})])
        changing.execute(
            "insert into gateway_limits (project_id, limit_id, scope, unit, amount, window_seconds)"
            " values (%s, 'lim_x', 'project', 'requests', 1, 60)",
            [own_plane.ctx.project_id],
        )

    torn = await reading
    whole = await service.load_snapshot(own_plane.database)

    assert ([None], []) == ([each.disabled for each in torn.endpoints.values()], list(torn.limits))
    assert (["x"], 1) == ([each.disabled for each in whole.endpoints.values()], len(whole.limits))


def test_an_endpoint_changes(two: Two) -> None:
    """
    Within a second both serve another release, and each trace says by which configuration it was answered.
    """
    key = two.plane.create_key().key
    before = two.both(key)
    made = [served_by(two.plane, "support", Target(provider="open", model=f"m{number}")) for number in range(3)]

    last = two.soon(
        lambda number: two.publish(made[number]),
        lambda number: all(two.served(each) == made[number] for each in two.planes),
    )
    after = two.both(key)

    assert ["first"] * 2 + [f"m{last}"] * 2 == [seen.body["model"] for seen in two.wall.requests]
    first, again, changed, changed_again = (trace(two.plane, got.trace_id).span for got in (*before, *after))
    assert first.config_hash == again.config_hash != changed.config_hash == changed_again.config_hash
    assert two.planes[0].live.table is not None
    assert two.planes[0].live.table.hash == changed.config_hash


def test_a_provider_moves(two: Two) -> None:
    """
    Within a second of a provider's change both send their requests to the new address, without the old key.
    """
    key = two.plane.create_key().key
    around = Surroundings(two.plane.master_keys, PrivateHosts(), _resolve)
    wait_for(lambda: [200, 200] == [got.status for got in two.both(key)])  # both know the key by now
    before = len(two.wall.requests)
    with Wall() as elsewhere:
        there = ChangedProvider(kind="openai", base_url=f"{elsewhere.url}/v1", private=True)

        two.soon(
            lambda number: asyncio.run(
                change_provider(two.plane.ctx, "open", there.model_copy(update={"region": f"r{number}"}), around)
            ),
            lambda number: all(_region(two, each) == f"r{number}" for each in two.planes),
        )
        moved = [got.status for got in two.both(key)]
        asyncio.run(set_key(two.plane.ctx, "open", "sk-new", two.plane.master_keys))
        wait_for(lambda: two.both(key) and "Bearer sk-new" in str(elsewhere.requests[-1].headers))

    assert ([200, 200], before) == (moved, len(two.wall.requests))
    assert all("authorization" in seen.headers for seen in two.wall.requests)
    assert not any("authorization" in seen.headers for seen in elsewhere.requests[:2])


def _region(two: Two, each: DataPlane) -> str | None:
    table = each.live.table
    return None if table is None else table.snapshot.providers[two.plane.ctx.project_id, "open"].region


def test_a_provider_goes(two: Two) -> None:
    """
    Without its provider an endpoint says what lacks, and serves again when it is back.
    """
    key = two.plane.create_key().key

    asyncio.run(remove_provider(two.plane.ctx, "open"))
    wait_for(lambda: [503, 503] == [got.status for got in two.both(key)])
    told = two.both(key)
    provide(two.plane, two.wall, "open")
    wait_for(lambda: [200, 200] == [got.status for got in two.both(key)])

    assert ["provider_missing"] * 2 == [got.code for got in told]
    assert all("names the provider 'open'" in got.raw for got in told)


def test_a_limit_changes(two: Two) -> None:
    """
    A limit holds on both within a second, counts for both together, and goes when it is raised.
    """
    key = two.plane.create_key().key
    two.both(key)

    two.soon(
        lambda number: _limit(two, 3 + number),
        lambda number: all(_limits(two, each) == [3 + number] for each in two.planes),
    )
    _limit(two, 3)
    two.everywhere(lambda each: _limits(two, each) == [3])
    statuses = [got.status for _ in range(4) for got in two.both(key)]
    _limit(two, 100)
    wait_for(lambda: [200, 200] == [got.status for got in two.both(key)])

    assert 1 <= statuses.count(200) <= 3
    assert {200, 429} == set(statuses)


def _limit(two: Two, amount: int) -> None:
    asyncio.run(set_limit(two.plane.ctx, SetLimit(scope="project", unit="requests", amount=amount, window="month")))


def _limits(two: Two, each: DataPlane) -> list[float]:
    table = each.live.table
    return [] if table is None else [limit.amount for limit in table.snapshot.limits.get(two.plane.ctx.project_id, ())]


def test_a_request_keeps_what_it_began_with(two: Two) -> None:
    """
    A stream that began before a change ends as it began: release, provider, key and configuration are those of then.
    """
    key = two.plane.create_key().key
    two.everywhere(lambda each: _has_key(two, each, key))
    two.wall.behave("first", Fault(gate_at=6))
    old = two.planes[0].live.table.hash  # type: ignore[union-attr]
    begun = threading.Event()
    heard_: list[Heard] = []
    asking = threading.Thread(
        target=lambda: heard_.append(ask_once(two.plane, key, "chat", "support", stream=True, on_text=begun.set))
    )
    asking.start()
    assert begun.wait(60)

    two.serve("second")
    asyncio.run(revoke_key(two.plane.ctx, "app"))
    wait_for(lambda: two.post(two.urls[0], key).status == 401)
    other = two.plane.create_key("other").key
    after = two.post(two.urls[0], other)
    two.wall.gate.set()
    asking.join(60)

    (got,) = heard_
    assert ((200, None, True), TEXT) == (got.short, got.text)
    assert ("rel_first", "rel_second") == (got.headers["x-treadle-release-id"], after.headers["x-treadle-release-id"])
    span = trace(two.plane, got.trace_id).span
    assert ("rel_first", old, "ok") == (span.release_id, span.config_hash, span.status)
    assert old != trace(two.plane, after.trace_id).span.config_hash


def test_a_notification_that_is_lost(two: Two) -> None:
    """
    A change that nobody was told of, because every connection broke just then, is seen a little later.
    """
    made = served_by(two.plane, "support", Target(provider="open", model="quiet"))
    with psycopg.connect(two.plane.database.url, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen%'"
        )

    two.publish(made)

    two.everywhere(lambda each: two.served(each) == made)


def test_the_database_is_away(two: Two) -> None:
    """
    Without a database both go on by what they know, streams too; afterwards every record is there, and so is the change.
    """
    key = two.plane.create_key().key
    two.everywhere(lambda each: _has_key(two, each, key))
    name = psycopg.conninfo.conninfo_to_dict(two.plane.database.url)["dbname"]
    with psycopg.connect(two.plane.database.url.replace(str(name), "postgres"), autocommit=True) as admin:
        admin.execute(f"alter database {name} with allow_connections false")
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            began = time.monotonic()
            got = [each for stream in (False, True) for _ in range(5) for each in two.both(key, stream=stream)]
            seconds = time.monotonic() - began
            wait_for(lambda: sum(each.recorder.counters.spooled for each in two.planes) == 20)
        finally:
            admin.execute(f"alter database {name} with allow_connections true")

    two.everywhere(lambda each: each.recorder.counters.stored == each.recorder.counters.offered)
    wait_for(lambda: _revoked(two))
    wait_for(lambda: [401, 401] == [each.status for each in two.both(key)])

    assert [(200, None, True)] * 20 == [each.short for each in got]
    assert seconds < 60  # nobody waited for it
    page = asyncio.run(traces.list_traces(two.plane.ctx, TraceFilter(), limit=100))
    assert {each.trace_id for each in got} <= {each.trace_id for each in page.items}


def _revoked(two: Two) -> bool:
    """Revoke the key; the database may need a moment to be back."""
    try:
        asyncio.run(revoke_key(two.plane.ctx, "app"))
    except TreadleError:
        return False
    return True


async def _resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]
