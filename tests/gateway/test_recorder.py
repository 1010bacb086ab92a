"""Records: stored in batches, spooled while the database is away, replayed, never lost silently."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.gateway.harness import Plane, endpoint, scripted, wait_for
from treadle.core.errors import InvalidInput, Unavailable
from treadle.gateway.recorder import Recorder
from treadle.gateway.spool import Spool
from treadle.gateway.types import Rule
from treadle.traces import service as traces
from treadle.traces.intake import NewSpan, PackedSpan, new_span_id, new_trace_id, pack, unpack
from treadle.traces.types import TraceFilter

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def _span(name: str = "chat support", project_id: str = "prj_a") -> NewSpan:
    return NewSpan(
        project_id=project_id,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        name=name,
        kind="llm",
        started_at=datetime.now(UTC),
    )


class Shelf:
    """A store in memory that can be closed, and that refuses spans called 'bad'."""

    def __init__(self) -> None:
        self.is_open = True
        self.spans: list[NewSpan] = []
        self.calls = 0

    async def __call__(self, project_id: str, spans: Sequence[PackedSpan]) -> None:
        self.calls += 1
        if not self.is_open:
            raise Unavailable("closed")
        unpacked = [unpack(span) for span in spans]
        if any(span.name == "bad" for span in unpacked):
            raise InvalidInput("bad span")
        self.spans += unpacked


def _recorder(shelf: Shelf, folder: Path, **more: float) -> Recorder:
    made = Recorder(
        shelf, Spool(folder), flush_seconds=0.01, retry_seconds=0.02, queue_spans=int(more.get("queue", 20_000))
    )
    made.start()
    return made


async def _until(done: object, seconds: float = 60.0) -> None:
    assert callable(done)
    async with asyncio.timeout(seconds):
        while not done():  # a test looks from outside
            await asyncio.sleep(0.005)


async def test_records_of_two_projects(tmp_path: Path) -> None:
    """
    A batch holds one project's records only.
    """
    shelf = Shelf()
    recorder = _recorder(shelf, tmp_path)

    for number in range(6):
        recorder.offer(_span(project_id=f"prj_{number % 2}"))
    await recorder.close()

    assert (6, 2) == (len(shelf.spans), shelf.calls)


async def test_the_database_is_away_and_comes_back(tmp_path: Path) -> None:
    """
    While nothing can be stored records wait on disk; afterwards every one is stored, once.
    """
    shelf = Shelf()
    shelf.is_open = False
    recorder = _recorder(shelf, tmp_path)
    offered = [_span() for _ in range(1_200)]

    for span in offered:
        recorder.offer(span)
    await _until(lambda: recorder.counters.spooled == 1_200)
    shelf.is_open = True
    await _until(lambda: recorder.counters.stored == 1_200)
    await recorder.close()

    assert sorted(span.trace_id for span in offered) == sorted(span.trace_id for span in shelf.spans)
    assert (1_200, 0, 0) == (recorder.counters.replayed, recorder.counters.dropped, recorder.counters.rejected)
    assert [] == list(tmp_path.iterdir())


async def test_the_process_ends_while_the_database_is_away(tmp_path: Path) -> None:
    """
    What could not be stored by the end waits on disk, and the next process stores it.
    """
    shelf = Shelf()
    shelf.is_open = False
    first = _recorder(shelf, tmp_path)
    first.offer(_span())
    await first.close()
    shelf.is_open = True

    second = _recorder(shelf, tmp_path)
    await _until(lambda: second.counters.replayed == 1)
    await second.close()

    assert 1 == len(shelf.spans)


async def test_a_record_that_can_never_be_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    One bad record does not take its batch along; it is kept aside, counted and said.
    """
    shelf = Shelf()
    recorder = _recorder(shelf, tmp_path)

    with caplog.at_level(logging.ERROR):
        for name in ("good", "bad", "good"):
            recorder.offer(_span(name))
        await recorder.close()

    assert (2, 1) == (recorder.counters.stored, recorder.counters.rejected)
    assert [".rejected"] == [path.suffix for path in tmp_path.iterdir()]
    assert "is refused" in caplog.text


async def test_more_records_than_the_queue_holds(tmp_path: Path) -> None:
    """
    The queue is bounded: what is too much goes to disk at once, and nothing is lost.
    """
    shelf = Shelf()
    recorder = Recorder(shelf, Spool(tmp_path), queue_spans=1_000, flush_seconds=0.01)

    for _ in range(3_000):
        recorder.offer(_span())
    waiting = recorder.waiting
    recorder.start()
    await _until(lambda: recorder.counters.stored == 3_000)
    await recorder.close()

    assert waiting <= 1_000
    assert recorder.counters.spooled >= 2_000


async def test_constant_traffic(tmp_path: Path) -> None:
    """
    Records gather into batches however steadily they come, and what waits on disk is stored meanwhile.
    """
    shelf = Shelf()
    Spool(tmp_path).put([pack(_span())])
    recorder = Recorder(shelf, Spool(tmp_path), flush_seconds=0.05)
    recorder.start()

    began, offered = time.monotonic(), 0
    async with asyncio.timeout(60):
        while offered < 300 or recorder.counters.replayed == 0:
            recorder.offer(_span())
            offered += 1
            await asyncio.sleep(0.001)
    calls, flushes = shelf.calls, (time.monotonic() - began) / 0.05
    await recorder.close()

    assert calls <= flushes + 2  # one more for the disk, one for the first
    assert offered + 1 == len(shelf.spans)


async def test_traffic_after_a_pause(tmp_path: Path) -> None:
    """
    Records gather into batches also after a time in which none came: not one batch for each record.
    """
    shelf = Shelf()
    recorder = Recorder(shelf, Spool(tmp_path), flush_seconds=0.2, retry_seconds=0.02)
    recorder.start()
    await asyncio.sleep(0.1)

    began = time.monotonic()
    for _ in range(50):
        recorder.offer(_span())
        await asyncio.sleep(0.005)
    calls, flushes = shelf.calls, (time.monotonic() - began) / 0.2
    await recorder.close()

    assert calls <= flushes + 1
    assert 50 == len(shelf.spans)


async def test_large_records(tmp_path: Path) -> None:
    """
    The queue is bounded in bytes as well, and so is what goes to the database at once.
    """
    shelf = Shelf()
    recorder = Recorder(shelf, Spool(tmp_path), queue_bytes=10 * 1024 * 1024, flush_seconds=0.01)

    for _ in range(30):
        recorder.offer(_span("x" * 1024 * 1024))
    waiting = recorder.waiting
    recorder.start()
    await _until(lambda: recorder.counters.stored == 30)
    await recorder.close()

    assert waiting <= 10
    assert shelf.calls >= 4
    assert 30 == len({span.trace_id for span in shelf.spans})


async def test_a_record_that_is_no_json(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    A record that cannot be written down is counted and said; it never spoils the request it is of.
    """
    shelf = Shelf()
    recorder = _recorder(shelf, tmp_path)
    odd = _span()
    odd.attributes = {"what": object()}

    recorder.offer(odd)
    recorder.offer(_span("a half pair: \ud800"))
    await recorder.close()

    assert (2, 1, 1) == (recorder.counters.offered, recorder.counters.dropped, recorder.counters.stored)
    assert ["a half pair: \ufffd"] == [span.name for span in shelf.spans]
    assert "cannot be written as JSON" in caplog.text


async def test_disk_and_database_are_both_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    What cannot be kept anywhere is counted and logged.
    """
    shelf = Shelf()
    shelf.is_open = False
    recorder = Recorder(shelf, Spool(tmp_path, max_bytes=10), flush_seconds=0.01)
    recorder.start()

    recorder.offer(_span())
    await recorder.close()

    assert 1 == recorder.counters.dropped
    assert "1 records are lost" in caplog.text


async def test_a_spool_file_that_the_disk_damaged(tmp_path: Path) -> None:
    """
    A file that cannot be read is set aside and does not hold up the others.
    """
    (tmp_path / "00000000000000000000-1-0.spans").write_bytes(b"\xc1garbage")
    shelf = Shelf()
    Spool(tmp_path).put([pack(_span())])

    recorder = _recorder(shelf, tmp_path)
    await _until(lambda: recorder.counters.replayed == 1)
    await recorder.close()

    assert ["00000000000000000000-1-0.rejected"] == [path.name for path in tmp_path.iterdir()]


def test_traffic_flows_while_postgres_refuses(own_plane: Plane) -> None:
    """
    With the database away requests are answered as before, and after it is back every trace is there.
    """
    plane = own_plane
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    client, counters = plane.openai(plane.create_key().key), plane.data_plane.recorder.counters
    name = psycopg.conninfo.conninfo_to_dict(plane.database.url)["dbname"]
    with psycopg.connect(plane.database.url.replace(str(name), "postgres"), autocommit=True) as admin:
        admin.execute(f"alter database {name} with allow_connections false")
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            for _ in range(20):
                client.chat.completions.create(model="support", messages=[{"role": "user", "content": "x"}])
            wait_for(lambda: counters.spooled == 20)
        finally:
            admin.execute(f"alter database {name} with allow_connections true")

    wait_for(lambda: counters.stored == 20)

    assert (20, 20, 0) == (counters.offered, counters.replayed, counters.dropped)
    page = asyncio.run(traces.list_traces(plane.ctx, TraceFilter(), limit=100))
    assert 20 == len({trace.trace_id for trace in page.items})


def test_text_that_postgres_cannot_hold(plane: Plane, key: str) -> None:
    """
    NUL characters in a message reach the model as they are and the trace as U+FFFD.
    """
    plane.publish(endpoint(plane, scripted(Rule(match="a", reply="b\x00c"))))

    answer = plane.openai(key).chat.completions.create(
        model="support", messages=[{"role": "user", "content": "a\x00"}], extra_body={"session\x00": "x"}
    )

    assert "b\x00c" == answer.choices[0].message.content
    span = plane.spans()[0].span
    assert {"input": "a\ufffd"} == span.variables
    assert [{"role": "assistant", "content": "b\ufffdc"}] == span.output_messages


def test_the_gateway_stops(plane: Plane) -> None:
    """
    A normal end stores what was offered just before.
    """

    async def short_life() -> int:
        made = plane.new_data_plane(Path(plane.data_plane.recorder._spool.folder))
        await made.start()
        made.recorder.offer(_span(project_id=plane.ctx.project_id))
        await made.close()
        return made.recorder.counters.stored

    assert 1 == asyncio.run(short_life())
