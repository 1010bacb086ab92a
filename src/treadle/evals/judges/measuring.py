"""From what people and a judge said of the same answers to a calibration, in numbers and words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.shares import Interval, wilson
from treadle.evals.judges.calibration import ENOUGH, LEAST, Pair, fit, length_bias, quality_of, rates_of
from treadle.evals.judges.types import Agreeing, Calibration, LengthBias, PositionBias, Probabilities, Share
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.feedback.agreement import Coefficient, Ratings, agreement_of

SEED = 20_260
FEWEST = 2


class Both(NamedTuple):
    """One answer with what people and the judge said of it."""

    human: float
    """0-1."""
    output: str
    score: Score


class Made(NamedTuple):
    """What is known of a calibration beside its figures."""

    calibration_id: str
    run_id: str
    scorer: ScorerChoice
    source: str
    created_by: str
    created_at: datetime


def measure(made: Made, said: Sequence[Both]) -> Calibration:
    """Return what the judge is worth. Raises InvalidInput where it could score too few answers to say anything."""
    scored = [(one, one.score.value) for one in said if one.score.value is not None]
    pairs = [Pair(one.human, value, len(one.output)) for one, value in scored]
    if len(pairs) < FEWEST:
        first = next((one.score.reason for one in said if one.score.reason), "nothing was there to judge")
        raise InvalidInput(
            f"the judge '{made.scorer.name}' scored {len(pairs)} of {len(said)} answers, which measures nothing; the first "
            f"reason: {first}",
            code="evals.nothing_to_calibrate",
        )
    good = [pair.human >= 0.5 for pair in pairs]
    is_fit = len(pairs) >= LEAST and 0 < sum(good) < len(good)
    fitted, after = fit(pairs) if is_fit else (None, None)
    rates = rates_of(pairs)
    binary: list[Ratings] = [{"people": float(pair.human >= 0.5), "judge": float(pair.judge >= 0.5)} for pair in pairs]
    numbers: list[Ratings] = [{"people": pair.human, "judge": pair.judge} for pair in pairs]
    by_verdict = agreement_of(binary, "nominal", seed=SEED)
    bias = LengthBias(**dict(zip(("correlation", "p_value"), length_bias(pairs, seed=SEED), strict=True)))
    judgements = [one.score.judgement for one in said if one.score.judgement is not None]
    costs = [one.cost_usd for one in judgements if one.requests]
    before = quality_of([pair.judge for pair in pairs], pairs)
    found = Calibration(
        **made._asdict(),
        rows=len(pairs),
        unscored=len(said) - len(pairs),
        human_good=_share(sum(good), len(good)),
        judge_good=_share(sum(pair.judge >= 0.5 for pair in pairs), len(pairs)),
        agreement=_share(sum((pair.judge >= 0.5) == (pair.human >= 0.5) for pair in pairs), len(pairs)),
        kappa=_agreeing(by_verdict.cohen),
        alpha=_agreeing(agreement_of(numbers, "interval", seed=SEED).alpha),
        sensitivity=_rate(rates.sensitivity, rates.sensitivity_interval),
        specificity=_rate(rates.specificity, rates.specificity_interval),
        length_bias=bias,
        position_bias=_position([one.votes for one in judgements if one.votes])
        if made.scorer.name == "pairwise"
        else None,
        before=Probabilities(**before._asdict()),
        after=None if after is None else Probabilities(**after._asdict()),
        method=None if fitted is None else fitted.method,
        points=[] if fitted is None else list(fitted.points),
        release_ids=sorted({release for one in judgements for release in one.release_ids}),
        requests=sum(one.requests for one in judgements),
        cost_usd=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
        words="",
    )
    return found.model_copy(update={"words": _words(found)})


def _position(votes: Sequence[Sequence[str]]) -> PositionBias | None:
    pairs = [(each[at], each[at + 1]) for each in votes for at in range(0, len(each) - 1, 2)]
    if not pairs:
        return None
    opposite = {"a": "b", "b": "a", "tie": "tie"}
    same = sum(opposite.get(first) == swapped for first, swapped in pairs)
    count = Counter(vote for pair in pairs for vote in pair)
    decided = count["a"] + count["b"]
    return PositionBias(
        consistent=_share(same, len(pairs)), first_preferred=_share(count["a"], decided) if decided else None
    )


def _words(found: Calibration) -> str:
    kappa = (
        "not defined (one of both always says the same)" if found.kappa.value is None else f"{found.kappa.value:.2f}"
    )
    told = [f"agrees with people on {_percent(found.agreement)} of {found.rows} answers, kappa {kappa}"]
    for share, what in ((found.sensitivity, "lets through"), (found.specificity, "stops")):
        if share is not None:
            side = "good" if what == "lets through" else "bad"
            told.append(f"{what} {_percent(share)} of the {side} ones")
    if found.method is None:
        told.append("too little, or all alike, for a calibration; it counts as not calibrated")
    elif found.after is not None:
        told.append(
            f"calibrated ({found.method}): calibration error {found.before.ece:.2f} before, {found.after.ece:.2f} after"
        )
    if found.length_bias.p_value < 0.05:
        likes = "long" if found.length_bias.correlation > 0 else "short"
        told.append(f"likes {likes} answers more than people do (p = {found.length_bias.p_value:.3f})")
    if found.position_bias is not None:
        told.append(f"keeps its verdict when places are swapped in {_percent(found.position_bias.consistent)} of pairs")
        first = found.position_bias.first_preferred
        if first is not None and not first.low <= 0.5 <= first.high:
            told.append(f"prefers the {'first' if first.value > 0.5 else 'second'} place")
    if found.rows < ENOUGH:
        told.append(f"measured on fewer than {ENOUGH} answers, so all of this is rough")
    return "; ".join(told)


def _percent(share: Share) -> str:
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"


def _share(count: int, number: int) -> Share:
    return Share(value=count / number, **wilson(count, number)._asdict())


def _rate(value: float | None, interval: Interval | None) -> Share | None:
    return None if value is None or interval is None else Share(value=value, low=interval.low, high=interval.high)


def _agreeing(found: Coefficient | None) -> Agreeing:
    return Agreeing(value=None, low=None, high=None) if found is None else Agreeing(**found._asdict())
