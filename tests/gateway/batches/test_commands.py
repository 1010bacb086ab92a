"""Batches through the SDK and the command line: the same objects, the server's own kinds of error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.gateway.batches.desk import Desk, request
from treadle.cli.main import cli
from treadle.core.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
def terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """
    A terminal that talks to the desk's server.
    """
    monkeypatch.setenv("TREADLE_URL", desk.server.url)
    monkeypatch.setenv("TREADLE_API_KEY", desk.server.key)
    monkeypatch.setenv("COLUMNS", "240")
    return CliRunner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """
    Two good lines and one that the upstream refuses.
    """
    path = tmp_path / "lines.jsonl"
    lines = [request("a", "say one"), request("b", "say two"), request("c", "bad")]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_from_python(desk: Desk, file: Path) -> None:
    """
    The SDK starts a batch over a file, waits for it and reads what came of it.
    """
    batches = desk.server.client.batches
    seen: list[str] = []

    started = batches.start(file, metadata={"for": "sdk"})
    done = batches.wait(started.id, on_change=lambda batch: seen.append(batch.status), interval_seconds=0.05)
    answers = {line["custom_id"] for line in map(json.loads, batches.results(done.id).splitlines())}
    failed = {line["custom_id"] for line in map(json.loads, batches.results(done.id, errors=True).splitlines())}

    assert ("completed", {"a", "b"}, {"c"}) == (done.status, answers, failed)
    assert [started.id] == [batch.id for batch in batches.list_().data]
    assert {"lines.jsonl", f"{done.id}_output.jsonl"} <= {each.filename for each in batches.list_files().data}


def test_errors_are_the_servers_kinds(desk: Desk, file: Path) -> None:
    """
    What OpenAI's shape says becomes the SDK's own kinds, with code and words.
    """
    batches = desk.server.client.batches
    done = batches.wait(batches.start(file).id, interval_seconds=0.05)

    with pytest.raises(NotFound, match="there is no batch"):
        batches.get("batch_x")
    with pytest.raises(InvalidInput, match="/v1/chat/completions") as caught:
        batches.start(file, endpoint="/v1/images")
    with pytest.raises(Conflict):
        batches.cancel(done.id)

    assert "gateway.batch_endpoint" == caught.value.error_code


def test_from_the_command_line(terminal: CliRunner, file: Path, tmp_path: Path) -> None:
    """
    start --wait, status, list and results print what a person or a pipe needs.
    """
    batch_id = json.loads(terminal.invoke(cli, ["batch", "start", str(file), "--wait", "--json"]).output)["id"]
    status = terminal.invoke(cli, ["batch", "status", batch_id])
    listed = terminal.invoke(cli, ["batch", "list"])
    printed = terminal.invoke(cli, ["batch", "results", batch_id])
    written = terminal.invoke(cli, ["batch", "results", batch_id, "--errors", "--to", str(tmp_path / "e")])
    cancelled = terminal.invoke(cli, ["batch", "cancel", batch_id])

    assert "completed (2 of 3 answered, 1 failed)" in status.output
    assert batch_id in listed.output
    assert {"a", "b"} == {json.loads(line)["custom_id"] for line in printed.output.splitlines()}
    assert "wrote 1 lines" in written.output
    assert isinstance(cancelled.exception, Conflict)
    assert "nothing to cancel" in cancelled.exception.message
