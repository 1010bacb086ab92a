"""API keys: their shape, their life, and what a bad one gets."""

from __future__ import annotations

import httpx2
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import RunningServer
from treadle.client.client import Client
from treadle.core.errors import Conflict, Denied, InvalidInput, Unauthenticated
from treadle.governance.keys import create_key, parse_key
from treadle.governance.types import NewApiKey


@given(st.integers(min_value=0, max_value=66), st.characters(codec="ascii", categories=["L", "N"]))
def test_checksum_catches_a_changed_character(position: int, character: str) -> None:
    """
    A key with one character changed is refused before any database is asked.
    """
    text, parsed = create_key()
    changed = text[:position] + character + text[position + 1 :]

    assert parsed == parse_key(text)
    assert (changed == text) == (parse_key(changed) is not None)


def test_key_acts_in_its_role(server: RunningServer) -> None:
    """
    A viewer's key reads and is told what it may not do.
    """
    made = server.client.access.create_key(NewApiKey(name="reader", role="viewer"))
    viewer = Client(server.url, api_key=made.key)

    assert "viewer" == viewer.access.me().actor.role
    with pytest.raises(Denied) as caught:
        viewer.access.create_key(NewApiKey(name="more"))
    viewer.close()
    assert "access.write" == caught.value.values["permission"]


def test_scope_only_takes_away(client: Client) -> None:
    """
    A scope that the role lacks is refused, not ignored.
    """
    with pytest.raises(InvalidInput) as caught:
        client.access.create_key(NewApiKey(name="sly", role="viewer", scopes=["access.write"]))

    assert "access.unknown_scope" == caught.value.error_code


def test_revoked_key(server: RunningServer) -> None:
    """
    A revoked key is refused at once and told why.
    """
    made = server.client.access.create_key(NewApiKey(name="short", role="viewer"))
    user = Client(server.url, api_key=made.key)
    user.access.me()

    server.client.access.revoke_key("short")

    with pytest.raises(Unauthenticated) as caught:
        user.access.me()
    user.close()
    assert "access.revoked_key" == caught.value.error_code


def test_link_ends_with_the_key(server: RunningServer, database_url: str) -> None:
    """
    A session that goes back to a key through a link is refused from the moment at which the key expires.
    """
    made = server.client.access.create_key(NewApiKey(name="short", role="owner", days=1))
    with Client(server.url, api_key=made.key) as boss, httpx2.Client(base_url=server.url) as browser:
        browser.post("/api/v1/session", json={"token": boss.access.create_sign_in_link().token}).raise_for_status()
        before = browser.get("/api/v1/me")
        with psycopg.connect(database_url) as connection:
            connection.execute("update api_keys set expires_at = now() where name = 'short'")
        after = browser.get("/api/v1/me")

    assert [200, 401] == [before.status_code, after.status_code]
    assert "access.expired_key" == after.json()["code"]


def test_everybody_may_read_the_roles(server: RunningServer) -> None:
    """
    Whoever is denied something is told to look at the roles, so the weakest key may.
    """
    made = server.client.access.create_key(NewApiKey(name="app"))

    with Client(server.url, api_key=made.key) as app:
        assert "owner" in {role.name for role in app.access.list_roles()}


def test_name_in_use(client: Client) -> None:
    """
    Two living keys never share a name; after revoking, the name is free again.
    """
    client.access.create_key(NewApiKey(name="app"))
    with pytest.raises(Conflict):
        client.access.create_key(NewApiKey(name="app"))
    client.access.revoke_key("app")

    assert "app" == client.access.create_key(NewApiKey(name="app")).api_key.name


@pytest.mark.parametrize("text", ["", "nonsense", "tdl_x' or 1=1 --", "tdl_" + "a" * 12 + "_" + "B" * 43 + "_000000"])
def test_malformed_key(server: RunningServer, text: str) -> None:
    """
    What is not a key gets 401 and says what a key looks like.
    """
    stranger = Client(server.url, api_key=text or "-")

    with pytest.raises(Unauthenticated) as caught:
        stranger.access.me()

    stranger.close()
    assert "access.malformed_key" == caught.value.error_code


def test_session_goes_back_to_a_key_that_somebody_else_made(server: RunningServer) -> None:
    """
    A key made within a session or through a link goes back to who made the first one.
    """
    boss = server.client.access.create_key(NewApiKey(name="boss", person="eve", role="admin"))
    with Client(server.url, api_key=boss.key) as eve:
        minted = eve.access.create_key(NewApiKey(name="minted", person="carol", role="admin"))
        makers = {eve.access.me().actor.actor_id}
    with Client(server.url, api_key=minted.key) as carol, httpx2.Client(base_url=server.url) as browser:
        carol.access.create_key(NewApiKey(name="own", person="carol", role="admin"))
        link = carol.access.create_sign_in_link().token
        for number, given in enumerate(({"key": minted.key}, {"token": link})):
            browser.post("/api/v1/session", json=given).raise_for_status()
            new = {"name": f"by session {number}", "person": "carol", "role": "admin"}
            browser.post("/api/v1/access/keys", json=new, headers={"origin": server.url}).raise_for_status()

    keys = {key.name: key.made_by for key in server.client.access.list_keys()}

    assert makers == {keys[name] for name in ("minted", "own", "by session 0", "by session 1")}
