"""JSON that a model meant: taken out of code fences and of words around it, and mended where it is plainly broken.

Mended are trailing and missing commas, single quotes, names without quotes, line breaks and stray quotes in strings,
comments, Python's True, False and None, and ends that were cut off (a name without a value goes). What is more broken
than that is left alone. One pass, linear in the text: `json_repair` does more, and took 39 s for 64 KB of hostile text.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

MAX_CHARACTERS = 256 * 1024
"""Longer answers stay as they are."""
_MAX_DEPTH = 64
_FENCE = re.compile(r"```[A-Za-z0-9_-]{0,20}[ \t]{0,8}\r?\n")
_GAP = re.compile(r"(?:[\s,;]|//[^\n]*|/\*(?s:.)*?(?:\*/|\Z))*+")
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*(?s:.)*?(?:\*/|\Z))*+")
_BARE = re.compile(r"[^\s,\[\]{}:\"'][^,\[\]{}:\n\"]*")
_PLAIN = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*"), "”": re.compile(r"[^”\\]*")}
_QUOTES = {'"': '"', "'": "'", "“": "”"}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None, "nan": None, "undefined": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_MISSING: Any = object()


def mend_json(text: str) -> str | None:
    """Return the JSON in a text, mended if need be; None when there is none. JSON comes back as it is."""
    if is_json(text):
        return text
    if len(text) > MAX_CHARACTERS:
        return None
    fenced = _in_fence(text)
    for candidate in (fenced, _in_brackets(text)):
        if candidate is not None and is_json(candidate):
            return candidate
    broken = _from_bracket(fenced or text)
    if broken is None:
        return None
    try:
        value = _Mender(broken).value(0)
    except _Hopeless:
        return None
    mended = json.dumps(value, ensure_ascii=False)
    return mended if is_json(mended) else None  # half a surrogate pair is no text


def is_json(text: str) -> bool:
    """Say whether a text is JSON as it is."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


class _Hopeless(Exception):
    """The text is more broken than can be mended without guessing."""


class _Mender:
    """Reads broken JSON from an opening bracket on."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def value(self, depth: int) -> Any:
        """Read one value; `_MISSING` where the text ends or a bracket closes instead."""
        self._skip(_SPACE)
        if self._at >= len(self._text):
            return _MISSING
        letter = self._text[self._at]
        if letter in "{[":
            if depth >= _MAX_DEPTH:
                raise _Hopeless
            self._at += 1
            return self._object(depth + 1) if letter == "{" else self._array(depth + 1)
        if letter in _QUOTES:
            return self._string(_QUOTES[letter])
        if letter in "}],:":
            return _MISSING
        return self._bare()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            self._skip(_GAP)
            if self._is_over("}"):
                return found
            letter = self._text[self._at]
            if letter in _QUOTES:
                name = self._string(_QUOTES[letter])
            else:
                match = _BARE.match(self._text, self._at)
                if match is None:
                    raise _Hopeless
                self._at = match.end()
                name = match.group().strip()
            self._skip(_SPACE)
            if self._at >= len(self._text):
                return found  # a name that was cut off
            if self._text[self._at] != ":":
                raise _Hopeless
            self._at += 1
            value = self.value(depth)
            if value is not _MISSING:
                found[name] = value

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while True:
            self._skip(_GAP)
            if self._is_over("]"):
                return found
            value = self.value(depth)
            if value is _MISSING:
                if self._at < len(self._text):
                    raise _Hopeless
                return found
            found.append(value)

    def _string(self, quote: str) -> str:
        parts: list[str] = []
        self._at += 1
        plain = _PLAIN[quote]
        while True:
            match = plain.match(self._text, self._at)
            assert match is not None
            parts.append(match.group())
            self._at = match.end()
            if self._at >= len(self._text):
                return "".join(parts)
            if self._text[self._at] == "\\":
                parts.append(self._escape())
                continue
            self._at += 1
            if self._ends_a_string():
                return "".join(parts)
            parts.append(quote)  # a quote within the text

    def _ends_a_string(self) -> bool:
        at = self._at
        while at < len(self._text) and self._text[at].isspace():
            at += 1
        return at >= len(self._text) or self._text[at] in ",:]}\"'/"

    def _escape(self) -> str:
        code = self._text[self._at + 1 : self._at + 2]
        if code == "u":
            digits = self._text[self._at + 2 : self._at + 6]
            self._at += 6
            try:
                return json.loads(f'"\\u{digits}"') if len(digits) == 4 else ""
            except ValueError:
                raise _Hopeless from None
        self._at += 2
        return _ESCAPES.get(code, code)

    def _bare(self) -> Any:
        match = _BARE.match(self._text, self._at)
        if match is None:
            raise _Hopeless
        self._at = match.end()
        word = match.group().strip()
        if _NUMBER.fullmatch(word):
            return json.loads(word) if not re.match(r"-?0\d", word) else word
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        if self._at >= len(self._text):
            begun = next((value for name, value in _WORDS.items() if name.startswith(word.lower())), _MISSING)
            number = _NUMBER.match(word)
            return begun if begun is not _MISSING else json.loads(number.group()) if number else _MISSING
        return word

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _is_over(self, closing: str) -> bool:
        """Say whether the object or array ends here, taking its bracket."""
        if self._at >= len(self._text):
            return True
        letter = self._text[self._at]
        if letter == closing:
            self._at += 1
            return True
        # The other bracket closes what is outside: this one's own was left out.
        return letter in "]}"


def _in_fence(text: str) -> str | None:
    """Return what stands in the first code fence that begins with a bracket, also when its end was cut off."""
    at = 0
    while (opening := _FENCE.search(text, at)) is not None:
        closing = text.find("```", opening.end())
        inside = text[opening.end() : closing if closing >= 0 else len(text)].strip()
        if inside[:1] in ("{", "["):
            return inside
        if closing < 0:
            return None
        at = closing + 3
    return None


def _in_brackets(text: str) -> str | None:
    """Return from the first opening bracket to the last closing one."""
    found = _from_bracket(text)
    if found is None:
        return None
    end = max(found.rfind("}"), found.rfind("]"))
    return found[: end + 1] if end >= 0 else None


def _from_bracket(text: str) -> str | None:
    places = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    return text[min(places) :] if places else None
