"""Edits that do not overwrite each other: what an object is, as a fingerprint, and what must be so for a change to be made.

The preconditions of RFC 9110 (If-Match, If-None-Match) as plain values. A fingerprint is of what an edit states and of nothing that moves
by itself, such as counts, so the same content has the same one whenever it is read. `governance/editing.py` holds changes to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import computed_field, model_validator

from treadle.core.canonical import digest_of
from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject, JsonValue, Record

_DIGITS = 20
"""Hexadecimal digits of a fingerprint: 80 bits, nobody gains by two that are equal."""


class Revised(Record):
    """Something that people edit; it says which revision of its content it is."""

    EDITED: ClassVar[frozenset[str]] = frozenset()
    """Fields that an edit states; nothing else counts for the revision."""

    @computed_field  # type: ignore[prop-decorator]  # pydantic documents it so; python/mypy#1362
    @property
    def revision(self) -> str:
        """Fingerprint of what can be edited, also its ETag: send it back as If-Match, and nothing that others changed meanwhile is lost."""
        return digest_of(self.edited()).removeprefix("sha256:")[:_DIGITS]

    def edited(self) -> JsonObject:
        """Return what an edit states, as JSON."""
        return self.model_dump(mode="json", include=set(self.EDITED))

    @model_validator(mode="before")
    @classmethod
    def _without_revision(cls, given: JsonValue) -> JsonValue:
        # It follows from the rest, so what comes back with it, in an answer or in an edit, is read without it.
        return {key: value for key, value in given.items() if key != "revision"} if isinstance(given, dict) else given


class Pointer(Revised):
    """A movable name on one version of something: where it points is all that an edit states, so that is its revision."""

    EDITED = frozenset({"version"})

    version: int
    """Where it points."""

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def revision(self) -> str:
        """The version that it points at: send it back as If-Match, and it is moved only from there."""
        return str(self.version)


@dataclass(frozen=True)
class When:
    """What must be so for a change to be made; by default whatever is there is replaced."""

    revisions: frozenset[str] | None = None
    """It is one of these; '*' is any that is there at all. None asks nothing."""
    is_new: bool = False
    """Nothing is there yet."""


ALWAYS = When()


def when_of(if_match: str | None, if_none_match: str | None) -> When:
    """Read the two headers. Raises InvalidInput for another If-None-Match than '*', which is all that a change can ask.

    Weak tags count as strong ones: a proxy that compresses makes them weak, and the fingerprint is of the content anyway.
    """
    if if_none_match is not None and if_none_match.strip() != "*":
        raise InvalidInput(
            "a change takes only '*' as If-None-Match, which makes something only where nothing is; to change what was read, send "
            "its ETag as If-Match",
            code="http.precondition",
        )
    if if_match is None:
        return When(is_new=if_none_match is not None)
    tags = (each.strip().removeprefix("W/").strip('"') for each in if_match.split(","))
    return When(revisions=frozenset(tags), is_new=if_none_match is not None)


def headers_of(when: When) -> dict[str, str]:
    """Return the headers that say it: the inverse of `when_of`."""
    headers = (
        {}
        if when.revisions is None
        else {"if-match": ", ".join(each if each == "*" else etag_of(each) for each in sorted(when.revisions))}
    )
    return headers | ({"if-none-match": "*"} if when.is_new else {})


def etag_of(revision: str) -> str:
    """Return the entity tag of a revision."""
    return f'"{revision}"'
