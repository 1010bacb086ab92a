"""Experiments on a real server: endpoints and functions as targets, judges, repeats, the cache, people, Parquet."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import polars
import pytest

from tests.evals.serving import done, experiment, keep, serve_scripted, wait_for_traces
from tests.traces.home import Home
from treadle.core.errors import Conflict, InvalidInput, LimitExceeded, NotFound, Unavailable
from treadle.evals.functions.store import insert_outputs
from treadle.evals.functions.types import NewOutput, WaitingRow
from treadle.evals.judges.types import NewCalibration
from treadle.evals.people.types import NewHandOver, NewTakeBack
from treadle.evals.scoring.types import NewCase, ScorerChoice
from treadle.evals.target import Answer, Row, Traced
from treadle.evals.targets import FunctionAsker
from treadle.evals.types import NewExperiment, Target
from treadle.feedback.labels.types import Field
from treadle.feedback.queues.types import NewQueue
from treadle.gateway.types import Rule

ROWS = [(f"card {number} lost", "lost", "test") for number in range(6)]
ROWS += [(f"refund {number}", "refund", "test") for number in range(4)]
ANSWERS = [Rule(match="card", reply="lost"), Rule(match="refund [01]", reply="lost"), Rule(match="", reply="refund")]
"""8 of 10 are right."""
JUDGE = [
    Rule(match=r"answer \w+\]\nlost", reply='{"reason": "says lost", "score": 3}'),
    Rule(reply='{"reason": "something else", "score": 1}'),
]
"""Calls 'lost' good: 8 of 10."""
RUBRIC = ScorerChoice(name="rubric", parameters={"endpoint": "judge", "criteria": "it says lost"})


def test_endpoint_is_tried_and_judged_with_traces_and_costs(home: Home) -> None:
    """
    Every answer and every judgement has its trace; the judge's cost is the sum of its requests; nobody has measured it.
    """
    serve_scripted(home, "support", ANSWERS)
    serve_scripted(home, "judge", JUDGE)
    version = keep(home, ROWS)

    ended = experiment(
        home, target=Target(endpoint="support"), dataset_version_id=version, part="test",
        scorers=[ScorerChoice(name="exact_match"), RUBRIC],
    )  # fmt: skip

    exact, judged = ended.metrics
    results = home.client.experiments.list_results(ended.experiment_id).items
    score = results[0].scores[1]
    assert (0.8, 0.8, None) == (exact.mean, judged.mean, exact.judge)
    assert judged.judge is not None
    assert (10, 0, None) == (judged.judge.requests, judged.judge.abstained, judged.judge.calibration_id)
    assert "not calibrated" in judged.judge.words
    assert score.judgement is not None
    costs = [each.scores[1].judgement.cost_usd for each in results if each.scores[1].judgement is not None]
    assert judged.judge.cost_usd == sum(cost for cost in costs if cost is not None)
    assert all(cost is not None and cost > 0 for cost in costs)
    wanted = [str(results[0].trace_id), score.judgement.trace_ids[0]]
    wait_for_traces(home, 20)
    assert ["support", "judge"] == [home.client.traces.get(trace_id).trace.endpoint for trace_id in wanted]


def test_repeats_are_answers_of_their_own_and_rows_are_the_sample(home: Home) -> None:
    """
    10 rows 3 times are 30 answers; the interval counts 10 rows; the comparison takes each row once.
    """
    serve_scripted(home, "support", ANSWERS)
    version = keep(home, ROWS)
    facts = {"target": Target(endpoint="support"), "dataset_version_id": version, "repeats": 3, "concurrency": 4}

    first, second = experiment(home, **facts), experiment(home, **facts)

    report = home.client.experiments.compare(first.experiment_id, second.experiment_id)
    results = home.client.experiments.list_results(first.experiment_id, limit=7)
    more = home.client.experiments.list_results(first.experiment_id, limit=100, cursor=results.next_cursor)
    assert (30, 30, 10) == (first.rows, first.metrics[0].scored, first.metrics[0].clusters)
    assert (10, 0.0) == (report.comparisons[0].rows, report.comparisons[0].difference)
    assert [(row, repeat) for row in range(1, 11) for repeat in (1, 2, 3)] == [
        (each.row, each.repeat) for each in (*results.items, *more.items)
    ]
    assert 30 == len({each.trace_id for each in (*results.items, *more.items)})


def test_cached_answers_and_judgements_are_asked_once(home: Home) -> None:
    """
    A second run of the same target asks nothing, and costs nothing; another release behind the endpoint is asked anew.
    """
    serve_scripted(home, "support", ANSWERS)
    serve_scripted(home, "judge", JUDGE)
    version = keep(home, ROWS)
    facts = {
        "target": Target(endpoint="support"), "dataset_version_id": version, "scorers": [RUBRIC], "cache": True,
        "repeats": 2,
    }  # fmt: skip

    first, second = experiment(home, **facts), experiment(home, **facts)
    serve_scripted(home, "support", [Rule(reply="refund")], release_id="rel_next")
    third = experiment(home, **facts)

    cached = [
        sum(each.cached for each in home.client.experiments.list_results(one.experiment_id, limit=100).items)
        for one in (first, second, third)
    ]
    assert [0, 20, 0] == cached
    asked = [one.metrics[0].judge for one in (first, second)]
    assert all(one is not None for one in asked)
    assert [20, 0] == [one.requests for one in asked if one is not None]
    assert (0.8, 0.8, 0.0) == tuple(one.metrics[0].mean for one in (first, second, third))


def test_function_goes_on_with_the_rows_that_have_no_answer(home: Home) -> None:
    """
    The function dies at the fifth row; resumed, it is asked for the others only, and what it raises is the row's error.
    """
    version = keep(home, ROWS)
    new = NewExperiment(
        name="mine", target=Target(function="answers v1"), dataset_version_id=version,
        scorers=[ScorerChoice(name="exact_match")],
    )  # fmt: skip
    asked: list[int] = []

    class Killed(BaseException):
        """Ends the program."""

    def dies(row: WaitingRow) -> str:
        asked.append(row.row)
        if row.row == 5:
            raise Killed
        return "lost"

    def goes_on(row: WaitingRow) -> str:
        asked.append(row.row)
        if row.row == 10:
            raise ValueError("no idea")
        return "lost"

    started = home.client.experiments.start(new)
    first = home.client.experiments.list_waiting(started.experiment_id, limit=3)
    try:
        home.client.experiments.resume_function(dies, started.experiment_id, concurrency=1)
    except Killed:
        before = set(asked)
    home.client.experiments.resume_function(goes_on, started.experiment_id, concurrency=2)
    done(home, started.run_id)

    results = home.client.experiments.list_results(started.experiment_id).items
    assert [1, 2, 3] == [row.row for row in first.items]
    assert {1, 2, 3, 4, 5} <= before
    assert ("ValueError: no idea", None) == (results[9].error, results[9].output)
    assert [1.0] * 6 + [0.0] * 4 == [each.scores[0].value for each in results]
    assert all(each.trace_id is not None for each in results)


def test_people_judge_answers_and_calibrate_the_judge(home: Home) -> None:
    """
    Answers go to a queue by their traces and come back as scores; the judge is measured by them, and its next scores say so.
    """
    rows = [(f"card {number} lost", "lost", "test") for number in range(15)]
    rows += [(f"refund {number}", "refund", "test") for number in range(15)]
    serve_scripted(home, "support", [Rule(match="card", reply="lost"), Rule(reply="refund")])
    serve_scripted(home, "judge", JUDGE)
    version = keep(home, rows)
    ended = experiment(home, target=Target(endpoint="support"), dataset_version_id=version)
    wait_for_traces(home, 30)
    home.client.queues.create(NewQueue(name="review", fields=[Field(name="good", kind="boolean")]))

    added = home.client.experiments.hand_over(ended.experiment_id, NewHandOver(queue="review"))
    again = home.client.experiments.hand_over(ended.experiment_id, NewHandOver(queue="review"))
    seen: set[str] = set()
    for _ in range(30):
        (work,) = home.client.queues.open_next("review")
        # People disagree with the judge on the first answer of each kind.
        said = work.a.output_text
        home.client.queues.judge("review", work.item_id, {"good": (said == "lost") == (said in seen)})
        seen.add(said)
    taken = home.client.experiments.take_back(ended.experiment_id, NewTakeBack(queue="review", field="good"))
    run = done(home, home.client.judges.calibrate(NewCalibration(scorer=RUBRIC, queue="review", field="good")).run_id)
    found = home.client.judges.get_calibration(str(run.outputs["calibration_id"]))
    case = NewCase(input="card 99 lost", output="lost")
    (score,) = home.client.judges.score(case, [RUBRIC])

    assert (30, 0, 0, 30) == (added.num_added, added.num_known, again.num_added, again.num_known)
    human = taken.metrics[1]
    assert ("human:good", 30) == (human.name, human.scored)
    assert (30, 0, ["rel_judge"]) == (found.rows, found.unscored, found.release_ids)
    assert 0.9 < found.agreement.value < 1.0
    assert found.kappa.value is not None
    assert found.kappa.value > 0.7
    assert found.cost_usd is not None
    assert found.cost_usd > 0
    assert "agrees with people on" in found.words
    assert "rough" in found.words
    assert score.judgement is not None
    assert found.calibration_id == score.judgement.calibration_id
    assert score.judgement.probability is not None
    assert 0.7 < score.judgement.probability < 1.0
    assert [found.calibration_id] == [one.calibration_id for one in home.client.judges.list_calibrations().items]


def test_results_are_a_parquet_file(home: Home, tmp_path: Path) -> None:
    """
    A row per answer, a column per scorer.
    """
    serve_scripted(home, "support", ANSWERS)
    ended = experiment(home, target=Target(endpoint="support"), dataset_version_id=keep(home, ROWS))

    path = home.client.experiments.export(ended.experiment_id, tmp_path / "results.parquet")

    frame = polars.read_parquet(path)
    assert 10 == frame.height
    assert 8.0 == frame["score.exact_match"].sum()
    assert {"row", "repeat", "input", "output", "trace_id", "label.exact_match"} <= set(frame.columns)
    assert 0 == frame["trace_id"].null_count()


def test_comparison_by_an_unmeasured_judge_says_so(home: Home) -> None:
    """
    The words of a comparison carry the doubt; a scorer that computes has none.
    """
    serve_scripted(home, "support", ANSWERS)
    serve_scripted(home, "judge", JUDGE)
    facts = {
        "target": Target(endpoint="support"), "dataset_version_id": keep(home, ROWS),
        "scorers": [RUBRIC, ScorerChoice(name="exact_match")],
    }  # fmt: skip
    first, second = experiment(home, **facts), experiment(home, **facts)

    report = home.client.experiments.compare(first.experiment_id, second.experiment_id)

    assert [True, False] == ["a judge that is not calibrated" in one.words for one in report.comparisons]


def test_judge_that_is_not_there(home: Home) -> None:
    """
    A judge's endpoint is looked for before anything is asked, in an experiment and in a calibration.
    """
    serve_scripted(home, "support", ANSWERS)
    new = NewExperiment(
        name="x", target=Target(endpoint="support"), dataset_version_id=keep(home, ROWS), scorers=[RUBRIC]
    )

    with pytest.raises(NotFound, match="no endpoint 'judge' serves here"):
        home.client.experiments.start(new)
    with pytest.raises(NotFound, match="no endpoint 'judge' serves here"):
        home.client.judges.calibrate(NewCalibration(scorer=RUBRIC, queue="review"))

    assert [] == home.client.experiments.list_().items


def test_scorer_chosen_twice_is_refused(home: Home) -> None:
    """
    Two scores of one name could not be told apart.
    """
    version = keep(home, ROWS)

    with pytest.raises(InvalidInput) as caught:
        experiment(home, target=Target(function="mine"), dataset_version_id=version, scorers=[RUBRIC, RUBRIC])

    assert "evals.scorer_twice" == caught.value.error_code


def test_pair_without_the_other_answer_is_unscored(home: Home) -> None:
    """
    A row that the other experiment has no answer to is compared with nothing, above all not with what the row expects.
    """
    serve_scripted(home, "plain", [Rule(reply="fine")])
    serve_scripted(home, "referee", [Rule(reply="VERDICT: TIE")])
    rows = keep(home, [("one", "fine", "test"), ("two", "fine", "test")])
    other = experiment(home, target=Target(endpoint="plain"), dataset_version_id=rows, limit=1)
    pairwise = ScorerChoice(name="pairwise", parameters={"endpoint": "referee", "against": other.experiment_id})

    made = experiment(home, target=Target(endpoint="plain"), dataset_version_id=rows, scorers=[pairwise])

    scores = [result.scores[0] for result in home.client.experiments.list_results(made.experiment_id).items]
    assert [0.5, None] == [score.value for score in scores]
    assert "no answer to this row" in (scores[1].reason or "")


def test_cached_answer_was_not_asked_for_likelihoods(home: Home) -> None:
    """
    A scorer of likelihoods takes no remembered answer that was given without them: it is asked for again.
    """
    serve_scripted(home, "support", [Rule(match=".*", reply="a word")])
    version = keep(home, [("q", "a word", "test")])
    facts: dict[str, object] = {
        "target": Target(endpoint="support"), "dataset_version_id": version, "cache": True,
    }  # fmt: skip

    cached = []
    for scorer in ("exact_match", "perplexity", "exact_match"):
        done_ = experiment(home, **facts, scorers=[ScorerChoice(name=scorer)])
        cached.append([row.cached for row in home.client.experiments.list_results(done_.experiment_id).items])

    assert [[False], [False], [True]] == cached


def test_limit_is_no_bad_answer_and_the_experiment_goes_on(home: Home) -> None:
    """
    Where a limit holds for the day the experiment ends with its words, keeps what was answered, and goes on when its run is
    retried.
    """
    serve_scripted(home, "support", ANSWERS)
    version = keep(home, ROWS)
    made = home.client.limits.set_(4, "requests", per="day", scope="project")
    _wait_for_limits(home, 1)

    started = home.client.experiments.start(
        NewExperiment(
            name="limited", target=Target(endpoint="support"), dataset_version_id=version, concurrency=1,
            scorers=[ScorerChoice(name="exact_match")],
        )
    )  # fmt: skip
    with pytest.raises(LimitExceeded) as caught:
        done(home, started.run_id)
    before = home.client.experiments.list_results(started.experiment_id).items
    home.client.limits.remove(made.limit_id)
    _wait_for_limits(home, 0)
    home.client.runs.retry(started.run_id)
    done(home, started.run_id)
    ended = home.client.experiments.get(started.experiment_id)
    with pytest.raises(Conflict):
        home.client.runs.retry(started.run_id)

    after = home.client.experiments.list_results(started.experiment_id).items
    assert "evals.limit_reached" == caught.value.error_code
    assert (4, [None] * 4) == (len(before), [each.error for each in before])
    assert before == after[:4]
    assert (10, 0, 0.8) == (len(after), ended.errors, ended.metrics[0].mean)
    assert (started.run_id, "succeeded") == (ended.run_id, ended.status)


def test_rows_without_an_answer_are_asked_again_when_the_run_is_retried(home: Home) -> None:
    """
    An experiment of which no row was answered fails; when its endpoint answers again, a retry asks all rows, and they count.
    """
    serve_scripted(home, "support", [Rule(status=400)])
    version = keep(home, ROWS)
    started = home.client.experiments.start(
        NewExperiment(
            name="outage", target=Target(endpoint="support"), dataset_version_id=version,
            scorers=[ScorerChoice(name="exact_match")],
        )
    )  # fmt: skip
    with pytest.raises(Unavailable):
        done(home, started.run_id)
    serve_scripted(home, "support", ANSWERS, release_id="rel_mended")

    home.client.runs.retry(started.run_id)
    done(home, started.run_id)

    ended = home.client.experiments.get(started.experiment_id)
    assert (10, 0, 0.8) == (ended.rows_done, ended.errors, ended.metrics[0].mean)


def test_an_experiment_that_came_to_its_end_keeps_its_rows(home: Home) -> None:
    """
    A run that failed only after its experiment was finished asks nothing again when it is retried: the figures are of these rows.
    """
    serve_scripted(home, "support", [Rule(match="card 0", status=400), *ANSWERS])
    ended = experiment(home, target=Target(endpoint="support"), dataset_version_id=keep(home, ROWS))
    before = home.client.experiments.list_results(ended.experiment_id).items
    _write(home, "update runs set status = 'failed' where run_id = %s", ended.run_id)
    serve_scripted(home, "support", ANSWERS, release_id="rel_mended")

    home.client.runs.retry(ended.run_id)
    done(home, ended.run_id)

    assert (1, 1) == (ended.errors, sum(row.error is not None for row in before))
    assert before == home.client.experiments.list_results(ended.experiment_id).items


def test_an_experiment_that_an_older_release_resumed_goes_on(home: Home) -> None:
    """
    Its second run, which names what it goes on with, is retried like any other, and works on that experiment.
    """
    serve_scripted(home, "support", [Rule(status=400)])
    target, version = Target(endpoint="support"), keep(home, ROWS)
    new = NewExperiment(
        name="old", target=target, dataset_version_id=version, scorers=[ScorerChoice(name="exact_match")]
    )
    first, second = home.client.experiments.start(new), home.client.experiments.start(new)
    for started in (first, second):
        with pytest.raises(Unavailable):
            done(home, started.run_id)
    _write(home, "delete from experiments where experiment_id = %s", second.experiment_id)
    _write(home, "update experiments set run_id = %s where experiment_id = %s", second.run_id, first.experiment_id)
    _write(
        home,
        "update runs set params = params || jsonb_build_object('resumes', %s::text) where run_id = %s",
        first.experiment_id, second.run_id,
    )  # fmt: skip
    serve_scripted(home, "support", ANSWERS, release_id="rel_mended")

    home.client.runs.retry(second.run_id)
    done(home, second.run_id)

    ended = home.client.experiments.get(first.experiment_id)
    assert (10, 0, 0.8, second.run_id) == (ended.rows_done, ended.errors, ended.metrics[0].mean, ended.run_id)


def test_classifier_that_is_not_there_is_told_before_any_row_is_asked(home: Home) -> None:
    """
    What a scorer needs is looked at first: no answer is paid for that could not be judged.
    """
    serve_scripted(home, "support", ANSWERS)
    version = keep(home, ROWS)
    started = home.client.experiments.start(
        NewExperiment(
            name="toxic", target=Target(endpoint="support"), dataset_version_id=version,
            scorers=[ScorerChoice(name="toxicity", parameters={"model": "/no/such/folder"})],
        )
    )  # fmt: skip

    with pytest.raises(InvalidInput) as caught:
        done(home, started.run_id)

    assert "evals.classifier_refused" == caught.value.error_code
    assert 0 == home.client.experiments.get(started.experiment_id).rows_done


def test_function_whose_run_ended_goes_on_with_what_it_sent(home: Home) -> None:
    """
    An experiment of a function that was ended, by silence or by hand, goes on with every answer that came in.
    """
    version = keep(home, ROWS)
    new = NewExperiment(
        name="mine", target=Target(function="answers v1"), dataset_version_id=version,
        scorers=[ScorerChoice(name="exact_match")],
    )  # fmt: skip
    started = home.client.experiments.start(new)
    home.client.experiments.add_outputs(
        started.experiment_id, [NewOutput(row=row, output="lost", latency_ms=1.0) for row in range(1, 8)]
    )
    home.client.runs.cancel(started.run_id)
    asked: list[int] = []

    def answer(row: WaitingRow) -> str:
        asked.append(row.row)
        return "refund"

    home.client.experiments.resume_function(answer, started.experiment_id)
    done(home, started.run_id)

    assert [8, 9, 10] == sorted(asked)
    assert 0.9 == home.client.experiments.get(started.experiment_id).metrics[0].mean


def test_function_that_is_not_waited_for_is_not_silent(home: Home) -> None:
    """
    While nobody waits for an answer, for slow judges are at work, a function may be quiet for as long as it takes.
    """

    async def quiet_and_asked() -> Answer:
        asker = FunctionAsker(
            home.ctx, "exp_quiet", Traced(home.ctx.project_id, "exp_quiet", home.ctx.clock), silence_seconds=0.2
        )
        looking = asyncio.create_task(asker.look())
        await asyncio.sleep(1)
        said = NewOutput(row=1, output="late", latency_ms=1.0)
        await home.ctx.db.write(lambda db: insert_outputs(db, "exp_quiet", [said]))
        try:
            async with asyncio.timeout(60):
                return await asker.ask(Row(1, "q", None, None, {}))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    assert "late" == asyncio.run(quiet_and_asked()).output


def _write(home: Home, sql: str, *values: object) -> None:
    """Have the database be as an accident or an older version left it."""
    asyncio.run(home.ctx.db.write(lambda db: db.execute(sql, list(values))))


def _wait_for_limits(home: Home, count: int) -> None:
    """Wait until the gateway knows so many limits of the project."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert home.platform.data_plane is not None
        table = home.platform.data_plane.live.table
        if table is not None and count == len(table.snapshot.limits.get(home.ctx.project_id, ())):
            return
        time.sleep(0.05)
    raise AssertionError(f"the gateway does not know {count} limits")


def test_function_says_what_no_database_keeps(home: Home) -> None:
    """
    NUL and halves of surrogate pairs become marks, in answers and in reasons; the experiment goes on with the other rows.
    """
    version = keep(home, ROWS)
    new = NewExperiment(
        name="odd", target=Target(function="odd v1"), dataset_version_id=version, limit=3,
        scorers=[ScorerChoice(name="exact_match")],
    )  # fmt: skip

    def answer(row: WaitingRow) -> str:
        if row.row == 1:
            return "a\0b\ud83d"
        if row.row == 2:
            raise ValueError("no\0 \ud83d")
        return "lost"

    made = home.client.experiments.run_function(answer, new)
    done(home, made.run_id)

    results = home.client.experiments.list_results(made.experiment_id).items
    assert ["a\ufffdb?", None, "lost"] == [each.output for each in results]
    assert "ValueError: no\ufffd ?" == results[1].error
