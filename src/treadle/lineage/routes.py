"""HTTP: the graph around one id, and finding ids by name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.lineage import service
from treadle.lineage.types import Graph, Node

router = APIRouter(prefix="/api/v1/lineage", tags=["lineage"])


@router.get("")
async def find_nodes(
    ctx: Annotated[Context, policy("lineage.read")],
    q: Annotated[
        str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="part of a name, or an id")
    ],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Node]:
    """Things by name: whole names first, then beginnings; of versions the newest."""
    return await service.find_nodes(ctx, q, limit=limit, cursor=cursor)


@router.get("/nodes")
async def list_nodes(
    ctx: Annotated[Context, policy("lineage.read")],
    node_id: Annotated[list[str], Query(min_length=1, max_length=service.MOST_NAMED, description="ids, up to 100")],
) -> Page[Node]:
    """What people call these ids; ids that have no lineage are left out."""
    return await service.list_nodes(ctx, node_id)


@router.get("/{node_id}")
async def get_graph(ctx: Annotated[Context, policy("lineage.read")], node_id: str) -> Graph:
    """What a thing was made from and what was made from it."""
    return await service.get_graph(ctx, node_id)
