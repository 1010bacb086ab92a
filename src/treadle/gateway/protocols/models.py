"""The list of models that a key may call, in one shape that OpenAI's and Anthropic's clients both read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from treadle.gateway.protocols import fields


def models_page(names: Sequence[str], created: int) -> bytes:
    """Return the answer to GET /v1/models. created: seconds since the epoch, the same for all."""
    edges = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    data = [_model(name, created) for name in names]
    return fields.encode({"object": "list", "data": data, "has_more": False, **edges})


def model_answer(name: str, created: int) -> bytes:
    """Return the answer to GET /v1/models/<name>."""
    return fields.encode(_model(name, created))


def _model(name: str, created: int) -> dict[str, Any]:
    openai = {"id": name, "object": "model", "created": created, "owned_by": "treadle"}
    moment = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    return {**openai, "type": "model", "display_name": name, "created_at": moment, "lifecycle": "active"}
