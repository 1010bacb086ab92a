"""What a gate asks of scorers that are not simply a share that should be high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from treadle.evals.comparisons.comparing import compare
from treadle.evals.comparisons.types import ComparisonReport
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import Result
from treadle.releases.gate import evaluate
from treadle.releases.types import GatePolicy


def _rows(values: Mapping[str, Sequence[float | None]]) -> dict[int, Result]:
    """Return results whose scores are these, by scorer and row."""
    count = len(next(iter(values.values())))
    return {
        row: Result(
            row=row, input="q", expected=None, output="a", error=None, latency_ms=1.0,
            scores=[Score(name=name, value=scores[row]) for name, scores in values.items()],
        )
        for row in range(count)
    }  # fmt: skip


def _compared(
    before: Mapping[str, Sequence[float | None]], after: Mapping[str, Sequence[float | None]]
) -> ComparisonReport:
    choices = [ScorerChoice(name=name) for name in before]
    compared = compare(_rows(before), _rows(after), choices, alpha=0.05, limit=0)
    return ComparisonReport(
        baseline_id="exp_1", candidate_id="exp_2", dataset_version_id="dsv_1", part=None, alpha=0.05, margin=None,
        comparisons=compared.comparisons, changes=[], only_in_one=0, left_out=compared.left_out,
    )  # fmt: skip


def _report(scorer: str, before: float, after: float) -> ComparisonReport:
    return _compared(
        {scorer: [before + row / 10_000 for row in range(50)]}, {scorer: [after + row / 10_000 for row in range(50)]}
    )


@pytest.mark.parametrize(("limit", "held"), [(0.9, True), (0.3, False)])
def test_limit_where_less_is_better_is_the_most_that_is_accepted(limit: float, held: bool) -> None:
    """
    A misfit of 0.5 passes "at most 90 %" and fails "at most 30 %".
    """
    policy = GatePolicy(require="not worse", minimum_score=limit)

    *_, check = evaluate(policy, _report("brier", 0.5, 0.5))

    assert (held, f"brier at most {100 * limit:g} %") == (check.passed, check.name)


def test_points_are_not_asked_of_milliseconds() -> None:
    """
    A margin of 2 points and a least score of 50 % mean nothing for a latency, so neither holds, however fast it is.
    """
    checks = evaluate(GatePolicy(require="not worse", minimum_score=0.5), _report("latency", 900.0, 100.0))

    assert [False, True, False] == [check.passed for check in checks]
    assert "is measured in milliseconds" in checks[0].words


def test_less_milliseconds_are_better() -> None:
    """
    'better' needs no points, so a latency can be asked for it.
    """
    check, _ = evaluate(GatePolicy(require="better"), _report("latency", 900.0, 100.0))

    assert check.passed


def test_cheaper_but_as_good_asks_both() -> None:
    """
    As right on 400 rows at half the price passes; as right at the same price does not, nor does half the price with a loss.
    """
    right, price, half = [1.0] * 300 + [0.0] * 100, [0.002 + row / 1e6 for row in range(400)], [0.001] * 400
    worse = [0.0] * 40 + right[40:]
    policy = GatePolicy(require="not worse", margin=0.02, also_better="cost")

    passed = [
        all(check.passed for check in evaluate(policy, _compared({"exact_match": right, "cost": price}, after)))
        for after in (
            {"exact_match": right, "cost": half},
            {"exact_match": right, "cost": price},
            {"exact_match": worse, "cost": half},
        )
    ]

    assert [True, False, False] == passed


def test_price_that_nobody_knows_fails_the_gate_with_the_reason() -> None:
    """
    'cost' without a price is left out of the comparison, which then goes on without it, and cheaper is not shown.
    """
    right: list[float | None] = [1.0] * 30
    unknown: list[float | None] = [None] * 30
    scores = {"exact_match": right, "cost": unknown}

    report = _compared(scores, scores)
    *_, check = evaluate(GatePolicy(require="not worse", also_better="cost"), report)

    assert ["exact_match"] == [one.scorer for one in report.comparisons]
    assert ["cost"] == [one.scorer for one in report.left_out]
    assert not check.passed
    assert "no row has its score in both, of 30" in check.words


def test_equivalent_rules_out_a_gain_too() -> None:
    """
    A gain of 10 points in 400 rows is not worse within 2 points, and not equivalent within them; no change at all is both.
    """
    before, gained = [1.0] * 200 + [0.0] * 200, [1.0] * 240 + [0.0] * 160

    def held(require: str, after: list[float]) -> bool:
        policy = GatePolicy.model_validate({"require": require, "margin": 0.02})
        return evaluate(policy, _compared({"exact_match": before}, {"exact_match": after}))[0].passed

    assert (True, False) == (held("not worse", gained), held("equivalent", gained))
    assert (True, True) == (held("not worse", before), held("equivalent", before))


def test_gate_fails_on_the_few_answers_that_could_be_judged() -> None:
    """
    40 of 100 answers left unscored: perfect on the other 60 is no pass, unless the policy lets so few count.
    """
    before: list[float | None] = [0.0] * 100
    after: list[float | None] = [1.0] * 60 + [None] * 40
    report = _compared({"exact_match": before}, {"exact_match": after})

    _, strict = evaluate(GatePolicy(), report)
    _, loose = evaluate(GatePolicy(least_scored=0.5), report)

    assert (False, True) == (strict.passed, loose.passed)
    assert strict.words.startswith("60 of 100 rows that both were asked")
