"""HTTP: lists of spans, sessions and users; one trace in parts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.jobs.types import Run
from treadle.traces import service
from treadle.traces.asking import exports, people, views
from treadle.traces.asking.types import (
    Listed,
    LookedPage,
    NewExport,
    NewView,
    Party,
    PartyPage,
    SpanLine,
    TraceTree,
    View,
    ViewName,
)
from treadle.traces.types import Span

router = APIRouter(prefix="/api/v1", tags=["asking"], route_class=Tagged)
Reader = Annotated[Context, policy("traces.read")]
Filter = Annotated[str, Query(max_length=2_000, description="a filter in words; see docs/filters.md")]

Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Path(max_length=2_000, pattern=r"^[^\x00]*$")]


@router.get("/spans")
async def list_spans(
    ctx: Reader, q: Filter = "", limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> LookedPage[SpanLine]:
    """Spans that match, newest stored first, without their content."""
    return await service.list_spans(ctx, q, limit=limit, cursor=cursor)


@router.get("/sessions")
async def list_sessions(
    ctx: Reader, q: PartOfName = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> PartyPage:
    """Sessions, those that were seen last first."""
    return await people.list_sessions(ctx, text=q, limit=limit, cursor=cursor)


@router.get("/sessions/{name:path}")
async def get_session(ctx: Reader, name: Name) -> Party:
    """What one session came to; its traces are `GET /api/v1/traces?session_id=NAME`."""
    return await people.get_session(ctx, name)


@router.get("/users")
async def list_users(
    ctx: Reader, q: PartOfName = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> PartyPage:
    """End users of the applications, those that were seen last first."""
    return await people.list_users(ctx, text=q, limit=limit, cursor=cursor)


@router.get("/users/{name:path}")
async def get_user(ctx: Reader, name: Name) -> Party:
    """What one end user's traces came to; the traces are `GET /api/v1/traces?q=user:"NAME"`."""
    return await people.get_user(ctx, name)


@router.get("/traces/{trace_id}/tree")
async def get_tree(
    ctx: Reader,
    trace_id: Id,
    parent_id: Annotated[str | None, Query(max_length=64, description="only what is below this span")] = None,
    levels: Annotated[int | None, Query(ge=1, description="so many levels deep; all of them if left out")] = None,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> TraceTree:
    """One trace of any size as a tree, page by page: lines without content, what each subtree came to, critical path."""
    return await service.get_tree(ctx, trace_id, parent_id=parent_id, levels=levels, limit=limit, cursor=cursor)


@router.get("/traces/{trace_id}/spans/{span_id}")
async def get_span(ctx: Reader, trace_id: Id, span_id: Id) -> Span:
    """One span with its content."""
    return await service.get_span(ctx, trace_id, span_id)


@router.get("/views")
async def list_views(
    ctx: Reader,
    q: PartOfName = None,
    subject: Annotated[Listed | None, Query(description="only views of this list")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[View]:
    """Kept filters: the caller's and those that are shared, by name."""
    return await views.list_views(ctx, text=q, subject=subject, limit=limit, cursor=cursor)


@router.get("/views/{name}")
async def get_view(ctx: Reader, name: ViewName) -> View:
    """One kept filter."""
    return await views.get_view(ctx, name)


@router.put("/views/{name}")
async def put_view(ctx: Reader, name: ViewName, new: NewView, when: Precondition) -> View:
    """Keep a filter; one of the caller's with the name is replaced."""
    return await views.put_view(ctx, name, new, when=when)


@router.delete("/views/{name}", status_code=204)
async def delete_view(ctx: Reader, name: ViewName) -> None:
    """Forget a filter of the caller's."""
    await views.delete_view(ctx, name)


@router.post("/traces/exports", status_code=202)
async def start_export(ctx: Reader, new: NewExport) -> Run:
    """Start writing what a filter finds into a file; the run says how far it is."""
    return await exports.start_export(ctx, new)


@router.get("/traces/exports/{run_id}/file", response_class=FileResponse)
async def get_export_file(ctx: Reader, run_id: Id) -> FileResponse:
    """The file of an export that has ended well."""
    path, name = await exports.file_of(ctx, run_id)
    return FileResponse(path, media_type="application/octet-stream", filename=name)
