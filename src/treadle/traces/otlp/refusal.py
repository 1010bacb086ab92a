"""Why a span, or a whole body, is not taken; and what is checked of every span, whichever way it was written."""

from __future__ import annotations

from treadle.traces.otlp.limits import FIRST_NS, LAST_NS, MAX_EVENTS, MAX_KEYS, MAX_LINKS, MAX_TEXT_CHARS


class Refused(Exception):
    """A span, or a body, that cannot be taken; the text is for whoever sent it."""


class Allowance:
    """What one span may still use while it is read."""

    __slots__ = ("chars", "keys")

    def __init__(self) -> None:
        self.keys = MAX_KEYS
        self.chars = MAX_TEXT_CHARS

    def check(self) -> None:
        """Raise Refused when more was used than there is."""
        if self.keys < 0:
            raise Refused(f"a span holds at most {MAX_KEYS} attributes, nested ones included")
        if self.chars < 0:
            raise Refused(f"a span holds at most {MAX_TEXT_CHARS} characters; keep large content elsewhere")


def check_times(start_ns: int, end_ns: int) -> None:
    """Raise Refused unless a span starts and ends between 1970 and 2200, in this order."""
    if not FIRST_NS <= start_ns < LAST_NS:
        raise Refused("a span starts between 1970 and 2200: start_time_unix_nano is in nanoseconds since 1970")
    if not start_ns <= end_ns < LAST_NS:
        raise Refused("a span ends after its start and before 2200: send it once it has ended")


def check_counts(events: int, links: int) -> None:
    """Raise Refused when a span has more events or links than we keep."""
    if events > MAX_EVENTS:
        raise Refused(f"a span holds at most {MAX_EVENTS} events")
    if links > MAX_LINKS:
        raise Refused(f"a span holds at most {MAX_LINKS} links")
