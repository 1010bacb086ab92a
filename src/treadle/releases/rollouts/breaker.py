"""The hard breaker: a run of candidate failures so long that chance and shared trouble are ruled out.

"Five failures in a row" is sane only where failing is rare. At a base rate p an equal candidate starts a run of r with
probability p^r at every unit, so over N units the chance of a false trip is at most N p^r: at p = 0.05, r = 5 and
N = 1,000 that is 0.03 %, at p = 0.3 it is 243 %, a certainty. So the run that trips is *derived*: the smallest r, not
below the plan's, with N p^r <= BUDGET, where p is the upper 99 % Wilson limit of the stable arm's own rate. Where that
asks for more than LONGEST_RUN (p above about 0.25) the breaker is off: E_bad decides as fast there.

A shared outage makes both arms fail, so the run counts only while at least half of the stable units that arrived
during it did well, and at least one did. The budget adds to alpha: a rollout's false rollbacks are about
alpha + BUDGET at most ("about", for p is measured). The breaker looks at errors only, which are known at once;
feedback comes late and out of order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from treadle.core.shares import wilson
from treadle.releases.rollouts.evidence import Arm, Evidence

BUDGET = 0.001
"""Chance of a false trip over a whole rollout."""
LONGEST_RUN = 12
"""A run that would have to be longer switches the breaker off."""
LEAST_STABLE_UNITS = 20
"""Stable units to have seen before the stable arm's rate means anything."""


class Run(NamedTuple):
    """The candidate's failures since it last did well, and what the stable arm did meanwhile."""

    failures: int = 0
    stable_good: int = 0
    stable_bad: int = 0


def follow(run: Run, arm: Arm, failed: bool) -> Run:
    """Return the run after one more unit."""
    if arm == "candidate":
        return run._replace(failures=run.failures + 1) if failed else Run()
    if run.failures == 0:
        return run
    return run._replace(stable_good=run.stable_good + (not failed), stable_bad=run.stable_bad + failed)


def run_that_trips(least_run: int, errors: Evidence, *, horizon_units: int) -> int | None:
    """Return how many failures in a row trip the breaker given the stable arm's errors so far; None when it is off."""
    if errors.stable_units < LEAST_STABLE_UNITS:
        return None
    rate = wilson(errors.stable_bad, errors.stable_units, confidence=0.98).high
    if rate >= 1:
        return None
    length = max(least_run, math.ceil(math.log(BUDGET / horizon_units) / math.log(rate)))
    return length if length <= max(LONGEST_RUN, least_run) else None


def has_tripped(run: Run, length: int | None) -> bool:
    """Tell whether the run is long enough and the stable arm was well while it lasted."""
    return length is not None and run.failures >= length and run.stable_good >= max(1, run.stable_bad)
