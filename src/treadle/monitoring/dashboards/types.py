"""Charts, their data, and dashboards."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from treadle.core.revisions import Revised
from treadle.core.types import Record
from treadle.monitoring.types import Unit, Watched
from treadle.traces.signals import Step

ChartName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
"""1 to 60 of a-z, 0-9 and '-'; unique in the project."""

By = Literal[
    "endpoint", "release_id", "model", "key_id", "user_id", "service_name", "kind", "error_code", "model_version_id"
]
"""What lines are of: errors by their code, engines by their model version, everything else by the first seven."""


class Chart(Record):
    """One figure of the traffic over time, as one line or one for each group."""

    name: ChartName
    """What it is called in addresses."""
    title: str = Field(min_length=1, max_length=100)
    """What people read above it."""
    signal: Watched
    """Which figure, of which traffic."""
    by: By | None = None
    """One line for each of these; None is one line."""


class ShownChart(Revised, Chart):
    """A chart on a dashboard."""

    EDITED = frozenset(Chart.model_fields)


class SavedChart(ShownChart):
    """A chart that somebody keeps."""

    created_at: datetime
    """Aware UTC."""


class Dashboard(Record):
    """Charts that belong together."""

    name: str
    """Such as 'overview'; 'saved' holds the charts that people keep."""
    title: str
    """What people read above it."""
    charts: list[ShownChart]
    """In their order."""


class ChartQuery(Record):
    """What to draw."""

    signal: Watched
    """Which figure, of which traffic."""
    by: By | None = None
    """One line for each of these; None is one line."""
    since: AwareDatetime
    """From then on."""
    until: AwareDatetime
    """Until then."""
    step: Step = "hour"
    """Width of a point."""
    most: int = Field(default=12, ge=1, le=50)
    """Lines at the most: those with the most spans."""


class ChartPoint(Record):
    """One point of a line."""

    at: datetime
    """Where its step begins, UTC."""
    value: float | None
    """None where there was nothing to take it of."""
    spans: int
    """Spans (or judgements) behind it."""
    unpriced_count: int = 0
    """Of a cost: calls among them whose price nobody knows; `value` is what it comes to at the least."""


class Line(Record):
    """One line of a chart."""

    group: str | None
    """The group it is of; None where it was not grouped by, and for spans without one."""
    spans: int
    """Spans behind the whole line."""
    points: list[ChartPoint]
    """By time; steps without spans are left out."""


class ChartData(Record):
    """The lines of a chart."""

    unit: Unit
    """Of the values."""
    lines: list[Line]
    """Those with the most spans first."""
    left_out: int
    """Lines that there are beyond the most."""
    complete_until: datetime
    """Aware UTC: later spans may still come."""
