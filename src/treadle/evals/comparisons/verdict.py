"""What a comparison of two runs over the same rows shows, in one word and one sentence.

The word comes from a paired two-sided test at a stated level; the sentence adds the size with its interval and the
smallest difference that these rows could have shown, so that "not shown to be better" is never read as "equal". Who asks
whether a cheaper candidate is good enough names a margin, and gets the word "as good" where a loss as large as that is
ruled out at the same level (non-inferiority, by the interval at confidence 1 - 2 alpha: Piaggio et al. 2012, JAMA 308:2594).
Who asks whether two are the same either way names an equivalence, and gets the word "equivalent" where both a loss and a gain
as large are ruled out, each at that level (two one-sided tests, TOST: Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
"""

from __future__ import annotations

import statistics as stdlib_statistics
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from treadle.core.shares import Interval, unless_alike
from treadle.evals.comparisons.types import TestName, VerdictWord
from treadle.evals.scoring.types import Unit
from treadle.evals.statistics import (
    count_pairs,
    detectable_mean,
    mcnemar_mid_p,
    minimum_detectable_effect,
    paired_difference,
)
from treadle.evals.students import clustered_mean

RESAMPLES = 10_000
"""At least; a small level takes more, see `resampling.resamples_for`."""


class Reading(NamedTuple):
    """The numbers of one paired comparison, before a level is applied."""

    rows: int
    baseline: float
    """Mean score of the baseline."""
    candidate: float
    """Mean score of the candidate."""
    interval: Interval
    """Interval of candidate - baseline at confidence 1 - alpha."""
    narrow: Interval
    """The same at 1 - 2 alpha / tests: each end rules out what lies beyond it, for all scorers together at level alpha. For
    margins."""
    p_value: float
    test: TestName
    improved: int
    """Rows on which the candidate scores higher."""
    regressed: int
    """Rows on which the candidate scores lower."""
    detectable: float
    """The smallest true difference these rows show 8 times in 10."""
    clusters: int | None = None
    """How many clusters the rows came in; None where every row stands for itself."""

    @property
    def difference(self) -> float:
        """Mean of candidate minus mean of baseline."""
        return self.candidate - self.baseline


def read_pairs(
    baseline: Sequence[float],
    candidate: Sequence[float],
    *,
    alpha: float = 0.05,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
    extent: float | None = 1.0,
    tests: int = 1,
) -> Reading:
    """Compare two runs' scores of the same rows, in the same order.

    Scores that are all 0 or 1 get McNemar's mid-p test and Tango's score interval; others get the sign-flip test and the
    BCa bootstrap with the seed given. Where rows come in clusters, whole clusters flip their sign and the interval is
    Student's with clustered errors. The interval has confidence 1 - alpha.
    extent: length of the scores' range, None without limits; rows that all differ alike get an interval by it, for they
    show no spread. tests: of how many scorers a margin is asked; each gets its share of the level (Bonferroni), as p-values
    get theirs by Holm's correction. The detectable effect takes the discordance (or spread) seen in these rows.
    Raises InvalidInput when the rows do not match. Cost: exact sums, or 30,000 resamples of the rows.
    """
    if clusters is not None:
        reading = _read_clustered(baseline, candidate, clusters, alpha=alpha, seed=seed, tests=tests)
        return with_reach(reading, extent, alpha=alpha, tests=tests)
    if all(score in (0, 1) for score in (*baseline, *candidate)):
        pairs = count_pairs([score == 1 for score in baseline], [score == 1 for score in candidate])
        return Reading(
            rows=pairs.rows,
            baseline=(pairs.both + pairs.only_baseline) / pairs.rows,
            candidate=(pairs.both + pairs.only_candidate) / pairs.rows,
            interval=paired_difference(pairs, confidence=1 - alpha),
            narrow=paired_difference(pairs, confidence=1 - 2 * alpha / tests),
            p_value=mcnemar_mid_p(pairs),
            test="mcnemar_mid_p",
            improved=pairs.only_candidate,
            regressed=pairs.only_baseline,
            detectable=minimum_detectable_effect(pairs.rows, pairs.discordant / pairs.rows, alpha=alpha),
        )
    reading = _read_graded(baseline, candidate, alpha=alpha, seed=seed, tests=tests)
    return with_reach(reading, extent, alpha=alpha, tests=tests)


def with_reach(reading: Reading, extent: float | None, *, alpha: float, tests: int = 1) -> Reading:
    """Return a reading whose rows all differed alike with intervals that have a width; see `shares.unless_alike`."""
    if extent is None:
        return reading
    units = reading.clusters or reading.rows
    wide, narrow = (
        unless_alike(interval, units, low=-extent, high=extent, confidence=1 - share)
        for interval, share in ((reading.interval, alpha), (reading.narrow, 2 * alpha / tests))
    )
    return reading._replace(interval=wide, narrow=narrow)


def decide(
    reading: Reading,
    *,
    alpha: float = 0.05,
    p_value: float | None = None,
    higher_is_better: bool = True,
    margin: float | None = None,
    equivalence: float | None = None,
) -> VerdictWord:
    """Return the word for a comparison.

    p_value: one already adjusted for several comparisons, where there are. margin: the loss, in score points, that would
    still be accepted; a candidate whose loss is shown to be smaller is "as good", even where some loss is shown.
    equivalence: the difference either way that would not matter; a candidate shown to differ by less is "equivalent", even
    where some difference is shown.
    """
    if equivalence is not None and -equivalence < reading.narrow.low and reading.narrow.high < equivalence:
        return "equivalent"
    sign = 1 if higher_is_better else -1
    is_shown = (reading.p_value if p_value is None else p_value) < alpha and reading.difference != 0
    if is_shown and sign * reading.difference > 0:
        return "better"
    worst = reading.narrow.low if higher_is_better else -reading.narrow.high
    if margin is not None and worst > -margin:
        return "as good"
    return "worse" if is_shown else "not shown to be better"


def in_words(
    reading: Reading,
    word: VerdictWord,
    *,
    alpha: float = 0.05,
    p_value: float | None = None,
    margin: float | None = None,
    equivalence: float | None = None,
    unit: Unit = "share",
) -> str:
    """Return one sentence that a reader who stops there may rely on."""
    shown_p = reading.p_value if p_value is None else p_value
    p_text = "p < 0.001" if shown_p < 0.001 else f"p = {shown_p:.3f}"
    rows = f"{reading.rows} rows" if reading.clusters is None else f"{reading.rows} rows in {reading.clusters} clusters"
    within = margin if word == "as good" else equivalence if word == "equivalent" else None
    word_text = word if within is None else f"{word} within {_step(within, unit)}"
    plus, minus = _ends(reading.interval, unit)
    sentence = (
        f"{word_text}: {amount(reading.candidate, unit)} against {amount(reading.baseline, unit)} "
        f"on the same {rows}, a difference of {_step(reading.difference, unit, signed=True)} "
        f"({100 * (1 - alpha):g} % interval {plus} to {minus}, {p_text}); "
        f"{reading.improved} rows improved, {reading.regressed} regressed"
    )
    if word == "not shown to be better":
        sentence += f"; these rows show differences of {_step(reading.detectable, unit)} or more 8 times in 10"
    return sentence


def amount(value: float, unit: Unit) -> str:
    """Return a score as people read it: '81.7 %', '23.4 ms', '0.0021 USD', '1.23'."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.4g}{_SUFFIX[unit]}"


_SUFFIX: dict[Unit, str] = {"share": "", "ratio": "", "bits": " bits", "milliseconds": " ms", "usd": " USD"}


def _step(value: float, unit: Unit, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    if unit == "share":
        return f"{100 * value:{sign}.1f} points"
    return f"{value:{sign}.4g}{_SUFFIX[unit]}"


def _ends(interval: Interval, unit: Unit) -> tuple[str, str]:
    if unit == "share":
        return f"{100 * interval.low:+.1f}", f"{100 * interval.high:+.1f}"
    return f"{interval.low:+.4g}", f"{interval.high:+.4g}"


def _read_graded(
    baseline: Sequence[float], candidate: Sequence[float], *, alpha: float, seed: int, tests: int
) -> Reading:
    from treadle.evals.resampling import paired_bootstrap, resamples_for, sign_flip_test

    differences = [b - a for a, b in zip(baseline, candidate, strict=True)]
    wide, narrow = (
        paired_bootstrap(
            baseline, candidate, seed=seed, confidence=1 - share, resamples=resamples_for(share, RESAMPLES)
        )
        for share in (alpha, 2 * alpha / tests)
    )
    return Reading(
        rows=len(differences),
        baseline=stdlib_statistics.fmean(baseline),
        candidate=stdlib_statistics.fmean(candidate),
        interval=wide,
        narrow=narrow,
        p_value=sign_flip_test(baseline, candidate, seed=seed, resamples=resamples_for(alpha, RESAMPLES)),
        test="sign_flip",
        improved=sum(1 for difference in differences if difference > 0),
        regressed=sum(1 for difference in differences if difference < 0),
        detectable=detectable_mean(len(differences), stdlib_statistics.stdev(differences), alpha=alpha),
    )


def _read_clustered(
    baseline: Sequence[float],
    candidate: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    alpha: float,
    seed: int,
    tests: int,
) -> Reading:
    from treadle.evals.resampling import resamples_for, sign_flip_test

    differences = [b - a for a, b in zip(baseline, candidate, strict=True)]
    mean = clustered_mean(differences, clusters)
    sums: dict[Hashable, float] = {}
    for difference, cluster in zip(differences, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + difference
    count = len(sums)
    return Reading(
        rows=len(differences),
        baseline=stdlib_statistics.fmean(baseline),
        candidate=stdlib_statistics.fmean(candidate),
        interval=mean.interval(confidence=1 - alpha),
        narrow=mean.interval(confidence=1 - 2 * alpha / tests),
        p_value=sign_flip_test(
            [0.0] * count, list(sums.values()), seed=seed, resamples=resamples_for(alpha, RESAMPLES)
        ),
        test="cluster_sign_flip",
        improved=sum(1 for difference in differences if difference > 0),
        regressed=sum(1 for difference in differences if difference < 0),
        detectable=detectable_mean(count, mean.error * count**0.5, alpha=alpha),
        clusters=count,
    )
