"""`treadle provider`, as typed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import RunningServer
from tests.gateway.harness import serving
from tests.gateway.wall import Fault, Wall
from treadle.cli.main import cli
from treadle.gateway.providers.scripted import scripted_server
from treadle.gateway.types import Rule

KEY = "sk-canary-0123456789"


@pytest.fixture
def treadle(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """
    A terminal that talks to the test's server.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    monkeypatch.setenv("COLUMNS", "240")
    return CliRunner()


def test_the_scripted_model_as_documented(treadle: CliRunner) -> None:
    """
    Both checks that are printed work with a scripted server: listing its models, and asking one.
    """
    with serving(scripted_server([Rule(reply="Which order?")])) as url:
        given = ["--preset", "vllm", "--url", f"{url}/v1", "--option", "dialects=chat", "--no-key"]

        added = treadle.invoke(cli, ["provider", "add", "script", *given])
        listed = treadle.invoke(cli, ["provider", "check", "script"])
        asked = treadle.invoke(cli, ["provider", "check", "script", "--model", "scripted"])

    assert "check it: treadle provider check script" in added.output
    assert "lists 1 models" in listed.output
    assert "answered with model 'scripted'" in asked.output


def test_from_nothing_to_a_provider_that_works(treadle: CliRunner) -> None:
    """
    A provider is added with its key from standard input, checked, shown and removed; its key is never printed.
    """
    with Wall() as wall:
        url = f"{wall.url}/v1"
        empty = treadle.invoke(cli, ["provider", "list"])
        added = treadle.invoke(
            cli,
            ["provider", "add", "gpu", "--preset", "vllm", "--url", url, "--option", "dialects=chat", "--region", "eu"],
            input=KEY + "\n",
        )
        listed = treadle.invoke(cli, ["provider", "list"])
        shown = treadle.invoke(cli, ["provider", "show", "gpu", "--json"])
        works = treadle.invoke(cli, ["provider", "check", "gpu", "--model", "m"])
        wall.behave("m", Fault(status=401, error="bad key"))
        refused = treadle.invoke(cli, ["provider", "check", "gpu", "--model", "m"])
        rekeyed = treadle.invoke(cli, ["provider", "key", "gpu"], input="sk-new\n")
        treadle.invoke(cli, ["provider", "check", "gpu", "--model", "m"])
        removed = treadle.invoke(cli, ["provider", "remove", "gpu"])

        keys = [seen.headers["authorization"] for seen in wall.requests]

    assert "treadle provider add openai" in empty.output
    assert "its key is stored" in added.output
    assert url in listed.output
    facts = json.loads(shown.output)
    assert ({"dialects": "chat"}, "eu", True, "vllm") == (
        facts["options"],
        facts["region"],
        facts["private"],
        facts["preset"],
    )
    assert (0, True) == (works.exit_code, works.output.startswith("works:"))
    assert (7, True) == (refused.exit_code, "bad key" in refused.output)
    assert "is stored" in rekeyed.output
    assert "forgotten" in removed.output
    assert [f"Bearer {KEY}", f"Bearer {KEY}", "Bearer sk-new"] == keys
    printed = [each.output for each in (added, listed, shown, works, refused, rekeyed)]
    assert "canary" not in "".join(printed)


def test_a_provider_is_changed(treadle: CliRunner) -> None:
    """
    What is left out of a change stays, NAME= takes a value away, and a key is dropped with the place that it was given for.
    """
    add = ["provider", "add", "gpu", "--preset", "vllm", "--url", "http://127.0.0.1:9/v1", "--option", "dialects=chat"]
    treadle.invoke(cli, add, input=KEY)

    change = ["provider", "change", "gpu"]
    kept = json.loads(treadle.invoke(cli, [*change, "--region", "eu", "--header", "x-team=a", "--json"]).output)
    moved = treadle.invoke(cli, [*change, "--url", "http://127.0.0.1:10/v1", "--option", "dialects="])
    last = json.loads(treadle.invoke(cli, ["provider", "show", "gpu", "--json"]).output)

    assert ("eu", {"x-team": "a"}, {"dialects": "chat"}, True) == (
        kept["region"],
        kept["headers"],
        kept["options"],
        kept["has_secret"],
    )
    assert "the stored key was dropped" in moved.output
    assert ("http://127.0.0.1:10/v1", "eu", {}, False) == (
        last["base_url"],
        last["region"],
        last["options"],
        last["has_secret"],
    )
    treadle.invoke(cli, ["provider", "remove", "gpu"])


def test_the_scripted_model_of_the_documentation(treadle: CliRunner) -> None:
    """
    The server of rules that docs/gateway.md shows is a provider as its commands say.
    """
    page = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")
    block = next(part for part in page.split("```") if "scripted_server" in part).removeprefix("python\n")
    made: dict[str, Any] = {}
    exec(block, made)  # noqa: S102 - our own documentation

    with serving(made["app"]) as url:
        (add,) = (line for line in page.splitlines() if line.startswith("treadle provider add script"))
        added = treadle.invoke(cli, shlex.split(add.replace("http://127.0.0.1:9000", url))[1:], input="")
        works = treadle.invoke(cli, ["provider", "check", "script", "--model", "any"])

    assert "no key is stored" in added.output
    assert (0, True) == (works.exit_code, works.output.startswith("works:"))


def test_a_preset_by_its_name(treadle: CliRunner) -> None:
    """
    The name of a preset is enough.
    """
    added = treadle.invoke(cli, ["provider", "add", "anthropic"], input=KEY)
    presets = treadle.invoke(cli, ["provider", "presets"])

    assert "https://api.anthropic.com/v1" in added.output
    assert "bedrock-runtime.<region>.amazonaws.com" in presets.output


def test_an_option_that_is_none(treadle: CliRunner) -> None:
    """
    What is not NAME=VALUE is a usage error.
    """
    result = treadle.invoke(cli, ["provider", "add", "openai", "--option", "nonsense"], input=KEY)

    assert 2 == result.exit_code
    assert "is not NAME=VALUE" in result.output


def test_a_provider_that_is_neither_known_nor_described(treadle: CliRunner) -> None:
    """
    A name that is no preset needs what it speaks and where; the options that say so are named.
    """
    refused = treadle.invoke(cli, ["provider", "add", "acme", "--url", "https://llm.acme.example/v1", "--no-key"])

    assert 2 == refused.exit_code
    assert (
        "'acme' is not a known provider (see: treadle provider presets), so it needs --kind and --url" in refused.output
    )
