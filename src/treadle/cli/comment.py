"""`treadle comment`: add, list, reply, edit, delete, resolve, reopen, mentions, people, erase."""

from __future__ import annotations

import sys

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say
from treadle.comments.types import Comment, KeptComment

limit_option = click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many."
)
cursor_option = click.option("--cursor", help="Go on after a page: its next_cursor.")


@click.group("comment")
def comment_command() -> None:
    """What people say about any object, and who asks for you."""


@comment_command.command("add", epilog='\b\nExample: treadle comment add prompt support "@ana is this still ours?"')
@click.argument("kind")
@click.argument("name")
@click.argument("text")
@json_option
def add(kind: str, name: str, text: str, as_json: bool) -> None:
    """Say something about an object; `-` reads it from standard input.

    NAME is what its page calls it, a version is NAME@VERSION; `@ana` or `@"Ana Lima"` in the text asks for somebody.
    """
    with connected() as client:
        kept = client.comments.add(kind, name, _text(text))
    return _tell(kept, as_json)


@comment_command.command("reply", epilog='\b\nExample: treadle comment reply com_01kb "yes, since May"')
@click.argument("comment_id", metavar="COMMENT")
@click.argument("text")
@json_option
def reply(comment_id: str, text: str, as_json: bool) -> None:
    """Answer in a comment's thread; `-` reads the text from standard input."""
    with connected() as client:
        kept = client.comments.reply(comment_id, _text(text))
    return _tell(kept, as_json)


@comment_command.command("list", epilog="\b\nExample: treadle comment list prompt support")
@click.argument("kind", required=False)
@click.argument("name", required=False)
@click.option("--open/--resolved", "is_open", default=None, help="Only threads that are open, or settled.")
@limit_option
@cursor_option
@json_option
def list_(
    kind: str | None, name: str | None, is_open: bool | None, limit: int, cursor: str | None, as_json: bool
) -> None:
    """List what is said about an object, thread by thread, oldest first; without KIND and NAME, of all, newest first."""
    is_resolved = None if is_open is None else not is_open
    with connected() as client:
        page = client.comments.list_(kind, name, is_resolved=is_resolved, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    about = [] if kind else ["about"]
    rows = [
        (one.comment_id, *(one.subject.title for _ in about), _author(one), _words(one), _state(one), one.created_at)
        for one in page.items
    ]
    empty = f'nothing is said about it; say something: treadle comment add "{kind or "KIND"}" {name or "NAME"} TEXT'
    emit_table(["comment", *about, "who", "said", "state", "when"], rows, empty=empty)
    return note("more with: --cursor ", page.next_cursor) if page.next_cursor else None


@comment_command.command("edit", epilog='\b\nExample: treadle comment edit com_01kb "better words" --version 1')
@click.argument("comment_id", metavar="COMMENT")
@click.argument("text")
@click.option("--version", type=click.IntRange(1), required=True, help="The version that you have read (list --json).")
@json_option
def edit(comment_id: str, text: str, version: int, as_json: bool) -> None:
    """Put other words in its place, unless somebody has changed it since you read it; `-` reads standard input."""
    with connected() as client:
        kept = client.comments.edit(comment_id, _text(text), version=version)
    return _tell(kept, as_json)


@comment_command.command("delete", epilog="\b\nExample: treadle comment delete com_01kb")
@click.argument("comment_id", metavar="COMMENT")
@json_option
def delete(comment_id: str, as_json: bool) -> None:
    """Take it away; a thread that has answers stays, without these words."""
    with connected() as client:
        client.comments.delete(comment_id)
    return emit_json({"deleted": comment_id}) if as_json else say(f"comment '{comment_id}' is deleted")


@comment_command.command("resolve", epilog="\b\nExample: treadle comment resolve com_01kb")
@click.argument("comment_id", metavar="COMMENT")
@json_option
def resolve(comment_id: str, as_json: bool) -> None:
    """Settle a thread, named by its first comment."""
    with connected() as client:
        kept = client.comments.resolve(comment_id)
    return emit_json(kept) if as_json else say(f"the thread is resolved by {kept.resolved_by}")


@comment_command.command("reopen", epilog="\b\nExample: treadle comment reopen com_01kb")
@click.argument("comment_id", metavar="COMMENT")
@json_option
def reopen(comment_id: str, as_json: bool) -> None:
    """Open a settled thread again."""
    with connected() as client:
        kept = client.comments.resolve(comment_id, is_resolved=False)
    return emit_json(kept) if as_json else say("the thread is open again")


@comment_command.command("mentions", epilog="\b\nExample: treadle comment mentions --unread")
@click.option("--unread", is_flag=True, help="Only what you have not seen.")
@click.option("--read", "mark", is_flag=True, help="Say that you have seen all of it; prints what is left unread.")
@limit_option
@cursor_option
@json_option
def mentions(unread: bool, mark: bool, limit: int, cursor: str | None, as_json: bool) -> None:
    """List what asks for you, newest first."""
    with connected() as client:
        if mark:
            left = client.comments.read_mentions()
            return emit_json(left) if as_json else say(f"{left.num_unread} mentions are unread")
        page = client.comments.list_mentions(is_unread=unread, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [
        (
            one.comment.subject.title,
            _author(one.comment),
            _words(one.comment),
            one.read_at is not None,
            one.mentioned_at,
        )
        for one in page.items
    ]
    emit_table(["about", "who", "said", "read", "when"], rows, empty="nobody has asked for you")
    return note("more with: --cursor ", page.next_cursor) if page.next_cursor else None


@comment_command.command("people", epilog="\b\nExample: treadle comment people an")
@click.argument("text", default="", metavar="[PART]")
@limit_option
@cursor_option
@json_option
def people(text: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """List who can be mentioned, and how."""
    with connected() as client:
        page = client.comments.list_people(text, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    return emit_table(["name", "write"], [(one.name, one.mention) for one in page.items], empty="nobody is called so")


@comment_command.command("erase", epilog='\b\nExample: treadle comment erase "Ana Lima"')
@click.argument("person")
@json_option
def erase(person: str, as_json: bool) -> None:
    """Take a person's words and name out of every comment (admins)."""
    with connected() as client:
        erased = client.comments.erase_person(person)
    if as_json:
        return emit_json(erased)
    return say(f"{erased.num_comments} comments and {erased.num_mentions} mentions are erased")


def _text(said: str) -> str:
    return sys.stdin.read().strip() if said == "-" else said


def _tell(kept: KeptComment, as_json: bool) -> None:
    if as_json:
        return emit_json(kept)
    say(f"{kept.comment_id} on {kept.subject.kind} '{kept.subject.title}', version {kept.version}")
    if kept.mentions:
        note("asks for: ", ", ".join(kept.mentions))
    if kept.unknown_mentions:
        names = ", ".join(repr(name) for name in kept.unknown_mentions)
        note("nobody here is called ", names, ", so nobody was told; see who is: treadle comment people")
    return None


def _author(comment: Comment) -> str:
    return comment.author or "(erased)"


def _words(comment: Comment) -> str:
    if comment.is_deleted:
        return "(deleted)"
    words = comment.body if len(comment.body) <= 200 else f"{comment.body[:199]}…"
    return words if comment.comment_id == comment.thread_id else f"↳ {words}"


def _state(comment: Comment) -> str:
    if comment.comment_id != comment.thread_id:
        return "edited" if comment.edited_at else ""
    state = "resolved" if comment.resolved_at else "open"
    return f"{state}, edited" if comment.edited_at else state
