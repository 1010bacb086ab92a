"""Providers as they are configured: through the API, the SDK and the CLI, on a real database, against the wall."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.gateway.wall import Fault, Wall
from treadle.client.client import Client
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.core.settings import Settings, read_settings
from treadle.gateway.providers.kinds import KINDS, dialects_of
from treadle.gateway.providers.presets import PRESETS
from treadle.gateway.providers.service import find_target_price
from treadle.gateway.providers.types import ChangedProvider, NewProvider
from treadle.gateway.service import load_snapshot
from treadle.gateway.types import Provider as ServedProvider
from treadle.gateway.types import Snapshot
from treadle.governance.envelope import MasterKeys
from treadle.governance.types import NewApiKey
from treadle.storage.database import Database

KEY = "sk-canary-0123456789"


@pytest.fixture
def wall() -> Iterator[Wall]:
    """
    A provider to be.
    """
    with Wall() as made:
        yield made


def _on(wall: Wall, **more: Any) -> NewProvider:
    return NewProvider(**{"name": "wall", "kind": "openai", "base_url": f"{wall.url}/v1", "private": True, **more})


def _snapshot(settings: Settings) -> Snapshot:
    assert settings.database_url is not None
    database = Database(settings.database_url)
    database.open()
    try:
        return asyncio.run(load_snapshot(database, MasterKeys(settings.keys_folder / "master.json")))
    finally:
        database.close()


def _served(settings: Settings, name: str) -> ServedProvider:
    (found,) = [provider for (_, each), provider in _snapshot(settings).providers.items() if each == name]
    return found


def test_from_a_preset(client: Client, settings: Settings) -> None:
    """
    A well-known provider needs a key and nothing else; the gateway gets all of it.
    """
    made = client.providers.create(NewProvider(preset="anthropic", secret=KEY))

    assert ("anthropic", "anthropic", "https://api.anthropic.com/v1", True, False) == (
        made.name,
        made.kind,
        made.base_url,
        made.has_secret,
        made.private,
    )
    served = _served(settings, "anthropic")
    assert (KEY, "https://api.anthropic.com/v1", "anthropic") == (served.secret, served.base_url, served.kind)


def test_the_key_is_nowhere(client: Client, settings: Settings, database_url: str) -> None:
    """
    Neither database, answers, audit log nor the configuration's hash hold the key.
    """
    client.providers.create(NewProvider(preset="openai", secret=KEY))
    before = _snapshot(settings)
    client.providers.set_key("openai", KEY + "-2")
    after = _snapshot(settings)

    with psycopg.connect(database_url) as connection:
        rows = [str(connection.execute(f"select * from {table}").fetchall())
                for table in ("gateway_providers", "secrets", "audit_entries")]  # fmt: skip

    assert "canary" not in "".join(rows)
    assert "canary" not in str(client.providers.list_())
    assert "canary" not in repr(NewProvider(preset="openai", secret=KEY))
    assert "canary" not in repr(list(after.providers.values()))
    assert before.hash == after.hash
    assert before != after


def test_the_hash_follows_the_provider(client: Client, settings: Settings, wall: Wall) -> None:
    """
    Another provider is another configuration.
    """
    before = _snapshot(settings).hash

    client.providers.create(_on(wall))

    assert before != _snapshot(settings).hash


def test_another_destination(client: Client, settings: Settings, wall: Wall) -> None:
    """
    Another base URL drops the stored key and says so; the audit log does too.
    """
    client.providers.create(_on(wall, secret=KEY))
    elsewhere = f"{wall.url}/v2"

    changed = client.providers.change("wall", ChangedProvider(kind="openai", base_url=elsewhere, private=True))

    assert not changed.has_secret
    assert "dropped" in (changed.notice or "")
    assert "" == _served(settings, "wall").secret
    entries = {entry.action: entry.detail for entry in client.audit.list_().items}
    assert entries["providers.change"]["dropped_secret"] is True
    assert "secrets.delete" in entries


def test_the_same_destination(client: Client, settings: Settings, wall: Wall) -> None:
    """
    Where the base URL stays, the key stays; a slash at its end is no change.
    """
    client.providers.create(_on(wall, secret=KEY))

    changed = client.providers.change(
        "wall", ChangedProvider(kind="openai", base_url=f"{wall.url}/v1/", private=True, max_connections=7)
    )

    assert (True, None, 7) == (changed.has_secret, changed.notice, changed.max_connections)
    assert KEY == _served(settings, "wall").secret


def test_another_destination_with_its_key(client: Client, settings: Settings, wall: Wall) -> None:
    """
    A new key that comes with the new base URL is the one that is kept.
    """
    client.providers.create(_on(wall, secret=KEY))

    changed = client.providers.change(
        "wall", ChangedProvider(kind="openai", base_url=f"{wall.url}/v2", private=True, secret="sk-new")
    )

    assert (True, None) == (changed.has_secret, changed.notice)
    assert "sk-new" == _served(settings, "wall").secret


def test_a_key_that_an_older_provider_left(client: Client, settings: Settings, wall: Wall) -> None:
    """
    A provider that is removed takes its key along, and a new one of its name never gets an older key.
    """
    client.providers.create(_on(wall, secret=KEY))
    client.providers.remove("wall")

    made = client.providers.create(_on(wall))

    assert not made.has_secret
    assert "" == _served(settings, "wall").secret


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"preset": "nonsense"}, "no preset 'nonsense'"),
        ({"name": "x"}, "kind and base_url"),
        ({"preset": "azure"}, "angle brackets"),
        ({"name": "engine", "kind": "openai", "base_url": "https://api.openai.com/v1"}, "always there"),
        ({"name": "x", "kind": "openai", "base_url": "ftp://example.com"}, "scheme"),
        ({"name": "x", "kind": "openai", "base_url": "https://u:p@example.com"}, "user name"),
        ({"name": "x", "kind": "openai", "base_url": "http://2130706433/v1"}, "number"),
        ({"name": "x", "kind": "openai", "base_url": "http://127.0.0.1:1/v1"}, "private address"),
        ({"name": "x", "kind": "openai", "base_url": "http://localhost:1/v1"}, "private address"),
        ({"name": "x", "kind": "openai", "base_url": "http://[::ffff:10.0.0.1]/v1"}, "private address"),
        (
            {"name": "x", "kind": "openai", "base_url": "http://169.254.169.254/v1", "private": True},
            "never connected to",
        ),
        ({"name": "x", "kind": "openai", "base_url": "http://nowhere.invalid/v1"}, "does not resolve"),
        ({"preset": "openai", "headers": {"authorization": "Bearer x"}}, "carries a key"),
        ({"preset": "openai", "headers": {"host": "evil"}}, "set by the gateway"),
        ({"preset": "openai", "secret": "sk-a\r\nx: y"}, "characters"),
        ({"preset": "openai", "secret": "sk-…"}, "characters"),
    ],
)
def test_what_cannot_be(client: Client, new: dict[str, Any], words: str) -> None:
    """
    Whatever is wrong is said in words, and nothing is kept.
    """
    with pytest.raises(InvalidInput) as caught:
        client.providers.create(NewProvider(**new))

    assert words in caught.value.message
    assert [] == client.providers.list_()


def test_a_name_in_use(client: Client) -> None:
    """
    Names are unique; the key of the one that was there first stays.
    """
    client.providers.create(NewProvider(preset="openai", secret=KEY))

    with pytest.raises(Conflict) as caught:
        client.providers.create(NewProvider(preset="openai"))

    assert "providers.exists" == caught.value.error_code
    assert client.providers.get("openai").has_secret


def test_who_may(server: Any, wall: Wall) -> None:
    """
    An admin configures providers, but only an owner opens private addresses; a viewer only looks.
    """
    admin = server.client.access.create_key(NewApiKey(name="admin", role="admin")).key
    viewer = server.client.access.create_key(NewApiKey(name="viewer", role="viewer")).key
    server.client.providers.create(NewProvider(preset="openai", secret=KEY))

    with Client(server.url, api_key=admin) as client:
        client.providers.create(NewProvider(preset="groq", secret=KEY))
        with pytest.raises(Denied):
            client.providers.create(_on(wall))
        with pytest.raises(Denied):
            client.providers.create(NewProvider(preset="ollama"))
    with Client(server.url, api_key=viewer) as client:
        assert ["groq", "openai"] == [each.name for each in client.providers.list_()]
        with pytest.raises(Denied):
            client.providers.set_key("openai", "x")


def test_nobody_by_that_name(client: Client) -> None:
    """
    Verbs on a provider that is not there say so.
    """
    for verb in (client.providers.get, client.providers.remove, client.providers.check):
        with pytest.raises(NotFound):
            verb("nobody")


def test_a_check_with_a_model(client: Client, wall: Wall) -> None:
    """
    One real call with the stored key.
    """
    client.providers.create(_on(wall, secret=KEY))

    found = client.providers.check("wall", model="m")

    assert (True, 200) == (found.is_working, found.status)
    seen = wall.requests[0]
    assert ("/v1/chat/completions", f"Bearer {KEY}", "m") == (
        seen.path,
        seen.headers["authorization"],
        seen.body["model"],
    )


def test_a_check_without_a_model(client: Client, wall: Wall) -> None:
    """
    Without a model the provider's models are listed, which costs nothing.
    """
    client.providers.create(_on(wall, secret=KEY))

    found = client.providers.check("wall")

    assert (True, ["wall"]) == (found.is_working, found.models)
    assert "/v1/models" == wall.requests[0].path


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=401, error="bad key"), "refused the stored key with status 401 ('bad key')"),
        (Fault(status=404), "has no model 'm'"),
        (Fault(status=429), "used up"),
        (Fault(status=500), "fails on its side"),
        (Fault(status=400, error="no such field"), "no such field"),
        (Fault(redirect="http://127.0.0.1/elsewhere"), "redirects"),
        (Fault(garbage=True), "http or https"),
        (Fault(close=True), "broke off"),
    ],
)
def test_a_check_that_finds_a_fault(client: Client, wall: Wall, fault: Fault, words: str) -> None:
    """
    What is wrong is said in words.
    """
    client.providers.create(_on(wall, secret=KEY))
    wall.behave("m", fault)

    found = client.providers.check("wall", model="m")

    assert not found.is_working
    assert words in found.message


def test_a_check_of_a_server_that_is_gone(client: Client, wall: Wall) -> None:
    """
    A server that does not run is said to be that.
    """
    with Wall() as gone:
        client.providers.create(_on(gone))

    found = client.providers.check("wall", model="m")

    assert (False, None) == (found.is_working, found.status)
    assert "nobody listens" in found.message


@pytest.mark.parametrize(
    ("kind", "path"), [("azure", "/openai/v1"), ("azure", ""), ("anthropic", "/v1"), ("gemini", "/v1beta")]
)
def test_a_check_of_each_kind(client: Client, wall: Wall, kind: Any, path: str) -> None:
    """
    Each kind is asked in its own dialect, with and without a model.
    """
    client.providers.create(_on(wall, kind=kind, base_url=wall.url + path, secret=KEY))

    assert client.providers.check("wall", model="m").is_working
    assert client.providers.check("wall").is_working


def test_every_preset_is_whole() -> None:
    """
    A preset names a kind that there is, a base URL that is good once it is filled in, and dialects of its kind.
    """
    from treadle.gateway.addresses import url_fault

    for preset in PRESETS.values():
        assert url_fault(preset.base_url.replace("<resource>", "r").replace("<region>", "us-east-1")) is None
        served = ServedProvider(project_id="p", name=preset.name, kind=preset.kind, options=preset.options)
        named = preset.options.get("dialects", "").split(",") if preset.options.get("dialects") else []
        assert len(named or KINDS[preset.kind].dialects) == len(dialects_of(KINDS[preset.kind], served))
        assert preset.private or preset.base_url.startswith("https://")


def test_a_server_that_others_reach(settings: Settings, wall: Wall) -> None:
    """
    There the owner's permission is not enough: the address must be on the server's list.
    """
    from treadle.server.local import mounted

    open_to_all = settings.model_copy(update={"host": "0.0.0.0"})
    with mounted(open_to_all) as client, pytest.raises(InvalidInput, match="TREADLE_PRIVATE_HOSTS"):
        client.providers.create(_on(wall))

    with mounted(open_to_all.model_copy(update={"private_hosts": ("127.0.0.0/8",)})) as client:
        assert client.providers.create(_on(wall)).private


def test_the_setting() -> None:
    """
    The list comes from the environment, with commas between.
    """
    settings = read_settings({"TREADLE_PRIVATE_HOSTS": "vllm.internal, 10.1.0.0/16,"})

    assert ("vllm.internal", "10.1.0.0/16") == settings.private_hosts


def test_prices_of_targets() -> None:
    """
    A listed provider's model has its price; a server of one's own has none, whatever its models are called.
    """

    def provider(kind: str, base_url: str, *, private: bool = False) -> ServedProvider:
        return ServedProvider(project_id="p", name="n", kind=kind, base_url=base_url, private=private)

    assert find_target_price(provider("openai", "https://api.openai.com/v1"), "gpt-4o-mini") is not None
    assert find_target_price(provider("bedrock", "https://x"), "anthropic.claude-3-5-sonnet-20240620-v1:0") is not None
    assert find_target_price(provider("openai", "https://llm.example.com/v1"), "gpt-4o-mini") is None
    assert find_target_price(provider("openai", "http://10.0.0.7/v1", private=True), "gpt-4o-mini") is None
    assert find_target_price(None, "gpt-4o-mini") is None
