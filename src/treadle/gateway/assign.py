"""Which arm serves a unit: sticky, in the stated shares, and decided by arithmetic alone.

A unit (a session, or one trace where there is no session) is hashed to a point in [0, 1). With two arms the candidate
lies at the bottom of that line and the stable arm takes the rest, so raising the candidate's weight only moves units
from stable to candidate and lowering it only moves them back.

With more arms each arm draws its own exponential time from the unit, at the rate of its weight, and the earliest one
serves (weighted rendezvous hashing; Thaler and Ravishankar 1998, IEEE/ACM ToN 6:1). A unit then moves from one arm to
another only when the other's weight rose in proportion to the first's: weights that stand still move nobody between
their arms. Which of the two is used depends on the number of arms alone, so an arm that loses its traffic in the
middle of a rollout stays in the list with a weight of 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from treadle.gateway.types import Arm, Endpoint

_WEIGHT_TOLERANCE = 1e-9


class Assignment(Struct, frozen=True):
    """The arm that a unit got, and how likely that was."""

    arm: Arm
    probability: float
    """Chance of this arm at the moment of the choice, 0 to 1; statistics weigh by it."""


def point_of(salt: str, unit: str) -> float:
    """Return a unit's place in [0, 1): uniform over units, the same whenever asked."""
    digest = blake2b(f"{salt}|{unit}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def choose_arm(endpoint: Endpoint, unit: str) -> Assignment:
    """Return the arm that serves this unit now."""
    arms = endpoint.arms
    if len(arms) == 1:
        return Assignment(arms[0], 1.0)
    if len(arms) > 2:
        return _earliest(endpoint, unit)
    point, upper = point_of(endpoint.salt, unit), 0.0
    rest = arms[0]
    for arm in arms:
        if arm.role == "stable":
            rest = arm
            continue
        upper += arm.weight
        if point < upper:
            return Assignment(arm, arm.weight)
    return Assignment(rest, 1.0 - upper)


def without_rollout(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint as it is beside its rollout: its stable arm answers everything, nothing is copied or counted."""
    stable = next(arm for arm in endpoint.arms if arm.role == "stable")
    return replace(endpoint, arms=(replace(stable, weight=1.0),), rollout_id=None)


def choose_shadow(endpoint: Endpoint, span_id: str) -> Arm | None:
    """Return the arm that gets a copy of this request of the stable arm, or None; drawn anew for each request."""
    for arm in endpoint.arms:
        if arm.shadow_share > 0.0 and point_of(f"shadow|{endpoint.salt}", span_id) < arm.shadow_share:
            return arm
    return None


def arms_fault(arms: Sequence[Arm]) -> str | None:
    """Say what is wrong with an endpoint's arms, or None: one stable arm, weights within 0 to 1 that sum to 1.

    A shadow share needs a weight of 0: what answers callers is not tried behind their backs.
    """
    stable = sum(arm.role == "stable" for arm in arms)
    if stable != 1:
        return f"an endpoint needs exactly one stable arm, here are {stable}"
    if any(not 0.0 <= arm.weight <= 1.0 for arm in arms):
        return "a weight lies outside 0 to 1: " + ", ".join(f"{arm.release_id}={arm.weight}" for arm in arms)
    total = sum(arm.weight for arm in arms)
    if abs(total - 1.0) > _WEIGHT_TOLERANCE:
        return f"the weights sum to {total}, they must sum to 1"
    if any(not 0.0 <= arm.shadow_share <= (1.0 if arm.weight == 0.0 else 0.0) for arm in arms):
        return "a shadow share must lie within 0 to 1, and be 0 for an arm with a weight: " + ", ".join(
            f"{arm.release_id}={arm.shadow_share}" for arm in arms
        )
    return None


def _earliest(endpoint: Endpoint, unit: str) -> Assignment:
    first, earliest = endpoint.arms[0], math.inf
    for arm in endpoint.arms:
        if arm.weight <= 0.0:
            continue
        at = -math.log1p(-point_of(f"{endpoint.salt}|{arm.release_id}", unit)) / arm.weight
        if at < earliest:
            first, earliest = arm, at
    return Assignment(first, first.weight)
