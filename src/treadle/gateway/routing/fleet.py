"""All targets of this worker: picks one for each attempt, and decides about repetitions and hedges.

What the exchange does with it:

    budget = fleet.budget(project_id, endpoint.name); budget.asked(now)
    pick = fleet.pick(arm.targets, endpoint.routing, scope=project_id, session=session, stream=stream, tried=tried, now=now)
    ... pick.first_token(now) ... pick.succeeded(now, tokens) | pick.failed(kind, now, retry_after) ... finally pick.abandoned(now)
    again = fleet.again(kind, arm.targets, endpoint.routing, budget, scope=project_id, session=session, stream=stream, tried=tried, now=now)

Costs a few microseconds per pick, O(targets), no I/O. One per worker, used by one event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from treadle.gateway.routing.breaker import BreakerRules
from treadle.gateway.routing.budget import Budget
from treadle.gateway.routing.choice import Plan, Random, Seat, home_of
from treadle.gateway.routing.estimates import SLOW_SHARE
from treadle.gateway.routing.failures import RULES, backoff_seconds, should_retry
from treadle.gateway.routing.health import Health, Pick, TargetHealth
from treadle.gateway.routing.words import FailureKind
from treadle.gateway.types import Routing, Target

LEAST_FOR_P95 = 20
"""A target hedges nothing before so many times of answers like the one that is waited for were measured."""
MOST_WAIT_SECONDS = 2.0
"""Where every target asks to be left alone for longer than this, the caller is told instead of kept waiting."""
IDLE_SECONDS = 3600.0
_MOST_PLANS = 4096
_MOST_KNOWN = 4096


class Again(NamedTuple):
    """Another attempt."""

    pick: Pick | None
    """Where to; None means: wait, then `pick` anew."""
    wait_seconds: float
    """How long to wait before; 0 for a target that was not tried yet."""


class Closed(NamedTuple):
    """Why no target may be asked now."""

    seconds: float
    """When the first of them may be asked again."""
    why: FailureKind | None
    """What keeps that one away; None when there is no target at all in the regions that are allowed."""


class Fleet:
    """Every target that this worker has heard of, by project and key."""

    def __init__(self, random: Random, rules: BreakerRules | None = None) -> None:
        """random: uniform in [0, 1), such as `random.Random().random`."""
        self._random = random
        self._rules = rules or BreakerRules()
        self._healths: dict[tuple[str, str], Health] = {}
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._plans: dict[tuple[int, int, str], Plan] = {}

    def budget(self, scope: str, endpoint: str) -> Budget:
        """Return what an endpoint may spend on repetitions and hedges."""
        found = self._budgets.get((scope, endpoint))
        if found is None:
            found = self._budgets[scope, endpoint] = Budget()
        return found

    def pick(
        self,
        targets: Sequence[Target],
        routing: Routing,
        *,
        scope: str = "",
        session: str | None = None,
        stream: bool = False,
        tried: Sequence[str] = (),
        now: float,
    ) -> Pick | None:
        """Return where the next attempt goes, None where every target is kept away (see `closed`).

        scope: the project, since two projects may call different upstreams by one name. session: None is not sticky.
        stream: whether the answer is to come as a stream, which is compared with streams.
        tried: `Pick.key` of earlier attempts of this request, hedges included; those targets come last, the least
        tried first. The pick counts as in flight until it is ended.
        """
        plan = self._plan(targets, routing, scope, now)
        for tier in plan.tiers:
            seat = self._of_tier(plan, tier, session, stream, tried, now)
            if seat is not None:
                return self._take(seat, stream, now)
        if not tried:
            return None
        seat = self._of_tried(plan, tried, now)
        return None if seat is None else self._take(seat, stream, now)

    def again(
        self,
        kind: FailureKind,
        targets: Sequence[Target],
        routing: Routing,
        budget: Budget,
        *,
        scope: str = "",
        session: str | None = None,
        stream: bool = False,
        tried: Sequence[str],
        now: float,
        retry_after: float | None = None,
    ) -> Again | None:
        """Decide whether and where a request is tried again that failed without content; None gives up.

        tried: every attempt so far, the failed one included. Takes from the budget when it says yes.
        """
        if not should_retry(kind, len(tried), routing.retries) or not budget.may_retry(routing.retries.budget, now):
            return None
        pick = self.pick(targets, routing, scope=scope, session=session, stream=stream, tried=tried, now=now)
        repetitions = 0 if pick is None else tried.count(pick.key)
        if RULES[kind].elsewhere_only and (pick is None or repetitions):
            if pick is not None:
                pick.abandoned(now)
            return None
        if pick is None:
            wait = self.closed(targets, routing, scope=scope, now=now).seconds
            if wait > MOST_WAIT_SECONDS:
                return None
            budget.take_retry(routing.retries.budget, now)
            # Spread over half as long again, or all that wait would come back at one moment.
            return Again(None, wait * (1.0 + 0.5 * self._random()))
        budget.take_retry(routing.retries.budget, now)
        if not repetitions:
            return Again(pick, 0.0)
        wait = max(
            backoff_seconds(repetitions, routing.retries, self._random()), min(retry_after or 0.0, MOST_WAIT_SECONDS)
        )
        pick.begin_at(now + wait)
        return Again(pick, wait)

    def hedge_after(self, pick: Pick, routing: Routing) -> float | None:
        """Return after how many seconds without content a second request is worth it: its target's p95, of streams to their
        first content, else of whole answers, at least `Hedge.min_seconds`. None where the endpoint does not hedge or too
        little is known."""
        hedge = routing.hedge
        times = pick.speed.times
        if hedge is None or times.count < LEAST_FOR_P95:
            return None
        p95 = times.quantile(SLOW_SHARE)
        return None if p95 is None else max(p95, hedge.min_seconds)

    def hedge(
        self,
        targets: Sequence[Target],
        routing: Routing,
        budget: Budget,
        *,
        scope: str = "",
        stream: bool = False,
        tried: Sequence[str],
        now: float,
    ) -> Pick | None:
        """Return where a second request goes beside one that is slow; None where the budget, the number of attempts or
        the health of the targets forbids it. Probes are left to requests that nobody waits for twice."""
        if routing.hedge is None or len(tried) >= routing.retries.attempts:
            return None
        pick = self.pick(targets, routing, scope=scope, stream=stream, tried=tried, now=now)
        if pick is None:
            return None
        if pick.probe or not budget.take_hedge(routing.hedge.budget, now):
            pick.abandoned(now)
            return None
        return pick

    def closed(self, targets: Sequence[Target], routing: Routing, *, scope: str = "", now: float) -> Closed:
        """Return when a target may be asked again, and why not now."""
        plan = self._plan(targets, routing, scope, now)
        soonest = Closed(1.0, None)
        for seat in (seat for tier in plan.tiers for seat in tier):
            breaker = seat.health.breaker
            seconds = breaker.opens_in(now)
            if soonest.why is None or seconds < soonest.seconds:
                soonest = Closed(seconds, breaker.why or "overloaded")
        return soonest

    def view(self, now: float) -> list[TargetHealth]:
        """Return every target as people see it, by project and key."""
        return [self._healths[place].view(now) for place in sorted(self._healths)]

    def view_used(self, now: float) -> list[TargetHealth]:
        """Return the targets that requests were sent to in the last hour, by project and key."""
        return [
            health.view(now)
            for _, health in sorted(self._healths.items())
            if health.used_at and (health.in_flight or now - health.used_at < IDLE_SECONDS)
        ]

    def reset(self, scope: str, key: str) -> None:
        """Close a target's breaker because a person says so; nothing where it is closed or unknown."""
        health = self._healths.get((scope, key))
        if health is not None:
            health.breaker.reset()

    def _of_tier(
        self, plan: Plan, tier: tuple[Seat, ...], session: str | None, stream: bool, tried: Sequence[str], now: float
    ) -> Seat | None:
        healthy: list[Seat] | tuple[Seat, ...] = tier
        probes: list[Seat] = []
        for seat in tier:
            if not seat.health.breaker.is_closed or (tried and seat.key in tried):
                healthy, probes = _sorted_out(tier, tried, now)
                break
        if plan.is_sticky and session is not None and (healthy or probes):
            return home_of([*healthy, *probes] if probes else healthy, session)
        # A target that waits for its probe gets the next request that has another chance left.
        if probes and not (tried and healthy):
            return probes[0]
        if len(healthy) > 1:
            return plan.choose(healthy, plan, self._random, now, stream)
        return healthy[0] if healthy else None

    def _of_tried(self, plan: Plan, tried: Sequence[str], now: float) -> Seat | None:
        """Return the least tried of the targets that may be asked, in the order of tiers; closed breakers first."""
        best, fewest = None, (True, 0)
        for tier in plan.tiers:
            for seat in tier:
                breaker = seat.health.breaker
                rank = (not breaker.is_closed, tried.count(seat.key))
                if (best is None or rank < fewest) and breaker.admits(now):
                    best, fewest = seat, rank
        return best

    def _take(self, seat: Seat, stream: bool, now: float) -> Pick:
        health = seat.health
        speed = health.streams if stream else health.wholes
        speed.in_flight += 1
        health.in_flight += 1
        health.used_at = now
        return Pick(seat.target, health.key, health, speed, health.breaker.enter(now), now)

    def _plan(self, targets: Sequence[Target], routing: Routing, scope: str, now: float) -> Plan:
        # By identity: a snapshot's arms are the same objects for every request. The plan holds both, so that neither
        # address is given to something else while the plan is remembered.
        place = (id(targets), id(routing), scope)
        plan = self._plans.get(place)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
                self._forget_idle(now)
            plan = self._plans[place] = Plan(targets, routing, lambda key: self._health(scope, key))
        return plan

    def _health(self, scope: str, key: str) -> Health:
        found = self._healths.get((scope, key))
        if found is None:
            found = self._healths[scope, key] = Health(scope, key, self._rules)
        return found

    def _forget_idle(self, now: float) -> None:
        """Let go of what a gateway that runs for months would otherwise keep. Only while no plan holds it."""
        if len(self._healths) >= _MOST_KNOWN:
            self._healths = {
                place: health
                for place, health in self._healths.items()
                if health.in_flight or now - health.used_at < IDLE_SECONDS
            }
        if len(self._budgets) >= _MOST_KNOWN:
            self._budgets = {
                place: budget for place, budget in self._budgets.items() if now - budget.used_at < IDLE_SECONDS
            }


def _sorted_out(tier: tuple[Seat, ...], tried: Sequence[str], now: float) -> tuple[list[Seat], list[Seat]]:
    """Return those of a tier that were not tried: the healthy ones, and those that wait for their probe."""
    healthy, probes = [], []
    for seat in tier:
        if seat.key in tried:
            continue
        if seat.health.breaker.is_closed:
            healthy.append(seat)
        elif seat.health.breaker.admits(now):
            probes.append(seat)
    return healthy, probes
