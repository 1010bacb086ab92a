"""What follows committed spans, for all projects of a database: signals are counted, words indexed, roots waited for.

Work that is there is in the table of what waits, and goes from it in the transaction that does it. So whoever does it
may be killed at any moment, and several may do it at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from treadle.core.errors import Unavailable
from treadle.storage.database import APP_ROLE, SYSTEM_ROLE, Connection, Database
from treadle.storage.notes import tell_change
from treadle.traces import heads, rollup_store, search

_FOLLOWERS: dict[str, Callable[[str], Callable[[Connection], int]]] = {
    rollup_store.WORK: lambda _: rollup_store.follow,
    search.WORK: lambda project_id: partial(search.follow, project_id=project_id),
    heads.WORK: lambda _: rollup_store.stand_in,
}
"""By the work, of a project."""

log = logging.getLogger("treadle.traces.follow")


def count_waiting(database: Database) -> int:
    """Return how many blocks wait to be followed, and in how many projects spans are to stand in for roots."""

    def count(db: Connection) -> int:
        row = db.execute("select count(*) as blocks from span_blocks_waiting").fetchone()
        return (int(row["blocks"]) if row else 0) + len(heads.list_due(db))

    return database.transact(count, SYSTEM_ROLE, "")


def follow_all(database: Database) -> int:
    """Do one round: some blocks of every project that has any, one transaction each; return what was done.

    Raises Unavailable when the database does not answer. Anything else that goes wrong with a project is logged, and the
    others go on.
    """

    def list_work(db: Connection) -> list[tuple[str, str]]:
        rows = db.execute("select distinct project_id, work from span_blocks_waiting order by work, project_id")
        work = [(row["project_id"], row["work"]) for row in rows]
        return [*work, *((project_id, heads.WORK) for project_id in heads.list_due(db))]

    done = 0
    for project_id, work in database.transact(list_work, SYSTEM_ROLE, ""):
        try:
            done += database.transact(_telling(_FOLLOWERS[work](project_id)), APP_ROLE, project_id)
        except Unavailable:
            raise
        except Exception:  # the border of a background task: one project's fault must not stop the others
            log.exception("'%s' of project %s cannot follow its spans", work, project_id)
    return done


def _telling(follow: Callable[[Connection], int]) -> Callable[[Connection], int]:
    """Tell once of all that a round did, however many spans came: not in the transactions that store them."""

    def work(db: Connection) -> int:
        done = follow(db)
        if done:
            tell_change(db, "trace")
        return done

    return work
