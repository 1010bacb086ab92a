"""Agreement against the worked examples of those who defined it, and what must hold whatever the data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.feedback.agreement import Level, Ratings, agreement_of, cohen_kappa, fleiss_kappa, krippendorff_alpha

OBSERVERS = {
    "a": "1 2 3 3 2 1 4 1 2 . . .",
    "b": "1 2 3 3 2 2 4 1 2 5 . 3",
    "c": ". 3 3 3 2 3 4 2 2 5 1 .",
    "d": "1 2 3 3 2 4 4 1 2 5 1 .",
}
"""Krippendorff 2011, section C: four observers, twelve units, with gaps."""
FLEISS = """0 0 0 0 14/0 2 6 4 2/0 0 3 5 6/0 3 9 2 0/2 2 8 1 1/7 7 0 0 0/3 2 6 3 0/2 5 3 2 2/6 5 2 1 0/0 2 2 3 7"""
"""Ten subjects, fourteen raters, five categories; kappa 0.210 (the example of the article on Fleiss' kappa)."""


def _units() -> list[Ratings]:
    said = {name: line.split() for name, line in OBSERVERS.items()}
    return [{name: float(line[unit]) for name, line in said.items() if line[unit] != "."} for unit in range(12)]


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_example(level: Level, expected: float) -> None:
    """
    Alpha is the published value at each level of measurement, gaps included.
    """
    alpha = krippendorff_alpha(_units(), level)

    assert alpha is not None
    assert expected == pytest.approx(alpha, abs=0.0006)


def test_cohens_example() -> None:
    """
    Two readers of fifty proposals: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no; observed 0.7, by chance 0.5, kappa 0.4.
    """
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15

    kappa = cohen_kappa([{"a": a, "b": b} for a, b in pairs])

    assert kappa == pytest.approx(0.4)


def test_fleiss_example() -> None:
    """
    Kappa of the fourteen raters is 0.210.
    """
    rows = [list(map(int, row.split())) for row in FLEISS.split("/")]
    raters = [[str(value) for value, count in enumerate(row) for _ in range(count)] for row in rows]

    kappa = fleiss_kappa([{str(rater): value for rater, value in enumerate(row)} for row in raters])

    assert kappa == pytest.approx(0.210, abs=0.0005)


def test_everybody_always_says_the_same() -> None:
    """
    Without any variation nothing can be told from chance, and no figure is made up.
    """
    items = [{"a": "yes", "b": "yes"}] * 9

    found = agreement_of(items, "nominal", seed=0)

    assert 1.0 == found.observed
    assert (None, None, None) == found.alpha
    assert found.cohen is not None
    assert found.cohen.value is None


def test_what_fits_the_design() -> None:
    """
    Two judges get Cohen, equal numbers get Fleiss, gaps get alpha alone; items judged once say nothing.
    """
    pair = agreement_of([{"a": "x", "b": "y"}, {"a": "x", "b": "x"}, {"a": "y"}], "nominal", seed=0)
    three = agreement_of([{"a": "x", "b": "y", "c": "x"}, {"a": "x", "b": "x", "d": "y"}], "nominal", seed=0)
    gaps = agreement_of(_units(), "ordinal", seed=0)

    assert (2, 4, 0.5) == (pair.num_items, pair.num_judgements, pair.observed)
    assert [True, True, True] == [one is not None for one in (pair.cohen, pair.fleiss, pair.alpha.value)]
    assert [False, True, True] == [one is not None for one in (three.cohen, three.fleiss, three.alpha.value)]
    assert [False, False, True] == [one is not None for one in (gaps.cohen, gaps.fleiss, gaps.alpha.value)]


def test_no_judgements() -> None:
    """
    Nothing judged twice is no agreement and no error.
    """
    found = agreement_of([{"a": "x"}, {}], "nominal", seed=0)

    assert (0, None, (None, None, None)) == (found.num_items, found.observed, found.alpha)


@given(st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=4), min_size=4, max_size=30), st.integers(0, 99))
def test_intervals(rows: list[list[int]], seed: int) -> None:
    """
    The same seed gives the same interval, alpha is never above 1, and nominal alpha does not care how values are called.
    """
    items: list[Ratings] = [{str(judge): float(value) for judge, value in enumerate(row)} for row in rows]
    renamed: list[Ratings] = [{judge: f"v{9 - int(float(value))}" for judge, value in item.items()} for item in items]

    found = agreement_of(items, "interval", seed=seed, resamples=200)
    nominal, other = krippendorff_alpha(items, "nominal"), krippendorff_alpha(renamed, "nominal")

    assert found == agreement_of(items, "interval", seed=seed, resamples=200)
    assert (nominal is None) == (other is None)
    assert nominal is None or other is None or math.isclose(nominal, other, abs_tol=1e-9)
    if found.alpha.low is not None and found.alpha.high is not None:
        assert found.alpha.low <= found.alpha.high <= 1.0 + 1e-9
