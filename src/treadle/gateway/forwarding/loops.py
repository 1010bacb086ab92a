"""How a project knows spans that it sent itself: a mark on each request, which only its own door can tell."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "treadle-forwarded-from"


def mark_of(pepper: bytes, project_id: str) -> str:
    """Return what a project's own exports carry. It says nothing to others, and no other installation makes the same."""
    return hmac.new(pepper, b"forward|" + project_id.encode(), hashlib.sha256).hexdigest()[:32]
