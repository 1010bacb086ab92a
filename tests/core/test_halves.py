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


def test_halves_that_are_written_anew() -> None:
    """
    What is done around halves may write one anew, as a field's name: then none comes back in the place of another.
    """
    made = around_halves(
        rb'{"a\ud83d": "b\ud83e"}', lambda plain: json.dumps(json.loads(plain), ensure_ascii=False).encode()
    )

    assert {"a\ufffd": "b\ufffd"} == json.loads(made)


@given(st.lists(TEXTS))
def test_around_halves(texts: list[str]) -> None:
    """
    Whatever is done around them, halves are what they were.
    """
    body = json.dumps(texts).encode()

    made = around_halves(body, lambda plain: b'{"a":' + plain + b"}")

    assert b'{"a":' + body + b"}" == made
