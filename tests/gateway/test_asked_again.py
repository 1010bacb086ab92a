"""Answers that do not fit and are asked for once more: what is kept of both, what they cost, how long they may take."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway.harness import Plane
from tests.gateway.upstreams import ask_once, provide, serve, trace
from tests.gateway.wall import Fault, Wall
from treadle.gateway.types import Clocks, GuardRule, Refinement, Retries, Routing, Target
from treadle.traces.pricing import Price

FITS = Refinement(json_schema={"type": "object", "required": ["city"]}, ask_again=True)
ONCE = Refinement(json_schema={"type": "object", "required": ["city"]})
MASK = GuardRule(name="no mail", check="pii", stage="output", action="mask")
MAIL = "ana@example.org"
GOOD = '{"city": "Ulm"}'
CENT = Price(input_usd_per_token=Decimal("0.01"), output_usd_per_token=Decimal("0.01"), source="test")
MILL = Price(input_usd_per_token=Decimal("0.001"), output_usd_per_token=Decimal("0.001"), source="test")


@pytest.fixture
def wall(plane: Plane) -> Iterator[Wall]:
    """
    An upstream behind the provider 'open'.
    """
    with Wall() as made:
        provide(plane, made, "open")
        yield made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("refinement", [ONCE, FITS])
def test_an_answer_that_no_guard_has_seen(
    plane: Plane, key: str, wall: Wall, refinement: Refinement, stream: bool
) -> None:
    """
    What did not fit is counted, and not kept before the guards have looked at it.
    """
    serve(plane, "support", Target(provider="open", model="m"), arm_={"refinement": refinement, "guards": (MASK,)})
    wall.behave("m", Fault(text=f"write to {MAIL}"))

    got = ask_once(plane, key, "chat", "support", stream=stream)

    span = trace(plane, got.trace_id).span
    assert (502, "schema_unmet") == (got.status, got.code)
    assert MAIL not in span.model_dump_json()
    assert (span.output_tokens or 0) >= 3


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_fits_at_last(plane: Plane, key: str, wall: Wall, stream: bool) -> None:
    """
    The second question repeats the first answer, which no guard has seen: the record does not.
    """
    serve(plane, "support", Target(provider="open", model="m"), arm_={"refinement": FITS, "guards": (MASK,)})
    wall.behave("m", Fault(text=f"write to {MAIL}"), Fault(text=GOOD))

    got = ask_once(plane, key, "chat", "support", stream=stream)

    span = trace(plane, got.trace_id).span
    assert 200 == got.status
    assert MAIL in str(wall.requests[-1].body)
    assert MAIL not in span.model_dump_json()


def test_each_answer_at_its_own_price(plane: Plane, key: str, wall: Wall) -> None:
    """
    Failures on the way to either answer stay on the record, and each answer costs what its own target takes.
    """
    targets = [
        Target(provider="open", model="a", price=CENT),
        Target(provider="open", model="b", priority=1, price=MILL),
    ]
    serve(plane, "support", *targets, arm_={"refinement": FITS})
    wall.behave("a", Fault(status=500), Fault(text=GOOD))
    wall.behave("b", Fault(text="no json"))

    got = ask_once(plane, key, "chat", "support")

    span = trace(plane, got.trace_id).span
    each = (span.input_tokens or 0) // 2 + (span.output_tokens or 0) // 2
    assert ["a", "b", "a"] == [seen.body["model"] for seen in wall.requests]
    assert each * (Decimal("0.01") + Decimal("0.001")) == span.cost_usd
    assert ["open/a"] == [failed["target"] for failed in span.attributes["treadle.attempts.failed"]]
    assert "rescued" in span.attributes["treadle.signals"]


def test_one_clock_for_both(plane: Plane, key: str, wall: Wall) -> None:
    """
    The total clock does not start anew with the second question.
    """
    routing = Routing(clocks=Clocks(total_seconds=2.0), retries=Retries(attempts=1))
    more: dict[str, Any] = {"arm_": {"refinement": FITS}, "routing": routing}
    serve(plane, "support", Target(provider="open", model="m"), **more)
    wall.behave("m", Fault(text="no json", before_first=1.2), Fault(text=GOOD, before_first=1.2))

    got = ask_once(plane, key, "chat", "support")

    assert (504, "upstream_timeout") == (got.status, got.code)
