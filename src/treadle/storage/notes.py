"""Notes of what changed, told when the transaction commits: one channel, on which whoever shows live pages listens.

A note is an id and no content. PostgreSQL orders commits that tell something, database-wide, so whatever is written many times
a second (spans, say) tells once per round of whoever follows it.
"""

from __future__ import annotations

import json

from treadle.storage.database import Connection

NOTES = "treadle_notes"
"""The channel."""
MAX_ID = 500
"""Characters of an id in a note; a payload holds 8,000 bytes."""


def tell_entry(db: Connection, sequence: int, action: str, object_id: str) -> None:
    """Tell of an entry of the project's audit log."""
    _tell(db, {"sequence": sequence, "action": action[:MAX_ID], "object_id": object_id[:MAX_ID]})


def tell_change(db: Connection, kind: str, object_id: str | None = None) -> None:
    """Tell of what has no audit entry: progress, arrivals, evidence. object_id: None means any of the kind."""
    _tell(db, {"kind": kind, "object_id": object_id})


def tell_page(db: Connection, project_id: str, page: str) -> None:
    """Tell that somebody came to a page of a project or left it."""
    _tell(db, {"page": page}, project_id)


def _tell(db: Connection, note: dict[str, object], project_id: str | None = None) -> None:
    """project_id: None takes the one that the transaction works for."""
    db.execute(
        """select pg_notify(%s, json_build_object(
            'project_id', coalesce(%s, current_setting('treadle.project')), 'note', %s::json)::text)""",
        [NOTES, project_id, json.dumps(note)],
    )
