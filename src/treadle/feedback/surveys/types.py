"""What a survey asks, what people answered, and what that comes to per release."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field as Limits
from pydantic import StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import Record
from treadle.feedback.labels.types import Answers, Field, FieldKind, check_fields
from treadle.feedback.types import Text

SurveyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
"""1 to 60 of a-z, 0-9, '-' and '_'; unique in the project."""
SessionId = Annotated[str, StringConstraints(pattern=r"^[^\x00]{1,200}$")]
"""The session as the application named it."""


class NewSurvey(Record):
    """A survey to make or change."""

    name: SurveyName
    """Unique in the project."""
    endpoint: Text | None = Limits(default=None, min_length=1, max_length=80)
    """The endpoint whose sessions are asked; None asks all, those that only sent traces too."""
    title: Text = Limits(default="", max_length=200)
    """What people see above the questions."""
    fields: list[Field] = Limits(min_length=1, max_length=10)
    """The questions; all but corrections."""
    share: float = Limits(default=1.0, gt=0, le=1)
    """Share of sessions that are asked: always the same ones."""
    is_open: bool = True
    """Whether it is shown and takes answers."""

    @model_validator(mode="after")
    def _asks_people(self) -> Self:
        check_fields(self.fields)
        if any(field.kind == "correction" for field in self.fields):
            raise ValueError("a correction is of one answer, not of a session; send it as feedback")
        return self


class Survey(Revised, NewSurvey):
    """A survey with how many answered."""

    EDITED = frozenset(NewSurvey.model_fields)

    survey_id: str
    """'svy_…'."""
    num_answers: int
    """Sessions that answered."""
    created_at: datetime
    """Aware UTC."""


class ShownSurvey(Record):
    """What a page is told: what to ask, or that this session is not asked."""

    is_asked: bool
    """Whether to show it: open, this session is in the share, and has not answered yet."""
    title: str
    """What people see above the questions; empty when it is not shown."""
    fields: list[Field]
    """The questions; none when it is not shown."""


class NewSurveyAnswer(Record):
    """What somebody answered in a session."""

    session_id: SessionId
    """The session, with an answer in it (of the survey's endpoint, where it has one). Answering again replaces what was answered."""
    answers: Answers
    """By field."""
    user_id: Text | None = Limits(default=None, min_length=1, max_length=200)
    """Which of the application's users it was, by a name that means nothing outside it."""


class SurveyAnswer(NewSurveyAnswer):
    """An answer as it is kept."""

    release_id: str | None
    """The release that gave the session's newest answer then."""
    created_at: datetime
    """Aware UTC."""


class Share(Record):
    """How many said one thing."""

    label: str
    """What they said: an option, or 'yes' and 'no'."""
    count: int
    """How many."""
    share: float
    """Of those who answered the question, 0-1."""
    low: float
    """Lower end of the 95 % interval (Wilson)."""
    high: float
    """Its upper end."""


class FieldResult(Record):
    """What one question came to for one release."""

    release_id: str | None
    """The release; None for sessions whose answers no release gave."""
    name: str
    """The question."""
    kind: FieldKind
    """Its kind."""
    num_answers: int
    """Sessions that answered it."""
    mean: float | None = None
    """Mean of numbers; None for other kinds."""
    low: float | None = None
    """Lower end of its 95 % interval (Student's t, cut at the scale); None below 5 answers."""
    high: float | None = None
    """Its upper end."""
    shares: list[Share] = []
    """What was said, most frequent first; empty for numbers and words."""
