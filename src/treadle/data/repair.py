"""Mend the Unicode of a text: mojibake, HTML entities, curly quotes, invisible characters, white space, normal form.

`ftfy` undoes wrong decodings; the rest is ours. Repairing twice is repairing once (tests/data/test_repair.py). Joiners
stay where writing needs them (emoji, Indic and Arabic scripts) and go between Latin letters. Cost: 1 microsecond for
plain ASCII, about 50 for the rest.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_UNTOUCHED = re.compile(r"(?=[\x21-\x7e])(?!.*[&\\])[\x20-\x7e]*[\x21-\x7e]\Z")
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_JOINER = re.compile(
    "(?<=[\\s!-~\u00a0-\u02af])[\u200c\u200d]|[\u200c\u200d](?=[\\s!-~\u00a0-\u02af]|\\Z)|\\A[\u200c\u200d]"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r" *\n(?: *\n)+ *")
_LINE_EDGES = re.compile(r" *\n *")
_FTFY_NAMES = {"unescape_html": "html", "uncurl_quotes": "quotes", "remove_terminal_escapes": "invisible"}
_MOST_ROUNDS = 5


class Repaired(NamedTuple):
    """A mended text and what was wrong with it."""

    text: str
    """In NFC, without what was broken."""
    faults: tuple[str, ...]
    """Of mojibake, html, quotes, invisible, spaces, form, in this order; empty when nothing was changed."""


FAULTS = ("mojibake", "html", "quotes", "invisible", "spaces", "form")


def repair(text: str) -> Repaired:
    """Mend a text. Safe to repeat."""
    if _UNTOUCHED.match(text) and "  " not in text:
        return Repaired(text, ())
    faults: set[str] = set()
    for _ in range(_MOST_ROUNDS):
        mended = _repair_once(text, faults)
        if mended == text:
            break
        text = mended
    return Repaired(text, tuple(fault for fault in FAULTS if fault in faults))


def _repair_once(text: str, faults: set[str]) -> str:
    text = _noted(text, _LINE_END.sub("\n", text), "spaces", faults)
    text = "\n".join(_undo_decodings(line, faults) for line in text.split("\n"))
    bare = _CONTROL.sub("", _INVISIBLE.sub("", text))
    text = _noted(text, _JOINER.sub("", bare), "invisible", faults)
    text = _noted(text, unicodedata.normalize("NFC", text), "form", faults)
    tidy = _LINE_EDGES.sub("\n", _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text))).strip()
    return _noted(text, tidy, "spaces", faults)


def _undo_decodings(line: str, faults: set[str]) -> str:
    """Let ftfy mend one line, and note what it did in our words."""
    import ftfy

    if line.isascii() and "&" not in line and "\x1b" not in line and "\\" not in line:
        return line
    explained = ftfy.fix_and_explain(line, normalization=None, remove_control_chars=False)
    mended, steps = str(explained.text), explained.explanation
    if mended != line:
        faults.update(_FTFY_NAMES.get(step.parameter, "mojibake") for step in steps or ())
    return mended


def _noted(before: str, after: str, fault: str, faults: set[str]) -> str:
    if after != before:
        faults.add(fault)
    return after
