"""A text as a reader understands it: small letters, no invisible characters, look-alikes folded, with the way back.

Attackers write 'ignоre' with a Cyrillic o, put zero-width characters between letters, or hide whole sentences in
Unicode tag characters, which a model reads and a person does not see. What was hidden is itself a finding.
Cost: an ASCII text is lowered, nothing more; any other costs half a microsecond for each character.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

_LOOK_ALIKES = {
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s", "ԁ": "d",
    "һ": "h", "ո": "n", "ս": "u", "ɡ": "g", "ı": "i", "α": "a", "ο": "o", "ρ": "p", "ν": "v", "ι": "i", "κ": "k",
    "τ": "t", "υ": "u", "ε": "e", "η": "n", "μ": "m", "ω": "w", "ʀ": "r", "ɴ": "n", "ꜱ": "s", "ᴇ": "e", "ᴀ": "a",
    "ᴏ": "o", "ᴛ": "t", "ᴍ": "m", "ᴘ": "p", "ɪ": "i", "ʟ": "l", "ᴜ": "u", "ᴄ": "c", "ᴅ": "d", "ɢ": "g", "ʏ": "y",
    "’": "'", "‘": "'", "“": '"', "”": '"', "—": "-", "–": "-",
}  # fmt: skip
"""Letters of other alphabets that look like Latin ones. Source: Unicode confusables, the ones seen in attacks."""

_INVISIBLE = frozenset(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0x00AD, 0xFEFF, *range(0xFE00, 0xFE10)]
)
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz")
_TAGS = range(0xE0020, 0xE007F)


class Normal(NamedTuple):
    """A text made plain."""

    text: str
    """Small letters, visible, folded."""
    origins: list[int] | None
    """For each character its offset in the original; None when they are the same."""
    hidden: list[int]
    """Offsets of invisible characters that stand inside Latin words; emoji and other scripts need theirs."""
    tagged: list[int]
    """Offsets of Unicode tag characters: text that only a model reads."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a piece of the plain text lies in the original."""
        if self.origins is None or start >= end:
            return start, end
        return self.origins[start], self.origins[end - 1] + 1


def normal(text: str) -> Normal:
    """Make a text plain. Linear in the text."""
    if text.isascii():
        return Normal(text.lower(), None, [], [])
    letters: list[str] = []
    origins: list[int] = []
    hidden: list[int] = []
    tagged: list[int] = []
    for at, letter in enumerate(text):
        code = ord(letter)
        if code < 128:
            plain = letter.lower()
        elif code in _INVISIBLE:
            if letters and letters[-1] in _LATIN:
                hidden.append(at)
            continue
        elif code in _TAGS:
            tagged.append(at)
            plain = chr(code - 0xE0000).lower()
        else:
            plain = unicodedata.normalize("NFKC", letter).lower()
            plain = _LOOK_ALIKES.get(plain, plain)
            # An e with an accent stays itself: lists of words hold it so.
        letters.append(plain)
        origins.extend([at] * len(plain))
    return Normal("".join(letters), origins, hidden, tagged)
