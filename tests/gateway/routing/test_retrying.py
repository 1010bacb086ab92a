"""What is tried again, how often, and after what pause."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.gateway.routing.budget import A_FEW, RECENT_SECONDS, Budget
from treadle.gateway.routing.failures import backoff_seconds, kind_of_status, should_retry
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.types import Retries, Routing, Target

ONE = (Target(provider="a", model="m"),)
TWO = (Target(provider="a", model="m"), Target(provider="b", model="m", priority=1))
ROUTING = Routing(retries=Retries(attempts=3, base_seconds=0.1, budget=0.2))


@pytest.fixture
def fleet() -> Fleet:
    """
    A fleet whose dice repeat.
    """
    return Fleet(random.Random(5).random)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_a_status_that_may_pass(status: int) -> None:
    """
    What the target may get over is tried again.
    """
    assert should_retry(kind_of_status(status), 1, Retries())


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422, 451, 501])
def test_a_status_that_stays(status: int) -> None:
    """
    A request that is at fault itself is not repeated.
    """
    assert not should_retry(kind_of_status(status), 1, Retries())


def test_attempts_are_used_up() -> None:
    """
    Three attempts are three, not four.
    """
    assert should_retry("broken", 2, Retries(attempts=3))
    assert not should_retry("broken", 3, Retries(attempts=3))


@settings(max_examples=100)
@given(st.integers(1, 40), st.floats(0.0, 1.0, exclude_max=True))
def test_backoff(repetition: int, drawn: float) -> None:
    """
    The pause lies between 0 and base x 2^(n-1), never over 5 s.
    """
    pause = backoff_seconds(repetition, Retries(base_seconds=0.1), drawn)

    assert 0.0 <= pause <= min(5.0, 0.1 * 2 ** (repetition - 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), max_size=200), st.floats(0.01, 1.0))
def test_retry_budget(events: list[tuple[float, bool]], share: float) -> None:
    """
    Within any two windows repetitions are at most the share of the requests, plus a few.
    """
    budget, now = Budget(), 100.0
    asked: list[float] = []
    taken: list[float] = []

    for pause, retries in events:
        now += pause
        if not retries:
            budget.asked(now)
            asked.append(now)
        elif budget.take_retry(share, now):
            taken.append(now)
            since = now - RECENT_SECONDS
            recent = sum(at > since - RECENT_SECONDS for at in asked)
            assert sum(at > since for at in taken) <= A_FEW + share * recent


def test_hedges_have_a_budget_of_their_own() -> None:
    """
    Hedges are counted apart from repetitions.
    """
    budget = Budget()
    budget.asked(1.0)

    retries = sum(budget.take_retry(0.2, 1.0) for _ in range(20))
    hedges = sum(budget.take_hedge(0.05, 1.0) for _ in range(20))

    assert (A_FEW, A_FEW) == (retries, hedges)


def test_another_target_is_asked_at_once(fleet: Fleet) -> None:
    """
    What failed on one target goes to another without a pause.
    """
    budget = fleet.budget("p", "e")
    first = fleet.pick(TWO, ROUTING, now=1.0)
    assert first is not None
    first.failed("server_error", 1.0)

    again = fleet.again("server_error", TWO, ROUTING, budget, tried=[first.key], now=1.0)

    assert again is not None
    assert again.pick is not None
    assert ("b/m", 0.0) == (again.pick.key, again.wait_seconds)


def test_the_only_target_is_asked_again_after_a_pause(fleet: Fleet) -> None:
    """
    The same target gets a pause, and its time counts from the end of the pause.
    """
    budget = fleet.budget("p", "e")

    again = fleet.again("broken", ONE, ROUTING, budget, tried=["a/m"], now=1.0)
    assert again is not None
    assert again.pick is not None
    again.pick.succeeded(1.0 + again.wait_seconds + 0.25)

    assert 0.0 < again.wait_seconds < 0.1
    assert 0.25 == pytest.approx(fleet.view(2.0)[0].latency_ms / 1000.0)  # type: ignore[operator]


def test_our_key_for_the_target_is_refused(fleet: Fleet) -> None:
    """
    401 goes to another target, and never back to the same one.
    """
    budget = fleet.budget("p", "e")

    elsewhere = fleet.again("unauthorized", TWO, ROUTING, budget, tried=["a/m"], now=1.0)
    nowhere = fleet.again("unauthorized", ONE, ROUTING, budget, tried=["a/m"], now=1.0)

    assert elsewhere is not None
    assert nowhere is None
    assert {"a/m": 0, "b/m": 1} == {seen.key: seen.in_flight for seen in fleet.view(1.0)}


def test_a_short_retry_after_is_waited_for(fleet: Fleet) -> None:
    """
    Where the only target asks for a second, the request waits that second and a little more.
    """
    budget, first = fleet.budget("p", "e"), fleet.pick(ONE, ROUTING, now=1.0)
    assert first is not None
    first.failed("rate_limited", 1.0, retry_after=1.0)

    again = fleet.again("rate_limited", ONE, ROUTING, budget, tried=["a/m"], now=1.0, retry_after=1.0)

    assert again is not None
    assert again.pick is None
    assert 1.0 <= again.wait_seconds <= 1.5
    assert fleet.pick(ONE, ROUTING, tried=["a/m"], now=1.0 + again.wait_seconds) is not None


def test_a_long_retry_after_is_passed_on(fleet: Fleet) -> None:
    """
    Where the only target asks for a minute, the caller is told so.
    """
    budget, first = fleet.budget("p", "e"), fleet.pick(ONE, ROUTING, now=1.0)
    assert first is not None
    first.failed("rate_limited", 1.0, retry_after=60.0)

    again = fleet.again("rate_limited", ONE, ROUTING, budget, tried=["a/m"], now=1.0, retry_after=60.0)

    assert again is None
    assert (60.0, "rate_limited") == fleet.closed(ONE, ROUTING, now=1.0)


def test_an_outage(fleet: Fleet) -> None:
    """
    A thousand requests that all fail are repeated at most two hundred times and a few.
    """
    budget, attempts = fleet.budget("p", "e"), 0

    for request in range(1000):
        now = request / 1000.0
        budget.asked(now)
        tried = ["a/m"]
        while (again := fleet.again("busy", ONE, ROUTING, budget, tried=tried, now=now)) and again.pick:
            attempts += 1
            tried.append(again.pick.key)
            again.pick.failed("busy", now)

    assert 195 <= attempts <= 200 + A_FEW
