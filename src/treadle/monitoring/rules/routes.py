"""HTTP: rules by which live answers are judged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.monitoring.rules import service
from treadle.monitoring.rules.scoring import LiveScoring, Scoring
from treadle.monitoring.rules.types import NewRule, OnlineRule, RuleName

router = APIRouter(prefix="/api/v1/rules", tags=["rules"], route_class=Tagged)
Reader = Annotated[Context, policy("monitors.read")]
Writer = Annotated[Context, policy("monitors.write")]


@router.get("")
async def list_rules(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[OnlineRule]:
    """Rules by name."""
    return await service.list_rules(ctx, limit=limit, cursor=cursor)


@router.post("", status_code=201)
async def create_rule(ctx: Writer, new: Annotated[NewRule, Body()], request: Request) -> OnlineRule:
    """Judge answers from now on."""
    return await service.create_rule(ctx, new, _scoring(request))


@router.put("/{name}")
async def change_rule(
    ctx: Writer, name: RuleName, wanted: Annotated[NewRule, Body()], request: Request, when: Precondition
) -> OnlineRule:
    """Make a rule as stated; what it has judged stays."""
    return await service.change_rule(ctx, name, wanted, _scoring(request), when=when)


@router.delete("/{name}", status_code=204)
async def remove_rule(ctx: Writer, name: RuleName) -> None:
    """Judge by a rule no longer; its scores stay."""
    await service.remove_rule(ctx, name)


def _scoring(request: Request) -> Scoring:
    return LiveScoring(request.app.state.gateway)
