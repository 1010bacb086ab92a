"""Keyset paging: a cursor names the last row of a page, so pages neither skip nor repeat rows while others write."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from treadle.core.errors import InvalidInput
from treadle.core.types import Page

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


def encode_cursor(*key: str | int) -> str:
    """Return the cursor that stands after the row with this key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type[str] | type[int]) -> tuple[str | int, ...] | None:
    """Return the key in a cursor, None for the first page. Raises InvalidInput for anything we did not make."""
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if [type(part) for part in key] != list(kinds):
            raise ValueError(cursor)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            "the cursor is not one of ours; leave it out to start from the first page", code="http.cursor"
        ) from error
    return tuple(key)


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], tuple[str | int, ...]]) -> Page[T]:
    """Make a page of up to `limit` rows from a query that asked for one more than that."""
    shown = list(rows[:limit])
    return Page(items=shown, next_cursor=encode_cursor(*key(shown[-1])) if len(rows) > limit else None)
