"""Views: filters of lists that people keep, for themselves or for everybody in the project.

A filter of traces or spans is words, which are read before they are kept and can be asked elsewhere, too. Of every other list it is what
stands in the address of its page: kept as it is, for the page to read.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection
from treadle.traces.asking.language import parse
from treadle.traces.asking.types import WORDED, Listed, NewView, View
from treadle.traces.types import TraceFilter

_COLUMNS = ", ".join(View.model_fields)


class ViewNotFound(NotFound):
    """No view of the name is the caller's or shared."""

    code = "traces.view_not_found"


class ViewExists(Conflict):
    """The name is taken: by what somebody else shares, or by a view of another list."""

    code = "traces.view_exists"


class ViewOfSpans(InvalidInput):
    """A view of something else where whole traces are selected."""

    code = "traces.view_of_spans"


async def list_views(
    ctx: Context, *, text: str | None = None, subject: Listed | None = None, limit: int, cursor: str | None = None
) -> Page[View]:
    """Return the caller's views and those that are shared, by name; text: in the name; those of one list where it is named."""
    ctx.require("traces.read")
    after = decode_cursor(cursor, str, str) or ("", "")

    def read(db: Connection) -> list[View]:
        rows = db.execute(
            f"""select {_COLUMNS} from trace_views where (is_shared or owner_id = %s) and (name, owner_id) > (%s, %s)
            and subject = coalesce(%s, subject) and (%s::text is null or position(lower(%s) in name) > 0)
            order by name, owner_id limit %s""",
            [ctx.actor.actor_id, *after, subject, text, text, limit + 1],
        )
        return [View(**row) for row in rows]

    return page_of(await ctx.db.read(read), limit, lambda view: (view.name, view.owner_id))


async def get_view(ctx: Context, name: str) -> View:
    """Return a view of the caller's, or else the one that is shared. Raises ViewNotFound."""
    ctx.require("traces.read")

    def read(db: Connection) -> View:
        row = db.execute(
            f"""select {_COLUMNS} from trace_views where name = %s and (is_shared or owner_id = %s)
            order by owner_id = %s desc limit 1""",
            [name, ctx.actor.actor_id, ctx.actor.actor_id],
        ).fetchone()
        if row is None:
            raise _not_found(name)
        return View(**row)

    return await ctx.db.read(read)


async def narrow(ctx: Context, wanted: TraceFilter, name: str) -> TraceFilter:
    """Return a filter that wants what a view says now, too. Raises ViewNotFound, ViewOfSpans."""
    view = in_words(await get_view(ctx, name))
    if view.subject != "trace":
        raise ViewOfSpans(
            f"view '{name}' is of {view.subject}s, and whole traces are selected here; keep one of traces with: "
            "treadle trace keep-view NAME QUERY"
        )
    return wanted.model_copy(update={"q": both(view.q, wanted.q or "") or None})


def in_words(view: View) -> View:
    """Return a view whose filter is words. Raises ViewOfSpans for one of another list."""
    if view.subject not in WORDED:
        raise ViewOfSpans(
            f"view '{view.name}' is of a list of {view.subject}s, and traces or spans are asked for here; see what is kept with: "
            "treadle trace views"
        )
    return view


def both(first: str, second: str) -> str:
    """Return the filter that two filters in words make together; an empty one wants everything."""
    return f"({first}) ({second})" if first and second else first or second


async def put_view(ctx: Context, name: str, new: NewView, *, when: When = ALWAYS) -> View:
    """Keep a view under a name of the caller's, replacing what it was.

    Raises FilterRefused, ViewExists, Outdated (see `editing.check`).
    """
    ctx.require("feedback.write" if new.is_shared else "traces.read")
    if new.subject in WORDED:
        parse(new.q)
    view = View(**new.model_dump(), name=name, owner_id=ctx.actor.actor_id, updated_at=ctx.clock.now())

    def write(db: Connection) -> View:
        called = f"your view '{name}'"
        owner: JsonObject = {"owner_id": view.owner_id}
        editing.hold(db, called)
        audited = Audited("traces.view", name, "traces.read", part=owner)
        editing.check(db, ctx, when, called, _find_own(db, ctx, name), lambda _: audited)
        try:
            kept = db.execute(
                f"""insert into trace_views ({_COLUMNS}) values ({", ".join(["%s"] * len(View.model_fields))})
                on conflict (project_id, owner_id, name) do update set subject = excluded.subject, q = excluded.q,
                search = excluded.search, columns = excluded.columns, is_shared = excluded.is_shared, updated_at = excluded.updated_at
                where trace_views.subject = excluded.subject or (trace_views.subject = any(%s) and excluded.subject = any(%s))""",
                [*_values(view), list(WORDED), list(WORDED)],
            )
        except psycopg.errors.UniqueViolation as error:
            raise ViewExists(f"somebody else shares a view named '{name}' here; choose another name") from error
        if kept.rowcount == 0:
            raise ViewExists(f"you keep a view named '{name}' of another list; choose another name, or forget it first")
        audit.record(db, ctx, action="traces.view", object_id=name, detail={"is_shared": view.is_shared, **owner})
        return view

    return await ctx.db.write(write)


async def delete_view(ctx: Context, name: str) -> None:
    """Forget a view of the caller's. Raises ViewNotFound."""
    ctx.require("traces.read")

    def write(db: Connection) -> None:
        editing.hold(db, f"your view '{name}'")
        gone = db.execute("delete from trace_views where name = %s and owner_id = %s", [name, ctx.actor.actor_id])
        if gone.rowcount == 0:
            raise _not_found(name)
        audit.record(db, ctx, action="traces.view_deleted", object_id=name)

    await ctx.db.write(write)


def _find_own(db: Connection, ctx: Context, name: str) -> View | None:
    row = db.execute(
        f"select {_COLUMNS} from trace_views where name = %s and owner_id = %s", [name, ctx.actor.actor_id]
    ).fetchone()
    return None if row is None else View(**row)


def _values(view: View) -> list[Any]:
    return [Jsonb(view.search) if field == "search" else getattr(view, field) for field in View.model_fields]


def _not_found(name: str) -> ViewNotFound:
    return ViewNotFound(f"you have no view named '{name}'; list views with: treadle trace views")
