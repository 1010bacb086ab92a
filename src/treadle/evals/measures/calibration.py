"""Whether stated confidences come true: the expected calibration error over bins of equal width, and Brier's score.

    ECE = sum over bins |rows right - sum of confidences| / rows

Equal width, because its counts add up over rows, so that resamples and clusters get honest intervals; with few rows ECE is
biased upwards, which Brier's score, (confidence - right)², is not. Sources: Naeini et al. 2015, AAAI; Brier 1950.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS = 10


def counts(confidence: float, is_right: bool, bins: int = BINS) -> list[float]:
    """Return a row's counts: for each bin rows, right rows and the sum of confidences. [3 * bins]"""
    row = [0.0] * (3 * bins)
    place = 3 * min(int(confidence * bins), bins - 1)
    row[place : place + 3] = [1.0, float(is_right), confidence]
    return row


def calibration_error(sums: Floats) -> Floats:
    """Return the error of sums of counts, 0-1. [..., 3 * bins] to [...]"""
    import numpy as np

    rows, right, confidence = (sums[..., at::3] for at in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(right - confidence).sum(axis=-1) / rows.sum(axis=-1))
