"""What some upstreams do not say and every caller's protocol wants: the time, and an id."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import NamedTuple


def _new_id() -> str:
    return uuid.uuid4().hex


class Stamps(NamedTuple):
    """Where time and ids come from."""

    now: Callable[[], float] = time.time
    """Seconds since the epoch."""
    new_id: Callable[[], str] = _new_id
    """Letters and digits that no other id has."""
