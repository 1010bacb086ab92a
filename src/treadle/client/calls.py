"""A call of the HTTP contract as a value: what to send, and what comes back. Slices' rooms make them, a sender carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from treadle.core.revisions import When, headers_of
from treadle.core.types import JsonValue, Record

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, relative to /api/v1."""

    method: str
    """GET, POST, PUT, DELETE."""
    path: str
    """Such as '/prompts/greeting'; parts that people chose are quoted with `quoted`."""
    result: type[T]
    """What the answer is read as; `str` and `bytes` mean the body as it is, NoneType nothing."""
    query: Mapping[str, JsonValue] = field(default_factory=dict)
    """Query parameters; those that are None are left out."""
    body: Record | Mapping[str, JsonValue] | None = None
    """A JSON body."""
    upload: Path | None = None
    """A file to stream as the multipart field 'file', with `body`'s values as form fields."""
    unpack_to: Path | None = None
    """A folder that the answer, a tar stream, is unpacked into as it comes; the result is then None."""
    save_to: Path | None = None
    """A file that the answer is written into as it comes, whole or not at all; the result is then None."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers besides those of every request."""


def only(if_revision: str | None, *, if_new: bool = False) -> dict[str, str]:
    """Return the headers that hold a change to the revision that was read, or to where nothing is yet; none asks nothing."""
    return headers_of(When(revisions=None if if_revision is None else frozenset({if_revision}), is_new=if_new))


class Send(Protocol):
    """Carries a call out and reads its answer."""

    def __call__(self, call: Call[T]) -> T:
        """Return what the call's `result` says. Raises the kind of error that the server answered with."""
        ...
