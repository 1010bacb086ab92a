"""Passes: minutes of a caller's rights, signed, for work that the platform sends to another machine in that caller's name.

`tdp_<claims>_<signature>` opens what applications call under /v1, where it stands for the API key that it names (a key that was revoked
since opens nothing), or for a signed-in person with the permissions that it states. It opens nothing under /api, no file and
no batch. Nothing is stored: whoever has the installation's master keys can check one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from treadle.core.types import JsonObject
from treadle.gateway.types import Key
from treadle.governance.keys import secret_hmac

PREFIX = "tdp_"


def issue_pass(pepper: bytes, key: Key, until: datetime) -> str:
    """Return a pass for a caller. key: one without a secret is a signed-in person."""
    claims: JsonObject = {"id": key.key_id, "until": int(until.timestamp())}
    if not key.secret_hmac:
        claims |= {"project": key.project_id, "permissions": sorted(key.permissions)}
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{PREFIX}{text}_{_signature(pepper, text)}"


def read_pass(pepper: bytes, text: str, keys: Mapping[str, Key]) -> tuple[Key, datetime] | None:
    """Return whose pass it is and until when it opens; None for one that we did not sign, or whose key is no more."""
    body, _, signature = text.removeprefix(PREFIX).rpartition("_")
    if not hmac.compare_digest(_signature(pepper, body).encode(), signature.encode()):
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None
    until = datetime.fromtimestamp(claims["until"], UTC)
    if "project" not in claims:
        key = keys.get(claims["id"])
        return None if key is None else (key, until)
    permissions = frozenset(claims["permissions"])
    return Key(key_id=claims["id"], project_id=claims["project"], secret_hmac=b"", permissions=permissions), until


def _signature(pepper: bytes, text: str) -> str:
    return secret_hmac(pepper, f"pass|{text}").hex()
