"""Take a multipart upload to disk as it arrives, within a size limit, and hand over the file and the fields beside it.

Nothing is kept in memory but a megabyte; the file goes to the system's temporary folder (TMPDIR) and from there to the
blob store. A body over the limit is refused as soon as it passes it, or at once when its length was announced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread
from fastapi import Request

from treadle.core.errors import InvalidInput
from treadle.data.errors import UploadTooLarge
from treadle.data.files import told_when_full

MAX_UPLOAD_BYTES = 2_000_000_000
WRITE_AT_ONCE_BYTES = 1_000_000
MAX_FIELD_BYTES = 65_536
MAX_FIELDS = 50


class UploadInvalid(InvalidInput):
    """A body that is not a multipart form with a file."""

    code = "data.upload_invalid"


class Upload(NamedTuple):
    """A received file; gone when the context ends."""

    path: Path
    """Where it lies for now."""
    file_name: str
    """What the sender calls it, without folders."""
    size_bytes: int
    """Its length."""
    fields: dict[str, str]
    """The form's other fields."""


@asynccontextmanager
async def receive_upload(request: Request, *, max_bytes: int = MAX_UPLOAD_BYTES) -> AsyncIterator[Upload]:
    """Receive the form of a request whose file stands in the field `file`.

    Raises UploadInvalid, UploadTooLarge, DiskFull.
    """
    import tempfile

    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(int(announced), max_bytes)
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise UploadInvalid(
            f"an upload must be a multipart form with the file in the field 'file', not '{content_type or 'nothing'}'; "
            "send it for example with: curl -F file=@rows.csv URL"
        )
    form = _Form(content_type)
    try:
        with told_when_full(Path(tempfile.gettempdir())):
            received = 0
            waiting = bytearray()
            async for chunk in request.stream():
                received += len(chunk)
                if received > max_bytes:
                    raise _too_large(received, max_bytes)
                waiting += chunk
                if len(waiting) >= WRITE_AT_ONCE_BYTES:
                    await anyio.to_thread.run_sync(form.write, bytes(waiting))
                    waiting.clear()
            await anyio.to_thread.run_sync(partial(form.write, bytes(waiting), is_last=True))
        yield form.upload()
    finally:
        form.close()


class _Form:
    """A multipart form on its way in."""

    def __init__(self, content_type: str) -> None:
        from python_multipart.multipart import Field, File, create_form_parser

        self._files: list[File] = []
        self._fields: list[Field] = []
        limits = {
            "MAX_MEMORY_FILE_SIZE": WRITE_AT_ONCE_BYTES, "MAX_FIELDS": MAX_FIELDS, "MAX_FIELD_SIZE": MAX_FIELD_BYTES,
        }  # fmt: skip
        try:
            self._parser = create_form_parser(
                {"Content-Type": content_type.encode()}, self._fields.append, self._files.append, config=limits
            )
        except ValueError as error:
            raise self._broken(error) from error

    def write(self, data: bytes, *, is_last: bool = False) -> None:
        """Take the next bytes."""
        from python_multipart.exceptions import FormParserError

        try:
            if data:
                self._parser.write(data)
            if is_last:
                self._parser.finalize()
        except FormParserError as error:
            raise self._broken(error) from error

    def upload(self) -> Upload:
        """Give what has arrived."""
        found = [file for file in self._files if file.field_name == b"file"]
        if len(found) != 1:
            raise UploadInvalid(
                f"the form has {len(found)} files in the field 'file', it needs one; "
                "send it for example with: curl -F file=@rows.csv URL"
            )
        file = found[0]
        file.flush_to_disk()
        path = Path((file.actual_file_name or b"").decode())
        name = (file.file_name or b"upload").decode("utf-8", errors="replace")
        fields = {
            (field.field_name or b"").decode("utf-8", "replace"): (field.value or b"").decode("utf-8", "replace")
            for field in self._fields
        }
        return Upload(path, name.replace("\\", "/").rsplit("/", 1)[-1][:200] or "upload", path.stat().st_size, fields)

    def close(self) -> None:
        """Delete the temporary file."""
        for file in self._files:
            file.close()
        self._parser.close()

    def _broken(self, error: Exception) -> UploadInvalid:
        return UploadInvalid(
            f"the upload is not a well-formed multipart form ({error}); send it again with a current client"
        )


def _too_large(size: int, limit: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"the upload has {size:,} bytes or more, at most {limit:,} are taken; split the file, "
        "or write it as Parquet, which is smaller",
        limit_bytes=limit,
    )
