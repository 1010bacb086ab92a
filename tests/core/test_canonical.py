"""One byte form per JSON value, as RFC 8785 has it: content ids and the audit chain rest on it."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.canonical import canonical_json, digest_of
from treadle.core.errors import InvalidInput

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_example_of_the_standard() -> None:
    """
    RFC 8785, section 3.2.2: the sample object becomes exactly these bytes.
    """
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\x0f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }

    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert expected.encode() == canonical_json(value)


def test_order_of_the_standard() -> None:
    """
    RFC 8785, section 3.2.3: names are sorted by UTF-16 code units, so a pair of surrogates stands before U+FB33.
    """
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }

    found = list(json.loads(canonical_json(value)))

    assert ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"] == found


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555554", "333333333.33333325"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_of_the_standard(bits: str, text: str) -> None:
    """
    RFC 8785, appendix B: each IEEE 754 number has this one spelling.
    """
    (number,) = struct.unpack(">d", bytes.fromhex(bits))

    assert text.encode() == canonical_json(number)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "\ud800"])
def test_values_that_json_lacks(value: object) -> None:
    """
    What JSON cannot say is refused, never spelled in a way of our own (RFC 8785, sections 3.2.2.2 and 3.2.2.3).
    """
    with pytest.raises(InvalidInput):
        canonical_json({"value": value})


@given(JSON)
def test_one_form_per_value(value: object) -> None:
    """
    The form reads back as the value, is its own form, and does not depend on the order in which names were set.
    """
    form = canonical_json(value)

    assert value == _read(form)
    assert form == canonical_json(_read(form))
    assert digest_of(value) == digest_of(_backwards(value))


def _backwards(value: object) -> object:
    if isinstance(value, dict):
        return {name: _backwards(value[name]) for name in reversed(value)}
    return [_backwards(item) for item in value] if isinstance(value, list) else value


def _read(form: bytes) -> object:
    """Read as the standard does: every number is an IEEE 754 double."""
    return json.loads(form, parse_int=float)
