"""HTTP: turns."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from treadle.core.types import Page
from treadle.data import service as data
from treadle.data.types import UploadedFile
from treadle.data.upload import receive_upload
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.jobs.types import Run
from treadle.pipelines import service
from treadle.pipelines.types import NewRefusal, NewTurn, Refusal, Turn

router = APIRouter(prefix="/api/v1/turns", tags=["pipelines"])


@router.get("")
async def list_turns(
    ctx: Annotated[Context, policy("jobs.read")], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Run]:
    """Turns, newest first."""
    return await service.list_turns(ctx, limit=limit, cursor=cursor)


@router.post("", status_code=202)
async def start_turn(ctx: Annotated[Context, policy("jobs.write")], new: Annotated[NewTurn, Body()]) -> Run:
    """Go once around the loop."""
    return await service.start_turn(ctx, new)


@router.post("/files", status_code=201)
async def upload_file(ctx: Annotated[Context, policy("data.write")], request: Request) -> UploadedFile:
    """Hand over a file (multipart field `file`) for a turn to start from."""
    async with receive_upload(request) as upload:
        return await data.keep_upload(ctx, upload.path, upload.file_name)


@router.post("/{run_id}/refuse")
async def refuse_turn(
    ctx: Annotated[Context, policy("releases.approve")], run_id: str, new: Annotated[NewRefusal, Body()]
) -> Refusal:
    """Refuse what a turn asks to release: it ends at the gate."""
    return await service.refuse_turn(ctx, run_id, new)


@router.get("/{run_id}")
async def get_turn(ctx: Annotated[Context, policy("jobs.read")], run_id: str) -> Turn:
    """A turn with its stations, those to come included."""
    return await service.get_turn(ctx, run_id)
