"""HTTP: datasets, versions, examples, profiles, changes; uploads and the work that they start."""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from treadle.core.errors import InvalidInput
from treadle.core.faults import in_words
from treadle.core.types import Page, Record
from treadle.data import service
from treadle.data.profile_types import Profile
from treadle.data.report import CONTENT_SECURITY_POLICY
from treadle.data.types import (
    Change,
    ChangeAction,
    ChangeFilter,
    CurateRequest,
    Dataset,
    DatasetName,
    Example,
    ExampleFilter,
    Mapping,
    NewDataset,
    Part,
    PrepareSettings,
    Terms,
    Version,
)
from treadle.data.upload import receive_upload
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.jobs.types import Run

R = TypeVar("R", bound=Record)

router = APIRouter(prefix="/api/v1", tags=["data"])
Reader = Annotated[Context, policy("data.read")]
Writer = Annotated[Context, policy("data.write")]
Which = Annotated[str, Path(max_length=40, description="a number, or 'latest'")]
UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "CSV, JSON Lines or Parquet"},
                        "input": {"type": "string", "description": "column with the inputs"},
                        "expected_output": {"type": "string", "description": "column with the right answers or labels"},
                        "messages": {"type": "string", "description": "column with conversations"},
                        "keep_columns": {"type": "string", "description": "columns to keep, as a JSON list"},
                        "file_format": {"type": "string", "enum": ["csv", "jsonl", "parquet"]},
                        "delimiter": {"type": "string"},
                        "max_line_bytes": {"type": "integer"},
                        "description": {"type": "string", "description": "what a new dataset is for"},
                        "licence": {"type": "string", "description": "SPDX id of the licence of the rows"},
                    },
                }
            }
        },
    }
}


@router.get("/datasets")
async def list_datasets(
    ctx: Reader, q: PartOfName = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Dataset]:
    """Datasets by name; `q` also looks at what they are for."""
    return await service.list_datasets(ctx, text=q, limit=limit, cursor=cursor)


@router.post("/datasets", status_code=201)
async def create_dataset(ctx: Writer, new: Annotated[NewDataset, Body()]) -> Dataset:
    """Make a dataset without versions; importing makes one too."""
    return await service.create_dataset(ctx, new)


@router.get("/datasets/{name}")
async def get_dataset(ctx: Reader, name: DatasetName) -> Dataset:
    """One dataset."""
    return await service.get_dataset(ctx, name)


@router.get("/datasets/{name}/versions")
async def list_versions(
    ctx: Reader, name: DatasetName, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Version]:
    """The versions of a dataset, newest first."""
    return await service.list_versions(ctx, name, limit=limit, cursor=cursor)


@router.get("/datasets/{name}/versions/{version}")
async def get_version(ctx: Reader, name: DatasetName, version: Which) -> Version:
    """One version."""
    return await service.get_version(ctx, name, version)


@router.get("/datasets/{name}/versions/{version}/examples")
async def list_examples(
    ctx: Reader,
    name: DatasetName,
    version: Which,
    part: Annotated[Part | None, Query(description="only this part")] = None,
    label: Annotated[str | None, Query(max_length=1_000, description="only this expected output")] = None,
    text: Annotated[str | None, Query(max_length=1_000, description="in the input or expected output")] = None,
    row: Annotated[int | None, Query(ge=1, description="only this row")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Example]:
    """The rows of a version, in order."""
    wanted = ExampleFilter(part=part, label=label, text=text, row=row)
    return await service.list_examples(ctx, name, version, wanted, limit=limit, cursor=cursor)


@router.get("/datasets/{name}/versions/{version}/changes")
async def list_changes(
    ctx: Reader,
    name: DatasetName,
    version: Which,
    action: Annotated[ChangeAction | None, Query(description="dropped, changed or flagged")] = None,
    reason: Annotated[str | None, Query(max_length=80, description="such as near_duplicate")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Change]:
    """Why rows were dropped, changed or flagged on the way to a version."""
    wanted = ChangeFilter(action=action, reason=reason)
    return await service.list_changes(ctx, name, version, wanted, limit=limit, cursor=cursor)


@router.get("/datasets/{name}/versions/{version}/profile")
async def get_profile(ctx: Reader, name: DatasetName, version: Which) -> Profile:
    """What a version is like."""
    return await service.get_profile(ctx, name, version)


@router.get("/datasets/{name}/versions/{version}/profile.html", response_class=HTMLResponse)
async def get_report(ctx: Reader, name: DatasetName, version: Which) -> HTMLResponse:
    """The profile as one page to send around."""
    headers = {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return HTMLResponse(await service.get_report(ctx, name, version), headers=headers)


@router.post("/datasets/{name}/versions/{version}/profile", status_code=202)
async def start_profile(ctx: Writer, name: DatasetName, version: Which) -> Run:
    """Explore a version."""
    return await service.start_profile(ctx, name, version)


@router.post("/datasets/{name}/versions/{version}/prepare", status_code=202)
async def start_prepare(
    ctx: Writer, name: DatasetName, version: Which, settings: Annotated[PrepareSettings, Body()]
) -> Run:
    """Prepare a version; the result is the dataset's next version."""
    return await service.start_prepare(ctx, name, version, settings)


@router.post("/datasets/{name}/curate", status_code=202)
async def start_curate(ctx: Writer, name: DatasetName, request: Annotated[CurateRequest, Body()]) -> Run:
    """Join traffic to a dataset, as its next version: what people corrected, or a selection of traces."""
    return await service.start_curate(ctx, name, request)


@router.post("/datasets/{name}/imports", status_code=202, openapi_extra=UPLOAD_FORM)
async def import_file(ctx: Writer, name: DatasetName, request: Request) -> Run:
    """Upload a file and start reading it into a version; the same rows again make no new version."""
    async with receive_upload(request) as upload:
        fields = dict(upload.fields)
        new = _read_form(NewDataset, {"name": name, "description": fields.pop("description", "")})
        terms = _read_form(Terms, {"licence": fields.pop("licence", "") or None})
        mapping = _mapping_of(fields)
        file = await service.keep_upload(ctx, upload.path, upload.file_name)
    return await service.start_import(ctx, new, file, mapping, licence=terms.licence)


def _mapping_of(fields: dict[str, str]) -> Mapping:
    values: dict[str, object] = {key: value for key, value in fields.items() if value != ""}
    if "keep_columns" in values:
        try:
            values["keep_columns"] = json.loads(str(values["keep_columns"]))
        except ValueError as error:
            raise _form_invalid(f"keep_columns is no JSON list: {error}") from error
    return _read_form(Mapping, values)


def _read_form(kind: type[R], values: dict[str, object]) -> R:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _form_invalid(in_words(error.errors())) from error


def _form_invalid(told: str) -> InvalidInput:
    return InvalidInput(
        f"the form says something that an import does not know ({told}); its fields are described at /openapi.json",
        code="data.upload_invalid",
    )
