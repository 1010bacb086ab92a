"""Taking spans while the database dies or its disk is full: 503 and when to come again; what was answered for is there, once."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.conftest import RunningServer, running
from treadle.core.settings import Settings

PATIENCE_SECONDS = 120
SPANS = 50


class Sender:
    """Sends spans that do not compress, and remembers what was answered for."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self.acknowledged: list[str] = []
        self.told: list[str | None] = []
        """When to come again, of each refusal."""
        self._next: list[str] = []

    def post(self) -> httpx2.Response:
        """Send some spans: those that were refused before, as senders do, or new ones."""
        ids = self._next or [secrets.token_hex(8) for _ in range(SPANS)]
        now = str(time.time_ns())
        spans = [
            {"traceId": span_id * 2, "spanId": span_id, "name": "chat", "startTimeUnixNano": now, "endTimeUnixNano": now,
             "attributes": [{"key": "noise", "value": {"stringValue": secrets.token_hex(2000)}}]}
            for span_id in ids
        ]  # fmt: skip
        answer = httpx2.post(
            f"{self._server.url}/v1/traces",
            json={"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]},
            headers={"authorization": f"Bearer {self._server.key}"},
            timeout=60,
        )
        assert answer.status_code in (200, 503), answer.text
        self._next = ids if answer.status_code == 503 else []
        if answer.status_code == 503:
            self.told.append(answer.headers.get("retry-after"))
        if answer.status_code == 200:
            self.acknowledged += ids
        return answer

    def post_until(self, status: int) -> httpx2.Response:
        """Send until the answer has a status."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.post()).status_code != status:
            assert time.monotonic() < deadline, f"no {status} within {PATIENCE_SECONDS} s"
            time.sleep(0.02)
        return answer

    def stored(self) -> list[str]:
        """Return the ids of what is stored, once for each row."""
        with psycopg.connect(self._server.platform.database.url) as connection:
            return sorted(span_id for (span_id,) in connection.execute("select span_id from spans"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="PostgreSQL's own processes are ended differently elsewhere")
def test_a_database_that_is_killed(tmp_path: Path) -> None:
    """
    While the database's process is gone, spans are answered with 503 and when to come again; it comes back by itself.
    """
    for server in running(Settings(workspace=tmp_path / "workspace", port=0)):
        sender = Sender(server)
        sender.post_until(200)

        for _ in range(2):
            postgres = server.platform.workspace.postgres
            assert postgres is not None
            assert postgres.pid is not None
            os.kill(pid := postgres.pid, signal.SIGKILL)
            while postgres.pid in (None, pid):
                sender.post()
            sender.post_until(200)
        stored = sender.stored()

        assert {"2"} >= set(sender.told)
        assert sorted(sender.acknowledged) == stored


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """
    A disk of its own, of some hundred megabytes.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "none", str(folder)], check=False)
    if made.returncode != 0:
        pytest.skip("only the administrator may make a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only the administrator may make a small disk")
def test_a_disk_that_is_full(small_disk: Path) -> None:
    """
    While the database's disk is full, spans are answered with 503; with room again they are taken, each once.
    """
    for server in running(Settings(workspace=small_disk / "workspace", port=0)):
        sender, ballast = Sender(server), small_disk / "ballast"
        sender.post_until(200)

        with ballast.open("wb") as file:
            fill(file.fileno())
        refused = sender.post_until(503)
        ballast.unlink()
        sender.post_until(200)
        stored = sender.stored()

        assert "2" == refused.headers.get("retry-after")
        assert sorted(sender.acknowledged) == stored


def fill(file: int) -> None:
    """Write until there is no room left."""
    for size in (1 << 20, 1 << 12):
        while True:
            try:
                os.write(file, bytes(size))
            except OSError:
                break
