"""What a monitored signal comes to: reads traces' signals and feedback, and makes one figure of them per window.

Sums and shares of a window are exact. Percentiles are those of the whole window: traces merges its sketches of the minutes
or hours in it, which no mean of percentiles could stand in for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from treadle.core.errors import Unavailable
from treadle.feedback import service as feedback
from treadle.feedback.types import FeedbackFilter
from treadle.http.context import Context
from treadle.monitoring.figures import ENGINES
from treadle.monitoring.types import Metric, Watched
from treadle.monitoring.usage import service as usage
from treadle.monitoring.verdicts import Value
from treadle.traces import outcomes
from treadle.traces import service as traces
from treadle.traces.outcome_types import Origin
from treadle.traces.signals import Grouping, Quantiles, SignalPage, SignalPoint, SignalQuery, Step

PERCENTILES = ("latency_p50", "latency_p95", "latency_p99", "ttft_p50", "ttft_p95", "ttft_p99", "tokens_per_second")
MAX_SCORES = 20_000
"""Judgements of a window that are looked at; those before are left out."""
USED = ("input_tokens", "output_tokens", "tokens", "output_length", "cost_usd", "tokens_per_second")
"""Stated by calls of models, within requests too; everything else is counted at whole requests."""
A_MONTH = timedelta(days=30)
_NAMED: Mapping[Grouping, str] = {"endpoint": "endpoint", "release_id": "release", "model": "model"}
_OF_ROOT = ("release_id", "model", "key_id", "user_id", "service_name")
LEAST_SHARE = 0.05
"""Share of a window's spans that a release has at the least to explain it."""


class Incomplete(Unavailable):
    """The spans of a window are not all counted yet."""

    code = "monitors.incomplete"


class _Part(NamedTuple):
    """How a figure is made of points: the sum of something over the sum of something, or the sum alone."""

    above: Callable[[SignalPoint], float]
    below: Callable[[SignalPoint], float] | None


_PARTS: Mapping[Metric, _Part] = {
    "requests": _Part(lambda point: point.count, None),
    "errors": _Part(lambda point: point.error_count, None),
    "error_rate": _Part(lambda point: point.error_count, lambda point: point.count),
    "input_tokens": _Part(lambda point: point.input_tokens, None),
    "output_tokens": _Part(lambda point: point.output_tokens, None),
    "tokens": _Part(lambda point: point.input_tokens + point.output_tokens, None),
    "output_length": _Part(lambda point: point.output_tokens, lambda point: point.call_count),
    "cost_usd": _Part(lambda point: float(point.cost_usd), None),
    "cache_hit_rate": _Part(lambda point: point.cache_hits, lambda point: point.count),
    "refusal_rate": _Part(lambda point: point.refusals, lambda point: point.count),
    "guard_hit_rate": _Part(lambda point: point.guard_hits, lambda point: point.count),
    "json_valid_rate": _Part(lambda point: point.json_valid, lambda point: point.json_answers),
}


async def read_value(ctx: Context, signal: Watched, since: datetime, until: datetime) -> Value:
    """Return what a signal came to in a window. Raises Incomplete while spans of it are still being counted."""
    if signal.metric == "score":
        said = await read_scores(ctx, signal, since, until)
        return Value(sum(each.value for each in said) / len(said) if said else None, len(said))
    if signal.metric in ENGINES:
        minutes = await read_engines(ctx, signal, since, until)
        return Value(sum(each.value for each in minutes) / len(minutes) if minutes else None, len(minutes))
    page = await read_points(ctx, signal, since, until, _step_of(since, until), as_one=True)
    if signal.metric == "feedback_rate" and page.complete_until >= until:
        said = await read_scores(ctx, signal, since, until)
        return rate_of(said, page.items)
    if page.complete_until < until:
        raise Incomplete(f"spans until {page.complete_until:%H:%M:%S} are counted, the window ends {until:%H:%M:%S}")
    return value_of(signal.metric, page.items, signal.error_code)


async def read_history(
    ctx: Context, signal: Watched, since: datetime, until: datetime, weeks: int, least_count: int
) -> list[float]:
    """Return what a signal came to in the same window of earlier weeks and in those just before and after it."""
    window, found = until - since, []
    for week in range(1, weeks + 1):
        for offset in (-1, 0, 1):
            start = since - timedelta(weeks=week) + offset * window
            seen = await read_value(ctx, signal, start, start + window)
            if seen.value is not None and seen.spans >= max(1, least_count):
                found.append(seen.value)
    return found


async def find_release(
    ctx: Context, signal: Watched, since: datetime, until: datetime, *, too_high: bool | None
) -> str | None:
    """Return the release whose spans pull the figure away from that of all others most; the only one where there is one.

    too_high: which way the figure is off; None where that cannot be said: of several, none stands out then.
    """
    if signal.metric in ENGINES:
        return None
    if signal.metric == "feedback_rate":
        return signal.release_id
    if signal.metric == "score":
        return _scored_by(await read_scores(ctx, signal, since, until, by="release_id"), too_high)
    page = await read_points(ctx, signal, since, until, _step_of(since, until), by="release_id", as_one=True)
    by_release: dict[str | None, list[SignalPoint]] = {}
    for point in page.items:
        by_release.setdefault(point.release_id, []).append(point)
    if len(by_release) == 1:
        return next(iter(by_release))
    return None if too_high is None else _standing_out(signal, by_release, 1 if too_high else -1)


async def list_errors(ctx: Context, signal: Watched, since: datetime, until: datetime) -> dict[str, int]:
    """Return the errors of a window by kind, the most frequent first."""
    page = await read_points(ctx, signal, since, until, _step_of(since, until), as_one=True)
    counted = sum((Counter(point.errors) for point in page.items), Counter[str]())
    return dict(counted.most_common())


async def name_strangers(ctx: Context, signal: Watched) -> str:
    """Return in words which endpoint, release, model or score of a signal nothing has come of in a month; '' where all are known.

    That is no fault: what is watched may begin tomorrow. Cost: a month's rollups, once for each that is named.
    """
    now = ctx.clock.now()
    told = []
    for by, word in _NAMED.items():
        wanted = getattr(signal, by)
        if wanted is None:
            continue
        query = SignalQuery(since=now - A_MONTH, until=now, as_one=True, by=[by])
        points = sorted((await outcomes.list_signal(ctx, query)).items, key=lambda point: -point.count)
        known = [name for point in points if (name := getattr(point, by)) is not None]
        if wanted not in known:
            told.append(
                f"nothing has come of {word} '{wanted}' in 30 days; there are: {', '.join(known[:10]) or 'none yet'}"
            )
    if signal.score is not None:
        said = await feedback.list_feedback(ctx, FeedbackFilter(name=signal.score), limit=1)
        told += [] if said.items else [f"no score is called '{signal.score}' yet"]
    return "; ".join(told)


def value_of(metric: Metric, points: Sequence[SignalPoint], error_code: str | None = None) -> Value:
    """Return a figure of a window's points. No span at all is 0 requests and no value of anything else; where no price of what
    was used is known, cost has no value.

    error_code: which errors are counted, of 'errors' and 'error_rate'; None counts all.
    """
    spans = sum(point.call_count if metric in USED else point.count for point in points)
    if metric in PERCENTILES:
        return Value(_percentile(metric, points[0]) if len(points) == 1 else None, spans)
    part = _PARTS[metric]
    if metric in ("errors", "error_rate") and error_code is not None:
        above: float = sum(point.errors.get(error_code, 0) for point in points)
    else:
        above = sum(part.above(point) for point in points)
    if metric == "cost_usd":
        unpriced = sum(point.unpriced_count for point in points)  # a missing price is unknown, never 0
        return Value(float(above) if above or not unpriced else None, spans, unpriced)
    if part.below is None:
        return Value(float(above), spans)
    below = sum(part.below(point) for point in points)
    return Value(above / below if below else None, int(below))  # what a share is of is what a verdict rests on


def rate_of(said: Sequence[Said], points: Sequence[SignalPoint]) -> Value:
    """Return of how many requests something was said, per request. What is said late counts when it is said."""
    requests = sum(point.count for point in points)
    return Value(len({one.trace_id for one in said}) / requests if requests else None, requests)


def _percentile(metric: Metric, point: SignalPoint) -> float | None:
    if metric == "tokens_per_second":
        return point.tokens_per_second
    quantiles: Quantiles | None = point.latency_ms if metric.startswith("latency") else point.time_to_first_token_ms
    return None if quantiles is None else float(getattr(quantiles, metric.rpartition("_")[2]))


def _standing_out(signal: Watched, by_release: Mapping[str | None, Sequence[SignalPoint]], sign: int) -> str | None:
    metric, code = signal.metric, signal.error_code
    named = [release_id for release_id in by_release if release_id is not None]
    total = sum(value_of(metric, points).spans for points in by_release.values())
    pulls: dict[str, float] = {}
    for release_id in named:
        own = value_of(metric, by_release[release_id], code)
        rest = [point for other, points in by_release.items() if other != release_id for point in points]
        others = _mean_percentile(metric, rest) if metric in PERCENTILES else value_of(metric, rest, code).value
        if own.value is not None and others is not None and own.spans >= LEAST_SHARE * total:
            pulls[release_id] = sign * (own.value - others) * own.spans
    strongest = max(pulls, key=lambda release_id: pulls[release_id], default=None)
    return strongest if strongest is not None and pulls[strongest] > 0 else None


def _mean_percentile(metric: Metric, points: Sequence[SignalPoint]) -> float | None:
    """Good enough to say who stands out; never shown."""
    known = [
        (value, point.count or point.call_count)
        for point in points
        if (value := _percentile(metric, point)) is not None
    ]
    return sum(value * count for value, count in known) / sum(count for _, count in known) if known else None


async def read_points(
    ctx: Context, signal: Watched, since: datetime, until: datetime, step: Step, *, by: Grouping | None = None,
    as_one: bool = False,
) -> SignalPage:  # fmt: skip
    """Return the points of the spans that a signal is about, whole requests unless it names a kind. as_one: see `SignalQuery`."""
    query = SignalQuery(
        since=since,
        until=until,
        step=step,
        as_one=as_one,
        by=[by] if by else [],
        endpoint=signal.endpoint,
        release_id=signal.release_id,
        model=signal.model,
        key_id=signal.key_id,
        user_id=signal.user_id,
        segment=signal.segment,
        service_name=signal.service_name,
        kind=signal.kind,
        of="requests",
    )
    return await outcomes.list_signal(ctx, query)


class Said(NamedTuple):
    """One judgement, or one minute of engines."""

    at: datetime
    value: float
    group: str | None = None
    """What it is grouped by."""
    trace_id: str = ""
    """Of a judgement."""


async def read_scores(
    ctx: Context, signal: Watched, since: datetime, until: datetime, *, by: Grouping | None = None
) -> list[Said]:
    """Return what was said of the score and when, newest first; 20,000 at the most.

    Whose answer it was is read from the request's root where that is asked for: one read for each 500 judgements.
    """
    wanted = FeedbackFilter(name=signal.score, endpoint=signal.endpoint, is_current=True, is_of_whole=True)
    asks_origin = by is not None or any(getattr(signal, name) is not None for name in (*_OF_ROOT, "segment"))
    values: list[Said] = []
    cursor: str | None = None
    while len(values) < MAX_SCORES:
        page = await feedback.list_feedback(ctx, wanted, limit=500, cursor=cursor)
        said = [one for one in page.items if one.value is not None and since <= one.created_at < until]
        origins: Mapping[str, Origin] = {}
        if asks_origin and said:
            ids = [one.trace_id for one in said]
            origins = await ctx.db.read(partial(traces.find_origins, trace_ids=ids))
        for one in said:
            origin = origins.get(one.trace_id)
            if (not asks_origin or _is_of(signal, origin)) and one.value is not None:
                values.append(Said(one.created_at, one.value, getattr(origin, by, None) if by else None, one.trace_id))
        cursor = page.next_cursor
        if cursor is None or page.items[-1].created_at < since:
            break
    return values


async def read_engines(
    ctx: Context, signal: Watched, since: datetime, until: datetime, *, by_engine: bool = False
) -> list[Said]:
    """Return what engines took, minute by minute: each, or all together; of GPUs how busy the busiest was."""
    minutes: dict[tuple[datetime, str | None], list[float]] = {}
    cursor: str | None = None
    while True:
        page = await usage.list_usage(
            ctx, model_version_id=signal.model_version_id, since=since, until=until, limit=500, cursor=cursor
        )
        for one in page.items:
            value = getattr(one, signal.metric.removeprefix("engine_"))
            if value is not None:
                minutes.setdefault((one.at, one.model_version_id if by_engine else None), []).append(float(value))
        cursor = page.next_cursor
        if cursor is None:
            break
    together = max if signal.metric == "engine_gpu_percent" else sum
    return [Said(at, together(values), engine) for (at, engine), values in sorted(minutes.items(), key=_by_time)]


def _by_time(item: tuple[tuple[datetime, str | None], list[float]]) -> tuple[datetime, str]:
    return item[0][0], item[0][1] or ""


def _is_of(signal: Watched, origin: Origin | None) -> bool:
    if all(getattr(signal, name) is None for name in (*_OF_ROOT, "segment")):
        return True
    if origin is None:
        return False
    if signal.segment is not None and not (origin.user_id or "").startswith(signal.segment):
        return False
    return all(getattr(signal, name) in (None, getattr(origin, name)) for name in _OF_ROOT)


def _scored_by(said: Sequence[Said], too_high: bool | None) -> str | None:
    """Return the release whose scores pull the mean away from that of the others most; the only one where there is one."""
    sums: dict[str | None, tuple[float, int]] = {}
    for one in said:
        total, count = sums.get(one.group, (0.0, 0))
        sums[one.group] = (total + one.value, count + 1)
    if len(sums) == 1:
        return next(iter(sums))
    if too_high is None:
        return None
    pulls = {}
    for release_id, (total, count) in sums.items():
        rest, others = sum(each.value for each in said) - total, len(said) - count
        if release_id is not None and count >= LEAST_SHARE * len(said):
            pulls[release_id] = (1 if too_high else -1) * (total / count - rest / others) * count
    strongest = max(pulls, key=lambda release_id: pulls[release_id], default=None)
    return strongest if strongest is not None and pulls[strongest] > 0 else None


def _step_of(since: datetime, until: datetime) -> Step:
    """Return the widest step that a time is made of: `as_one` merges as few sketches as can be."""
    minutes = {moment.astimezone(UTC).minute for moment in (since, until)}
    return "hour" if minutes == {0} else "minute"
