"""Sessions and end users: pages of them, and what one came to."""

from __future__ import annotations

from treadle.core.errors import NotFound
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, encode_cursor
from treadle.storage.database import Connection
from treadle.traces.archive.store import has_files
from treadle.traces.asking import parties
from treadle.traces.asking.lists import moment_of
from treadle.traces.asking.types import Party, PartyPage


class PartyNotFound(NotFound):
    """No trace names the session or end user."""

    code = "traces.party_not_found"


async def list_sessions(ctx: Context, *, text: str | None = None, limit: int, cursor: str | None = None) -> PartyPage:
    """Return sessions, those that were seen last first. text: a part of the name, in any case."""
    return await _list_parties(ctx, "session", text, limit, cursor)


async def list_users(ctx: Context, *, text: str | None = None, limit: int, cursor: str | None = None) -> PartyPage:
    """Return end users, those that were seen last first. text: a part of the name, in any case."""
    return await _list_parties(ctx, "user", text, limit, cursor)


async def get_session(ctx: Context, name: str) -> Party:
    """Return what a session came to. Raises PartyNotFound."""
    return await _get_party(ctx, "session", name)


async def get_user(ctx: Context, name: str) -> Party:
    """Return what an end user's traces came to. Raises PartyNotFound."""
    return await _get_party(ctx, "user", name)


async def _list_parties(
    ctx: Context, sort: parties.Sort, text: str | None, limit: int, cursor: str | None
) -> PartyPage:
    ctx.require("traces.read")
    after = decode_cursor(cursor, str, str)
    before = (moment_of(str(after[0])), str(after[1])) if after else None

    def read(db: Connection) -> PartyPage:
        found = parties.list_parties(db, sort, text=text, limit=limit, before=before)
        return PartyPage(
            items=found.items,
            next_cursor=encode_cursor(found.next_key[0].isoformat(), found.next_key[1]) if found.next_key else None,
            leaves_out_archive=has_files(db),
            stopped_early=found.stopped_early,
        )

    return await ctx.db.read(read)


_LISTED: dict[parties.Sort, str] = {"session": "treadle trace sessions", "user": "treadle trace users"}


async def _get_party(ctx: Context, sort: parties.Sort, name: str) -> Party:
    ctx.require("traces.read")
    party = await ctx.db.read(lambda db: parties.find_party(db, sort, name))
    if party is None:
        raise PartyNotFound(
            f"no trace names the {sort} '{name}' (new ones appear within seconds); list them with: {_LISTED[sort]}"
        )
    return party
