"""Half surrogate pairs in JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from treadle.core.halves import around_halves, without_halves

TEXTS = st.text(st.characters(codec=None, categories=["L", "Cs", "Po", "Cc"]) | st.sampled_from('\\"u\ud83d\ude00'))


@given(st.lists(TEXTS))
def test_without_halves(texts: list[str]) -> None:
    """
    What is left is what the texts say with U+FFFD for each half; whole pairs and escaped backslashes stay.
    """
    body = json.dumps(texts).encode()

    plain = without_halves(body)

    assert len(body) == len(plain)
    told = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in json.loads(body)]
    assert told == json.loads(plain)


@given(st.lists(TEXTS))
def test_around_halves(texts: list[str]) -> None:
    """
    Whatever is done around them, halves are what they were.
    """
    body = json.dumps(texts).encode()

    made = around_halves(body, lambda plain: b'{"a":' + plain + b"}")

    assert b'{"a":' + body + b"}" == made
