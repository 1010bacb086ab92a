"""Assignment of units to arms."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.gateway.assign import arms_fault, choose_arm, choose_shadow, point_of
from treadle.gateway.types import Arm, Endpoint


def _endpoint(candidate_weight: float, salt: str = "s") -> Endpoint:
    stable = Arm(release_id="rel_a", role="stable", weight=1.0 - candidate_weight, model_version_id="mdv_a")
    candidate = Arm(release_id="rel_b", role="candidate", weight=candidate_weight, model_version_id="mdv_b")
    return Endpoint(project_id="prj", name="support", salt=salt, arms=(stable, candidate))


@given(weight=st.floats(0.0, 1.0), salt=st.text(max_size=8))
@settings(max_examples=30, deadline=None)
def test_many_units_land_in_the_stated_shares(weight: float, salt: str) -> None:
    """
    The share of units on the candidate is its weight (4,000 units; within five standard deviations).
    """
    endpoint = _endpoint(weight, salt)

    hits = sum(choose_arm(endpoint, f"unit-{n}").arm.role == "candidate" for n in range(4_000))

    assert abs(hits / 4_000 - weight) <= 5 * (max(weight * (1 - weight), 1e-9) / 4_000) ** 0.5


@given(weight=st.floats(0.0, 1.0), unit=st.text())
def test_the_same_unit_asks_twice(weight: float, unit: str) -> None:
    """
    A unit keeps its arm while the weights stand still, and the probability it is told is that arm's weight.
    """
    endpoint = _endpoint(weight)

    first, second = choose_arm(endpoint, unit), choose_arm(endpoint, unit)

    assert first == second
    assert (weight if first.arm.role == "candidate" else 1.0 - weight) == first.probability


@given(before=st.floats(0.0, 1.0), after=st.floats(0.0, 1.0), unit=st.text())
def test_a_candidate_is_ramped_up(before: float, after: float, unit: str) -> None:
    """
    Raising a candidate's weight never moves a unit from the candidate back to stable.
    """
    low, high = sorted((before, after))

    was, now = choose_arm(_endpoint(low), unit).arm.role, choose_arm(_endpoint(high), unit).arm.role

    assert (was, now) != ("candidate", "stable")


@given(salt=st.text(), unit=st.text())
def test_a_point_lies_on_the_line(salt: str, unit: str) -> None:
    """
    Points lie in [0, 1), so a weight of 0 serves nobody and a weight of 1 everybody.
    """
    assert 0.0 <= point_of(salt, unit) < 1.0


def _several(weights: list[int], salt: str = "s") -> Endpoint:
    total = sum(weights)
    arms = tuple(
        Arm(
            release_id=f"rel_{number}",
            role="candidate" if number else "stable",
            weight=weight / total,
            model_version_id="mdv",
        )
        for number, weight in enumerate(weights)
    )
    return Endpoint(project_id="prj", name="support", salt=salt, arms=arms)


SEVERAL = st.lists(st.integers(0, 20), min_size=3, max_size=6).filter(any)


@given(weights=SEVERAL, salt=st.text(max_size=8))
@settings(max_examples=30, deadline=None)
def test_several_arms_get_their_shares(weights: list[int], salt: str) -> None:
    """
    With more than two arms each gets its weight's share (4,000 units, within five standard deviations), one without a
    weight gets nobody.
    """
    endpoint = _several(weights, salt)
    counts = dict.fromkeys([arm.release_id for arm in endpoint.arms], 0)

    for number in range(4_000):
        counts[choose_arm(endpoint, f"unit-{number}").arm.release_id] += 1

    for arm in endpoint.arms:
        spread = 5 * (arm.weight * (1 - arm.weight) / 4_000) ** 0.5
        assert abs(counts[arm.release_id] / 4_000 - arm.weight) <= spread


@given(data=st.data(), before=SEVERAL, unit=st.text())
@settings(max_examples=200, deadline=None)
def test_a_unit_moves_only_towards_what_rose(data: st.DataObject, before: list[int], unit: str) -> None:
    """
    Whatever happens to the weights of several arms, a unit changes arms only towards one whose weight rose in
    proportion to that of its own, and keeps its arm while they stand still.
    """
    after = data.draw(st.lists(st.integers(0, 20), min_size=len(before), max_size=len(before)).filter(any))

    was, now = choose_arm(_several(before), unit), choose_arm(_several(after), unit)

    assert was == choose_arm(_several(before), unit)
    assert was.probability == was.arm.weight
    if was.arm.release_id != now.arm.release_id:
        old, new = int(was.arm.release_id[4:]), int(now.arm.release_id[4:])
        assert after[new] * before[old] > after[old] * before[new]


@given(share=st.floats(0.0, 1.0))
@settings(max_examples=20, deadline=None)
def test_a_share_of_requests_is_copied(share: float) -> None:
    """
    A shadow arm gets its share of requests as copies (2,000 requests, within five standard deviations), and answers none.
    """
    stable = Arm(release_id="rel_a", role="stable", weight=1.0, model_version_id="mdv_a")
    shadow = Arm(release_id="rel_b", role="candidate", weight=0.0, model_version_id="mdv_b", shadow_share=share)
    endpoint = Endpoint(project_id="prj", name="support", salt="s", arms=(stable, shadow))

    copies = sum(choose_shadow(endpoint, f"{n:032x}") is not None for n in range(2_000))

    assert abs(copies / 2_000 - share) <= 5 * (max(share * (1 - share), 1e-9) / 2_000) ** 0.5
    assert {"rel_a"} == {choose_arm(endpoint, f"unit-{n}").arm.release_id for n in range(200)}
    assert arms_fault(endpoint.arms) is None


def test_arms_that_cannot_serve() -> None:
    """
    Two stable arms, or weights that do not sum to one, are named as the fault.
    """
    stable = Arm(release_id="rel_a", role="stable", weight=0.5, model_version_id="mdv_a")

    assert "exactly one stable arm, here are 2" in str(arms_fault([stable, stable]))
    assert "sum to 0.5" in str(arms_fault([stable]))
    assert arms_fault(_endpoint(0.25).arms) is None
    answering = Arm(release_id="rel_b", role="candidate", weight=0.5, model_version_id="mdv_b", shadow_share=0.1)
    assert "a shadow share must lie" in str(arms_fault([stable, answering]))
