"""Masking twice is masking once, for any text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.guards.pii import PERSONAL_DATA, find_personal_data, mask
from treadle.guards.secrets import SECRETS, mask_secrets
from treadle.guards.spans import find_all, mask_all

PIECES = st.sampled_from(
    [
        "ana@example.org", "4111 1111 1111 1111", "DE89370400440532013000", "+44 20 7946 0958", "203.0.113.9",
        "2001:db8::17", "123-45-6789", "ssn ", "phone: ", "call me on ", "5550134", "https://",
        "bob:pw@", "db.example.com", "[EMAIL]", "[",
        "]", "|", " ", "-", ".", "+", "@", ":", "0", "1", "12", "0171", "v", "password=", "Zx81kfj3920kd",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN PRIVATE KEY-----", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "é", "\n",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=60))


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_masking_is_idempotent(text: str) -> None:
    """
    A masked text holds nothing to mask: for personal data, for secrets, and for both together.
    """
    once = mask(text).text
    hidden = mask_secrets(text).text
    both = mask_all(text, SECRETS + PERSONAL_DATA).text

    assert once == mask(once).text
    assert hidden == mask_secrets(hidden).text
    assert both == mask_all(both, SECRETS + PERSONAL_DATA).text


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_each_detector_keeps_its_promise(text: str) -> None:
    """
    Spans of one detector come in order, apart from each other, at least two characters long, without brackets.
    """
    for detector in SECRETS + PERSONAL_DATA:
        spans = list(detector.find(text))

        edges = [edge for span in spans for edge in span]
        assert sorted(edges) == edges
        assert all(span.end - span.start >= 2 for span in spans)
        assert not any("[" in text[span.start : span.end] or "]" in text[span.start : span.end] for span in spans)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_findings_never_overlap(text: str) -> None:
    """
    Findings are in order, inside the text and apart from each other.
    """
    findings = find_all(text, SECRETS + PERSONAL_DATA)

    edges = [edge for finding in findings for edge in (finding.start, finding.end)]

    assert sorted(edges) == edges
    assert all(0 <= finding.start < finding.end <= len(text) for finding in findings)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_text_outside_of_findings_is_untouched(text: str) -> None:
    """
    Taking the findings out of the original and the tokens out of the masked text leaves the same text.
    """
    masked = mask(text)

    kept = "".join(
        character for at, character in enumerate(text) if not any(f.start <= at < f.end for f in masked.findings)
    )
    rest = masked.text
    for finding in sorted(find_personal_data(text), reverse=True, key=lambda finding: finding.start):
        before = sum(len(f"[{f.kind}]") - (f.end - f.start) for f in masked.findings if f.start < finding.start)
        at = finding.start + before
        rest = rest[:at] + rest[at + len(f"[{finding.kind}]") :]

    assert kept == rest
