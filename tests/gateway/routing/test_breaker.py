"""When a target is left alone, and how it comes back."""

from __future__ import annotations

import pytest

from treadle.gateway.routing.breaker import Breaker, BreakerRules

RULES = BreakerRules(failures_in_a_row=3, least_attempts=10, open_seconds=1.0, most_open_seconds=4.0)


@pytest.fixture
def breaker() -> Breaker:
    """
    A breaker that opens after three failures in a row, for one second.
    """
    return Breaker(RULES)


def failing(breaker: Breaker, times: int, now: float) -> None:
    """Fail several attempts, each let in before."""
    for _ in range(times):
        breaker.fail(breaker.enter(now), "server_error", now)


def test_failures_in_a_row(breaker: Breaker) -> None:
    """
    The third failure in a row opens it.
    """
    failing(breaker, 2, 10.0)
    closed_before = breaker.is_closed

    failing(breaker, 1, 10.0)

    assert closed_before
    assert not breaker.admits(10.9)
    assert "server_error" == breaker.why


def test_a_success_between_failures(breaker: Breaker) -> None:
    """
    A success starts the count of failures in a row anew.
    """
    failing(breaker, 2, 10.0)
    breaker.succeed(0, 10.0)

    failing(breaker, 2, 10.0)

    assert breaker.is_closed


def test_half_of_the_attempts_fail(breaker: Breaker) -> None:
    """
    Half of ten recent attempts open it, though no three failed in a row.
    """
    for _ in range(5):
        breaker.succeed(0, 10.0)
        failing(breaker, 1, 10.0)

    assert not breaker.is_closed


def test_failures_of_long_ago(breaker: Breaker) -> None:
    """
    What failed two windows ago is forgotten.
    """
    for now in (10.0, 100.0):
        for _ in range(4):
            breaker.succeed(0, now)
            failing(breaker, 1, now)

    assert breaker.is_closed


def test_target_asks_to_be_left_alone(breaker: Breaker) -> None:
    """
    Retry-After opens it at once, for that time.
    """
    breaker.fail(breaker.enter(10.0), "rate_limited", 10.0, retry_after=7.5)

    assert not breaker.admits(17.4)
    assert breaker.admits(17.5)


def test_only_one_probe(breaker: Breaker) -> None:
    """
    After the pause one attempt is let through, and no other until that has a verdict.
    """
    failing(breaker, 3, 10.0)

    first_admitted = breaker.admits(11.0)
    probe = breaker.enter(11.0)

    assert first_admitted
    assert probe
    assert not breaker.admits(11.0)
    assert not breaker.admits(60.0)


def test_probe_succeeds(breaker: Breaker) -> None:
    """
    A good probe closes it, and the count of openings begins anew.
    """
    failing(breaker, 3, 10.0)
    breaker.succeed(breaker.enter(11.0), 11.0)

    failing(breaker, 3, 12.0)

    assert not breaker.admits(12.9)
    assert breaker.admits(13.0)


def test_probe_fails(breaker: Breaker) -> None:
    """
    Each failed probe doubles the pause, up to the most that is allowed.
    """
    failing(breaker, 3, 0.0)
    now, pauses = 0.0, []

    for _ in range(4):
        pause = breaker.opens_in(now)
        now += pause
        pauses.append(pause)
        breaker.fail(breaker.enter(now), "refused", now)

    assert [1.0, 2.0, 4.0, 4.0] == pauses


def test_probe_is_abandoned(breaker: Breaker) -> None:
    """
    A probe that nobody waited for says nothing; the next attempt is the probe.
    """
    failing(breaker, 3, 10.0)
    breaker.abandon(breaker.enter(11.0))

    again = breaker.admits(11.0)

    assert again
    assert not breaker.is_closed


def test_probe_is_told_no(breaker: Breaker) -> None:
    """
    A target that refuses what is asked is alive: its breaker closes.
    """
    failing(breaker, 3, 10.0)

    breaker.answered(breaker.enter(11.0))

    assert breaker.is_closed


def test_late_news_from_before(breaker: Breaker) -> None:
    """
    An attempt that began before it opened neither closes it nor spends its probe.
    """
    late = breaker.enter(10.0)
    failing(breaker, 3, 10.0)

    breaker.succeed(late, 10.5)
    breaker.fail(late, "broken", 10.5)

    assert not breaker.admits(10.9)
    assert breaker.admits(11.0)


def test_probe_is_lost(breaker: Breaker) -> None:
    """
    A probe that never ends does not keep a target away for ever, and its late verdict says nothing.
    """
    failing(breaker, 3, 10.0)
    lost = breaker.enter(11.0)
    probe = breaker.enter(2000.0) if breaker.admits(2000.0) else 0

    breaker.succeed(lost, 2001.0)

    assert probe
    assert not breaker.is_closed
