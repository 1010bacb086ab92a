"""Secrets in text: keys with a known prefix, private keys, JSON Web Tokens, and values assigned to a telling name.

Shapes come from the vendors' own documentation and are anchored by a prefix, a fixed length or a decoded header, so
ordinary text is left alone. A key without a known shape (a bare 32-character string) is not found, on purpose.
Cost: one pass of one joined pattern; a text that holds none of the prefixes costs a few microseconds.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

from treadle.guards.spans import Detector, Finding, Masked, Span, find_all, mask_all

KEY_SHAPES = {
    "anthropic": r"sk-ant-[A-Za-z0-9_-]{20,200}",
    "openai": r"sk-(?:proj-|svcacct-|admin-)[A-Za-z0-9_-]{20,200}|sk-[A-Za-z0-9]{32,64}",
    "aws": r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}",
    "github": r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255}",
    "gitlab": r"gl(?:pat|ptt|rt|cbt|dt)-[A-Za-z0-9_-]{20,100}",
    "google": r"AIza[0-9A-Za-z_-]{35}",
    "slack": r"xox[abeoprs]-[A-Za-z0-9-]{10,200}|xapp-[0-9]-[A-Za-z0-9-]{10,200}",
    "stripe": r"[rs]k_(?:live|test)_[0-9A-Za-z]{16,120}|whsec_[0-9A-Za-z]{24,80}",
    "huggingface": r"hf_[A-Za-z0-9]{30,60}",
    "npm": r"npm_[A-Za-z0-9]{36}",
    "pypi": r"pypi-AgE[A-Za-z0-9_-]{50,400}",
    "sendgrid": r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    "digitalocean": r"do[opr]_v1_[a-f0-9]{64}",
    "databricks": r"dapi[a-f0-9]{32}",
    "groq": r"gsk_[A-Za-z0-9]{40,80}",
    "perplexity": r"pplx-[A-Za-z0-9]{40,80}",
    "xai": r"xai-[A-Za-z0-9]{40,120}",
    "telegram": r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
}
"""Vendor to the shape of its keys, from each vendor's documentation."""

_KEY = re.compile(r"(?<![A-Za-z0-9_-])(?:" + "|".join(KEY_SHAPES.values()) + r")(?![A-Za-z0-9_-])")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s:,.()]|-(?!----)){0,20000}+"
    r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
_JWT = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,2000}\.[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{0,2000}(?![A-Za-z0-9_-])"
)
_ASSIGNED = re.compile(
    r"(?:pass(?:word|wd|phrase)|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|client[_-]?secret)"
    r"[\"']?[ \t]{0,3}(?::=|[:=])[ \t]{0,3}[\"']?([^\s\"'\[\]|,;<>{}]{10,200})",
    re.IGNORECASE,
)
_ASSIGNED_BITS = 3.0
"""Least entropy per character for an assigned value; English words lie near 2.5, random base64 above 3.5."""


def find_secrets(text: str) -> list[Finding]:
    """Find secrets in a text, without overlaps, in order of position."""
    return find_all(text, SECRETS)


def mask_secrets(text: str) -> Masked:
    """Replace secrets by typed tokens: [API_KEY] [PRIVATE_KEY] [JWT] [SECRET]. Safe to repeat."""
    return mask_all(text, SECRETS)


def _spans(
    pattern: re.Pattern[str], accept: Callable[[str], bool] = bool, group: int = 0
) -> Callable[[str], Iterator[Span]]:
    def find(text: str) -> Iterator[Span]:
        return (Span(*match.span(group)) for match in pattern.finditer(text) if accept(match.group(group)))

    return find


def _is_jwt(token: str) -> bool:
    """Say whether the first part decodes to a JSON object that names an algorithm (RFC 7519)."""
    header = token.split(".")[0]
    try:
        decoded = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


def _looks_random(value: str) -> bool:
    """Say whether a value mixes letters with digits or signs and is less even than words are."""
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    has_letter = any(character.isalpha() for character in value)
    has_digit = any(character.isdigit() for character in value)
    return has_letter and has_digit and bits >= _ASSIGNED_BITS


SECRETS = (
    Detector("PRIVATE_KEY", _spans(_PRIVATE_KEY)),
    Detector("JWT", _spans(_JWT, _is_jwt)),
    Detector("API_KEY", _spans(_KEY)),
    Detector("SECRET", _spans(_ASSIGNED, _looks_random, group=1)),
)
"""In order of how sure each is: what an earlier one took, a later one no longer sees."""
