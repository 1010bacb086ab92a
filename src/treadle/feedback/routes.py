"""HTTP: give feedback, one or many, from programs and from web pages, and list it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from treadle.core.types import Page
from treadle.feedback import service
from treadle.feedback.types import Feedback, FeedbackFilter, NewFeedback, NewFeedbackBatch, PublishedFeedback
from treadle.http.context import Context
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1", tags=["feedback"])
Writer = Annotated[Context, policy("feedback.write")]
Visitor = Annotated[Context, policy("feedback.publish")]


class FeedbackQuery(FeedbackFilter):
    """The list's filters with its paging."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    """Rows per page."""
    cursor: Annotated[str | None, Query(max_length=500)] = None
    """`next_cursor` of the page before."""


@router.post("/feedback", status_code=201)
async def add_feedback(ctx: Writer, new: Annotated[NewFeedback, Body()]) -> Feedback:
    """Say something about an answer."""
    return (await service.add_feedback(ctx, [new]))[0]


@router.post("/feedback/batch", status_code=201)
async def add_feedback_batch(ctx: Writer, new: Annotated[NewFeedbackBatch, Body()]) -> list[Feedback]:
    """Say something about many answers: all of it is kept, or nothing."""
    return await service.add_feedback(ctx, new.items)


@router.get("/feedback")
async def list_feedback(
    ctx: Annotated[Context, policy("feedback.read")], query: Annotated[FeedbackQuery, Query()]
) -> Page[Feedback]:
    """Feedback that matches, newest first."""
    return await service.list_feedback(ctx, query, limit=query.limit, cursor=query.cursor)


@router.options("/public/feedback", status_code=204, include_in_schema=False)
async def may_publish(ctx: Visitor) -> None:
    """A browser asks whether a page may send: it may when the key in the address was made for it."""


@router.post("/public/feedback", status_code=204)
async def publish_feedback(ctx: Visitor, said: Annotated[PublishedFeedback, Body()]) -> None:
    """Say something about an answer from a web page, with a publishable key as `?key=`. Nothing is told in return."""
    await service.publish_feedback(ctx, said)
