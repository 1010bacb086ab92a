"""The handler `monitoring.drift`: one window of a drift monitor, from its traces to its verdict, kept once.

Takes a sample of the window's requests, spread evenly over them, and compares it with one of the reference's, in a child
process. The reference's vectors are kept beside the runs; its texts are read anew, so that what was erased is not kept here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import anyio.to_thread

from treadle.core.ids import derive_id
from treadle.core.types import JsonObject
from treadle.http.context import Context
from treadle.jobs.scope import Handler, RunScope
from treadle.monitoring import signals, store
from treadle.monitoring.alarms import Track, follow
from treadle.monitoring.store import Kept
from treadle.monitoring.types import Drift, Watched
from treadle.monitoring.verdicts import Judged, Value
from treadle.monitoring.watch import DRIFT_KIND, explain, keep_verdict
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.types import SpanNode, TraceFilter

MAX_LISTED = 5_000
"""Requests of a time that a sample is taken of; the newest."""
AT_ONCE = 500
MOST_LOG_E = 230.0
"""e to this is about 1e100."""


async def run_drift(scope: RunScope) -> JsonObject:
    """Do one window. params: monitor_id, since, until. Returns the verdict and each channel's p-value."""
    ctx = scope.ctx
    since, until = (datetime.fromisoformat(str(scope.params[name])) for name in ("since", "until"))
    monitor_id = str(scope.params["monitor_id"])
    kept = await ctx.db.read(lambda db: store.find_monitor(db, monitor_id))
    if kept is None or not isinstance(kept.wanted.rule, Drift):
        return {"verdict": "the monitor is gone"}
    channels, rows = await _compare(scope, kept, kept.wanted.rule, since, until)
    release_id = await signals.find_release(ctx, kept.wanted.signal, since, until, too_high=None)
    origin = await explain(ctx, kept.wanted.signal, release_id, until)
    url = cast(str | None, scope.services["public_url"])

    def write(db: Connection) -> str:
        held = store.find_monitor(db, monitor_id, lock=True)
        if held is None or held.wanted.rule != kept.wanted.rule or store.has_window(db, monitor_id, since):
            return "the monitor has changed"
        if held.evaluated_until > until:
            return "a later window was begun, and windows are judged in their order"
        tracks, judged = judge_channels(held.tracks, channels)
        tracks.pop("running", None)
        seen = Value(
            min((each["adjusted_p"] for each in channels if each["adjusted_p"] is not None), default=None), rows
        )
        moved = held._replace(tracks=tracks)
        keep_verdict(
            db, ctx, moved, seen, judged, since=since, until=until, url=url, origin=origin, detail={"channels": channels}
        )  # fmt: skip
        return judged.verdict

    verdict = await ctx.db.write(write)
    return {"verdict": verdict, "p_values": {each["channel"]: each["p_value"] for each in channels}}


def judge_channels(tracks: JsonObject, channels: Sequence[dict[str, Any]]) -> tuple[JsonObject, Judged]:
    """Return the channels' tracks after a window, and its verdict: bad where one of them is an alarm.

    Each channel is told beside what was measured of it what followed from that (`readings/`).
    """
    after, reasons, moved = dict(tracks), [], []
    for each in channels:
        each |= {"decision": "too few", "reason": "", "e_value": None, "windows_in_a_row": None}
        if each["adjusted_p"] is None:
            continue
        before = after.get(each["channel"])
        track, reason = follow(
            Track(*cast(list[Any], before)) if before else Track(), each["p_value"], each["adjusted_p"]
        )
        after[each["channel"]] = list(track)
        decision = "alarm" if reason is not None else "moved" if each["adjusted_p"] < 0.05 else "same"
        # The evidence is an alarm over 100; what it grows to beyond that says no more, and may be too large to write down.
        each |= {"e_value": math.exp(min(track.log_e, MOST_LOG_E)), "windows_in_a_row": track.streak}
        each |= {"decision": decision, "reason": reason or ""}
        if reason is not None:
            reasons.append(f"{each['channel']} has moved ({reason}, p = {each['adjusted_p']:.2g})")
        elif decision == "moved":
            moved.append(each["channel"])
    tested = [each for each in channels if each["adjusted_p"] is not None]
    if not tested:
        return after, Judged(
            "unknown", "no data: too few requests to compare: 20 are needed, in the window and in the reference"
        )
    if reasons:
        return after, Judged("bad", "; ".join(reasons))
    words = f"{', '.join(moved)}: perhaps moved, not yet an alarm" if moved else "nothing has moved"
    return after, Judged("well", f"{words} (smallest p = {min(each['adjusted_p'] for each in tested):.2g})")


async def _compare(
    scope: RunScope, kept: Kept, rule: Drift, since: datetime, until: datetime
) -> tuple[list[dict[str, Any]], int]:
    ctx, signal = scope.ctx, kept.wanted.signal
    window = scope.folder / "window.json"
    rows = await _write_sample(ctx, signal, rule, since, until, rule.window_rows, window)
    name = derive_id("drf", kept.monitor_id, rule.model_dump_json(), signal.model_dump_json())
    folder = scope.folder.parent / "drift" / name
    folder.mkdir(parents=True, exist_ok=True)
    reference = scope.folder / "reference.json"  # texts go with the run; only their vectors are kept
    await _write_sample(ctx, signal, rule, rule.reference_since, rule.reference_until, rule.reference_rows, reference)
    spec: JsonObject = {
        "reference": str(reference), "window": str(window), "vectors": str(folder / "vectors.npz"),
        "channels": list(rule.channels), "seed": int(since.timestamp()),
    }  # fmt: skip
    answer = await scope.child("treadle.monitoring.worker:compare", spec)
    return cast(list[dict[str, Any]], answer["channels"]), rows


async def _write_sample(
    ctx: Context, signal: Watched, rule: Drift, since: datetime, until: datetime, count: int, path: Path
) -> int:
    """Write a sample of the requests of a time as JSON; return how many requests there were. Complete or absent."""
    ids = await _list_ids(ctx, signal, since, until)
    chosen = ids if len(ids) <= count else [ids[number * len(ids) // count] for number in range(count)]
    rows = []
    for example in await traces.get_many(ctx, chosen):
        rows.append(
            {
                "trace_id": example.trace_id,
                "input": example.input_text,
                "output": example.output_text,
                "context": await _context_of(ctx, example.trace_id) if "context" in rule.channels else "",
                "scores": {score.name: score.value for score in example.scores if score.value is not None},
            }
        )

    def write() -> None:
        waiting = path.with_suffix(".part")
        waiting.write_text(json.dumps(rows), encoding="utf-8")
        waiting.replace(path)

    await anyio.to_thread.run_sync(write)
    return len(ids)


async def _list_ids(ctx: Context, signal: Watched, since: datetime, until: datetime) -> list[str]:
    wanted = TraceFilter(endpoint=signal.endpoint, release_id=signal.release_id, since=since, until=until, status="ok")
    found: list[str] = []
    cursor: str | None = None
    while len(found) < MAX_LISTED:
        page = await traces.list_traces(ctx, wanted, limit=AT_ONCE, cursor=cursor)
        found += [trace.trace_id for trace in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


async def _context_of(ctx: Context, trace_id: str) -> str:
    """Return what was retrieved for an answer, as one text."""
    texts: list[str] = []

    def walk(nodes: Sequence[SpanNode]) -> None:
        for node in nodes:
            texts.extend(document.content for document in node.span.documents if document.content)
            walk(node.children)

    walk((await traces.get_trace(ctx, trace_id)).roots)
    return "\n".join(texts)[:4_000]


HANDLERS: dict[str, Handler] = {DRIFT_KIND: run_drift}
