"""What one target is known to do: its speed, what it has in flight, its breaker; and the ticket for one attempt at it.

A health outlives every snapshot: a new configuration does not forget that a target is down.
"""

from __future__ import annotations

from msgspec import Struct

from treadle.gateway.routing.breaker import Breaker, BreakerRules
from treadle.gateway.routing.estimates import SLOW_SHARE, PeakAverage, Speed
from treadle.gateway.routing.failures import RULES
from treadle.gateway.routing.recent import Recent
from treadle.gateway.routing.words import FailureKind, State
from treadle.gateway.types import Target

LATELY_SECONDS = 60.0
"""What is counted as of late covers one to two times as long."""


class TargetHealth(Struct, frozen=True, kw_only=True):
    """A target as people see it."""

    scope: str
    """The project whose target it is."""
    key: str
    in_flight: int
    latency_ms: float | None
    """Peak-sensitive average to the end of answers, streams included; None before the first."""
    first_token_ms: float | None
    """The same to the first content of streams."""
    first_token_p95_ms: float | None
    why: FailureKind | None
    """What opened it."""
    state: State
    """Its breaker in one word."""
    opens_in_seconds: float
    """Until an attempt may be made; 0 where it may be made now."""
    attempts: int
    """That ended with a verdict, since this worker began."""
    failures: int
    """Those that spoke against it."""
    lately: int
    """Attempts of the last minute or two."""
    failed_lately: int
    """Those of them that spoke against it."""
    failure: FailureKind | None
    """How the last of them failed; None where none has."""
    failed_ago_seconds: float | None
    """How long ago that was."""


class Health:
    """What is known of one target in this worker."""

    __slots__ = (
        "attempts",
        "breaker",
        "failed_at",
        "failure",
        "failures",
        "in_flight",
        "key",
        "lately",
        "latency",
        "scope",
        "streams",
        "used_at",
        "wholes",
    )

    def __init__(self, scope: str, key: str, rules: BreakerRules) -> None:
        self.scope = scope
        self.key = key
        self.in_flight = 0
        """Attempts that were begun and did not end."""
        self.latency = PeakAverage()
        """To the end of answers, whatever they are."""
        self.streams, self.wholes = Speed(), Speed()
        self.breaker = Breaker(rules)
        self.used_at = 0.0
        """When it was last picked."""
        self.attempts = self.failures = 0
        """How many ended with a verdict, and how many of those spoke against it."""
        self.lately = Recent(LATELY_SECONDS)
        self.failure: FailureKind | None = None
        """How it failed last."""
        self.failed_at = 0.0

    def count(self, now: float, failure: FailureKind | None = None) -> None:
        """Count an attempt that ended; failure: what spoke against the target."""
        self.attempts += 1
        if failure is None:
            self.lately.count(now)
        else:
            self.failures += 1
            self.failure, self.failed_at = failure, now
            self.lately.count(now, 1, 1)

    def view(self, now: float) -> TargetHealth:
        """Return it as people see it."""
        latency, first, p95 = self.latency, self.streams.average, self.streams.times.quantile(SLOW_SHARE)
        lately, failed_lately = self.lately.read(now)
        return TargetHealth(
            scope=self.scope,
            key=self.key,
            in_flight=self.in_flight,
            latency_ms=None if latency.observed_at is None else latency.value * 1000.0,
            first_token_ms=None if first.observed_at is None else first.value * 1000.0,
            first_token_p95_ms=None if p95 is None else p95 * 1000.0,
            why=self.breaker.why,
            state=self.breaker.state(now),
            opens_in_seconds=self.breaker.opens_in(now),
            attempts=self.attempts,
            failures=self.failures,
            lately=lately,
            failed_lately=failed_lately,
            failure=self.failure,
            failed_ago_seconds=None if self.failure is None else now - self.failed_at,
        )


class Pick(Struct):
    """A target for one attempt, and the ticket by which its end is told.

    Exactly one of `succeeded`, `failed` and `abandoned` ends it; what is told after the first does nothing, so that
    `abandoned` may stand in a `finally`.
    """

    target: Target
    key: str
    """`target.key`: what belongs into `tried`."""
    health: Health
    """What is known of its target."""
    speed: Speed
    """Its speed with requests of this kind."""
    probe: int
    """Its number as a probe, whose end decides if the target is used again; 0 where it is none."""
    began: float
    """Monotonic seconds."""
    is_first: bool = True
    """Whether no content of its stream has come."""
    is_under_way: bool = True

    def begin_at(self, now: float) -> None:
        """Count its time from a later moment: it waits before it is sent."""
        self.began = now

    def first_token(self, now: float) -> None:
        """Tell that the first content of a stream came. Only the first call counts."""
        if self.is_first and self.is_under_way:
            self.is_first = False
            self.speed.observe(now - self.began, now)

    def succeeded(self, now: float, tokens: int = 0) -> None:
        """Tell that the whole answer came. tokens: how many were written, where it came at once; 0 where that is not known."""
        if self.is_under_way:
            self._leave()
            health, seconds = self.health, now - self.began
            if self.is_first:
                self.speed.observe(seconds, now, tokens)
            health.latency.observe(seconds, now)
            health.breaker.succeed(self.probe, now)
            health.count(now)

    def failed(self, kind: FailureKind, now: float, retry_after: float | None = None) -> None:
        """Tell that it failed. retry_after: seconds, where the target stated them."""
        if not self.is_under_way:
            return
        self._leave()
        health = self.health
        if RULES[kind].counts:
            # A failure never makes a target look fast: only what took longer than usual is news.
            self._waited(now, 0)
            health.breaker.fail(self.probe, kind, now, retry_after)
            health.count(now, kind)
        else:
            health.breaker.answered(self.probe)
            health.count(now)

    def abandoned(self, now: float, tokens: int = 0) -> None:
        """Tell that nobody waits for it any more: no verdict, though it does take longer than this. tokens: of the answer that
        came from elsewhere meanwhile, where one did."""
        if self.is_under_way:
            self._leave()
            self._waited(now, tokens)
            self.health.breaker.abandon(self.probe)

    def _waited(self, now: float, tokens: int) -> None:
        seconds = now - self.began
        self.health.latency.raise_to(seconds, now)
        if self.is_first:
            self.speed.waited(seconds, now, tokens)

    def _leave(self) -> None:
        self.is_under_way = False
        self.health.in_flight -= 1
        self.speed.in_flight -= 1
