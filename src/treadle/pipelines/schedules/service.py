"""Make schedules and let them go. `tick` looks at a project's schedules; the roof calls it every few seconds.

A schedule goes in one transaction that holds its row, writes down why, and starts the turn: so it goes once for what set
it off, however many look and whenever one is killed. While its last turn is under way it waits; what comes meanwhile
counts for the next. Corrections are counted in the order of outcomes, which skips none that commits late.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from treadle.core.errors import InvalidInput, NotFound, TreadleError
from treadle.core.ids import new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import Page
from treadle.data import service as data
from treadle.feedback import service as feedback
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import service as jobs
from treadle.jobs.types import FINAL, NewRun
from treadle.monitoring import service as monitoring
from treadle.monitoring.types import Alert, AlertFilter
from treadle.pipelines.schedules import store
from treadle.pipelines.schedules.store import Kept
from treadle.pipelines.schedules.types import Firing, NewSchedule, Schedule
from treadle.pipelines.service import TURN_KIND, require_rights
from treadle.pipelines.types import NewTurn
from treadle.storage.database import Connection

AT_ONCE = 100

log = logging.getLogger("treadle.pipelines")


class ScheduleNotFound(NotFound):
    """No schedule has the name."""

    code = "pipelines.schedule_not_found"


async def put_schedule(ctx: Context, new: NewSchedule, *, when: When = ALWAYS) -> Schedule:
    """Make a schedule that counts from now on, or change the one of this name, which goes on counting. Safe to repeat.

    Its turns have the rights of whoever calls this. Raises Denied for whoever may not start such a turn, NotFound for an
    unknown dataset or monitor, InvalidInput for a recipe that no turn takes, Outdated (see `editing.check`).
    """
    ctx.require("jobs.write")
    await require_rights(ctx, turn_of(new))
    await data.get_version(ctx, new.turn, "latest")
    if new.monitor is not None:
        await monitoring.get_monitor(ctx, new.monitor)

    def write(db: Connection) -> Schedule:
        called = f"schedule '{new.name}'"
        editing.hold(db, called)
        before = store.find_schedule(db, new.name)
        shown = None if before is None else _shown(db, before)
        editing.check(
            db,
            ctx,
            when,
            called,
            shown,
            lambda found: Audited("pipelines.put_schedule", found.schedule_id, "jobs.read"),
        )
        seen = feedback.count_corrections(db, new.turn, after_seq=0).last_seq
        store.put_schedule(db, new_id("sch"), new, ctx.actor, seen, ctx.clock.now())
        kept = _require(db, new.name)
        audit.record(db, ctx, action="pipelines.put_schedule", object_id=kept.schedule_id, detail={"name": new.name})
        return _shown(db, kept)

    return await ctx.db.write(write)


async def get_schedule(ctx: Context, name: str) -> Schedule:
    """Return a schedule with how near it is. Raises ScheduleNotFound."""
    ctx.require("jobs.read")
    return await ctx.db.write(lambda db: _shown(db, _require(db, name)))


async def list_schedules(ctx: Context, *, limit: int, cursor: str | None = None) -> Page[Schedule]:
    """Return schedules by name."""
    ctx.require("jobs.read")
    after = decode_cursor(cursor, str)

    def read(db: Connection) -> list[Schedule]:
        return [_shown(db, kept) for kept in store.list_schedules(db, str(after[0]) if after else None, limit + 1)]

    return page_of(await ctx.db.write(read), limit, lambda schedule: (schedule.name,))


async def list_firings(ctx: Context, name: str, *, limit: int, cursor: str | None = None) -> Page[Firing]:
    """Return the times that a schedule went, newest first. Raises ScheduleNotFound."""
    ctx.require("jobs.read")
    after = decode_cursor(cursor, int)
    before = int(after[0]) if after else None
    rows = await ctx.db.read(lambda db: store.list_firings(db, _require(db, name).schedule_id, before, limit + 1))
    return page_of(rows, limit, lambda firing: (firing.number,))


async def delete_schedule(ctx: Context, name: str) -> None:
    """Forget a schedule; its turns stay. Raises ScheduleNotFound."""
    ctx.require("jobs.write")

    def write(db: Connection) -> None:
        editing.hold(db, f"schedule '{name}'")
        kept = _require(db, name)
        store.delete_schedule(db, kept.schedule_id)
        audit.record(db, ctx, action="pipelines.delete_schedule", object_id=kept.schedule_id, detail={"name": name})

    await ctx.db.write(write)


async def tick(ctx: Context) -> list[Firing]:
    """Look once at a project's schedules; return those that went. Raises nothing that the next look may mend."""
    went = list[Firing]()
    after: str | None = None

    def read(db: Connection) -> list[Kept]:
        return store.list_schedules(db, after, AT_ONCE)

    while schedules := await ctx.db.read(read):
        for kept in schedules:
            try:
                firing = await _look(ctx, kept) if kept.new.is_on else None
            except TreadleError as error:
                log.warning("schedule '%s' waits: %s", kept.new.name, error.message)
                continue
            if firing is not None:
                went.append(firing)
        after = schedules[-1].new.name
    return went


def turn_of(new: NewSchedule) -> NewTurn:
    """Return the turn that a schedule starts. Raises InvalidInput where no turn is like that."""
    try:
        return NewTurn(
            name=new.turn,
            source="dataset",
            from_traffic=True,
            approve=not new.ask_before_release,
            method=new.method,
            recipe=new.recipe,
        )
    except ValueError as error:
        raise InvalidInput(
            f"no turn is like that: {error}; see: treadle turn start --help", code="pipelines.schedule_invalid"
        ) from None


async def _look(ctx: Context, kept: Kept) -> Firing | None:
    alert = await _newest_alert(ctx, kept)

    def write(db: Connection) -> Firing | None:
        held = store.find_schedule(db, kept.new.name, hold=True)
        if held is None or not held.new.is_on or _is_busy(db, held, ctx.clock.now()):
            return None
        counted = feedback.count_corrections(db, held.new.turn, after_seq=held.seen_seq)
        is_new_alert = alert is not None and alert.opened_at > held.alerts_since
        wanted = held.new.corrected_answers
        if wanted is not None and counted.num_answers >= wanted:
            words = f"{counted.num_answers:,} answers of '{held.new.turn}' were corrected since the last time, {wanted:,} are enough"
        elif alert is not None and is_new_alert:
            words = f"monitor '{alert.monitor}' fired at {alert.opened_at:%Y-%m-%d %H:%M} UTC: {alert.summary}"
        else:
            return None
        is_by_count = wanted is not None and counted.num_answers >= wanted
        as_maker = replace(ctx, actor=held.maker)
        params = turn_of(held.new).model_dump(mode="json")
        run = jobs.enqueue(db, as_maker, NewRun(kind=TURN_KIND, title=f"Turn of {held.new.turn}", params=params))
        before = store.list_firings(db, held.schedule_id, None, 1)
        firing = Firing(
            number=before[0].number + 1 if before else 1,
            trigger="corrections" if is_by_count else "alert",
            words=words,
            num_corrected=counted.num_answers,
            alert_id=alert.alert_id if alert is not None and is_new_alert else None,
            run_id=run.run_id,
            fired_at=ctx.clock.now(),
        )
        since = alert.opened_at if alert is not None and is_new_alert else held.alerts_since
        store.put_firing(
            db, held.schedule_id, firing, seen_seq=max(counted.last_seq, held.seen_seq), alerts_since=since
        )
        detail: dict[str, object] = {"name": held.new.name, "run_id": run.run_id, "trigger": firing.trigger}
        audit.record(db, as_maker, action="pipelines.schedule_fired", object_id=held.schedule_id, detail=detail)
        return firing

    return await ctx.db.write(write)


def _is_busy(db: Connection, held: Kept, now: datetime) -> bool:
    """Say whether it is too early: the last turn is under way, or was not long enough ago."""
    if held.last_fired_at is None or held.last_run_id is None:
        return False
    pause = timedelta(hours=held.new.at_most_every_hours)
    return now - held.last_fired_at < pause or jobs.require_run(db, held.last_run_id).status not in FINAL


async def _newest_alert(ctx: Context, kept: Kept) -> Alert | None:
    if kept.new.monitor is None:
        return None
    page = await monitoring.list_alerts(ctx, AlertFilter(monitor=kept.new.monitor), limit=1, cursor=None)
    return page.items[0] if page.items else None


def _require(db: Connection, name: str) -> Kept:
    kept = store.find_schedule(db, name)
    if kept is None:
        raise ScheduleNotFound(f"there is no schedule '{name}'; list them with: treadle schedule list")
    return kept


def _shown(db: Connection, kept: Kept) -> Schedule:
    counted = feedback.count_corrections(db, kept.new.turn, after_seq=kept.seen_seq)
    return Schedule(
        **kept.new.model_dump(),
        schedule_id=kept.schedule_id,
        num_corrected=counted.num_answers,
        last_fired_at=kept.last_fired_at,
        made_by=kept.maker.actor_id,
        created_at=kept.created_at,
    )
