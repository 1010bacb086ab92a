"""HTTP: surveys, their answers and results; and what web pages ask and send with a publishable key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from treadle.core.types import Page
from treadle.feedback.surveys import service
from treadle.feedback.surveys.types import (
    FieldResult,
    NewSurvey,
    NewSurveyAnswer,
    SessionId,
    ShownSurvey,
    Survey,
    SurveyAnswer,
    SurveyName,
)
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged

router = APIRouter(prefix="/api/v1", tags=["surveys"], route_class=Tagged)
Reader = Annotated[Context, policy("feedback.read")]
Manager = Annotated[Context, policy(service.MANAGE)]
Visitor = Annotated[Context, policy("feedback.publish")]


@router.get("/surveys")
async def list_surveys(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Survey]:
    """Surveys by name."""
    return await service.list_surveys(ctx, limit=limit, cursor=cursor)


@router.put("/surveys")
async def put_survey(ctx: Manager, new: Annotated[NewSurvey, Body()], when: Precondition) -> Survey:
    """Make a survey, or change the one of this name; answers stay."""
    return await service.put_survey(ctx, new, when=when)


@router.get("/surveys/{name}")
async def get_survey(ctx: Reader, name: SurveyName) -> Survey:
    """One survey."""
    return await service.get_survey(ctx, name)


@router.get("/surveys/{name}/answers")
async def list_answers(
    ctx: Reader, name: SurveyName, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[SurveyAnswer]:
    """What sessions answered, newest first."""
    return await service.list_answers(ctx, name, limit=limit, cursor=cursor)


@router.post("/surveys/{name}/answers", status_code=201)
async def answer(
    ctx: Annotated[Context, policy("feedback.write")], name: SurveyName, new: Annotated[NewSurveyAnswer, Body()]
) -> SurveyAnswer:
    """Say what a session answered; answering again replaces it."""
    return await service.answer(ctx, name, new)


@router.get("/surveys/{name}/results")
async def get_results(ctx: Reader, name: SurveyName) -> list[FieldResult]:
    """What each question came to for each release, with intervals."""
    return await service.get_results(ctx, name)


@router.options("/public/surveys/{name}", status_code=204, include_in_schema=False)
@router.options("/public/surveys/{name}/answers", status_code=204, include_in_schema=False)
async def may_publish(ctx: Visitor, name: SurveyName) -> None:
    """A browser asks whether a page may send: it may when the key in the address was made for it."""


@router.get("/public/surveys/{name}")
async def show_survey(ctx: Visitor, name: SurveyName, session_id: Annotated[SessionId, Query()]) -> ShownSurvey:
    """What a web page asks a session, if anything, with a publishable key as `?key=`."""
    return await service.show_survey(ctx, name, session_id)


@router.post("/public/surveys/{name}/answers", status_code=204)
async def publish_answer(ctx: Visitor, name: SurveyName, new: Annotated[NewSurveyAnswer, Body()]) -> None:
    """Say what a session answered in a web page, with a publishable key as `?key=`."""
    await service.publish_answer(ctx, name, new)
