"""kill -9 of the whole server at random moments while spans are sent; then everything that was acknowledged is counted."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psycopg
from payload import Template, patched

from server import Served, kill, serving

SENDERS = 2
LONGEST_SECONDS = 1.0


class Outcome(NamedTuple):
    """What was counted in the end, in spans."""

    acknowledged: int
    lost: int
    """Acknowledged, and not there."""
    doubled: int
    """There more than once."""
    miscounted: int
    """Difference between the signals' count and the spans."""


def survive(folder: Path, made: Sequence[Template], *, kills: int, seed: int) -> Outcome:
    """Kill a server so many times and return what became of the spans. Requests without an answer are sent again, once,
    to the server that comes next, so that what was stored and not acknowledged comes twice."""
    draw = random.Random(seed)
    acknowledged: set[bytes] = set()
    unanswered: list[tuple[bytes, list[bytes]]] = []
    for number in range(kills):
        with serving(folder) as served:
            ended = threading.Event()
            again, unanswered = unanswered, []
            senders = [
                threading.Thread(
                    target=_send,
                    args=(served, made, random.Random(seed * 10_000 + number * SENDERS + each), again[each::SENDERS]),
                    kwargs={"acknowledged": acknowledged, "unanswered": unanswered, "ended": ended},
                )
                for each in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            time.sleep(draw.random() * LONGEST_SECONDS)
            kill(served)
            ended.set()
            for sender in senders:
                sender.join()
    with serving(folder) as served:
        connection = served.connect()
        deadline = time.monotonic() + 600
        while (lag := served.get(connection, "/traces/lag"))["signals_blocks"]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"signals do not follow: {lag}")
            time.sleep(0.2)
        return _counted(served.database, acknowledged)


def _send(
    served: Served,
    made: Sequence[Template],
    draw: random.Random,
    again: list[tuple[bytes, list[bytes]]],
    *,
    acknowledged: set[bytes],
    unanswered: list[tuple[bytes, list[bytes]]],
    ended: threading.Event,
) -> None:
    connection = served.connect()
    while not ended.is_set():
        body, ids = again.pop() if again else patched(draw.choice(made), draw, time.time_ns)
        status = None
        with suppress(OSError, ConnectionError, Exception):
            status = served.post(connection, body)
        if status == 200:
            acknowledged.update(ids)
        elif status is None:
            unanswered.append((body, ids))
            unanswered.extend(again)
            return
        else:  # not ready, or full
            again.append((body, ids))
            time.sleep(0.02)
    unanswered.extend(again)


def _counted(database: str, acknowledged: set[bytes]) -> Outcome:
    with psycopg.connect(database) as connection:
        found = dict(
            connection.execute("select trace_id, count(distinct span_id) from spans group by trace_id").fetchall()
        )
        row = connection.execute(
            """select (select count(*) from spans), (select count(*) from (select distinct trace_id, span_id from spans) as s),
            (select coalesce(sum(count), 0) from span_rollups where step = 'minute')"""
        ).fetchone()
    assert row is not None
    rows, distinct, counted = row
    lost = sum(3 - found.get(trace_id.hex(), 0) for trace_id in acknowledged)
    return Outcome(3 * len(acknowledged), lost, rows - distinct, abs(int(counted) - rows))
