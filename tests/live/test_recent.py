"""What is remembered of the last half minute, and when it is said to be less than all."""

from __future__ import annotations

from treadle.live.inbox import Event
from treadle.live.recent import MAX_RECENT, RECENT_SECONDS, Recent


def event(name: str) -> Event:
    """A change of a prompt."""
    return Event("prompt", name, "changed", None)


def test_since_a_moment() -> None:
    """
    What changed since the moment is told in its order, and nothing of another project.
    """
    recent = Recent()
    recent.begin(100.0)
    for at, project, name in ((101.0, "mine", "a"), (102.0, "mine", "b"), (102.5, "theirs", "x"), (103.0, "mine", "c")):
        recent.put(at, project, event(name))

    told = recent.since(101.5, "mine")

    assert [event("b"), event("c")] == told


def test_before_it_began_to_listen() -> None:
    """
    What may have happened unheard makes it unknown, before the first hearing and after each gap.
    """
    recent = Recent()

    assert recent.since(100.0, "mine") is None
    recent.begin(100.0)
    recent.put(101.0, "mine", event("a"))
    assert recent.since(99.0, "mine") is None
    recent.begin(110.0)
    assert recent.since(105.0, "mine") is None
    assert [] == recent.since(111.0, "mine")


def test_what_is_long_ago_is_forgotten() -> None:
    """
    Only so many seconds are kept; who asks for more learns that it is not all.
    """
    recent = Recent()
    recent.begin(0.0)
    recent.put(1.0, "mine", event("old"))
    recent.put(2.0 + RECENT_SECONDS, "mine", event("new"))

    assert recent.since(0.5, "mine") is None
    assert [event("new")] == recent.since(1.5, "mine")


def test_the_very_moment() -> None:
    """
    What changed at the moment that is asked for is told; where that one is forgotten, it is not all, and a moment later it is.
    """
    recent = Recent()
    recent.begin(0.0)
    recent.put(1.0, "mine", event("old"))

    heard = recent.since(1.0, "mine")
    recent.put(1.5 + RECENT_SECONDS, "mine", event("new"))

    assert [event("old")] == heard
    assert recent.since(1.0, "mine") is None
    assert [event("new")] == recent.since(1.5, "mine")


def test_the_moment_that_listening_begins() -> None:
    """
    Whoever asks from the very moment on at which listening began is told all of it, and not again and again to ask for everything.
    """
    recent = Recent()
    recent.begin(1.0)
    recent.put(1.0, "mine", event("first"))

    assert [event("first")] == recent.since(1.0, "mine")


def test_many_changes() -> None:
    """
    Only so many changes are kept, whatever happens in a second.
    """
    recent = Recent()
    recent.begin(0.0)
    for number in range(MAX_RECENT + 1):
        recent.put(1.0 + number / 1e6, "mine", event(str(number)))

    assert recent.since(0.5, "mine") is None
    assert MAX_RECENT == len(recent.since(1.0 + 1 / 1e6, "mine") or [])
