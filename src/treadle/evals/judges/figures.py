"""What stands behind the metric of a judge: what it cost, how often it was too unsure, and how far it can be believed. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal

from treadle.core.errors import InvalidInput
from treadle.evals.judges.calibration import Corrected, Counted, corrected_rate
from treadle.evals.judges.types import Calibration, Share
from treadle.evals.scoring.types import Score
from treadle.evals.students import clustered_mean
from treadle.evals.types import JudgeFigures

SEED = 20_260
UNCALIBRATED = "not calibrated: nobody has measured this judge against people, see: treadle judge calibrate"


def figures_of(scores: Sequence[Score]) -> JudgeFigures | None:
    """Return what stands behind a judge's scores; None where no model judged."""
    said = [score.judgement for score in scores if score.judgement is not None]
    if not said:
        return None
    asked = [one for one in said if one.requests]
    known = [one.cost_usd for one in asked if one.cost_usd is not None]
    ids = {one.calibration_id for one in said if one.calibration_id is not None}
    likely = [one.probability for one in said if one.probability is not None]
    expected = sum(likely) / len(likely) if likely else None
    return JudgeFigures(
        requests=sum(one.requests for one in said),
        cost_usd=sum(known, Decimal(0)) if len(known) == len(asked) else None,
        abstained=sum(score.label == "abstained" for score in scores),
        warnings=sum(one.warning is not None for one in said),
        calibration_id=ids.pop() if len(ids) == 1 else None,
        expected_good=expected,
        words=UNCALIBRATED
        if expected is None
        else f"calibrated against people, who would call {100 * expected:.1f} % of these answers good",
    )


def corrected_by(
    calibration: Calibration, values: Sequence[float], clusters: Sequence[Hashable] | None
) -> Corrected | None:
    """Return how many answers people would call good, by what the judge lets through and stops; None where that tells nothing.

    values: the judge's scores, one per row. clusters: which each row belongs to; rows of one cluster then count for less
    (Kish's design effect), as they would in the interval of their mean.
    """
    if calibration.sensitivity is None or calibration.specificity is None or not values:
        return None
    good = [float(value >= 0.5) for value in values]
    share, number = sum(good) / len(good), float(len(good))
    if clusters is not None:
        try:
            error = clustered_mean(good, clusters).error
        except InvalidInput:  # a single cluster
            return None
        number = min(number, share * (1 - share) / error**2) if error > 0 else float(len(set(clusters)))
    human = round(calibration.human_good.value * calibration.rows)
    return corrected_rate(
        Counted(share * number, number),
        _counted(calibration.sensitivity, human),
        _counted(calibration.specificity, calibration.rows - human),
        seed=SEED,
    )


def with_correction(figures: JudgeFigures, found: Corrected) -> JudgeFigures:
    """Return a judge's figures with what people would say by its rates."""
    words = (
        f"{figures.words}; by what it lets through and stops {100 * found.value:.1f} % (95 % interval "
        f"{100 * found.low:.1f} to {100 * found.high:.1f})"
    )
    told = {"people_good": found.value, "people_low": found.low, "people_high": found.high, "words": words}
    return figures.model_copy(update=told)


def _counted(share: Share, number: int) -> Counted:
    return Counted(share.value * number, number)
