"""What a provider's error body says, whatever its shape: OpenAI's, Anthropic's, Google's, AWS's, FastAPI's."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from treadle.core.halves import without_halves

MAX_WORDS = 500
_SECRET = re.compile(r"\b(?:sk|pk|rk|gsk|xai|fw|hf|tdl|AIza|ABSK|AKIA|ASIA|Bearer)[-_ ]?[A-Za-z0-9*_.+/=-]{8,}")
"""Some providers repeat the key they refuse, in part."""


def error_message(data: bytes) -> str | None:
    """Return what an error body says, without anything that looks like a key; None when it is no error."""
    try:
        body: Any = msgspec.json.decode(without_halves(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(body, list) and body:
        body = body[0]  # Google, without alt=sse
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict):
        found = error.get("message") or error.get("status") or error.get("type") or error.get("code")
    elif isinstance(error, str):
        found = error
    elif error is None and not any(key in body for key in ("choices", "content", "candidates", "output", "data")):
        found = body.get("message") or body.get("Message") or body.get("detail")
    else:
        found = None
    if isinstance(found, list):
        found = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in found)
    if not isinstance(found, str | int) or found == "":
        return None
    words = _SECRET.sub("[a key]", str(found))
    return words if len(words) <= MAX_WORDS else words[:MAX_WORDS] + "…"
