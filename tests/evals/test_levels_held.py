"""Comparisons that would call equals different too often, or be called off by one scorer, through the HTTP contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.releases.studio import Studio
from treadle.choosing.types import Entry, NewChoice, TriedModel
from treadle.choosing.work import settle
from treadle.core.errors import InvalidInput
from treadle.evals import service as evals
from treadle.evals import store as evals_store
from treadle.evals.metrics import metrics_of
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import NewExperiment, Result, StopRule, Target
from treadle.storage.database import Connection
from treadle.traces.intake import new_trace_id

EXACT = ScorerChoice(name="exact_match")
STOP = StopRule(against="exp_against")
Scored = Mapping[str, Sequence[float | None]]


def _finished(
    studio: Studio,
    scores: Scored,
    *,
    metadata: Callable[[int], dict[str, object]] = lambda row: {},
    choices: Sequence[ScorerChoice] | None = None,
    **facts: object,
) -> str:
    """Keep a finished experiment with these scores, by scorer and row."""
    chosen = choices or [ScorerChoice(name=name) for name in scores if not name.startswith("human:")]
    usual = {"name": "n", "target": Target(model_version_id="mdv_1"), "dataset_version_id": "dsv_1", "scorers": chosen}
    new = NewExperiment.model_validate({**usual, **facts})
    results = [
        Result.model_validate({
            "row": row, "input": f"question {row}", "expected": "a", "output": "b", "error": None, "latency_ms": 1.0,
            "metadata": metadata(row),
            "scores": [
                Score(name=name, value=values[row], reason=None if values[row] is not None else "no price is known")
                for name, values in scores.items()
            ],
        })
        for row in range(len(next(iter(scores.values()))))
    ]  # fmt: skip
    experiment_id = evals.experiment_id_of(new_trace_id())
    measured = metrics_of([ScorerChoice(name=name) for name in scores], results, new.cluster_by)

    def write(db: Connection) -> None:
        evals.keep_experiment(db, studio.ctx, experiment_id, "run_none", new)
        evals_store.set_rows_total(db, experiment_id, len(results))
        evals_store.insert_results(db, experiment_id, results)
        evals_store.finish(db, experiment_id, measured, studio.clock.now())

    studio.run(studio.ctx.db.write(write))
    return experiment_id


def test_stopping_over_rows_in_clusters_is_refused(studio: Studio) -> None:
    """
    Each row would count as evidence by itself, and rows of a cluster are alike.
    """
    new = NewExperiment(
        name="n", target=Target(model_version_id="mdv_1"), dataset_version_id="dsv_1", scorers=[EXACT],
        cluster_by="document", stop=STOP,
    )  # fmt: skip

    with pytest.raises(InvalidInput) as caught:
        studio.experiments.start(new)

    assert "evals.no_early_stop" == caught.value.error_code
    assert "leave out stop, or ask one row of each cluster" in caught.value.message


def test_stopped_experiment_counts_alike_on_either_side_and_against_anybody(studio: Studio) -> None:
    """
    20 rows that stopped it show by what holds at every moment, as candidate, as baseline, and against a third one.
    """
    wrong = _finished(studio, {"exact_match": [0.0] * 60})
    third = _finished(studio, {"exact_match": [0.0] * 60})
    stopped = _finished(studio, {"exact_match": [1.0] * 20}, stop=StopRule(against=wrong))

    found = [
        studio.experiments.compare(*pair).comparisons[0]
        for pair in ((wrong, stopped), (stopped, wrong), (third, stopped))
    ]

    assert ["e_process"] * 3 == [one.test for one in found]
    assert 1 == len({round(one.p_value, 12) for one in found})
    assert ["better", "worse", "better"] == [one.verdict for one in found]


def test_parts_of_a_stopped_experiment_are_held_to_the_same(studio: Studio) -> None:
    """
    12 rows of a part, all gained: McNemar's p would be 0.0002; what holds at every moment is far from that.
    """
    columns: Callable[[int], dict[str, object]] = lambda row: {"kind": "ab"[row % 2]}  # noqa: E731
    wrong = _finished(studio, {"exact_match": [0.0] * 60}, metadata=columns)
    stopped = _finished(studio, {"exact_match": [1.0] * 24}, metadata=columns, stop=StopRule(against=wrong))

    parts = studio.experiments.compare_slices(wrong, stopped, by=["metadata"]).slices

    assert [12, 12] == [part.rows for part in parts]
    assert all(part.p_value > 0.001 for part in parts)


def test_two_that_could_both_stop_are_not_compared(studio: Studio) -> None:
    """
    Each ends after rows of its own, so those that both have are no fair sample; nor may one stop against such a one.
    """
    one = _finished(studio, {"exact_match": [1.0] * 20}, stop=STOP)
    other = _finished(studio, {"exact_match": [0.0] * 20}, stop=STOP)
    new = NewExperiment(
        name="n", target=Target(model_version_id="mdv_1"), dataset_version_id="dsv_1", scorers=[EXACT],
        stop=StopRule(against=one),
    )  # fmt: skip

    for attempt in (lambda: studio.experiments.compare(one, other), lambda: studio.experiments.start(new)):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert "evals.not_comparable" == caught.value.error_code


def test_clusters_count_in_slices_and_from_either_side(studio: Studio) -> None:
    """
    A part of 2 documents of 10 rows each, lost as a whole: 20 rows would show it, 2 documents do not, whichever of both
    experiments says that rows come in documents.
    """
    columns: Callable[[int], dict[str, object]] = lambda row: {  # noqa: E731
        "document": str(row // 10), "kind": "ab"[row // 20 % 2],
    }  # fmt: skip
    right, lost = [1.0] * 80, [0.0] * 20 + [1.0] * 60
    plain = [_finished(studio, {"exact_match": scores}, metadata=columns) for scores in (right, lost)]
    before, after = (
        _finished(studio, {"exact_match": scores}, metadata=columns, cluster_by="document") for scores in (right, lost)
    )

    naive = studio.experiments.compare_slices(*plain, by=["metadata"]).slices
    clustered = [
        studio.experiments.compare_slices(*pair, by=["metadata"]).slices
        for pair in ((before, after), (before, plain[1]), (plain[0], after))
    ]

    assert "worse" in {part.verdict for part in naive}
    assert [{"not shown to be better"}] * 3 == [{part.verdict for part in parts} for parts in clustered]
    assert 8 == studio.experiments.compare(before, plain[1]).comparisons[0].clusters


def test_scorer_that_cannot_be_compared_is_left_out_and_named(studio: Studio) -> None:
    """
    'cost' without a price does not call off what 'exact_match' shows; alone it says what is missing.
    """
    unknown: list[float | None] = [None] * 30
    before = _finished(studio, {"exact_match": [0.0] * 30, "cost": unknown})
    after = _finished(studio, {"exact_match": [1.0] * 30, "cost": unknown})
    alone = [_finished(studio, {"cost": unknown}) for _ in range(2)]

    report = studio.experiments.compare(before, after)
    with pytest.raises(InvalidInput) as caught:
        studio.experiments.compare(*alone)

    assert [("exact_match", "better")] == [(one.scorer, one.verdict) for one in report.comparisons]
    assert ["cost"] == [one.scorer for one in report.left_out]
    assert "most often: no price is known" in report.left_out[0].reason
    assert "no row has its score in both, of 30 that both were asked" in caught.value.message


def test_one_row_and_one_cluster_are_told_as_too_few(studio: Studio) -> None:
    """
    One scored row, or one cluster, is said to be too few, with what is there.
    """
    single = [_finished(studio, {"squad_f1": [0.5, None, None]}) for _ in range(2)]
    cluster = [
        _finished(studio, {"squad_f1": [0.5, 0.6, 0.7]}, metadata=lambda row: {"document": "d"}, cluster_by="document")
        for _ in range(2)
    ]

    said = []
    for pair in (single, cluster):
        with pytest.raises(InvalidInput) as caught:
            studio.experiments.compare(*pair)
        said.append(caught.value.message)

    assert "only 1 row has its score in both, of 3" in said[0]
    assert "all rows are of one cluster by 'document'" in said[1]


def test_cancelled_experiment_is_not_waited_for(studio: Studio) -> None:
    """
    What was cancelled never finishes, so the advice is to let it go on.
    """
    new = NewExperiment(
        name="n", target=Target(model_version_id=studio.model_version("base")),
        dataset_version_id=studio.dataset_version([("hello", "greeting", "test")]), scorers=[EXACT],
    )  # fmt: skip
    cancelled = studio.experiments.start(new)
    studio.client.runs.cancel(cancelled.run_id)
    other = _finished(studio, {"exact_match": [1.0]}, dataset_version_id=new.dataset_version_id)

    with pytest.raises(InvalidInput) as caught:
        studio.experiments.compare(other, cancelled.experiment_id)

    assert "cancelled after 0 rows" in caught.value.message
    assert f"treadle run retry {cancelled.run_id}" in caught.value.message


def test_what_people_said_is_compared(studio: Studio) -> None:
    """
    Both have answers that people judged by the question 'tone': it is compared like a scorer, on the rows that both have.
    """
    before = _finished(studio, {"exact_match": [1.0] * 40, "human:tone": [0.0] * 30 + [None] * 10})
    after = _finished(studio, {"exact_match": [1.0] * 40, "human:tone": [1.0] * 30 + [None] * 10})

    _, tone = studio.experiments.compare(before, after).comparisons
    part = studio.experiments.compare_slices(before, after, by=["length"], scorer="human:tone")

    assert ("human:tone", "better", 30, 10) == (tone.scorer, tone.verdict, tone.rows, tone.unscored)
    assert "human:tone" == part.scorer


def test_switch_that_was_turned_off_keeps_nobody_from_reading(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Experiments that `python` judged are compared after the operator has turned it off; new ones are refused.
    """
    monkeypatch.delenv("TREADLE_PYTHON_SCORERS", raising=False)
    source = "def score(output, expected, input, metadata):\n    return 1.0"
    choice = ScorerChoice(name="python", parameters={"source": source})
    before, after = (_finished(studio, {"python": [value] * 30}, choices=[choice]) for value in (0.0, 1.0))

    report = studio.experiments.compare(before, after)
    with pytest.raises(InvalidInput) as caught:
        studio.experiments.start(
            NewExperiment(
                name="n", target=Target(model_version_id="mdv_1"), dataset_version_id="dsv_1", scorers=[choice]
            )
        )

    assert "better" == report.comparisons[0].verdict
    assert "evals.scorer_parameters" == caught.value.error_code


def test_best_of_three_is_picked_by_the_rows_that_judge_the_others(studio: Studio) -> None:
    """
    2 rows against 10 are p = 0.0225: below 0.05 / 2, which would do against one named beforehand, and above 0.05 / 3, the
    share of each of three pairs.
    """
    best = [1.0] * 10 + [0.0] * 2 + [1.0] * 40
    other = [0.0] * 10 + [1.0] * 2 + [1.0] * 40
    ids = [_finished(studio, {"exact_match": scores}) for scores in (best, other, other)]
    tried = [
        TriedModel(
            entry=Entry(name=f"maker/{number}", origin=["stated"], hosting=None), experiment_id=experiment_id,
            problem=None, metrics=studio.experiments.get(experiment_id).metrics,
        )
        for number, experiment_id in enumerate(ids)
    ]  # fmt: skip
    new = NewChoice(dataset="d", scorers=[EXACT])

    outcome = studio.run(settle(studio.ctx, new, tried))

    assert "maker/0" == outcome.best
    against = [model.against_best for model in outcome.tried if model.against_best is not None]
    assert [pytest.approx(0.0225, abs=1e-4)] * 2 == [one.p_value for one in against]
    assert ["not shown to be better"] * 2 == [one.verdict for one in against]
