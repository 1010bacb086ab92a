"""`treadle dashboard`: list, show, chart, keep, remove. Charts are printed as a line of bars with what they came to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast, get_args

import click

from treadle.cli.monitor import OPTIONS, SIGNAL, check_score, metric_choice
from treadle.cli.near import meant
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say, sparkline
from treadle.cli.typed import as_typed
from treadle.client.client import Client
from treadle.core.errors import NotFound
from treadle.monitoring.dashboards.types import By, Chart, ChartData, ChartPoint, ChartQuery, Dashboard
from treadle.monitoring.figures import FIGURES, at_least, in_words
from treadle.monitoring.types import SAID, Watched
from treadle.traces.signals import Step

WIDTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
since_option = click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 24 * 365), help="Of the last so many hours."
)
step_option = click.option(
    "--step", type=click.Choice(get_args(Step)), help="Width of a point.  [default: by the hours]"
)
cut_options = [
    click.option("--endpoint", help="Only this endpoint."),
    click.option("--release", "release_id", help="Only what this release answered."),
    click.option("--model", help="Only this model."),
    click.option("--key", "key_id", help="Only what was called with this key (its id)."),
    click.option("--user", "user_id", help="Only this end user."),
    click.option("--segment", help="Only end users whose ids begin so."),
    click.option("--service", "service_name", help="Only what this service sent."),
    click.option("--error", "error_code", help="Only errors of this kind."),
    click.option("--engine", "model_version_id", help="Only this model version's engine."),
]


def _cut(command: Any) -> Any:
    for option in reversed(cut_options):
        command = option(command)
    return command


@click.group("dashboard")
def dashboard_command() -> None:
    """Dashboards: charts of live traffic and of engines."""


@dashboard_command.command("list", epilog="\b\nExample: treadle dashboard list")
@json_option
def list_(as_json: bool) -> None:
    """List dashboards and their charts; 'saved' holds those that people keep."""
    with connected() as client:
        found = client.dashboards.list_()
    if as_json:
        return emit_json(found)
    rows = [(each.name, chart.name, chart.title) for each in found for chart in each.charts]
    return emit_table(["dashboard", "chart", "title"], rows, empty="no dashboards")


@dashboard_command.command("show", epilog="\b\nExample: treadle dashboard show overview --hours 6 --endpoint support")
@click.argument("name")
@since_option
@step_option
@click.option("--endpoint", help="Only this endpoint, where a chart is of requests.")
@json_option
def show(name: str, hours: int, step: str | None, endpoint: str | None, as_json: bool) -> None:
    """Print every chart of a dashboard: its lines as bars, with lowest, highest and newest value."""
    with connected() as client:
        found = client.dashboards.list_()
        dashboard = next((each for each in found if each.name == name), None)
        if dashboard is None:
            names = [each.name for each in found]
            holds = [each.name for each in found if any(chart.name == name for chart in each.charts)]
            hint = f"; that is a chart of '{holds[0]}'" if holds else meant(name, names)
            raise NotFound(
                f"there is no dashboard '{name}'{hint}; choose from: {', '.join(names)}", code="dashboards.not_found"
            )
        drawn = [(chart, _read(client, _with_endpoint(chart, endpoint), hours, step)) for chart in dashboard.charts]
    if as_json:
        return emit_json({"dashboard": name, "charts": [{"chart": chart, "data": one.data} for chart, one in drawn]})
    if not drawn:
        return note(_without_charts(dashboard))
    for number, (chart, one) in enumerate(drawn):
        if number:
            say("")
        _print(chart.title, chart.by, one)
    return None


@dashboard_command.command(
    "chart", epilog="\b\nExample: treadle dashboard chart latency_p95 --by model --endpoint support --hours 48"
)
@click.argument("metric", type=metric_choice)
@click.option("--by", type=click.Choice(get_args(By)), help="One line for each of these.")
@click.option("--score", help="Name of what is said, for the metrics 'score' and 'feedback_rate'.")
@_cut
@since_option
@step_option
@click.option("--points", is_flag=True, help="Print every point, in place of bars.")
@click.option("--keep", "name", help="Keep the chart under this name, on the dashboard 'saved'.")
@json_option
def chart(
    metric: str, by: str | None, hours: int, step: str | None, points: bool, name: str | None, as_json: bool, **cut: Any
) -> None:  # fmt: skip
    """Print one figure over time, as one line or by group; keep it to see it again."""
    check_score(metric, cut["score"])
    with as_typed(OPTIONS):
        signal = Watched.model_validate({"metric": metric, **{field: cut[field] for field in SIGNAL}})
        title = in_words(signal) if signal.metric in SAID else FIGURES[signal.metric].title
        shown_as = in_words(signal) + (f" by {by}" if by else "")
        drawn = Chart(
            name=name or "chart", title=shown_as[:1].upper() + shown_as[1:100], signal=signal, by=cast(By | None, by)
        )
        with connected() as client:
            found = _read(client, drawn, hours, step)
            if name is not None:
                client.dashboards.save(drawn)
    data = found.data
    if as_json:
        return emit_json(data)
    if points:
        rows = [
            (point.at, line.group or "-", at_least(point.value, data.unit, point.unpriced_count), point.spans)
            for line in data.lines
            for point in line.points
        ]
        return emit_table(["at", by or "line", title, "of"], rows, empty="no data in this time")
    _print(drawn.title, drawn.by, found)
    return note(f"kept as '{name}'; see it with: treadle dashboard show saved") if name else None


@dashboard_command.command("remove", epilog="\b\nExample: treadle dashboard remove slow")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Keep a chart no longer."""
    with connected() as client:
        try:
            client.dashboards.remove(name)
        except NotFound as error:
            kept = [each.name for page in client.dashboards.list_() if page.name == "saved" for each in page.charts]
            known = f"; kept are: {', '.join(kept[:20])}" if kept else "; none is kept"
            raise NotFound(f"there is no chart '{name}'{meant(name, kept) or known}", code=error.error_code) from None
    return emit_json({"removed": name}) if as_json else say(f"chart '{name}' is gone")


class Drawn(NamedTuple):
    """A chart's data, and the steps that it could have points at."""

    data: ChartData
    steps: list[datetime]


def _read(client: Client, chart: Chart, hours: int, step: str | None) -> Drawn:
    until = datetime.now(UTC)
    chosen = step or ("minute" if hours <= 3 else "hour" if hours <= 24 * 7 else "day")
    # A chart begins where a step does, so that the first point is a whole one.
    width = WIDTHS[chosen]
    begin = until - timedelta(hours=hours)
    since = begin - (begin - datetime(2026, 1, 5, tzinfo=UTC)) % width
    query = ChartQuery(signal=chart.signal, by=chart.by, since=since, until=until, step=cast(Step, chosen))
    count = -(-(until - since) // width)
    return Drawn(client.dashboards.read(query), [since + number * width for number in range(count)])


def _with_endpoint(chart: Chart, endpoint: str | None) -> Chart:
    if endpoint is None or chart.signal.metric.startswith("engine_"):
        return chart
    return chart.model_copy(update={"signal": chart.signal.model_copy(update={"endpoint": endpoint})})


def _print(title: str, by: str | None, drawn: Drawn) -> None:
    say((title, "bold"))
    data, rows, partial = drawn.data, list[tuple[object, ...]](), list[str]()
    for line in data.lines:
        by_time = {point.at: point.value for point in line.points}
        values = [by_time.get(at) for at in drawn.steps]
        known = [point for point in line.points if point.value is not None]
        unpriced = sum(point.unpriced_count for point in line.points)
        name = line.group or ("(none)" if by else "all")
        if known:
            ends = (min(known, key=_height), max(known, key=_height), known[-1])
            told = [at_least(each.value, data.unit, each.unpriced_count) for each in ends]
            rows.append((name, sparkline(values), *told, line.spans))
        elif unpriced:
            rows.append((name, "", *["unknown"] * 3, line.spans))
        if unpriced:
            partial.append(f"{unpriced} of {line.spans}" + (f" of {name}" if by else ""))
    emit_table([by or "line", "over time", "lowest", "highest", "newest", "of"], rows, empty="no data in this time")
    if partial:
        note(f"calls of unknown price, which no cost here holds: {'; '.join(partial)}")
    if data.left_out:
        note(f"{data.left_out} more lines are left out: those with the most are shown")


def _height(point: ChartPoint) -> float:
    return point.value or 0.0


def _without_charts(dashboard: Dashboard) -> str:
    return f"dashboard '{dashboard.name}' has no charts yet; keep one with: treadle dashboard chart latency_p95 --keep slow"
