"""Lists that are narrowed: by a part of a name, by how things stand, by a label; and paged all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.conftest import RunningServer
from treadle.cli.main import cli
from treadle.client.client import Client
from treadle.core.types import Page
from treadle.monitoring.types import Drift, NewMonitor, Threshold, Watched
from treadle.prompts.types import Message

NAMES = ("refund-email", "refund-chat", "greeting")


def make_prompts(client: Client) -> None:
    """Make three prompts, one with a label."""
    for name in NAMES:
        client.prompts.create_version(name, [Message(role="user", template=f"{name} {{{{input}}}}")])
    client.prompts.publish("refund-chat", 1, label="staging")


def test_prompts(client: Client) -> None:
    """
    Prompts are found by a part of their name, whatever its case, and by a label; a page goes on where the last one ended.
    """
    make_prompts(client)

    found = client.prompts.list_(q="REFUND")
    first = client.prompts.list_(q="refund", limit=1)
    second = client.prompts.list_(q="refund", limit=1, cursor=first.next_cursor)
    labelled = client.prompts.list_(label="staging")
    nothing = client.prompts.list_(q="%")

    assert ["refund-chat", "refund-email"] == [one.name for one in found.items]
    assert ["refund-chat"] == [one.name for one in first.items]
    assert (["refund-email"], None) == ([one.name for one in second.items], second.next_cursor)
    assert ["refund-chat"] == [one.name for one in labelled.items]
    assert [] == nothing.items


def test_datasets(client: Client) -> None:
    """
    Datasets are found by a part of their name and by what they are for.
    """
    client.datasets.create("cards", description="Questions about lost cards")
    client.datasets.create("wallets", description="Questions about coins")

    assert ["cards"] == [one.name for one in client.datasets.list_(q="LOST").items]
    assert ["wallets"] == [one.name for one in client.datasets.list_(q="wall").items]


def test_monitors(client: Client) -> None:
    """
    Monitors are found by name, by what their windows say and by the kind of their rule.
    """
    from datetime import UTC, datetime

    drift = Drift(reference_since=datetime(2026, 1, 1, tzinfo=UTC), reference_until=datetime(2026, 1, 2, tzinfo=UTC))
    client.monitors.create(NewMonitor(name="errors", signal=Watched(metric="error_rate"), rule=Threshold(above=0.1)))
    client.monitors.create(NewMonitor(name="texts", signal=Watched(), rule=drift, window_minutes=60))

    assert ["texts"] == [one.name for one in client.monitors.list_(rule="drift").items]
    assert ["errors"] == [one.name for one in client.monitors.list_(q="err").items]
    begun = client.monitors.get("errors").condition
    assert ["errors", "texts"] == [one.name for one in client.monitors.list_(condition=begun).items]
    assert [] == client.monitors.list_(condition="firing").items


def test_lists_without_a_match(client: Client) -> None:
    """
    What nothing matches is an empty page, in every list that can be searched.
    """
    pages: list[Page[Any]] = [
        client.models.list_(q="none", alias="champion"),
        client.experiments.list_(q="none", status="failed"),
        client.experiments.list_(status="succeeded"),
        client.releases.list_(q="none"),
        client.endpoints.list_(q="none"),
        client.rollouts.list_(status="held"),
        client.queues.list_(q="none"),
    ]

    assert [[]] * len(pages) == [page.items for page in pages]


def test_searching_from_the_terminal(server: RunningServer, tmp_path: Path) -> None:
    """
    A search without a match says so, instead of how to make a first one.
    """
    make_prompts(server.client)
    shell = {"TREADLE_URL": server.url, "TREADLE_API_KEY": server.key}

    found = CliRunner().invoke(cli, ["prompt", "list", "--search", "greet"], env=shell)
    nothing = CliRunner().invoke(cli, ["prompt", "list", "--search", "parrot"], env=shell)

    assert "greeting" in found.output
    assert "refund" not in found.output
    assert "none is as you asked" in nothing.output
