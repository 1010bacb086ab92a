"""One page of a list wherever its spans are: what is in the database first, then what is archived."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection
from treadle.traces.archive import asking
from treadle.traces.archive.store import has_files
from treadle.traces.asking import lists
from treadle.traces.asking.language import Node
from treadle.traces.asking.scan import List
from treadle.traces.asking.types import LookedPage

T = TypeVar("T")


def read_page(
    db: Connection,
    blobs: Blobs,
    listed: List[T],
    tree: Node,
    *,
    project_id: str,
    now: datetime,
    limit: int,
    cursor: str | None,
) -> LookedPage[T]:
    """Return a page of what matches. blobs: where the project's archive is. Raises InvalidInput for a cursor of another list."""
    if cursor is not None and cursor.startswith(asking.CURSOR):
        return asking.read_page(db, blobs, listed, tree, now=now, limit=limit, cursor=cursor)
    page = lists.read_page(db, listed, tree, project_id=project_id, now=now, limit=limit, cursor=cursor)
    if page.next_cursor is not None or not has_files(db):
        return page
    if len(page.items) == limit:
        return page.model_copy(update={"next_cursor": asking.begin()})
    rest = asking.read_page(db, blobs, listed, tree, now=now, limit=limit - len(page.items), cursor=asking.begin())
    return rest.model_copy(update={"items": [*page.items, *rest.items]})
