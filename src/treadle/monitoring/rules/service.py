"""Make rules, list them, and judge what is due: each sampled answer once, however often one is killed in between.

A rule goes over requests in the order of their start, twice: some seconds after they began, and an hour later for those
that came late. Its scores are feedback under a key made of rule and trace, so judging again keeps nothing twice; the
place it has come to moves in a transaction that finds it where it was. Which traces are sampled is decided by a hash
of their ids: the same ones whenever it is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from treadle.core.errors import Conflict, InvalidInput, NotFound, TreadleError
from treadle.core.ids import new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.evals.scoring.types import Score
from treadle.feedback import service as feedback
from treadle.feedback.types import FeedbackFilter, NewFeedback
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.monitoring.rules import spending, store
from treadle.monitoring.rules.scoring import Scoring
from treadle.monitoring.rules.spending import of_today
from treadle.monitoring.rules.store import Kept
from treadle.monitoring.rules.types import NewRule, OnlineRule
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.asking.language import parse
from treadle.traces.types import TraceFilter

SETTLE = timedelta(seconds=15)
LATE = timedelta(hours=1)
"""How long after its start a request may arrive and still be judged."""
STRETCH = timedelta(minutes=10)
"""Time that one look goes over at most."""
AT_ONCE = 500
MAX_PAGES = 20
"""Pages of a look; a stretch with more requests is cut shorter."""
MAX_LOOKS = 30
"""Stretches of a rule in a row: after an absence others have their turn too."""
MAX_RULES = 100
CALLS_AT_ONCE = 5
"""Calls of a scorer that costs in one look: monitors are waiting."""


class RuleNotFound(NotFound):
    """No rule has the name."""

    code = "rules.not_found"


class RuleExists(Conflict):
    """A rule has the name already."""

    code = "rules.exists"


async def create_rule(ctx: Context, new: NewRule, scoring: Scoring) -> OnlineRule:
    """Judge answers from now on. Raises RuleExists, InvalidInput."""
    ctx.require("monitors.write")
    _check(new, scoring)
    now = ctx.clock.now()
    kept = Kept(
        **dict(new), rule_id=new_id("rul"), judged_until=now, judged_late_until=now, day=_day(now), scores_today=0,
        scores_total=0, usd_today=Decimal(0), usd_total=Decimal(0), words="", created_at=now,
    )  # fmt: skip

    def write(db: Connection) -> None:
        if len(store.list_rules(db, None, MAX_RULES)) >= MAX_RULES:
            raise InvalidInput(
                f"the project has {MAX_RULES} rules, the most there can be; remove one", code="rules.too_many"
            )
        if not store.insert_rule(db, kept):
            raise RuleExists(
                f"a rule named '{new.name}' exists; choose another name, or remove it with: treadle rule remove {new.name}"
            )
        audit.record(db, ctx, action="rules.create", object_id=kept.rule_id, detail=_detail(new))

    await ctx.db.write(write)
    return _shown(kept, now)


async def change_rule(ctx: Context, name: str, wanted: NewRule, scoring: Scoring, *, when: When = ALWAYS) -> OnlineRule:
    """Make a rule as stated; what it has judged stays. Raises RuleNotFound, Outdated (see `editing.check`)."""
    ctx.require("monitors.write")
    _check(wanted, scoring)

    def write(db: Connection) -> Kept:
        before = _require(db, name, lock=True)
        editing.check(
            db,
            ctx,
            when,
            f"rule '{name}'",
            before,
            lambda found: Audited("rules.change", found.rule_id, "monitors.read"),
        )
        if wanted.name != name:
            raise InvalidInput(
                f"rule '{name}' cannot be renamed; make another one and remove this", code="rules.renamed"
            )
        after = before.model_copy(update=dict(wanted))
        if wanted.is_on and not before.is_on:  # what went by while it was off is not judged
            now = ctx.clock.now()
            after = after.model_copy(update={"judged_until": now, "judged_late_until": now})
        store.save_rule(db, after)
        audit.record(db, ctx, action="rules.change", object_id=after.rule_id, detail=_detail(wanted))
        return after

    return _shown(await ctx.db.write(write), ctx.clock.now())


async def list_rules(ctx: Context, *, limit: int, cursor: str | None) -> Page[OnlineRule]:
    """Return rules by name."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(lambda db: store.list_rules(db, str(after[0]) if after else None, limit + 1))
    return page_of([_shown(row, ctx.clock.now()) for row in rows], limit, lambda each: (each.name,))


async def remove_rule(ctx: Context, name: str) -> None:
    """Judge by a rule no longer; its scores stay. Raises RuleNotFound."""
    ctx.require("monitors.write")

    def write(db: Connection) -> None:
        kept = _require(db, name, lock=True)
        store.delete_rule(db, name)
        audit.record(db, ctx, action="rules.remove", object_id=kept.rule_id, detail={"name": name})

    await ctx.db.write(write)


async def judge_due(ctx: Context, scoring: Scoring) -> int:
    """Judge what is due by every rule that is on; return how many scores were given. Any number of processes may."""
    given = 0
    for kept in await ctx.db.read(lambda db: store.list_rules(db, None, MAX_RULES, only_on=True)):
        for late in (False, True):
            for _ in range(MAX_LOOKS):
                judged = await _look(ctx, kept, scoring, late=late)
                if judged is None:
                    break
                given += judged
    return given


def is_sampled(trace_id: str, rate: float) -> bool:
    """Tell whether a trace is among the share: by a hash of its id, even over the numbers from 0 to 1."""
    number = int.from_bytes(hashlib.blake2b(trace_id.encode(), digest_size=8).digest())
    return number < rate * 2**64


async def _look(ctx: Context, kept: Kept, scoring: Scoring, *, late: bool) -> int | None:
    """Go over the next stretch; return how many scores were given, None when none is due or somebody else went over it."""
    fresh = await ctx.db.read(lambda db: store.find_rule(db, kept.name))
    if fresh is None or fresh.rule_id != kept.rule_id:
        return None
    now = ctx.clock.now()
    kept = of_today(fresh, now)
    since = kept.judged_late_until if late else kept.judged_until
    until = min(now - (LATE if late else SETTLE), since + STRETCH)
    # Looks are some seconds apart anyway; the late one goes by the minute.
    if until - since < (timedelta(minutes=1) if late else timedelta(seconds=1)):
        return None
    room = None if kept.scores_per_day is None else max(0, kept.scores_per_day - kept.scores_today)
    found, until = await _sampled(ctx, kept, since, until)
    allowed = found if room is None else found[:room]
    words = f"the {kept.scores_per_day} scores of this day are used up" if len(allowed) < len(found) else ""
    try:
        is_costly = scoring.check(kept.scorer)
    except InvalidInput as error:  # a scorer that was there when the rule was made
        allowed, words, is_costly = [], error.message, False
    if is_costly:
        given, went_until, why_not = await _judge_for_money(ctx, kept, allowed, scoring)
        until, words = went_until or until, why_not or words
    else:
        given = await _judge_all(ctx, kept, [trace_id for trace_id, _ in allowed], scoring)

    def write(db: Connection) -> bool:
        held = store.find_rule(db, kept.name, lock=True)
        if held is None or held.rule_id != kept.rule_id:
            return False
        if (held.judged_late_until if late else held.judged_until) != since:
            return False
        held = of_today(held, now)
        moved = {"judged_late_until" if late else "judged_until": until, "words": words}
        counted = {"scores_today": held.scores_today + given, "scores_total": held.scores_total + given}
        store.save_rule(db, held.model_copy(update=moved | counted))
        return True

    if not await ctx.db.write(write):
        return None
    return None if is_costly and given >= CALLS_AT_ONCE else given  # others have their turn


async def _sampled(
    ctx: Context, kept: Kept, since: datetime, until: datetime
) -> tuple[list[tuple[str, datetime]], datetime]:
    """Return sampled traces without a score of this rule that started in a stretch, oldest first, and where it ends."""
    while True:
        wanted = TraceFilter(
            endpoint=kept.filter.endpoint, release_id=kept.filter.release_id, q=kept.filter.q, status="ok", since=since,
            until=until,
        )  # fmt: skip
        found: list[tuple[str, datetime]] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await traces.list_traces(ctx, wanted, limit=AT_ONCE, cursor=cursor)
            found += [
                (trace.trace_id, trace.started_at)
                for trace in page.items
                if is_sampled(trace.trace_id, kept.sample_rate)
                and not any(score.name == kept.score and score.source == "code" for score in trace.scores)
            ]
            cursor = page.next_cursor
            if cursor is None:
                return found[::-1], until
        until = since + (until - since) / 2  # too many for one look


async def _judge_all(ctx: Context, kept: Kept, trace_ids: Sequence[str], scoring: Scoring) -> int:
    """Judge by a scorer that costs nothing; kept under keys, so a second process at the same stretch changes nothing."""
    items = []
    for example in await traces.get_many(ctx, trace_ids) if trace_ids else []:
        said = await scoring.judge(ctx, kept.scorer, example)
        items += _feedback_of(kept, example.trace_id, said.score)
    for at in range(0, len(items), AT_ONCE):
        await feedback.add_feedback(ctx, items[at : at + AT_ONCE])
    return len(items)


async def _judge_for_money(
    ctx: Context, kept: Kept, found: Sequence[tuple[str, datetime]], scoring: Scoring
) -> tuple[int, datetime | None, str]:
    """Judge some by a scorer that costs, one at a time, within the cap; return how many, where to go on if that is not the
    stretch's end, and why the rest is left out."""
    given = 0
    for number, (trace_id, started_at) in enumerate(found):
        if number >= CALLS_AT_ONCE:
            return given, started_at, ""
        held = await ctx.db.write(lambda db: spending.reserve(db, kept.name, ctx.clock.now()))
        if held is None:
            return given, started_at, ""  # another process is at it
        if isinstance(held, str):
            return given, None, held
        cost: Decimal | None = Decimal(0)
        try:
            if await _is_judged(ctx, kept, trace_id):
                continue
            examples = await traces.get_many(ctx, [trace_id])
            if examples:
                cost = held.usd  # what is not known to have cost less has cost that
                said = await scoring.judge(ctx, kept.scorer, examples[0])
                cost = said.cost_usd
                items = _feedback_of(kept, trace_id, said.score)
                await feedback.add_feedback(ctx, items)
                given += len(items)
        except TreadleError as error:
            return given, started_at, f"its scorer does not answer: {error.message}"
        finally:
            await ctx.db.write(partial(spending.settle, name=kept.name, held=held, cost_usd=cost))
    return given, None, ""


async def _is_judged(ctx: Context, kept: Kept, trace_id: str) -> bool:
    said = await feedback.list_feedback(ctx, FeedbackFilter(trace_id=trace_id, name=kept.score, source="code"), limit=1)
    return bool(said.items)


def _feedback_of(kept: Kept, trace_id: str, said: Score) -> list[NewFeedback]:
    if said.value is None:
        return []
    return [
        NewFeedback(
            trace_id=trace_id,
            name=kept.score,
            value=said.value,
            label=said.label,
            comment=said.reason,
            source="code",
            key=f"rule:{kept.rule_id}:{trace_id}",
        )
    ]


def _check(new: NewRule, scoring: Scoring) -> None:
    if scoring.check(new.scorer) and new.usd_per_day is None:
        raise InvalidInput(
            f"scorer '{new.scorer.name}' asks a model and costs money; say how much a day at most in `usd_per_day`",
            code="rules.needs_cap",
        )
    if new.filter.q is not None:
        parse(new.filter.q)


def _require(db: Connection, name: str, *, lock: bool = False) -> Kept:
    kept = store.find_rule(db, name, lock=lock)
    if kept is None:
        raise RuleNotFound(f"there is no rule '{name}'; list them with: treadle rule list", rule=name)
    return kept


def _shown(kept: Kept, now: datetime) -> OnlineRule:
    kept = of_today(kept, now)
    facts = {name: getattr(kept, name) for name in OnlineRule.model_fields}
    return OnlineRule(**facts | {"words": kept.words or spending.refusal(kept) or ""})


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _detail(new: NewRule) -> JsonObject:
    return {"name": new.name, "scorer": new.scorer.name, "sample_rate": new.sample_rate, "is_on": new.is_on}
