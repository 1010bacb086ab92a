"""How quickly are a million spans asked: newest traces, one trace, words, latency by model by hour?

    python benchmarks/trace_queries/run.py [--quick] [--spans 1000000] [--repeats 9] [--first] [--strict]

A whole server in a fresh folder is sent the spans of `trace_ingest` through HTTP, spread over 24 hours in the order of
sending, and left until signals and words have caught up. Then each question is asked through the API (signals through
the service), one caller, hot; medians. The peers' figures are from the same payload on the same kind of machine, at
the sizes that they took in: Arize Phoenix 20.26.1 with 60 k spans, MLflow 3.17.2 with 45 k. `--strict` exits with 1
when a bar is missed. The full size takes some 10 minutes, `--quick` one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import psycopg
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).parents[1] / "trace_ingest"))  # the folder is not a package
from payload import COMMON, VOCABULARY, templates

from server import Served, Weighing, prefer, send, serving
from treadle.core.clock import SystemClock
from treadle.governance.access import PERMISSIONS
from treadle.governance.service import DEFAULT_PROJECT
from treadle.http.actor import Actor
from treadle.http.context import Context
from treadle.storage.blobs import Blobs
from treadle.storage.database import Database
from treadle.traces import outcomes
from treadle.traces.signals import SignalQuery

LARGE = 33_000
"""Spans of the largest trace that people report of their own."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--spans", type=int)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--strict", action="store_true")
    told = parser.parse_args()
    spans = told.spans or (30_000 if told.quick else 1_000_000)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        if told.first:
            prefer(served.pid)
        with Weighing(served.pid) as weighed:
            sent = send(served, templates(1), spans, connections=4, seed=1)
            followed = seconds_until_followed(served)
        print(
            f"{sent.spans / sent.seconds:,.0f} spans/s in; words and signals {followed:.0f} s behind the last",
            file=sys.stderr,
        )
        rows = ask(served, told.repeats)
        size_mb = size_of(served)
    print(
        f"{spans:,} spans, {size_mb:,.0f} MB on disk, {weighed.all_mb:.0f} MB of memory in all; medians of {told.repeats}\n"
    )
    print("| question | measured | bar | meets | peers, measured before |\n|---|---|---|---|---|")
    meets = True
    for what, milliseconds, bar, found, peers in rows:
        fits = bar is None or milliseconds <= bar
        meets = meets and fits
        shown = "-" if bar is None else f"<= {bar} ms"
        print(f"| {what} ({found}) | {milliseconds:.1f} ms | {shown} | {'yes' if fits else 'NO'} | {peers} |")
    if told.strict and not meets:
        sys.exit(1)


def ask(served: Served, repeats: int) -> list[tuple[str, float, int | None, str, str]]:
    """Ask everything; return what, milliseconds, the bar, what came and the peers' figures."""
    connection = served.connect()

    def timed(work: Callable[[], Any]) -> tuple[float, Any]:
        answer, times = work(), []
        for _ in range(repeats):
            began = time.perf_counter()
            answer = work()
            times.append((time.perf_counter() - began) * 1e3)
        return median(times), answer

    rows: list[tuple[str, float, int | None, str, str]] = []

    def lists(what: str, path: str, bar: int | None, peers: str = "") -> list[Any]:
        took, page = timed(lambda: served.get(connection, path))
        rows.append((what, took, bar, f"{len(page['items'])} lines", peers))
        return list(page["items"])

    newest = lists("newest 50 traces", "/traces?limit=50", 20, "Phoenix 105 ms, MLflow 20 ms")
    trace_id = newest[25]["trace_id"]
    took, trace = timed(lambda: served.get(connection, f"/traces/{trace_id}"))
    rows.append(("one trace with its content", took, None, f"{len(trace['roots'][0]['children']) + 1} spans", ""))
    since = quote((datetime.now(UTC) - timedelta(hours=12)).isoformat())
    lists("newest 50 traces before a time", f"/traces?limit=50&until={since}", 20)
    rare = next(word for word in newest[0]["input_text"].split() if word.startswith("rare"))
    seldom, absent = VOCABULARY[-1], "nothinghasthisword"
    texts = "Phoenix 943 ms, MLflow > 90 s"
    lists("word of one trace in 4,096", f"/traces?limit=50&text={rare}", 100, texts)
    lists("word that nearly every trace has", f"/traces?limit=50&text={COMMON}", 100, "MLflow 5.4 s")
    lists("word of one trace in three", f"/traces?limit=50&text={seldom}", 100)
    lists("two words together", f"/traces?limit=50&text={COMMON}%20{seldom}", 100)
    lists("word that no trace has", f"/traces?limit=50&text={absent}", 100, texts)
    rows += signals(served, timed)
    large = send_large(served)
    connection = served.connect()  # the other one may have been idle for too long
    for what, path in (("opens", "?limit=200"), ("first two levels", "?levels=2&limit=500")):
        took, tree = timed(lambda path=path: served.get(connection, f"/traces/{large}/tree{path}"))  # type: ignore[misc]
        rows.append(
            (
                f"a trace of {LARGE:,} spans: {what}",
                took,
                1_000,
                f"{len(tree['rows'])} rows",
                "Langfuse warns above 150",
            )
        )
    lists("traces by a field of any span that none has", "/traces?limit=50&q=model:nothing*", None)
    lists("traces by an attribute that none has", "/traces?limit=50&q=attr.none:x", None)
    lists("traces by model and error", f"/traces?limit=50&q={quote('model:* status:error')}", None)
    lists("newest 50 spans of one kind", "/spans?limit=50&q=kind:llm", None)
    lists("50 slowest of the newest 50,000 traces", "/traces?limit=50&sort=latency", None)
    lists("50 dearest of the newest 10,000 traces", "/traces?limit=50&sort=cost", None)
    for what, path in (
        ("all traces over time, 24 h", "bars=48"),
        ("traces over time by latency and error", f"bars=48&q={quote('latency>1ms -status:error')}"),
        ("traces over 90 days by cost, in 200 bars", f"bars=200&q={quote('age<90d cost>0.01')}"),
        ("traces over time with a word that nearly all have", f"bars=48&text={COMMON}"),
    ):
        took, told = timed(lambda path=path: served.get(connection, f"/traces/chart?{path}"))  # type: ignore[misc]
        rows.append((what, took, 1_000, f"{len(told['bars'])} bars, from {told['counted']}", ""))
    lists("50 sessions with their sums and scores", "/sessions?limit=50", 100)
    lists("50 end users with their sums and scores", "/users?limit=50", 100)
    return rows


def send_large(served: Served) -> str:
    """Send one trace of 33,000 spans: a root, 330 steps, some 99 calls in each; return its id."""
    connection, begin = served.connect(), time.time_ns()
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    trace_id = uuid.uuid4().bytes
    for number in range(LARGE):
        parent = None if number == 0 else 0 if number <= 330 else 1 + number % 330
        spans.add(
            trace_id=trace_id, span_id=(number + 1).to_bytes(8, "big"), name=f"step {number}",
            parent_span_id=b"" if parent is None else (parent + 1).to_bytes(8, "big"),
            start_time_unix_nano=begin + number * 1_000, end_time_unix_nano=begin + 60_000_000_000 - number * 1_000,
        )  # fmt: skip
        if len(spans) == 3_000 or number == LARGE - 1:
            if served.post(connection, request.SerializeToString()) != 200:
                raise RuntimeError("the large trace was not taken")
            del spans[:]
    return trace_id.hex()


def signals(
    served: Served, timed: Callable[[Callable[[], Any]], tuple[float, Any]]
) -> list[tuple[str, float, int | None, str, str]]:
    """Ask for latency by model: by hour, by minute and by end user."""
    database = Database(served.database, pool_size=2)
    database.open()
    actor = Actor(actor_id="act_bench", name="bench", kind="service", role="viewer", permissions=PERMISSIONS["viewer"])
    with tempfile.TemporaryDirectory() as folder:
        ctx = Context(
            actor,
            DEFAULT_PROJECT,
            database.for_project(DEFAULT_PROJECT),
            Blobs(None, folder=Path(folder)),
            SystemClock(),
        )
        now = datetime.now(UTC)
        day: dict[str, Any] = {"since": now - timedelta(days=1, hours=1), "until": now}
        asked = [
            ("p95 latency by model by hour, 24 h", SignalQuery(**day, by=["model"], kind="llm"), 50, "not offered"),
            ("all signals by kind by minute, 24 h", SignalQuery(**day, by=["kind"], step="minute"), None, ""),
            ("all signals by end user, 1 h", SignalQuery(since=now - timedelta(hours=1), until=now, by=["user_id"]), None, ""),
        ]  # fmt: skip
        rows = []
        with asyncio.Runner() as runner:
            for what, query, bar, peers in asked:
                took, page = timed(lambda query=query: runner.run(outcomes.list_signal(ctx, query)))  # type: ignore[misc]
                rows.append((what, took, bar, f"{len(page.items)} points", peers))
    database.close()
    return rows


def seconds_until_followed(served: Served) -> float:
    """Wait until signals and words have caught up; return how long that took."""
    connection, began = served.connect(), time.monotonic()
    while (lag := served.get(connection, "/traces/lag"))["signals_blocks"] + lag["search_blocks"]:
        time.sleep(0.5)
        if time.monotonic() - began > 3600:
            raise RuntimeError(f"what follows stored spans does not catch up: {lag}")
    return time.monotonic() - began


def size_of(served: Served) -> float:
    """Return the size of the database in MB."""
    with psycopg.connect(served.database) as connection:
        row = connection.execute("select pg_database_size(current_database())").fetchone()
    return float(row[0]) / 1e6 if row else 0.0


if __name__ == "__main__":
    main()
