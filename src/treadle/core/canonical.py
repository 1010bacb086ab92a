"""One byte form per JSON value (RFC 8785), and the digests made of it: content ids, row hashes, the audit chain."""

from __future__ import annotations

import hashlib
from typing import cast

import jcs

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonValue


def canonical_json(value: JsonValue) -> bytes:
    """Return the RFC 8785 form of a JSON value: sorted keys, no spaces, shortest numbers.

    Raises InvalidInput for what JSON cannot say.
    """
    try:
        return cast(bytes, jcs.canonicalize(value))
    except ValueError as error:  # UnicodeEncodeError is one
        raise InvalidInput(
            "a value is not JSON: numbers must be finite and texts may not hold half of a surrogate pair; correct it and send "
            "it again",
            code="core.not_json",
        ) from error


def digest_of(value: JsonValue) -> str:
    """Return 'sha256:<hex>' of a JSON value; equal values give equal digests."""
    return f"sha256:{hashlib.sha256(canonical_json(value)).hexdigest()}"
