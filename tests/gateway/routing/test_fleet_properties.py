"""Whatever happens in whatever order: what a fleet never does."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from treadle.gateway.routing.failures import RULES
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.routing.health import Pick
from treadle.gateway.routing.words import FailureKind
from treadle.gateway.types import Routing, Strategy, Target

TARGETS = tuple(
    Target(provider=name, model="m", weight=weight, priority=priority)
    for name, weight, priority in (("a", 1.0, 0), ("b", 2.0, 0), ("c", 0.0, 0), ("d", 1.0, 1), ("e", 1.0, 2))
)
BY_KEY = {target.key: target for target in TARGETS}
STRATEGIES: tuple[Strategy, ...] = ("weighted", "latency", "least_busy", "cheapest")


class FleetMachine(RuleBasedStateMachine):
    """Requests, verdicts and time in any order."""

    picks = Bundle("picks")

    @initialize(strategy=st.sampled_from(STRATEGIES), sticky=st.booleans(), seed=st.integers(0, 99))
    def begin(self, strategy: Strategy, sticky: bool, seed: int) -> None:
        """Start with a fleet that knows nothing."""
        self.now = 1000.0
        self.fleet = Fleet(random.Random(seed).random)
        self.routing = Routing(strategy=strategy, sticky=sticky)
        self.under_way: list[Pick] = []

    @rule(
        target=picks,
        session=st.sampled_from([None, "s", "t", "u"]),
        tried=st.lists(st.sampled_from(sorted(BY_KEY)), max_size=3),
    )
    def ask(self, session: str | None, tried: list[str]) -> Pick | None:
        """Begin an attempt."""
        closed = {key for key in BY_KEY if self._is_closed(key)}
        admitted = {key for key in BY_KEY if self._admits(key)}

        pick = self.fleet.pick(TARGETS, self.routing, session=session, tried=tried, now=self.now)

        if pick is None:
            assert not admitted
            return None
        self.under_way.append(pick)
        assert pick.key in admitted, "a target that is open was picked"
        assert (pick.probe != 0) == (pick.key not in closed)
        lower = [key for key in closed - set(tried) if BY_KEY[key].priority < pick.target.priority]
        assert not lower, "a lower tier had a healthy target that was not tried"
        if pick.key in tried:
            assert not closed - set(tried), "one that was tried, though a healthy one was not"
        return pick

    @rule(pick=consumes(picks), kind=st.sampled_from(sorted(RULES)), retry_after=st.sampled_from([None, 0.5, 20.0]))
    def fail(self, pick: Pick | None, kind: FailureKind, retry_after: float | None) -> None:
        """End an attempt badly."""
        if pick is not None:
            pick.failed(kind, self.now, retry_after)
            self.under_way.remove(pick)

    @rule(pick=consumes(picks), twice=st.booleans())
    def succeed(self, pick: Pick | None, twice: bool) -> None:
        """End an attempt well, and tell so again."""
        if pick is not None:
            pick.first_token(self.now)
            pick.succeeded(self.now)
            self.under_way.remove(pick)
            if twice:
                pick.failed("broken", self.now)
                pick.abandoned(self.now)

    @rule(pick=consumes(picks))
    def leave(self, pick: Pick | None) -> None:
        """Let the caller go."""
        if pick is not None:
            pick.abandoned(self.now)
            self.under_way.remove(pick)

    @rule(seconds=st.floats(0.0, 20.0))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def outage_of_a(self) -> None:
        """Open the breaker of one target by failures in a row, as far as it lets attempts in."""
        alone = (BY_KEY["a/m"],)
        for _ in range(5):
            pick = self.fleet.pick(alone, Routing(), now=self.now)
            if pick is not None:
                pick.failed("refused", self.now)

    @invariant()
    def in_flight_is_what_is_under_way(self) -> None:
        """The numbers in flight are those of the attempts under way, so never negative."""
        if hasattr(self, "fleet"):
            seen = {view.key: view.in_flight for view in self.fleet.view(self.now)}
            assert {key: sum(pick.key == key for pick in self.under_way) for key in seen} == seen

    @invariant()
    def one_probe_each(self) -> None:
        """No target has two probes under way."""
        probes = [pick.key for pick in getattr(self, "under_way", []) if pick.probe]
        assert len(probes) == len(set(probes))

    def _is_closed(self, key: str) -> bool:
        return not any(view.state != "closed" for view in self.fleet.view(self.now) if view.key == key)

    def _admits(self, key: str) -> bool:
        return self.fleet.closed((BY_KEY[key],), self.routing, now=self.now).seconds == 0.0


TestFleet = FleetMachine.TestCase
TestFleet.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
