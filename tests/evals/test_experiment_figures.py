"""Experiments through a real server: scorers of the worker, clusters, early stopping, slices, margins."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from click.testing import CliRunner

from tests.evals.serving import done, experiment, keep, serve_scripted
from tests.traces.home import Home
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput
from treadle.core.sequence import Wagers, wager
from treadle.evals.comparisons.early import order_of
from treadle.evals.functions.types import NewOutput, WaitingRow
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import NewExperiment, StopRule, Target
from treadle.gateway.types import Rule

ROWS = [(f"translate {number} {'long ' * (number % 40)}", "the cat sat on the mat", "test") for number in range(120)]


def test_scorers_of_the_worker_judge_all_rows_at_the_end(home: Home) -> None:
    """
    BLEU is a figure of all rows with its interval; the first scorer stays first; a pattern is judged beside it.
    """
    serve_scripted(home, "half", [Rule(match="translate [0-5]", reply="the cat sat on a mat"), Rule(reply="a dog")])

    made = experiment(
        home,
        target=Target(endpoint="half"),
        dataset_version_id=keep(home, ROWS),
        scorers=[ScorerChoice(name="bleu"), ScorerChoice(name="exact_match"),
                 ScorerChoice(name="regex", parameters={"pattern": "cat"}), ScorerChoice(name="latency")],
    )  # fmt: skip

    bleu, exact, regex, latency = made.metrics
    assert "corpus_bootstrap" == bleu.interval
    assert bleu.mean is not None
    assert bleu.low is not None
    assert 0 < bleu.low < bleu.mean < 1
    assert 0.0 == exact.mean
    assert "wilson" == regex.interval
    assert ("milliseconds", False, 120) == (latency.unit, latency.higher_is_better, latency.scored)
    row = home.client.experiments.list_results(made.experiment_id, limit=1).items[0]
    assert ["bleu", "exact_match", "regex", "latency"] == [score.name for score in row.scores]


def test_experiment_stops_when_a_difference_is_shown(home: Home) -> None:
    """
    Against a baseline that is always wrong, one that is always right stops long before 120 rows, and the comparison says
    better by the test that allows for stopping.
    """
    serve_scripted(home, "wrong", [Rule(reply="no")])
    serve_scripted(home, "right", [Rule(reply="the cat sat on the mat")])
    rows = keep(home, ROWS)
    baseline = experiment(home, target=Target(endpoint="wrong"), dataset_version_id=rows)

    candidate = experiment(
        home, target=Target(endpoint="right"), dataset_version_id=rows, concurrency=1,
        stop=StopRule(against=baseline.experiment_id),
    )  # fmt: skip

    report = home.client.experiments.compare(baseline.experiment_id, candidate.experiment_id)
    assert candidate.rows is not None
    assert 10 <= candidate.rows < 120
    assert candidate.rows == candidate.rows_done
    assert ("e_process", "better") == (report.comparisons[0].test, report.comparisons[0].verdict)
    assert (True, "betting") == (candidate.metrics[0].stopped_early, candidate.metrics[0].interval)
    assert not baseline.metrics[0].stopped_early


def test_function_is_spared_the_rows_that_are_not_needed(home: Home) -> None:
    """
    A function that is always right, against a baseline that is always wrong, is asked in the order in which rows count, and
    no further once the difference is shown; answers on their way by then are no error.
    """
    serve_scripted(home, "never", [Rule(reply="no")])
    rows = keep(home, ROWS)
    baseline = experiment(home, target=Target(endpoint="never"), dataset_version_id=rows)
    new = NewExperiment(
        name="f", target=Target(function="mine v1"), dataset_version_id=rows, scorers=[ScorerChoice(name="exact_match")],
        concurrency=1, stop=StopRule(against=baseline.experiment_id),
    )  # fmt: skip
    started = home.client.experiments.start(new)
    first = home.client.experiments.list_waiting(started.experiment_id, limit=30)
    second = home.client.experiments.list_waiting(started.experiment_id, limit=120, cursor=first.next_cursor)

    home.client.experiments.add_outputs(started.experiment_id, [_right(row) for row in first.items])
    done(home, started.run_id)
    late = home.client.experiments.add_outputs(started.experiment_id, [_right(row) for row in second.items])

    ended = home.client.experiments.get(started.experiment_id)
    assert order_of(range(1, 121), started.experiment_id) == [row.row for row in (*first.items, *second.items)]
    assert ended.rows is not None
    assert 10 <= ended.rows <= 30
    assert ended.metrics[0].stopped_early
    assert 0 == late.num_new
    assert [] == home.client.experiments.list_waiting(started.experiment_id).items


def test_what_answers_cost_is_summed_and_unknown_prices_are_counted(home: Home) -> None:
    """
    0.1 + 0.2 USD are 0.3, to the last digit; an answer without a price is counted and adds nothing, and one that is none has no price to know.
    """
    new = NewExperiment(
        name="f", target=Target(function="mine v1"), dataset_version_id=keep(home, ROWS), limit=4,
        scorers=[ScorerChoice(name="exact_match")],
    )  # fmt: skip
    started = home.client.experiments.start(new)
    one, two, three, four = home.client.experiments.list_waiting(started.experiment_id).items

    said = [_right(one, cost_usd=0.1), _right(two, cost_usd=0.2), _right(three), NewOutput(row=four.row, error="down")]
    home.client.experiments.add_outputs(started.experiment_id, said)
    done(home, started.run_id)

    ended = home.client.experiments.get(started.experiment_id)
    assert (Decimal("0.3"), 1, 1) == (ended.cost_usd, ended.unpriced_count, ended.errors)


def _right(row: WaitingRow, *, cost_usd: float | None = None) -> NewOutput:
    return NewOutput(row=row.row, output="the cat sat on the mat", cost_usd=cost_usd)


def test_repeats_of_the_baseline_are_one_row_of_evidence(home: Home) -> None:
    """
    Stopping against a baseline that asked every row four times: each row is bet upon once, when it stops and when compared.
    """
    serve_scripted(home, "often", [Rule(reply="no")])
    serve_scripted(home, "once", [Rule(reply="the cat sat on the mat")])
    rows = keep(home, ROWS)
    baseline = experiment(home, target=Target(endpoint="often"), dataset_version_id=rows, repeats=4)

    candidate = experiment(
        home, target=Target(endpoint="once"), dataset_version_id=rows, concurrency=1,
        stop=StopRule(against=baseline.experiment_id),
    )  # fmt: skip

    wagers = Wagers()
    for _ in range(candidate.rows or 0):
        wagers = wager(wagers, 1.0)
    first = home.client.experiments.compare(baseline.experiment_id, candidate.experiment_id).comparisons[0]
    assert pytest.approx(math.exp(-wagers.log_e)) == first.p_value


def test_equals_are_asked_to_the_end(home: Home) -> None:
    """
    Two that answer alike never differ, so every row is asked.
    """
    serve_scripted(home, "same", [Rule(reply="no")])
    rows = keep(home, ROWS)
    baseline = experiment(home, target=Target(endpoint="same"), dataset_version_id=rows)

    candidate = experiment(
        home, target=Target(endpoint="same"), dataset_version_id=rows, stop=StopRule(against=baseline.experiment_id)
    )

    report = home.client.experiments.compare(baseline.experiment_id, candidate.experiment_id, margin=0.05)
    assert 120 == candidate.rows
    assert 1.0 == report.comparisons[0].p_value


def test_two_endpoints_that_answer_alike_are_shown_to_be_equivalent(home: Home) -> None:
    """
    120 rows without a difference rule out 5 points either way, in the report and on the command line, and say so.
    """
    rows = keep(home, ROWS)
    for name in ("one", "two"):
        serve_scripted(home, name, [Rule(match="[02468]", reply="yes"), Rule(reply="no")])
    one, two = (experiment(home, target=Target(endpoint=name), dataset_version_id=rows) for name in ("one", "two"))

    report = home.client.experiments.compare(one.experiment_id, two.experiment_id, equivalence=0.05)
    said = CliRunner().invoke(
        cli,
        ["eval", "compare", one.experiment_id, two.experiment_id, "--equivalence-points", "5"],
        env={"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key},
    )

    assert ("equivalent", 0.05) == (report.comparisons[0].verdict, report.equivalence)
    assert "equivalent within 5.0 points" in said.output


def test_scorer_that_cannot_stop_is_refused_at_once(home: Home) -> None:
    """
    Milliseconds have no upper limit, and a figure of all rows is known at the end only.
    """
    serve_scripted(home, "any", [Rule(reply="no")])
    rows = keep(home, ROWS)

    for name in ("latency", "bleu"):
        with pytest.raises(InvalidInput) as caught:
            home.client.experiments.start(
                NewExperiment(name="s", target=Target(endpoint="any"), dataset_version_id=rows,
                              scorers=[ScorerChoice(name=name)], stop=StopRule(against="exp_1"))
            )  # fmt: skip
        assert "evals.no_early_stop" == caught.value.error_code


def test_slices_name_the_part_that_got_worse(home: Home) -> None:
    """
    A candidate that fails on long questions only is worse on the long third, which is named first.
    """
    serve_scripted(home, "base", [Rule(reply="the cat sat on the mat")])
    serve_scripted(home, "short", [Rule(match="(long ){27}", reply="too long"), Rule(reply="the cat sat on the mat")])
    rows = keep(home, ROWS)
    baseline = experiment(home, target=Target(endpoint="base"), dataset_version_id=rows)
    candidate = experiment(home, target=Target(endpoint="short"), dataset_version_id=rows)

    report = home.client.experiments.compare_slices(baseline.experiment_id, candidate.experiment_id)

    assert ("length", "long", "worse") == (report.slices[0].kind, report.slices[0].value, report.slices[0].verdict)
    assert report.looked_at == len(report.slices)
