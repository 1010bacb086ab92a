"""What a version of a dataset is like: the profile that exploring it gives, and its parts. Rows count from 1."""

from __future__ import annotations

from typing import Literal

from treadle.core.types import Record


class Bin(Record):
    """One bar of a histogram."""

    lower: float
    """Least value that falls in."""
    upper: float
    """Values below this fall in; the last bar includes it."""
    num_rows: int
    """How many do."""


class Distribution(Record):
    """How a number is spread over the rows."""

    num_rows: int
    """Rows that have the number."""
    minimum: float
    """Smallest."""
    p05: float
    """5 % of rows lie at or below."""
    median: float
    """Half of the rows lie at or below."""
    mean: float
    """Arithmetic mean."""
    p95: float
    """95 % of rows lie at or below."""
    p99: float
    """99 % of rows lie at or below."""
    maximum: float
    """Largest."""
    bins: list[Bin]
    """At most 30 bars of equal width; values above the 99.5th percentile share the last one."""


class Count(Record):
    """How many rows have a name: a label, a language, a part, a kind of fault."""

    name: str
    """What is counted."""
    num_rows: int
    """Rows with it."""
    share: float
    """Of all rows, 0-1."""


class FindingCount(Record):
    """How much of one kind of personal data or secret there is."""

    kind: str
    """EMAIL, PHONE, CARD, IBAN, IP, SSN, CREDENTIALS, API_KEY, PRIVATE_KEY, JWT, SECRET."""
    num_findings: int
    """How often it was found."""
    num_rows: int
    """In how many rows."""


class SimilarGroup(Record):
    """Rows that say nearly the same."""

    rows: list[int]
    """The rows, in order; at most 20 of them."""
    num_rows: int
    """How many there are."""
    similarity: float
    """Least similarity that holds the group together, 0-1."""
    labels: list[str]
    """Labels in the group; more than one means that one of them may be wrong."""
    excerpt: str
    """Beginning of the first row, personal data masked."""


class Conflict(Record):
    """The same text with different labels."""

    rows: list[int]
    """The rows, in order; at most 20 of them."""
    labels: list[Count]
    """Which labels, and how many rows say so."""
    excerpt: str
    """Beginning of the text, personal data masked."""


class Outlier(Record):
    """A row unlike the others."""

    row: int
    """Which."""
    reason: str
    """too_long, too_short, few_letters, repeated_characters, other_language, broken_unicode, label_rare."""
    detail: str
    """The reason in words, with the values."""
    excerpt: str
    """Beginning of the text, personal data masked."""


class Profile(Record):
    """What a version is like, counted over all of its rows."""

    num_rows: int
    """Rows in the version."""
    task: Literal["classification", "generation", "text"]
    """Few distinct expected outputs; many; or none at all."""
    num_missing_inputs: int
    """Rows without an input."""
    num_missing_expected_outputs: int
    """Rows without an expected output."""
    parts: list[Count]
    """Rows per part; empty before a split."""
    input_characters: Distribution | None
    """Length of the inputs; None when every input is missing."""
    input_words: Distribution | None
    """Words separated by white space."""
    input_tokens: Distribution | None
    """Tokens of the tokenizer that was handed in; None without one."""
    expected_output_characters: Distribution | None
    """Length of the expected outputs; None for labels and when there are none."""
    num_labels: int
    """Distinct labels; 0 unless a classification."""
    labels: list[Count]
    """Rows per label, most frequent first; at most 500."""
    label_balance: float | None
    """Entropy of the labels over its largest possible value: 1 is even, 0 is one label only; None without labels."""
    num_exact_duplicates: int
    """Rows that repeat an earlier row's input, case and white space aside."""
    num_near_duplicates: int
    """Rows that are near-duplicates of an earlier row and no exact one."""
    near_duplicate_threshold: float
    """Similarity from which rows counted as near-duplicates."""
    similar_groups: list[SimilarGroup]
    """Groups of near-duplicates, largest first; at most 50."""
    conflicts: list[Conflict]
    """Same text, different labels; at most 50."""
    num_conflicting_rows: int
    """Rows in all conflicts."""
    languages: list[Count]
    """Language codes (ISO 639-1) that were recognised with confidence, else 'unclear'."""
    personal_data: list[FindingCount]
    """What has a shape: names and streets are not found."""
    secrets: list[FindingCount]
    """Keys and passwords."""
    unicode_faults: list[Count]
    """What a repair would mend: mojibake, html, quotes, invisible, spaces, form."""
    outliers: list[Outlier]
    """Rows unlike the others; at most 100."""
    num_outliers: int
    """All of them."""
