"""Comments in PostgreSQL: a row per comment, one per mention. A thread is named by its first comment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from treadle.comments.types import Comment, CommentCount, Mention, Subject
from treadle.storage.database import Connection, Migration

_COMMENT = """c.comment_id, c.thread_id, c.kind, c.object_id, c.title, c.path, c.body, c.author, c.author_id, c.created_at,
    c.version, c.edited_at, c.edited_by, c.is_deleted, t.resolved_at, t.resolved_by,
    array(select m.name from comment_mentions m where m.comment_id = c.comment_id order by m.name) as mentions"""
_FROM = "from comments c join comments t on t.project_id = c.project_id and t.comment_id = c.thread_id"


def insert_comment(
    db: Connection,
    comment_id: str,
    thread_id: str,
    subject: Subject,
    body: str,
    author: str,
    author_id: str,
    now: datetime,
) -> None:
    """Keep a comment."""
    db.execute(
        """insert into comments (comment_id, thread_id, kind, object_id, title, path, body, author, author_id, created_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            comment_id, thread_id, subject.kind, subject.object_id, subject.title, subject.path, body, author, author_id, now,
        ],
    )  # fmt: skip


def find_comment(db: Connection, comment_id: str, *, lock: bool = False) -> Comment | None:
    """Return a comment; `lock` keeps others from changing it and its thread until this transaction ends."""
    row = db.execute(
        f"select {_COMMENT} {_FROM} where c.comment_id = %s{' for update of c, t' if lock else ''}", [comment_id]
    ).fetchone()
    return _comment(row) if row else None


def list_comments(
    db: Connection, kind: str, object_id: str, *, is_resolved: bool | None, after: tuple[str, str] | None, limit: int
) -> list[Comment]:
    """Return what is said about an object, thread by thread, oldest first, each with its answers behind it."""
    thread, comment = after or (None, None)
    rows = db.execute(
        f"""select {_COMMENT} {_FROM} where c.kind = %s and c.object_id = %s
        and (%s::bool is null or (t.resolved_at is not null) = %s)
        and (%s::text is null or (c.thread_id, c.comment_id <> c.thread_id, c.comment_id) > (%s::text, %s::text <> %s::text, %s::text))
        order by c.thread_id, c.comment_id <> c.thread_id, c.comment_id limit %s""",
        [kind, object_id, is_resolved, is_resolved, thread, thread, comment, thread, comment, limit],
    )
    return [_comment(row) for row in rows]


def list_newest(db: Connection, *, is_resolved: bool | None, before: str | None, limit: int) -> list[Comment]:
    """Return what was said about anything, newest first."""
    rows = db.execute(
        f"""select {_COMMENT} {_FROM} where (%s::bool is null or (t.resolved_at is not null) = %s)
        and (%s::text is null or c.comment_id < %s) order by c.comment_id desc limit %s""",
        [is_resolved, is_resolved, before, before, limit],
    )
    return [_comment(row) for row in rows]


def count_comments(db: Connection, kind: str, object_id: str) -> CommentCount:
    """Count what is said about an object."""
    row = db.execute(
        """select count(*) filter (where not is_deleted) as comments,
            count(*) filter (where comment_id = thread_id and resolved_at is null) as threads
        from comments where kind = %s and object_id = %s""",
        [kind, object_id],
    ).fetchone()
    assert row is not None
    return CommentCount(num_comments=row["comments"], num_open_threads=row["threads"])


def edit_comment(db: Connection, comment_id: str, body: str, by: str, now: datetime) -> None:
    """Put other words in a comment's place."""
    db.execute(
        "update comments set body = %s, version = version + 1, edited_at = %s, edited_by = %s where comment_id = %s",
        [body, now, by, comment_id],
    )


def put_mentions(db: Connection, comment_id: str, actors: Mapping[str, str], now: datetime) -> None:
    """Make a comment's mentions these (actor ids by name); those that it had stay as read as they were."""
    db.execute(
        "delete from comment_mentions where comment_id = %s and actor_id <> all(%s)",
        [comment_id, list(actors.values())],
    )
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into comment_mentions (comment_id, actor_id, name, created_at) values (%s, %s, %s, %s)
            on conflict do nothing""",
            [(comment_id, actor_id, name, now) for name, actor_id in sorted(actors.items())],
        )


def delete_comment(db: Connection, comment: Comment) -> None:
    """Take a comment away; the first of a thread with answers stays in place without its words."""
    db.execute("delete from comment_mentions where comment_id = %s", [comment.comment_id])
    db.execute(
        "update comments set body = '', is_deleted = true, version = version + 1 where comment_id = %s",
        [comment.comment_id],
    )
    # What is deleted and has no answers (left) goes: the comment itself, or with the last answer the thread's first.
    db.execute(
        """delete from comments c where c.thread_id = %s and c.is_deleted and (c.comment_id <> c.thread_id
            or not exists (select from comments r where r.thread_id = c.thread_id and not r.is_deleted))""",
        [comment.thread_id],
    )


def set_resolution(db: Connection, thread_id: str, by: str | None, at: datetime | None) -> None:
    """Settle a thread, or open it again."""
    db.execute("update comments set resolved_at = %s, resolved_by = %s where comment_id = %s", [at, by, thread_id])


def list_mentions(
    db: Connection, actor_id: str, *, is_unread: bool, before: tuple[datetime, str] | None, limit: int
) -> list[Mention]:
    """Return what asks for somebody, newest first."""
    at, comment_id = before or (None, None)
    rows = db.execute(
        f"""select {_COMMENT}, mine.read_at, mine.created_at as mentioned_at {_FROM}
        join comment_mentions mine on mine.project_id = c.project_id and mine.comment_id = c.comment_id
        where mine.actor_id = %s and (not %s or mine.read_at is null)
        and (%s::timestamptz is null or (mine.created_at, mine.comment_id) < (%s, %s))
        order by mine.created_at desc, mine.comment_id desc limit %s""",
        [actor_id, is_unread, at, at, comment_id, limit],
    )
    return [
        Mention(read_at=row.pop("read_at"), mentioned_at=row.pop("mentioned_at"), comment=_comment(row)) for row in rows
    ]


def count_unread(db: Connection, actor_id: str) -> int:
    """Count what asks for somebody and was not seen."""
    row = db.execute(
        "select count(*) as unread from comment_mentions where actor_id = %s and read_at is null", [actor_id]
    ).fetchone()
    assert row is not None
    return int(row["unread"])


def read_mentions(db: Connection, actor_id: str, comment_ids: list[str] | None, now: datetime) -> int:
    """Note that somebody has seen what asks for them; return how many were unread."""
    return db.execute(
        """update comment_mentions set read_at = %s where actor_id = %s and read_at is null
        and (%s::text[] is null or comment_id = any(%s))""",
        [now, actor_id, comment_ids, comment_ids],
    ).rowcount


def list_written_by(db: Connection, actor_id: str) -> list[Comment]:
    """Return what somebody said, locked."""
    rows = db.execute(
        f"select {_COMMENT} {_FROM} where c.author_id = %s order by c.comment_id for update of c", [actor_id]
    )
    return [_comment(row) for row in rows]


def list_mentioning(db: Connection, actor_id: str) -> list[Comment]:
    """Return what asks for somebody, locked."""
    rows = db.execute(
        f"""select {_COMMENT} {_FROM} where c.comment_id in (select comment_id from comment_mentions where actor_id = %s)
        order by c.comment_id for update of c""",
        [actor_id],
    )
    return [_comment(row) for row in rows]


def erase_names(db: Connection, actor_id: str, name: str) -> None:
    """Take somebody's name from what is left of them: comments that answers stand below, edits, resolutions, mentions."""
    db.execute("update comments set author = null, author_id = null where author_id = %s", [actor_id])
    db.execute("update comments set edited_by = null where edited_by = %s", [name])
    db.execute("update comments set resolved_by = null where resolved_by = %s", [name])
    db.execute("delete from comment_mentions where actor_id = %s", [actor_id])


def set_body(db: Connection, comment_id: str, body: str) -> None:
    """Change the words without an edit of anybody's: for erasure."""
    db.execute("update comments set body = %s, version = version + 1 where comment_id = %s", [body, comment_id])


def _comment(row: dict[str, Any]) -> Comment:
    subject = Subject(**{name: row.pop(name) for name in Subject.model_fields})
    return Comment(**row, subject=subject)


MIGRATIONS = (
    Migration(
        "comments",
        """
        create table comments (
            project_id text not null default current_setting('treadle.project'),
            comment_id text not null, thread_id text not null, kind text not null, object_id text not null, title text not null,
            path text not null, body text not null, author text, author_id text, created_at timestamptz not null,
            version int not null default 1, edited_at timestamptz, edited_by text, is_deleted boolean not null default false,
            resolved_at timestamptz, resolved_by text,
            primary key (project_id, comment_id)
        );
        create index comments_on on comments (project_id, kind, object_id, thread_id, comment_id);
        create index comments_of_thread on comments (project_id, thread_id);
        create index comments_by_author on comments (project_id, author_id) where author_id is not null;
        create table comment_mentions (
            project_id text not null default current_setting('treadle.project'),
            comment_id text not null, actor_id text not null, name text not null, created_at timestamptz not null,
            read_at timestamptz,
            primary key (project_id, comment_id, actor_id)
        );
        create index comment_mentions_newest on comment_mentions (project_id, actor_id, created_at desc, comment_id desc);
        create index comment_mentions_unread on comment_mentions (project_id, actor_id) where read_at is null;
        select treadle_isolate('comments'), treadle_isolate('comment_mentions');
        """,
    ),
)
