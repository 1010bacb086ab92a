"""Read the data of a chart, keep charts, list dashboards."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import cast

from treadle.core.errors import InvalidInput, NotFound
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import Page
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.monitoring import signals
from treadle.monitoring.dashboards import store
from treadle.monitoring.dashboards.builtin import BUILT_IN
from treadle.monitoring.dashboards.types import (
    By,
    Chart,
    ChartData,
    ChartPoint,
    ChartQuery,
    Dashboard,
    Line,
    SavedChart,
    ShownChart,
)
from treadle.monitoring.figures import ENGINES, unit_of
from treadle.monitoring.types import SAID, Metric
from treadle.storage.database import Connection
from treadle.traces.signals import Grouping, SignalPage, SignalPoint, Step

MAX_CHARTS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WIDTHS: dict[Step, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class ChartNotFound(NotFound):
    """No chart has the name."""

    code = "charts.not_found"


async def read_chart(ctx: Context, query: ChartQuery) -> ChartData:
    """Return the lines of a chart. Raises InvalidInput for a time that is none, a grouping that the metric has not, or more
    points than can be drawn."""
    ctx.require("traces.read")
    if query.since >= query.until:
        raise InvalidInput("the time of a chart must begin before it ends", code="charts.time")
    metric = query.signal.metric
    _check_grouping(query)
    if metric == "score" or metric in ENGINES:
        return await _read_said(ctx, query)
    by = _of_request(query.by)
    page = await signals.read_points(ctx, query.signal, query.since, query.until, query.step, by=by)
    if metric == "feedback_rate":
        return await _read_rate(ctx, query, page)
    groups: dict[str | None, list[tuple[SignalPoint, str | None]]] = defaultdict(list)
    for point in page.items:
        wanted = query.signal.error_code
        codes: list[str | None] = list(point.errors) if query.by == "error_code" and wanted is None else [wanted]
        for code in codes:
            group = code if query.by == "error_code" else getattr(point, by) if by else None
            groups[group].append((point, code))
    lines = [_line(metric, group, points) for group, points in groups.items()]
    return _data(query, lines, page.complete_until)


async def list_dashboards(ctx: Context) -> list[Dashboard]:
    """Return the built-in dashboards, and the charts that people keep as one more."""
    ctx.require("monitors.read")
    kept = await ctx.db.read(lambda db: store.list_charts(db, None, MAX_CHARTS))
    charts = [ShownChart(**{name: getattr(each, name) for name in Chart.model_fields}) for each in kept]
    return [*BUILT_IN, Dashboard(name="saved", title="Saved charts", charts=charts)]


async def save_chart(ctx: Context, chart: Chart, *, when: When = ALWAYS) -> SavedChart:
    """Keep a chart, or change the one of this name. Safe to repeat. Raises InvalidInput, Outdated (see `editing.check`)."""
    ctx.require("monitors.write")
    saved = SavedChart(**dict(chart), created_at=ctx.clock.now())

    def write(db: Connection) -> None:
        called = f"chart '{chart.name}'"
        editing.hold(db, called)
        before = store.find_chart(db, chart.name)
        editing.check(db, ctx, when, called, before, lambda found: Audited("charts.save", found.name, "monitors.read"))
        if before is None and len(store.list_charts(db, None, MAX_CHARTS)) >= MAX_CHARTS:
            raise InvalidInput(
                f"the project keeps {MAX_CHARTS} charts, the most there can be; remove one", code="charts.too_many"
            )
        store.put_chart(db, saved)
        audit.record(db, ctx, action="charts.save", object_id=chart.name)

    await ctx.db.write(write)
    return saved


async def list_charts(ctx: Context, *, limit: int, cursor: str | None) -> Page[SavedChart]:
    """Return the charts that people keep, by name."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(lambda db: store.list_charts(db, str(after[0]) if after else None, limit + 1))
    return page_of(rows, limit, lambda each: (each.name,))


async def remove_chart(ctx: Context, name: str) -> None:
    """Keep a chart no longer. Raises ChartNotFound."""
    ctx.require("monitors.write")

    def write(db: Connection) -> None:
        editing.hold(db, f"chart '{name}'")
        if not store.delete_chart(db, name):
            raise ChartNotFound(f"there is no chart '{name}'; see those that are kept at /api/v1/charts")
        audit.record(db, ctx, action="charts.remove", object_id=name)

    await ctx.db.write(write)


def _of_request(by: By | None) -> Grouping | None:
    return None if by in ("error_code", "model_version_id") else cast(Grouping | None, by)


def _check_grouping(query: ChartQuery) -> None:
    metric, by = query.signal.metric, query.by
    if by is None:
        return
    is_fit = by not in ("error_code", "model_version_id")
    if metric in ENGINES:
        is_fit, right = by == "model_version_id", "'model_version_id'"
    elif metric in ("errors", "error_rate"):
        is_fit, right = is_fit or by == "error_code", "'error_code' or what a request has, such as 'endpoint'"
    elif metric in SAID:
        is_fit, right = is_fit and by != "kind", "what a request has, such as 'endpoint'"
    else:
        right = "what a request has, such as 'endpoint'"
    if not is_fit:
        raise InvalidInput(f"'{metric}' cannot be drawn by '{by}'; choose {right}", code="charts.by")


def _line(metric: Metric, group: str | None, points: list[tuple[SignalPoint, str | None]]) -> Line:
    drawn = []
    for point, code in points:
        seen = signals.value_of(metric, [point], code)
        if seen.spans:
            drawn.append(ChartPoint(at=point.at, value=seen.value, spans=seen.spans, unpriced_count=seen.unpriced))
    return Line(group=group, spans=sum(point.spans for point in drawn), points=drawn)


async def _read_rate(ctx: Context, query: ChartQuery, page: SignalPage) -> ChartData:
    """Return of how many requests something was said, per request, by time."""
    by, width = _of_request(query.by), WIDTHS[query.step]
    said: dict[tuple[str | None, datetime], list[signals.Said]] = defaultdict(list)
    for one in await signals.read_scores(ctx, query.signal, query.since, query.until, by=by):
        said[one.group, one.at - (one.at - _EPOCH) % width].append(one)
    groups: dict[str | None, list[ChartPoint]] = defaultdict(list)
    for point in page.items:
        group = getattr(point, by) if by else None
        seen = signals.rate_of(said[group, point.at], [point])
        if seen.spans:
            groups[group].append(ChartPoint(at=point.at, value=seen.value, spans=seen.spans))
    lines = [Line(group=group, spans=sum(one.spans for one in drawn), points=drawn) for group, drawn in groups.items()]
    return _data(query, lines, page.complete_until)


async def _read_said(ctx: Context, query: ChartQuery) -> ChartData:
    """Return means by time of what is no sum of spans: scores, and what engines took."""
    width = WIDTHS[query.step]
    steps: dict[str | None, dict[datetime, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in await _said(ctx, query):
        at = query.since + (one.at - query.since) // width * width
        steps[one.group][at].append(one.value)
    lines = []
    for group, by_time in steps.items():
        points = [
            ChartPoint(at=at, value=sum(values) / len(values), spans=len(values))
            for at, values in sorted(by_time.items())
        ]
        lines.append(Line(group=group, spans=sum(point.spans for point in points), points=points))
    return _data(query, lines, ctx.clock.now())


async def _said(ctx: Context, query: ChartQuery) -> list[signals.Said]:
    if query.signal.metric == "score":
        return await signals.read_scores(ctx, query.signal, query.since, query.until, by=_of_request(query.by))
    by_engine = query.by == "model_version_id"
    return await signals.read_engines(ctx, query.signal, query.since, query.until, by_engine=by_engine)


def _data(query: ChartQuery, lines: list[Line], complete_until: datetime) -> ChartData:
    lines = sorted((line for line in lines if line.points), key=lambda line: (-line.spans, line.group or ""))
    left_out = max(0, len(lines) - query.most)
    unit = unit_of(query.signal.metric)
    return ChartData(unit=unit, lines=lines[: query.most], left_out=left_out, complete_until=complete_until)
