"""Rollouts with several arms: who loses traffic, who gets more, and when one may end."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.releases.rollouts import intake, machine, means, several, thompson
from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.means import ArmMean
from treadle.releases.rollouts.plans.types import ArmPlan, ArmsPlan, Guard, Plan, PlanKind, TargetMetric
from treadle.releases.rollouts.readings import STABLE
from treadle.releases.rollouts.readout import readout_of
from treadle.releases.rollouts.state import Position, Seen

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WEIGHTS = {STABLE: 0.4, "rel_a": 0.3, "rel_b": 0.3}


def _plan(kind: PlanKind = "ab", ends: str = "never", *, target: bool = True) -> Plan:
    return Plan(
        kind=kind,
        arms=ArmsPlan.model_validate(
            {"arms": [ArmPlan(release_id=arm, weight=0.3) for arm in ("rel_a", "rel_b")], "ends": ends}
        ),
        guards=[Guard(name="errors", signals=["error"])],
        target=TargetMetric(score="correct", margin=0.02) if target else None,
    )


def _running(plan: Plan, units: int = 0) -> Position:
    return machine.begin(plan, NOON)._replace(status="running", units=units)


def _seen(plan: Plan, bad: dict[str, float], right: dict[str, float], units: int = 3_000, seed: int = 5) -> Seen:
    """Return what so many units show, with these true rates."""
    random_, seen = random.Random(seed), intake.begin(plan)
    rates, target = means.Means(), means.Means()
    for _ in range(units):
        (arm,) = random_.choices(list(WEIGHTS), list(WEIGHTS.values()))
        rates = means.observe(rates, arm, WEIGHTS[arm], 0.0, centred=False)
        if random_.random() < bad[arm]:
            rates = means.turn(rates, arm, WEIGHTS[arm])
        target = means.observe(target, arm, WEIGHTS[arm], float(random_.random() < right[arm]))
    return seen._replace(rates={"errors": rates}, target=target)


EQUAL = dict.fromkeys(WEIGHTS, 0.05)
ALIKE = dict.fromkeys(WEIGHTS, 0.8)


def test_equal_arms_go_on_and_nothing_ends_by_itself() -> None:
    """
    A fixed A/B/n reads out; without being asked it neither promotes nor drops.
    """
    plan = _plan()

    transition = several.next_step(
        plan, _running(plan, 3_000), _seen(plan, EQUAL, ALIKE), unapproved=frozenset(), now=NOON
    )

    assert "none" == transition.change
    assert 0.6 == pytest.approx(machine.candidate_share(plan, transition.position, approved=True))


def test_arm_that_is_surely_worse_loses_its_traffic_and_the_others_go_on() -> None:
    """
    30 % bad units against 5 %: 'rel_b' is dropped to 0, the stable release gets its share.
    """
    plan = _plan()
    seen = _seen(plan, EQUAL | {"rel_b": 0.3}, ALIKE)

    transition = several.next_step(plan, _running(plan, 3_000), seen, unapproved=frozenset(), now=NOON)

    assert "dropped" == transition.change
    assert {"rel_a": 0.3, "rel_b": 0.0} == transition.position.weights
    assert "guard 'errors': surely worse" in transition.position.dropped["rel_b"]


def test_arm_that_fails_again_and_again_is_dropped_at_once() -> None:
    """
    The breaker needs no interval: five failures in a row while the stable release does well.
    """
    plan = _plan()
    seen = intake.begin(plan)
    assert seen.errors is not None
    seen = seen._replace(errors=seen.errors._replace(stable_units=200), runs={"rel_a": Run(failures=6, stable_good=9)})

    transition = several.next_step(plan, _running(plan), seen, unapproved=frozenset(), now=NOON)

    assert "6 of its requests failed in a row" in transition.position.dropped["rel_a"]


def test_arms_without_approval_go_first_and_the_last_one_ends_it() -> None:
    """
    An approval that is gone takes the traffic away whatever the scores say; without any arm left it is rolled back.
    """
    plan = _plan()

    one = several.next_step(plan, _running(plan), intake.begin(plan), unapproved={"rel_b"}, now=NOON)
    both = several.next_step(plan, _running(plan), intake.begin(plan), unapproved={"rel_a", "rel_b"}, now=NOON)

    assert ("dropped", ["rel_a"]) == (one.change, several.active_arms(one.position))
    assert ("rolled_back", 0.0) == (both.change, machine.candidate_share(plan, both.position, approved=True))


def test_best_is_promoted_only_where_that_was_asked_for() -> None:
    """
    'rel_a' is right 90 % of the time against 60 % and 62 %: promoted with `ends: best`, read out without.
    """
    right = {STABLE: 0.6, "rel_a": 0.9, "rel_b": 0.62}
    asked, silent = _plan(ends="best"), _plan()
    seen = _seen(asked, {STABLE: 0.2, "rel_a": 0.02, "rel_b": 0.2}, right, units=6_000)

    ended = several.next_step(asked, _running(asked, 6_000), seen, unapproved=frozenset(), now=NOON)
    going_on = several.next_step(silent, _running(silent, 6_000), seen, unapproved=frozenset(), now=NOON)

    assert ("promoted", "rel_a") == (ended.change, ended.position.winner)
    assert "none" == going_on.change


def test_stable_release_that_is_the_best_ends_it_too() -> None:
    """
    With `ends: best` the stable release may be the one: nobody else gets its traffic.
    """
    plan = _plan(ends="best", target=False)
    seen = _seen(plan, {STABLE: 0.05, "rel_a": 0.4, "rel_b": 0.4}, ALIKE)
    position = _running(plan, 3_000)

    changes = []
    for _ in range(3):
        transition = several.next_step(plan, position, seen, unapproved=frozenset(), now=NOON)
        position = transition.position
        changes.append(transition.change)

    assert "rolled_back" in changes


def test_adaptive_weights_follow_the_scores_and_keep_the_floor() -> None:
    """
    After every 100 units the better arm gets more; nobody gets less than 5 %, and the stable release has the rest.
    """
    plan = _plan("adaptive")
    seen = _seen(plan, EQUAL, {STABLE: 0.5, "rel_a": 0.8, "rel_b": 0.5}, units=600)

    transition = several.next_step(plan, _running(plan, 600), seen, unapproved=frozenset(), now=NOON)
    again = several.next_step(plan, transition.position, seen, unapproved=frozenset(), now=NOON)

    weights = transition.position.weights
    assert ("weighted", "none") == (transition.change, again.change)
    assert weights["rel_a"] > 0.4 > weights["rel_b"] >= 0.05
    assert 1 - sum(weights.values()) >= 0.05 - 1e-6


def test_readout_has_every_arm_every_metric_and_every_pair() -> None:
    """
    Three arms, two metrics: 6 numbers with intervals, 6 comparisons with words.
    """
    plan = _plan()
    seen = _seen(plan, EQUAL, {STABLE: 0.6, "rel_a": 0.9, "rel_b": 0.6}, units=6_000)

    readout = readout_of(plan, _running(plan, 6_000), seen, stable_release_id="rel_s")

    assert readout is not None
    assert [STABLE, "rel_a", "rel_b"] == [arm.arm for arm in readout.arms]
    assert 6 == len(readout.metrics) == len(readout.pairs)
    assert all(one.low is not None and one.estimate is not None for one in readout.metrics)
    sure = {(pair.arm, pair.other): pair.verdict for pair in readout.pairs if pair.metric == "correct"}
    assert {("rel_a", STABLE): "better", ("rel_b", STABLE): "undecided", ("rel_b", "rel_a"): "worse"} == sure
    assert "'correct' of rel_a against stable" in readout.words


CHANCES = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=8).filter(lambda values: sum(values) > 0.01)


@given(CHANCES, st.floats(0.0, 0.1))
@settings(max_examples=200, deadline=None)
def test_shares_are_a_distribution_above_the_floor(chances: list[float], floor: float) -> None:
    """
    Whatever the chances, shares sum to 1, none is below the floor, and a better arm never gets less.
    """
    total = sum(chances)
    best = {str(index): value / total for index, value in enumerate(chances)}

    shares = thompson.shares(best, floor=floor)

    assert math.isclose(1.0, sum(shares.values()), abs_tol=1e-9)
    assert all(share >= floor - 1e-12 for share in shares.values())
    for one in best:
        for other in best:
            assert best[one] <= best[other] + 1e-12 or shares[one] >= shares[other] - 1e-9


def test_chances_by_hand() -> None:
    """
    Means 1 and 0 with deviation 1 each: P(first is larger) = Phi(1 / sqrt 2) = 0.7602; lower being better, the reverse.
    """
    beliefs = {"a": thompson.Belief(1.0, 1.0), "b": thompson.Belief(0.0, 1.0)}

    higher, lower = thompson.chances(beliefs), thompson.chances(beliefs, higher=False)

    assert pytest.approx(0.7602, abs=1e-3) == higher["a"]
    assert pytest.approx(0.7602, abs=1e-3) == lower["b"]


def test_arm_nobody_tried_is_believed_to_be_anything() -> None:
    """
    Without a unit the belief is broad, so it keeps being tried.
    """
    assert thompson.belief_of(ArmMean(), is_binary=True).deviation > 0.25
