"""The bad-event e-process: worked numbers, its mean under the null, and what it must not react to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.releases.rollouts.evidence import (
    RATIOS,
    Arm,
    Evidence,
    Outcome,
    events_to_accept,
    events_to_reject,
    in_words,
    observe,
    share_given_ratio,
    start,
    turn_bad,
    units_for_events,
    units_left,
)
from treadle.releases.rollouts.readings import GuardEvidence

WEIGHTS = st.floats(0.01, 0.99)
OUTCOMES = st.builds(Outcome, st.sampled_from(["stable", "candidate"]), WEIGHTS, st.booleans())


def _after(outcomes: list[Outcome], margin: float = 1.5) -> Evidence:
    state = start(margin)
    for outcome in outcomes:
        state = observe(state, outcome)
    return state


def test_one_candidate_event_by_hand() -> None:
    """
    At w = 0.1 a ratio of 2 makes q = 0.2/1.1, so the event counts q/w = 2/1.1; E_good falls by w/q at the margin.
    """
    state = _after([Outcome("candidate", 0.1, True)])

    factors = [ratio / (ratio * 0.1 + 0.9) for ratio in RATIOS]
    assert pytest.approx(2 / 1.1) == factors[2]
    assert pytest.approx(sum(factors) / 5) == state.e_bad
    assert pytest.approx(1.05 / 1.5) == state.e_good


def test_events_to_decide_are_those_of_the_research() -> None:
    """
    At alpha 0.05, w = 0.1, ruling out 1.5 takes 363 events and 2 takes 115; seeing 2 takes 98 and 5 takes 13.
    """
    assert [1260, 363, 115, 41] == [round(events_to_accept(0.1, margin)) for margin in (1.25, 1.5, 2, 3)]
    assert [482, 147, 51, 21] == [round(events_to_accept(0.5, margin)) for margin in (1.25, 1.5, 2, 3)]
    assert [328, 98, 32, 13] == [round(events_to_reject(0.1, ratio)) for ratio in (1.5, 2, 3, 5)]


def test_units_until_events_have_come() -> None:
    """
    100 events at a base of 5 % and an equal candidate take 2,000 units; twice as bad at w = 0.1 takes 100 / 0.055.
    """
    assert pytest.approx(2000) == units_for_events(100, 0.1, 0.05)
    assert pytest.approx(100 / 0.055) == units_for_events(100, 0.1, 0.05, ratio=2)
    assert math.isinf(units_for_events(100, 0.1, 0.0))


def test_units_left_shrink_as_evidence_grows() -> None:
    """
    At w = 0.5 and 10 % bad, an equal candidate takes 147 events, 1,470 units; halfway there, half of that.
    """
    halfway = Evidence(margin=1.5, log_good=math.log(20) / 2, stable_units=100, stable_bad=10)

    assert 1470 == pytest.approx(units_left(halfway._replace(log_good=0.0), 0.5, needed_good=20), abs=5)
    assert 735 == pytest.approx(units_left(halfway, 0.5, needed_good=20), abs=5)
    assert 0 == units_left(halfway._replace(log_good=4.0), 0.5, needed_good=20)
    assert units_left(start(1.5), 0.5, needed_good=20) is None


@pytest.mark.parametrize("ratio", [0.3, 0.8, 1.0])
def test_mean_of_e_bad_is_at_most_one_when_the_candidate_is_not_worse(ratio: float) -> None:
    """
    Over 4,000 simulated streams of 15 events with drifting weights, E_bad averages at most 1 within its error.
    """
    values = _simulated(ratio, margin=1.5, good=False)

    assert values.mean() <= 1 + 3 * values.std() / math.sqrt(values.size)
    if ratio == 1.0:
        assert pytest.approx(1, abs=3 * values.std() / math.sqrt(values.size)) == values.mean()


@pytest.mark.parametrize("ratio", [1.5, 2.5])
def test_mean_of_e_good_is_at_most_one_when_the_candidate_is_too_bad(ratio: float) -> None:
    """
    At the margin or past it, E_good averages at most 1 within its error.
    """
    values = _simulated(ratio, margin=1.5, good=True)

    assert values.mean() <= 1 + 3 * values.std() / math.sqrt(values.size)


def _simulated(ratio: float, *, margin: float, good: bool) -> np.ndarray:
    random = np.random.default_rng(17)
    ends = []
    for _ in range(4000):
        state = start(margin)
        for weight in (0.1, 0.25, 0.5):
            for draw in random.random(5):
                arm: Arm = "candidate" if draw < share_given_ratio(weight, ratio) else "stable"
                state = observe(state, Outcome(arm, weight, True))
        ends.append(state.e_good if good else state.e_bad)
    return np.asarray(ends)


def test_looking_after_every_event_keeps_the_level() -> None:
    """
    Of 800 equal candidates watched through 200 events each, at most 5 of 100 ever pass 1/alpha = 20.
    """
    random = np.random.default_rng(23)

    crossed = 0
    for _ in range(800):
        state = start(1.5)
        for draw in random.random(200):
            state = observe(state, Outcome("candidate" if draw < 0.2 else "stable", 0.2, True))
            if state.e_bad >= 20:
                crossed += 1
                break

    assert crossed / 800 <= 0.05


@given(st.lists(OUTCOMES, max_size=60), st.randoms())
def test_order_does_not_matter(outcomes: list[Outcome], draw: object) -> None:
    """
    Each event carries its own weight, so late feedback leads to the same evidence.
    """
    shuffled = sorted(outcomes, key=lambda _: draw.random())  # type: ignore[attr-defined]

    first, second = _after(outcomes), _after(shuffled)

    assert first[3:] == second[3:]
    assert pytest.approx(first.log_bad, abs=1e-9) == second.log_bad
    assert pytest.approx(first.log_good, abs=1e-9) == second.log_good


@given(st.lists(OUTCOMES, max_size=60))
def test_late_feedback_equals_feedback_in_time(outcomes: list[Outcome]) -> None:
    """
    A unit that was counted good and then turns bad ends where it would have ended had it been bad at once.
    """
    late = _after([outcome._replace(bad=False) for outcome in outcomes])
    for outcome in outcomes:
        if outcome.bad:
            late = turn_bad(late, outcome.arm, outcome.weight)

    assert _after(outcomes) == late


@given(st.lists(OUTCOMES, max_size=60), WEIGHTS)
def test_good_units_are_no_evidence(outcomes: list[Outcome], weight: float) -> None:
    """
    A unit without a bad event changes counts only: traffic alone neither promotes nor rolls back.
    """
    before = _after(outcomes)

    after = observe(before, Outcome("candidate", weight, False))

    assert (before.log_bad, before.log_good) == (after.log_bad, after.log_good)
    assert before.candidate_units + 1 == after.candidate_units


def test_shared_outage_is_neutral() -> None:
    """
    An outage in which 300 units of both arms fail in the shares of their weights moves E_bad down, not up.
    """
    outage = [Outcome("candidate" if unit % 10 == 0 else "stable", 0.1, True) for unit in range(300)]

    state = _after(outage)

    assert state.e_bad < 1


@given(WEIGHTS, st.sampled_from([1.2, 1.5, 2.0, 10.0]))
def test_a_candidate_event_and_a_stable_event_balance_in_the_mean(weight: float, margin: float) -> None:
    """
    One step of either process has mean exactly 1 at its null's edge, whatever the weight.
    """
    by_candidate = _after([Outcome("candidate", weight, True)], margin)
    by_stable = _after([Outcome("stable", weight, True)], margin)
    edge = share_given_ratio(weight, margin)

    assert pytest.approx(1) == weight * by_candidate.e_bad + (1 - weight) * by_stable.e_bad
    assert pytest.approx(1) == edge * by_candidate.e_good + (1 - edge) * by_stable.e_good


def test_weight_of_zero_or_one_leaves_nothing_to_chance() -> None:
    """
    An event at a weight of 0 or 1 is counted and carries no evidence.
    """
    state = _after([Outcome("stable", 0.0, True), Outcome("candidate", 1.0, True)])

    assert (1.0, 1.0) == (state.e_bad, state.e_good)
    assert (1, 1) == (state.stable_bad, state.candidate_bad)


def test_overwhelming_evidence_does_not_overflow() -> None:
    """
    Ten thousand candidate events give an infinite E_bad in a finite logarithm.
    """
    state = _after([Outcome("candidate", 0.1, True)] * 10_000)

    assert math.isinf(state.e_bad)
    assert math.isfinite(state.log_e_bad)
    assert "over a million times likelier worse than equal" in in_words(state, needed_bad=20, needed_good=20)


def test_words_name_factor_and_counts() -> None:
    """
    Evidence on its way is told as a factor, the factor that would roll back, and the counts behind it.
    """
    state = _after([Outcome("stable", 0.1, False)] * 40 + [Outcome("candidate", 0.1, True)] * 3)

    words = in_words(state, needed_bad=20, needed_good=20)

    assert (
        "14 times likelier worse than equal; 20 would roll back (3 of 3 candidate units bad, 0 of 40 stable)" == words
    )


@pytest.mark.parametrize("margin", [1.0, 0.5, math.nan])
def test_margin_that_is_no_margin(margin: float) -> None:
    """
    A margin must be a risk ratio above 1.
    """
    with pytest.raises(InvalidInput) as caught:
        start(margin)

    assert "releases.bad_margin" == caught.value.error_code


def test_evidence_from_before_units_left() -> None:
    """
    Points that an earlier version kept are still read; what they did not say is unknown.
    """
    kept = {
        "guard": "bad_answers", "stable_units": 9, "stable_bad": 1, "candidate_units": 3, "candidate_bad": 0,
        "log10_e_bad": 0.0, "log10_e_good": 0.1, "rollback_at": 20, "promote_at": 20, "words": "nothing yet",
    }  # fmt: skip

    assert GuardEvidence.model_validate(kept).units_left is None
