"""How routes take the page that is wanted: parameters of the query. Apart from paging itself, which the gateway's workers
load as well: they have no use for what reads queries, and it takes 9 MB.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from treadle.http.paging import MAX_LIMIT

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="rows per page")]
PartOfName = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="part of the name, whatever its case")
]
Cursor = Annotated[str | None, Query(max_length=500, description="next_cursor of the page before")]
