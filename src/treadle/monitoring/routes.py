"""HTTP: monitors, their windows, silences, alerts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import AwareDatetime

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.monitoring import service
from treadle.monitoring.readings.types import DriftReading
from treadle.monitoring.types import (
    Alert,
    AlertFilter,
    AlertId,
    Condition,
    Monitor,
    NewMonitor,
    RuleKind,
    Silence,
    WindowSeen,
)

router = APIRouter(prefix="/api/v1", tags=["monitors"], route_class=Tagged)
Reader = Annotated[Context, policy("monitors.read")]
Writer = Annotated[Context, policy("monitors.write")]


class AlertQuery(AlertFilter):
    """The list's filters with its paging."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    """Rows per page."""
    cursor: Annotated[str | None, Query(max_length=500)] = None
    """`next_cursor` of the page before."""


@router.get("/monitors")
async def list_monitors(
    ctx: Reader,
    q: PartOfName = None,
    condition: Annotated[Condition | None, Query(description="only those whose windows say so")] = None,
    rule: Annotated[RuleKind | None, Query(description="only those with this kind of rule")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Monitor]:
    """Monitors by name."""
    return await service.list_monitors(ctx, text=q, condition=condition, rule=rule, limit=limit, cursor=cursor)


@router.post("/monitors", status_code=201)
async def create_monitor(ctx: Writer, new: Annotated[NewMonitor, Body()]) -> Monitor:
    """Watch a signal from the present window on."""
    return await service.create_monitor(ctx, new)


@router.get("/monitors/{name}")
async def get_monitor(ctx: Reader, name: str) -> Monitor:
    """One monitor, by name or id."""
    return await service.get_monitor(ctx, name)


@router.put("/monitors/{name}")
async def change_monitor(ctx: Writer, name: str, wanted: Annotated[NewMonitor, Body()], when: Precondition) -> Monitor:
    """Make a monitor as stated; another signal, rule or window starts it anew."""
    return await service.change_monitor(ctx, name, wanted, when=when)


@router.delete("/monitors/{name}", status_code=204)
async def remove_monitor(ctx: Writer, name: str) -> None:
    """Forget a monitor and its windows; its alerts stay."""
    await service.remove_monitor(ctx, name)


@router.post("/monitors/{name}/silence")
async def silence_monitor(ctx: Writer, name: str, silence: Annotated[Silence, Body()]) -> Monitor:
    """Tell nobody of a monitor's alerts for a while; it goes on being evaluated."""
    return await service.silence_monitor(ctx, name, silence)


@router.get("/monitors/{name}/windows")
async def list_windows(
    ctx: Reader,
    name: str,
    since: Annotated[AwareDatetime | None, Query(description="only windows that began then or later")] = None,
    until: Annotated[AwareDatetime | None, Query(description="only windows that began before then")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[WindowSeen]:
    """What a monitor saw, newest first."""
    return await service.list_windows(ctx, name, limit=limit, cursor=cursor, since=since, until=until)


@router.get("/monitors/{name}/readings")
async def list_readings(
    ctx: Reader, name: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[DriftReading]:
    """What a drift monitor read from its windows, newest first: each channel's statistic, evidence, decision and explanation."""
    return await service.list_readings(ctx, name, limit=limit, cursor=cursor)


@router.get("/alerts")
async def list_alerts(ctx: Reader, query: Annotated[AlertQuery, Query()]) -> Page[Alert]:
    """Alerts, newest first."""
    return await service.list_alerts(ctx, query, limit=query.limit, cursor=query.cursor)


@router.get("/alerts/{alert_id}")
async def get_alert(ctx: Reader, alert_id: AlertId) -> Alert:
    """One alert: which spans and which release explain it, and what changed just before."""
    return await service.get_alert(ctx, alert_id)
