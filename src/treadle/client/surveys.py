"""SDK: surveys of sessions, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.feedback.labels.types import AnswerValue
from treadle.feedback.surveys.types import FieldResult, NewSurvey, NewSurveyAnswer, Survey, SurveyAnswer


class Surveys:
    """`client.surveys`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def put(self, new: NewSurvey, *, if_revision: str | None = None, if_new: bool = False) -> Survey:
        """Make a survey, or change the one of this name; answers stay.

        if_revision: what was read, so that nothing that others changed meanwhile is lost. if_new: replace none. Raises Outdated.
        """
        return self._send(Call("PUT", "/surveys", Survey, body=new, headers=only(if_revision, if_new=if_new)))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Survey]:
        """Return surveys by name."""
        return self._send(Call("GET", "/surveys", Page[Survey], query={"limit": limit, "cursor": cursor}))

    def get(self, name: str) -> Survey:
        """Return a survey. Raises NotFound."""
        return self._send(Call("GET", f"/surveys/{name}", Survey))

    def answer(
        self, name: str, session_id: str, answers: Mapping[str, AnswerValue], *, user_id: str | None = None
    ) -> SurveyAnswer:
        """Say what a session answered; answering again replaces it. Raises NotFound, InvalidInput."""
        new = NewSurveyAnswer(session_id=session_id, answers=dict(answers), user_id=user_id)
        return self._send(Call("POST", f"/surveys/{name}/answers", SurveyAnswer, body=new))

    def list_answers(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Page[SurveyAnswer]:
        """Return what sessions answered, newest first. Raises NotFound."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/surveys/{name}/answers", Page[SurveyAnswer], query=query))

    def get_results(self, name: str) -> list[FieldResult]:
        """Return what each question came to for each release, with intervals. Raises NotFound."""
        return self._send(Call("GET", f"/surveys/{name}/results", list[FieldResult]))
