"""Look at callers every five minutes, keep what is found, act by policy, undo it: every act is audited and reversible.

Throttling and blocking are limits of the gateway on requests per minute of the key or user, set and removed through its
own service; a limit that a person had set comes back as it was. Actions end by themselves after the policy's hours.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from treadle.core.errors import NotFound, TreadleError
from treadle.core.ids import new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.gateway.limits import service as limits
from treadle.gateway.limits.types import Limit, SetLimit
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.monitoring.abuse import store
from treadle.monitoring.abuse.score import Suspicion, Usual, suspicion_of, usual_of
from treadle.monitoring.abuse.store import KeptFinding
from treadle.monitoring.abuse.types import AbuseFilter, AbuseFinding, AbusePolicy, Action, CallerKind, KeptAbusePolicy
from treadle.storage.database import Connection
from treadle.traces import outcomes
from treadle.traces.callers import CallerRequest
from treadle.traces.signals import SignalQuery

EVERY = timedelta(minutes=5)
WINDOW = timedelta(hours=1)
SETTLE = timedelta(seconds=15)
HISTORY = timedelta(days=7)
STRICTNESS: Mapping[Action, int] = {"flag": 0, "throttle": 1, "block": 2}
Callers = Mapping[tuple[CallerKind, str], Sequence[CallerRequest]]

log = logging.getLogger("treadle.monitoring")


class FindingNotFound(NotFound):
    """No finding has the id."""

    code = "abuse.not_found"


async def get_policy(ctx: Context) -> KeptAbusePolicy:
    """Return what is done about callers."""
    ctx.require("monitors.read")
    return _kept((await ctx.db.read(store.get_policy)).policy)


async def set_policy(ctx: Context, policy: AbusePolicy, *, when: When = ALWAYS) -> KeptAbusePolicy:
    """Say what is done about callers from now on; it acts on traffic, so it takes the right to set limits.

    Raises Outdated (see `editing.check`).
    """
    ctx.require("limits.write")

    def write(db: Connection) -> None:
        called = "the policy about callers"
        editing.hold(db, called)
        before = _kept(store.get_policy(db).policy)
        editing.check(db, ctx, when, called, before, lambda _: Audited("abuse.policy", ctx.project_id, "monitors.read"))
        store.put_policy(db, policy)
        audit.record(db, ctx, action="abuse.policy", object_id=ctx.project_id, detail=policy.model_dump(mode="json"))

    await ctx.db.write(write)
    return _kept(policy)


def _kept(policy: AbusePolicy) -> KeptAbusePolicy:
    return KeptAbusePolicy(**dict(policy))


async def list_findings(ctx: Context, wanted: AbuseFilter, *, limit: int, cursor: str | None) -> Page[AbuseFinding]:
    """Return findings, newest first."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(lambda db: store.list_findings(db, wanted, before, limit + 1))
    return page_of(rows, limit, lambda each: (each.first_seen_at.isoformat(), each.finding_id))


async def dismiss_finding(ctx: Context, finding_id: str) -> AbuseFinding:
    """Say that a finding is none and undo what was done; the caller is left alone until it would have ended. Safe to repeat.

    Raises FindingNotFound.
    """
    ctx.require("limits.write")
    kept = await ctx.db.read(lambda db: store.find_finding(db, finding_id))
    if kept is None:
        raise FindingNotFound(f"there is no finding '{finding_id}'; list them with: treadle abuse list")
    return (await _end(ctx, kept, "dismissed")).finding


async def look(ctx: Context) -> int:
    """Look at the callers of the last hour where it is time to; return how many stood out. Any number of processes may."""
    now = ctx.clock.now()
    for ended in await ctx.db.read(lambda db: store.list_ended(db, now)):
        await _end(ctx, ended, "over")

    def take_turn(db: Connection) -> AbusePolicy | None:
        kept = store.get_policy(db)
        if not kept.policy.is_on or (kept.looked_until is not None and now - kept.looked_until < EVERY):
            return None
        kept = store.get_policy(db, lock=True)
        if kept.looked_until is not None and now - kept.looked_until < EVERY:
            return None  # somebody else has
        store.set_looked(db, now)
        return kept.policy

    policy = await ctx.db.write(take_turn)
    if policy is None:
        return 0
    until = now - SETTLE
    requests = await outcomes.list_caller_requests(ctx, since=until - WINDOW, until=until)
    found = 0
    for (kind, caller), suspicion in (await _suspicions(ctx, _by_caller(requests), until)).items():
        if suspicion.score >= policy.flag_at and caller not in policy.exempt:
            try:
                found += await _act(ctx, policy, kind, caller, suspicion)
            except TreadleError as error:
                log.warning("nothing was done about %s '%s': %s", kind, caller, error.message)
    return found


def action_for(policy: AbusePolicy, score: int) -> Action:
    """Return what a policy does about a score that is listed."""
    if policy.block_at is not None and score >= policy.block_at:
        return "block"
    return "throttle" if policy.throttle_at is not None and score >= policy.throttle_at else "flag"


def _by_caller(requests: Sequence[CallerRequest]) -> Callers:
    callers: dict[tuple[CallerKind, str], list[CallerRequest]] = defaultdict(list)
    for request in requests:
        if request.user_id:
            callers["user", request.user_id].append(request)
        if request.key_id:
            callers["key", request.key_id].append(request)
    return callers


async def _suspicions(ctx: Context, callers: Callers, until: datetime) -> dict[tuple[CallerKind, str], Suspicion]:
    tokens = {who: float(sum(request.tokens for request in asked)) for who, asked in callers.items()}
    costs = {who: float(sum(request.cost_usd for request in asked)) for who, asked in callers.items()}
    own_tokens, own_costs = await _own_hours(ctx, until)
    found = {}
    for who, asked in callers.items():
        others = [each for each in callers if each[0] == who[0] and each != who]
        usual = Usual(
            usual_of(own_tokens.get(who, []), [tokens[each] for each in others]),
            usual_of(own_costs.get(who, []), [costs[each] for each in others]),
        )
        kind, _ = who
        found[who] = suspicion_of(asked, usual, until=until) if kind == "user" else _of_key(asked, usual, until)
    return found


def _of_key(asked: Sequence[CallerRequest], usual: Usual, until: datetime) -> Suspicion:
    """Return a key's score. What named users asked through it they answer for: blocking the key would hit everyone."""
    alone = suspicion_of([request for request in asked if not request.user_id], Usual(), until=until)
    whole = suspicion_of(asked, usual, until=until)
    reasons = alone.reasons + [each for each in whole.reasons if each.name in ("token_flood", "cost_spike")]
    trace_ids = alone.trace_ids or whole.trace_ids
    return Suspicion(min(100, sum(reason.points for reason in reasons)), reasons, trace_ids)


Hours = dict[tuple[CallerKind, str], list[float]]


async def _own_hours(ctx: Context, until: datetime) -> tuple[Hours, Hours]:
    """Return tokens and cost of each key's hours of the week before; of users too much would have to be read."""
    tokens: Hours = defaultdict(list)
    costs: Hours = defaultdict(list)
    query = SignalQuery(since=until - HISTORY, until=until - WINDOW, step="hour", by=["key_id"], of="requests")
    for point in (await outcomes.list_signal(ctx, query)).items:
        if point.key_id is not None:
            tokens["key", point.key_id].append(point.input_tokens + point.output_tokens)
            costs["key", point.key_id].append(float(point.cost_usd))
    return tokens, costs


async def _act(ctx: Context, policy: AbusePolicy, kind: CallerKind, caller: str, suspicion: Suspicion) -> bool:
    """Keep a finding and act on it; return whether there was something new to keep."""
    now = ctx.clock.now()
    before = await ctx.db.read(lambda db: store.find_newest(db, kind, caller))
    if before is not None and before.finding.status == "dismissed" and before.finding.ends_at > now:
        return False  # a person said that this is none
    if before is not None and before.finding.status != "open":
        before = None
    action = action_for(policy, suspicion.score)
    is_stricter = before is None or STRICTNESS[action] > STRICTNESS[before.finding.action]
    limit_id, amount_before = (before.limit_id, before.amount_before) if before else (None, None)
    # Acted first, kept second: a limit without its finding is set again by the next look, and seen in the audit log.
    if is_stricter and action != "flag":
        present = await _present_limit(ctx, kind, caller)
        if limit_id is None:
            amount_before = present.amount if present else None
        amount = 0 if action == "block" else policy.throttle_requests_per_minute
        if present is None or amount < present.amount:
            outage = None if present is None else present.outage
            wanted = SetLimit(
                scope=kind, subject=caller, unit="requests", amount=amount, window="minute", outage=outage
            )
            limit_id = (await limits.set_limit(ctx, wanted)).limit_id
    is_worse = before is None or suspicion.score > before.finding.score
    first = before.finding if before else None
    finding = AbuseFinding(
        finding_id=first.finding_id if first else new_id("abu"),
        caller_kind=kind,
        caller=caller,
        score=suspicion.score if first is None or is_worse else first.score,
        reasons=suspicion.reasons if first is None or is_worse else first.reasons,
        trace_ids=suspicion.trace_ids if first is None or is_worse else first.trace_ids,
        action=action if first is None or is_stricter else first.action,
        status="open",
        first_seen_at=first.first_seen_at if first else now,
        last_seen_at=now,
        ends_at=now + timedelta(hours=policy.hours),
    )

    def write(db: Connection) -> None:
        store.put_finding(db, KeptFinding(finding, limit_id, amount_before))
        if is_stricter:
            detail: JsonObject = {"caller_kind": kind, "caller": caller, "score": finding.score, "limit_id": limit_id}
            audit.record(db, ctx, action=f"abuse.{action}", object_id=finding.finding_id, detail=detail)

    await ctx.db.write(write)
    return before is None


async def _end(ctx: Context, kept: KeptFinding, status: str) -> KeptFinding:
    """End a finding and undo its action. Safe to repeat."""
    if kept.finding.status != "open":
        return kept
    if kept.limit_id is not None:
        await _undo(ctx, kept)
    over = KeptFinding(kept.finding.model_copy(update={"status": status}), None, None)

    def write(db: Connection) -> None:
        store.put_finding(db, over)
        detail: JsonObject = {"caller": kept.finding.caller, "action": kept.finding.action}
        audit.record(db, ctx, action=f"abuse.{status}", object_id=kept.finding.finding_id, detail=detail)

    await ctx.db.write(write)
    return over


async def _undo(ctx: Context, kept: KeptFinding) -> None:
    finding = kept.finding
    present = await _present_limit(ctx, finding.caller_kind, finding.caller)
    if present is None:
        return  # somebody removed it already
    try:
        if kept.amount_before is None:
            await limits.remove_limit(ctx, present.limit_id)
        else:
            await limits.set_limit(
                ctx,
                SetLimit(
                    scope=finding.caller_kind, subject=finding.caller, unit="requests", amount=kept.amount_before, window="minute",
                    outage=present.outage,
                ),
            )  # fmt: skip
    except NotFound:
        return  # the key was revoked, or the limit removed meanwhile


async def _present_limit(ctx: Context, kind: CallerKind, caller: str) -> Limit | None:
    cursor: str | None = None
    while True:
        page = await limits.list_limits(ctx, limit=500, cursor=cursor)
        for limit in page.items:
            if (limit.scope, limit.subject, limit.unit, limit.window) == (kind, caller, "requests", "minute"):
                return limit
        cursor = page.next_cursor
        if cursor is None:
            return None
