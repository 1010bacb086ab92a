"""Edits that do not overwrite each other: every slice whose objects people edit, through HTTP, by RFC 9110's preconditions."""

from __future__ import annotations

import ast
import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from tests.traces.home import Home, ensure_endpoint
from treadle.cli import provider
from treadle.client.client import Client
from treadle.core.errors import Conflict, Outdated
from treadle.core.revisions import When, headers_of, when_of
from treadle.feedback.labels.types import Field
from treadle.feedback.surveys.types import NewSurvey
from treadle.gateway.providers.types import NewProvider
from treadle.governance import editing
from treadle.governance.types import NewApiKey
from treadle.http.policy import walk_routes
from treadle.http.preconditions import Tagged, _read, answers_revised
from treadle.monitoring.dashboards.types import Chart
from treadle.monitoring.types import Watched
from treadle.server.app import build_api
from treadle.storage.database import Connection

Body = dict[str, Any]
MONITOR: Body = {"name": "slow", "signal": {"metric": "latency_p95"}, "rule": {"kind": "threshold", "above": 900}}
RULE: Body = {"name": "json", "scorer": {"name": "json_valid"}, "score": "json_valid"}
QUEUE: Body = {"name": "review", "fields": [{"name": "good", "kind": "boolean"}]}
SURVEY: Body = {"name": "csat", "fields": [{"name": "good", "kind": "boolean"}]}
CHART: Body = {"name": "cost", "title": "Cost", "signal": {"metric": "cost_usd"}}
SCHEDULE: Body = {"name": "weekly", "turn": "support", "corrected_answers": 500}
PROVIDER: Body = {"name": "mine", "kind": "openai", "base_url": "https://1.1.1.1/v1", "secret": "sk-one"}
HOOK: Body = {"name": "hook", "destination": {"kind": "slack", "url": "https://hooks.slack.com/services/a/b/c"}}
MODELS: tuple[Body, ...] = tuple({"provider": {"provider": "openai", "model": one}} for one in ("one", "two"))
PROMPTS: tuple[Body, ...] = tuple({"messages": [{"role": "user", "template": one}]} for one in ("Hello", "Hi"))
LIMIT: Body = {"scope": "project", "unit": "requests", "window": "minute"}


@dataclass(frozen=True)
class Edited:
    """Something that people edit, and two edits of it that differ."""

    method: str
    path: str
    first: Body
    second: Body
    before: tuple[tuple[str, Body], ...] = ()
    """What is made first, by POST."""


EDITED = {
    "abuse policy": Edited("PUT", "/abuse/policy", {"flag_at": 50}, {"flag_at": 60}),
    "approval policy": Edited("PUT", "/environments/staging", {"approvals": 1}, {"approvals": 2}),
    "capture": Edited("PUT", "/traces/capture", {"capture": "masked"}, {"capture": "off"}),
    "channel": Edited("PATCH", "/channels/hook", {"destination": {"kind": "slack", "url": "https://hooks.slack.com/services/a/b/one"}},
        {"destination": {"kind": "slack", "url": "https://hooks.slack.com/services/a/b/two"}}, (("/channels", HOOK),)),
    "chart": Edited("PUT", "/charts/cost", CHART, CHART | {"title": "Spend"}),
    "endpoint": Edited("PATCH", "/endpoints/support", {"routing": {"strategy": "cheapest"}}, {"routing": {"sticky": True}}),
    "alias": Edited("PUT", "/models/gpt/aliases/champion", {"version": 1}, {"version": 2}, tuple(("/models/gpt/versions", one) for one in MODELS)),
    "label": Edited("PUT", "/prompts/greeting/labels/staging", {"version": 1}, {"version": 2}, tuple(("/prompts/greeting/versions", one) for one in PROMPTS)),
    "label policy": Edited("PUT", "/prompt-labels/live", {"roles": ["owner"]}, {"roles": ["owner", "admin"]}),
    "limit": Edited("POST", "/limits", LIMIT | {"amount": 10}, LIMIT | {"amount": 20}),
    "monitor": Edited("PUT", "/monitors/slow", MONITOR | {"fire_after": 2}, MONITOR | {"fire_after": 3}, (("/monitors", MONITOR),)),
    "provider": Edited("PUT", "/providers/mine", {"kind": "openai", "base_url": "https://1.1.1.1/v1", "region": "eu"},
        {"kind": "openai", "base_url": "https://1.1.1.1/v1", "region": "us"}, (("/providers", PROVIDER),)),
    "queue": Edited("PUT", "/queues/review", QUEUE | {"description": "one"}, QUEUE | {"description": "two"}, (("/queues", QUEUE),)),
    "retention": Edited("PUT", "/traces/retention", {"days": 30}, {"days": 90}),
    "rule": Edited("PUT", "/rules/json", RULE | {"sample_rate": 0.5}, RULE | {"is_on": False}, (("/rules", RULE),)),
    "schedule": Edited("PUT", "/schedules", SCHEDULE, SCHEDULE | {"is_on": False}),
    "survey": Edited("PUT", "/surveys", SURVEY, SURVEY | {"title": "How was it?"}),
    "view": Edited("PUT", "/views/slow", {"q": "latency>2s"}, {"q": "latency>3s"}),
}  # fmt: skip
MADE = ("alias", "chart", "label", "limit", "schedule", "survey", "view")
"""Those that the same request makes where they are not there."""


@pytest.fixture(params=sorted(EDITED))
def edited(request: pytest.FixtureRequest, home: Home, tmp_path: Path) -> Edited:
    """
    One of them, with what it needs.
    """
    return _prepared(home, request.param, tmp_path)


def test_a_change_of_what_others_changed_is_refused(home: Home, edited: Edited) -> None:
    """
    A change that names the revision that is there is made; the second of two who read the same is told who was first, when, and what
    is there now; who names none, such as a script that owns what it states, replaces it.
    """
    read = _send(home, edited, edited.first)
    theirs = _send(home, edited, edited.second, {"if-match": read.headers["etag"]})

    mine = _send(home, edited, edited.first, {"if-match": read.headers["etag"]})
    plain = _send(home, edited, edited.first)

    told = mine.json()
    assert (True, True, True) == (read.is_success, theirs.is_success, plain.is_success)
    assert f'"{theirs.json()["revision"]}"' == theirs.headers["etag"] != read.headers["etag"]
    assert (412, "editing.changed") == (mine.status_code, told["code"])
    assert theirs.json()["revision"] == told["values"]["revision"]
    assert None not in (told["values"]["changed_by_name"], told["values"]["changed_at"])
    assert {} != told["values"]["now"]


def test_of_two_at_once_one_wins(home: Home, edited: Edited) -> None:
    """
    Of writers who read the same and write at the same moment, one is let in; the check and the change are one step.
    """
    tag = _send(home, edited, edited.first).headers["etag"]
    start = Barrier(4)

    def write(_: int) -> int:
        start.wait(timeout=60)
        return _send(home, edited, edited.second, {"if-match": tag}).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(write, range(4)))

    assert [412, 412, 412] == codes[1:]
    assert 200 <= codes[0] < 300


@pytest.mark.parametrize("kind", MADE)
def test_a_taken_name_is_not_replaced(home: Home, tmp_path: Path, kind: str) -> None:
    """
    Of those who want to make something where nothing is, the first does; the others are told that the name is taken.
    """
    edited = _prepared(home, kind, tmp_path)
    start = Barrier(4)

    def make(_: int) -> httpx2.Response:
        start.wait(timeout=60)
        return _send(home, edited, edited.first, {"if-none-match": "*"})

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(make, range(4)), key=lambda answer: answer.status_code)

    assert [412, 412, 412] == [answer.status_code for answer in answers[1:]]
    assert 200 <= answers[0].status_code < 300
    refused = answers[1].json()
    assert "editing.name_taken" == refused["code"]
    assert answers[0].json()["revision"] == refused["values"]["revision"]


def test_what_was_removed_is_not_made_again(home: Home, tmp_path: Path) -> None:
    """
    A change of what somebody removed meanwhile is refused, where the same request would make it.
    """
    edited = _prepared(home, "chart", tmp_path)
    tag = _send(home, edited, edited.first).headers["etag"]
    home.client.dashboards.remove("cost")

    answer = _send(home, edited, edited.second, {"if-match": tag})

    assert (412, "editing.removed") == (answer.status_code, answer.json()["code"])
    assert [] == home.client.dashboards.list_charts().items


def test_no_command_writes_back_what_it_read_unheld(home: Home) -> None:
    """
    Every command that reads something, changes a part and writes back the whole names the revision that it read.
    """
    commands = [
        each
        for path in Path(provider.__file__).parent.glob("*.py")
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef)
    ]

    unheld = [each.name for each in commands if not _is_held(home.client, each)]

    assert [] == unheld


@pytest.mark.parametrize("kind", ["chart", "limit", "queue", "schedule", "view"])
def test_a_removal_waits_for_an_edit_that_has_looked(home: Home, tmp_path: Path, kind: str) -> None:
    """
    What is removed while somebody edits it is removed after the edit: nobody makes it again without knowing.
    """
    edited = _prepared(home, kind, tmp_path)
    made = _send(home, edited, edited.first).json()
    removed = {
        "chart": "/charts/cost", "limit": f"/limits/{made.get('limit_id')}", "queue": "/queues/review",
        "schedule": "/schedules/weekly", "view": "/views/slow",
    }  # fmt: skip
    called = {
        "chart": "chart 'cost'", "limit": "limit on requests a minute of project", "queue": "queue 'review'",
        "schedule": "schedule 'weekly'", "view": "your view 'slow'",
    }  # fmt: skip

    def look(db: Connection) -> bool:
        editing.hold(db, called[kind])
        removing = pool.submit(_call, home, "DELETE", removed[kind], {})
        return _waits_or_is_done(db, removing)

    with ThreadPoolExecutor(1) as pool:
        has_waited = asyncio.run(home.ctx.db.write(look))

    assert has_waited
    assert 404 == _call(home, "DELETE", removed[kind], {}).status_code


def test_it_says_who_changed_it(home: Home) -> None:
    """
    The refusal names the one who was quicker.
    """
    chart = home.client.dashboards.save(Chart(name="cost", title="Cost", signal=Watched(metric="cost_usd")))
    key = home.client.access.create_key(NewApiKey(name="ada", role="editor")).key
    theirs = _call(home, "PUT", "/charts/cost", CHART | {"title": "Spend"}, {"authorization": f"Bearer {key}"})
    assert theirs.is_success, theirs.text

    with pytest.raises(Outdated) as refused:
        home.client.dashboards.save(chart, if_revision=chart.revision)

    assert str(refused.value.values["changed_by_name"]).startswith("ada")
    assert "Spend" == dict(refused.value.values["now"])["title"]  # type: ignore[call-overload]


def test_it_says_who_moved_this_label(home: Home) -> None:
    """
    Of several labels of a prompt, the refusal names who moved the one that is moved, and where it is now; the SDK says the version that it
    was read to be on.
    """
    for path, body in EDITED["label"].before:
        assert _call(home, "POST", path, body).is_success
    home.client.prompts.publish("greeting", 1, label="staging", if_new=True)
    for name, label in (("ada", "staging"), ("bob", "canary")):
        key = home.client.access.create_key(NewApiKey(name=name, role="owner")).key
        bearer = {"authorization": f"Bearer {key}"}
        assert _call(home, "PUT", f"/prompts/greeting/labels/{label}", {"version": 2}, bearer).is_success

    with pytest.raises(Outdated) as refused:
        home.client.prompts.publish("greeting", 1, label="staging", if_revision="1")

    assert str(refused.value.values["changed_by_name"]).startswith("ada")
    assert {"version": 2} == refused.value.values["now"]
    assert 1 == home.client.prompts.publish("greeting", 1, label="staging", if_revision="2").version


def test_it_says_who_made_it_anew(home: Home) -> None:
    """
    Of a provider that somebody removed and made anew it is they who are told, and not whoever changed the one before it.
    """
    home.client.providers.create(NewProvider.model_validate(PROVIDER))
    tag = _call(home, "PUT", "/providers/mine", EDITED["provider"].first).headers["etag"]
    home.client.providers.remove("mine")
    key = home.client.access.create_key(NewApiKey(name="ada", role="owner")).key
    assert _call(home, "POST", "/providers", PROVIDER, {"authorization": f"Bearer {key}"}).is_success

    refused = _call(home, "PUT", "/providers/mine", EDITED["provider"].second, {"if-match": tag}).json()

    assert str(refused["values"]["changed_by_name"]).startswith("ada")


def test_it_says_who_renamed_a_channel_of_a_monitor(home: Home) -> None:
    """
    A monitor whose channel got another name was changed by whoever renamed it.
    """
    assert _call(home, "POST", "/channels", HOOK).is_success
    tag = _call(home, "POST", "/monitors", MONITOR | {"channels": ["hook"]}).headers["etag"]
    key = home.client.access.create_key(NewApiKey(name="ada", role="owner")).key
    theirs = _call(home, "PATCH", "/channels/hook", {"name": "room"}, {"authorization": f"Bearer {key}"})
    assert theirs.is_success, theirs.text

    refused = _call(home, "PUT", "/monitors/slow", MONITOR, {"if-match": tag}).json()

    assert "editing.changed" == refused["code"]
    assert str(refused["values"]["changed_by_name"]).startswith("ada")


def test_who_may_not_read_is_not_shown_what_is_there(home: Home) -> None:
    """
    A key that may only write hears that its edit is outdated, but not what the thing says now.
    """
    assert _call(home, "POST", "/providers", PROVIDER | {"headers": {"x-team": "token"}}).is_success
    key = home.client.access.create_key(NewApiKey(name="writes", role="owner", scopes=["providers.write"])).key
    sent = {"authorization": f"Bearer {key}", "if-match": '"other"'}

    refused = _call(home, "PUT", "/providers/mine", {"kind": "openai", "base_url": "https://1.1.1.1/v1"}, sent)

    assert (412, "editing.changed") == (refused.status_code, refused.json()["code"])
    assert {} == refused.json()["values"]["now"]
    assert "token" not in refused.text


def test_the_sdk_reads_changes_and_sends_back(home: Home) -> None:
    """
    What was read can be sent back with its revision, also a list's; what moves by itself, such as counts, does not change it.
    """
    home.client.surveys.put(NewSurvey(name="csat", fields=[Field(name="good", kind="boolean")]), if_new=True)
    read = home.client.surveys.list_().items[0]

    changed = home.client.surveys.put(read.model_copy(update={"title": "How was it?"}), if_revision=read.revision)

    with pytest.raises(Conflict):
        home.client.surveys.put(read, if_revision=read.revision)
    with pytest.raises(Conflict):
        home.client.surveys.put(read, if_new=True)
    assert (
        changed.revision
        == home.client.surveys.get("csat").revision
        == changed.model_copy(update={"num_answers": 7}).revision
    )


def test_headers_are_read_as_they_are_written() -> None:
    """
    The two headers and their value are inverse; a proxy's weak tag counts, and another If-None-Match than '*' is refused in words.
    """
    asked = [When(), When(is_new=True), When(revisions=frozenset({"a", "b"})), When(revisions=frozenset({"*"}))]

    read = [when_of(headers_of(one).get("if-match"), headers_of(one).get("if-none-match")) for one in asked]

    assert asked == read
    assert When(revisions=frozenset({"a"})) == when_of('W/"a"', None)
    with pytest.raises(Exception, match="takes only"):
        when_of(None, '"a"')


def test_no_route_forgets_it() -> None:
    """
    Every route that answers something people edit says its tag, and every one that changes it takes the precondition.
    """
    moves_pointers = {"/api/v1/endpoints/{name}/stable", "/api/v1/providers/{name}/key"}

    routes = [one for one in walk_routes(build_api().routes) if isinstance(one, APIRoute) and answers_revised(one)]
    untagged = [route.path for route in routes if not isinstance(route, Tagged)]
    unheld = {
        route.path
        for route in routes
        if (route.methods or set()) & {"PUT", "PATCH"}
        and all(one.call is not _read for one in route.dependant.dependencies)
    }

    assert [] == untagged
    assert moves_pointers == unheld


def _waits_or_is_done(db: Connection, work: Future[httpx2.Response]) -> bool:
    """Tell whether somebody waits for a lock that this transaction holds, once somebody does or the work is done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        waiting = db.execute(
            """select count(*) as number from pg_locks mine join pg_locks theirs
                on mine.locktype = 'advisory' and theirs.locktype = 'advisory' and not theirs.granted
                and (mine.classid, mine.objid, mine.objsubid) = (theirs.classid, theirs.objid, theirs.objsubid)
            where mine.granted and mine.pid = pg_backend_pid()"""
        ).fetchone()
        if (waiting is not None and waiting["number"]) or work.done():
            return not work.done()
        time.sleep(0.02)
    raise AssertionError("the removal neither waits nor ends")


def _is_held(client: Client, command: ast.FunctionDef) -> bool:
    """Tell whether a command that keeps what it read of a part of the SDK says its revision where it changes that part."""
    read = {
        called[0]
        for each in ast.walk(command)
        if isinstance(each, ast.Assign) and (called := _called(each.value)) and not _takes_revision(client, *called)
    }
    changes = [each for each in ast.walk(command) if (called := _called(each)) and _takes_revision(client, *called)]
    changed = {called[0] for each in changes if (called := _called(each))}
    held = any(word.arg == "if_revision" for each in changes if isinstance(each, ast.Call) for word in each.keywords)
    return held or not read & changed


def _called(each: ast.AST) -> tuple[str, str] | tuple[()]:
    """Return part and verb of a call such as `client.providers.change(…)`."""
    match each:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="client"), attr=part), attr=verb)):
            return part, verb
    return ()


def _takes_revision(client: Client, part: str, verb: str) -> bool:
    return "if_revision" in signature(getattr(getattr(client, part), verb)).parameters


def _prepared(home: Home, kind: str, folder: Path) -> Edited:
    edited = EDITED[kind]
    if kind == "endpoint":
        ensure_endpoint(home.client, "support")
    if kind == "schedule":
        rows = folder / "rows.csv"
        rows.write_text("input,expected_output\nmy parcel is late,parcel\n")
        home.client.runs.wait(home.client.datasets.import_file("support", rows).run_id)
    for path, body in edited.before:
        made = _call(home, "POST", path, body)
        assert made.is_success, made.text
    return edited


def _send(home: Home, edited: Edited, body: Body, headers: dict[str, str] | None = None) -> httpx2.Response:
    return _call(home, edited.method, edited.path, body, headers)


def _call(home: Home, method: str, path: str, body: Body, headers: dict[str, str] | None = None) -> httpx2.Response:
    sent = {"authorization": f"Bearer {home.key}"} | (headers or {})
    return httpx2.request(
        method, f"{home.client.url}/api/v1{path}", json=body, headers=sent, trust_env=False, timeout=60
    )
