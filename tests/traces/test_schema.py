"""The tables of traces: what an older release stored is carried over; days get partitions, whoever asks first."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.storage.database import APP_ROLE, Database
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.migrations import migrate
from treadle.traces import followers, schema, service, store, writing

OLD_SPAN = """insert into spans (project_id, day, trace_id, span_id, parent_span_id, name, kind, status, started_at, latency_ms,
    rollout_id, arm, arm_weight, unit, cost_usd) values (%s, %s, %s, %s, %s, 'chat', 'llm', 'ok', %s, 5, 'rlt_1', %s, 0.9, 'u', 0.25)
    returning seq"""
OLD_CONTENT = """insert into span_contents (project_id, day, trace_id, span_id, variables, attributes, input_text, output_text)
    values (%s, %s, %s, %s, '{"input": "q", "none": null}', '{"treadle.signals": ["schema"], "treadle.rescued": "a timeout"}',
    'q', 'the answer')"""


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """
    The URL of a database with nothing in it.
    """
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield postgres.url(name)
        connection.execute(f"drop database {name} with (force)")


def test_spans_of_an_older_release(empty_url: str) -> None:
    """
    Spans stored by the release before keep their content, their position and their traces, of recent and of old days.
    """
    migrate(empty_url, {"traces": schema.MIGRATIONS[:1]})
    now = datetime.now(UTC)
    moments = [now - timedelta(days=days) for days in (400, 1, 0)]
    with psycopg.connect(empty_url, autocommit=True) as old:
        seqs = []
        for number, moment in enumerate(moments):
            for parent, span_id in ((None, "a"), ("a", "b")):
                arm = "stable" if parent is None else "shadow"
                values = ["prj_1", moment.date(), f"t{number}", span_id, parent, moment, arm]
                row = old.execute(OLD_SPAN, values).fetchone()
                old.execute(OLD_CONTENT, ["prj_1", moment.date(), f"t{number}", span_id])
                seqs.append(row[0] if row else 0)
            old.execute("select setval('spans_seq_seq', (select last_value + 3000 from spans_seq_seq))")

    migrate(empty_url, {"traces": schema.MIGRATIONS, "followers": followers.MIGRATIONS})

    database = Database(empty_url)
    database.open()
    try:
        spans = [database.transact(lambda db, n=n: store.list_spans(db, f"t{n}"), APP_ROLE, "prj_1") for n in range(3)]
        units = database.transact(
            lambda db: store.list_rollout_units(db, "rlt_1", after_seq=seqs[0], limit=9), APP_ROLE, "prj_1"
        )
        late = new_span(project_id="prj_1", started_at=now, rollout_id="rlt_1", arm="stable", arm_weight=1, unit="v")
        asyncio.run(service.record(database.for_project("prj_1"), [late]))
        newest = database.transact(
            lambda db: store.list_rollout_units(db, "rlt_1", after_seq=seqs[-1], limit=9), APP_ROLE, "prj_1"
        )
    finally:
        database.close()
    assert [["a", "b"]] * 3 == [[span.span_id for span in of] for of in spans]
    assert [{"input": "q", "none": None}] * 6 == [span.variables for of in spans for span in of]
    assert seqs[2::2] == [unit.seq for unit in units]
    assert [["schema", "rescued:timeout"]] * 2 == [unit.signals for unit in units]
    assert ["v"] == [unit.unit for unit in newest]


def test_any_day(home: Home) -> None:
    """
    A clock that is a year slow, or ten fast, costs no span: it is stored, listed in its place and stored once.
    """
    now = datetime.now(UTC)
    moments = [now - timedelta(days=365), now, now + timedelta(days=3650)]
    spans = [new_span(number, started_at=moment) for number, moment in enumerate(moments)]

    counts = [record(home, spans), record(home, spans)]

    assert [3, 0] == counts
    assert ["q2", "q1", "q0"] == [trace.input_text for trace in home.client.traces.list_().items]
    details = [home.client.traces.get(span.trace_id) for span in spans]
    assert moments == [detail.roots[0].span.started_at for detail in details]


def test_a_new_day_for_several_processes(empty_url: str) -> None:
    """
    Whoever needs a new day's partition at the same moment as others gets it as well.
    """
    migrate(empty_url, {"traces": schema.MIGRATIONS, "followers": followers.MIGRATIONS})
    days = [datetime.now(UTC).date() - timedelta(days=number) for number in range(3)]
    database = Database(empty_url)
    database.open()

    with ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(database.transact, lambda db: writing.ensure_days(db, days), APP_ROLE, "prj_1")
            for _ in range(6)
        ]
        found = [one.result() for one in asked]

    database.close()
    assert [{day: day for day in days}] * 6 == found
