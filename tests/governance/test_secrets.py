"""Secrets at rest: closed, bound to their place, rotated while everything serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import RunningServer
from tests.governance.opening import opened
from treadle.client.client import Client
from treadle.core.errors import Denied, InvalidInput, NotFound, Unavailable
from treadle.core.settings import Settings
from treadle.governance.envelope import MasterKeys
from treadle.governance.types import NewApiKey


@given(st.text(), st.text(min_size=1))
def test_opens_only_in_its_place(tmp_path_factory: pytest.TempPathFactory, text: str, place: str) -> None:
    """
    An envelope opens to what was closed in it, where it was closed, and nowhere else.
    """
    keys = MasterKeys(tmp_path_factory.mktemp("keys") / "master.json")
    envelope = keys.close(text, place)

    assert text == keys.open(envelope, place)
    with pytest.raises(Unavailable):
        keys.open(envelope, place + "x")


def test_rotation_keeps_what_was_closed(tmp_path: Path) -> None:
    """
    After a rotation old envelopes still open, new ones name the new key, and rewrapped ones need only that.
    """
    keys = MasterKeys(tmp_path / "master.json")
    old = keys.close("value", "place")
    keys.rotate()

    assert "value" == keys.open(old, "place")
    assert keys.rewrap(old, "place").startswith("v1:k2:")
    assert "value" == keys.open(keys.rewrap(old, "place"), "place")


def test_value_is_nowhere_in_the_database(client: Client, database_url: str) -> None:
    """
    What the database holds of a secret does not contain it, and no list shows it.
    """
    client.secrets.set_("openai", "sk-canary-0123456789")
    with psycopg.connect(database_url) as connection:
        rows = str(connection.execute("select * from secrets").fetchall()) + str(
            connection.execute("select * from audit_entries").fetchall()
        )

    assert "canary" not in rows
    assert "canary" not in str(client.secrets.list_())


def test_rotate_through_the_door(client: Client) -> None:
    """
    Rotating rewraps every secret of the project.
    """
    client.secrets.set_("one", "1")
    client.secrets.set_("two", "2")

    assert 2 == client.secrets.rotate()
    assert {"k2"} == {secret.master_key_id for secret in client.secrets.list_()}


def test_secrets_of_every_project(server: RunningServer) -> None:
    """
    All projects share the master keys, so a rotation reseals the secrets of all of them, and each opens in its own place.
    """
    server.client.projects.create("research")
    key = server.client.projects.create_key("research", NewApiKey(name="first", role="owner"))
    server.client.secrets.set_("openai", "ours")
    with Client(server.url, api_key=key.key) as member:
        member.secrets.set_("openai", "theirs")

        assert 2 == server.client.secrets.rotate()
        assert ["k2"] == [secret.master_key_id for secret in member.secrets.list_()]
    assert "ours" == opened(server.platform)["openai"]


def test_two_rotations_at_once(server: RunningServer) -> None:
    """
    Rotations that are asked for together are done one after the other: every secret is closed with the newest key, and opens.
    """
    for number in range(20):
        server.client.secrets.set_(f"secret-{number}", str(number))

    with ThreadPoolExecutor(4) as pool:
        assert [20] * 4 == list(pool.map(lambda _: server.client.secrets.rotate(), range(4)))

    assert {"k5"} == {secret.master_key_id for secret in server.client.secrets.list_()}
    assert {f"secret-{number}": str(number) for number in range(20)} == opened(server.platform)


def test_two_processes_rotate_one_file(tmp_path: Path) -> None:
    """
    Whoever rotates the same file at the same time adds a key each; none is lost, and each opens what the others closed.
    """
    path = tmp_path / "master.json"
    keepers = [MasterKeys(path) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(lambda keys: [keys.rotate() for _ in range(5)], keepers))
    envelopes = [keys.close("value", "place") for keys in keepers]

    assert 20 == len({key_id for ids in fresh for key_id in ids})
    assert {"value"} == {keys.open(envelope, "place") for keys in keepers for envelope in envelopes}


def test_delete_unknown(client: Client) -> None:
    """
    Forgetting what is not there is said to be that.
    """
    with pytest.raises(NotFound):
        client.secrets.delete("nothing")


@pytest.mark.parametrize("name", ["a b", "-a", "a" * 81, "a|b", "\u202e"])
def test_name_that_cannot_be(client: Client, name: str) -> None:
    """
    A secret's name is 1 to 80 letters, digits, '.', '_' or '-'.
    """
    with pytest.raises(InvalidInput):
        client.secrets.set_(name, "value")


def test_exposed_master_keys(settings: Settings) -> None:
    """
    Master keys that others can read are refused.
    """
    path = settings.workspace / "master.json"
    settings.workspace.mkdir()
    MasterKeys(path)
    path.chmod(0o644)

    with pytest.raises(Denied) as caught:
        MasterKeys(path)

    assert "chmod 600" in caught.value.message
