"""Taking spans in bad times: nothing that was answered for is lost, and what cannot be kept is not answered for."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.conftest import RunningServer

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "trace_ingest"
KILLS = 4
"""The benchmark does it 200 times."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="PostgreSQL ends with its killed parent only there")
def test_acknowledged_spans_survive_kill_9(tmp_path: Path) -> None:
    """
    A server that is killed with everything it started, again and again, loses nothing it answered for and doubles nothing
    that was sent again.
    """
    script = (
        "import json, sys; from pathlib import Path; from kills import survive; from payload import templates;"
        f"print(json.dumps(survive(Path(sys.argv[1]), templates(1, 3), kills={KILLS}, seed=3)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=BENCHMARK, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip

    assert 0 == done.returncode, done.stderr[-2000:]
    acknowledged, *faults = json.loads(done.stdout.splitlines()[-1])
    assert [0, 0, 0] == faults
    assert acknowledged > 0


def test_a_read_only_database(server: RunningServer) -> None:
    """
    While the database takes nothing, spans are answered with 503 and when to come again; then they are taken, once.
    """
    span = {"traceId": f"{1:032x}", "spanId": f"{1:016x}", "name": "chat", "startTimeUnixNano": str(time.time_ns())}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span | {"endTimeUnixNano": str(time.time_ns())}]}]}]}
    url = server.platform.database.url

    def post() -> httpx2.Response:
        return httpx2.post(f"{server.url}/v1/traces", json=body, headers={"authorization": f"Bearer {server.key}"})

    def post_until(status: int) -> httpx2.Response:
        deadline = time.monotonic() + 60
        while (answer := post()).status_code != status and time.monotonic() < deadline:
            time.sleep(0.05)
        return answer

    _set_read_only(url, "on")
    refused = post_until(503)
    listed = server.client.traces.list_().items
    _set_read_only(url, "off")
    accepted = post_until(200)

    assert (503, "2") == (refused.status_code, refused.headers.get("retry-after"))
    assert [] == listed
    assert 200 == accepted.status_code
    assert 1 == len(server.client.traces.list_().items)


def _set_read_only(url: str, value: str) -> None:
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set default_transaction_read_only = {value}")
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            [name],
        )
