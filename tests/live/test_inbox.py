"""What waits for one reader is bounded, and told once."""

from __future__ import annotations

import asyncio

from treadle.governance.access import PERMISSIONS
from treadle.http.actor import Actor, RoleName
from treadle.live.inbox import MAX_WAITING, Event, Inbox, Waiting
from treadle.live.types import Presence


def inbox_of(role: RoleName = "owner") -> Inbox:
    """Return an inbox of somebody with a role."""
    actor = Actor(actor_id="act_1", name="ana", kind="person", role=role, permissions=PERMISSIONS[role])
    return Inbox("str_1", "prj_1", actor, "/prompts")


def taken(inbox: Inbox) -> Waiting:
    """Take what waits."""
    return asyncio.run(inbox.take(0))


def test_one_object_many_times() -> None:
    """
    What changes often while nobody reads is told once; what was made meanwhile is still told as made.
    """
    inbox = inbox_of()

    inbox.put(Event("run", "run_1", "created", 7))
    for _ in range(MAX_WAITING * 2):
        inbox.put(Event("run", "run_1", "changed", None))

    assert [Event("run", "run_1", "created", 7)] == taken(inbox).changes
    assert [] == taken(inbox).changes


def test_in_the_order_of_the_log() -> None:
    """
    A reader that goes on after the last place it was told misses nothing.
    """
    inbox = inbox_of()

    for event in (
        Event("prompt", "a", "changed", 1),
        Event("run", "b", "changed", None),
        Event("prompt", "c", "changed", 2),
    ):
        inbox.put(event)
    inbox.put(Event("prompt", "a", "removed", 3))

    assert ["b", "c", "a"] == [event.object_id for event in taken(inbox).changes]


def test_too_much_for_a_slow_reader() -> None:
    """
    More than is kept becomes one request to look at everything; then changes are told again.
    """
    inbox = inbox_of()

    for number in range(MAX_WAITING * 3):
        inbox.put(Event("prompt", f"prm_{number}", "changed", number))
    overflown = taken(inbox)
    inbox.put(Event("prompt", "prm_x", "changed", 1))

    assert (True, []) == (overflown.must_resync, overflown.changes)
    after = taken(inbox)
    assert (False, ["prm_x"]) == (after.must_resync, [event.object_id for event in after.changes])


def test_what_a_reader_may_not_know() -> None:
    """
    A viewer hears of prompts and not of keys or secrets.
    """
    inbox = inbox_of("viewer")

    for kind in ("key", "secret", "prompt", "something new"):
        inbox.put(Event(kind, "x", "changed", 1))

    assert ["prompt"] == [event.kind for event in taken(inbox).changes]


def test_presence_that_did_not_change() -> None:
    """
    Who is here is told when it differs from what was told last.
    """
    inbox, here = inbox_of(), Presence(page="/prompts", names=["ana"])

    inbox.put_presence(here)
    first = taken(inbox)
    inbox.put_presence(Presence(page="/prompts", names=["ana", "bo"]))
    inbox.put_presence(here)
    second = taken(inbox)

    assert (here, None) == (first.presence, second.presence)
