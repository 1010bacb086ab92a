"""Personal data that has a shape is found, and what only looks like it is left alone."""

from __future__ import annotations

import pytest

from treadle.guards.pii import find_personal_data, mask, passes_luhn, passes_mod97


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to 'jo.o-neil+x@mail.example.com'.", "write to '[EMAIL]'."),
        ("so then...ana@example.org?", "so then...[EMAIL]?"),
        ("jörg@müller.example", "[EMAIL]"),
        ("card 4111 1111 1111 1111 or 4111-1111-1111-1111", "card [CARD] or [CARD]"),
        ("amex 3782 822463 10005", "amex [CARD]"),
        ("order 12345 5555555555554444 paid", "order 12345 [CARD] paid"),
        ("DE89 3704 0044 0532 0130 00 and gb82west12345698765432", "[IBAN] and [IBAN]"),
        ("my ssn is 123456789", "my ssn is [SSN]"),
        ("it is 123-45-6789.", "it is [SSN]."),
        ("from 203.0.113.9, and 2001:db8::17", "from [IP], and [IP]"),
        ("2001:db8::17$203.0.113.9", "[IP]$[IP]"),
        ("ring +44 20 7946 0958 please", "ring [PHONE] please"),
        ("(212) 555-0134 / 212-555-0134 / 0044 20 7946 0958", "[PHONE] / [PHONE] / [PHONE]"),
        ("0171 1234567 or 06 12 34 56 78", "[PHONE] or [PHONE]"),
        ("call me on 5550134", "call me on [PHONE]"),
        ("postgres://bob:s3cret@db.example.com/x", "postgres://[CREDENTIALS]@db.example.com/x"),
    ],
)
def test_personal_data_becomes_its_typed_token(text: str, masked: str) -> None:
    """
    Each kind is replaced by its own token, and nothing around it is touched.
    """
    assert masked == mask(text).text


@pytest.mark.parametrize(
    "text",
    [
        "order 00123456789 of 2024-01-02 at 10:20:30 for $1,234.56",
        "card 4111 1111 1111 1112",
        "iban DE89 3704 0044 0532 0130 01",
        "firmware version 10.2.3.4 and v1.2.3.4, mask 255.255.255.0, host 127.0.0.1",
        "std::string, 12:30:45, a::b",
        "ssn 000-12-3456 and 666-12-3456",
        "tracking 0045 9982, sizes 250 300 4000, item #0123-456789",
        "follow @treadle, 3 @ 4.50 each",
        "call 911",
    ],
)
def test_numbers_that_are_no_personal_data_stay(text: str) -> None:
    """
    A wrong check digit, a date, a version, an order number or a net mask is not personal data.
    """
    assert [] == find_personal_data(text)


def test_findings_tell_where_in_the_original_text() -> None:
    """
    Offsets belong to the text that was searched, in order of position.
    """
    text = "4111111111111111 is ana@example.org's"

    findings = find_personal_data(text)

    assert [("CARD", "4111111111111111"), ("EMAIL", "ana@example.org")] == [
        (finding.kind, text[finding.start : finding.end]) for finding in findings
    ]


def test_check_digits_follow_the_standards() -> None:
    """
    Luhn by hand: 79927398713 sums to 70. GB82 WEST 1234 5698 7654 32 leaves 1 by 97 (both textbook cases).
    """
    assert passes_luhn("79927398713")
    assert not passes_luhn("79927398710")
    assert passes_mod97("GB82WEST12345698765432")
    assert not passes_mod97("GB28WEST12345698765432")


@pytest.mark.parametrize("unit", ["a.", "1 ", "+1", "a@b.", ":", "1.1.", "://a:b", "DE89", "x@y.com ", "0171 1234567 "])
def test_hostile_text_costs_linear_time(unit: str) -> None:
    """
    100,000 characters made to provoke backtracking are searched in well under two seconds.
    """
    import time

    text = unit * (100_000 // len(unit))
    started = time.process_time()

    mask(text)

    assert time.process_time() - started < 2
