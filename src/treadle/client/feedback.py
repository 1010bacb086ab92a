"""SDK: say something about answers, and read what was said."""

from __future__ import annotations

import math
from collections.abc import Sequence

from treadle.client.calls import Call, Send
from treadle.core.errors import InvalidInput
from treadle.core.types import JsonValue, Page
from treadle.feedback.types import EDITED, Feedback, FeedbackFilter, NewFeedback, NewFeedbackBatch


class FeedbackCalls:
    """`client.feedback`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def add(self, new: NewFeedback) -> Feedback:
        """Say something about one answer; safe to repeat where a key is given. Raises InvalidInput, Conflict."""
        return self._send(Call("POST", "/feedback", Feedback, body=new))

    def add_many(self, items: Sequence[NewFeedback]) -> list[Feedback]:
        """Say something about up to 1,000 answers: all of it is kept, or nothing."""
        return self._send(Call("POST", "/feedback/batch", list[Feedback], body=NewFeedbackBatch(items=list(items))))

    def thumbs(self, trace_id: str, *, up: bool, **more: JsonValue) -> Feedback:
        """Say good or bad. more: other fields of NewFeedback, such as user_id, comment or key."""
        return self._say(trace_id, "thumbs", value=1.0 if up else 0.0, **more)

    def rate(self, trace_id: str, name: str, value: float, *, low: float, high: float, **more: JsonValue) -> Feedback:
        """Rate on a scale, such as 4 of 1 to 5. Raises InvalidInput for a value beside the scale."""
        return self._say(trace_id, name, value=value, low=low, high=high, **more)

    def categorise(self, trace_id: str, name: str, label: str, **more: JsonValue) -> Feedback:
        """Put an answer into a category."""
        return self._say(trace_id, name, label=label, **more)

    def comment(self, trace_id: str, text: str, **more: JsonValue) -> Feedback:
        """Say it in words."""
        return self._say(trace_id, "comment", comment=text, **more)

    def correct(self, trace_id: str, expected_output: str, **more: JsonValue) -> Feedback:
        """Say what the answer should have been; the answer counts as wrong."""
        return self._say(trace_id, "correct", value=0.0, expected_output=expected_output, **more)

    def copied(self, trace_id: str, **more: JsonValue) -> Feedback:
        """Say that somebody used the answer as it is."""
        return self._say(trace_id, "copied", value=1.0, source="signal", **more)

    def edited(self, trace_id: str, text: str, **more: JsonValue) -> Feedback:
        """Say that somebody used the answer after changing it to this text."""
        return self._say(trace_id, EDITED, value=1.0, expected_output=text, source="signal", **more)

    def retried(self, trace_id: str, **more: JsonValue) -> Feedback:
        """Say that somebody asked for another answer."""
        return self._say(trace_id, "retried", value=1.0, source="signal", **more)

    def _say(self, trace_id: str, name: str, **said: JsonValue) -> Feedback:
        for key, value in said.items():
            if isinstance(value, float) and not math.isfinite(value):  # JSON has no place for it
                raise InvalidInput(
                    f"the {key} of '{name}' is {value}, which is no number that can be kept; leave it out, or say it in words",
                    code="feedback.not_finite",
                )
        return self._send(Call("POST", "/feedback", Feedback, body={"trace_id": trace_id, "name": name, **said}))

    def list_(
        self, wanted: FeedbackFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Feedback]:
        """Return feedback that matches, newest first."""
        query = (wanted or FeedbackFilter()).model_dump(mode="json") | {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/feedback", Page[Feedback], query=query))
