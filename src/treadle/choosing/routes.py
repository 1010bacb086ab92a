"""HTTP: the catalogue of models, and choices among them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from treadle.choosing import catalogue, service
from treadle.choosing.types import Choice, ChoicePlan, Entry, NewChoice, NewEntry
from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1", tags=["choosing"])
Reader = Annotated[Context, policy("evals.read")]
Looker = Annotated[Context, policy("models.read")]
Stater = Annotated[Context, policy("models.write")]
Name = Annotated[
    str,
    Path(
        min_length=3,
        max_length=300,
        pattern=r"^[^\s/:@]+[/:@]\S+$",
        description="'provider/model', 'name@version' of the registry, or 'endpoint:name'",
    ),
]


@router.get("/catalogue")
async def list_entries(ctx: Looker, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Entry]:
    """Models by name: those that ship, those that the project states, and the registry's newest."""
    return await catalogue.list_entries(ctx, limit=limit, cursor=cursor)


@router.get("/catalogue/{name:path}")
async def get_entry(ctx: Looker, name: Name) -> Entry:
    """What is known of one model, also of one that is not listed."""
    return await catalogue.get_entry(ctx, name)


@router.put("/catalogue/{name:path}")
async def put_entry(ctx: Stater, name: Name, entry: Annotated[NewEntry, Body()]) -> Entry:
    """State facts of a model; what is given wins over what ships."""
    return await catalogue.put_entry(ctx, name, entry)


@router.delete("/catalogue/{name:path}", status_code=204)
async def remove_entry(ctx: Stater, name: Name) -> None:
    """Forget what the project states of a model."""
    await catalogue.remove_entry(ctx, name)


@router.post("/choices/plan")
async def plan(ctx: Reader, new: Annotated[NewChoice, Body()]) -> ChoicePlan:
    """What a choice would ask and cost at most; nothing is asked."""
    return await service.plan(ctx, new)


@router.post("/choices", status_code=202)
async def start(ctx: Annotated[Context, policy("evals.write")], new: Annotated[NewChoice, Body()]) -> Choice:
    """Choose a model: filter the catalogue, try the rest on rows; the work goes on as a run."""
    return await service.start(ctx, new)


@router.get("/choices")
async def list_choices(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Choice]:
    """Choices, newest first."""
    return await service.list_(ctx, limit=limit, cursor=cursor)


@router.get("/choices/{choice_id}")
async def get_choice(ctx: Reader, choice_id: str) -> Choice:
    """One choice with what came of it."""
    return await service.get(ctx, choice_id)
