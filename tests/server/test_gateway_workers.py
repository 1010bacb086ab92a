"""`treadle gateway --workers N`: what stops, dies or grows in it costs nobody an answer that was begun, and no record."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from tests.gateway.harness import arm, upstream, wait_for
from tests.server.standalone import Installation, Load, clean_environment, standalone
from treadle.core.settings import Settings
from treadle.gateway.types import Rule, Target
from treadle.governance.service import revoke_key
from treadle.server.gateway import listen, pause_seconds


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Any:
    """
    A database with one scripted endpoint and a key.
    """
    made = Installation(tmp_path / "workspace", database_url)
    made.publish(made.slow(0))
    yield made
    made.database.close()


def drained(given: queue.SimpleQueue[Any]) -> list[Any]:
    """
    Return everything in a queue.
    """
    return [given.get() for _ in range(given.qsize())]


def get(url: str) -> tuple[int, dict[str, Any]]:
    """
    Ask a probe.
    """
    with urllib.request.urlopen(url, timeout=60) as reply:
        return reply.status, json.load(reply)


def test_two_workers_one_port(installation: Installation) -> None:
    """
    Two processes answer on one port, each records, probes say so, and SIGTERM ends all with 0.
    """
    with standalone(installation) as running:
        workers = running.workers()
        said = [running.ask() for _ in range(20)]
        healthy, ready = get(f"{running.url}/healthz"), get(f"{running.url}/readyz")
        lost = openai.OpenAI(base_url=running.url, api_key=running.key, max_retries=0)
        with pytest.raises(openai.NotFoundError, match="ends with /v1"):
            running.ask(lost)

    assert 2 == len(workers)
    assert ["parcel"] * 20 == said
    assert (200, "ok") == (healthy[0], healthy[1]["status"])
    assert (200, "ready") == (ready[0], ready[1]["status"])
    assert 0 == running.process.returncode
    assert 20 == installation.count_spans()
    assert [] == [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_a_change_reaches_every_worker(installation: Installation) -> None:
    """
    A published change is soon served by each worker.
    """
    with standalone(installation) as running:
        running.ask()
        installation.publish(installation.slow(0, reply="letter"))

        wait_for(lambda: {"letter"} == {running.ask() for _ in range(12)})


def test_a_key_is_revoked_while_its_connection_stays(installation: Installation) -> None:
    """
    A connection that sends the same head again and again is let in no longer than its key is good.
    """
    body = b'{"model":"support","messages":[{"role":"user","content":"Where is it?"}]}'
    with standalone(installation, workers=1) as running:
        place = urlsplit(running.url)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {place.netloc}\r\nauthorization: Bearer {running.key}\r\n"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        with socket.create_connection((place.hostname, place.port), timeout=60) as caller:

            def ask() -> int:
                caller.sendall(request)  # in one piece: only then is a head known again
                reply = http.client.HTTPResponse(caller)
                reply.begin()
                reply.read()
                return reply.status

            before = [ask() for _ in range(4)]
            asyncio.run(revoke_key(installation.ctx, "app"))
            wait_for(lambda: 401 == ask())

    assert [200] * 4 == before


def test_terminated_under_load(installation: Installation) -> None:
    """
    SIGTERM under load: what was being answered is answered, newcomers are refused, and every answer has its record.
    """
    installation.publish(installation.slow(250))
    with standalone(installation) as running, Load(running) as load:
        wait_for(lambda: load.answers.qsize() > 6)
        told_at = datetime.now(UTC)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=60)
        ended_at = datetime.now(UTC)
        wait_for(lambda: not load.failures.empty())
    answers, failures = drained(load.answers), drained(load.failures)

    assert 0 == running.process.returncode
    assert {"parcel"} == {text for _, text in answers}
    assert [] == [error for began, error in failures if began < told_at]
    assert {openai.APIConnectionError} == {type(error) for _, error in failures}
    assert 6 <= sum(1 for began, _ in answers if began < told_at <= ended_at)
    assert len(answers) == installation.count_spans()


def test_a_killed_worker(installation: Installation) -> None:
    """
    kill -9 of one worker breaks only what it was answering; it is there again within seconds and all goes on.
    """
    installation.publish(installation.slow(50))
    with standalone(installation) as running, Load(running) as load:
        time.sleep(0.5)
        victim = running.workers()[0]
        os.kill(victim, signal.SIGKILL)
        killed_at = datetime.now(UTC)

        wait_for(lambda: victim not in running.workers() and 2 == len(running.workers()))
        drained(load.answers)
        wait_for(lambda: load.answers.qsize() > 12)  # two of each caller's: the last was begun after this
        failures = drained(load.failures)
        last_begun = max(began for began, _ in drained(load.answers))

    assert {openai.APIConnectionError} >= {type(error) for _, error in failures}
    assert 6 >= len(failures)  # each caller has one request under way
    assert 30.0 > max((abs((began - killed_at).total_seconds()) for began, _ in failures), default=0.0)
    assert last_begun > killed_at
    assert 0 == running.process.returncode


def test_a_worker_that_has_grown(installation: Installation) -> None:
    """
    A worker above the memory limit is replaced by one that serves before it leaves: no request notices.
    """
    installation.publish(installation.slow(20))
    with standalone(installation, "--max-memory", "64", workers=1) as running, Load(running, callers=3) as load:
        first = running.workers()[0]

        wait_for(lambda: not Path(f"/proc/{first}").exists())
        answered = load.answers.qsize()
        wait_for(lambda: load.answers.qsize() > answered + 6)
        failures = drained(load.failures)

    assert [] == failures
    assert 0 == running.process.returncode


@pytest.mark.parametrize(("allowed", "answers"), [("", False), ("127.0.0.0/8", True)])
def test_private_addresses_where_others_reach_us(installation: Installation, allowed: str, answers: bool) -> None:
    """
    A gateway that others reach connects to private addresses only where the operator allows them.
    """
    with upstream([Rule(reply="parcel")]) as url:
        installation.add_provider("near", f"{url}/v1")
        installation.publish(arm(prompt=(), targets=(Target(provider="near", model="m"),)))
        environment = {"TREADLE_PRIVATE_HOSTS": allowed}
        with standalone(installation, "--host", "0.0.0.0", workers=1, environment=environment) as running:
            if answers:
                assert "parcel" == running.ask()
                return
            with pytest.raises(openai.APIStatusError) as caught:
                running.ask()

    assert 500 < caught.value.status_code


def test_the_largest_body(installation: Installation) -> None:
    """
    How large a request may be is a setting.
    """
    environment = {"TREADLE_GATEWAY_MAX_BODY_MIB": "1"}
    with standalone(installation, workers=1, environment=environment) as running:
        with pytest.raises(openai.APIStatusError) as caught:
            running.ask(question="x" * 1024 * 1024)
        said = running.ask(question="x" * 1024 * 512)

    assert (413, "parcel") == (caught.value.status_code, said)


def test_the_master_is_killed(installation: Installation) -> None:
    """
    kill -9 of the master leaves no worker behind.
    """
    with standalone(installation) as running:
        workers = running.workers()
        running.process.kill()

        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_records_of_a_larger_gateway(installation: Installation) -> None:
    """
    What a worker left on disk is stored by whoever is started next, also when there are fewer workers then.
    """
    with standalone(installation, workers=1) as running:
        running.ask()
    left = installation.settings.workspace / "spool" / "gateway-7"
    left.mkdir()
    (left / "1.spans").write_bytes(b"\x90")

    with standalone(installation, workers=1):
        wait_for(lambda: not list(installation.settings.workspace.rglob("*.spans")))

    assert not left.exists()


def test_no_platform_runs(tmp_path: Path) -> None:
    """
    Without a running platform and without a database's URL it says which one to start, and ends with 7.
    """
    done = _run("--workspace", str(tmp_path))

    assert 7 == done.returncode
    assert "treadle up" in done.stderr
    assert "--database" in done.stderr


def test_no_master_keys(tmp_path: Path, database_url: str) -> None:
    """
    Without the installation's keys it makes none up: nobody would be recognised.
    """
    done = _run("--workspace", str(tmp_path), "--database", database_url)

    assert 5 == done.returncode
    assert "keys/master.json" in done.stderr
    assert not (tmp_path / "keys" / "master.json").exists()


def test_database_that_is_away(installation: Installation) -> None:
    """
    A database that does not answer ends it with 7, without its password.
    """
    folder = str(installation.settings.workspace)

    done = _run("--workspace", folder, "--port", "0", "--database", "postgresql://me:hidden@127.0.0.1:9/x")

    assert 7 == done.returncode
    assert "127.0.0.1:9" in done.stderr
    assert "hidden" not in done.stderr


def test_port_of_another_gateway(installation: Installation) -> None:
    """
    A port that another gateway serves is taken, although both share ports: two would split the traffic unseen.
    """
    with standalone(installation, workers=1) as running:
        port = running.url.rsplit(":", 1)[1]

        done = _run("--workspace", str(installation.settings.workspace), "--port", port,
                    "--database", installation.settings.database_url or "")  # fmt: skip

    assert 6 == done.returncode
    assert f"port {port}" in done.stderr


def test_sockets_share_one_port(tmp_path: Path) -> None:
    """
    Every worker gets a listening socket of its own on the same port.
    """
    made = listen(Settings(workspace=tmp_path, port=0), 3)

    ports = {each.getsockname()[1] for each in made}
    for each in made:
        each.close()

    assert 1 == len(ports)
    with socket.socket() as again:
        again.bind(("127.0.0.1", ports.pop()))


def test_pauses_double_up_to_ten_seconds() -> None:
    """
    A worker that keeps dying is started after 0.2 s, 0.4 s ... 10 s.
    """
    assert [0.2, 0.4, 0.8] == [pause_seconds(failures) for failures in (1, 2, 3)]
    assert 10.0 == pause_seconds(40)


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "treadle.cli.main", "gateway", "--workers", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=clean_environment())
