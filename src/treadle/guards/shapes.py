"""Personal data and secrets as checks, and how much of a growing text they have settled.

What has a shape holds few characters that can join two words: a card's groups of digits, an IBAN's groups, a private
key's lines. So of a text that goes on, only its last word can still become a finding, with the groups of digits before
it, an IBAN that is not complete, and a private key that has not ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from treadle.guards.check import CheckOptionsInvalid
from treadle.guards.pii import IBAN_LENGTHS, PERSONAL_DATA
from treadle.guards.secrets import SECRETS
from treadle.guards.spans import Detector, Finding, find_all

_LONGEST_WORD = 1100
"""An e-mail address or URL credentials can be so long; longer runs are no personal data."""
_LONGEST_TOKEN = 12_100
"""A web token."""
_LONGEST_KEY = 20_200
"""A private key."""
_LONGEST_GROUPS = 120
"""Groups of digits that one card or phone number can have, with what stands between."""
_GROUPED = frozenset("0123456789 +-().,/")
_COUNTRY = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}")
_LONGEST_IBAN = 72
_PERSONAL = re.compile(r"[0-9@]|::")
"""Personal data holds one of these."""
_LONG_WORD = re.compile(r"\S{10}|-----")
"""So does a secret."""


class PersonalDataCheck:
    """Finds personal data that has a shape. See `Check` and guards/pii.py."""

    slow = False
    whole = False

    def __init__(self, kinds: Sequence[str] = ()) -> None:
        """kinds: only these, such as 'EMAIL'; empty means all."""
        self._detectors = _chosen(PERSONAL_DATA, kinds, "pii")

    def find(self, text: str) -> list[Finding]:
        """See `Check`. Cost: 4 microseconds for a short text without digits and '@'."""
        return find_all(text, self._detectors) if _PERSONAL.search(text) else []

    def possible(self, part: str) -> bool:
        """See `Check`."""
        return _PERSONAL.search(part) is not None

    def settled(self, text: str) -> int:
        """See `Check`."""
        start = _last_word(text, _LONGEST_WORD)
        return min(_before_groups(text, start), _before_iban(text, start))


class SecretsCheck:
    """Finds secrets that have a shape. See `Check` and guards/secrets.py."""

    slow = False
    whole = False

    def __init__(self, kinds: Sequence[str] = ()) -> None:
        """kinds: only these, such as 'API_KEY'; empty means all."""
        self._detectors = _chosen(SECRETS, kinds, "secrets")

    def find(self, text: str) -> list[Finding]:
        """See `Check`."""
        return find_all(text, self._detectors)

    def possible(self, part: str) -> bool:
        """See `Check`."""
        return _LONG_WORD.search(part) is not None

    def settled(self, text: str) -> int:
        """See `Check`."""
        start = _last_word(text, _LONGEST_TOKEN)
        key = text.rfind("-----BEGIN", max(0, len(text) - _LONGEST_KEY))
        if key < 0 or key >= start:
            return start
        # What stands right before it may be a key of its own once its first line is complete.
        before = _last_word(text[:key], _LONGEST_TOKEN)
        ended = next((each for each in find_all(text[key:], SECRETS[:1]) if each.start == 0), None)
        if ended is None:
            return before if len(text) - key < 80 and _may_become_key(text[key:]) else start
        is_complete = "-----END" in text[key : key + ended.end] and key + ended.end < len(text)
        # Behind a key that was cut off, the line that ends it may still come.
        return start if is_complete or len(text) - key - ended.end > 60 else before


def _chosen(detectors: Sequence[Detector], kinds: Sequence[str], check: str) -> tuple[Detector, ...]:
    known = {detector.kind for detector in detectors}
    unknown = sorted(set(kinds) - known)
    if unknown:
        raise CheckOptionsInvalid(
            f"the check '{check}' knows no kind '{unknown[0]}'; it knows {', '.join(sorted(known))}; correct `kinds`"
        )
    return tuple(detector for detector in detectors if not kinds or detector.kind in kinds)


def _last_word(text: str, longest: int) -> int:
    """Return where the run without white space at the end of a text begins; its end when it is too long to matter."""
    lowest = max(0, len(text) - longest)
    for at in range(len(text) - 1, lowest - 1, -1):
        if text[at].isspace():
            return at + 1
    return 0 if lowest == 0 else len(text) - longest


def _before_groups(text: str, start: int) -> int:
    """Return where the digits and separators right before an offset begin, if the text there goes on with such."""
    if start < len(text) and text[start] not in _GROUPED:
        return start
    lowest = max(0, start - _LONGEST_GROUPS)
    at = start
    while at > lowest and text[at - 1] in _GROUPED:
        at -= 1
    while at < start and text[at] in " .,/":
        at += 1
    # The first group may hang on a word ('v1 2'): the word belongs to it.
    while at > lowest and at < start and not text[at - 1].isspace():
        at -= 1
    return at


def _before_iban(text: str, start: int) -> int:
    """Return where an IBAN begins that the text cuts, or that reaches into its last word, which begins at `start`."""
    for match in _COUNTRY.finditer(text, max(0, len(text) - _LONGEST_IBAN)):
        left = IBAN_LENGTHS.get(match.group()[:2].upper())
        if left is None:
            continue
        at, gap = match.start(), False
        while at < len(text) and left:
            letter = text[at]
            if letter.isascii() and letter.isalnum():
                left, gap = left - 1, False
            elif letter in " -" and not gap:
                gap = True
            else:
                break
            at += 1
        # What the last word turns out to be may take the IBAN's end away from it.
        if at >= min(start + 1, len(text)):
            return match.start()
    return len(text)


def _may_become_key(text: str) -> bool:
    return re.fullmatch(r"-----BEGIN [A-Z0-9 ]{0,60}-{0,5}", text) is not None
