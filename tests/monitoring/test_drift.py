"""Two-sample tests on vectors, the policy over windows, and what explains a finding: figures by hand, seeds as arguments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from treadle.core.errors import InvalidInput
from treadle.monitoring.alarms import Track, benjamini_hochberg, follow, log_e_value
from treadle.monitoring.drift import make_reference, measure_shift
from treadle.monitoring.explain import area_under_curve, explain, risen_terms


def _rows(count: int, *, at: float = 0.0, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(at, 1.0, size=(count, 8))


def test_statistic_by_its_definition() -> None:
    """
    The statistic is the unbiased estimate over distinct pairs, whatever way the sums are taken.
    """
    reference, current = _rows(25, seed=1), _rows(20, at=0.4, seed=2)
    made = make_reference(reference)

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * made.bandwidth**2))

    def within(rows: NDArray[np.float64]) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    across = sum(kernel(a, b) for a in reference for b in current) / (25 * 20)

    shift = measure_shift(made, current, rng=np.random.default_rng(0))

    assert pytest.approx(within(reference) + within(current) - 2 * across, abs=1e-5) == shift.mmd2


def test_rows_that_moved() -> None:
    """
    A clear shift gets the smallest p-value that the permutations allow, by both statistics.
    """
    shift = measure_shift(make_reference(_rows(200, seed=1)), _rows(60, at=0.8, seed=2), rng=np.random.default_rng(0))

    assert (0.001, 0.001) == (shift.p_value, shift.linear_p_value)
    assert shift.effect > 5


def test_spread_without_a_new_mean() -> None:
    """
    A change of spread alone is seen by the RBF statistic and not by the linear one, which looks at the mean.
    """
    wider = 2.5 * _rows(100, seed=3)

    shift = measure_shift(make_reference(_rows(300, seed=1)), wider, rng=np.random.default_rng(0))

    assert 0.001 == shift.p_value
    assert shift.linear_p_value > 0.05


def test_level_is_kept() -> None:
    """
    Without a change, p-values at most 0.05 come about 1 time in 20: at most 13 in 120 (p < 0.01 for a level of 0.05).
    """
    found = 0
    for seed in range(120):
        rows = _rows(90, seed=seed)
        shift = measure_shift(make_reference(rows[:60]), rows[60:], rng=np.random.default_rng(seed), permutations=99)
        found += shift.p_value <= 0.05

    assert found <= 13


def test_constant_rows_are_no_finding() -> None:
    """
    Rows that are all alike on both sides, such as answers that are always valid, give p = 1.
    """
    shift = measure_shift(make_reference(np.ones((40, 1))), np.ones((30, 1)), rng=np.random.default_rng(0))

    assert 1.0 == shift.p_value


def test_too_few_rows() -> None:
    """
    A window of a few rows is refused in words rather than tested.
    """
    with pytest.raises(InvalidInput, match="the window has 19 rows, 20 are the least") as caught:
        measure_shift(make_reference(_rows(40, seed=1)), _rows(19, seed=2), rng=np.random.default_rng(0))

    assert "monitors.too_few_rows" == caught.value.error_code


def test_adjusted_p_values() -> None:
    """
    The example of Benjamini and Hochberg 1995 (15 p-values): at 0.05, exactly the first four are findings.
    """
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip

    adjusted = benjamini_hochberg(p_values[::-1])[::-1]

    assert [True] * 4 + [False] * 11 == [p <= 0.05 for p in adjusted]
    assert pytest.approx(0.0004 * 15 / 2) == adjusted[1]
    assert [] == benjamini_hochberg([])


def test_two_windows_in_a_row() -> None:
    """
    One moved window is a matter of luck; the second in a row is an alarm, and one between them starts the count anew.
    """
    once, first = follow(Track(), 0.005, 0.005)
    _, second = follow(once, 0.005, 0.005)
    between, _ = follow(once, 0.6, 0.6)
    _, third = follow(between, 0.005, 0.005)

    assert (None, "two windows in a row", None) == (first, second, third)


def test_weak_evidence_adds_up() -> None:
    """
    Windows that are each a little odd become an alarm when their evidence passes 100: 1 / (2 sqrt(0.02)) = 3.54, to the 4th.
    """
    track, reasons = Track(), []
    for _ in range(4):
        track, reason = follow(track, 0.02, 0.1)
        reasons.append(reason)

    assert [None, None, None, "evidence over many windows"] == reasons
    assert pytest.approx(math.log(3.5355) * 4, abs=1e-3) == track.log_e
    assert pytest.approx(1.0) == math.exp(log_e_value(0.25))


def test_area_under_curve() -> None:
    """
    Of the 4 pairs of (0.9, 0.4) against (0.4, 0.1), 3 are in order and 1 is a tie: 0.875.
    """
    scores, labels = np.array([0.9, 0.4, 0.4, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])

    assert 0.875 == area_under_curve(scores, labels)


def test_what_has_moved_is_named() -> None:
    """
    The explanation names the examples, the words and the cluster that are new, and how clearly they can be told.
    """
    rng = np.random.default_rng(5)
    new = _rows(30, seed=7)
    new[:, 0] += 8
    current = np.concatenate([_rows(70, seed=6), new])
    texts = ["where is my card today"] * 70 + ["my crypto wallet is empty"] * 30

    told = explain(_rows(300, seed=8), current, ["where is my card"] * 300, texts, rng=rng)

    assert told.auc > 0.6
    assert {True} == {index >= 70 for index in told.examples}
    assert {"crypto", "empty", "wallet"} <= {term.term for term in told.terms}
    assert "card" not in {term.term for term in told.terms}
    assert told.clusters[0].residual > 5
    assert told.clusters[0].from_window
    assert told.clusters[0].example >= 70


def test_words_of_a_single_text() -> None:
    """
    A word that only one text of the window holds explains nothing.
    """
    assert [] == risen_terms(["a plain text"] * 5, ["zanzibar zanzibar", "a plain text", "a plain text"])
