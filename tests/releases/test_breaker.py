"""The hard breaker: when a run of failures means something, and when it does not."""

from __future__ import annotations

import numpy as np

from treadle.releases.rollouts.breaker import Run, follow, has_tripped, run_that_trips
from treadle.releases.rollouts.evidence import Evidence, Outcome, observe, start


def _errors(stable_units: int, stable_bad: int) -> Evidence:
    return Evidence(margin=1.5, stable_units=stable_units, stable_bad=stable_bad)


def test_five_failures_trip_where_failing_is_rare() -> None:
    """
    After 500 clean stable requests the plan's run of 5 stands; with 10 of 200 failed it takes 6.
    """
    assert 5 == run_that_trips(5, _errors(500, 0), horizon_units=1000)
    assert 6 == run_that_trips(5, _errors(200, 10), horizon_units=1000)


def test_breaker_is_off_where_failing_is_common() -> None:
    """
    At a base rate of 40 % no run that is short enough to be useful rules out chance.
    """
    assert run_that_trips(5, _errors(500, 200), horizon_units=1000) is None


def test_breaker_is_off_before_the_stable_release_was_seen() -> None:
    """
    Ten stable requests say too little about its rate.
    """
    assert run_that_trips(5, _errors(10, 0), horizon_units=1000) is None


def test_run_of_candidate_failures_while_the_stable_release_is_well() -> None:
    """
    Five failures among good stable requests trip; a good candidate request ends the run.
    """
    run = Run()
    for _ in range(5):
        run = follow(follow(run, "candidate", True), "stable", False)

    assert has_tripped(run, 5)
    assert not has_tripped(follow(run, "candidate", False), 5)
    assert not has_tripped(run, None)


def test_shared_outage_does_not_trip() -> None:
    """
    When the stable release fails at the same time, the run says nothing about the candidate.
    """
    run = Run()
    for _ in range(20):
        run = follow(follow(run, "candidate", True), "stable", True)

    assert not has_tripped(run, 5)


def test_equal_candidates_are_seldom_tripped() -> None:
    """
    Of 100 equal candidates at a base rate of 25 % over 1,500 requests, at most 2 trip, where a fixed run of 5 trips
    one in five.
    """
    random = np.random.default_rng(5)

    tripped, naive = 0, 0
    for _ in range(100):
        run, errors, hit, naive_hit = Run(), start(1.5), False, False
        for candidate, bad in zip(random.random(1500) < 0.3, random.random(1500) < 0.25, strict=True):
            arm = "candidate" if candidate else "stable"
            run, errors = follow(run, arm, bool(bad)), observe(errors, Outcome(arm, 0.3, bool(bad)))
            naive_hit = naive_hit or run.failures >= 5
            if run.failures >= 5:
                hit = hit or has_tripped(run, run_that_trips(5, errors, horizon_units=1500))
        tripped, naive = tripped + hit, naive + naive_hit

    assert tripped <= 2
    assert naive > 15
