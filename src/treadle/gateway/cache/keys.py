"""What makes two requests the same: everything that could change the answer, and nothing else.

The key holds project, endpoint, the served arm (prompt, parameters, targets, guards, refinement and what the endpoint
makes of guards), the protocol, and the canonical body without the fields that only say how the answer is delivered or
who asks. So a request that streams finds the answer of one that did not. Two tenants never share a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from treadle.gateway.protocols.base import Asked
from treadle.gateway.types import Arm, GuardAction

_IGNORED = frozenset(
    {
        "model", "stream", "stream_options", "user", "safety_identifier", "metadata", "store", "service_tier",
        "prompt_cache_key", "prompt_cache_retention",
    }
)  # fmt: skip
"""Fields that do not change what is answered; `model` is the endpoint's name."""
_STATEFUL = ("previous_response_id", "conversation", "background")
"""Fields of the Responses API that make an answer depend on more than the request."""
_ARM_IGNORED = frozenset({"role", "weight", "shadow_share", "price"})

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="sorted").encode


class CacheKey(NamedTuple):
    """Under what an answer is kept."""

    project_id: str
    endpoint: str
    exact: bytes
    """SHA-256 of all of the request."""
    rest: bytes | None
    """SHA-256 of all but the question, for similar ones; None where that makes no sense (images, no question)."""
    question: str
    """The last thing the user said."""


def arm_digest(arm: Arm, guard_actions: Mapping[str, GuardAction]) -> bytes:
    """Return the digest of what answers: made once for each arm of a configuration."""
    facts = {name: value for name, value in msgspec.to_builtins(arm).items() if name not in _ARM_IGNORED}
    facts["guard_actions"] = dict(guard_actions)
    return hashlib.sha256(_encode(facts)).digest()


def key_for(
    project_id: str, endpoint: str, digest: bytes, asked: Asked, headers: Mapping[str, str] | None = None
) -> CacheKey | None:
    """Return the key of a request, None when its answer depends on more than the request.

    digest: `arm_digest`. headers: those of the caller that go upstream (such as anthropic-beta). Cost: 10 microseconds for each kilobyte of the body.
    """
    body = _decode(asked.body)
    if any(body.get(name) for name in _STATEFUL):
        return None
    kept = {name: value for name, value in body.items() if name not in _IGNORED and value is not None}
    head = hashlib.sha256("\0".join((project_id, endpoint, asked.protocol)).encode() + b"\0" + digest)
    if headers:
        head.update(_encode(dict(headers)))
    exact = head.copy()
    exact.update(_encode(kept))
    rest = None
    if asked.input_text.strip() and not asked.has_images and _take_question(kept):
        head.update(b"rest\0" + _encode(kept))
        rest = head.digest()
    return CacheKey(project_id, endpoint, exact.digest(), rest, asked.input_text)


def _take_question(body: dict[str, Any]) -> bool:
    """Take the last user text out of a decoded request; False when there is none to be found."""
    for name in ("prompt", "input"):
        if isinstance(body.get(name), str):
            body[name] = None
            return True
    turns = body.get("messages", body.get("input"))
    if not isinstance(turns, list):
        return False
    for turn in reversed(turns):
        if isinstance(turn, dict) and turn.get("role") == "user":
            content = turn.get("content")
            if isinstance(content, str):
                turn["content"] = None
                return True
            return _take_text(content)
    return False


def _take_text(content: Any) -> bool:
    """Take the text out of a list of parts; False when it holds anything else."""
    if not isinstance(content, list) or not all(isinstance(part, dict) and "text" in part for part in content):
        return False
    for part in content:
        part["text"] = None
    return True
