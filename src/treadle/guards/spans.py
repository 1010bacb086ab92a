"""Findings in a text, and masking by them: the small machine that `pii` and `secrets` share.

A detector is a function from a text to spans. Detectors run in order and each sees the spans found before it as
closed brackets, so findings never overlap and the earlier (more specific) detector wins. The run repeats until nothing
new is found, and a finding is replaced by a token in brackets. No detector may look across a bracket, and tokens hold
none of what detectors look for, therefore masking a masked text changes nothing (tests/guards/test_masking.py).
Cost: one pass of each pattern per round, two rounds as a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Finding(NamedTuple):
    """One piece of text that should not be stored or shown as it is."""

    kind: str
    """What it is, in capitals: EMAIL, PHONE, CARD, IBAN, IP, SSN, CREDENTIALS, or a kind of secret."""
    start: int
    """Offset of its first character in the text that was searched."""
    end: int
    """Offset just behind its last character."""
    score: float = 1.0
    """How sure the check is, 0 to 1; 1 for what has a shape that nothing else has."""


class Masked(NamedTuple):
    """A text in which every finding became a token such as [EMAIL]."""

    text: str
    """The text with tokens."""
    findings: tuple[Finding, ...]
    """What was replaced, in order; offsets are those of the original text."""


class Span(NamedTuple):
    """Where a detector matched."""

    start: int
    end: int


class Detector(NamedTuple):
    """A named search for one kind of finding."""

    kind: str
    find: Callable[[str], Iterable[Span]]
    """Gives spans of at least two characters, in order and apart from each other, that hold no bracket."""


def find_all(text: str, detectors: Sequence[Detector]) -> list[Finding]:
    """Find everything that the detectors know, without overlaps, in order of position."""
    findings: list[Finding] = []
    seen = text
    while True:
        before = len(findings)
        for detector in detectors:
            spans = list(detector.find(seen))
            findings.extend(Finding(detector.kind, span.start, span.end) for span in spans)
            seen = _close(seen, spans)
        if len(findings) == before:
            return sorted(findings, key=lambda finding: finding.start)


def mask_all(text: str, detectors: Sequence[Detector]) -> Masked:
    """Replace every finding by its token. Masking twice is the same as masking once."""
    findings = find_all(text, detectors)
    return Masked(replace_findings(text, findings), tuple(findings))


def replace_findings(text: str, findings: Iterable[Finding]) -> str:
    """Return the text with a token such as [EMAIL] in the place of each finding; they are in order and apart."""
    return _replace(text, ((finding.start, finding.end, f"[{finding.kind}]") for finding in findings))


def _close(text: str, spans: Iterable[Span]) -> str:
    """Put brackets of the same length where the spans are, so that offsets stay true."""
    return _replace(text, ((span.start, span.end, "[" + "|" * (span.end - span.start - 2) + "]") for span in spans))


def _replace(text: str, places: Iterable[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, token in places:
        parts += [text[at:start], token]
        at = end
    return "".join([*parts, text[at:]]) if parts else text
