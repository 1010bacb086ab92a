"""What follows committed spans, for all projects of a database: signals are counted, words indexed, roots waited for.

Work that is there is in the table of what waits, and goes from it in the transaction that does it. So whoever does it
may be killed at any moment, and several may do it at once.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from treadle.core.errors import Unavailable
from treadle.core.resting import Outcome, Work
from treadle.storage.database import APP_ROLE, SYSTEM_ROLE, Connection, Database
from treadle.storage.notes import tell_change
from treadle.traces import heads, rollup_store, search

_FOLLOWERS: dict[str, Callable[[str], Callable[[Connection], int]]] = {
    rollup_store.WORK: lambda _: rollup_store.follow,
    search.WORK: lambda project_id: partial(search.follow, project_id=project_id),
    heads.WORK: lambda _: rollup_store.stand_in,
}
"""By the work, of a project."""


class Round(NamedTuple):
    """What one round came to."""

    done: int
    """Blocks that were followed, and traces that got a stand-in."""
    outcomes: list[Outcome]
    """How it went with each work that was due."""


def count_waiting(database: Database, is_due: Callable[[Work], bool] = lambda _: True) -> int:
    """Return how many blocks wait to be followed, and in how many projects spans are to stand in for roots, by what is due."""

    def count(db: Connection) -> int:
        rows = db.execute(
            "select project_id, work, count(*) as blocks from span_blocks_waiting group by project_id, work"
        )
        waiting = {Work(row["project_id"], row["work"]): int(row["blocks"]) for row in rows}
        waiting |= {Work(project_id, heads.WORK): 1 for project_id in heads.list_due(db)}
        return sum(blocks for work, blocks in waiting.items() if is_due(work))

    return database.transact(count, SYSTEM_ROLE, "")


def follow_all(database: Database, is_due: Callable[[Work], bool] = lambda _: True) -> Round:
    """Do one round: some blocks of every project that has any and whose work is due, one transaction each.

    Raises Unavailable when the database does not answer. Anything else that goes wrong with a project is among the outcomes,
    and the others go on.
    """

    def list_work(db: Connection) -> list[Work]:
        rows = db.execute("select distinct project_id, work from span_blocks_waiting order by work, project_id")
        work = [Work(row["project_id"], row["work"]) for row in rows]
        return [*work, *(Work(project_id, heads.WORK) for project_id in heads.list_due(db))]

    done, outcomes = 0, []
    for work in filter(is_due, database.transact(list_work, SYSTEM_ROLE, "")):
        try:
            done += database.transact(_telling(_FOLLOWERS[work.name](work.project_id)), APP_ROLE, work.project_id)
        except Unavailable:
            raise
        except Exception as error:  # the border of a background task: one project's fault must not stop the others
            outcomes.append(Outcome(work, type(error).__name__, "".join(traceback.format_exception(error))))
        else:
            outcomes.append(Outcome(work))
    return Round(done, outcomes)


def _telling(follow: Callable[[Connection], int]) -> Callable[[Connection], int]:
    """Tell once of all that a round did, however many spans came: not in the transactions that store them."""

    def work(db: Connection) -> int:
        done = follow(db)
        if done:
            tell_change(db, "trace")
        return done

    return work
