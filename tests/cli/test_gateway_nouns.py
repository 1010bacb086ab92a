"""Batches and traces as a shell sees them: what failed and why, what guards found, and exit codes that tell."""

from __future__ import annotations

import json
import time
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.cli.test_main import run
from tests.conftest import RunningServer
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, GuardRule, Rule

TIMEOUT_SECONDS = 60.0
GUARDS = (
    GuardRule(name="mail", check="pii", stage="input", action="mask"),
    GuardRule(name="keys", check="secrets", stage="input", action="block"),
)


@pytest.fixture
def shell(server: RunningServer) -> dict[str, str]:
    """
    The environment of a shell that talks to a server whose endpoint 'support' answers by script, behind two guards.
    """
    project_id = server.platform.local_context().project_id
    arm = Arm(
        release_id="rel_one",
        model_version_id="mdv_one",
        role="stable",
        weight=1.0,
        provider="scripted",
        script=(Rule(match="teapot", reply="this is a teapot", status=400), Rule(match=".*", reply="parcel")),
        guards=GUARDS,
    )
    endpoint = Endpoint(project_id=project_id, name="support", salt="shell", arms=(arm,))
    anyio.run(server.platform.local_context().db.write, lambda db: gateway.publish_endpoint(db, endpoint))
    return {"TREADLE_URL": server.url, "TREADLE_API_KEY": server.key}


def ask(server: RunningServer, text: str) -> None:
    """Ask the endpoint, as soon as the gateway knows it."""
    body = {"model": "support", "messages": [{"role": "user", "content": text}]}
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        answer = httpx2.post(
            f"{server.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {server.key}"}
        )
        if answer.status_code == 200:
            return
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def line(custom_id: str, text: str, model: str = "support") -> str:
    """Return a line of a batch."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body})


@pytest.mark.parametrize(
    ("lines", "exit_code", "told"),
    [
        ([line("a", "hello")], 0, "is completed (1 of 1 answered)"),
        ([line("a", "hello"), line("b", "teapot")], 1, "  'b': this is a teapot"),
        ([line("a", "hello"), line("a", "again")], 1, "  line 2: the custom_id 'a' is on line 1 too"),
    ],
)
def test_batch_that_is_waited_for(
    server: RunningServer, shell: dict[str, str], tmp_path: Path, lines: list[str], exit_code: int, told: str
) -> None:
    """
    Waiting for a batch ends with 0 only where every line was answered, and says why others were not.
    """
    ask(server, "are you there?")
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(lines))

    done = run("batch", "start", str(file), "--wait", **shell)

    assert exit_code == done.returncode, done.stderr
    assert told in done.stdout


def test_status_of_a_batch_that_failed(server: RunningServer, shell: dict[str, str], tmp_path: Path) -> None:
    """
    A look at a batch says why lines were not answered and where to read it all; looking itself succeeds.
    """
    ask(server, "are you there?")
    file = tmp_path / "questions.jsonl"
    file.write_text(line("b", "teapot"))
    started = json.loads(run("batch", "start", str(file), "--wait", "--json", **shell).stdout)

    done = run("batch", "status", started["id"], **shell)

    assert 0 == done.returncode
    assert "'b': this is a teapot" in done.stdout
    assert f"treadle batch results {started['id']} --errors" in done.stderr


def test_guards_of_a_trace(server: RunningServer, shell: dict[str, str]) -> None:
    """
    A trace says what each guard found and did about it, and which ones found nothing.
    """
    ask(server, "write to joe@example.org")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := server.client.traces.list_().items) and time.monotonic() < deadline:
        time.sleep(0.05)

    shown = run("trace", "show", found[0].trace_id, **shell).stdout

    assert "guard 'mail' (pii, input) masked: EMAIL 1\n" in shown
    assert "guards that found nothing: keys\n" in shown
    assert "joe@example.org" not in shown


def test_threshold_of_no_endpoint(shell: dict[str, str]) -> None:
    """
    A cache is calibrated for an endpoint that exists.
    """
    done = run("cache", "calibrate", "nosuch", **shell)

    assert (5, "treadle: there is no endpoint 'nosuch'; list them with: treadle endpoint list\n") == (
        done.returncode,
        done.stderr,
    )
