"""The bad-event e-process: is the candidate worse, or good enough, judged after every single request.

Each unit (a session, or a request) goes to the candidate with a known probability w, logged with it. Look only at bad
events. If both arms have the same risk, an event comes from the candidate with probability exactly w, however the
common risk drifts; if the candidate's risk is `ratio` times the stable one's, with q = ratio w / (ratio w + 1 - w).

    E_bad  = mean over RATIOS of prod [candidate: q/w | stable: (1-q)/(1-w)]     large: the candidate is worse
    E_good = prod [candidate: w/q | stable: (1-w)/(1-q)]  at ratio = margin      large: worse by less than the margin

Both have mean at most 1 at any stopping time when their null holds (ratio <= 1; ratio >= margin), so by Ville's
inequality either passes 1/alpha with probability at most alpha however often one looks. A failure of something that
both arms share adds factors of mean 1: outages and ramps are neutral. State is O(1): a few logarithms.
Sources: Ville 1939; Kulldorff et al. 2011, Sequential Analysis 30:58 (binomial MaxSPRT); Lindon and Malek 2022,
arXiv 2011.03567 (inhomogeneous counts).

Where we depart: E_bad averages five ratios instead of maximising, which keeps it an exact e-process.
A unit's first bad event counts and no later one, so the ratio is of the share of units that had a bad event at all.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from treadle.core.errors import InvalidInput

Arm = Literal["stable", "candidate"]

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0)
"""Risk ratios that E_bad spreads its bet over: from barely to plainly worse."""


class Outcome(NamedTuple):
    """What became of one unit, known by now."""

    arm: Arm
    weight: float
    """Probability, 0-1, with which the unit was to go to the candidate when it arrived."""
    bad: bool


class Evidence(NamedTuple):
    """All that outcomes have shown so far; a value, replaced by `observe`."""

    margin: float
    """Risk ratio, above 1, that would still be too much: 1.5 means half as many bad units again."""
    log_bad: tuple[float, ...] = (0.0,) * len(RATIOS)
    """Natural logarithm of each of the five products behind E_bad."""
    log_good: float = 0.0
    """Natural logarithm of E_good."""
    stable_units: int = 0
    candidate_units: int = 0
    stable_bad: int = 0
    candidate_bad: int = 0

    @property
    def log_e_bad(self) -> float:
        """Natural logarithm of E_bad."""
        top = max(self.log_bad)
        return top + math.log(math.fsum(math.exp(value - top) for value in self.log_bad) / len(self.log_bad))

    @property
    def e_bad(self) -> float:
        """How many times likelier the events are if the candidate is worse than if it is equal; inf past 1e308."""
        return _exp(self.log_e_bad)

    @property
    def e_good(self) -> float:
        """How many times likelier the events are if the candidate is equal than if it is worse by the margin."""
        return _exp(self.log_good)

    @property
    def units(self) -> int:
        """Units whose outcome is known."""
        return self.stable_units + self.candidate_units


def start(margin: float) -> Evidence:
    """Return evidence that has seen nothing. Raises InvalidInput for a margin that is not above 1."""
    if not 1 < margin <= 100:
        raise InvalidInput(
            f"a margin of {margin} is no risk ratio to rule out; use one above 1, such as 1.5 for 'half as many again'",
            code="releases.bad_margin",
            margin=margin,
        )
    return Evidence(margin=margin)


def observe(state: Evidence, outcome: Outcome) -> Evidence:
    """Return the evidence after one more unit. A unit without a bad event only adds to the counts.

    A weight of 0 or 1 leaves nothing to chance, so such a unit adds to the counts and to no product.
    """
    candidate = outcome.arm == "candidate"
    state = state._replace(
        stable_units=state.stable_units + (not candidate),
        candidate_units=state.candidate_units + candidate,
    )
    if not outcome.bad:
        return state
    return _add_event(state, candidate, outcome.weight)


def turn_bad(state: Evidence, arm: Arm, weight: float) -> Evidence:
    """Return the evidence after a unit that was counted as good has its first bad event (late feedback)."""
    return _add_event(state, arm == "candidate", weight)


def share_given_ratio(weight: float, ratio: float) -> float:
    """Return q: the chance that a bad event is the candidate's when its risk is `ratio` times the stable one's."""
    return ratio * weight / (ratio * weight + 1 - weight)


def events_to_reject(weight: float, ratio: float, *, threshold: float = 20.0) -> float:
    """Return how many bad events, of both arms, it takes on average until E_bad passes the threshold at a true ratio.

    ln(threshold) / KL(Bernoulli(q) || Bernoulli(w)); Wald's approximation, which leaves out the overshoot.
    """
    share = share_given_ratio(weight, ratio)
    return math.log(threshold) / _divergence(share, weight)


def events_to_accept(weight: float, margin: float, *, ratio: float = 1.0, threshold: float = 20.0) -> float:
    """Return how many bad events it takes on average until E_good passes the threshold; inf if it never does.

    ln(threshold) / growth, growth = E[ln factor] at the true ratio; at 1 that is KL(Bernoulli(w) || Bernoulli(q)).
    """
    share, limit = share_given_ratio(weight, ratio), share_given_ratio(weight, margin)
    growth = share * math.log(weight / limit) + (1 - share) * math.log((1 - weight) / (1 - limit))
    return math.log(threshold) / growth if growth > 0 else math.inf


def units_for_events(events: float, weight: float, bad_rate: float, *, ratio: float = 1.0) -> float:
    """Return how many units of traffic bring so many bad events, given the stable arm's share of bad units, 0-1."""
    overall = bad_rate * (1 - weight + weight * min(ratio, 1 / bad_rate if bad_rate else ratio))
    return events / overall if overall > 0 else math.inf


def units_left(state: Evidence, weight: float, *, needed_good: float) -> int | None:
    """Return about how many more units promotion takes if the candidate is as good as the stable release.

    What E_good still lacks, at the growth it has at equal risk, with the stable arm's share of bad units so far. A
    better candidate is quicker, a worse one never gets there. None while no stable unit was bad.
    """
    if state.stable_bad == 0 or not 0 < weight < 1:
        return None
    lacking = max(0.0, 1 - state.log_good / math.log(needed_good))
    events = lacking * events_to_accept(weight, state.margin, threshold=needed_good)
    return math.ceil(units_for_events(events, weight, state.stable_bad / state.stable_units))


def in_words(state: Evidence, *, needed_bad: float, needed_good: float) -> str:
    """Return what the evidence says, in one sentence a reader may act on."""
    counts = (
        f"{state.candidate_bad} of {state.candidate_units} candidate units bad, "
        f"{state.stable_bad} of {state.stable_units} stable"
    )
    if state.stable_bad + state.candidate_bad == 0:
        return f"no bad event yet in {state.units} units, so nothing to judge by"
    if state.log_e_bad >= math.log(needed_bad):
        verdict = f"{times(state.e_bad)} likelier worse than equal, past the {needed_bad:g} that rolls back"
    elif state.log_good >= math.log(needed_good):
        verdict = (
            f"not worse by {state.margin:g} times or more: {times(state.e_good)} likelier equal than that, "
            f"past the {needed_good:g} needed"
        )
    elif state.log_e_bad > 0:
        verdict = f"{times(state.e_bad)} likelier worse than equal; {needed_bad:g} would roll back"
    elif state.log_good > 0:
        verdict = (
            f"{times(state.e_good)} likelier equal than worse by {state.margin:g} times; {needed_good:g} are needed"
        )
    else:
        verdict = "undecided"
    return f"{verdict} ({counts})"


def times(value: float) -> str:
    """Return '17 times', with as many digits as mean something."""
    if value >= 1_000_000:
        return "over a million times"
    return f"{value:,.0f} times" if value >= 10 else f"{value:.1f} times"


def _add_event(state: Evidence, candidate: bool, weight: float) -> Evidence:
    state = state._replace(
        stable_bad=state.stable_bad + (not candidate),
        candidate_bad=state.candidate_bad + candidate,
    )
    if not 0 < weight < 1:
        return state
    return state._replace(
        log_bad=tuple(
            value + _log_factor(weight, ratio, candidate) for value, ratio in zip(state.log_bad, RATIOS, strict=True)
        ),
        log_good=state.log_good - _log_factor(weight, state.margin, candidate),
    )


def _log_factor(weight: float, ratio: float, candidate: bool) -> float:
    # q/w = ratio / (1 + (ratio - 1) w) and (1-q)/(1-w) = 1 / (1 + (ratio - 1) w): no cancellation near 0 or 1.
    shared = -math.log1p((ratio - 1) * weight)
    return shared + math.log(ratio) if candidate else shared


def _divergence(share: float, weight: float) -> float:
    return share * math.log(share / weight) + (1 - share) * math.log((1 - share) / (1 - weight))


def _exp(value: float) -> float:
    return math.exp(value) if value < 709 else math.inf
