"""Small questions about expected outputs that several rooms ask: are they labels, which text counts as the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from treadle.guards.pii import PERSONAL_DATA
from treadle.guards.secrets import SECRETS
from treadle.guards.spans import Finding, Masked, find_all, mask_all

Task: TypeAlias = Literal["classification", "generation", "text"]
LONGEST_LABEL = 100
"""Characters; anything longer is an answer."""
EXCERPT_CHARACTERS = 120

_SPACES = re.compile(r"\s+")
_DETECTORS = SECRETS + PERSONAL_DATA


def task_of(expected_outputs: Sequence[str | None]) -> Task:
    """Say what kind of work the rows are for: labels that repeat, answers that do not, or no answers at all."""
    given = [value for value in expected_outputs if value]
    distinct = set(given)
    return task_of_counts(len(given), len(distinct), max(map(len, distinct), default=0))


def task_of_counts(num_given: int, num_distinct: int, longest: int) -> Task:
    """Say the same from counts: rows with an expected output, distinct ones, characters of the longest."""
    if num_given == 0:
        return "text"
    return "classification" if num_distinct * 2 <= num_given and longest <= LONGEST_LABEL else "generation"


def same_text_key(text: str) -> str:
    """Give what two inputs must share to be the same: their characters, case and white space aside."""
    return _SPACES.sub(" ", text).strip().casefold()


def mask_everything(text: str) -> Masked:
    """Mask personal data and secrets together."""
    return mask_all(text, _DETECTORS)


def find_everything(text: str) -> list[Finding]:
    """Find personal data and secrets together."""
    return find_all(text, _DETECTORS)


def excerpt_of(text: str, limit: int = EXCERPT_CHARACTERS) -> str:
    """Give the beginning of a text that may be shown: masked and cut."""
    shown = mask_everything(text).text
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


class Agreement(NamedTuple):
    """Which label most of some rows have."""

    label: str | None
    """The label that more rows have than any other; None when two lead."""
    counts: tuple[tuple[str, int], ...]
    """Labels and rows, most frequent first."""


def agreement_of(labels: Sequence[str]) -> Agreement:
    """Count labels and name the leader, if there is one."""
    counts = tuple(sorted(Counter(labels).items(), key=lambda pair: (-pair[1], pair[0])))
    has_leader = len(counts) == 1 or counts[0][1] > counts[1][1]
    return Agreement(counts[0][0] if has_leader else None, counts)
