"""HTTP: edit a version into the next one, hold two against each other, see one as a map."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from treadle.core.types import Page
from treadle.data import edits as editing
from treadle.data import maps
from treadle.data.types import DatasetName
from treadle.data.versions.types import DifferenceKind, DuplicateGroup, Edits, EmbeddingMap, VersionDifference
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.jobs.types import Run

router = APIRouter(prefix="/api/v1/datasets/{name}/versions/{version}", tags=["data"])
Reader = Annotated[Context, policy("data.read")]
Writer = Annotated[Context, policy("data.write")]
Which = Annotated[str, Path(max_length=40, description="a number, or 'latest'")]


@router.post("/edits", status_code=202)
async def start_edit(ctx: Writer, name: DatasetName, version: Which, edits: Annotated[Edits, Body()]) -> Run:
    """Change, take away and add rows; the result is the dataset's next version. Refused where a newer one came in between."""
    return await editing.start_edit(ctx, name, version, edits)


@router.get("/difference")
async def get_difference(
    ctx: Reader,
    name: DatasetName,
    version: Which,
    against: Annotated[str, Query(max_length=40, description="the version to hold it against: a number, or 'latest'")],
    kind: Annotated[DifferenceKind | None, Query(description="only these rows")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> VersionDifference:
    """How a version differs from another one, row by row."""
    return await editing.get_difference(ctx, name, version, against, kind=kind, limit=limit, cursor=cursor)


@router.get("/duplicates")
async def list_duplicates(
    ctx: Reader, name: DatasetName, version: Which, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[DuplicateGroup]:
    """Rows that say the same, or nearly, in groups, largest first; known once the version was explored (profile)."""
    return await editing.list_duplicates(ctx, name, version, limit=limit, cursor=cursor)


@router.post("/map", status_code=202)
async def start_map(ctx: Writer, name: DatasetName, version: Which) -> Run:
    """Draw the texts of a version as a map: near means alike."""
    return await maps.start_map(ctx, name, version)


@router.get("/map")
async def get_map(ctx: Reader, name: DatasetName, version: Which) -> EmbeddingMap:
    """The map of a version: where each row lies, and the groups of like rows."""
    return await maps.get_map(ctx, name, version)
