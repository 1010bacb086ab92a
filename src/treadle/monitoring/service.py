"""Make monitors, list them, silence them; list what they saw and the alerts they raised."""

from __future__ import annotations

from datetime import datetime, timedelta

from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.core.ids import new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.monitoring import store
from treadle.monitoring.channels import service as channels
from treadle.monitoring.figures import limit_fault, unit_of
from treadle.monitoring.readings.reading import reading_of
from treadle.monitoring.readings.types import DriftReading
from treadle.monitoring.signals import name_strangers
from treadle.monitoring.store import Kept
from treadle.monitoring.types import (
    Alert,
    AlertFilter,
    Condition,
    Drift,
    Monitor,
    MonitorState,
    NewMonitor,
    RuleKind,
    Sequential,
    Silence,
    WindowSeen,
)
from treadle.monitoring.verdicts import Evidence, Position
from treadle.storage.database import Connection

MAX_MONITORS = 500


class MonitorNotFound(NotFound):
    """No monitor has the name."""

    code = "monitors.not_found"


class MonitorExists(Conflict):
    """A monitor has the name already."""

    code = "monitors.exists"


class NoDrift(InvalidInput):
    """Readings of drift were asked of a monitor with another rule."""

    code = "monitors.no_drift"


class AlertNotFound(NotFound):
    """No alert has the id."""

    code = "alerts.not_found"


async def create_monitor(ctx: Context, new: NewMonitor) -> Monitor:
    """Watch a signal from the present window on. Raises MonitorExists, InvalidInput, ChannelNotFound."""
    ctx.require("monitors.write")
    _check(new)
    now, strangers = ctx.clock.now(), await name_strangers(ctx, new.signal)
    kept = Kept(
        monitor_id=new_id("mon"), wanted=new, position=Position(), condition_since=now, evidence=Evidence(), tracks={},
        value=None, words=_beginning(strangers), evaluated_until=window_start(now, new.window_minutes),
        silenced_until=None, alert_id=None, created_at=now,
    )  # fmt: skip

    def write(db: Connection) -> None:
        channels.require_channels(db, new.channels)
        if len(store.list_monitors(db, None, MAX_MONITORS)) >= MAX_MONITORS:
            raise InvalidInput(
                f"the project has {MAX_MONITORS} monitors, the most there can be; remove one", code="monitors.too_many"
            )
        if not store.insert_monitor(db, kept):
            raise MonitorExists(
                f"a monitor named '{new.name}' exists; choose another name, or change it with: treadle monitor set {new.name}"
            )
        audit.record(db, ctx, action="monitors.create", object_id=kept.monitor_id, detail=_detail(new))

    await ctx.db.write(write)
    return _shown(kept, now)


async def change_monitor(ctx: Context, name: str, wanted: NewMonitor, *, when: When = ALWAYS) -> Monitor:
    """Make a monitor as stated. Another signal, rule or window starts it anew; its name cannot change.

    Raises MonitorNotFound, InvalidInput, ChannelNotFound, Outdated (see `editing.check`).
    """
    ctx.require("monitors.write")
    _check(wanted)
    now, strangers = ctx.clock.now(), await name_strangers(ctx, wanted.signal)

    def write(db: Connection) -> Kept:
        before = _require(db, name, lock=True)
        editing.check(
            db,
            ctx,
            when,
            f"monitor '{name}'",
            _shown(before, now),
            lambda found: Audited("monitors.change", found.monitor_id, "monitors.read"),
        )
        channels.require_channels(db, wanted.channels)
        if wanted.name != before.wanted.name:
            raise InvalidInput(
                f"monitor '{before.wanted.name}' cannot be renamed; make another one and remove this",
                code="monitors.renamed",
            )
        after = before._replace(wanted=wanted)
        same = all(
            getattr(wanted, part) == getattr(before.wanted, part) for part in ("signal", "rule", "window_minutes")
        )
        if not same:
            after = _begun_anew(db, ctx, after, now)._replace(words=_beginning(strangers))
        elif wanted.is_on and not before.wanted.is_on:
            after = after._replace(evaluated_until=window_start(now, wanted.window_minutes))
        store.save_monitor(db, after)
        audit.record(db, ctx, action="monitors.change", object_id=after.monitor_id, detail=_detail(wanted))
        return after

    return _shown(await ctx.db.write(write), now)


async def get_monitor(ctx: Context, name: str) -> Monitor:
    """Return a monitor by name or id. Raises MonitorNotFound."""
    ctx.require("monitors.read")
    return _shown(await ctx.db.read(lambda db: _require(db, name)), ctx.clock.now())


async def list_monitors(
    ctx: Context,
    *,
    text: str | None = None,
    condition: Condition | None = None,
    rule: RuleKind | None = None,
    limit: int,
    cursor: str | None,
) -> Page[Monitor]:
    """Return monitors by name; text: in the name."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str)
    start = str(after[0]) if after else None
    rows = await ctx.db.read(
        lambda db: store.list_monitors(db, start, limit + 1, text=text, condition=condition, rule=rule)
    )
    now = ctx.clock.now()
    return page_of([_shown(row, now) for row in rows], limit, lambda each: (each.name,))


async def remove_monitor(ctx: Context, name: str) -> None:
    """Forget a monitor and its windows; its alerts stay, one that goes on is resolved. Raises MonitorNotFound."""
    ctx.require("monitors.write")

    def write(db: Connection) -> None:
        kept = _require(db, name, lock=True)
        _begun_anew(db, ctx, kept, ctx.clock.now())
        store.delete_monitor(db, kept.monitor_id)
        audit.record(db, ctx, action="monitors.remove", object_id=kept.monitor_id, detail={"name": kept.wanted.name})

    await ctx.db.write(write)


async def silence_monitor(ctx: Context, name: str, silence: Silence) -> Monitor:
    """Tell nobody of a monitor's alerts for a while, or do so again. It goes on being evaluated. Raises MonitorNotFound."""
    ctx.require("monitors.write")
    now = ctx.clock.now()
    if silence.until is not None and silence.until <= now:
        raise InvalidInput(
            f"a silence until {silence.until:%Y-%m-%d %H:%M} UTC is over already; name a later moment, or none to end it",
            code="monitors.silence_over",
        )

    def write(db: Connection) -> Kept:
        kept = _require(db, name, lock=True)
        # One that is ended is kept as ended now, so that an alert which nobody was told of is told.
        until = silence.until or now
        store.set_silence(db, kept.monitor_id, until)
        detail: JsonObject = {"until": silence.until.isoformat() if silence.until else None, "reason": silence.reason}
        audit.record(db, ctx, action="monitors.silence", object_id=kept.monitor_id, detail=detail)
        return kept._replace(silenced_until=until)

    return _shown(await ctx.db.write(write), now)


async def list_windows(
    ctx: Context,
    name: str,
    *,
    limit: int,
    cursor: str | None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[WindowSeen]:
    """Return a monitor's windows, newest first; those that began within a time where one is named. Raises MonitorNotFound."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str)

    def read(db: Connection) -> list[WindowSeen]:
        kept = _require(db, name)
        before = str(after[0]) if after else None
        return store.list_windows(db, kept.monitor_id, before, limit + 1, since=since, until=until)

    return page_of(await ctx.db.read(read), limit, lambda each: (each.starts_at.isoformat(),))


async def list_readings(ctx: Context, name: str, *, limit: int, cursor: str | None) -> Page[DriftReading]:
    """Return what a drift monitor read from its windows, newest first. Raises MonitorNotFound, NoDrift for another monitor."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str)

    def read(db: Connection) -> list[DriftReading]:
        kept = _require(db, name)
        rule = kept.wanted.rule
        if not isinstance(rule, Drift):
            raise NoDrift(
                f"monitor '{kept.wanted.name}' watches a figure and reads no drift; see what it saw with: "
                f"treadle monitor windows {kept.wanted.name}"
            )
        windows = store.list_windows(db, kept.monitor_id, str(after[0]) if after else None, limit + 1)
        return [reading_of(window, rule) for window in windows]

    return page_of(await ctx.db.read(read), limit, lambda each: (each.starts_at.isoformat(),))


async def list_alerts(ctx: Context, wanted: AlertFilter, *, limit: int, cursor: str | None) -> Page[Alert]:
    """Return alerts, newest first."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(lambda db: store.list_alerts(db, wanted, before, limit + 1))
    return page_of(rows, limit, lambda each: (each.opened_at.isoformat(), each.alert_id))


async def get_alert(ctx: Context, alert_id: str) -> Alert:
    """Return an alert. Raises AlertNotFound."""
    ctx.require("monitors.read")
    found = await ctx.db.read(lambda db: store.find_alert(db, alert_id))
    if found is None:
        raise AlertNotFound(f"there is no alert '{alert_id}'; list them with: treadle alert list")
    return found


def window_start(at: datetime, minutes: int) -> datetime:
    """Return when the window that holds a moment began: at a whole multiple of its length since Monday, 00:00 UTC.

    Weeks are taken from Monday, so that a window has the same place in every week where its length divides one.
    """
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    return monday + (at - monday) // timedelta(minutes=minutes) * timedelta(minutes=minutes)


def _check(new: NewMonitor) -> None:
    """Raise InvalidInput for what makes no sense; messages name fields in backticks, which commands put as their options."""
    signal, is_drift = new.signal, isinstance(new.rule, Drift)
    if isinstance(new.rule, Sequential) and not signal.metric.endswith("_rate") and signal.metric != "score":
        raise InvalidInput(
            f"a sequential test takes a share, 0-1, and '{signal.metric}' is none; choose a metric that ends in '_rate', "
            f"a score, or another rule",
            code="monitors.no_share",
        )
    if (fault := limit_fault(new)) is not None:
        raise InvalidInput(fault, code="monitors.limit")
    if is_drift and (
        signal.model or signal.key_id or signal.user_id or signal.segment or signal.service_name or signal.kind
    ):
        raise InvalidInput(
            "drift looks at the requests of an endpoint or a release; leave out `model`, `key_id`, `user_id`, `segment`,"
            " `service_name` and `kind`",
            code="monitors.drift_filter",
        )
    if is_drift and new.window_minutes < 10:
        raise InvalidInput(
            f"`window_minutes` {new.window_minutes} is too short for drift; 10 is the least, an hour or a day is usual",
            code="monitors.window",
        )


def _begun_anew(db: Connection, ctx: Context, kept: Kept, now: datetime) -> Kept:
    """Return the monitor without what it has seen; an alert that goes on is resolved."""
    if kept.alert_id is not None and (alert := store.find_alert(db, kept.alert_id)) is not None:
        store.put_alert(db, alert.model_copy(update={"status": "resolved", "resolved_at": now}))
    return kept._replace(
        position=Position(), condition_since=now, evidence=Evidence(), tracks={}, value=None, alert_id=None,
        words=_beginning(""), evaluated_until=window_start(now, kept.wanted.window_minutes),
    )  # fmt: skip


def _beginning(strangers: str) -> str:
    return "no window is over yet" + (f"; {strangers}" if strangers else "")


def _require(db: Connection, name: str, *, lock: bool = False) -> Kept:
    kept = store.find_monitor(db, name, lock=lock)
    if kept is None:
        raise MonitorNotFound(f"there is no monitor '{name}'; list them with: treadle monitor list", monitor=name)
    return kept


def _shown(kept: Kept, now: datetime) -> Monitor:
    is_silenced = kept.silenced_until is not None and kept.silenced_until > now
    condition = kept.position.condition
    state: MonitorState = "off" if not kept.wanted.is_on else "silenced" if is_silenced else condition
    words = f"it is switched off; before that: {kept.words}" if state == "off" else kept.words
    if state == "silenced":
        words = f"{condition}, and nobody is told until {kept.silenced_until:%Y-%m-%d %H:%M} UTC: {kept.words}"
    return Monitor(
        **dict(kept.wanted),
        unit=unit_of(kept.wanted.signal.metric),
        monitor_id=kept.monitor_id,
        state=state,
        condition=condition,
        condition_since=kept.condition_since,
        value=kept.value,
        words=words,
        evaluated_until=kept.evaluated_until,
        silenced_until=kept.silenced_until if is_silenced else None,
        alert_id=kept.alert_id,
        created_at=kept.created_at,
    )


def _detail(wanted: NewMonitor) -> JsonObject:
    return {"name": wanted.name, "metric": wanted.signal.metric, "rule": wanted.rule.kind, "is_on": wanted.is_on}
