"""What was said about an answer, and what it means for the release that gave it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from treadle.core.types import Record
from treadle.traces.types import ScoreSource

TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""32 hex digits: the answer's header x-treadle-trace-id."""
SpanId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""16 hex digits: one step of the answer's trace."""
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Anything but NUL characters, which PostgreSQL has no place for."""
FeedbackName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,79}$")]
"""What is judged, such as 'correct', 'thumbs' or 'copied'."""
MAX_BATCH = 1_000
EDITED = "edited"
"""The signal that somebody used the answer after changing it; what they made of it is its `expected_output`."""


class Said(Record):
    """What somebody says of one answer. At least one of value, label, comment and expected_output is needed."""

    trace_id: TraceId
    """The answer that is judged; its trace may still be on its way."""
    span_id: SpanId | None = None
    """The step of it that is judged; None judges the whole answer. Where a trace of yours has several answers, one of them is
    named by its header x-request-id, and what is said of it counts for the release that gave it."""
    name: FeedbackName
    """What is judged."""
    value: FiniteFloat | None = None
    """A number; true and false count as 1 and 0. For bad-or-good judgements 0 is bad."""
    low: FiniteFloat | None = None
    """Smallest value of the scale that it stands on, such as 1 of 1 to 5; None where it stands on none."""
    high: FiniteFloat | None = None
    """Largest value of that scale."""
    label: Text | None = Field(default=None, max_length=200)
    """A category."""
    comment: Text | None = Field(default=None, max_length=10_000)
    """What somebody wrote about it."""
    expected_output: Text | None = Field(default=None, max_length=100_000)
    """What the answer should have been, or what an edited answer became; the expected output where the trace becomes data."""
    user_id: Text | None = Field(default=None, min_length=1, max_length=200)
    """Which of the application's users says it, by a name that means nothing outside it; None for whoever holds the key."""
    key: Text | None = Field(default=None, min_length=1, max_length=200)
    """Makes sending twice safe: the same key again is the same feedback."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        said = {"label": self.label, "comment": self.comment, "expected_output": self.expected_output}
        if empty := [name for name, text in said.items() if text is not None and not text.strip()]:
            raise ValueError(f"{' and '.join(empty)} must say something; leave out what there is nothing to say of")
        if self.value is None and self.label is None and self.comment is None and self.expected_output is None:
            raise ValueError("the feedback says nothing; give a value, a label, a comment or an expected_output")
        if (self.low is None) != (self.high is None):
            raise ValueError("a scale has two ends; give low and high, or neither")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"a scale from {self.low:g} to {self.high:g} holds nothing; low must be below high")
            if self.value is None or not self.low <= self.value <= self.high:
                raise ValueError(f"the value must be on its scale, {self.low:g} to {self.high:g}")
        return self


class NewFeedback(Said):
    """One judgement of one answer, from a program or a person."""

    source: ScoreSource = "user"
    """Who judged: a person reviewing ('human', needs the permission 'feedback.review'), the application's user, an implicit signal, or code."""


class PublishedFeedback(Said):
    """One judgement of one answer, from a web page. It is the application's user who speaks, or what they did."""

    source: Literal["user", "signal"] = "user"
    """A user's word, or an implicit signal such as 'copied'."""
    expected_output: Text | None = Field(default=None, max_length=20_000)
    """What the answer should have been, or what an edited answer became."""


class NewFeedbackBatch(Record):
    """Several judgements, kept all or none."""

    items: list[NewFeedback] = Field(min_length=1, max_length=MAX_BATCH)
    """1 to 1,000 of them."""


class Feedback(Record):
    """One judgement as it is kept. What was said is never changed, only followed by something newer."""

    feedback_id: str
    """'fbk_…'; derived from the key where one was given."""
    trace_id: str
    """The answer that is judged."""
    span_id: str | None = None
    """The step of it that is judged; None for the whole."""
    name: str
    """What is judged."""
    value: float | None
    """A number; None when something else was said."""
    low: float | None = None
    """Smallest value of its scale; None where it stands on none."""
    high: float | None = None
    """Largest value of its scale."""
    label: str | None
    """A category; None when something else was said."""
    comment: str | None
    """What somebody wrote about it."""
    expected_output: str | None
    """What the answer should have been."""
    source: ScoreSource
    """Who judged."""
    user_id: str | None = None
    """Which of the application's users said it; None when it was whoever holds the key."""
    actor_id: str
    """Whose key sent it."""
    is_current: bool = True
    """False once the same person said something newer under the same name, or took it back: history, which no score counts."""
    created_at: datetime
    """Aware UTC."""


class FeedbackFilter(Record):
    """Which feedback to list; what is None is not asked for."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    trace_id: Text | None = Field(default=None, max_length=64)
    """About this answer."""
    name: Text | None = Field(default=None, max_length=80)
    """Judging this."""
    source: ScoreSource | None = None
    """Judged by them."""
    endpoint: Text | None = Field(default=None, max_length=80)
    """About answers of this endpoint."""
    is_correction: bool | None = None
    """True for those that say what the answer should have been, False for the others."""
    is_of_whole: bool | None = None
    """True leaves out what was said of a single step, False what was said of a whole answer."""
    is_current: bool | None = None
    """True leaves out what was said anew or taken back since."""


class Outcome(Record):
    """Feedback joined to the arm that it judges; read in an order that never skips a late one."""

    seq: int
    """Position; hand the last one back to read on."""
    feedback_id: str
    """The judgement."""
    trace_id: str
    """The trace of the request."""
    answer_span_id: str | None = None
    """The answer that is judged, of perhaps several in its trace; None of what was joined before this was kept."""
    name: str
    """What is judged."""
    value: float | None
    """A number; 0 is bad where good and bad are meant."""
    label: str | None
    """A category."""
    source: ScoreSource
    """Who judged."""
    endpoint: str | None
    """Endpoint that was called."""
    release_id: str | None
    """Release that answered."""
    rollout_id: str | None
    """Rollout that was moving traffic then."""
    arm: str | None
    """'stable' or 'candidate'."""
    arm_weight: float | None
    """Probability of this arm when it was chosen."""
    unit: str | None
    """What was assigned to the arm."""
    created_at: datetime
    """Aware UTC, of the feedback."""
    expected_output: str | None = None
    """What the answer should have been; None when nobody said."""
