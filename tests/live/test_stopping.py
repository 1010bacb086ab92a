"""A server that is told to stop does not wait for streams that would never end by themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.live.reading import Reader
from treadle.core.settings import DEFAULT_DRAIN_SECONDS, Settings
from treadle.storage.holder import running_server


def test_stopping_with_open_streams(settings: Settings) -> None:
    """
    SIGTERM ends every stream at once; the server is gone long before it would give up on answers in flight.
    """
    environment = os.environ | {
        "TREADLE_WORKSPACE": str(settings.workspace), "TREADLE_DATABASE_URL": str(settings.database_url), "TREADLE_PORT": "0",
        "COVERAGE_PROCESS_START": "",
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "treadle.cli.main", "up"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while (facts := running_server(Path(settings.workspace))) is None:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
        key = (settings.keys_folder / "local.key").read_text().strip()
        with Reader(str(facts["url"]), key, page="/prompts") as one, Reader(str(facts["url"]), key) as two:
            asked_at = time.monotonic()
            server.send_signal(signal.SIGTERM)
            for reader in (one, two):
                reader.wait(lambda reader=reader: reader.is_over, "the stream goes on")  # type: ignore[misc]
            ended_after = time.monotonic() - asked_at

        assert 0 == server.wait(timeout=60)
        assert ended_after < DEFAULT_DRAIN_SECONDS / 4
    finally:
        server.kill()
        server.wait()
