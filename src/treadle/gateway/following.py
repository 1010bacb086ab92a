"""Which provider keeps an earlier response: said by the id that its caller was told, so that `previous_response_id` leads there.

Where an endpoint asks several providers, ids of responses go out sealed: `resp_tdl<claims>_<signature>` names who keeps the
response, the unit it was counted with, and the id there. Nothing is stored: every worker reads it, and nobody makes one up.
A follow-up without a session of its own is of the same unit, so that a conversation stays with its arm.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import NamedTuple

import msgspec
from msgspec import Raw

from treadle.gateway.protocols import fields
from treadle.gateway.providers.kinds import BUILT_IN
from treadle.gateway.types import Target
from treadle.governance.keys import secret_hmac

PREFIX = "resp_tdl"
_FIELD = "previous_response_id"
_claims = msgspec.json.Decoder(tuple[str, str, str])


class Followed(NamedTuple):
    """An earlier response that a request goes on from."""

    holder: str
    """Who keeps it, see `holder_of`."""
    unit: str
    """What it was counted with; empty where its caller named a session."""
    response_id: str
    """As its holder knows it."""
    told: str
    """As its caller knows it."""


def holder_of(target: Target) -> str:
    """Return by what name the keeper of a target's responses is known: its provider, whose models share them, or the engine."""
    return target.key if target.provider in BUILT_IN else target.provider


def seal(secret: bytes, project_id: str, holder: str, unit: str, response_id: str) -> str:
    """Return the id by which a caller knows a response. secret: the installation's."""
    claims = base64.urlsafe_b64encode(fields.encode((holder, unit, response_id))).decode().rstrip("=")
    return f"{PREFIX}{claims}_{_signature(secret, project_id, claims)}"


def read_seal(secret: bytes, project_id: str, told: str) -> Followed | None:
    """Return what an id says; None for one that we did not seal, or for another project."""
    if not told.startswith(PREFIX):
        return None
    claims, _, signature = told.removeprefix(PREFIX).rpartition("_")
    if not hmac.compare_digest(_signature(secret, project_id, claims).encode(), signature.encode()):
        return None
    try:
        found = _claims.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (binascii.Error, ValueError):
        return None
    return Followed(*found, told)


def going_on(body: bytes, followed: Followed) -> bytes:
    """Return a request as the holder of the earlier response understands it."""
    split = fields.split_fields(body)
    split[_FIELD] = fields.raw(followed.response_id)
    return fields.encode(split)


def told(data: bytes, secret: bytes, project_id: str, holder: str, unit: str, followed: Followed | None) -> bytes:
    """Return an answer or an event with the ids by which its caller knows the response, and the one it follows."""
    if b'"response"' not in data:  # of its object; events without one say nothing of ids
        return data

    def put(split: dict[str, Raw]) -> None:
        given = msgspec.json.decode(split.get("id", Raw(b"null")))
        if isinstance(given, str):
            split["id"] = fields.raw(seal(secret, project_id, holder, unit, given))
        if followed is not None and _FIELD in split:
            split[_FIELD] = fields.raw(followed.told)

    return fields.change_answer(data, "response", put)


def _signature(secret: bytes, project_id: str, claims: str) -> str:
    return secret_hmac(secret, f"response|{project_id}|{claims}").hex()
