"""HTTP: what callers are suspected of, and the policy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.monitoring.abuse import service
from treadle.monitoring.abuse.types import AbuseFilter, AbuseFinding, AbusePolicy, FindingId, KeptAbusePolicy

router = APIRouter(prefix="/api/v1/abuse", tags=["abuse"], route_class=Tagged)
Reader = Annotated[Context, policy("monitors.read")]
Actor = Annotated[Context, policy("limits.write")]


class AbuseQuery(AbuseFilter):
    """The list's filters with its paging."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    """Rows per page."""
    cursor: Annotated[str | None, Query(max_length=500)] = None
    """`next_cursor` of the page before."""


@router.get("/policy")
async def get_policy(ctx: Reader) -> KeptAbusePolicy:
    """What is done about callers, by their score."""
    return await service.get_policy(ctx)


@router.put("/policy")
async def set_policy(ctx: Actor, wanted: Annotated[AbusePolicy, Body()], when: Precondition) -> KeptAbusePolicy:
    """Say what is done about callers from now on."""
    return await service.set_policy(ctx, wanted, when=when)


@router.get("/findings")
async def list_findings(ctx: Reader, query: Annotated[AbuseQuery, Query()]) -> Page[AbuseFinding]:
    """Callers that stood out, newest first."""
    return await service.list_findings(ctx, query, limit=query.limit, cursor=query.cursor)


@router.post("/findings/{finding_id}/dismiss")
async def dismiss_finding(ctx: Actor, finding_id: FindingId) -> AbuseFinding:
    """Say that a finding is none and undo what was done."""
    return await service.dismiss_finding(ctx, finding_id)
