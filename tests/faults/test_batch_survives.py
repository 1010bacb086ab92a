"""kill -9 of the server in the middle of a batch: it goes on where it stopped, and no answered line is asked again."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from tests.children import child
from tests.gateway.harness import arm, scripted, upstream
from tests.server.standalone import clean_environment
from treadle.client.client import Client
from treadle.gateway import service as gateway
from treadle.gateway.batches.asking import LINES_INSIDE
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Arm, Endpoint, Rule, Target
from treadle.governance.service import DEFAULT_PROJECT
from treadle.storage.database import Database
from treadle.storage.holder import running_server

LINES = 120


@pytest.mark.slow
def test_a_batch_survives_two_kills(tmp_path: Path, database_url: str) -> None:
    """
    After two kills every line has exactly one answer, and no more lines were asked twice than were under way.
    """
    seen: list[bytes] = []
    with upstream([Rule(match=r"say (\w+)", reply=r"\1", delay_ms=150)], seen) as url:
        with served(tmp_path, database_url) as (client, _):
            client.providers.create(NewProvider(name="counting", kind="openai", base_url=f"{url}/v1", private=True))
            publish(client, tmp_path, database_url, arm(prompt=(), targets=(Target(provider="counting", model="m"),)))
            batch_id = client.batches.start(write_lines(tmp_path / "lines.jsonl")).id
        for share in (0.2, 0.6):
            with served(tmp_path, database_url) as (client, process):
                wait_until(lambda: client.batches.get(batch_id).request_counts.completed > share * LINES)  # noqa: B023
                process.send_signal(signal.SIGKILL)
                process.wait()
        with served(tmp_path, database_url) as (client, _):
            done = client.batches.wait(batch_id, interval_seconds=0.1)
            answers = [json.loads(line) for line in client.batches.results(batch_id).splitlines()]
            run = client.runs.get(done.run_id or "")
    asked = [body for body in seen if body != b"closed"]

    assert "completed" == done.status
    assert (LINES, LINES, 0) == (done.request_counts.total, done.request_counts.completed, done.request_counts.failed)
    assert {f"r{number}": f"w{number}" for number in range(LINES)} == {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in answers
    }
    assert LINES == len(answers)
    # Three processes were ended in the middle, the first of them politely.
    assert LINES <= len(asked) <= LINES + 3 * LINES_INSIDE
    assert run.attempts >= 3


def test_the_database_is_away_for_a_while(tmp_path: Path, database_url: str) -> None:
    """
    While the database refuses connections answers wait in memory, nothing is lost, and the batch ends well.
    """
    with served(tmp_path, database_url) as (client, _):
        publish(client, tmp_path, database_url, scripted(Rule(match=r"say (\w+)", reply=r"\1", delay_ms=50), prompt=()))
        batch_id = client.batches.start(write_lines(tmp_path / "lines.jsonl")).id
        wait_until(lambda: client.batches.get(batch_id).status == "in_progress")

        with refused(database_url):
            time.sleep(2.5)
        done = client.batches.wait(batch_id, interval_seconds=0.2)

    assert ("completed", LINES) == (done.status, done.request_counts.completed)


def write_lines(path: Path) -> Path:
    """
    Write a file of requests whose answers tell which line they belong to.
    """
    body = {"model": "support"}
    path.write_text(
        "".join(
            json.dumps(
                {
                    "custom_id": f"r{number}",
                    "method": "POST",
                    "url": "/v1/chat/completions",
                    "body": {**body, "messages": [{"role": "user", "content": f"say w{number}"}]},
                }
            )
            + "\n"
            for number in range(LINES)
        )
    )
    return path


def publish(client: Client, folder: Path, database_url: str, *arms: Arm) -> None:
    """
    Serve an endpoint, and wait until the server does.
    """
    database = Database(database_url)
    database.open()
    endpoint = Endpoint(project_id=DEFAULT_PROJECT, name="support", salt="s", arms=arms)
    asyncio.run(database.for_project(DEFAULT_PROJECT).write(lambda db: gateway.publish_endpoint(db, endpoint)))
    database.close()
    headers = {"authorization": f"Bearer {(folder / 'workspace' / 'keys' / 'local.key').read_text().strip()}"}
    wait_until(lambda: "support" in httpx2.get(f"{client.url}/v1/models", headers=headers).text)


@contextmanager
def refused(database_url: str) -> Iterator[None]:
    """
    Let a database refuse every connection, those that stand included.
    """
    name = database_url.rsplit("/", 1)[1]
    admin = database_url.rsplit("/", 1)[0] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            yield
        finally:
            connection.execute(f"alter database {name} allow_connections true")


@contextmanager
def served(folder: Path, database_url: str) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """
    Run `treadle up` until the block ends.
    """
    workspace = folder / "workspace"
    command = [sys.executable, "-m", "treadle.cli.main", "up", "--port", "0", "--workspace", str(workspace)]
    environment = clean_environment() | {"TREADLE_DATABASE_URL": database_url}
    with child(command, stdout=subprocess.DEVNULL, env=environment) as process:
        facts: dict[str, Any] = {}
        wait_until(lambda: facts.update(announced(workspace, process.pid)) or facts, 240)
        with Client(str(facts["url"]), api_key=(workspace / "keys" / "local.key").read_text().strip()) as client:
            yield client, process


def announced(workspace: Path, pid: int) -> dict[str, Any]:
    """
    Return what this process announced, nothing before it did.
    """
    facts = running_server(workspace) or {}
    return facts if facts.get("pid") == pid else {}


def wait_until(done: Any, seconds: float = 180.0) -> None:
    """
    Wait until something holds.
    """
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.1)
