"""Archiving: days go to the object store before they are forgotten, can be asked there as before, and then go, too."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_summary import follow
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput, NotFound
from treadle.data.types import CurateRequest
from treadle.storage.blobs import Blobs
from treadle.traces import service
from treadle.traces.archive.bloom import BLOCK_BYTES, filter_of, marks_of, may_hold
from treadle.traces.archive.moving import Mover
from treadle.traces.intake import NewSpan
from treadle.traces.retention import Forgotten, forget
from treadle.traces.types import TraceFilter

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=40)


def archive(home: Home, spans: list[NewSpan], *, today: date | None = None) -> Forgotten:
    """Store spans and go a round that archives what is older than 30 days."""
    record(home, spans)
    follow(home)
    return go_round(home, today=today)


def go_round(home: Home, *, today: date | None = None) -> Forgotten:
    """Forget as the server's child does."""
    return forget(home.platform.database, today or NOW.date(), home.platform.blobs)


def files_of(home: Home) -> list[Path]:
    """Return the project's files in the store."""
    folder = home.platform.workspace.settings.workspace / "blobs" / "trace-archive" / home.ctx.project_id
    return [path for path in folder.rglob("*") if path.is_file()]


def rows_of(home: Home) -> list[int]:
    """Return how many rows of the project are in each table that holds spans."""
    with psycopg.connect(home.platform.database.url) as db:
        return [
            db.execute(f"select count(*) from {table} where project_id = %s", [home.ctx.project_id]).fetchone()[0]  # type: ignore[index]
            for table in ("spans", "span_blocks", "span_words", "span_blocks_waiting")
        ]


def old_spans() -> list[NewSpan]:
    """Return a trace of two spans and three others, all old."""
    root = new_span(
        1, started_at=OLD, model="gpt-x", cost_usd=Decimal("0.0000012"), session_id="ann", attributes={"shop": {"size": 7}},
        input_tokens=10, output_tokens=4,
    )  # fmt: skip
    child = new_span(
        7, trace_id=root.trace_id, parent_span_id=root.span_id, kind="tool", tool_name="find",
        started_at=OLD + timedelta(seconds=1),
        variables=Raw(b'{"input": "where is the Zebra crossing"}'), input_tokens=3, output_tokens=4,
    )  # fmt: skip
    others = [
        new_span(number, started_at=OLD + timedelta(minutes=number), latency_ms=100.0 * number,
                 status="error" if number == 3 else "ok", error_code="timeout" if number == 3 else None)
        for number in (2, 3, 4)
    ]  # fmt: skip
    return [root, child, *others]


QUESTIONS = (
    "", "latency>250ms", "status:error", "error:time*", "-status:error", "model:gpt-x cost<0.00001 cost>0", "session:ann",
    "zebra", "crossing zebra", "zeb", '"the zebra"', "(zebra or status:error)", "-zebra", "attr.shop.size:7",
    "span.kind:tool", "kind:tool", "score.correct>0.5", "-score.correct:*", "root.name:chat*", "started<2026-01-01", "age<24h",
    "name:\"chat support\"", "endpoint:su*t", "tokens:21", "tokens>21", "span.tokens:14", "cost:*", "-cost:*",
)  # fmt: skip


@pytest.mark.parametrize("subject", ["trace", "span"])
def test_archived_answers_are_those_of_before(home: Home, subject: str) -> None:
    """
    Whatever is asked, a list gives the same lines once its days are archived, and says where they are from.
    """
    spans = old_spans()
    record(home, spans)
    with psycopg.connect(home.platform.database.url) as db:
        db.execute("select set_config('treadle.project', %s, true)", [home.ctx.project_id])
        db.execute(
            "insert into trace_scores (project_id, trace_id, name, source, value) values (%s, %s, 'correct', 'user', 1)",
            [home.ctx.project_id, spans[0].trace_id],
        )
    listed: Callable[..., Any] = home.client.traces.list_ if subject == "trace" else home.client.traces.list_spans
    questions = [*QUESTIONS, f"trace:{spans[0].trace_id}"]

    before = {q: listed(q).items for q in questions}
    home.client.traces.set_retention(30, archive=True)
    done = archive(home, [])
    after = {q: listed(q) for q in questions}

    assert 5 == done.archived
    assert [0, 0, 0, 0] == rows_of(home)
    for q in questions:
        assert sorted(line.model_dump_json() for line in before[q]) == sorted(
            line.model_dump_json() for line in after[q].items
        ), q
    assert {True} == {after[q].from_archive for q in ("", "zebra", "status:error")}
    assert 4 <= len(before[""])


def test_pages_into_the_archive(home: Home) -> None:
    """
    Pages go on from what is here into the archive, day by day, and neither skip nor repeat a trace.
    """
    home.client.traces.set_retention(30, archive=True)
    archive(home, [new_span(n, started_at=OLD - timedelta(days=n // 3, minutes=n)) for n in range(7)])
    record(home, [new_span(90 + n, started_at=NOW - timedelta(minutes=n)) for n in range(3)])

    pages, cursor = [], None
    while True:
        page = home.client.traces.list_(limit=2, cursor=cursor)
        pages.append([trace.input_text for trace in page.items])
        if (cursor := page.next_cursor) is None:
            break

    assert ["q90", "q91", "q92", *(f"q{n}" for n in range(7))] == [text for page in pages for text in page]
    assert all(len(page) <= 2 for page in pages)


def test_a_trace_in_the_archive(home: Home) -> None:
    """
    An archived trace is shown whole, as a tree, in parts and span by span, with its scores; what came late joins it.
    """
    spans = old_spans()
    home.client.traces.set_retention(30, archive=True)
    record(home, spans)
    whole = home.client.traces.get(spans[0].trace_id)
    archive(home, [])

    archived = home.client.traces.get(spans[0].trace_id)
    tree = home.client.traces.tree(spans[0].trace_id)
    span = home.client.traces.get_span(spans[0].trace_id, spans[1].span_id)
    late = new_span(8, trace_id=spans[0].trace_id, parent_span_id=spans[1].span_id, started_at=OLD)
    record(home, [late])
    joined = home.client.traces.tree(spans[0].trace_id)

    assert whole.model_dump() | {"from_archive": True} == archived.model_dump()
    assert (True, [0, 1], 2) == (tree.from_archive, [row.depth for row in tree.rows], tree.span_count)
    assert whole.roots[0].children[0].span == span
    assert [0, 1, 2] == [row.depth for row in joined.rows]
    with pytest.raises(NotFound):
        home.client.traces.get("f" * 32)


def test_archived_traces_become_rows(home: Home) -> None:
    """
    What is archived is data like the rest: a selection makes rows of it, of roots that say nothing by their parts, which lists
    go on showing; lists of sessions say that they leave it out.
    """
    root = new_span(kind="chain", variables=None, output_messages=None, started_at=OLD, session_id="gone")
    parts = [
        new_span(
            number, trace_id=root.trace_id, parent_span_id=root.span_id, started_at=OLD + timedelta(seconds=number)
        )
        for number in (1, 2)
    ]
    home.client.traces.set_retention(30, archive=True)
    archive(home, [root, *parts, new_span(7, started_at=OLD), new_span(9, started_at=NOW)])
    wanted = CurateRequest(wanted=TraceFilter(), unjudged="answer")

    made = home.client.runs.wait(home.client.datasets.start_curate("old", wanted).run_id)
    lines = [(line.input_text, line.output_text) for line in home.client.traces.list_().items]

    assert {} == made.outputs["selection"]["left_out"]
    assert {("q9", "a9"), ("q7", "a7"), ("q1", "a2")} == {
        (row.input, row.expected_output) for row in home.client.datasets.iter_examples("old")
    }
    assert {("q9", "a9"), ("q7", "a7"), ("q1", "a2")} == set(lines)
    sessions = home.client.traces.list_sessions()
    assert (True, []) == (sessions.leaves_out_archive, [one.name for one in sessions.items])


async def test_who_copies_spans_gets_archived_ones(home: Home) -> None:
    """
    Copying gives archived spans as they came, those at the positions asked for.
    """
    spans = old_spans()

    def prepare() -> None:
        home.client.traces.set_retention(30, archive=True)
        archive(home, spans)

    with ThreadPoolExecutor() as pool:
        await asyncio.get_running_loop().run_in_executor(pool, prepare)
    lines = (await service.list_spans(home.ctx, "kind:tool", limit=5)).items
    whole = await service.list_packed(home.ctx, [spans[0].trace_id])
    one = await service.list_packed(home.ctx, [spans[0].trace_id], seqs=[line.seq for line in lines])

    assert 2 == len(whole)
    assert 1 == len(one)
    assert b"Zebra" in one[0]


def test_killed_at_every_step(home: Home) -> None:
    """
    Wherever a round ends, the next one archives every span once and leaves no file that nobody counts on.
    """

    class Killed(BaseException):
        pass

    class Dying(Blobs):
        """A store on whose n-th use the process ends."""

        left = 0

        def _use(self) -> None:
            type(self).left -= 1
            if type(self).left == 0:
                raise Killed

        def put_file(self, path: Path) -> Any:
            self._use()
            stored = super().put_file(path)
            self._use()
            return stored

        def fetch(self, digest: str) -> Path:
            self._use()
            return super().fetch(digest)

    spans = old_spans()
    home.client.traces.set_retention(30, archive=True)
    record(home, spans)
    follow(home)
    folder = home.platform.workspace.settings.workspace / "blobs"

    ends = []
    for step in (1, 2, 3):
        Dying.left = step
        with pytest.raises(Killed):
            forget(home.platform.database, NOW.date(), Dying(None, folder=folder))
        ends.append((rows_of(home)[0], home.client.traces.list_().from_archive))
    done = go_round(home)

    assert [(5, False)] * 3 == ends
    assert 5 == done.archived
    assert 1 == len(files_of(home))
    assert 4 == len(home.client.traces.list_().items)
    assert 0 == go_round(home).archived


def test_a_store_that_damages_a_file(home: Home) -> None:
    """
    Nothing is deleted unless what the store holds is what was written.
    """

    class Damaging(Blobs):
        def fetch(self, digest: str) -> Path:
            found = super().fetch(digest)
            other = found.parent / "other.parquet"
            import polars

            polars.read_parquet(found).head(2).write_parquet(other)
            return other

    home.client.traces.set_retention(30, archive=True)
    record(home, old_spans())
    follow(home)

    done = forget(
        home.platform.database, NOW.date(), Damaging(None, folder=home.platform.workspace.settings.workspace / "blobs")
    )

    left = rows_of(home)[0]

    assert (0, 5) == (done.archived, left)
    assert 5 == go_round(home).archived


def test_a_day_in_several_files(home: Home) -> None:
    """
    A large day goes in files of bounded size; each deletes what it holds and nothing else.
    """
    for number in range(3):
        record(home, [new_span(number, started_at=OLD)])
    follow(home)

    moved = Mover(home.platform.database, home.platform.blobs, home.ctx.project_id, file_bytes=1).move(
        OLD.date(), NOW.date()
    )

    assert 3 == moved
    assert 3 == len(files_of(home))
    assert {"q0", "q1", "q2"} == {trace.input_text for trace in home.client.traces.list_().items}


def test_in_a_process_of_its_own(home: Home) -> None:
    """
    The server's child archives, deletes, and ends.
    """
    home.client.traces.set_retention(30, archive=True)
    record(home, old_spans())
    follow(home)
    folder = home.platform.workspace.settings.workspace / "blobs"
    told = {"parent": os.getpid(), "url": home.platform.database.url, "blobs": {"url": None, "folder": str(folder)}}

    done = subprocess.run(
        [sys.executable, "-m", "treadle.server.follower"],
        input=json.dumps(told) + "\n",
        text=True,
        timeout=120,
        check=False,
    )

    assert 0 == done.returncode
    assert (0, 1) == (rows_of(home)[0], len(files_of(home)))


def test_told_by_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A command turns archiving on; what it does not say stays as it is.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)

    told = [
        CliRunner().invoke(cli, ["trace", "keep", *options]).output
        for options in (["--archive"], ["--days", "9", "--archive"], ["--archive-days", "20"], ["--days", "8"], ["--no-archive"])
    ]  # fmt: skip

    assert "--days" in told[0]
    assert [
        "traces are kept for 9 days, then archived for good\n",
        "traces are kept for 9 days, then archived until day 20\n",
        "traces are kept for 8 days, then archived until day 20\n",
        "traces are kept for 8 days\n",
    ] == told[1:]


def test_what_nobody_followed_yet_stays(home: Home) -> None:
    """
    Spans that signals have not counted are not archived before they are.
    """
    home.client.traces.set_retention(30, archive=True)
    record(home, old_spans())

    follow(home)
    with psycopg.connect(home.platform.database.url) as db:
        db.execute(
            """insert into span_blocks_waiting (project_id, work, day, block_id)
            select project_id, 'later', day, block_id from span_blocks where project_id = %s""",
            [home.ctx.project_id],
        )
    go_round(home)
    first = rows_of(home)[0]
    with psycopg.connect(home.platform.database.url) as db:
        db.execute("delete from span_blocks_waiting where work = 'later'")
    go_round(home)

    assert (5, 0) == (first, rows_of(home)[0])


def test_the_archive_forgets(home: Home) -> None:
    """
    Archived days go after their own time, files and all, and not before; odd days count from when they came.
    """
    home.client.traces.set_retention(30, archive=True, archive_days=60)
    archive(home, [*old_spans(), new_span(9, started_at=NOW - timedelta(days=3000))])

    seen = []
    for days in (19, 22, 32, 64):
        go_round(home, today=(NOW + timedelta(days=days)).date())
        seen.append((len(home.client.traces.list_().items), len(files_of(home))))

    assert [(5, 1), (1, 0), (1, 1), (0, 0)] == seen


async def test_a_store_elsewhere(home: Home, tmp_path: Path) -> None:
    """
    On an object store elsewhere files are verified there, brought here when they are asked, and not kept here by a round.
    """
    store = Blobs("memory:///", folder=tmp_path)

    def prepare() -> int:
        home.client.traces.set_retention(30, archive=True)
        record(home, old_spans())
        follow(home)
        return forget(home.platform.database, NOW.date(), store).archived

    with ThreadPoolExecutor() as pool:
        archived = await asyncio.get_running_loop().run_in_executor(pool, prepare)
    here = [path for path in tmp_path.rglob("*") if path.is_file()]
    ctx = replace(home.ctx, blobs=store)
    found = await service.list_traces(ctx, TraceFilter(text="zebra"), limit=5)

    assert (5, []) == (archived, here)
    assert ["q1"] == [trace.input_text for trace in found.items]


def test_settings(home: Home) -> None:
    """
    An archive needs a time after which days go there, and a longer one until they leave it.
    """
    told = home.client.traces.set_retention(10, archive=True, archive_days=20)

    assert told == home.client.traces.retention()
    for body in (
        {"archive": True},
        {"days": 10, "archive": True, "archive_days": 10},
        {"days": 10, "archive_days": 20},
    ):
        with pytest.raises((InvalidInput, ValueError)):
            home.client.traces.set_retention(**({"days": None} | body))


def test_a_filter_of_traces() -> None:
    """
    A filter finds every trace that it was made of, and hardly any other.
    """
    made = filter_of(f"{number:032x}" for number in range(2_000))

    def finds(number: int) -> bool:
        marks = marks_of(f"{number:032x}")
        at = marks.number % (len(made) // BLOCK_BYTES) * BLOCK_BYTES
        return may_hold(made[at : at + BLOCK_BYTES], marks)

    assert all(finds(number) for number in range(2_000))
    assert 60 > sum(finds(number) for number in range(2_000, 22_000))
