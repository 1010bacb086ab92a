"""HTTP: prompts, versions, labels."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Body, Path, Query, Request

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.prompts import files, labels, service
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.prompts.lint import lint
from treadle.prompts.types import (
    Advice,
    FileFormat,
    Label,
    LabelName,
    LabelPolicy,
    MoveLabel,
    Name,
    NewLabelPolicy,
    NewVersion,
    Prompt,
    PromptFile,
    Pushed,
    PushFile,
    PushFiles,
    Rendered,
    Safety,
    ToRender,
    Version,
)

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"], route_class=Tagged)
Reader = Annotated[Context, policy("prompts.read")]


@router.get("")
async def list_prompts(
    ctx: Reader,
    q: PartOfName = None,
    label: Annotated[str | None, Query(max_length=40, description="only prompts with this label on a version")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Prompt]:
    """Prompts by name."""
    return await service.list_prompts(ctx, text=q, label=label, limit=limit, cursor=cursor)


@router.get("/{name}")
async def get_prompt(ctx: Reader, name: Name) -> Prompt:
    """One prompt with its labels."""
    return await service.get_prompt(ctx, name)


@router.get("/{name}/versions")
async def list_versions(ctx: Reader, name: Name) -> list[Version]:
    """The versions of a prompt, newest first."""
    return await service.list_versions(ctx, name)


@router.post("/{name}/versions", status_code=201)
async def create_version(
    ctx: Annotated[Context, policy("prompts.write")],
    name: Name,
    new: Annotated[NewVersion, Body()],
    if_latest: Annotated[
        int | None,
        Query(ge=0, description="the newest version that was seen, 0 for none; refused where it is another one"),
    ] = None,
) -> Version:
    """Add a version; makes the prompt when it is the first."""
    return await service.create_version(ctx, name, new, if_latest=if_latest)


@router.get("/{name}/versions/{version}")
async def get_version(ctx: Reader, name: Name, version: Annotated[str, Path(max_length=40)]) -> Version:
    """A version by number or label."""
    return await service.get_version(ctx, name, version)


@router.put("/{name}/labels/{label}")
async def publish(
    ctx: Annotated[Context, policy("prompts.publish")],
    name: Name,
    label: LabelName,
    to: Annotated[MoveLabel, Body()],
    when: Precondition,
) -> Label:
    """Point a label at a version."""
    return await service.publish(ctx, name, label, to, when=when)


@router.post("/{name}/versions/{version}/render")
async def render_version(
    ctx: Reader,
    request: Request,
    name: Name,
    version: Annotated[str, Path(max_length=40)],
    given: Annotated[ToRender, Body()],
) -> Rendered:
    """Fill a version in, as it would be sent."""
    rooms = cast(JinjaRooms, request.app.state.jinja)
    return await service.render_version(ctx, name, version, given.variables, rooms.of(ctx.project_id))


@router.get("/{name}/versions/{version}/safety")
async def list_safety(ctx: Reader, name: Name, version: Annotated[str, Path(max_length=40)]) -> list[Safety]:
    """The safety evaluations of a version, newest first; at most 20."""
    return await labels.list_safety(ctx, await service.get_version(ctx, name, version))


@router.get("/{name}/versions/{version}/file")
async def get_file(
    ctx: Reader, name: Name, version: Annotated[str, Path(max_length=40)], format: FileFormat = "dotprompt"
) -> PromptFile:
    """A version as a file of this format."""
    return await files.get_file(ctx, name, version, format)


@router.get("/{name}/versions/{version}/lint")
async def lint_version(ctx: Reader, name: Name, version: Annotated[str, Path(max_length=40)]) -> list[Advice]:
    """What is likely wrong with a version, errors first."""
    return lint(await service.get_version(ctx, name, version))


file_router = APIRouter(prefix="/api/v1/prompt-files", tags=["prompts"])


@file_router.post("")
async def push_file(ctx: Annotated[Context, policy("prompts.write")], pushed: Annotated[PushFile, Body()]) -> Pushed:
    """Make the version that a file says, unless it is there."""
    return await files.push_file(ctx, pushed)


@file_router.post("/together")
async def push_files(
    ctx: Annotated[Context, policy("prompts.write")], pushed: Annotated[PushFiles, Body()]
) -> list[Pushed]:
    """Make the versions that files say, all or none; those first that others include."""
    return await files.push_files(ctx, pushed)


label_router = APIRouter(prefix="/api/v1/prompt-labels", tags=["prompts"], route_class=Tagged)


@label_router.get("")
async def list_label_policies(ctx: Reader) -> list[LabelPolicy]:
    """What it takes to carry labels, by name; the default of 'production' where nobody has said."""
    return await labels.list_policies(ctx)


@label_router.put("/{label}")
async def set_label_policy(
    ctx: Annotated[Context, policy("prompts.govern")],
    label: LabelName,
    new: Annotated[NewLabelPolicy, Body()],
    when: Precondition,
) -> LabelPolicy:
    """Say what it takes to carry a label, of every prompt of the project."""
    return await labels.set_policy(ctx, label, new, when=when)
