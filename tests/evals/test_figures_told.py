"""What figures claim: levels shared among scorers, intervals where something tells of spread, and none where nothing does."""

from __future__ import annotations

import json

import pytest

from treadle.choosing.ranking import pairs_of
from treadle.core.errors import InvalidInput
from treadle.evals.comparisons.comparing import compare
from treadle.evals.comparisons.stopping import level_of
from treadle.evals.comparisons.verdict import decide, read_pairs
from treadle.evals.metrics import by_row, metrics_of
from treadle.evals.resampling import paired_bootstrap
from treadle.evals.scorers import resolve
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.statistics import normal_quantile
from treadle.evals.target import row_of
from treadle.evals.types import Metric, Result, StopRule
from treadle.evals.words import metric_in_words
from treadle.evals.worker import case_of

PERPLEXITY = ScorerChoice(name="perplexity")
TALK = [
    {"role": "user", "content": "My card is lost", "extra": {}},
    {"role": "assistant", "content": "Which one?", "extra": {}},
    {"role": "user", "content": "The blue one", "extra": {}},
]


def _result(row: int, score: Score, **facts: object) -> Result:
    usual = {"row": row, "input": "q", "expected": "a", "output": "a", "error": None, "latency_ms": 1.0}
    return Result.model_validate({**usual, "scores": [score], **facts})


def _read_text(row: int, logprob: float, **facts: object) -> Result:
    return _result(row, Score(name="perplexity", value=2.0, parts=[logprob, 10.0, 40.0]), **facts)


def test_first_scorer_stops_at_its_share_of_the_level() -> None:
    """
    Two scorers between limits share 5 %; a latency, which is not compared where rows stop early, takes no share.
    """
    chosen = [ScorerChoice(name=name) for name in ("exact_match", "squad_f1", "latency")]

    assert 0.025 == level_of(StopRule(against="exp_1"), chosen)


def test_pairs_of_models_share_the_level() -> None:
    """
    Five models are ten pairs, any of which may turn out to be one with the best; one model is compared with nobody.
    """
    assert [10, 1, 1] == [pairs_of(models) for models in (5, 2, 1)]


def test_margin_asked_of_several_scorers_is_harder_to_show() -> None:
    """
    A loss of 1 point on 700 rows is ruled out beyond 3 points for one scorer by itself, not for 10 scorers together.
    """
    before = [1.0] * 600 + [0.0] * 100
    after = [0.0] * 27 + [1.0] * 573 + [1.0] * 20 + [0.0] * 80

    alone, together = (read_pairs(before, after, tests=tests) for tests in (1, 10))

    assert ("as good", "not shown to be better") == (decide(alone, margin=0.03), decide(together, margin=0.03))
    assert together.interval == alone.interval


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_detectable_difference_of_a_corpus_metric_goes_with_its_level(alpha: float) -> None:
    """
    Half the interval is z(1 - alpha/2) standard errors, and z(1 - alpha/2) + z(0.8) of those are seen 8 times in 10.
    """
    before = {row: _read_text(row, -20.0 - row % 7) for row in range(60)}
    after = {row: _read_text(row, -20.0 - row % 5) for row in range(60)}

    one = compare(before, after, [PERPLEXITY], alpha=alpha, limit=0).comparisons[0]

    z = normal_quantile(1 - alpha / 2)
    assert pytest.approx((z + normal_quantile(0.8)) / z) == one.detectable / ((one.high - one.low) / 2)


@pytest.mark.parametrize(("margin", "equivalence"), [(0.02, None), (None, 0.02)])
def test_margin_that_a_scorer_cannot_take_is_told_as_such(margin: float | None, equivalence: float | None) -> None:
    """
    Points of a share say nothing of a perplexity: the sentence tells that they do not apply, and only where some were named.
    """
    before, after = ({row: _read_text(row, -20.0 - row % cycle) for row in range(60)} for cycle in (7, 5))

    (asked,) = compare(
        before, after, [PERPLEXITY], alpha=0.05, limit=0, margin=margin, equivalence=equivalence
    ).comparisons
    (plain,) = compare(before, after, [PERPLEXITY], alpha=0.05, limit=0).comparisons

    assert asked.words.endswith("is in points of a share, and does not apply to these scores")
    assert asked.words.startswith(plain.words)


def test_mean_without_an_interval_is_told_as_such() -> None:
    """
    Three rows of one cluster have a mean, 66.7 %, and say nothing of spread; nothing scored has no mean.
    """
    results = [
        _result(row, Score(name="exact_match", value=value), metadata={"document": "d"})
        for row, value in enumerate([1.0, 1.0, 0.0])
    ]

    (some,) = metrics_of([ScorerChoice(name="exact_match")], results, "document")
    (none,) = metrics_of([ScorerChoice(name="squad_f1")], results, None)

    assert "66.7 % over 3 rows in 1 cluster, no interval: one cluster says nothing of spread" == metric_in_words(some)
    assert "no row could be judged" == metric_in_words(none)


def test_corpus_metric_of_one_row_or_cluster_has_no_interval() -> None:
    """
    One row drawn again and again is always the same row: no width would look like certainty.
    """
    texts = [_read_text(row, -24.0 - row, metadata={"document": "d"}) for row in range(3)]

    (one,) = metrics_of([PERPLEXITY], texts[:1], None)
    (cluster,) = metrics_of([PERPLEXITY], texts, "document")
    (three,) = metrics_of([PERPLEXITY], texts, None)

    assert [(None, None)] * 2 == [(one.low, one.high), (cluster.low, cluster.high)]
    assert one.mean is not None
    assert three.low is not None


def test_metric_of_rows_that_stopped_early_says_so() -> None:
    """
    Its interval is the one that holds wherever rows stop, wider than Wilson's; a latency has none.
    """
    scores = [Score(name="exact_match", value=1.0), Score(name="latency", value=3.0)]
    results = [_result(row, scores[0]).model_copy(update={"scores": scores}) for row in range(20)]
    choices = [ScorerChoice(name="exact_match"), ScorerChoice(name="latency")]

    fixed, _ = metrics_of(choices, results, None)
    stopped, latency = metrics_of(choices, results, None, stop_order=list(range(20)))

    def width(metric: Metric) -> float:
        assert metric.low is not None
        assert metric.high is not None
        return metric.high - metric.low

    assert ("betting", True) == (stopped.interval, stopped.stopped_early)
    assert width(fixed) < width(stopped) < 1
    assert latency.low is None
    assert "it stopped when a difference was shown" in metric_in_words(stopped)


def test_row_scored_twice_weighs_as_much_as_one_scored_once() -> None:
    """
    Of a row whose second asking failed the parts are those of one asking, as they are of a row asked twice.
    """
    failed = Score(name="perplexity", value=None, reason="no answer")
    results = [
        _read_text(1, -20.0, repeat=1), _read_text(1, -20.0, repeat=2),
        _read_text(2, -20.0, repeat=1), _result(2, failed, repeat=2),
    ]  # fmt: skip

    merged = by_row(results)

    assert merged[1].scores[0].parts == merged[2].scores[0].parts == [-20.0, 10.0, 40.0]


def test_interval_holds_its_mean_at_a_very_small_level() -> None:
    """
    Nine zeros and a one at confidence 0.99999: where the correction for skew turns round, the end is the farthest there is.
    """
    values = [0.0] * 9 + [1.0]

    interval = paired_bootstrap([0.0] * 10, values, seed=1, confidence=1 - 1e-5)

    assert interval.low <= 0.1 <= interval.high


@pytest.mark.parametrize(
    ("labels", "why"),
    [(["yes", "no", "yes"], "'yes' is there twice"), ([" yes", "no"], "' yes' would match no answer")],
)
def test_labels_that_never_come_up_are_refused(labels: list[str], why: str) -> None:
    """
    A label given twice is a class without rows, and one with white space around it matches nothing.
    """
    for name in ("f1", "kappa", "in_label_set"):
        with pytest.raises(InvalidInput) as caught:
            resolve(ScorerChoice(name=name, parameters={"labels": list(labels)}))
        assert why in caught.value.message


def test_judge_sees_the_same_of_a_conversation_whenever_it_looks() -> None:
    """
    While the row is answered, at the end in the worker, and when it is calibrated: what is asked, as text.
    """
    asked = "user: My card is lost\nassistant: Which one?\nuser: The blue one"
    line = {"row": 1, "input": asked, "expected": None, "messages": json.loads(json.dumps(TALK)), "metadata": {}}
    row = row_of(line)

    later = case_of(_result(1, Score(name="rubric"), input=row.messages))

    assert asked == row.input == later.input


def test_parameters_are_listed_as_words() -> None:
    """
    What a scorer knows and what it was told stand in the message as people write lists.
    """
    with pytest.raises(InvalidInput) as caught:
        resolve(ScorerChoice(name="regex", parameters={"patern": "x"}))

    assert "knows the parameters: absent, pattern, whole; unknown: patern; missing: pattern" in caught.value.message
