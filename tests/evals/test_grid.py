"""Several experiments over the same rows, side by side: regressions first, cells as they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evals.serving import experiment, serve_scripted
from tests.traces.home import Home
from treadle.core.errors import InvalidInput, NotFound
from treadle.evals.grid.ordering import Standing, order_rows
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import Target
from treadle.gateway.types import Rule


def imported(home: Home, folder: Path, num: int) -> str:
    """Keep rows that expect 'yes' and are odd or even."""
    rows = [
        {"input": f"question {row}.", "label": "yes", "kind": "odd" if row % 2 else "even"} for row in range(1, num + 1)
    ]
    path = folder / f"{num}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = {"input": "input", "expected_output": "label"}
    run = home.client.runs.wait(home.client.datasets.import_file("asked", path, mapping=mapping).run_id)
    return str(run.outputs["version_id"])


def standing(*scores: float | None) -> list[Standing | None]:
    return [None if score is None else Standing(score, False) for score in scores]


def test_worst_loss_comes_first_and_a_loss_anywhere_is_no_gain() -> None:
    """
    Row 3 loses 1, row 1 loses 0.5 in one experiment and gains in another, row 2 gains, row 4 is equal.
    """
    rows = {1: standing(0.5, 0.0, 1.0), 2: standing(0.0, 0.5, None), 3: standing(1.0, 0.0, 1.0), 4: standing(1.0, 1.0)}

    ordered = order_rows(rows, higher_is_better=True)

    assert ([3, 1, 2, 4], 2, 1) == (ordered.rows, ordered.regressed, ordered.improved)
    assert [2] == order_rows(rows, higher_is_better=True, only="improved").rows
    assert [1, 2, 3, 4] == order_rows(rows, higher_is_better=True, by="row").rows


def test_less_is_better_for_errors() -> None:
    """
    Of a scorer whose small values are good, a rise is a regression.
    """
    rows = {1: standing(0.1, 0.0), 2: standing(0.1, 0.3)}

    assert [2] == order_rows(rows, higher_is_better=False, only="regressed").rows


def test_grid_of_two_experiments(home: Home, tmp_path: Path) -> None:
    """
    The row that got worse is first, each cell has its answer, score and cost, and a slice narrows the rows.
    """
    serve_scripted(home, "before", [Rule(match=".*", reply="yes")])
    serve_scripted(home, "after", [Rule(match="question 7\\.", reply="no, not at all"), Rule(match=".*", reply="yes")])
    data = imported(home, tmp_path, 24)
    before = experiment(home, target=Target(endpoint="before"), dataset_version_id=data)
    after = experiment(home, target=Target(endpoint="after"), dataset_version_id=data)
    ids = [before.experiment_id, after.experiment_id]

    order = home.client.experiments.order_grid(ids)
    worst, second = home.client.experiments.list_grid(ids, order.rows[:2], cut=2)

    assert (24, 7, 1, 0) == (len(order.rows), order.rows[0], order.regressed, order.improved)
    assert (["exact_match"], "exact_match") == (order.scorers, order.scorer)
    assert ("qu", "yes") == (worst.input, worst.expected)
    baseline, candidate = worst.cells
    assert baseline is not None
    assert candidate is not None
    assert ("ye", {"exact_match": 1.0}) == (baseline.output, baseline.means)
    assert ("no", True, {"exact_match": 0.0}) == (candidate.output, candidate.is_cut, candidate.means)
    assert candidate.cost_usd is not None
    assert 1 == second.row
    odd = home.client.experiments.order_grid(ids, part=("metadata", "kind", "odd"), by="row")
    assert (list(range(1, 25, 2)), 24) == (odd.rows, odd.total)


def test_experiments_over_other_rows_are_no_grid(home: Home, tmp_path: Path) -> None:
    """
    A grid needs the same rows, each experiment once, and experiments that exist.
    """
    serve_scripted(home, "one", [Rule(match=".*", reply="yes")])
    here = experiment(home, target=Target(endpoint="one"), dataset_version_id=imported(home, tmp_path, 12))
    there = experiment(home, target=Target(endpoint="one"), dataset_version_id=imported(home, tmp_path, 11))

    with pytest.raises(InvalidInput) as caught:
        home.client.experiments.order_grid([here.experiment_id, there.experiment_id])
    assert "evals.not_comparable" == caught.value.error_code
    with pytest.raises(InvalidInput) as caught:
        home.client.experiments.order_grid([here.experiment_id, here.experiment_id])
    assert "evals.grid_twice" == caught.value.error_code
    with pytest.raises(NotFound):
        home.client.experiments.list_grid(["exp_none"], [1])


def test_scorer_with_other_parameters_is_another_one(home: Home, tmp_path: Path) -> None:
    """
    Experiments that were judged by one scorer with different parameters do not share it, so no row counts as a change.
    """
    serve_scripted(home, "plain", [Rule(match=".*", reply=" yes ")])
    data = imported(home, tmp_path, 3)
    strict = experiment(home, target=Target(endpoint="plain"), dataset_version_id=data)
    trimmed = experiment(
        home, target=Target(endpoint="plain"), dataset_version_id=data,
        scorers=[ScorerChoice(name="exact_match", parameters={"trim": True})],
    )  # fmt: skip
    ids = [strict.experiment_id, trimmed.experiment_id]

    order = home.client.experiments.order_grid(ids)

    assert ([], None, 0, 0) == (order.scorers, order.scorer, order.regressed, order.improved)
    with pytest.raises(InvalidInput) as caught:
        home.client.experiments.order_grid(ids, scorer="exact_match")
    assert "with the same parameters" in caught.value.message
