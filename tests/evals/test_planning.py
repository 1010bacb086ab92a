"""Before a run: what rows can show."""

from __future__ import annotations

import pytest

from tests.releases.studio import Studio
from treadle.core.errors import InvalidInput
from treadle.evals.comparisons.planning import plan
from treadle.evals.comparisons.verdict import decide, in_words, read_pairs
from treadle.evals.metrics import metrics_of
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import Result


def test_rows_say_which_differences_they_show() -> None:
    """
    200 rows that differ on 20 % show 8.7 points: sqrt(7.849 x 0.2 / 207.849).
    """
    made = plan(rows=200)

    assert pytest.approx(0.0869, abs=1e-4) == made.lines[2].effect
    assert made.words.startswith(
        "with 200 rows you can see differences of 4.3 points or more where the two differ on 5 %"
    )


def test_difference_says_how_many_rows_it_takes() -> None:
    """
    5 points at 20 % take 621 rows, as (1.96 + 0.84)² (0.2 - 0.0025) / 0.0025 says; a discordance below the effect cannot be.
    """
    made = plan(effect=0.05)

    assert {0.05: 149, 0.1: 307, 0.2: 621, 0.3: 934} == pytest.approx(
        {line.discordance: line.rows for line in made.lines}, abs=2
    )


def test_several_scorers_take_more() -> None:
    """
    The level is shared among the scorers that are compared.
    """
    assert plan(rows=200, tests=5).lines[0].effect > plan(rows=200).lines[0].effect


def test_plan_of_nothing_says_what_to_give(studio: Studio) -> None:
    """
    Through the contract: neither rows nor points is refused with an example.
    """
    with pytest.raises(InvalidInput) as caught:
        studio.experiments.plan()

    assert "evals.bad_plan" == caught.value.error_code
    assert 4 == len(studio.experiments.plan(rows=500).lines)


def test_small_loss_is_as_good_within_a_margin_and_says_so() -> None:
    """
    8 lost and 6 won of 1,000 rows: not shown to be better, but a loss of 2 points is ruled out.
    """
    before = [1.0] * 8 + [0.0] * 6 + [1.0] * 886 + [0.0] * 100
    after = [0.0] * 8 + [1.0] * 6 + [1.0] * 886 + [0.0] * 100
    reading = read_pairs(before, after)

    word = decide(reading, margin=0.02)

    assert "not shown to be better" == decide(reading)
    assert "not shown to be better" == decide(reading, margin=0.002)
    assert "as good" == word
    assert in_words(reading, word, margin=0.02).startswith("as good within 2.0 points: 89.2 % against 89.4 %")


def test_lower_is_better_where_the_scorer_says_so() -> None:
    """
    A time that falls on every row is better, not worse.
    """
    before = [100.0 + row for row in range(30)]
    reading = read_pairs(before, [value - 20 - 0.1 * row for row, value in enumerate(before)])

    assert "better" == decide(reading, higher_is_better=False)
    assert "better: 93.05 ms against 114.5 ms" == in_words(reading, "better", unit="milliseconds")[:33]


def test_clusters_are_what_counts() -> None:
    """
    40 rows won in 4 of 8 sessions are not 40 wins: nothing is shown, and the sentence names the sessions.
    """
    clusters = [row // 10 for row in range(80)]
    before, after = [0.0] * 80, [1.0 if row // 10 in (0, 1, 2) else 0.0 for row in range(80)]

    alone, together = read_pairs(before, after), read_pairs(before, after, clusters=clusters)

    assert "better" == decide(alone)
    assert "not shown to be better" == decide(together)
    assert "80 rows in 8 clusters" in in_words(together, "not shown to be better")


@pytest.mark.parametrize("clusters", [None, [0, 0, 1, 1]])
def test_few_rows_that_are_all_alike_rule_nothing_out(clusters: list[int] | None) -> None:
    """
    4 graded rows without any difference say nothing of the fifth: no interval of no width, and never "as good".
    """
    scores = [0.5, 0.75, 0.5, 0.25]

    reading = read_pairs(scores, scores, clusters=clusters)

    assert reading.interval.low < -0.4 < 0.4 < reading.interval.high
    assert "not shown to be better" == decide(reading, margin=0.02)


def test_many_rows_that_are_all_alike_rule_a_loss_out() -> None:
    """
    Of 1,000 graded rows none differs: Wilson's limit for 0 of 1,000 at 90 % is 0.27 %, which is less than 2 points.
    """
    scores = [0.5] * 1_000

    reading = read_pairs(scores, scores)

    assert pytest.approx(-0.0027, abs=1e-4) == reading.narrow.low
    assert "as good" == decide(reading, margin=0.02)


@pytest.mark.parametrize("repeats", [1, 3])
def test_figure_of_rows_that_are_all_right_is_not_certain(repeats: int) -> None:
    """
    10 right rows of 10, once or three times over, are Wilson's 72.2 % or more, and not 100 to 100 %.
    """
    score = Score(name="exact_match", value=1.0)
    results = [
        Result(row=row, repeat=repeat, input="q", expected="a", output="a", error=None, scores=[score], latency_ms=1.0)
        for row in range(10)
        for repeat in range(1, repeats + 1)
    ]

    (metric,) = metrics_of([ScorerChoice(name="exact_match")], results, None)

    assert (pytest.approx(0.7225, abs=1e-4), pytest.approx(1.0)) == (metric.low, metric.high)


def test_equivalent_is_said_where_both_a_loss_and_a_gain_are_ruled_out() -> None:
    """
    1,000 rows, 10 of them worse and 8 better: a difference of -0.2 points, at 90 % confidence from -1.0 to +0.6.
    Equivalent within 2 points; not within 0.8, where a loss could be larger, and not by ruling out a loss alone.
    """
    before = [1.0] * 900 + [1.0] * 10 + [0.0] * 8 + [0.0] * 82
    after = [1.0] * 900 + [0.0] * 10 + [1.0] * 8 + [0.0] * 82
    reading = read_pairs(before, after)

    assert "equivalent" == decide(reading, equivalence=0.02)
    assert "not shown to be better" == decide(reading, equivalence=0.008)
    assert in_words(reading, "equivalent", equivalence=0.02).startswith("equivalent within 2.0 points: 90.8 % against")


def test_a_gain_that_matters_is_better_and_not_equivalent() -> None:
    """
    400 rows of which 60 improve: a gain of 15 points is no equivalence within 5, and one of 15 within 30 is.
    """
    before, after = [0.0] * 60 + [1.0] * 340, [1.0] * 400
    reading = read_pairs(before, after)

    assert "better" == decide(reading, equivalence=0.05)
    assert "equivalent" == decide(reading, equivalence=0.3)
    assert "as good" == decide(read_pairs(after, before), margin=0.3, equivalence=0.05)
