"""Stop an experiment as soon as it is shown to differ from another one: who may, in which order rows go, and when.

The first scorer decides, at its share of the level, by `early.py`. Rows are asked in a shuffled order and evidence takes them in that order, so a slow
row holds up what comes behind it and never tilts the result. Answers that are under way when it is decided are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from treadle.core.errors import InvalidInput
from treadle.evals.comparisons import early
from treadle.evals.comparisons.early import Evidence
from treadle.evals.metrics import score_of
from treadle.evals.scorers import scorer_behind
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import NewExperiment, Result, StopRule


class Stopper:
    """The evidence of one experiment against another, row by row."""

    def __init__(self, rows: Sequence[int], baseline: Mapping[int, Result], choice: ScorerChoice, alpha: float) -> None:
        """rows: in the order in which they are asked. baseline: the other experiment's results by row."""
        scorer = scorer_behind(choice)
        self.evidence = early.start(alpha, scorer.low, scorer.high)
        self._waiting = list(reversed(rows))
        self._baseline = baseline
        self._name = choice.name
        self._answered: dict[int, Result] = {}

    def take(self, results: Iterable[Result]) -> None:
        """Add answers, whichever order they come in. Those behind one that is missing wait for it."""
        self._answered.update((result.row, result) for result in results)
        while self._waiting and self._waiting[-1] in self._answered and not self.evidence.is_decided:
            row = self._waiting.pop()
            self.evidence = step(self.evidence, self._baseline.get(row), self._answered[row], self._name)


def step(evidence: Evidence, baseline: Result | None, candidate: Result | None, scorer: str) -> Evidence:
    """Return the evidence after a row; unchanged by one that either has not scored."""
    before = None if baseline is None else score_of(baseline, scorer)
    after = None if candidate is None else score_of(candidate, scorer)
    return evidence if before is None or after is None else early.observe(evidence, before, after)


def check_stop(new: NewExperiment) -> None:
    """Raise InvalidInput when an experiment cannot stop early: its first scorer must judge each row at once, on a scale.

    Rows that come in clusters are refused: evidence takes each row for itself, and rows that are alike would be counted as
    so much more of it, so that equals are called different too often (benchmarks/coverage).
    """
    if new.stop is None:
        return
    if new.cluster_by is not None:
        raise InvalidInput(
            f"stopping early takes every row for itself, and rows come in clusters by '{new.cluster_by}', which would be "
            f"called different too often; leave out stop, or ask one row of each cluster and leave out cluster_by",
            code="evals.no_early_stop",
        )
    scorer = scorer_behind(new.scorers[0])
    if scorer.place == "worker" or not _can_be_bet_upon(new.scorers[0]) or new.repeats > 1:
        raise InvalidInput(
            f"an experiment stops early by a first scorer that judges each row as it comes, between two limits, and without "
            f"repeats; '{scorer.name}' with {new.repeats} repeats is not that; put such as 'exact_match' first, or leave out stop",
            code="evals.no_early_stop",
        )


def level_of(stop: StopRule, scorers: Sequence[ScorerChoice]) -> float:
    """Return the level at which the first scorer stops: its equal share (Bonferroni) of the experiment's.

    The comparison then corrects over all scorers (Holm), and what was shown when it stopped is shown there too. Scorers
    without limits take no share, for the comparison leaves them out.
    """
    return stop.alpha / sum(_can_be_bet_upon(choice) for choice in scorers)


def _can_be_bet_upon(choice: ScorerChoice) -> bool:
    scorer = scorer_behind(choice)
    return scorer.high is not None and scorer.combine is None
