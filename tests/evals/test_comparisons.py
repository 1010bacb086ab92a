"""Comparisons and listings through the HTTP contract."""

from __future__ import annotations

import pytest

from tests.releases.studio import Studio
from treadle.core.errors import Denied, InvalidInput, NotFound
from treadle.evals import service
from treadle.evals.scorers import SCORERS
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import NewExperiment, Target


def test_comparison_says_better_with_regressions_first(studio: Studio) -> None:
    """
    On the same 100 rows 30 gained and 2 lost is better; the lost rows come first.
    """
    baseline = studio.experiment(None, [True] * 60 + [False] * 40)
    candidate = studio.experiment(None, [False] * 2 + [True] * 88 + [False] * 10)

    report = studio.experiments.compare(baseline, candidate)

    first = report.comparisons[0]
    assert ("better", 30, 2, 100) == (first.verdict, first.improved, first.regressed, first.rows)
    assert pytest.approx(0.28) == first.difference
    assert 0 < first.low < 0.28 < first.high
    assert [1, 2, 61] == [change.row for change in report.changes[:3]]
    assert report.changes[0].candidate_score < report.changes[0].baseline_score


def test_small_difference_is_not_shown_and_says_what_would_be(studio: Studio) -> None:
    """
    3 gained and 1 lost of 50 shows nothing, and the sentence names what these rows could have shown.
    """
    baseline = studio.experiment(None, [True] + [False] * 3 + [True] * 46)
    candidate = studio.experiment(None, [False] + [True] * 3 + [True] * 46)

    first = studio.experiments.compare(baseline, candidate).comparisons[0]

    assert "not shown to be better" == first.verdict
    assert "8 times in 10" in first.words


def test_rows_of_one_side_only_are_left_out_and_counted(studio: Studio) -> None:
    """
    A candidate that judged 80 of 100 rows is compared on those 80.
    """
    baseline, candidate = studio.experiment(None, [False] * 100), studio.experiment(None, [True] * 80)

    report = studio.experiments.compare(baseline, candidate)

    assert (80, 20) == (report.comparisons[0].rows, report.only_in_one)


def test_experiments_over_different_rows_cannot_be_compared(studio: Studio) -> None:
    """
    A paired comparison needs the same dataset version.
    """
    baseline = studio.experiment(None, [True] * 10)
    candidate = studio.experiment(None, [True] * 10, dataset="dsv_other")

    with pytest.raises(InvalidInput) as caught:
        studio.experiments.compare(baseline, candidate)

    assert "evals.not_comparable" == caught.value.error_code


def test_unknown_experiment(studio: Studio) -> None:
    """
    An id that names nothing is told as such.
    """
    with pytest.raises(NotFound) as caught:
        studio.experiments.get("exp_none")

    assert "evals.experiment_not_found" == caught.value.error_code


def test_results_page_through_and_filter_by_score(studio: Studio) -> None:
    """
    Results come in the order of the rows; `below` 1 gives the wrong ones.
    """
    experiment = studio.experiment(None, [True, False, True, False, False])

    first = studio.experiments.list_results(experiment, limit=3)
    rest = studio.experiments.list_results(experiment, limit=3, cursor=first.next_cursor)
    wrong = studio.experiments.list_results(experiment, below=1.0)

    assert [1, 2, 3, 4, 5] == [result.row for result in (*first.items, *rest.items)]
    assert [2, 4, 5] == [result.row for result in wrong.items]


def test_finished_experiment_has_metrics_with_wilson_intervals(studio: Studio) -> None:
    """
    8 of 10 right is 80 %, with the interval 49.0 to 94.3 %.
    """
    experiment = studio.experiments.get(studio.experiment(None, [True] * 8 + [False] * 2))

    metric = experiment.metrics[0]
    assert ("succeeded", 10, 10, 0) == (experiment.status, experiment.rows, experiment.rows_done, experiment.errors)
    assert pytest.approx((0.8, 0.4902, 0.9433), abs=5e-4) == (metric.mean, metric.low, metric.high)


def test_experiments_are_listed_newest_first_and_by_dataset(studio: Studio) -> None:
    """
    A page at a time, and only those over a dataset version when asked for.
    """
    ids = []
    for number in range(3):
        ids.append(studio.experiment(None, [True], dataset=f"dsv_{number % 2}"))
        studio.tick(1)

    page = studio.experiments.list_(limit=2)
    rest = studio.experiments.list_(limit=2, cursor=page.next_cursor)
    even = studio.experiments.list_(dataset_version_id="dsv_0")

    assert set(ids) == {experiment.experiment_id for experiment in (*page.items, *rest.items)}
    assert {ids[0], ids[2]} == {experiment.experiment_id for experiment in even.items}


def test_scorer_that_does_not_exist_is_refused_at_once(studio: Studio) -> None:
    """
    A misspelt scorer is told before any row is answered.
    """
    new = NewExperiment(
        name="typo",
        target=Target(model_version_id="mdv_1"),
        dataset_version_id="dsv_1",
        scorers=[ScorerChoice(name="exact")],
    )

    with pytest.raises(InvalidInput) as caught:
        studio.experiments.start(new)

    assert "evals.unknown_scorer" == caught.value.error_code
    assert [] == studio.experiments.list_().items


def test_started_experiment_is_queued_with_its_run(studio: Studio) -> None:
    """
    Starting answers at once; experiment and run are written together.
    """
    new = NewExperiment(
        name="later",
        target=Target(model_version_id=studio.model_version("base"), prompt_version_id=studio.prompt_version()),
        dataset_version_id=studio.dataset_version([("hello", "greeting", "test")]),
        scorers=[ScorerChoice(name="exact_match")],
    )

    experiment = studio.experiments.start(new)

    assert ("queued", None) == (experiment.status, experiment.rows)
    assert "evals.experiment" == studio.client.runs.get(experiment.run_id).kind


@pytest.mark.parametrize("missing", ["dataset", "model", "prompt"])
def test_parts_that_do_not_exist_are_told_at_once(studio: Studio, missing: str) -> None:
    """
    An experiment over nothing, or of nothing, is not queued.
    """
    new = NewExperiment(
        name="lost",
        target=Target(
            model_version_id="mdv_none" if missing == "model" else studio.model_version("base"),
            prompt_version_id="prv_none" if missing == "prompt" else None,
        ),
        dataset_version_id="dsv_none" if missing == "dataset" else studio.dataset_version([("a", "b", "test")]),
        scorers=[ScorerChoice(name="exact_match")],
    )

    with pytest.raises(NotFound):
        studio.experiments.start(new)

    assert [] == studio.experiments.list_().items


def test_scorers_can_be_looked_up(studio: Studio) -> None:
    """
    The list names every built-in scorer with what it is told, its range and its direction.
    """
    scorers = {scorer.name: scorer for scorer in studio.experiments.list_scorers()}

    assert set(SCORERS) <= set(scorers)
    assert (1.0, True, "share") == (
        scorers["exact_match"].high, scorers["exact_match"].higher_is_better, scorers["exact_match"].unit,
    )  # fmt: skip
    assert (None, False, "milliseconds") == (
        scorers["latency"].high, scorers["latency"].higher_is_better, scorers["latency"].unit,
    )  # fmt: skip
    assert ["labels"] == scorers["in_label_set"].required


def test_viewer_reads_and_starts_nothing(studio: Studio) -> None:
    """
    Starting takes 'evals.write'.
    """
    new = NewExperiment(
        name="mine",
        target=Target(model_version_id="mdv_1"),
        dataset_version_id="dsv_1",
        scorers=[ScorerChoice(name="exact_match")],
    )

    with pytest.raises(Denied):
        studio.run(service.start_experiment(studio.as_role("viewer"), new))
