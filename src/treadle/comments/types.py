"""A comment, what it is on, and a mention of somebody in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from treadle.core.types import Record

Body = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=10_000)]
"""Markdown, 1 to 10,000 characters; `@name`, or `@"a name"`, asks for somebody."""
Said = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=200)]
"""A name or an id as somebody wrote it."""


class Subject(Record):
    """What can be commented on: an object of any slice."""

    kind: str
    """As lineage calls it: 'prompt', 'dataset version', 'rollout' …"""
    object_id: str
    """The id that stays, whatever the object is called: 'prm_…'."""
    title: str
    """What people call it: 'support v2'."""
    path: str
    """Where the web application shows it: '/prompts/support'."""


class NewComment(Record):
    """The first comment of a thread."""

    kind: Said
    """The kind of object, such as 'prompt'."""
    name: Said
    """The object as its page names it: 'support', a version as 'support@2', or an id."""
    body: Body
    """What is said."""


class NewReply(Record):
    """An answer in a thread."""

    body: Body
    """What is said."""


class Edit(Record):
    """A comment in other words."""

    body: Body
    """The whole text as it should be."""
    version: int = Field(ge=1)
    """The version that was edited; when somebody has changed it since, nothing is written over."""


class Resolution(Record):
    """Whether a thread is settled."""

    is_resolved: bool
    """True to resolve it, false to open it again."""


class Comment(Record):
    """One comment, with what it is on."""

    comment_id: str
    """'com_…'."""
    thread_id: str
    """The thread's first comment; its own id for that one."""
    subject: Subject
    """What it is on."""
    body: str
    """Markdown from a person, not to be trusted; empty when it was deleted and its thread goes on."""
    author: str | None
    """Who said it; None when that was erased."""
    author_id: str | None
    """'act_…'; None when that was erased."""
    mentions: list[str]
    """Names of whom it asks for, sorted."""
    created_at: datetime
    """Aware UTC."""
    version: int
    """1, and one more with each edit."""
    edited_at: datetime | None
    """Aware UTC, of the last edit; None when it stands as it was said."""
    edited_by: str | None
    """Who edited it last, when it was edited."""
    is_deleted: bool
    """Whether its words were taken away while there are answers to it."""
    resolved_at: datetime | None
    """Aware UTC: when the thread was settled; None while it is open."""
    resolved_by: str | None
    """Who settled it."""


class KeptComment(Comment):
    """A comment as it was just written."""

    unknown_mentions: list[str]
    """Names after an '@' that nobody in the project has: nobody was told."""


class CommentCount(Record):
    """How much is said about one object."""

    num_comments: int
    """Comments, answers among them."""
    num_open_threads: int
    """Threads that are not settled."""


class Mention(Record):
    """A comment that asks for the caller."""

    comment: Comment
    """The comment."""
    mentioned_at: datetime
    """Aware UTC: when it was said, or edited to ask for them."""
    read_at: datetime | None
    """Aware UTC: when they said that they had seen it; None while it is unread."""


class MentionCount(Record):
    """How many mentions of the caller are unread."""

    num_unread: int
    """How many."""


class ReadMentions(Record):
    """Which mentions the caller has seen."""

    comment_ids: list[Said] | None = Field(default=None, max_length=500)
    """Of these comments; None means all."""


class Person(Record):
    """Somebody who can be mentioned."""

    name: str
    """Unique in the project."""
    mention: str
    """How a comment asks for them: '@ana', or '@"Ana Lima"'."""


class Erasure(Record):
    """Whose traces in comments are to go."""

    person: Said
    """The person's name."""


class Erased(Record):
    """What an erasure took away."""

    num_comments: int
    """Comments of theirs, without words and name now."""
    num_mentions: int
    """Mentions of them in what others said."""
