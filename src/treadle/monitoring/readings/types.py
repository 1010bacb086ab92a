"""What a drift monitor read from each window, channel by channel: the statistic, what it is worth, the decision, and what explains it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from treadle.core.types import Record
from treadle.monitoring.types import Condition, Verdict

Decision = Literal["alarm", "moved", "same", "too few"]
"""'moved': its adjusted p-value is below 0.05, which is not yet an alarm; 'too few' rows to compare."""


class DriftTerm(Record):
    """A word that has become more frequent."""

    term: str
    """The word; it comes from the traffic."""
    window_share: float
    """Texts of the window that hold it, 0-1."""
    reference_share: float
    """Texts of the reference that hold it, 0-1."""


class DriftCluster(Record):
    """Texts alike, whose share has changed."""

    trace_id: str
    """The trace nearest to its middle."""
    window_share: float
    """Of the window's texts, 0-1."""
    reference_share: float
    """Of the reference's, 0-1."""
    residual: float
    """How many standard deviations the share is off; positive has grown."""


class DriftFigure(Record):
    """A figure of answers, or a score, in standard deviations of the reference."""

    name: str
    """'length', 'refusal', 'json_valid', or the score's name."""
    reference: float
    """Its mean there: about 0."""
    window: float
    """Its mean in the window."""


class DriftExplanation(Record):
    """What tells the window from the reference. It raises no alarm: the test does."""

    auc: float | None = None
    """How well a classifier tells them apart: 0.5 not at all, 1 always; None for figures and scores."""
    trace_ids: list[str] = []
    """Traces of the window that are most unlike the reference."""
    terms: list[DriftTerm] = []
    """Words that have become more frequent."""
    clusters: list[DriftCluster] = []
    """Groups of like texts that have grown or shrunk."""
    figures: list[DriftFigure] = []
    """For figures of answers and for scores."""


class ChannelReading(Record):
    """One channel of one window."""

    channel: str
    """'input', 'output', 'context', 'features', or 'scores:<name>'."""
    rows: int
    """Of the window, compared."""
    reference_rows: int
    """Of the reference, compared."""
    mmd2: float | None
    """The statistic: maximum mean discrepancy, squared and unbiased; None without a test."""
    effect: float | None
    """The statistic in standard deviations of what chance gives."""
    p_value: float | None
    """Of the statistic, by permutations; None with too few rows."""
    linear_p_value: float | None
    """Of the linear statistic: small where the mean itself has moved."""
    adjusted_p: float | None
    """After adjustment for the number of channels (Benjamini and Hochberg)."""
    e_value: float | None
    """Evidence gathered over the windows so far, 1 at the least; over 100 is an alarm."""
    windows_in_a_row: int | None
    """How many windows up to this one were below 0.01; two are an alarm."""
    decision: Decision
    """What followed."""
    reason: str
    """Why it is an alarm; empty where it is none."""
    explanation: DriftExplanation | None
    """None where nothing has moved."""


class DriftReading(Record):
    """What a drift monitor read from one window."""

    starts_at: datetime
    """Aware UTC."""
    ends_at: datetime
    """Aware UTC, not part of it."""
    reference_since: datetime
    """Aware UTC: what it is compared with begins then."""
    reference_until: datetime
    """Aware UTC: and ends before then."""
    requests: int
    """In the window; the rows compared are a sample of them."""
    verdict: Verdict
    """'bad' where a channel is an alarm."""
    condition: Condition
    """Where the monitor stood afterwards."""
    words: str
    """Why, for people."""
    channels: list[ChannelReading]
    """Each by itself; empty where nothing was compared."""
