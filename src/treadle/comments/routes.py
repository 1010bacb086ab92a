"""HTTP: comments on objects, threads, mentions."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Body, Path, Query, Request

from treadle.comments import service
from treadle.comments.service import Finders
from treadle.comments.types import (
    Comment,
    CommentCount,
    Edit,
    Erased,
    Erasure,
    KeptComment,
    Mention,
    MentionCount,
    NewComment,
    NewReply,
    Person,
    ReadMentions,
    Resolution,
)
from treadle.core.errors import InvalidInput
from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1", tags=["comments"])
Reader = Annotated[Context, policy("comments.read")]
Writer = Annotated[Context, policy("comments.write")]
CommentId = Annotated[str, Path(pattern=r"^com_[a-z0-9]{1,40}$")]
Kind = Annotated[
    str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="such as 'prompt' or 'dataset version'")
]
Name = Annotated[
    str,
    Query(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="as its page names it; a version as NAME@VERSION",
    ),
]


def _finders(request: Request) -> Finders:
    """What the roof knows of objects."""
    return cast(Finders, request.app.state.finders)


@router.get("/comments")
async def list_comments(
    ctx: Reader,
    request: Request,
    kind: Kind | None = None,
    name: Name | None = None,
    is_resolved: bool | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Comment]:
    """What is said about an object: threads oldest first, each with its answers behind it. Without one, of all, newest first."""
    if kind is None and name is None:
        return await service.list_newest(ctx, is_resolved=is_resolved, limit=limit, cursor=cursor)
    if kind is None or name is None:
        raise InvalidInput(
            "an object is named by kind and name; give both, or neither for all", code="comments.half_named"
        )
    finders = _finders(request)
    return await service.list_comments(ctx, finders, kind, name, is_resolved=is_resolved, limit=limit, cursor=cursor)


@router.post("/comments", status_code=201)
async def add_comment(ctx: Writer, request: Request, new: Annotated[NewComment, Body()]) -> KeptComment:
    """Begin a thread on an object."""
    return await service.add_comment(ctx, new, _finders(request))


@router.get("/comments/count")
async def count_comments(ctx: Reader, request: Request, kind: Kind, name: Name) -> CommentCount:
    """How much is said about an object."""
    return await service.count_comments(ctx, _finders(request), kind, name)


@router.get("/comments/people")
async def list_people(
    ctx: Reader,
    q: Annotated[str, Query(max_length=80, pattern=r"^[^\x00]*$", description="part of a name")] = "",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Person]:
    """Who can be mentioned, by name."""
    return await service.list_people(ctx, q, limit=limit, cursor=cursor)


@router.get("/comments/mentions")
async def list_mentions(
    ctx: Reader, is_unread: bool = False, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Mention]:
    """What asks for you, newest first."""
    return await service.list_mentions(ctx, is_unread=is_unread, limit=limit, cursor=cursor)


@router.get("/comments/mentions/count")
async def count_mentions(ctx: Reader) -> MentionCount:
    """How much of what asks for you is unread."""
    return await service.count_mentions(ctx)


@router.post("/comments/mentions/read")
async def read_mentions(ctx: Reader, seen: Annotated[ReadMentions, Body()]) -> MentionCount:
    """Say that you have seen what asks for you; what is left unread."""
    return await service.read_mentions(ctx, seen.comment_ids)


@router.post("/comments/erasures", status_code=201)
async def erase_person(ctx: Annotated[Context, policy(service.GOVERN)], wanted: Annotated[Erasure, Body()]) -> Erased:
    """Take a person's words and name out of every comment."""
    return await service.erase_person(ctx, wanted.person)


@router.get("/comments/{comment_id}")
async def get_comment(ctx: Reader, comment_id: CommentId) -> Comment:
    """One comment."""
    return await service.get_comment(ctx, comment_id)


@router.put("/comments/{comment_id}")
async def edit_comment(ctx: Writer, comment_id: CommentId, edit: Annotated[Edit, Body()]) -> KeptComment:
    """Put other words in its place; 409 with what stands there now when somebody was quicker."""
    return await service.edit_comment(ctx, comment_id, edit.body, edit.version)


@router.delete("/comments/{comment_id}", status_code=204)
async def delete_comment(ctx: Writer, comment_id: CommentId) -> None:
    """Take it away."""
    await service.delete_comment(ctx, comment_id)


@router.post("/comments/{comment_id}/replies", status_code=201)
async def reply(ctx: Writer, comment_id: CommentId, new: Annotated[NewReply, Body()]) -> KeptComment:
    """Answer in its thread."""
    return await service.reply(ctx, comment_id, new.body)


@router.put("/comments/{comment_id}/resolution")
async def resolve(ctx: Writer, comment_id: CommentId, wanted: Annotated[Resolution, Body()]) -> Comment:
    """Settle its thread, or open it again."""
    return await service.resolve(ctx, comment_id, wanted.is_resolved)
