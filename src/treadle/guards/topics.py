"""Topics that an application keeps out: a text is on one when a part of it lies near its description or examples.

Nearness is the cosine of MiniLM vectors. Examples help more than a description. Measured on 20 intents of BANKING77 as
topics at the default threshold of 0.45: a name alone finds 0.77 of the questions on it, with five examples 0.96, with
false alarms on 0.0025 of texts about other things and 0.16 of questions with a neighbouring intent (0.60: 0.86, 0.0004,
0.04). Irony, other languages than English and names that the model never saw are missed more often.
Cost: 10 milliseconds for each 300 characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from treadle.guards.check import Embeds
from treadle.guards.spans import Finding

if TYPE_CHECKING:
    from treadle.guards.check import Vectors

THRESHOLD = 0.45
WINDOW = 300
MAX_WINDOWS = 24
_SENTENCE = re.compile(r"[^.!?\n。！？]{1,300}[.!?\n。！？]{0,8}\s{0,8}|[.!?\n。！？]{1,300}")


class _Known(NamedTuple):
    kinds: list[str]
    """Of each vector, which topic it belongs to."""
    vectors: Vectors


class TopicsCheck:
    """Finds parts of a text that are about given topics. See `Check`."""

    slow = True
    whole = False

    def __init__(self, topics: Mapping[str, Sequence[str]], *, embedder: Embeds, threshold: float = THRESHOLD) -> None:
        """topics: name to texts about it, its description and examples; at least one each."""
        self._topics = {
            f"TOPIC_{re.sub(r'[^A-Z0-9]+', '_', name.upper())}": list(texts) for name, texts in topics.items()
        }
        self._embedder = embedder
        self._threshold = threshold

    def find(self, text: str) -> list[Finding]:
        """See `Check`; one finding for each window that is near a topic, with the cosine as its score."""
        windows = _windows(text)
        if not windows:
            return []
        near = self._embedder.embed([text[start:end] for start, end in windows]) @ self._known.vectors.T
        best = near.argmax(axis=1).tolist()
        return [
            Finding(self._known.kinds[index], start, end, min(1.0, float(row[index])))
            for (start, end), row, index in zip(windows, near, best, strict=True)
            if row[index] >= self._threshold
        ]

    def possible(self, part: str) -> bool:
        """See `Check`."""
        return True

    def settled(self, text: str) -> int:
        """See `Check`: sentences that have ended, up to the last whole window."""
        windows = _windows(text)
        return windows[-1][0] if windows else len(text)

    @cached_property
    def _known(self) -> _Known:
        kinds = [kind for kind, texts in self._topics.items() for _ in texts]
        return _Known(kinds, self._embedder.embed([text for texts in self._topics.values() for text in texts]))


def _windows(text: str) -> list[tuple[int, int]]:
    """Return sentences, short ones joined up to the window; of a very long text the first ones and the last."""
    windows: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(text):
        if not match.group().strip():
            continue
        if windows and match.end() - windows[-1][0] <= WINDOW:
            windows[-1] = (windows[-1][0], match.end())
        else:
            windows.append(match.span())
    return windows if len(windows) <= MAX_WINDOWS else windows[: MAX_WINDOWS - 8] + windows[-8:]
