"""Limits through the HTTP contract and the command line: set, list, usage, remove, and what bad input gets."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial

import pytest
from click.testing import CliRunner

from tests.conftest import RunningServer
from treadle.cli.main import cli
from treadle.client.calls import Call
from treadle.client.client import Client
from treadle.core.errors import InvalidInput, NotFound, TreadleError
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.types import Limit, SetLimit
from treadle.gateway.service import load_snapshot
from treadle.governance.types import NewApiKey


def test_the_same_limit_again(client: Client) -> None:
    """
    Setting a limit again changes its amount and makes no second one.
    """
    first = client.limits.set_(600, "requests", per="minute")

    second = client.limits.set_(900, "requests", per="minute")

    assert first.limit_id == second.limit_id
    assert [second] == client.limits.list_().items


def test_limits_that_differ(client: Client) -> None:
    """
    Another scope, subject, unit or window is another limit.
    """
    made = [
        client.limits.set_(10, "requests", per="minute"),
        client.limits.set_(10, "requests", per="day"),
        client.limits.set_(10, "tokens", per="minute"),
        client.limits.set_(10, "requests", per="minute", scope="user"),
        client.limits.set_(10, "requests", per="minute", scope="user", subject="ann"),
        client.limits.set_(2.5, "usd", per="month", scope="project"),
        client.limits.set_(3, "concurrency", scope="endpoint", subject="support"),
    ]

    page = client.limits.list_()

    assert sorted(made, key=lambda limit: limit.limit_id) == page.items


def test_a_key_is_shown_by_its_name(client: Client) -> None:
    """
    Whoever looks at the limit of one key, or at what was used of it, reads the key's name beside its id.
    """
    key = client.access.create_key(NewApiKey(name="ci-bot")).api_key

    made = client.limits.set_(10, "requests", per="day", subject=key.key_id)

    assert ("ci-bot", key.key_id) == (made.subject_name, made.subject)
    assert [made] == client.limits.list_().items
    assert ["ci-bot"] == [use.subject_name for use in client.limits.list_usage(made.limit_id).items]


def test_removed_and_set_again(client: Client) -> None:
    """
    A limit that is removed is gone, and comes back as the same one.
    """
    made = client.limits.set_(10, "requests", per="day")
    client.limits.remove(made.limit_id)
    gone = client.limits.list_().items

    again = client.limits.set_(10, "requests", per="day")

    assert [] == gone
    assert made == again
    with pytest.raises(NotFound) as caught:
        client.limits.remove("lim_00000000000000000000000000")
    assert "limits.not_found" == caught.value.error_code


def test_a_key_by_its_name(client: Client) -> None:
    """
    A limit on one key takes the key's name for its id, and refuses a name that no key has.
    """
    key = client.access.create_key(NewApiKey(name="ci-bot")).api_key

    made = client.limits.set_(10, "requests", per="day", subject="ci-bot")

    assert key.key_id == made.subject
    with pytest.raises(NotFound, match="ci-bto"):
        client.limits.set_(10, "requests", per="day", subject="ci-bto")


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "key", "unit": "requests", "amount": 5},
        {"scope": "key", "unit": "concurrency", "amount": 5, "window": "day"},
        {"scope": "key", "unit": "requests", "amount": 0.5, "window": "day"},
        {"scope": "key", "unit": "requests", "amount": -1, "window": "day"},
        {"scope": "project", "subject": "another", "unit": "usd", "amount": 5, "window": "day"},
        {"scope": "key", "unit": "requests", "amount": 5, "window": "fortnight"},
        {"scope": "key", "subject": "", "unit": "requests", "amount": 5, "window": "day"},
        {"scope": "key", "unit": "requests", "amount": "NaN", "window": "day"},
    ],
)
def test_a_limit_that_makes_no_sense(client: Client, body: dict[str, object]) -> None:
    """
    What does not fit together is refused in words, and nothing is kept.
    """
    with pytest.raises(InvalidInput):
        client.send(Call("POST", "/limits", Limit, body=body))

    assert [] == client.limits.list_().items


def test_changes_are_audited(client: Client) -> None:
    """
    The log says who set what, with the amount before, and who removed it.
    """
    made = client.limits.set_(10, "usd", per="day", scope="project")
    client.limits.set_(20, "usd", per="day", scope="project")
    client.limits.remove(made.limit_id)

    entries = [entry for entry in client.audit.list_().items if entry.object_id == made.limit_id]

    assert ["limits.remove", "limits.set", "limits.set"] == [entry.action for entry in entries]
    assert 10 == entries[1].detail["amount_before"]


def test_who_may(server: RunningServer) -> None:
    """
    Whoever builds may read limits but not set them.
    """
    key = server.client.access.create_key(NewApiKey(name="builder", role="editor")).key
    with Client(server.url, api_key=key) as editor:
        assert [] == editor.limits.list_().items

        with pytest.raises(TreadleError) as caught:
            editor.limits.set_(10, "requests", per="day")

    assert "denied" == caught.value.error_code


def test_usage(server: RunningServer) -> None:
    """
    Usage tells what was used by each subject in this window, and when the window ends.
    """
    limit = server.client.limits.set_(1000, "tokens", per="day", scope="user")
    project = server.client.limits.set_(5, "usd", per="month", scope="project")
    unused = server.client.limits.list_usage(project.limit_id).items[0]
    database = server.platform.database

    async def work() -> None:
        snapshot = await load_snapshot(database)
        (project_id,) = snapshot.limits
        limiter = Limiter(Ledger(database, "wrk_test"))
        limiter.configure(snapshot.limits)
        await limiter.start()
        for user, tokens in (("ann", 30), ("bob", 50), ("bob", 60)):
            held = await limiter.reserve((project_id, "k", "e", user), 100, 0.5, time.monotonic())
            held.settle(tokens, 0.25)
        await limiter.close()

    asyncio.run(work())
    uses = server.client.limits.list_usage(limit.limit_id).items
    spent = server.client.limits.list_usage(project.limit_id).items[0]

    assert [("ann", 30, 0, 970), ("bob", 110, 0, 890)] == [
        (use.subject, use.used, use.reserved, use.remaining) for use in uses
    ]
    assert (0, 5.0) == (unused.used, unused.remaining)
    assert (0.75, 4.25, 5.0) == (spent.used, spent.remaining, spent.amount)
    assert (0, 0, 1) == (spent.resets_at.hour, spent.resets_at.minute, spent.resets_at.day)  # type: ignore[union-attr]


def test_the_type_refuses_too() -> None:
    """
    The SDK refuses what the server would.
    """
    with pytest.raises(ValueError, match="whole number"):
        partial(SetLimit, scope="key", unit="tokens", amount=1.5, window="day")()


def test_from_the_terminal(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A limit is set, listed, looked at and removed from the terminal; an empty list teaches the next step.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    monkeypatch.setenv("COLUMNS", "240")
    terminal = CliRunner()

    empty = terminal.invoke(cli, ["limit", "list"])
    made = terminal.invoke(cli, ["limit", "set", "50", "usd", "--per", "day", "--scope", "project"])
    again = terminal.invoke(cli, ["limit", "set", "60", "usd", "--per", "day", "--scope", "project", "--json"])
    limit_id = json.loads(again.output)["limit_id"]
    listed = terminal.invoke(cli, ["limit", "list"])
    usage = terminal.invoke(cli, ["limit", "usage", limit_id])
    removed = terminal.invoke(cli, ["limit", "remove", limit_id])

    assert "treadle limit set" in empty.output
    assert f"limit {limit_id}: 50 usd per day for the project\n" == made.output
    assert limit_id in listed.output
    assert "60" in usage.output
    assert f"limit '{limit_id}' is removed\n" == removed.output


def test_what_has_no_price(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A budget says what becomes of requests without a known price; no other limit asks for prices.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    monkeypatch.setenv("COLUMNS", "240")
    terminal = CliRunner()

    made = terminal.invoke(
        cli, ["limit", "set", "5", "usd", "--per", "day", "--scope", "project", "--unpriced", "refuse"]
    )
    listed = terminal.invoke(cli, ["limit", "list"])
    found = server.client.limits.list_().items
    with pytest.raises(ValueError, match="only limits in 'usd'"):
        server.client.limits.set_(5, "requests", per="day", unpriced="refuse")
    back = server.client.limits.set_(5, "usd", per="day", scope="project")

    assert "requests whose price nobody knows are refused" in made.output
    assert "refuse" in listed.output
    assert ["refuse"] == [each.unpriced for each in found]
    assert ("allow", [back]) == (back.unpriced, server.client.limits.list_().items)
    assert [0] == [each.unpriced for each in server.client.limits.list_usage(back.limit_id).items]


def test_what_an_outage_of_the_database_does(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Every limit says what it does without the database: money is refused and all else goes on, unless somebody set it otherwise.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    terminal, day = CliRunner(), ["--per", "day", "--scope", "project"]

    said = [
        terminal.invoke(cli, ["limit", "set", "5", *words]).output.partition(": ")[2]
        for words in (
            ["usd", *day],
            ["usd", *day, "--outage", "share"],
            ["requests", *day],
            ["requests", *day, "--outage", "refuse"],
        )
    ]
    found = server.client.limits.list_().items

    assert [
        "5 usd per day for the project\n",
        "5 usd per day for the project; served by shares while the database is away\n",
        "5 requests per day for the project\n",
        "5 requests per day for the project; refused while the database is away\n",
    ] == said
    assert {("usd", "share"), ("requests", "refuse")} == {(each.unit, each.outage) for each in found}


def test_what_is_nearly_used_up(server: RunningServer) -> None:
    """
    Limits are listed with how much of each is used, by whom and until when; what is below a share can be left out.
    """
    client, database = server.client, server.platform.database
    tokens = client.limits.set_(1000, "tokens", per="day", scope="user")
    dollars = client.limits.set_(0.5, "usd", per="month", scope="project")
    idle = client.limits.set_(10, "requests", per="minute", scope="endpoint")
    blocked = client.limits.set_(0, "requests", per="day", scope="endpoint", subject="shut")

    async def work() -> None:
        snapshot = await load_snapshot(database)
        (project_id,) = snapshot.limits
        limiter = Limiter(Ledger(database, "wrk_test"))
        limiter.configure(
            {project_id: tuple(one for one in snapshot.limits[project_id] if one.limit_id != idle.limit_id)}
        )
        await limiter.start()
        for user, used in (("ann", 850), ("bob", 50)):
            held = await limiter.reserve((project_id, "k", "e", user), used, 0.2, time.monotonic())
            held.settle(used, 0.2)
        await limiter.close()

    asyncio.run(work())
    every = {(one.limit_id, one.by): one for one in client.limits.standing().items}
    near = client.limits.standing(at_least=0.8)
    first = client.limits.standing(limit=2)
    rest = client.limits.standing(limit=50, cursor=first.next_cursor)
    shown = CliRunner().invoke(
        cli, ["limit", "standing", "--at-least", "80"], env={"TREADLE_URL": server.url, "TREADLE_API_KEY": server.key}
    )

    assert {"ann": 0.85, "bob": 0.05} == {
        by or "": one.used_share for (limit_id, by), one in every.items() if limit_id == tokens.limit_id
    }
    assert (0.4, 0.8) == (every[dollars.limit_id, next(by for at, by in every if at == dollars.limit_id)].used, 0.8)
    assert (0, 0, None) == (every[idle.limit_id, None].used, every[idle.limit_id, None].used_share, None)
    assert every[blocked.limit_id, None].used_share is None
    assert {tokens.limit_id, dollars.limit_id} == {one.limit_id for one in near.items}
    assert all(one.resets_at is not None for one in near.items)
    assert list(every.values()) == [*first.items, *rest.items]
    assert "85 %" in shown.output
    assert "80 %" in shown.output
