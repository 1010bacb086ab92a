"""Comments through the API: threads on any object, edits that lose nothing, mentions, erasure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.governance.test_isolation import _key_in_another_project
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.client.calls import Call
from treadle.client.client import Client
from treadle.comments.types import KeptComment
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.governance.types import NewApiKey
from treadle.http.actor import RoleName
from treadle.prompts.types import Message
from treadle.server.finders import FINDERS

Join = Callable[[str, RoleName], Client]


@pytest.fixture
def prompt(home: Home) -> str:
    """
    The name of a prompt to talk about.
    """
    home.client.prompts.create_version("support", [Message(role="user", template="Hello {{name}}")])
    return "support"


def test_a_thread_on_a_prompt(home: Home, join: Join, prompt: str) -> None:
    """
    Threads come oldest first, each with its answers behind it, with who said what.
    """
    ana, bo = join("ana", "editor"), join("bo", "reviewer")

    first = ana.comments.add("prompt", prompt, "Too **short**?")
    second = bo.comments.add("prompt", prompt, "Another matter")
    answer = bo.comments.reply(first.comment_id, "Yes")
    deeper = ana.comments.reply(answer.comment_id, "Then I make it longer")

    told = home.client.comments.list_("prompt", prompt).items
    assert [first.comment_id, answer.comment_id, deeper.comment_id, second.comment_id] == [
        one.comment_id for one in told
    ]
    assert ["ana", "bo", "ana", "bo"] == [one.author for one in told]
    assert {first.comment_id} == {one.thread_id for one in told[:3]}
    assert ("prompt", "support", "/prompts/support") == (
        told[0].subject.kind,
        told[0].subject.title,
        told[0].subject.path,
    )
    count = home.client.comments.count("prompt", prompt)
    assert (4, 2) == (count.num_comments, count.num_open_threads)


def test_pages_of_comments(home: Home, prompt: str) -> None:
    """
    Paging neither skips nor repeats, within threads and between them.
    """
    expected = []
    for number in range(3):
        first = home.client.comments.add("prompt", prompt, f"thread {number}")
        answers = [home.client.comments.reply(first.comment_id, f"answer {at}") for at in range(2)]
        expected += [first.comment_id, *(one.comment_id for one in answers)]

    told, cursor = [], None
    while True:
        page = home.client.comments.list_("prompt", prompt, limit=2, cursor=cursor)
        told += [one.comment_id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert expected == told


def test_what_was_said_last(home: Home, prompt: str) -> None:
    """
    Without an object it is what was said about any, newest first; half an object is refused.
    """
    home.client.datasets.create("questions")
    first = home.client.comments.add("prompt", prompt, "one")
    second = home.client.comments.add("dataset", "questions", "two")

    newest = home.client.comments.list_(limit=1)
    rest = home.client.comments.list_(limit=1, cursor=newest.next_cursor)

    assert [second.comment_id, first.comment_id] == [one.comment_id for one in (*newest.items, *rest.items)]
    assert rest.next_cursor is None
    with pytest.raises(InvalidInput):
        home.client.comments.list_("prompt")


def test_a_name_and_a_version(home: Home, prompt: str) -> None:
    """
    A prompt and each of its versions have threads of their own; a version is named as everywhere else.
    """
    home.client.comments.add("prompt", prompt, "on the prompt")
    home.client.comments.add("prompt version", f"{prompt}@1", "on the version")

    versions = home.client.comments.list_("prompt-version", f"{prompt}@latest").items

    assert ["on the version"] == [one.body for one in versions]
    assert "/prompts/support?version=1" == versions[0].subject.path


def test_a_trace(home: Home) -> None:
    """
    What is told of by its id alone can be talked about, too.
    """
    span = new_span(1)
    record(home, [span])

    home.client.comments.add("trace", span.trace_id, "why so slow?")

    (told,) = home.client.comments.list_("trace", span.trace_id).items
    assert f"/traces/{span.trace_id}" == told.subject.path


def test_no_such_kind(home: Home) -> None:
    """
    A kind that cannot be talked about is refused with those that can.
    """
    with pytest.raises(InvalidInput) as caught:
        home.client.comments.add("wheel", "support", "x")

    assert "comments.unknown_kind" == caught.value.error_code
    assert sorted(FINDERS) == caught.value.values["kinds"]


@pytest.mark.parametrize("kind", sorted(FINDERS))
def test_no_such_object(home: Home, kind: str) -> None:
    """
    Nothing is said about what is not there, whatever its kind.
    """
    with pytest.raises(NotFound):
        home.client.comments.add(kind, "nowhere", "x")


def test_another_projects_object(home: Home, module_server: object, prompt: str) -> None:
    """
    A comment of another project does not exist, nor does what it is on.
    """
    said = home.client.comments.add("prompt", prompt, "ours")
    stranger = _key_in_another_project(module_server)  # type: ignore[arg-type]

    with pytest.raises(NotFound):
        stranger.comments.get(said.comment_id)
    with pytest.raises(NotFound):
        stranger.comments.reply(said.comment_id, "theirs")
    with pytest.raises(NotFound):
        stranger.comments.list_("prompt", prompt)
    stranger.close()


def test_a_viewer_reads(home: Home, join: Join, prompt: str) -> None:
    """
    A viewer reads what is said and what asks for them, and says nothing; a program's key does neither.
    """
    viewer = join("vera", "viewer")
    home.client.comments.add("prompt", prompt, "@vera look")
    key = home.client.access.create_key(NewApiKey(name="ci")).key

    assert 1 == viewer.comments.count_mentions().num_unread
    assert 1 == len(viewer.comments.list_("prompt", prompt).items)
    with pytest.raises(Denied):
        viewer.comments.add("prompt", prompt, "x")
    with Client(home.client.url, api_key=key) as program, pytest.raises(Denied):
        program.comments.list_("prompt", prompt)


@pytest.mark.parametrize("body", ["", "a" * 10_001, "nul \x00"])
def test_what_cannot_be_said(home: Home, prompt: str, body: str) -> None:
    """
    A comment has 1 to 10,000 characters, all of them text.
    """
    call = Call("POST", "/comments", KeptComment, body={"kind": "prompt", "name": prompt, "body": body})

    with pytest.raises(InvalidInput):
        home.client.send(call)


def test_an_edit(home: Home, join: Join, prompt: str) -> None:
    """
    An edit says when and by whom, and is a version further.
    """
    ana = join("ana", "editor")
    said = ana.comments.add("prompt", prompt, "teh prompt")

    ana.comments.edit(said.comment_id, "the prompt", version=1)

    now = home.client.comments.get(said.comment_id)
    assert ("the prompt", 2, "ana") == (now.body, now.version, now.edited_by)
    assert now.edited_at is not None


def test_two_edits_of_one_version(home: Home, join: Join, prompt: str) -> None:
    """
    Who comes second is told what stands there now, and nothing is written over.
    """
    ana = join("ana", "editor")
    said = ana.comments.add("prompt", prompt, "first")
    home.client.comments.edit(said.comment_id, "the owner was quicker", version=1)

    with pytest.raises(Conflict) as caught:
        ana.comments.edit(said.comment_id, "ana was slower", version=1)

    assert "comments.changed" == caught.value.error_code
    current = caught.value.values["current"]
    assert isinstance(current, dict)
    assert ("the owner was quicker", 2) == (current["body"], current["version"])
    assert "the owner was quicker" == home.client.comments.get(said.comment_id).body


def test_an_edit_of_what_was_deleted(home: Home, join: Join, prompt: str) -> None:
    """
    Words that were taken away are not put back by an edit.
    """
    ana = join("ana", "editor")
    said = ana.comments.add("prompt", prompt, "first")
    home.client.comments.reply(said.comment_id, "an answer keeps the thread")
    home.client.comments.delete(said.comment_id)

    with pytest.raises(Conflict) as caught:
        ana.comments.edit(said.comment_id, "again", version=1)

    assert "deleted meanwhile" in caught.value.message


def test_what_somebody_else_said(home: Home, join: Join, prompt: str) -> None:
    """
    One edits and deletes one's own; who governs may do it to anybody's.
    """
    ana, bo = join("ana", "editor"), join("bo", "reviewer")
    said = ana.comments.add("prompt", prompt, "mine")

    with pytest.raises(Denied) as caught:
        bo.comments.edit(said.comment_id, "yours", version=1)
    with pytest.raises(Denied):
        bo.comments.delete(said.comment_id)
    home.client.comments.delete(said.comment_id)

    assert "comments.not_yours" == caught.value.error_code
    with pytest.raises(NotFound):
        ana.comments.get(said.comment_id)


def test_a_thread_without_its_first_words(home: Home, prompt: str) -> None:
    """
    A thread with answers outlives its first comment; with the last answer it is gone.
    """
    first = home.client.comments.add("prompt", prompt, "first")
    answer = home.client.comments.reply(first.comment_id, "answer")

    home.client.comments.delete(first.comment_id)

    told = home.client.comments.list_("prompt", prompt).items
    assert [("", True), ("answer", False)] == [(one.body, one.is_deleted) for one in told]
    home.client.comments.delete(answer.comment_id)
    assert [] == home.client.comments.list_("prompt", prompt).items


def test_a_settled_thread(home: Home, join: Join, prompt: str) -> None:
    """
    A thread is settled and opened again as a whole, however often one says so.
    """
    bo = join("bo", "reviewer")
    first = home.client.comments.add("prompt", prompt, "first")
    answer = home.client.comments.reply(first.comment_id, "answer")

    bo.comments.resolve(first.comment_id)
    settled = bo.comments.resolve(first.comment_id)
    resolved = home.client.comments.list_("prompt", prompt, is_resolved=True).items
    still_open = home.client.comments.list_("prompt", prompt, is_resolved=False).items
    reopened = bo.comments.resolve(first.comment_id, is_resolved=False)

    assert "bo" == settled.resolved_by
    assert [first.comment_id, answer.comment_id] == [one.comment_id for one in resolved]
    assert [] == still_open
    assert reopened.resolved_at is None
    with pytest.raises(InvalidInput) as caught:
        bo.comments.resolve(answer.comment_id)
    assert first.comment_id in caught.value.message


def test_who_is_asked_for(home: Home, join: Join, prompt: str) -> None:
    """
    Whoever is asked for finds it, newest first, until they have seen it; who is not there is said.
    """
    ana, lima = join("ana", "editor"), join("Ana Lima", "viewer")
    one = home.client.comments.add("prompt", prompt, '@ana and @"Ana Lima" and @zoe')
    two = home.client.comments.reply(one.comment_id, "@ana again")

    assert (["Ana Lima", "ana"], ["zoe"]) == (one.mentions, one.unknown_mentions)
    mine = ana.comments.list_mentions(limit=1)
    assert [two.comment_id] == [each.comment.comment_id for each in mine.items]
    rest = ana.comments.list_mentions(limit=1, cursor=mine.next_cursor)
    assert [one.comment_id] == [each.comment.comment_id for each in rest.items]
    assert 1 == ana.comments.read_mentions([two.comment_id]).num_unread
    assert [one.comment_id] == [each.comment.comment_id for each in ana.comments.list_mentions(is_unread=True).items]
    assert 0 == ana.comments.read_mentions().num_unread
    assert 1 == lima.comments.count_mentions().num_unread


def test_an_edit_asks_for_others(home: Home, join: Join, prompt: str) -> None:
    """
    An edit tells those who are new in it, takes back who is no longer, and does not tell again who had seen it.
    """
    ana, bo, cy = join("ana", "editor"), join("bo", "editor"), join("cy", "viewer")
    said = home.client.comments.add("prompt", prompt, "@ana @bo")
    ana.comments.read_mentions()

    home.client.comments.edit(said.comment_id, "@ana @cy", version=1)

    assert [0, 0, 1] == [one.comments.count_mentions().num_unread for one in (ana, bo, cy)]
    assert 1 == len(ana.comments.list_mentions().items)


def test_nobody_asks_for_themselves(home: Home, join: Join, prompt: str) -> None:
    """
    One's own name in one's own comment is no news.
    """
    ana = join("ana", "editor")

    said = ana.comments.add("prompt", prompt, "@ana must not forget")

    assert ([], []) == (said.mentions, said.unknown_mentions)
    assert 0 == ana.comments.count_mentions().num_unread


def test_who_can_be_asked_for(home: Home, join: Join) -> None:
    """
    Anybody who reads comments finds people by a part of their name, in pages, as they are written.
    """
    join("ana", "editor")
    vera = join("Vera Ana", "viewer")

    page = vera.comments.list_people("ANA", limit=1)
    rest = vera.comments.list_people("ANA", limit=1, cursor=page.next_cursor)

    assert [("Vera Ana", '@"Vera Ana"')] == [(one.name, one.mention) for one in page.items]
    assert ["@ana"] == [one.mention for one in rest.items]
    assert rest.next_cursor is None


def test_a_person_is_erased(home: Home, join: Join, prompt: str) -> None:
    """
    Their words, their name, and their name in what others said go; what others said stays.
    """
    ana, bo = join("ana", "editor"), join("bo", "editor")
    thread = ana.comments.add("prompt", prompt, "I, ana, say")
    bo.comments.reply(thread.comment_id, "@ana is right, says @bo")
    ana.comments.add("prompt", prompt, "alone")
    ana.comments.resolve(thread.comment_id)

    erased = home.client.comments.erase_person("ana")

    assert (2, 1) == (erased.num_comments, erased.num_mentions)
    told = home.client.comments.list_("prompt", prompt).items
    assert [(None, ""), ("bo", "@erased is right, says @bo")] == [(one.author, one.body) for one in told]
    assert told[0].resolved_by is None
    assert 0 == len(ana.comments.list_mentions().items)
    assert (0, 0) == tuple(home.client.comments.erase_person("ana").model_dump().values())


def test_erasing_somebody_unknown(home: Home, join: Join) -> None:
    """
    Only who governs erases, and only people who are there.
    """
    with pytest.raises(NotFound):
        home.client.comments.erase_person("nobody")
    with pytest.raises(Denied):
        join("ana", "editor").comments.erase_person("ana")


def test_what_was_done_is_logged(home: Home, prompt: str) -> None:
    """
    Each change is in the audit log, with what it is on and without its words.
    """
    said = home.client.comments.add("prompt", prompt, "very secret words")
    home.client.comments.edit(said.comment_id, "other secret words", version=1)
    home.client.comments.resolve(said.comment_id)
    home.client.comments.delete(said.comment_id)

    entries = home.client.audit.list_(object_id=said.comment_id).items

    actions = ["comments.delete", "comments.resolve", "comments.edit", "comments.create"]
    assert actions == [entry.action for entry in entries]
    assert "prompt" == entries[0].detail["kind"]
    assert not any("secret" in entry.model_dump_json() for entry in entries)
