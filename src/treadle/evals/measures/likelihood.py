"""How likely a text is to a model, from the log-probabilities of its tokens: perplexity and bits per byte.

    perplexity = exp(-sum ln p / tokens),  bits per byte = -sum ln p / (bytes ln 2)

over all rows together, long ones counting for more, as lm-evaluation-harness's `weighted_perplexity` and `bits_per_byte`
do. Perplexities compare models of one tokenizer only; bits per byte compare any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def counts(logprobs: Sequence[float], text: str) -> list[float]:
    """Return a row's [sum of natural log-probabilities, tokens, bytes of UTF-8]."""
    return [math.fsum(logprobs), float(len(logprobs)), float(len(text.encode()))]


def perplexity(sums: Floats) -> Floats:
    """Return the perplexity of sums of counts. [..., 3] to [...]"""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(np.exp(-sums[..., 0] / sums[..., 1]))


def bits_per_byte(sums: Floats) -> Floats:
    """Return the bits per byte of sums of counts. [..., 3] to [...]"""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-sums[..., 0] / (sums[..., 2] * math.log(2)))
