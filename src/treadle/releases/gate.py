"""The gate: what a comparison of two experiments must show before a release passes. Pure: evidence in, checks out."""

from __future__ import annotations

from treadle.evals.comparisons.types import Comparison, ComparisonReport
from treadle.releases.types import Check, GatePolicy


def evaluate(policy: GatePolicy, report: ComparisonReport) -> list[Check]:
    """Return what the policy asks for, each with whether it held and by which numbers.

    The report's first comparison decides, and another one where the policy names it; the rest is for the eye. The gate passes
    when every check held: each test at level alpha then keeps the whole at alpha, without a correction (an
    intersection-union test: Berger 1982, Technometrics 24:295).
    """
    comparison = report.comparisons[0]
    checks = [_against_baseline(policy, comparison), _scored(policy.least_scored, comparison)]
    if policy.also_better is not None:
        checks.append(_also_better(policy.also_better, policy.alpha, report))
    if policy.minimum_score is not None:
        checks.append(_against_limit(policy.minimum_score, comparison))
    return checks


def _scored(least: float, comparison: Comparison) -> Check:
    asked = comparison.rows + comparison.unscored
    return Check(
        name=f"{comparison.scorer} scored on at least {100 * least:g} % of rows in both",
        passed=comparison.rows >= least * asked,
        words=f"{comparison.rows} of {asked} rows that both were asked have a score in both"
        + ("; see why the others have none with: treadle eval show" if comparison.unscored else ""),
    )


def _also_better(scorer: str, alpha: float, report: ComparisonReport) -> Check:
    name = f"{scorer} better than the baseline"
    found = next((one for one in report.comparisons if one.scorer == scorer), None)
    if found is None:
        reason = next((one.reason for one in report.left_out if one.scorer == scorer), None)
        words = (
            reason or f"both experiments need the scorer '{scorer}' with the same parameters; run them again with it"
        )
        return Check(name=name, passed=False, words=words)
    is_gain = (found.difference > 0) == found.higher_is_better and found.difference != 0
    return Check(
        name=name,
        passed=is_gain and found.p_value < alpha,
        words=f"p = {found.p_value:.2g} by itself, which a check that must hold is taken by; {found.words}",
    )


def _against_limit(limit: float, comparison: Comparison) -> Check:
    # Where less is better, the worst that is accepted is the most.
    is_upper = not comparison.higher_is_better
    name = f"{comparison.scorer} {'at most' if is_upper else 'at least'} {100 * limit:g} %"
    if comparison.unit != "share":
        return _not_a_share(name, comparison)
    return Check(
        name=name,
        passed=comparison.candidate <= limit if is_upper else comparison.candidate >= limit,
        words=f"{100 * comparison.candidate:.1f} % on {comparison.rows} rows",
    )


def _not_a_share(name: str, comparison: Comparison) -> Check:
    return Check(
        name=name,
        passed=False,
        words=f"'{comparison.scorer}' is measured in {comparison.unit} and this asks for score points from 0 to 1; put a scorer "
        f"of shares first, or require 'better'; {comparison.words}",
    )


def _against_baseline(policy: GatePolicy, comparison: Comparison) -> Check:
    if policy.require == "better":
        return Check(
            name=f"{comparison.scorer} better than the baseline",
            passed=comparison.verdict == "better",
            words=comparison.words,
        )
    is_both = policy.require == "equivalent"
    name = (
        f"{comparison.scorer} equivalent to the baseline within {100 * policy.margin:g} points"
        if is_both
        else f"{comparison.scorer} not worse than the baseline by {100 * policy.margin:g} points or more"
    )
    if comparison.unit != "share":
        return _not_a_share(name, comparison)
    # Where less is better, a loss is a difference above 0.
    worst, best = (
        (comparison.low, comparison.high) if comparison.higher_is_better else (-comparison.high, -comparison.low)
    )
    reach = f"is {100 * worst:+.1f} to {100 * best:+.1f} points" if is_both else f"begins at {100 * worst:+.1f} points"
    return Check(
        name=name,
        passed=worst > -policy.margin and (best < policy.margin or not is_both),
        words=f"the {100 * (1 - policy.alpha):g} % interval of the gain {reach}; {comparison.words}",
    )
