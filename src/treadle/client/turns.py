"""SDK: turns."""

from __future__ import annotations

from pathlib import Path

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.data.types import UploadedFile
from treadle.jobs.types import Run
from treadle.pipelines.types import NewRefusal, NewTurn, Refusal, Turn


class Turns:
    """`client.turns`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Run]:
        """Return turns, newest first."""
        return self._send(Call("GET", "/turns", Page[Run], query={"limit": limit, "cursor": cursor}))

    def get(self, run_id: str) -> Turn:
        """Return a turn with its stations, those to come included. Raises NotFound."""
        return self._send(Call("GET", f"/turns/{run_id}", Turn))

    def start(self, new: NewTurn) -> Run:
        """Go once around the loop; returns at once."""
        return self._send(Call("POST", "/turns", Run, body=new))

    def refuse(self, run_id: str, *, reason: str) -> Refusal:
        """Refuse what a turn asks to release: it ends at the gate. Approving is `client.releases.approve`. Raises NotFound, Conflict."""
        return self._send(Call("POST", f"/turns/{run_id}/refuse", Refusal, body=NewRefusal(reason=reason)))

    def upload(self, path: Path) -> UploadedFile:
        """Hand over a file for a turn to start from; the same file again is the same upload."""
        return self._send(Call("POST", "/turns/files", UploadedFile, upload=path))
