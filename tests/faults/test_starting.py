"""What `treadle up` meets: a taken port, a second server, no database, a full disk, a database that dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import RunningServer, running
from treadle.client.client import Client
from treadle.core.errors import Conflict, InvalidInput, Unavailable
from treadle.core.settings import Settings, read_settings
from treadle.prompts.types import Message
from treadle.storage.blobs import Blobs
from treadle.storage.errors import DiskFull
from treadle.storage.workspace import Workspace


def test_port_taken(tmp_path: Path) -> None:
    """
    A taken port is said to be that, with another one to try, exit code 6, and nothing was started or made.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = _treadle("up", "--port", str(port), "--workspace", str(tmp_path / "ws"))

    assert 6 == done.returncode
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert f"--port {port + 1}, or TREADLE_PORT={port + 1}" in done.stderr
    assert not (tmp_path / "ws").exists()


def test_second_server_on_one_workspace(server: RunningServer) -> None:
    """
    A second `up` on a workspace names the server that has it, and that one goes on serving.
    """
    done = _treadle("up", "--port", "0", "--workspace", str(server.platform.settings.workspace))

    assert 6 == done.returncode
    assert server.url in done.stderr
    assert "local" == server.client.access.me().actor.name


def test_command_uses_the_running_server(server: RunningServer) -> None:
    """
    A command on a served workspace goes through its server; without one it mounts the application and says the same.
    """
    workspace = str(server.platform.settings.workspace)
    server.client.prompts.create_version("greeting", [Message(role="user", template="Hello")])

    done = _treadle("prompt", "list", "--json", workspace=workspace)

    assert 0 == done.returncode, done.stderr
    assert '"greeting"' in done.stdout


def test_no_database_at_the_start(tmp_path: Path) -> None:
    """
    A database that does not answer ends `up` with 7, its address and no password.
    """
    done = _treadle(
        "up", "--port", "0", "--workspace", str(tmp_path), "--database", "postgresql://me:hidden@127.0.0.1:9/x"
    )

    assert 7 == done.returncode
    assert "hidden" not in done.stderr
    assert "treadle doctor" in done.stderr


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    """
    Wrong settings are told all at once.
    """
    with pytest.raises(InvalidInput) as caught:
        read_settings(
            {
                "TREADLE_PORT": "http",
                "TREADLE_DATABASE_URL": "sqlite:///x",
                "TREADLE_MAX_RUNS": "0",
                "TREADLE_GATEWAY_MAX_BODY_MIB": "2048",
                "TREADLE_DRAIN_SECONDS": "30s",
            }
        )

    assert "'http'" in caught.value.message
    assert "'0' is not a number from 1 to 64" in caught.value.message
    assert "postgresql://" in caught.value.message
    assert "'2048' is not a number of MiB from 1 to 1024" in caught.value.message
    assert "'30s' is not a number of seconds from 0 to 3600" in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="kills the embedded PostgreSQL by its process id")
def test_database_dies_in_the_middle(tmp_path: Path) -> None:
    """
    When the embedded PostgreSQL is killed, requests are told to come back (503), it is started again, and what was kept is there.
    """
    for server in running(Settings(workspace=tmp_path / "ws", port=0)):
        server.client.prompts.create_version("greeting", [Message(role="user", template="Hello")])
        assert server.platform.workspace.postgres is not None
        pid = server.platform.workspace.postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        answers = []
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline and "greeting" not in answers:
            try:
                answers.append(server.client.prompts.get("greeting").name)
            except Unavailable as error:
                answers.append(error.error_code)
            time.sleep(0.1)

        assert "greeting" == answers[-1]
        assert {"storage.database_unavailable"} >= set(answers[:-1])
        assert pid != server.platform.workspace.postgres.pid


def test_object_store_beside_a_database(tmp_path: Path, database_url: str) -> None:
    """
    `up --database URL --blobs URL` starts no PostgreSQL of its own and keeps files in the store.
    """
    settings = Settings(
        workspace=tmp_path / "ws", database_url=database_url, blobs_url=f"file://{tmp_path}/store", port=0
    )
    for server in running(settings):
        blob = server.platform.blobs.put_bytes(b"kept")

        assert not (tmp_path / "ws" / "postgres").exists()
        assert not (tmp_path / "ws" / "blobs" / "sha256").exists()
        assert any((tmp_path / "store").rglob(blob.digest.removeprefix("sha256:")))


def test_workspace_that_is_held(tmp_path: Path) -> None:
    """
    A workspace is opened once at a time, and free again as soon as its holder is gone.
    """
    settings = Settings(workspace=tmp_path / "ws", database_url="postgresql://127.0.0.1/unused")
    first = Workspace(settings)
    first.open()
    with pytest.raises(Conflict) as caught:
        Workspace(settings).open()
    first.close()

    assert "storage.workspace_in_use" == caught.value.error_code
    again = Workspace(settings)
    again.open()
    again.close()
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (tmp_path / "ws", *tmp_path.glob("ws/*/"))}


def test_disk_full(tmp_path: Path) -> None:
    """
    A file that does not fit is refused with the next step, and no part of it stays.
    """
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system can only be mounted as root")
    try:
        blobs = Blobs(None, folder=folder)
        with pytest.raises(DiskFull) as caught:
            blobs.put_bytes(b"x" * 1_000_000)

        assert "free some space" in caught.value.message
        assert [] == [path for path in folder.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_expired_key(server: RunningServer, database_url: str) -> None:
    """
    An expired key gets 401, when it expired and how to get another.
    """
    import psycopg

    from treadle.core.errors import Unauthenticated
    from treadle.governance.types import NewApiKey

    made = server.client.access.create_key(NewApiKey(name="old", role="viewer", days=1))
    with psycopg.connect(database_url) as connection:
        connection.execute("update api_keys set expires_at = now() - interval '1 day' where name = 'old'")

    with Client(server.url, api_key=made.key) as client, pytest.raises(Unauthenticated) as caught:
        client.access.me()

    assert "access.expired_key" == caught.value.error_code
    assert "treadle access key create" in caught.value.message


def test_malformed_json(server: RunningServer) -> None:
    """
    A body that is no JSON gets a problem that names where it breaks.
    """
    import httpx2

    answer = httpx2.post(
        f"{server.url}/api/v1/access/keys",
        content=b'{"name": ',
        headers={"authorization": f"Bearer {server.key}", "content-type": "application/json"},
    )

    assert 422 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert "http.invalid_request" == answer.json()["code"]
    assert (
        "the request is not JSON: expecting value; what the API takes is described at /openapi.json"
        == answer.json()["detail"]
    )


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_cannot_be_kept(server: RunningServer, text: str) -> None:
    """
    A text with NUL or half of a surrogate pair is refused with what is wrong, in a body, a path and a query alike.
    """
    import httpx2

    authorized = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    template = [{"role": "user", "template": text}]

    answers = [
        httpx2.post(f"{server.url}/api/v1/prompts/greeting/versions", content=json.dumps(body), headers=authorized)
        for body in ({"messages": template}, {"messages": [{"role": "user", "template": "x"}], "message": text})
    ]
    if text == "a\0b":
        answers += [
            httpx2.get(f"{server.url}/api/v1/runs/run_%00", headers=authorized),
            httpx2.get(f"{server.url}/api/v1/runs?kind=%00", headers=authorized),
        ]

    assert {422} == {answer.status_code for answer in answers}, [answer.text for answer in answers]


def _treadle(*arguments: str, workspace: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TREADLE_")}
    if workspace is not None:
        environment["TREADLE_WORKSPACE"] = workspace
    command = [sys.executable, "-m", "treadle.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=environment)
