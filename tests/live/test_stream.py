"""`GET /api/v1/changes`: what happens in a project is told as it happens, to those who may know, and to nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import anyio
import httpx2
import pytest

from tests.conftest import PATIENCE_SECONDS, RunningServer
from tests.gateway.harness import wait_for
from tests.governance.test_isolation import _key_in_another_project
from tests.live.reading import Reader
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.client.client import Client
from treadle.core.errors import Unavailable
from treadle.core.settings import Settings
from treadle.feedback.types import NewFeedback
from treadle.governance import audit
from treadle.governance.types import NewApiKey
from treadle.http.actor import RoleName
from treadle.live.hub import MAX_STREAMS
from treadle.live.stream import MAX_MISSED
from treadle.prompts.types import Message
from treadle.server.local import mounted
from treadle.storage.database import Connection
from treadle.traces.asking.types import NewExport

Join = Callable[[str, RoleName], Client]


def write_prompt(client: Client, name: str) -> str:
    """Add a version to a prompt; return its id."""
    return client.prompts.create_version(name, [Message(role="user", template=f"Hello {name}")]).prompt_version_id


def before_ready(reader: Reader) -> list[str]:
    """Return what a reader was told of what it missed; what was written a moment ago may be told as news right after."""
    names = [one.name for one in reader.told]
    return names[: names.index("ready")]


def test_a_change_is_told(home: Home) -> None:
    """
    Which object changed and how is told, with the place in the log and without any content.
    """
    with Reader(home.client.url, home.key) as reader:
        version = write_prompt(home.client, "support")

        told = reader.wait_for("change", object_id=version)

    assert {"kind": "prompt version", "object_id": version, "how": "created"} == told.data
    assert told.event_id is not None


def test_a_change_by_another_process(module_server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    What another process writes into the same database is told here, too.
    """
    settings = module_server.platform.settings
    other = Settings(workspace=tmp_path_factory.mktemp("other") / "w", database_url=settings.database_url)

    with Reader(module_server.url, module_server.key) as reader, mounted(other) as elsewhere:
        version = write_prompt(elsewhere, "from-elsewhere")

        reader.wait_for("change", object_id=version)


def test_what_was_missed(home: Home) -> None:
    """
    A reader that comes back is told what happened meanwhile, once, and then what happens.
    """
    with Reader(home.client.url, home.key) as reader:
        first = reader.wait_for("change", object_id=write_prompt(home.client, "one"))
    missed = [write_prompt(home.client, name) for name in ("two", "three")]

    with Reader(home.client.url, home.key, last_event_id=first.event_id) as again:
        live = write_prompt(home.client, "four")
        again.wait_for("change", object_id=live)

    assert [*missed, live] == [object_id for _, object_id, _ in again.changes()]
    assert ["change"] * len(missed) == before_ready(again)


def test_what_changed_just_before(home: Home) -> None:
    """
    A reader that read a page first and follows then is told what changed between, or to ask for everything where not all of it is
    known; it is known once the server has listened for as long.
    """
    deadline = time.monotonic() + 60
    told: set[object] = set()
    version = ""
    with Reader(home.client.url, home.key) as witness:
        while version not in told:
            assert time.monotonic() < deadline, "the server remembers nothing of what has just changed"
            version = write_prompt(home.client, f"support-{len(witness.told)}")
            witness.wait_for("change", object_id=version)
            with Reader(home.client.url, home.key, recent_ms=5000) as reader:
                reader.wait(
                    lambda: {"resync", "change"} & {one.name for one in reader.told} != set(), "nothing is told"
                )
                if "resync" not in {one.name for one in reader.told}:
                    reader.wait_for("change", object_id=version)
                told = {object_id for _, object_id, _ in reader.changes()}
    with Reader(home.client.url, home.key) as without:
        later = write_prompt(home.client, "later")
        without.wait_for("change", object_id=later)

    assert version not in [object_id for _, object_id, _ in without.changes()]


@pytest.mark.parametrize("last_event_id", ["999999999", "tomorrow", "-3"])
def test_a_place_that_never_was(home: Home, last_event_id: str) -> None:
    """
    Whoever goes on from a place that the log does not have is told to ask for everything again.
    """
    write_prompt(home.client, "support")

    with Reader(home.client.url, home.key, last_event_id=last_event_id) as reader:
        names = before_ready(reader)

    assert ["resync"] == names


def test_a_place_long_ago(home: Home) -> None:
    """
    Whoever missed more than is told one by one is told to ask for everything again.
    """

    def write(db: Connection) -> None:
        for _ in range(MAX_MISSED + 1):
            audit.record(db, home.ctx, action="prompts.publish", object_id="prm_x")

    anyio.run(home.ctx.db.write, write)

    with Reader(home.client.url, home.key, last_event_id="0") as reader:
        names = before_ready(reader)

    assert ["resync"] == names


def test_projects_are_apart(home: Home, module_server: RunningServer) -> None:
    """
    Nothing of a project is told to another's reader, nor who is on its pages.
    """
    stranger = _key_in_another_project(module_server)
    key = stranger._http.headers["authorization"].removeprefix("Bearer ")
    page = "/prompts/support"

    with Reader(stranger.url, key, page=page) as theirs, Reader(home.client.url, home.key, page=page) as ours:
        written = write_prompt(home.client, "support")
        ours.wait_for("change", object_id=written)
        theirs_written = write_prompt(stranger, "support")
        theirs.wait_for("change", object_id=theirs_written)
        theirs.wait_for("presence")
        ours.wait_for("presence")

        assert written not in [object_id for _, object_id, _ in theirs.changes()]
        assert theirs_written not in [object_id for _, object_id, _ in ours.changes()]
        names = {name for one in (*ours.told, *theirs.told) if one.name == "presence" for name in one.data["names"]}
        assert 2 == len(names)
        assert all(len(one.data["names"]) == 1 for one in (*ours.told, *theirs.told) if one.name == "presence")
    stranger.close()


def test_what_a_viewer_may_not_know(home: Home, join: Join) -> None:
    """
    A viewer hears of prompts, and not that a key was made or a secret stored.
    """
    viewer = join("vera", "viewer")
    key = viewer._http.headers["authorization"].removeprefix("Bearer ")

    with Reader(viewer.url, key) as theirs, Reader(home.client.url, home.key) as ours:
        home.client.secrets.set_("openai", "sk-secret")
        made = home.client.access.create_key(NewApiKey(name="ci")).api_key.key_id
        version = write_prompt(home.client, "support")
        theirs.wait_for("change", object_id=version)
        ours.wait_for("change", object_id=version)

    assert ["prompt version"] == [kind for kind, _, _ in theirs.changes()]
    assert ("secret", "openai", "changed") in ours.changes()
    assert ("key", made, "created") in ours.changes()


def test_nobody_is_told_anything(home: Home) -> None:
    """
    Without a key, or with a page's key, there is no stream.
    """
    nobody = httpx2.get(f"{home.client.url}/api/v1/changes")

    assert 401 == nobody.status_code


def test_traces_that_arrive(home: Home) -> None:
    """
    Spans are told of without their ids, once a second at most, when they are counted and found.
    """
    with Reader(home.client.url, home.key) as reader:
        record(home, [new_span(number) for number in range(20)])

        reader.wait_for("change", kind="trace")

    assert {("trace", None, "changed")} == {one for one in reader.changes() if one[0] == "trace"}


def test_what_people_say(home: Home) -> None:
    """
    Feedback has no audit entry and is told all the same.
    """
    span = new_span(1)
    record(home, [span])
    with Reader(home.client.url, home.key) as reader:
        home.client.feedback.add(NewFeedback(trace_id=span.trace_id, name="helpful", value=1.0, source="user"))

        reader.wait_for("change", kind="feedback")


def test_a_run_from_beginning_to_end(home: Home) -> None:
    """
    A run is told of when it is asked for, and when it is over, though only its beginning is in the log.
    """
    record(home, [new_span(1)])
    with Reader(home.client.url, home.key) as reader:
        run = home.client.traces.start_export(NewExport())

        reader.wait_for("change", object_id=run.run_id, how="created")
        reader.wait_for("change", object_id=run.run_id, how="changed")


def test_a_revoked_key(home: Home, join: Join) -> None:
    """
    A stream ends, with the reason, as soon as its key is revoked; the others go on.
    """
    made = home.client.access.create_key(NewApiKey(name="bo's key", person="bo", role="editor"))

    with Reader(home.client.url, made.key) as theirs, Reader(home.client.url, home.key) as ours:
        home.client.access.revoke_key("bo's key")

        assert "access.revoked_key" == theirs.wait_for("end").data["code"]
        theirs.wait(lambda: theirs.is_over, "the stream of a revoked key goes on")
        ours.wait_for("change", object_id=made.api_key.key_id)
        assert not ours.is_over


def test_too_many_streams(home: Home) -> None:
    """
    One actor follows in so many places at once; a place that is given up is free again.
    """
    readers = [Reader(home.client.url, home.key) for _ in range(MAX_STREAMS)]
    for reader in readers:
        reader.__enter__()

    with Reader(home.client.url, home.key) as refused:
        assert 429 == refused.status

    readers.pop().close()
    wait_for(lambda: _status(home) == 200)
    for reader in readers:
        reader.close()


def _status(home: Home) -> int:
    with Reader(home.client.url, home.key) as reader:
        return reader.status


def test_who_is_on_the_page(home: Home, join: Join) -> None:
    """
    Whoever has the same page open is told of everybody there, when they come and when they go; two windows are one person.
    """
    keys = {
        name: home.client.access.create_key(NewApiKey(name=f"{name}'s", person=name, role="editor")).key
        for name in ("ana", "bo")
    }
    url, page = home.client.url, "/prompts/support"

    with Reader(url, keys["ana"], page=page) as ana, Reader(url, keys["ana"], page=page):
        ana.wait_for("presence", page=page, names=["ana"])
        with Reader(url, keys["bo"], page=page) as bo, Reader(url, keys["bo"], page="/runs") as elsewhere:
            bo.wait_for("presence", page=page, names=["ana", "bo"])
            ana.wait_for("presence", page=page, names=["ana", "bo"])
            elsewhere.wait_for("presence", page="/runs", names=["bo"])
        ana.wait(
            lambda: ["ana"] == [one.data["names"] for one in ana.told if one.name == "presence"][-1],
            "nobody says that bo has gone",
        )


@pytest.mark.parametrize("page", ["prompts", "/a\nb", "/" + "a" * 300, "/prompts?x=1"])
def test_a_page_that_is_none(home: Home, page: str) -> None:
    """
    A page is a path, without a query, of at most 300 characters.
    """
    answer = httpx2.get(
        f"{home.client.url}/api/v1/changes", params={"page": page}, headers={"authorization": f"Bearer {home.key}"}
    )

    assert 422 == answer.status_code


def test_no_server_listens(client: Client) -> None:
    """
    Where the application runs without a server there is nothing to follow, and that is said.
    """
    with pytest.raises(Unavailable) as caught:
        next(client.changes.follow())

    assert "treadle up" in caught.value.message


def test_changes_in_python(home: Home) -> None:
    """
    A program follows changes with the SDK.
    """
    found: list[str | None] = []
    ready = threading.Event()

    def follow() -> None:
        with Client(home.client.url, api_key=home.key) as client:
            # That the project's key was made may be told as late as now.
            found.append(
                next(change for change in client.changes.follow() if change.kind == "prompt version").object_id
            )
            ready.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    written: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready.wait(0.2):
        assert time.monotonic() < deadline, "nothing was told"
        written.append(write_prompt(home.client, f"prompt-{len(written)}"))
    thread.join()

    assert found[0] in written
