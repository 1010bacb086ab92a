"""The audit log tells when it was tampered with."""

from __future__ import annotations

from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.conftest import RunningServer
from treadle.client.client import Client
from treadle.governance.types import NewApiKey

TAMPER = {
    "detail": "update audit_entries set detail = '{}' where sequence = 2",
    "removed": "delete from audit_entries where sequence = 2",
    "swapped": "update audit_entries set sequence = case sequence when 2 then 102 when 3 then 2 else 3 end where sequence in (2, 3)",
}


def test_whole_log(client: Client) -> None:
    """
    Everything that was done is there, in order, and verifies.
    """
    _do_three_things(client)

    report = client.audit.verify()

    assert report.is_intact
    assert 3 == report.entries
    assert ["access.create_key"] * 3 == [entry.action for entry in client.audit.list_().items]


def test_who_did_it(server: RunningServer) -> None:
    """
    The list names who acted, also the owner of the workspace in another project; the id stays beside it.
    """
    server.client.projects.create("research")
    key = server.client.projects.create_key("research", NewApiKey(name="ana", role="admin"))
    with Client(server.url, api_key=key.key) as ana:
        ana.access.create_key(NewApiKey(name="app"))
        entries = ana.audit.list_().items

    assert [f"ana ({key.api_key.key_id})", "local"] == [entry.actor_name for entry in entries]
    assert key.api_key.actor_id == entries[0].actor_id


def test_some_of_the_log(client: Client) -> None:
    """
    The list can be narrowed to an actor, to an action or a slice's actions, and to what it was done to; all of them together.
    """
    _do_three_things(client)
    client.secrets.set_("openai", "sk-one")
    newest = client.audit.list_().items[0]

    assert ["secrets.set"] == [entry.action for entry in client.audit.list_(action="secrets").items]
    assert ["secrets.set"] == [entry.action for entry in client.audit.list_(action="secrets.set").items]
    assert [] == client.audit.list_(action="secret").items
    assert [newest] == client.audit.list_(object_id="openai", actor_id=newest.actor_id).items
    assert [] == client.audit.list_(object_id="openai", actor_id="act_nobody").items
    assert [newest] == client.audit.list_(action="secrets", limit=1).items


@pytest.mark.parametrize("deed", TAMPER)
def test_tampered_log(client: Client, database_url: str, deed: str) -> None:
    """
    An entry that was changed, removed or moved by somebody with the database in hand is found.
    """
    _do_three_things(client)
    with psycopg.connect(database_url) as connection:
        connection.execute(TAMPER[deed].encode())

    report = client.audit.verify()

    assert not report.is_intact
    assert report.first_fault is not None


def test_cut_off_end(client: Client, database_url: str) -> None:
    """
    With the newest hash kept elsewhere, a log whose end was cut off is found too.
    """
    _do_three_things(client)
    head = client.audit.verify().head
    with psycopg.connect(database_url) as connection:
        connection.execute("delete from audit_entries where sequence = 3")

    assert client.audit.verify().is_intact
    assert not client.audit.verify(expected_head=head).is_intact


def test_application_cannot_change_the_log(client: Client, database_url: str) -> None:
    """
    The role that serves requests may add entries and never change or remove one.
    """
    _do_three_things(client)

    with psycopg.connect(database_url) as connection:
        connection.execute("set role treadle_app")
        connection.execute("select set_config('treadle.project', 'prj_00000000000000000000000000', false)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from audit_entries")


def test_signing_in_is_on_record(server: RunningServer) -> None:
    """
    Who made a link that signs its opener in, and that somebody used it, is in the log; a session from a key says which key.
    """
    token = server.client.access.create_sign_in_link().token
    for given in ({"token": token}, {"key": server.key}):
        httpx2.post(f"{server.url}/api/v1/session", json=given).raise_for_status()

    from_key, from_link, link = server.client.audit.list_().items

    assert "access.create_link" == link.action
    assert ("access.sign_in", {"with": "link"}) == (from_link.action, from_link.detail)
    assert ("access.sign_in", {"with": "key", "key_id": server.key[4:16]}) == (from_key.action, from_key.detail)


def test_work_is_on_record(client: Client, tmp_path: Path) -> None:
    """
    Who started which work, and who cancelled it, is in the log; cancelling what has ended is no deed.
    """
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\nhello,greeting\n")

    run = client.datasets.import_file("support", rows, mapping={"input": "text", "expected_output": "label"})
    for _ in range(2):
        client.runs.cancel(run.run_id)

    said = [(entry.action, entry.object_id, entry.detail) for entry in client.audit.list_().items]
    assert [(action, run.run_id, {"kind": "data.import"}) for action in ("jobs.cancel", "jobs.start")] == said


def _do_three_things(client: Client) -> None:
    for name in ("one", "two", "three"):
        client.access.create_key(NewApiKey(name=name))
