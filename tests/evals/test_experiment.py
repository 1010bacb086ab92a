"""The experiment itself: a real engine's protocol over loopback, real rows, a real child process, killed and resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.releases.studio import Studio, serving
from treadle.core.errors import InvalidInput, TreadleError
from treadle.core.types import JsonObject
from treadle.engines.types import Engine
from treadle.evals import store
from treadle.evals.experiment import run_experiment
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.service import experiment_id_of
from treadle.evals.types import Experiment, NewExperiment, Target
from treadle.gateway.providers.scripted import scripted_server
from treadle.gateway.types import Rule
from treadle.jobs import service as jobs
from treadle.jobs.scope import RunScope

ROWS = [(f"my card {number} is gone", "lost", "test") for number in range(30)]
ROWS += [(f"pay me back {number}", "refund", "test") for number in range(30)]
ROWS += [("only for training", "lost", "train")]
RULES = [Rule(match="^Classify: my card", reply="lost"), Rule(match="back 1", reply="lost"), Rule(reply=" refund")]
"""Right on all 30 cards; of the refunds 11 (1 and 10 to 19) are wrong, the others right but for a space."""


class OneEngine:
    """Every model version is answered by one server."""

    def __init__(self, url: str | None) -> None:
        self.url = url

    async def ensure(self, model_version_id: str, place: Path, *_: object) -> Engine:
        """Return the engine."""
        assert place.exists()
        return Engine(model_version_id=model_version_id, url=self.url or "", pid=1, context_length=256)

    def find(self, model_version_id: str) -> Engine | None:
        """Return the engine unless there is none."""
        if self.url is None:
            return None
        return Engine(model_version_id=model_version_id, url=self.url, pid=1, context_length=256)


@contextmanager
def _engine(rules: list[Rule]) -> Iterator[OneEngine]:
    with serving(scripted_server(rules)) as url:
        yield OneEngine(url)


def _new(studio: Studio, **more: object) -> NewExperiment:
    facts: dict[str, object] = {
        "name": "support",
        "target": Target(model_version_id=studio.model_version("base"), prompt_version_id=studio.prompt_version()),
        "dataset_version_id": studio.dataset_version(ROWS),
        "part": "test",
        "scorers": [
            ScorerChoice(name="exact_match", parameters={"trim": True}),
            ScorerChoice(name="in_label_set", parameters={"labels": ["lost", "refund"]}),
        ],
    }
    return NewExperiment.model_validate(facts | more)


async def _no_steps(*_: object) -> JsonObject:
    raise AssertionError("an experiment takes no steps")


def _scope(studio: Studio, new: NewExperiment, engines: OneEngine, tmp_path: Path) -> RunScope:
    run = studio.run(jobs.start(studio.ctx, kind="evals.experiment", title="test", params=new.model_dump(mode="json")))
    return RunScope(studio.ctx, run, tmp_path, {"engines": engines}, _no_steps)


def _experiment(studio: Studio, scope: RunScope) -> Experiment:
    return studio.experiments.get(experiment_id_of(scope.run_id))


def test_every_row_of_the_part_is_answered_and_judged(studio: Studio, tmp_path: Path) -> None:
    """
    60 test rows, 49 of them right; the metric has Wilson's interval, and the model's card gets the figure.
    """
    with _engine(RULES) as engines:
        scope = _scope(studio, _new(studio), engines, tmp_path)

        outputs = studio.run(run_experiment(scope))

    experiment = _experiment(studio, scope)
    assert (60, 0) == (outputs["rows"], outputs["errors"])
    assert ("succeeded", 60, 60) == (experiment.status, experiment.rows, experiment.rows_done)
    assert [pytest.approx(49 / 60), 1.0] == [metric.mean for metric in experiment.metrics]
    results = studio.experiments.list_results(experiment.experiment_id, limit=100).items
    assert list(range(1, 61)) == [result.row for result in results]
    assert ["my card 0 is gone", "lost", "lost"] == [results[0].input, results[0].expected, results[0].output]
    assert "match_after_trim" == results[30].scores[0].label
    assert all(result.latency_ms > 0 for result in results)


def test_killed_in_the_middle_it_goes_on_where_it_stopped(studio: Studio, tmp_path: Path) -> None:
    """
    After a kill the rows that are judged stay as they are and are not asked again; all rows end up judged once.
    """
    new = _new(studio, concurrency=2)
    slow = [Rule(match="back 2", reply="refund", delay_ms=60_000), *RULES]

    async def killed(scope: RunScope) -> None:
        work = asyncio.create_task(run_experiment(scope))
        while await studio.ctx.db.read(lambda db: len(store.judged_rows(db, experiment_id_of(scope.run_id)))) < 30:
            await asyncio.sleep(0.05)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    with _engine(slow) as engines:
        scope = _scope(studio, new, engines, tmp_path)
        studio.run(killed(scope))
    half = _experiment(studio, scope).rows_done
    with _engine([Rule(reply="asked again")]) as engines:
        again = RunScope(studio.ctx, scope.run, tmp_path, {"engines": engines}, _no_steps)
        outputs = studio.run(run_experiment(again))
        studio.run(run_experiment(again))

    results = studio.experiments.list_results(experiment_id_of(scope.run_id), limit=100).items
    assert 30 <= half < 60
    assert 60 == outputs["rows"]
    assert 60 - half == sum(result.output == "asked again" for result in results)
    assert list(range(1, 61)) == [result.row for result in results]


def test_row_without_an_answer_scores_zero_and_says_why(studio: Studio, tmp_path: Path) -> None:
    """
    A row the target refuses is a result with its error, judged 0; the others are unharmed.
    """
    rules = [Rule(match="gone", status=400, reply="too long"), *RULES]
    with _engine(rules) as engines:
        scope = _scope(studio, _new(studio), engines, tmp_path)

        outputs = studio.run(run_experiment(scope))

    first = studio.experiments.list_results(experiment_id_of(scope.run_id), limit=1).items[0]
    assert (60, 30) == (outputs["rows"], outputs["errors"])
    assert (None, "too long") == (first.output, first.error)
    assert [(0.0, "no_answer")] * 2 == [(score.value, score.label) for score in first.scores]


def test_target_that_answers_nothing_fails_the_run(studio: Studio, tmp_path: Path) -> None:
    """
    An experiment without a single answer is no result: it fails with the first reason.
    """
    with _engine([Rule(status=400, reply="no such template")]) as engines:
        scope = _scope(studio, _new(studio, limit=5), engines, tmp_path)

        with pytest.raises(TreadleError) as caught:
            studio.run(run_experiment(scope))

    assert "evals.nothing_answered" == caught.value.error_code
    assert "no such template" in caught.value.message


def test_part_without_rows(studio: Studio, tmp_path: Path) -> None:
    """
    A part that the version does not have is told with those it has.
    """
    scope = _scope(studio, _new(studio, part="validation"), OneEngine(None), tmp_path)

    with pytest.raises(InvalidInput) as caught:
        studio.run(run_experiment(scope))

    assert "evals.no_rows" == caught.value.error_code
    assert "(its parts: test, train)" in caught.value.message


def test_limit_takes_the_same_first_rows_every_time(studio: Studio, tmp_path: Path) -> None:
    """
    A limited experiment judges the first rows of the part.
    """
    with _engine(RULES) as engines:
        scope = _scope(studio, _new(studio, limit=7), engines, tmp_path)

        studio.run(run_experiment(scope))

    results = studio.experiments.list_results(experiment_id_of(scope.run_id)).items
    assert list(range(1, 8)) == [result.row for result in results]


def test_clusters_by_a_column_that_no_row_has(studio: Studio, tmp_path: Path) -> None:
    """
    A misspelt column would make every row a cluster and intervals too narrow; it is refused with the columns that there are.
    """
    scope = _scope(studio, _new(studio, cluster_by="sesion"), OneEngine(None), tmp_path)

    with pytest.raises(InvalidInput) as caught:
        studio.run(run_experiment(scope))

    assert "evals.no_clusters" == caught.value.error_code
    assert "no row has the metadata column 'sesion'" in caught.value.message
