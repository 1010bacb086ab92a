"""One place that holds an edit to what it was begun from: inside the transaction that writes, for every slice.

    editing.hold(db, called)
    audited = Audited("surveys.put", survey_id, "feedback.read")
    editing.check(db, ctx, when, called, store.find_survey(db, name), lambda _: audited)

The hold is an advisory lock on the object's name in words, so that it also keeps two from making the same thing at once; a slice that
locks the row of what is there already needs none. It is taken before rows and before the audit log, and by those who ask nothing, too:
a plain change waits for one that has looked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypedDict, TypeVar

from treadle.core.errors import Outdated
from treadle.core.revisions import Revised, When
from treadle.core.types import JsonObject
from treadle.governance import store
from treadle.http.context import Context
from treadle.storage.database import Connection

T = TypeVar("T", bound=Revised)


class EditedMeanwhile(Outdated):
    """Somebody changed the thing since it was read."""

    code = "editing.changed"


class AlreadyThere(Outdated):
    """Something has the name already, and it was to be made, not replaced."""

    code = "editing.name_taken"


class RemovedMeanwhile(Outdated):
    """Somebody removed the thing since it was read."""

    code = "editing.removed"


class Audited(NamedTuple):
    """Where the audit log tells of an object's edits."""

    action: str
    """What an edit is recorded as."""
    object_id: str
    """Of what."""
    reads: str
    """The permission that it takes to read the object: who lacks it is not shown what is there now."""
    made_as: str | None = None
    """What making it is recorded as, where it is told by its name: somebody may have removed it and made it anew."""
    part: JsonObject = {}
    """What else an entry's detail must say, where one object has several things that are edited, such as {'label': 'production'}."""


class _Told(TypedDict):
    revision: str
    now: JsonObject
    changed_by: str | None
    changed_by_name: str | None
    changed_at: str | None


def hold(db: Connection, called: str) -> None:
    """Let nobody else edit, make or remove an object until this transaction ends. called: as in `check`."""
    db.execute(
        "select pg_advisory_xact_lock(hashtextextended('edit|' || current_setting('treadle.project') || '|' || %s, 0))",
        [called],
    )


def check(
    db: Connection, ctx: Context, when: When, called: str, found: T | None, audited: Callable[[T], Audited]
) -> None:
    """Raise unless an object, which this transaction holds, is as whoever edits it says.

    called: what it is in words, such as "survey 'csat'"; unique in the project. audited: where its edits are recorded.
    Raises EditedMeanwhile and AlreadyThere (with what is there now, for those who may read it, and who did it when, where the log
    knows), RemovedMeanwhile.
    """
    if found is None:
        if when.revisions is not None:
            raise RemovedMeanwhile(
                f"{called} was removed since you read it; leave it so, or make it anew by sending it without If-Match",
                called=called,
            )
    elif when.is_new:
        raise AlreadyThere(
            f"{called} is there already; change that one, or choose another name",
            called=called,
            **_told(ctx, found, audited(found), _last(db, audited(found))),
        )
    elif when.revisions is not None and not when.revisions & {"*", found.revision}:
        raise _changed(db, ctx, called, found, audited(found))


def _changed(db: Connection, ctx: Context, called: str, found: Revised, audited: Audited) -> EditedMeanwhile:
    last = _last(db, audited)
    told = "it was changed" if last is None else f"'{last.name}' changed it at {last.at:%Y-%m-%d %H:%M:%S} UTC"
    return EditedMeanwhile(
        f"{called} is not any more as you read it: {told}; read it again, put both together, and send it with If-Match "
        f'"{found.revision}"',
        called=called,
        **_told(ctx, found, audited, last),
    )


def _last(db: Connection, audited: Audited) -> store.LastEdit | None:
    actions = [each for each in (audited.action, audited.made_as) if each is not None]
    return store.find_last_edit(db, actions, audited.object_id, audited.part)


def _told(ctx: Context, found: Revised, audited: Audited, last: store.LastEdit | None) -> _Told:
    return {
        "revision": found.revision,
        "now": found.edited() if audited.reads in ctx.actor.permissions else {},
        "changed_by": last and last.actor_id,
        "changed_by_name": last and last.name,
        "changed_at": last and last.at.isoformat(),
    }
