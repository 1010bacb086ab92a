"""What a stream of changes tells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from treadle.core.types import Record

How = Literal["created", "changed", "removed"]
PagePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f?#]{0,299}$")]
"""Where a page is, without its query: '/prompts/support'; at most 300 characters."""


class Change(Record):
    """Something changed: which, not what it is now, so that whoever shows it asks again, with their own rights."""

    kind: str | None
    """'prompt', 'run', 'comment' …; None where some changes may have been missed, so that anything may have changed."""
    object_id: str | None
    """The id, or the name of what has none; None for any of the kind."""
    how: How
    """What became of it."""


class Presence(Record):
    """Who has a page open."""

    page: PagePath
    """Where."""
    names: list[str]
    """Actors of the project, sorted, the reader among them."""
