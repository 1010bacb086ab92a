"""HTTP: models, versions, aliases, cards, files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import FileResponse, PlainTextResponse

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.models import service
from treadle.models.types import Alias, AliasName, Card, Model, MoveAlias, Name, NewProviderVersion, Version

router = APIRouter(prefix="/api/v1", tags=["models"], route_class=Tagged)
Reader = Annotated[Context, policy("models.read")]
Writer = Annotated[Context, policy("models.write")]
Which = Annotated[str, Path(max_length=40, description="a number, an alias, or 'latest'")]


@router.get("/models")
async def list_models(
    ctx: Reader,
    q: PartOfName = None,
    alias: Annotated[str | None, Query(max_length=40, description="only models with this alias on a version")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Model]:
    """Models by name."""
    return await service.list_models(ctx, text=q, alias=alias, limit=limit, cursor=cursor)


@router.get("/models/{name}")
async def get_model(ctx: Reader, name: Name) -> Model:
    """One model with its aliases."""
    return await service.get_model(ctx, name)


@router.get("/models/{name}/versions")
async def list_versions(ctx: Reader, name: Name) -> list[Version]:
    """The versions of a model, newest first."""
    return await service.list_versions(ctx, name)


@router.post("/models/{name}/versions", status_code=201)
async def register_provider_version(ctx: Writer, name: Name, new: Annotated[NewProviderVersion, Body()]) -> Version:
    """Register a provider's model; makes the model when it is the first. Weights are registered by training runs."""
    return await service.register_provider_version(ctx, name, new)


@router.get("/models/{name}/versions/{version}")
async def get_version(ctx: Reader, name: Name, version: Which) -> Version:
    """A version by number or alias."""
    return await service.get_version(ctx, name, version)


@router.get("/models/{name}/versions/{version}/card")
async def get_card(ctx: Reader, name: Name, version: Which) -> Card:
    """The card of a version, as facts and as Markdown."""
    return await service.get_card(ctx, name, version)


@router.get("/models/{name}/versions/{version}/card.md", response_class=PlainTextResponse)
async def get_card_markdown(ctx: Reader, name: Name, version: Which) -> PlainTextResponse:
    """The card of a version, as Markdown alone."""
    card = await service.get_card(ctx, name, version)
    return PlainTextResponse(card.markdown, media_type="text/markdown; charset=utf-8")


@router.get("/models/{name}/versions/{version}/files/{path:path}", response_class=FileResponse)
async def get_file(ctx: Reader, name: Name, version: Which, path: Annotated[str, Path(max_length=400)]) -> FileResponse:
    """One file of a version."""
    found = await service.fetch_file(ctx, name, version, path)
    return FileResponse(found, filename=path.rsplit("/", 1)[-1], media_type="application/octet-stream")


@router.get("/model-versions/{model_version_id}")
async def get_version_by_id(ctx: Reader, model_version_id: Annotated[str, Path(max_length=60)]) -> Version:
    """A version by id."""
    return await service.get_version_by_id(ctx, model_version_id)


@router.put("/models/{name}/aliases/{alias}")
async def set_alias(
    ctx: Writer, name: Name, alias: AliasName, to: Annotated[MoveAlias, Body()], when: Precondition
) -> Alias:
    """Point an alias at a version."""
    return await service.set_alias(ctx, name, alias, to.version, when=when)
