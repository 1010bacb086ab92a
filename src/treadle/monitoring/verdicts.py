"""Is a window's value as it should be, and what becomes of the monitor? Pure: values in, verdict and position out.

Three rules. A threshold holds the value against a limit. An anomaly is a value far from what the same hours of the same
weekday came to in earlier weeks, in robust standard deviations (1.4826 times the median distance from the median, so one
odd week does no harm). A sequential test gathers evidence over windows that a share lies above (or below) a limit:

    each window multiplies the evidence by (1 + b (1 - limit))^k (1 - b limit)^(n - k)

with k the sum of its n values in 0-1 and b >= 0 a bet fixed before the window. For values of 0 and 1 that is exactly the
product over them; for others it is below it (ln is concave). While the mean is at the limit or better its expectation is
at most 1, so the chance that it ever passes 100 is at most 1 %, however often one looks (Ville). Source: Waudby-Smith
and Ramdas 2024, JRSS-B 86:1; the chord that makes sums enough is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from treadle.monitoring.figures import shown
from treadle.monitoring.types import Anomaly, Condition, Rule, Sequential, Threshold, Unit, Verdict

ALARM_E = 100.0
BOLDEST = 0.5
"""Largest bet, as a share of the largest that keeps evidence above 0."""
FORGETTING = 0.8
"""Weight of the evidence's estimate before each window: a change must not wait for a long quiet past to be outweighed."""
LEAST_HISTORY = 6
"""Windows of earlier weeks that an anomaly is told from at the least."""
MAD_TO_SD = 1.4826
SMALLEST_SPREAD = 0.02
"""Spread taken at the least, as a share of the median: hours that were alike to the digit are luck."""


class Value(NamedTuple):
    """What a signal came to in a window."""

    value: float | None
    """None without anything to take it of."""
    spans: int
    """How many spans it was taken of."""
    unpriced: int = 0
    """Of a cost: calls whose price nobody knows; the value is then what it comes to at the least."""


class Evidence(NamedTuple):
    """What a sequential test has gathered; a value, replaced by `gather`."""

    log_e: float = 0.0
    seen: float = 0.0
    """Values behind the estimate, the older ones counting less."""
    total: float = 0.0
    """Their sum."""


class Judged(NamedTuple):
    """A window's verdict and what it rests on."""

    verdict: Verdict
    words: str
    """Why, for people."""
    expected_low: float | None = None
    """Where a value would have been well, where the rule says so."""
    expected_high: float | None = None
    evidence: Evidence | None = None


def judge(
    rule: Rule, seen: Value, *, unit: Unit, least_count: int, is_firing: bool, history: Sequence[float] = (),
    evidence: Evidence = Evidence(), counted: str = "spans",
) -> Judged:  # fmt: skip
    """Return a window's verdict. is_firing: a limit with a margin must be passed back by that margin to be well again.

    history: values of the same hours in earlier weeks, for an anomaly. evidence: what the windows before gave. counted:
    what `seen.spans` are.
    """
    if seen.value is None or seen.spans < least_count:
        nothing = f"{seen.unpriced} of unknown price" if seen.unpriced else "none tells it"
        few = nothing if seen.spans >= max(least_count, 1) else f"at least {max(least_count, 1)} needed"
        return Judged("unknown", f"no data: {seen.spans} {counted}, {few}", evidence=evidence)
    if isinstance(rule, Threshold):
        return _as_part(_against_limit(rule, seen.value, unit, is_firing), seen)
    if isinstance(rule, Anomaly):
        return _as_part(_against_history(rule, seen.value, history, unit, is_firing), seen)
    return _against_share(rule, seen.value, seen.spans, evidence)


class Position(NamedTuple):
    """Where a monitor stands; a value, replaced by `step`."""

    condition: Condition = "no data"
    bad: int = 0
    """Bad windows in a row."""
    well: int = 0
    """Well windows in a row."""
    unknown: int = 0
    """Windows without data in a row."""


def step(
    position: Position, verdict: Verdict, *, fire_after: int, clear_after: int, alert_on_silence: bool
) -> Position:
    """Return the position after a window.

    It takes `fire_after` bad windows in a row to fire and `clear_after` well ones to be over, so that a value that sways
    around its limit is one alert. Windows without data neither fire nor clear, unless silence itself is to alert.
    """
    if verdict == "unknown":
        unknown = position.unknown + 1
        if alert_on_silence and unknown >= fire_after:
            return position._replace(condition="firing", unknown=unknown, well=0)
        # An alert stands until a value says otherwise.
        condition: Condition = position.condition if position.condition == "firing" else "no data"
        return position._replace(condition=condition, unknown=unknown, bad=0)
    if verdict == "bad":
        bad = position.bad + 1
        fires = position.condition == "firing" or bad >= fire_after
        return Position("firing" if fires else "ok", bad=bad)
    well = position.well + 1
    stays = position.condition == "firing" and well < clear_after
    return Position("firing" if stays else "ok", well=well)


def why(position: Position, verdict: Verdict, words: str, *, fire_after: int, clear_after: int) -> str:
    """Return why a monitor stands as it does after a window: the window's words, and what they still wait for.

    A bad window does not fire alone where several are asked for, nor does a well one end an alert: without saying so the
    state and the window would contradict each other.
    """
    is_firing = position.condition == "firing"
    if verdict == "bad" and not is_firing:
        return f"{words} ({position.bad} of {fire_after} windows in a row until it fires)"
    if verdict == "well" and is_firing:
        return f"{words} ({position.well} of {clear_after} well windows in a row until the alert is over)"
    if verdict == "unknown" and is_firing:
        return f"{words}; the alert goes on until a window is well"
    return words


def gather(evidence: Evidence, total: float, count: int, limit: float) -> Evidence:
    """Return the evidence that a mean of values in 0-1 is above a limit, after a window of so many with this sum.

    The bet leans on the windows before: (estimate - limit) / (variance + (estimate - limit)^2), 0 where they do not lie
    above, at most BOLDEST / limit. Before any, it is small.
    """
    estimate = (evidence.total + 0.5 * limit) / (evidence.seen + 0.5) if evidence.seen else limit * 1.1
    gap = estimate - limit
    bet = 0.0 if gap <= 0 else min(BOLDEST / limit, gap / (estimate * (1 - estimate) + gap * gap + 1e-9))
    growth = total * math.log1p(bet * (1 - limit)) + (count - total) * math.log1p(-bet * limit)
    return Evidence(
        log_e=evidence.log_e + growth,
        seen=FORGETTING * evidence.seen + count,
        total=FORGETTING * evidence.total + total,
    )


def _as_part(judged: Judged, seen: Value) -> Judged:
    """Let words of a sum say that it is a part, where it is one."""
    if not seen.unpriced or judged.verdict == "unknown":
        return judged
    return judged._replace(words=f"at least {judged.words}, and {seen.unpriced} of {seen.spans} calls of unknown price")


def _against_limit(rule: Threshold, value: float, unit: Unit, is_firing: bool) -> Judged:
    slack = rule.margin if is_firing else 0.0
    high = None if rule.above is None else rule.above - slack * abs(rule.above)
    low = None if rule.below is None else rule.below + slack * abs(rule.below)
    if high is not None and value > high:
        return Judged("bad", f"{shown(value, unit)} is above {shown(high, unit)}", low, high)
    if low is not None and value < low:
        return Judged("bad", f"{shown(value, unit)} is below {shown(low, unit)}", low, high)
    bounds = [("not above", high), ("not below", low)]
    limits = " and ".join(f"{side} {shown(limit, unit)}" for side, limit in bounds if limit is not None)
    return Judged("well", f"{shown(value, unit)} is {limits}", low, high)


def _against_history(rule: Anomaly, value: float, history: Sequence[float], unit: Unit, is_firing: bool) -> Judged:
    if len(history) < LEAST_HISTORY:
        words = f"no data: {len(history)} windows of earlier weeks are known, {LEAST_HISTORY} are needed"
        return Judged("unknown", words)
    middle = median(history)
    spread = max(MAD_TO_SD * median(abs(each - middle) for each in history), SMALLEST_SPREAD * abs(middle), 1e-9)
    reach = (rule.deviations - (1.0 if is_firing else 0.0)) * spread
    low, high = middle - reach, middle + reach
    usual = f"usual at this time of this weekday are {shown(low, unit)} to {shown(high, unit)} ({len(history)} windows)"
    if (value > high and rule.direction != "below") or (value < low and rule.direction != "above"):
        return Judged("bad", f"{shown(value, unit)}, {usual}", low, high)
    return Judged("well", f"{shown(value, unit)}, {usual}", low, high)


def _against_share(rule: Sequential, value: float, count: int, evidence: Evidence) -> Judged:
    if not 0 <= value <= 1:
        return Judged("unknown", f"no data: {value:g} is no share, a sequential test takes signals from 0 to 1")
    mirrored = rule.direction == "below"
    share, limit = (1 - value, 1 - rule.limit) if mirrored else (value, rule.limit)
    after = gather(evidence, share * count, count, limit)
    side = "below" if mirrored else "above"
    e_value = math.exp(min(after.log_e, 30.0))
    now, bound = shown(value, "share"), shown(rule.limit, "share")
    words = f"{now} of {count} in this window; evidence that the share is {side} {bound}: {e_value:.3g} of {ALARM_E:g}"
    is_bad = after.log_e > math.log(ALARM_E) and share > limit
    low, high = (rule.limit, None) if mirrored else (None, rule.limit)
    if after.log_e > math.log(ALARM_E) and not is_bad:
        after = Evidence()  # the change is over: a new test begins
    return Judged("bad" if is_bad else "well", words, low, high, evidence=after)
