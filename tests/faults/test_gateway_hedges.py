"""Hedging: a second request when the first is slow. Who answers, who is let go, and what it may cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.faults.test_gateway_leaving import CHANCES, PROMISED
from tests.gateway.harness import Plane, wait_for
from tests.gateway.upstreams import QUESTION, Heard, ask_all, ask_once, provide, serve, served_limits, trace
from tests.gateway.wall import FOREVER, TEXT, Fault, Wall
from tests.gateway.wall_shapes import INPUT_TOKENS
from treadle.gateway.counting import estimate_tokens
from treadle.gateway.limits import service as limits
from treadle.gateway.limits.types import SetLimit
from treadle.gateway.routing.fleet import LEAST_FOR_P95
from treadle.gateway.types import Clocks, Hedge, Retries, Routing, Target
from treadle.traces.pricing import Price

PATIENT = Clocks(connect_seconds=10, first_token_seconds=20, between_seconds=20, total_seconds=30)
HEDGED = Routing(clocks=PATIENT, hedge=Hedge(min_seconds=0.1), retries=Retries(base_seconds=0.001))
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


CHEAP, DEAR = Decimal("0.001"), Decimal("0.01")
"""USD for each token of the first and the second target."""


class Hedges:
    """An endpoint of two targets whose first one is known to be fast."""

    def __init__(self, plane: Plane, key: str, wall: Wall) -> None:
        self.plane = plane
        self.wall = wall
        self.key = key
        self.longest = 0.0
        """Seconds that the slowest of the answers before took at most: their p95 is no more."""

    def ask(self, *, stream: bool = False, count: int = 1) -> list[Heard]:
        """Send requests at once."""
        return ask_all(self.plane, self.key, [("chat", "support")] * count, stream=stream)

    def asked(self, model: str) -> int:
        """Return how often a model was asked."""
        return sum(1 for seen in self.wall.requests if seen.body["model"] == model)

    def told(self, got: Heard) -> tuple[Any, Any, Any]:
        """Return what the trace says: which model answered, whether it was hedged, its signals."""
        found = trace(self.plane, got.trace_id).span.attributes
        return found.get("gen_ai.request.model"), found.get("treadle.hedged"), found.get("treadle.signals")

    def slow(self) -> float:
        """Return how long the first target must be silent to be overtaken for sure, however busy this machine was."""
        return self.longest + 0.3

    def in_flight(self) -> int:
        """Return how many attempts did not end."""
        views = self.plane.data_plane.fleet.view(time.monotonic())
        return sum(each.in_flight for each in views if each.scope == self.plane.ctx.project_id)


def _price(usd: Decimal) -> Price:
    return Price(input_usd_per_token=usd, output_usd_per_token=usd, source="test")


@pytest.fixture
def hedges(request: pytest.FixtureRequest, plane: Plane, key: str) -> Iterator[Hedges]:
    """
    The endpoint, after as many fast answers of the kind that the test asks for as hedging needs to know.
    """
    is_stream = getattr(request.node, "callspec", None) is not None and request.node.callspec.params["stream"]
    with Wall() as wall:
        provide(plane, wall, "open")
        targets = [
            Target(provider="open", model="first", price=_price(CHEAP)),
            Target(provider="open", model="second", priority=1, price=_price(DEAR)),
        ]
        serve(plane, "support", *targets, routing=HEDGED)
        made = Hedges(plane, key, wall)
        for _ in range(2):
            began = time.monotonic()
            assert {200} == {got.status for got in made.ask(stream=is_stream, count=LEAST_FOR_P95 // 2)}
            made.longest = max(made.longest, time.monotonic() - began)
        wall.requests.clear()
        yield made


@BOTH
def test_the_second_answers(hedges: Hedges, stream: bool) -> None:
    """
    A first request that is silent beyond the p95 is overtaken, hung up on within a second, and nobody's failure.
    """
    hedges.wall.behave("first", Fault(before_head=FOREVER))

    took: list[float] = []
    while not took or (took[-1] > PROMISED and len(took) < CHANCES):
        (got,) = hedges.ask(stream=stream)
        done = time.monotonic()
        wait_for(lambda: len(hedges.wall.disconnects) > len(took))
        took.append(hedges.wall.disconnects[-1] - done)

    assert ((200, None, True), TEXT) == (got.short, got.text)
    assert (len(took), len(took)) == (hedges.asked("first"), hedges.asked("second"))
    assert ("second", True, None) == hedges.told(got)
    assert min(took) < PROMISED
    wait_for(lambda: hedges.in_flight() == 0)


@BOTH
def test_the_first_answers_after_all(hedges: Hedges, stream: bool) -> None:
    """
    The first request may still win; then the second one is let go.
    """
    hedges.wall.behave("first", Fault(before_head=hedges.slow()))
    hedges.wall.behave("second", Fault(before_head=FOREVER))

    (got,) = hedges.ask(stream=stream)

    assert ((200, None, True), TEXT) == (got.short, got.text)
    assert ("first", True, None) == hedges.told(got)
    wait_for(lambda: len(hedges.wall.disconnects) == 1)
    wait_for(lambda: hedges.in_flight() == 0)


@BOTH
def test_what_the_slower_one_costs(hedges: Hedges, stream: bool) -> None:
    """
    Whoever is let go is paid for what it was sent: both are counted, each at its own price, and the loser is named.
    """
    hedges.wall.behave("first", Fault(before_head=FOREVER))

    (got,) = hedges.ask(stream=stream)

    span = trace(hedges.plane, got.trace_id).span
    sent = estimate_tokens(QUESTION)
    assert sent + INPUT_TOKENS == span.input_tokens
    assert sent * CHEAP + (INPUT_TOKENS + (span.output_tokens or 0)) * DEAR == span.cost_usd
    assert ["open/first"] == span.attributes["treadle.attempts.lost"]


def test_a_reservation_for_both(hedges: Hedges) -> None:
    """
    Where two may answer, as much is reserved as two may use.
    """
    new = SetLimit(scope="project", unit="tokens", amount=1000, window="month")
    asyncio.run(limits.set_limit(hedges.plane.ctx, new))
    wait_for(lambda: served_limits(hedges.plane))

    create = hedges.plane.openai(hedges.key).chat.completions.create
    create(model="support", messages=[{"role": "user", "content": "hi"}], max_tokens=300)
    with pytest.raises(openai.RateLimitError) as caught:
        create(model="support", messages=[{"role": "user", "content": "hi"}], max_tokens=600)

    assert "request_over_limit" == caught.value.code


def test_the_first_fails_meanwhile(hedges: Hedges) -> None:
    """
    A first request that fails while the second is under way is made good by it.
    """
    slow = hedges.slow()
    hedges.wall.behave("first", Fault(before_head=slow, status=500))
    hedges.wall.behave("second", Fault(before_head=2 * slow))

    (got,) = hedges.ask()

    assert 200 == got.status
    assert "rescued" in hedges.told(got)[2]


def test_both_fail(hedges: Hedges) -> None:
    """
    When both fail the caller gets one error, and nothing is left open.
    """
    hedges.wall.behave("*", Fault(before_head=hedges.slow(), status=500))

    (got,) = hedges.ask()

    assert (502, "upstream_failed", False) == got.short
    assert hedges.asked("first") + hedges.asked("second") <= HEDGED.retries.attempts
    wait_for(lambda: hedges.in_flight() == 0)


def test_the_budget_of_hedges(hedges: Hedges) -> None:
    """
    When everything is slow only a few requests are sent twice: 5 % of them and three.
    """
    hedges.wall.behave("first", Fault(before_head=hedges.slow()))

    got = hedges.ask(count=20)

    assert {200} == {each.status for each in got}
    assert 20 == hedges.asked("first")
    assert 1 <= hedges.asked("second") <= 3 + 0.05 * (LEAST_FOR_P95 + 20)


def test_no_hedge_is_asked_for(plane: Plane, key: str) -> None:
    """
    An endpoint that does not hedge sends one request, however slow.
    """
    with Wall() as wall:
        provide(plane, wall, "open")
        targets = [Target(provider="open", model=name) for name in ("one", "two")]
        serve(plane, "plain", *targets, routing=Routing(clocks=PATIENT))
        ask_all(plane, key, [("chat", "plain") for _ in range(2 * LEAST_FOR_P95)])
        wall.requests.clear()
        wall.behave("*", Fault(before_head=0.5))

        got = ask_once(plane, key, "chat", "plain")

        assert (200, 1) == (got.status, len(wall.requests))
