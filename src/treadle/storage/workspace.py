"""One folder, one server: opening a workspace, holding it, and saying who holds it.

`server.json` tells the CLI and SDK on this machine where the running server listens; the lock (flock) tells whether one runs, and the
kernel drops it when the holder dies, however it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import IO

from treadle.core.errors import Conflict, Denied
from treadle.core.settings import Settings
from treadle.core.types import JsonValue
from treadle.storage.blobs import Blobs
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.files import write_private
from treadle.storage.holder import running_server

PRIVATE_FOLDERS = ("keys", "runs", "logs", "blobs", "spool")
"""Everything but PostgreSQL's, which is another account's where we are root and cannot be it under another name."""


class Workspace:
    """The opened folder: its lock, its PostgreSQL (when embedded) and its blobs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock: IO[str] | None = None
        self.postgres: EmbeddedPostgres | None = None
        if settings.database_url is None:
            self.postgres = EmbeddedPostgres(
                settings.workspace / "postgres", log_file=settings.logs_folder / "postgres.log"
            )

    def open(self) -> str:
        """Take the lock and start the database; return its URL.

        Raises Conflict when another server holds the workspace, Denied when the folder cannot be written.
        """
        folder = self.settings.workspace
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.chmod(folder, 0o700 if self.postgres is None or os.geteuid() != 0 else 0o711)
            for part in PRIVATE_FOLDERS:
                (folder / part).mkdir(exist_ok=True)
                os.chmod(folder / part, 0o700)
            self._lock = (folder / "lock").open("a+")
        except PermissionError as error:
            raise Denied(
                f"the workspace '{folder}' cannot be written by this user; choose another with TREADLE_WORKSPACE or --workspace",
                code="storage.workspace_denied",
            ) from error
        try:
            _hold(self._lock)
        except BlockingIOError as error:
            self._lock.close()
            self._lock = None
            raise Conflict(
                f"the workspace '{folder}' is in use by {self._holder()}; use that one, stop it, "
                f"or start another with: treadle up --workspace OTHER --port OTHER",
                code="storage.workspace_in_use",
            ) from error
        if self.postgres is None:
            return str(self.settings.database_url)
        try:
            self.postgres.start()
        except BaseException:
            self.close()
            raise
        return self.postgres.url()

    def blobs(self) -> Blobs:
        """Return the object store of this workspace."""
        return Blobs(self.settings.blobs_url, folder=self.settings.workspace / "blobs")

    def announce(self, facts: dict[str, JsonValue]) -> None:
        """Tell local clients where the server listens."""
        write_private(self.settings.workspace / "server.json", json.dumps(facts))

    def close(self) -> None:
        """Stop the database, forget the announcement, drop the lock. Safe to repeat."""
        if self.postgres is not None:
            self.postgres.stop()
        if self._lock is not None:
            (self.settings.workspace / "server.json").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _holder(self) -> str:
        facts = running_server(self.settings.workspace)
        return f"the server at {facts['url']} (process {facts['pid']})" if facts else "another process of Treadle"


def _hold(lock: IO[str]) -> None:
    """Take the lock; a client that is just looking (running_server) holds it for an instant, so try for half a second."""
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.05)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
