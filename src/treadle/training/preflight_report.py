"""What a pre-flight reports: plain values that the API, the rows and the SDK share."""

from __future__ import annotations

from treadle.core.types import Record


class ShownToken(Record):
    """One token of a shown row."""

    id: int
    """Its id in the vocabulary."""
    text: str
    """The characters it stands for; part of a character is shown as U+FFFD."""
    is_learned: bool
    """True where the assistant speaks: the loss has its full weight here."""
    loss_weight: float
    """What the recipe multiplies this token's loss with; 0 means ignored."""


class ShownRow(Record):
    """One row exactly as the trainer will see it."""

    row: int
    """1-based row number in the dataset version."""
    tokens: list[ShownToken]
    """Every token, in order."""


class Problem(Record):
    """One reason not to start."""

    code: str
    """Stable name, such as `training.all_masked`."""
    message: str
    """What is wrong, what would be right, what to do next."""
    rows: list[int]
    """Row numbers concerned, at most 20; empty when the problem is not one of rows."""


class Preflight(Record):
    """The report of a pre-flight."""

    shown: list[ShownRow]
    """Three rows: the first, the one of median length, the longest."""
    rows_count: int
    """Training rows examined."""
    input_tokens: int
    """Tokens of all training rows that are only read."""
    answer_tokens: int
    """Tokens of all training rows that are learned."""
    longest_tokens: int
    """Length of the longest training row."""
    special_tokens_seen: dict[str, int] | None
    """How often the base met each special token in its own training; None when its config does not say."""
    problems: list[Problem]
    """Empty: training may start."""
    warnings: list[str]
    """Worth a look, no reason to stop."""
