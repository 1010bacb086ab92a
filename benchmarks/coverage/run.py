"""Do 95 % intervals cover 95 %, do tests hold their level, and does peeking change that?

Simulates experiments whose truth is known and puts them through the product's own statistics (`treadle/evals`,
`core/shares.py`, `core/sequence.py`), next to what scipy and statsmodels say of the same numbers where they offer it, and
next to what most tools print (the normal interval; a fixed test looked at again and again).

    python benchmarks/coverage/run.py [--times 4000] [--seed 1] [--only margins] [--quick]

Bars: intervals cover 93 to 97 %; tests, margins and corrections call equals different in at most 5 %, looked at once or
after every row as each is meant for; at the detectable effect that is printed, tests see it in 75 to 85 %. A simulation has
noise of its own, so a bar is missed when the 95 % Wilson interval of what was simulated lies outside. Shares of small
samples can only be so many values, so a single truth may be covered more or less than 95 %; the bar is of the mean over
truths drawn at random, and the worst single truth is printed beside it. Prints Markdown; exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from treadle.choosing.ranking import pairs_of
from treadle.core.errors import InvalidInput
from treadle.core.shares import wilson
from treadle.evals.comparisons import early
from treadle.evals.comparisons.comparing import compare
from treadle.evals.comparisons.slices import compare_slices, find_slices
from treadle.evals.comparisons.stopping import check_stop
from treadle.evals.comparisons.verdict import decide, read_pairs
from treadle.evals.corpus import figure
from treadle.evals.resampling import paired_bootstrap, sign_flip_test
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.statistics import (
    PairCounts,
    benjamini_hochberg,
    holm,
    mcnemar_mid_p,
    minimum_detectable_effect,
    paired_difference,
)
from treadle.evals.students import clustered_mean, mean_of
from treadle.evals.types import NewExperiment, Result, StopRule, Target

ALPHA = 0.05
Random = np.random.Generator
Floats = NDArray[np.float64]
Line = tuple[str, str, str, bool]
"""What, ours, others', whether the bar holds."""


def main() -> None:
    """Run every table and print it."""
    parser = argparse.ArgumentParser(description="Coverage of intervals and level of tests, by simulation.")
    parser.add_argument("--times", type=int, default=4_000, help="experiments simulated for each line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one table: coverage, levels, peeking, power or margins")
    parser.add_argument("--quick", action="store_true", help="240 experiments a line: a minute at most")
    told = parser.parse_args()
    times = 240 if told.quick else told.times
    began, ok = time.perf_counter(), True
    tables: list[tuple[str, str, Callable[[Random, int], Iterator[Line]]]] = [
        ("Coverage of 95 % intervals (bar: 93-97 %)", "others on the same numbers", coverage),
        ("Equals called different at the 5 % level (bar: at most 5 %)", "others on the same numbers", levels),
        ("Looked at after every row (bar: at most 5 %)", "a fixed test, looked at every 25 rows", peeking),
        ("Power at the detectable effect (bar: 75-85 %)", "", power),
        ("Margins called met by what just misses them, at the 5 % level (bar: at most 5 %)", "", margins),
    ]
    for number, (title, others, lines) in enumerate(tables):
        if told.only not in (None, lines.__name__):
            continue
        print(f"\n## {title}: {times} experiments a line\n\n| what | Treadle | {others} | bar |\n|---|---|---|---|")
        for what, ours, theirs, holds in lines(np.random.default_rng([told.seed, number]), times):
            ok &= holds
            print(f"| {what} | {ours} | {theirs} | {'holds' if holds else 'MISSED'} |", flush=True)
    print(f"\n{'All bars hold' if ok else 'A BAR WAS MISSED'}; {time.perf_counter() - began:.0f} s")
    sys.exit(0 if ok else 1)


def coverage(random: Random, times: int) -> Iterator[Line]:
    """Yield a line for each interval."""
    for rows in (30, 100, 300):
        truths = random.uniform(0.05, 0.98, times)
        hits = [int(random.binomial(rows, truth)) for truth in truths]
        ours = [wilson(hit, rows) for hit in hits]
        theirs = [proportion_confint(hit, rows, method="wilson") for hit in hits]
        wald = [proportion_confint(hit, rows, method="normal") for hit in hits]
        same = max(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in zip(ours, theirs, strict=True))
        worst = min(_exact_coverage(rows, truth) for truth in np.linspace(0.05, 0.98, 60))
        yield _cover(
            f"share, {rows} rows (worst single truth {100 * worst:.1f} %)",
            sum(low <= truth <= high for (low, high), truth in zip(ours, truths, strict=True)), times,
            f"statsmodels Wilson differs by {same:.0e}; normal interval "
            f"{_percent(sum(low <= truth <= high for (low, high), truth in zip(wald, truths, strict=True)), times)}",
        )  # fmt: skip
    for rows, discordance in ((50, 0.3), (200, 0.1), (200, 0.3)):
        inside, naive = 0, 0
        for _ in range(times):
            gain = float(random.uniform(-0.8, 0.8)) * discordance
            pairs = _pairs(random, rows, discordance, gain)
            low, high = paired_difference(pairs)
            inside += low <= gain <= high
            naive += abs(pairs.difference - gain) <= 1.96 * math.sqrt(max(1e-12, _apart(pairs)))
        yield _cover(f"paired difference of shares, {rows} rows, {100 * discordance:.0f} % differ", inside, times,
                     f"shares taken as unpaired {_percent(naive, times)}")  # fmt: skip
    few = max(60, times // 4)
    for rows in (40, 150):
        inside, theirs_inside = 0, 0
        for _ in range(few):
            values = random.beta(0.6, 1.4, rows)
            low, high = paired_bootstrap(
                [0.0] * rows, values.tolist(), seed=int(random.integers(1 << 30)), resamples=2_000
            )
            inside += low <= 0.3 <= high
            found = stats.bootstrap((values,), np.mean, n_resamples=999, method="BCa", rng=random).confidence_interval
            theirs_inside += found.low <= 0.3 <= found.high
        yield _cover(f"mean of skewed graded scores, BCa, {rows} rows", inside, few,
                     f"scipy BCa {_percent(theirs_inside, few)}")  # fmt: skip
    for count, size in ((15, 6), (50, 4)):
        inside, naive = 0, 0
        for _ in range(times):
            values, clusters = _clustered(random, count, size)
            low, high = clustered_mean(values.tolist(), clusters).interval()
            inside += low <= 0 <= high
            low, high = mean_of(values.tolist()).interval()
            naive += low <= 0 <= high
        yield _cover(f"mean of rows in {count} clusters (half of the variance between)", inside, times,
                     f"rows taken as independent {_percent(naive, times)}")  # fmt: skip
    inside = 0
    for _ in range(few):
        tokens = random.integers(5, 60, 120).astype(float)
        logprobs = -tokens * random.gamma(4, 0.5, 120)
        found = figure(
            np.stack([logprobs, tokens, tokens], axis=1).tolist(), _perplexity, None, seed=int(random.integers(1 << 30))
        )
        inside += found.interval.low <= math.exp(2) <= found.interval.high
    yield _cover("perplexity over 120 rows of different length", inside, few, "")


def levels(random: Random, times: int) -> Iterator[Line]:
    """Yield a line for each test, where nothing is to be found."""
    for rows, discordance in ((50, 0.3), (200, 0.1), (200, 0.3)):
        tables = [_pairs(random, rows, discordance, 0.0) for _ in range(times)]
        ours = sum(mcnemar_mid_p(pairs) < ALPHA for pairs in tables)
        exact = sum(mcnemar([[p.both, p.only_baseline], [p.only_candidate, p.neither]]).pvalue < ALPHA for p in tables)
        yield _level(f"McNemar mid-p, {rows} rows, {100 * discordance:.0f} % differ", ours, times,
                     f"statsmodels exact {_percent(exact, times)}")  # fmt: skip
    few = max(60, times // 4)
    for rows in (20, 100):
        ours, theirs, plain = 0, 0, 0
        for _ in range(few):
            differences = random.standard_t(3, rows) * 0.1
            ours += (
                sign_flip_test([0.0] * rows, differences.tolist(), seed=int(random.integers(1 << 30)), resamples=1_999)
                < ALPHA
            )
            theirs += stats.ttest_1samp(differences, 0).pvalue < ALPHA
            plain += mean_of(differences.tolist()).p_value() < ALPHA
        yield _level(f"sign flips of graded scores, {rows} rows", ours, few,
                     f"scipy paired t {_percent(theirs, few)}, ours {_percent(plain, few)}")  # fmt: skip
    ours, naive = 0, 0
    for _ in range(few):
        values, clusters = _clustered(random, 25, 6)
        reading = read_pairs(
            [0.0] * len(values), values.tolist(), clusters=clusters, seed=int(random.integers(1 << 30))
        )
        ours += reading.p_value < ALPHA
        naive += stats.ttest_1samp(values, 0).pvalue < ALPHA
    yield _level("sign flips of 25 clusters", ours, few, f"rows taken as independent {_percent(naive, few)}")
    yield from best_of_several(random, times)
    yield from slices_in_clusters(random, few)
    family = sum(min(holm(random.uniform(size=5).tolist())) < ALPHA for _ in range(times))
    alone = sum(random.uniform(size=5).min() < ALPHA for _ in range(times))
    yield _level("Holm over 5 scorers, any of them", family, times, f"uncorrected {_percent(alone, times)}")
    false, found = 0, 0
    for _ in range(times):
        z = random.normal(size=40) + np.where(np.arange(40) < 10, 3.2, 0.0)
        called = np.asarray(benjamini_hochberg((2 * stats.norm.sf(np.abs(z))).tolist())) < ALPHA
        false, found = false + int(called[10:].sum()), found + int(called.sum())
    yield _level("Benjamini-Hochberg over 40 slices, 10 true: share of findings that are false", false, found, "")


def margins(random: Random, times: int) -> Iterator[Line]:
    """Yield a line for each margin, asked of what loses or gains just that."""
    for rows, margin in ((300, 0.05), (800, 0.03)):
        passed = 0
        for _ in range(times):
            pairs = _pairs(random, rows, 0.15, -margin)
            passed += decide(read_pairs(*_scores(pairs)), margin=margin) in ("as good", "better")
        yield _level(
            f"'as good within {100 * margin:.0f} points' said of a loss of just that, {rows} rows", passed, times, ""
        )
    for rows, within in ((600, 0.05), (1_500, 0.03)):
        for gain in (-within, within):
            passed = sum(
                decide(read_pairs(*_scores(_pairs(random, rows, 0.15, gain))), equivalence=within) == "equivalent"
                for _ in range(times)
            )
            yield _level(
                f"'equivalent within {100 * within:.0f} points' said of a {'gain' if gain > 0 else 'loss'} of just that, "
                f"{rows} rows", passed, times, ""
            )  # fmt: skip
    several = 0
    for _ in range(times):
        losses = [_scores(_pairs(random, 300, 0.15, -0.05)) for _ in range(5)]
        several += any(decide(read_pairs(*scores, tests=5), margin=0.05) in ("as good", "better") for scores in losses)
    yield _level("'as good within 5 points' of 5 scorers with a loss of just that, any of them", several, times, "")


def best_of_several(random: Random, times: int) -> Iterator[Line]:
    """Yield lines for `model choose`: everybody is compared with the one that is best by the same rows."""
    for models in (3, 5, 10):
        ours, control, margins = 0, 0, 0
        for _ in range(times // 2):
            answers = _alike(random, [0.7] * models, rows=200)
            ours += _any_against_best(answers, "worse", ALPHA / pairs_of(models))
            control += _any_against_best(answers, "worse", ALPHA / (models - 1))
            answers = _alike(random, [0.7] + [0.6] * (models - 1), rows=400)
            margins += _any_against_best(answers, "as good", ALPHA / pairs_of(models), margin=0.1, of_first=True)
        yield _level(f"best of {models} equals, any other 'worse' than it", ours, times // 2,
                     f"each at the level / {models - 1}, as if it had been named before {_percent(control, times // 2)}")  # fmt: skip
        yield _level(
            f"best of {models}, any 'as good within 10 points' with a loss of just that", margins, times // 2, ""
        )


def _any_against_best(
    answers: NDArray[np.int64], word: str, alpha: float, *, margin: float | None = None, of_first: bool = False
) -> bool:
    """Tell whether any but the best measured one gets the word. of_first: only where the first is that best one."""
    best = int(answers.sum(axis=1).argmax())
    if of_first and best != 0:
        return False
    readings = [
        read_pairs(answers[best].tolist(), one.tolist(), alpha=alpha) for at, one in enumerate(answers) if at != best
    ]
    return any(decide(reading, alpha=alpha, margin=margin) == word for reading in readings)


def _alike(random: Random, shares: list[float], rows: int) -> NDArray[np.int64]:
    """Return who is right on which row: rows are harder or easier for all alike. [model, row]"""
    hardness = random.normal(size=rows) * 1.3
    own = random.normal(size=(len(shares), rows))
    limits = stats.norm.ppf(shares)[:, None] * math.sqrt(1 + 1.3**2)
    return np.asarray(hardness + own < limits, dtype=np.int64)


def slices_in_clusters(random: Random, times: int) -> Iterator[Line]:
    """Yield a line for parts of rows that come in clusters, where nothing is to be found."""
    ours, naive = 0, 0
    choice = ScorerChoice(name="exact_match")
    for _ in range(times):
        clusters = np.repeat(np.arange(60), random.integers(1, 9, 60))
        leaning = random.normal(size=60)[clusters]
        before, after = ((leaning * sign + random.normal(size=len(clusters)) > 0) for sign in (1, -1))
        one, other = _results(before, clusters), _results(after, clusters)
        parts = find_slices(one, ["metadata"])
        for column in ("document", None):
            found = compare_slices(one, other, choice, parts, alpha=ALPHA, cluster_by=column)
            is_any = any(part.verdict in ("better", "worse") for part in found)
            ours, naive = ours + (is_any and column is not None), naive + (is_any and column is None)
    yield _level(
        "any of 3 slices of rows in 60 clusters", ours, times, f"rows taken as independent {_percent(naive, times)}"
    )


def _results(right: NDArray[np.bool_], clusters: NDArray[np.int64]) -> dict[int, Result]:
    return {
        row: Result(
            row=row, input="q", expected=None, output="a", error=None, latency_ms=1.0,
            scores=[Score(name="exact_match", value=float(is_right))],
            metadata={"document": str(cluster), "language": "abc"[cluster % 3]},
        )
        for row, (is_right, cluster) in enumerate(zip(right.tolist(), clusters.tolist(), strict=True))
    }  # fmt: skip


def _scores(pairs: PairCounts) -> tuple[list[float], list[float]]:
    before = [1.0] * (pairs.both + pairs.only_baseline) + [0.0] * (pairs.only_candidate + pairs.neither)
    after = [1.0] * pairs.both + [0.0] * pairs.only_baseline + [1.0] * pairs.only_candidate + [0.0] * pairs.neither
    return before, after


def peeking(random: Random, times: int) -> Iterator[Line]:
    """Yield a line for each kind of score, equals first, then a difference: when would one have stopped?"""
    few = max(60, times // 4)
    for name, discordance, gain in (("equals, 24 % of rows differ", 0.24, 0.0), ("equals, 60 % differ", 0.6, 0.0)):
        alarms, fixed, missed = 0, 0, 0
        for _ in range(few):
            signs = _signs(random, 500, discordance, gain)
            state, misses = early.start(ALPHA, 0.0, 1.0), False
            for sign in signs:
                state = early.observe(state, float(sign < 0), float(sign > 0))
                misses |= not state.interval.low <= 0 <= state.interval.high
            alarms += state.is_decided
            missed += misses
            fixed += any(mcnemar_mid_p(_counts(signs[:rows])) < ALPHA for rows in range(50, 501, 25))
        yield _level(f"{name}, 500 rows, right or wrong", alarms, few, f"McNemar {_percent(fixed, few)}")
        yield _level("the interval misses, ever", missed, few, "")
    alarms = 0
    for _ in range(few):
        state = early.start(ALPHA, 0.0, 1.0)
        for before, after in random.beta(2, 1, (500, 2)):
            state = early.observe(state, before, after)
        alarms += state.is_decided
    yield _level("equals, 500 rows, graded scores", alarms, few, "")
    yield _stopped_in_clusters(random, few)
    yield _stopped_against_another(random, few)
    stops, fixed_power = [], 0
    for _ in range(few):
        signs = _signs(random, 500, 0.24, 0.10)
        state = early.start(ALPHA, 0.0, 1.0)
        for sign in signs:
            state = early.observe(state, float(sign < 0), float(sign > 0))
            if state.is_decided:
                break
        stops.append(state.rows if state.is_decided else 501)
        fixed_power += mcnemar_mid_p(_counts(signs[:181])) < ALPHA
    shown = sum(stop <= 500 for stop in stops)
    yield (
        "a gain of 10 points, 24 % differ",
        f"shown in {_percent(shown, few)}, median after {median(stops):.0f} rows",
        f"McNemar at 181 rows, once: {_percent(fixed_power, few)}",
        True,
    )


def _stopped_in_clusters(random: Random, times: int) -> Line:
    """Return the line of an experiment that is to stop early over rows in clusters: it is refused, for this is why."""
    wrong = 0
    for _ in range(times):
        leaning = np.repeat(random.normal(size=40), 5)[random.permutation(200)]
        state = early.start(ALPHA, 0.0, 1.0)
        for before, after in zip(
            random.normal(size=200) + leaning > 0, random.normal(size=200) - leaning > 0, strict=True
        ):
            state = early.observe(state, float(before), float(after))
        wrong += state.is_decided
    new = NewExperiment(
        name="n", target=Target(endpoint="e"), dataset_version_id="d", scorers=[ScorerChoice(name="exact_match")],
        cluster_by="document", stop=StopRule(against="exp_1"),
    )  # fmt: skip
    try:
        check_stop(new)
    except InvalidInput:
        return "equals, 40 clusters of 5 rows", "refused: 0 %", f"each row for itself {_percent(wrong, times)}", True
    return "equals, 40 clusters of 5 rows", "not refused", f"each row for itself {_percent(wrong, times)}", False


def _stopped_against_another(random: Random, times: int) -> Line:
    """Return the line of one that stopped since it was better than a second one, compared with a third, which is its equal."""
    ours, fixed, choice = 0, 0, ScorerChoice(name="exact_match")
    for _ in range(times):
        stopped, second, third = _alike(random, [0.7, 0.55, 0.7], rows=500)
        state, rows = early.start(ALPHA, 0.0, 1.0), 0
        while rows < 500 and not state.is_decided:
            state = early.observe(state, float(second[rows]), float(stopped[rows]))
            rows += 1
        kept, seen = (_results(side.astype(bool), np.arange(len(side))) for side in (third, stopped[:rows]))
        (one,) = compare(kept, seen, [choice], alpha=ALPHA, limit=0, stop_order=list(range(500))).comparisons
        ours += one.verdict != "not shown to be better"
        fixed += read_pairs(third[:rows].tolist(), stopped[:rows].tolist()).p_value < ALPHA
    return _level(
        "one that stopped against another, compared with an equal",
        ours,
        times,
        f"McNemar where it stopped {_percent(fixed, times)}",
    )


def power(random: Random, times: int) -> Iterator[Line]:
    """Yield how often the effect is seen that is called detectable 8 times in 10."""
    for rows, discordance in ((200, 0.2), (500, 0.1), (1_000, 0.3)):
        effect = minimum_detectable_effect(rows, discordance)
        seen = sum(mcnemar_mid_p(_pairs(random, rows, discordance, effect)) < ALPHA for _ in range(times))
        low, high = wilson(seen, times)
        holds = low <= 0.85 and high >= 0.75
        yield (
            f"{rows} rows, {100 * discordance:.0f} % differ: {100 * effect:.1f} points",
            _percent(seen, times),
            "",
            holds,
        )


def _pairs(random: Random, rows: int, discordance: float, gain: float) -> PairCounts:
    lost, won = (discordance - gain) / 2, (discordance + gain) / 2
    both = 0.6 * (1 - discordance)
    return PairCounts(*random.multinomial(rows, [both, lost, won, 1 - both - lost - won]).tolist())


def _apart(pairs: PairCounts) -> float:
    one, other = (pairs.both + pairs.only_candidate) / pairs.rows, (pairs.both + pairs.only_baseline) / pairs.rows
    return (one * (1 - one) + other * (1 - other)) / pairs.rows


def _signs(random: Random, rows: int, discordance: float, gain: float) -> NDArray[np.int64]:
    return random.choice([-1, 0, 1], rows, p=[(discordance - gain) / 2, 1 - discordance, (discordance + gain) / 2])


def _counts(signs: NDArray[np.int64]) -> PairCounts:
    won, lost = int((signs > 0).sum()), int((signs < 0).sum())
    return PairCounts(len(signs) - won - lost, lost, won, 0)


def _clustered(random: Random, count: int, size: int) -> tuple[Floats, list[int]]:
    sizes = random.integers(1, 2 * size, count)
    clusters = np.repeat(np.arange(count), sizes)
    return random.normal(size=count)[clusters] + random.normal(size=len(clusters)), clusters.tolist()


def _perplexity(sums: Floats) -> Floats:
    return np.asarray(np.exp(-sums[..., 0] / sums[..., 1]))


def _exact_coverage(rows: int, truth: float) -> float:
    hits = np.arange(rows + 1)
    inside = [low <= truth <= high for low, high in (wilson(int(hit), rows) for hit in hits)]
    return float(stats.binom.pmf(hits, rows, truth)[inside].sum())


def _cover(what: str, inside: int, times: int, others: str) -> Line:
    low, high = wilson(int(inside), times)
    return what, _percent(inside, times), others, low <= 0.97 and high >= 0.93


def _level(what: str, wrong: int, times: int, others: str) -> Line:
    return what, _percent(wrong, times), others, wilson(int(wrong), times).low <= ALPHA


def _percent(count: int, times: int) -> str:
    low, high = wilson(int(count), times)
    return f"{100 * count / times:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # scipy warns of resamples that are all alike
    main()
