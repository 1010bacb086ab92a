"""HTTP: files and batches as OpenAI's clients ask for them, errors in the shape that those understand."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

import anyio.to_thread
from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from treadle.core.errors import HTTP_STATUS, Denied, InvalidInput, TooLarge, TreadleError, kind_of
from treadle.core.faults import faults_of
from treadle.gateway.batches import files, service
from treadle.gateway.batches.types import (
    MAX_FILE_BYTES,
    Batch,
    BatchList,
    FileDeleted,
    FileList,
    FileObject,
    NewBatch,
    Purpose,
)
from treadle.governance.keys import parse_key
from treadle.http.context import Context
from treadle.http.policy import policy

FORM_BYTES = 64 * 1024
"""What a form may have around its file."""
KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "JSON lines for a batch"},
                        "purpose": {
                            "type": "string",
                            "enum": [each for each in get_args(Purpose) if each != "batch_output"],
                        },
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer"},
                    },
                }
            }
        },
    }
}


class OpenAIRoute(APIRoute):
    """A route whose errors are OpenAI's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors translated."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except TreadleError as error:
                return _error(error)
            except RequestValidationError as error:
                fault = faults_of(error.errors())[0]
                words = f"{fault['fault']}; the fields are those of OpenAI's API"
                return _error(InvalidInput(words, code="invalid_request"), param=fault["field"] or None)

        return answer


router = APIRouter(prefix="/v1", tags=["batches"], route_class=OpenAIRoute)
Caller = Annotated[Context, policy(files.INVOKE)]
After = Annotated[str | None, Query(max_length=100)]


@router.post("/files", openapi_extra=UPLOAD_FORM)
async def create_file(ctx: Caller, request: Request) -> FileObject:
    """Upload a file as the form field `file`, with its `purpose`."""
    announced = request.headers.get("content-length", "")
    if not announced.isdigit() or int(announced) > MAX_FILE_BYTES + FORM_BYTES:
        raise TooLarge(
            f"an upload states its length and has at most {MAX_FILE_BYTES >> 20} MiB; this one says '{announced[:20]}'; split the file",
            code="gateway.upload_too_large",
        )
    async with request.form(max_files=1, max_fields=10) as form:
        upload, purpose = form.get("file"), form.get("purpose")
        if not isinstance(upload, UploadFile):
            raise InvalidInput("the form has no file in its field 'file'", code="gateway.upload_invalid")
        if purpose == "batch_output" or purpose not in get_args(Purpose):
            raise InvalidInput(
                f"the purpose '{str(purpose)[:40]}' is not known; for a batch it is 'batch'",
                code="gateway.file_purpose",
            )
        seconds = str(form.get("expires_after[seconds]") or "")
        if seconds and not (seconds.isdigit() and 3600 <= int(seconds) <= 30 * 86_400):
            raise InvalidInput("'expires_after[seconds]' must be 3600 to 2592000", code="gateway.file_expiry")
        with tempfile.NamedTemporaryFile(prefix="treadle-upload-") as file:
            await anyio.to_thread.run_sync(shutil.copyfileobj, upload.file, file)
            file.flush()
            return await files.create_file(
                ctx,
                Path(file.name),
                name=Path(upload.filename or "file").name,
                purpose=cast(Purpose, purpose),
                expires_seconds=int(seconds) if seconds else None,
            )


@router.get("/files")
async def list_files(
    ctx: Caller,
    purpose: Annotated[Purpose | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    order: Annotated[Literal["asc", "desc"], Query()] = "desc",
    after: After = None,
) -> FileList:
    """Files by age."""
    return await files.list_files(ctx, purpose=purpose, after=after, newest_first=order == "desc", limit=limit)


@router.get("/files/{file_id}")
async def get_file(ctx: Caller, file_id: str) -> FileObject:
    """One file."""
    return await files.get_file(ctx, file_id)


@router.get("/files/{file_id}/content", response_class=FileResponse)
async def get_file_content(ctx: Caller, file_id: str) -> FileResponse:
    """The content of a file, as it was uploaded."""
    file, path = await files.fetch_content(ctx, file_id)
    headers = {"x-content-type-options": "nosniff"}
    return FileResponse(path, media_type="application/octet-stream", filename=file.filename, headers=headers)


@router.delete("/files/{file_id}")
async def delete_file(ctx: Caller, file_id: str) -> FileDeleted:
    """Forget a file."""
    return await files.delete_file(ctx, file_id)


@router.post("/batches")
async def create_batch(ctx: Caller, request: Request, new: Annotated[NewBatch, Body()]) -> Batch:
    """Start a batch over an uploaded file."""
    parsed = parse_key(request.headers.get("authorization", "").partition(" ")[2].strip())
    if parsed is None:
        raise Denied(
            "a batch acts for an API key, so that its limits and endpoints count; send one as 'Authorization: Bearer …', "
            "made with: treadle access key create --name NAME",
            code="gateway.batch_needs_key",
        )
    return await service.create_batch(ctx, new, parsed.key_id)


@router.get("/batches")
async def list_batches(ctx: Caller, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> BatchList:
    """Batches, newest first."""
    return await service.list_batches(ctx, after=after, limit=limit)


@router.get("/batches/{batch_id}")
async def get_batch(ctx: Caller, batch_id: str) -> Batch:
    """One batch: how far it is, and its files once it has ended."""
    return await service.get_batch(ctx, batch_id)


@router.post("/batches/{batch_id}/cancel")
async def cancel_batch(ctx: Caller, batch_id: str) -> Batch:
    """Ask nothing more of a batch; what was answered is kept."""
    return await service.cancel_batch(ctx, batch_id)


def _error(error: TreadleError, *, param: str | None = None) -> JSONResponse:
    status = HTTP_STATUS[kind_of(error)]
    status = 400 if status == 422 else status
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    told = {"message": error.message, "type": kind, "param": param, "code": error.error_code}
    return JSONResponse({"error": told}, status_code=status)
