"""Two experiments over the same rows, side by side: what the statistics show, and the rows that changed.

Pure: rows in, numbers and words out. Only rows that both have scored count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.shares import Interval
from treadle.evals.comparisons import early
from treadle.evals.comparisons.early import Evidence
from treadle.evals.comparisons.stopping import step
from treadle.evals.comparisons.types import Change, Comparison, LeftOut
from treadle.evals.comparisons.verdict import Reading, decide, in_words, read_pairs, with_reach
from treadle.evals.metrics import SEED, cluster_of, find_score, score_of
from treadle.evals.scorers import scorer_behind
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.statistics import detectable_mean, holm, normal_quantile
from treadle.evals.types import Result


class Compared(NamedTuple):
    """What two experiments' rows show."""

    comparisons: list[Comparison]
    changes: list[Change]
    only_in_one: int
    left_out: list[LeftOut]


def compare(
    baseline: Mapping[int, Result],
    candidate: Mapping[int, Result],
    choices: Sequence[ScorerChoice],
    *,
    alpha: float,
    limit: int,
    margin: float | None = None,
    equivalence: float | None = None,
    cluster_by: str | None = None,
    stop_order: Sequence[int] | None = None,
) -> Compared:
    """Compare two experiments row by row. Only rows that both have scored count; the rest are told as a number.

    baseline, candidate: results by row. choices: scorers that both have; p-values are corrected over them (Holm), margins
    by equal shares of the level (Bonferroni). A scorer that cannot be compared is left out with the reason; the first one
    decides, so without it there is no comparison. limit: rows to show of each kind of change. margin, equivalence: see
    `verdict.decide`; they are of scores shown in percent, and of any other scorer the words say that they do not apply. cluster_by: see `metrics_of`.
    stop_order: the order in which rows were asked, where either might stop as soon as a difference was shown: then only
    what holds at every moment counts. Raises InvalidInput when the first scorer cannot be compared.
    """
    readings: list[tuple[ScorerChoice, Reading]] = []
    left_out: list[LeftOut] = []
    tests = sum(scorer_behind(choice).unit == "share" for choice in choices) or 1
    for choice in choices:
        reason = reason_against(baseline, candidate, choice, cluster_by, is_stopped=stop_order is not None)
        if reason is None:
            reading = _read(
                baseline, candidate, choice, alpha=alpha, tests=tests, cluster_by=cluster_by, stop_order=stop_order
            )
            readings.append((choice, reading))
        elif choice is choices[0]:
            raise InvalidInput(
                f"the experiments cannot be compared by '{choice.name}': {reason}",
                code="evals.not_comparable",
                scorer=choice.name,
            )
        else:
            left_out.append(LeftOut(scorer=choice.name, reason=reason))
    adjusted = holm([reading.p_value for _, reading in readings])
    comparisons = [
        _comparison(
            choice,
            reading,
            p_value,
            alpha=alpha,
            margin=margin,
            equivalence=equivalence,
            unscored=len(baseline.keys() & candidate.keys()) - reading.rows,
        )
        for (choice, reading), p_value in zip(readings, adjusted, strict=True)
    ]
    rows = len(baseline.keys() | candidate.keys())
    return Compared(comparisons, _changes(baseline, candidate, choices[0], limit), rows - comparisons[0].rows, left_out)


def reason_against(
    baseline: Mapping[int, Result],
    candidate: Mapping[int, Result],
    choice: ScorerChoice,
    cluster_by: str | None,
    *,
    is_stopped: bool,
) -> str | None:
    """Return why two experiments cannot be compared by a scorer, with what to do; None where they can.

    is_stopped: whether either might end as soon as a difference was shown.
    """
    scorer = scorer_behind(choice)
    if is_stopped and (scorer.high is None or scorer.combine is not None):
        return (
            "one of them could stop early, and a figure without limits, or of all rows together, has no evidence that holds "
            "at every moment; run that one again without stop"
        )
    if is_stopped and cluster_by is not None:
        return (
            f"one of them could stop early, which takes every row for itself, and rows come in clusters by '{cluster_by}'; "
            f"run that one again without stop"
        )
    asked = baseline.keys() & candidate.keys()
    rows = [row for row, _, _ in pairs_of(baseline, candidate, choice.name)]
    if not asked:
        return "no row was asked in both; run both over the same part of the dataset version"
    if len(rows) < 2:
        count = "no row has" if not rows else "only 1 row has"
        return (
            f"{count} its score in both, of {len(asked)} that both were asked, and 2 are the least"
            f"{_most_often(baseline, candidate, choice)}; look with: treadle eval show"
        )
    if cluster_by is not None and len({cluster_of(candidate[row], cluster_by) for row in rows}) < 2:
        return f"all rows are of one cluster by '{cluster_by}', which says nothing of how clusters differ"
    return None


def _most_often(baseline: Mapping[int, Result], candidate: Mapping[int, Result], choice: ScorerChoice) -> str:
    """Return the reason that unscored rows name most often, as an aside; empty where they name none."""
    scores = [find_score(result, choice) for side in (baseline, candidate) for result in side.values()]
    reasons = Counter(
        score.reason for score in scores if score is not None and score.value is None and score.reason is not None
    )
    return f" (most often: {reasons.most_common(1)[0][0]})" if reasons else ""


def pairs_of(
    baseline: Mapping[int, Result], candidate: Mapping[int, Result], scorer: str
) -> list[tuple[int, float, float]]:
    """Return row, baseline's score and candidate's score of every row that both have scored, by row."""
    pairs = []
    for index in sorted(baseline.keys() & candidate.keys()):
        before, after = score_of(baseline[index], scorer), score_of(candidate[index], scorer)
        if before is not None and after is not None:
            pairs.append((index, before, after))
    return pairs


def _read(
    baseline: Mapping[int, Result],
    candidate: Mapping[int, Result],
    choice: ScorerChoice,
    *,
    alpha: float,
    tests: int,
    cluster_by: str | None,
    stop_order: Sequence[int] | None,
) -> Reading:
    pairs = pairs_of(baseline, candidate, choice.name)
    clusters = None if cluster_by is None else [cluster_of(candidate[row], cluster_by) for row, _, _ in pairs]
    reading = read_pairs(
        [before for _, before, _ in pairs],
        [after for _, _, after in pairs],
        alpha=alpha,
        seed=SEED,
        clusters=clusters,
        extent=extent_of(choice),
        tests=tests,
    )
    if stop_order is not None:
        return at_any_moment(reading, baseline, candidate, choice, stop_order, alpha=alpha, tests=tests)
    rows = [row for row, _, _ in pairs]
    return _with_corpus(reading, baseline, candidate, choice, rows, clusters, alpha=alpha, tests=tests)


def _with_corpus(
    reading: Reading,
    baseline: Mapping[int, Result],
    candidate: Mapping[int, Result],
    choice: ScorerChoice,
    rows: Sequence[int],
    clusters: Sequence[Hashable] | None,
    *,
    alpha: float,
    tests: int,
) -> Reading:
    """Return the reading of a corpus metric: its own figures and interval in place of those of a mean of rows.

    What is detectable takes the interval's half width for z(1 - alpha/2) standard errors.
    """
    combine = scorer_behind(choice).combine
    if combine is None:
        return reading
    import numpy as np

    from treadle.evals.corpus import difference

    of_sums = combine(choice.parameters)
    before, after = ([_parts(side[row], choice) for row in rows] for side in (baseline, candidate))
    wide, narrow = (
        difference(before, after, of_sums, clusters, seed=SEED, confidence=1 - share)
        for share in (alpha, 2 * alpha / tests)
    )
    error = (wide.interval.high - wide.interval.low) / (2 * normal_quantile(1 - alpha / 2))
    of_corpus = reading._replace(
        baseline=float(of_sums(np.sum(before, axis=0))),
        candidate=float(of_sums(np.sum(after, axis=0))),
        interval=wide.interval,
        narrow=narrow.interval,
        p_value=wide.p_value,
        test="corpus_bootstrap",
        detectable=detectable_mean(1, error, alpha=alpha),
    )
    return with_reach(of_corpus, extent_of(choice), alpha=alpha, tests=tests)


def extent_of(choice: ScorerChoice) -> float | None:
    """Return how far two scores can be apart; None without a limit."""
    scorer = scorer_behind(choice)
    return None if scorer.high is None else scorer.high - scorer.low


def at_any_moment(
    reading: Reading,
    baseline: Mapping[int, Result],
    candidate: Mapping[int, Result],
    choice: ScorerChoice,
    order: Sequence[int],
    *,
    alpha: float,
    tests: int = 1,
) -> Reading:
    """Return the reading with the p-value and interval of an e-process over the rows as they were asked.

    A test for a fixed number of rows would call equals different too often when the number depends on what was seen. Each
    end of the narrow interval holds at alpha / (2 tests). Only for scores between two limits that are no corpus metric.
    """
    scorer = scorer_behind(choice)

    def along(level: float) -> Evidence:
        evidence = early.start(level, scorer.low, scorer.high)
        for row in order:
            evidence = step(evidence, baseline.get(row), candidate.get(row), choice.name)
        return evidence

    evidence = along(alpha)
    narrow = evidence if tests == 1 else along(alpha / tests)
    return reading._replace(
        interval=Interval(*evidence.interval),
        narrow=Interval(*narrow.interval),
        p_value=evidence.p_value,
        test="e_process",
    )


def _parts(result: Result, choice: ScorerChoice) -> list[float]:
    score = find_score(result, choice)
    return [] if score is None or score.parts is None else score.parts


def _comparison(
    choice: ScorerChoice,
    reading: Reading,
    p_value: float,
    *,
    alpha: float,
    margin: float | None,
    equivalence: float | None,
    unscored: int,
) -> Comparison:
    scorer = scorer_behind(choice)
    aside = ""
    if scorer.unit != "share" and (margin is not None or equivalence is not None):
        margin = equivalence = None
        aside = "; what was to be ruled out is in points of a share, and does not apply to these scores"
    word = decide(
        reading,
        alpha=alpha,
        p_value=p_value,
        higher_is_better=scorer.higher_is_better,
        margin=margin,
        equivalence=equivalence,
    )
    # Which rows improved is a matter of direction; the reading counts those that rose.
    up, down = reading.improved, reading.regressed
    reading = reading if scorer.higher_is_better else reading._replace(improved=down, regressed=up)
    return Comparison(
        scorer=choice.name,
        rows=reading.rows,
        baseline=reading.baseline,
        candidate=reading.candidate,
        difference=reading.difference,
        low=reading.interval.low,
        high=reading.interval.high,
        test=reading.test,
        p_value=reading.p_value,
        p_adjusted=p_value,
        improved=reading.improved,
        regressed=reading.regressed,
        detectable=reading.detectable,
        verdict=word,
        words=in_words(
            reading, word, alpha=alpha, p_value=p_value, margin=margin, equivalence=equivalence, unit=scorer.unit
        )
        + aside,
        unit=scorer.unit,
        higher_is_better=scorer.higher_is_better,
        clusters=reading.clusters,
        unscored=unscored,
    )


def _changes(
    baseline: Mapping[int, Result], candidate: Mapping[int, Result], choice: ScorerChoice, limit: int
) -> list[Change]:
    sign = 1 if scorer_behind(choice).higher_is_better else -1
    pairs = pairs_of(baseline, candidate, choice.name)
    regressed = [pair for pair in pairs if sign * pair[2] < sign * pair[1]][:limit]
    improved = [pair for pair in pairs if sign * pair[2] > sign * pair[1]][:limit]
    return [
        Change(
            row=index,
            input=candidate[index].input,
            expected=candidate[index].expected,
            baseline_output=baseline[index].output,
            candidate_output=candidate[index].output,
            baseline_score=before,
            candidate_score=after,
        )
        for index, before, after in (*regressed, *improved)
    ]
