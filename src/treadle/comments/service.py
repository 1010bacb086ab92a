"""Say something about an object, answer, edit, settle; and what asks for the caller.

Whether an object is there, and the caller may see it, is asked of its own slice: the roof hands over a finder per kind.
A text is never written over: whoever edits says which version they have read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from treadle.comments import store
from treadle.comments.mentions import find_mentions, mention_of, without_mention
from treadle.comments.types import (
    Comment,
    CommentCount,
    Erased,
    KeptComment,
    Mention,
    MentionCount,
    NewComment,
    Person,
    Subject,
)
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.core.ids import new_id
from treadle.core.types import JsonObject, Page
from treadle.governance import audit
from treadle.governance.service import names_of
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection

GOVERN = "comments.govern"

Finders = Mapping[str, Callable[[Context, str], Awaitable[Subject]]]
"""By kind: find the object that its page names so, as the caller may see it. Raises what its slice raises."""


class UnknownKind(InvalidInput):
    """Nothing of the kind can be commented on."""

    code = "comments.unknown_kind"


class CommentNotFound(NotFound):
    """No comment has the id."""

    code = "comments.not_found"


class CommentChanged(Conflict):
    """Somebody has edited or deleted the comment since it was read."""

    code = "comments.changed"


class NotYours(Denied):
    """A comment of somebody else."""

    code = "comments.not_yours"


class NotAThread(InvalidInput):
    """A thread is settled by its first comment."""

    code = "comments.not_a_thread"


class PersonNotFound(NotFound):
    """Nobody has the name."""

    code = "comments.person_not_found"


async def find_subject(ctx: Context, finders: Finders, kind: str, name: str) -> Subject:
    """Return the object that is called so. Raises UnknownKind, and what its slice raises: NotFound, Denied."""
    find = finders.get(kind.replace("-", " "))
    if find is None:
        raise UnknownKind(
            f"there are no comments on a '{kind}'; kinds are: {', '.join(sorted(finders))}", kinds=sorted(finders)
        )
    return await find(ctx, name)


async def add_comment(ctx: Context, new: NewComment, finders: Finders) -> KeptComment:
    """Begin a thread on an object. Raises as `find_subject`."""
    ctx.require("comments.write")
    subject = await find_subject(ctx, finders, new.kind, new.name)
    comment_id = new_id("com")
    return await ctx.db.write(lambda db: _add(db, ctx, comment_id, comment_id, subject, new.body))


async def reply(ctx: Context, comment_id: str, body: str) -> KeptComment:
    """Answer in a comment's thread. Raises CommentNotFound."""
    ctx.require("comments.write")

    def write(db: Connection) -> KeptComment:
        before = _require(db, comment_id, lock=True)
        return _add(db, ctx, new_id("com"), before.thread_id, before.subject, body)

    return await ctx.db.write(write)


async def get_comment(ctx: Context, comment_id: str) -> Comment:
    """Return a comment. Raises CommentNotFound."""
    ctx.require("comments.read")
    return await ctx.db.read(lambda db: _require(db, comment_id))


async def list_comments(
    ctx: Context,
    finders: Finders,
    kind: str,
    name: str,
    *,
    is_resolved: bool | None = None,
    limit: int,
    cursor: str | None = None,
) -> Page[Comment]:
    """Return what is said about an object: threads oldest first, each with its answers behind it. Raises as `find_subject`."""
    ctx.require("comments.read")
    subject = await find_subject(ctx, finders, kind, name)
    decoded = decode_cursor(cursor, str, str)
    after = (str(decoded[0]), str(decoded[1])) if decoded else None
    rows = await ctx.db.read(
        lambda db: store.list_comments(
            db, subject.kind, subject.object_id, is_resolved=is_resolved, after=after, limit=limit + 1
        )
    )
    return page_of(rows, limit, lambda one: (one.thread_id, one.comment_id))


async def list_newest(
    ctx: Context, *, is_resolved: bool | None = None, limit: int, cursor: str | None = None
) -> Page[Comment]:
    """Return what was said about anything in the project, newest first."""
    ctx.require("comments.read")
    after = decode_cursor(cursor, str)
    before = str(after[0]) if after else None
    rows = await ctx.db.read(lambda db: store.list_newest(db, is_resolved=is_resolved, before=before, limit=limit + 1))
    return page_of(rows, limit, lambda one: (one.comment_id,))


async def count_comments(ctx: Context, finders: Finders, kind: str, name: str) -> CommentCount:
    """Count what is said about an object. Raises as `find_subject`."""
    ctx.require("comments.read")
    subject = await find_subject(ctx, finders, kind, name)
    return await ctx.db.read(lambda db: store.count_comments(db, subject.kind, subject.object_id))


async def edit_comment(ctx: Context, comment_id: str, body: str, version: int) -> KeptComment:
    """Put other words in the place of one's own; who governs may edit anybody's.

    Raises CommentNotFound, NotYours, and CommentChanged with the words that stand there now.
    """
    ctx.require("comments.write")

    def write(db: Connection) -> KeptComment:
        before = _require(db, comment_id, lock=True)
        _require_own(ctx, before, "edit")
        if before.is_deleted or before.version != version:
            raise _changed(before, version)
        now = ctx.clock.now()
        store.edit_comment(db, comment_id, body, ctx.actor.name, now)
        return _note_mentions(db, ctx, comment_id, body, now, "comments.edit")

    return await ctx.db.write(write)


async def delete_comment(ctx: Context, comment_id: str) -> None:
    """Take one's own comment away; who governs may take anybody's. Raises CommentNotFound, NotYours."""
    ctx.require("comments.write")

    def write(db: Connection) -> None:
        before = _require(db, comment_id, lock=True)
        _require_own(ctx, before, "delete")
        store.delete_comment(db, before)
        audit.record(db, ctx, action="comments.delete", object_id=comment_id, detail=_of(before.subject))

    await ctx.db.write(write)


async def resolve(ctx: Context, comment_id: str, is_resolved: bool) -> Comment:
    """Settle a thread, or open it again. Safe to repeat. Raises CommentNotFound, NotAThread."""
    ctx.require("comments.write")

    def write(db: Connection) -> Comment:
        before = _require(db, comment_id, lock=True)
        if before.comment_id != before.thread_id:
            raise NotAThread(
                f"'{comment_id}' answers in a thread, which is settled as a whole; resolve its first comment: "
                f"treadle comment resolve {before.thread_id}",
                thread_id=before.thread_id,
            )
        if (before.resolved_at is not None) != is_resolved:
            by, at = (ctx.actor.name, ctx.clock.now()) if is_resolved else (None, None)
            store.set_resolution(db, comment_id, by, at)
            action = "comments.resolve" if is_resolved else "comments.reopen"
            audit.record(db, ctx, action=action, object_id=comment_id, detail=_of(before.subject))
        return _require(db, comment_id)

    return await ctx.db.write(write)


async def list_people(ctx: Context, text: str, *, limit: int, cursor: str | None = None) -> Page[Person]:
    """Return who can be mentioned, by name: those whose name has the text in it."""
    ctx.require("comments.read")
    after = decode_cursor(cursor, str)
    sought = text.casefold()
    names = sorted(name for name in (await ctx.db.read(names_of)).values() if sought in name.casefold())
    people = [Person(name=name, mention=mention_of(name)) for name in names if after is None or name > str(after[0])]
    return page_of(people[: limit + 1], limit, lambda one: (one.name,))


async def list_mentions(
    ctx: Context, *, is_unread: bool = False, limit: int, cursor: str | None = None
) -> Page[Mention]:
    """Return what asks for the caller, newest first."""
    ctx.require("comments.read")
    after = decode_cursor(cursor, str, str)
    before = (datetime.fromisoformat(str(after[0])), str(after[1])) if after else None
    rows = await ctx.db.read(
        lambda db: store.list_mentions(db, ctx.actor.actor_id, is_unread=is_unread, before=before, limit=limit + 1)
    )
    return page_of(rows, limit, lambda one: (one.mentioned_at.isoformat(), one.comment.comment_id))


async def count_mentions(ctx: Context) -> MentionCount:
    """Count what asks for the caller and is unread."""
    ctx.require("comments.read")
    return MentionCount(num_unread=await ctx.db.read(lambda db: store.count_unread(db, ctx.actor.actor_id)))


async def read_mentions(ctx: Context, comment_ids: list[str] | None) -> MentionCount:
    """Note that the caller has seen what asks for them: in some comments, or all. Safe to repeat."""
    ctx.require("comments.read")

    def write(db: Connection) -> MentionCount:
        store.read_mentions(db, ctx.actor.actor_id, comment_ids, ctx.clock.now())
        return MentionCount(num_unread=store.count_unread(db, ctx.actor.actor_id))

    return await ctx.db.write(write)


async def erase_person(ctx: Context, person: str) -> Erased:
    """Take a person's words and name out of every comment, and out of what others said to them. Safe to repeat.

    Raises PersonNotFound. The audit log keeps who acted, without words.
    """
    ctx.require(GOVERN)

    def write(db: Connection) -> Erased:
        actor_id = {name: actor for actor, name in names_of(db).items()}.get(person)
        if actor_id is None:
            raise PersonNotFound(f"nobody here is called '{person}'; see who is: treadle comment people")
        return erase_actor(db, ctx, actor_id, person)

    return await ctx.db.write(write)


def erase_actor(db: Connection, ctx: Context, actor_id: str, name: str) -> Erased:
    """Do so inside the caller's transaction, for whoever erases a person everywhere. Safe to repeat."""
    written, mentioning = store.list_written_by(db, actor_id), store.list_mentioning(db, actor_id)
    for comment in mentioning:
        store.set_body(db, comment.comment_id, without_mention(comment.body, name))
    for comment in written:
        store.delete_comment(db, comment)
    store.erase_names(db, actor_id, name)
    erased = Erased(num_comments=len(written), num_mentions=len(mentioning))
    audit.record(db, ctx, action="comments.erase", object_id=actor_id, detail=erased.model_dump())
    return erased


def _add(db: Connection, ctx: Context, comment_id: str, thread_id: str, subject: Subject, body: str) -> KeptComment:
    now = ctx.clock.now()
    store.insert_comment(db, comment_id, thread_id, subject, body, ctx.actor.name, ctx.actor.actor_id, now)
    return _note_mentions(db, ctx, comment_id, body, now, "comments.create")


def _note_mentions(db: Connection, ctx: Context, comment_id: str, body: str, now: datetime, action: str) -> KeptComment:
    """Keep whom a comment asks for, say in the log that it was written, and return it. Nobody asks for themselves."""
    found = find_mentions(body, {name: actor for actor, name in names_of(db).items()})
    others = {name: actor for name, actor in found.known.items() if actor != ctx.actor.actor_id}
    store.put_mentions(db, comment_id, others, now)
    kept = _require(db, comment_id)
    audit.record(db, ctx, action=action, object_id=comment_id, detail=_of(kept.subject))
    return KeptComment(**dict(kept), unknown_mentions=found.unknown)


def _require(db: Connection, comment_id: str, *, lock: bool = False) -> Comment:
    found = store.find_comment(db, comment_id, lock=lock)
    if found is None:
        raise CommentNotFound(
            f"there is no comment '{comment_id}', or it was deleted; list what is said with: treadle comment list KIND NAME"
        )
    return found


def _require_own(ctx: Context, comment: Comment, verb: str) -> None:
    if comment.author_id != ctx.actor.actor_id and GOVERN not in ctx.actor.permissions:
        raise NotYours(
            f"'{ctx.actor.name}' may not {verb} what {comment.author or 'somebody who was erased'} said; answer it with: "
            f"treadle comment reply {comment.comment_id} TEXT, or ask an admin",
            permission=GOVERN,
        )


def _changed(now: Comment, version: int) -> CommentChanged:
    current = now.model_dump(mode="json")
    if now.is_deleted:
        return CommentChanged(
            f"comment '{now.comment_id}' was deleted meanwhile; say it anew as an answer", current=current
        )
    return CommentChanged(
        f"comment '{now.comment_id}' is at version {now.version}, edited by {now.edited_by}, and you edited version {version}; "
        f"put both together and send it with version {now.version}",
        current=current,
    )


def _of(subject: Subject) -> JsonObject:
    return {"kind": subject.kind, "object_id": subject.object_id}
