"""SDK: batches, and the files that they read and write. The same objects as OpenAI's client has."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from treadle.client.calls import Call, Send
from treadle.core.errors import NotFound
from treadle.gateway.batches.types import FINAL, Batch, BatchList, FileDeleted, FileList, FileObject, NewBatch, Purpose


class Batches:
    """`client.batches`"""

    def __init__(self, send: Send, url: str) -> None:
        self._send = send
        self._root = f"{url}/v1"

    def upload(self, path: Path, *, purpose: Purpose = "batch") -> FileObject:
        """Upload a file of JSON lines."""
        return self._send(Call("POST", f"{self._root}/files", FileObject, upload=path, body={"purpose": purpose}))

    def list_files(self, *, purpose: Purpose | None = None, limit: int = 100, after: str | None = None) -> FileList:
        """Return files, newest first."""
        query = {"purpose": purpose, "limit": limit, "after": after}
        return self._send(Call("GET", f"{self._root}/files", FileList, query=query))

    def delete_file(self, file_id: str) -> FileDeleted:
        """Forget a file. Raises NotFound."""
        return self._send(Call("DELETE", f"{self._root}/files/{file_id}", FileDeleted))

    def start(
        self, file: Path | str, *, endpoint: str = "/v1/chat/completions", metadata: dict[str, str] | None = None
    ) -> Batch:
        """Start a batch over a file on this machine, or over one that was uploaded, by its id."""
        file_id = file if isinstance(file, str) else self.upload(file).id
        new = NewBatch(input_file_id=file_id, endpoint=endpoint, metadata=metadata)
        return self._send(Call("POST", f"{self._root}/batches", Batch, body=new))

    def get(self, batch_id: str) -> Batch:
        """Return a batch: how far it is. Raises NotFound."""
        return self._send(Call("GET", f"{self._root}/batches/{batch_id}", Batch))

    def list_(self, *, limit: int = 20, after: str | None = None) -> BatchList:
        """Return batches, newest first."""
        return self._send(Call("GET", f"{self._root}/batches", BatchList, query={"limit": limit, "after": after}))

    def cancel(self, batch_id: str) -> Batch:
        """Ask nothing more of a batch; what was answered is kept. Raises NotFound, Conflict."""
        return self._send(Call("POST", f"{self._root}/batches/{batch_id}/cancel", Batch))

    def wait(
        self, batch_id: str, *, on_change: Callable[[Batch], None] | None = None, interval_seconds: float = 1.0
    ) -> Batch:
        """Return a batch once it has ended, however it did."""
        while (batch := self.get(batch_id)).status not in FINAL:
            if on_change is not None:
                on_change(batch)
            time.sleep(interval_seconds)
        return batch

    def results(self, batch_id: str, *, errors: bool = False) -> str:
        """Return the lines that were answered, or those that were not, as JSON lines. Raises NotFound before there are any."""
        batch = self.get(batch_id)
        file_id = batch.error_file_id if errors else batch.output_file_id
        if file_id is None:
            what = "error" if errors else "output"
            raise NotFound(
                f"batch '{batch_id}' is {batch.status} and has no {what} file; look again with: treadle batch status {batch_id}",
                code="gateway.batch_file_not_found",
            )
        return self._send(Call("GET", f"{self._root}/files/{file_id}/content", str))
