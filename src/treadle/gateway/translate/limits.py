"""What cannot be carried over: refused by name, never dropped in silence, unless nothing is lost.

Dropped everywhere, because the answer is the same without them or they only advise: `store`, `metadata` (but a user id),
`prediction`, `prompt_cache_key`, `prompt_cache_retention`, `prompt_cache_options`, `service_tier`, `verbosity`,
`stream_options`, `cache_control` where there is no such thing, `include`, `truncation`, `safety_identifier` where there is no field for a user, `seed`
where there is none (it promises nothing), and what a request says by repeating a default (`n: 1`, a penalty of 0).
`docs/gateway-protocols.md` has the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle.gateway.refusals import Refusal

_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "modalities": (["text"],),
    "candidate_count": (1,),
    "truncation": ("disabled",),
    "service_tier": ("auto", "default"),
}
"""Values that say no more than the default does."""


def cannot(param: str, reason: str) -> Refusal:
    """Return the refusal of a field that the provider behind a model has no words for."""
    return Refusal(
        400,
        "not_translatable",
        f"'{param}' cannot be passed on to the provider behind this model: {reason};"
        " leave it out, or call a model whose provider takes it",
        param=param,
    )


def malformed(param: str, reason: str) -> Refusal:
    """Return the refusal of a field that is not what its protocol says."""
    return Refusal(400, "invalid_request", f"'{param}' is not as expected: {reason}", param=param)


def refuse_fields(request: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Raise Refusal for the first of these fields that the request sets to something that matters."""
    for name, reason in reasons.items():
        value = request.get(name)
        if value is None or value is False or value in (0, "", [], {}) or value in _HARMLESS.get(name, ()):
            continue
        raise cannot(name, reason)


def objects(request: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects, empty when there is none; raises Refusal for anything else."""
    found = request.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise malformed(name, "a list of objects is needed")
    return found


def mapping(request: Mapping[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """Return an object, empty when there is none; raises Refusal for anything else."""
    found = request.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise malformed(where + name, "an object is needed")
    return found


def text(request: Mapping[str, Any], name: str, where: str) -> str:
    """Return a text that must be there; raises Refusal naming it otherwise."""
    found = request.get(name)
    if not isinstance(found, str):
        raise malformed(f"{where}.{name}" if where else name, "a text is needed")
    return found
