"""When is drift an alarm? P-values of a window's channels are adjusted together, and windows are followed. Pure, no NumPy.

Two windows in a row below 0.01, or evidence of 100 over many. Source: Benjamini and Hochberg 1995, JRSS-B 57:289; Vovk and
Wang 2021, Annals of Statistics 49:1736 (p to e). How often that is wrong: benchmarks/drift/RESULTS.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

ALARM_P = 0.01
"""Adjusted p-value below which a window counts as moved; two in a row are an alarm."""
ALARM_E = 100.0
"""Evidence over all windows since the last alarm that is an alarm by itself."""


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that of all findings at a level no larger share than that is false, on average.

    In rising order the i-th of m becomes the smallest of p_j m / j over j >= i; given back in input order.
    """
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index], reverse=True)
    adjusted, smallest = [1.0] * count, 1.0
    for place, index in enumerate(order):
        smallest = min(smallest, p_values[index] * count / (count - place))
        adjusted[index] = smallest
    return adjusted


def log_e_value(p_value: float) -> float:
    """Return the logarithm of the evidence in a p-value: ln(1 / (2 sqrt(p))), the calibrator k p^(k-1) with k = 1/2.

    Under no change its expectation is at most 1, so a running product that never falls below 1 passes 100 after 100
    windows on average at the earliest (Shin, Ramdas and Rinaldo 2024, e-CUSUM). That holds when each p-value is fair
    given those before; windows that share one finite reference are so only as nearly as the reference is larger than a
    window, which benchmarks/drift measures.
    """
    return -math.log(2) - 0.5 * math.log(p_value)


class Track(NamedTuple):
    """What a channel's windows have shown since the last alarm was over; a value, replaced by `follow`."""

    streak: int = 0
    """Windows in a row that counted as moved."""
    log_e: float = 0.0
    """Evidence over all of them; never below 0, as each window may be the first of a change."""


Reason = Literal["two windows in a row", "evidence over many windows"]


def follow(track: Track, p_value: float, adjusted_p: float) -> tuple[Track, Reason | None]:
    """Return the track after a window, and why this is an alarm, if it is.

    p_value: the channel's own; adjusted_p: after adjustment over the channels of the window.
    """
    after = Track(
        streak=track.streak + 1 if adjusted_p < ALARM_P else 0,
        log_e=max(0.0, track.log_e + log_e_value(p_value)),
    )
    if after.streak >= 2:
        return after, "two windows in a row"
    if after.log_e > math.log(ALARM_E):
        return after, "evidence over many windows"
    return after, None
