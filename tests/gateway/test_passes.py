"""Passes at the door: minutes of a key's rights, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.conftest import RunningServer
from tests.gateway.batches.desk import Desk
from tests.gateway.harness import wait_for
from treadle.gateway.passes import issue_pass
from treadle.gateway.table import INVOKE
from treadle.gateway.types import Key
from treadle.governance.types import NewApiKey


@pytest.fixture
def desk(server: RunningServer) -> Iterator[Desk]:
    """
    A real server with a scripted endpoint.
    """
    made = Desk(server)
    yield made
    made.client.close()


def test_what_a_pass_opens(desk: Desk) -> None:
    """
    A pass opens what applications call, for its time; no file, no batch and nothing of the platform.
    """
    key = _key(desk, "app")
    good = _signed(desk, key, 5)

    opened = {path: _status(desk, path, good) for path in ("/v1/models", "/v1/files", "/v1/batches", "/api/v1/runs")}

    assert {"/v1/models": 200, "/v1/files": 401, "/v1/batches": 401, "/api/v1/runs": 401} == opened
    assert 401 == _status(desk, "/v1/models", _signed(desk, key, -1))


def test_a_pass_that_was_changed(desk: Desk) -> None:
    """
    A pass whose claims or signature were changed opens nothing, nor does one of other master keys.
    """
    key = _key(desk, "app")
    good, other = _signed(desk, key, 5), issue_pass(b"other", key, datetime.now(UTC) + timedelta(minutes=5))
    claims, _, signature = good.rpartition("_")
    longer = _signed(desk, key, 50).rpartition("_")[0]

    changed = [f"{longer}_{signature}", f"{claims}_{signature[:-1]}", f"{claims}_", "tdp_", "tdp_ä_ö", other]

    assert [401] * len(changed) == [_status(desk, "/v1/models", each) for each in changed]


def test_a_pass_of_a_revoked_key(desk: Desk) -> None:
    """
    A pass ends with the key that it stands for.
    """
    good = _signed(desk, _key(desk, "app"), 5)
    before = _status(desk, "/v1/models", good)

    desk.server.client.access.revoke_key("app")

    assert 200 == before
    wait_for(lambda: _status(desk, "/v1/models", good) == 401)


def test_a_pass_of_a_person(desk: Desk) -> None:
    """
    A signed-in person has no key: the pass states what they may do, and without the right to call it is refused.
    """
    project = desk.ctx.project_id
    allowed, watcher = (
        Key(key_id="actor_x", project_id=project, secret_hmac=b"", permissions=frozenset(rights))
        for rights in ({INVOKE}, {"traces.read"})
    )

    assert 200 == _status(desk, "/v1/models", _signed(desk, allowed, 5))
    assert 403 == _status(desk, "/v1/models", _signed(desk, watcher, 5))


def _key(desk: Desk, name: str) -> Key:
    key_id = desk.server.client.access.create_key(NewApiKey(name=name, role="service")).key.split("_")[1]
    plane = desk.server.platform.data_plane
    assert plane is not None
    wait_for(lambda: plane.live.table is not None and key_id in plane.live.table.snapshot.keys)
    assert plane.live.table is not None
    return plane.live.table.snapshot.keys[key_id]


def _signed(desk: Desk, key: Key, minutes: int) -> str:
    pepper = desk.server.platform.gatekeeper.master_keys.pepper
    return issue_pass(pepper, key, datetime.now(UTC) + timedelta(minutes=minutes))


def _status(desk: Desk, path: str, text: str) -> int:
    return httpx2.get(desk.server.url + path, headers={b"authorization": f"Bearer {text}".encode()}).status_code
