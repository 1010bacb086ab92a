"""Prompt injection and jailbreaks: signatures and phrases always, a classifier on sentence vectors where one is handed in.

What the signatures find: forged role markers, text in invisible characters, 'ignore the previous instructions' and its
kin also inside base64, unrestricted personas and modes. What the classifier adds: the same intent in other words
(logistic regression on MiniLM vectors, weights in attacks.json, made by tools/train_guards.py from our own sentences).
Measured on 161 held-out sentences of other families (half of the ordinary ones written to look like attacks) and on the
10,003 questions of BANKING77, recall / precision / false alarms there: injection 0.58 / 0.91 / 0.0002, jailbreak
0.95 / 0.92 / 0.0009; signatures alone find 0.22 and 0.03 (docs/guards.md, written by the same script). Semantic rewrites, instructions hidden in long documents and attacks made by
search against this very check are mostly NOT found: never let a model do what its reader may not do.
Cost: signatures 10 microseconds for a short text; the classifier 10 milliseconds for each 800 characters.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from treadle.guards.check import Embeds
from treadle.guards.normal import Normal, normal
from treadle.guards.phrases import INJECTION_RULES, JAILBREAK_RULES, find_phrases
from treadle.guards.spans import Finding

Kind = Literal["injection", "jailbreak"]

WEIGHTS = Path(__file__).with_name("attacks.json")
WINDOW = 800
OVERLAP = 160
MAX_WINDOWS = 12
"""Windows of a text that the classifier reads: the first eight and the last four. Signatures read all of it."""

_MARKERS = (
    "<|im_start|>", "<|im_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|start_header_id|>", "<|eot_id|>",
    "<|end|>", "[inst]", "[/inst]", "<<sys>>", "<</sys>>", "<system>", "</system>", "</instructions>", "</user_input>",
    "### system", "### instruction", "##system:",
)  # fmt: skip
"""What templates of chat models put between roles; a user has no reason to write it."""
_FORGED_ROLE = re.compile(r'(?:^|\n)[ \t]{0,8}(?:system|assistant) ?: |"role" ?: ?"system"')
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,4096}={0,2}(?![A-Za-z0-9+/=])")
_MAX_ENCODED = 20
_HIDDEN_ENOUGH = 3
_REACH = 400
"""Characters that a signature spans at most; what is farther from the end of a growing text is settled."""


class _Weights(msgspec.Struct, frozen=True):
    """One classifier."""

    weights: list[float]
    bias: float
    threshold: float
    """Probability from which on it is a finding: at most 4 % of ordinary training sentences reach it in cross-validation."""


class Classifier(msgspec.Struct, frozen=True):
    """Both classifiers, as shipped."""

    embedder: str
    digest: str
    """SHA-256 of the embedder's weights that they were trained on."""
    heads: dict[str, _Weights]


@cache
def load_classifier() -> Classifier:
    """Return the shipped weights."""
    return msgspec.json.decode(WEIGHTS.read_bytes(), type=Classifier)


class AttackCheck:
    """Looks for attempts to turn a model against whoever runs it. See `Check`."""

    whole = False

    def __init__(self, kind: Kind, *, embedder: Embeds | None, threshold: float | None = None) -> None:
        """embedder: None looks for signatures only. threshold: least probability, instead of the shipped one."""
        self._kind = kind
        self._rules = INJECTION_RULES if kind == "injection" else JAILBREAK_RULES
        self._embedder = embedder
        self._threshold = threshold
        self.slow = embedder is not None

    def find(self, text: str) -> list[Finding]:
        """Return signatures, and the windows that the classifier takes for an attack where no signature lies."""
        found = self.find_signatures(text)
        return sorted([*found, *self.find_likely(text, found)], key=lambda finding: finding.start)

    def possible(self, part: str) -> bool:
        """See `Check`."""
        return True

    def settled(self, text: str) -> int:
        """See `Check`."""
        return max(0, len(text) - _REACH)

    def find_signatures(self, text: str) -> list[Finding]:
        """Return what has the shape of an attack. Linear, microseconds."""
        plain = normal(text)
        found = [
            Finding(each.kind, *plain.span(each.start, each.end), each.score)
            for each in find_phrases(plain.text, self._rules)
        ]
        if self._kind == "injection":
            found += _markers(plain)
            found += _encoded(text)
            if plain.tagged or len(plain.hidden) >= _HIDDEN_ENOUGH:
                found.append(_hidden(plain))
        return _apart(found)

    def find_likely(self, text: str, found: Sequence[Finding]) -> list[Finding]:
        """Return what the classifier takes for an attack, where nothing was found. Milliseconds; nothing without one."""
        if self._embedder is None or not text.strip():
            return []
        return [each for each in self._classified(text, self._embedder) if not _touches(each, found)]

    def _classified(self, text: str, embedder: Embeds) -> list[Finding]:
        head = load_classifier().heads[self._kind]
        threshold = head.threshold if self._threshold is None else self._threshold
        windows = _windows(text)
        scores = embedder.embed([text[start:end] for start, end in windows]) @ head.weights + head.bias
        kind = f"LIKELY_{self._kind.upper()}"
        found: list[Finding] = []
        for (start, end), logit in zip(windows, scores.tolist(), strict=True):
            probability = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
            if probability >= threshold and (not found or found[-1].end <= start):
                found.append(Finding(kind, start, end, probability))
        return found


def _encoded(text: str) -> list[Finding]:
    """Return base64 that decodes to an attack."""
    found: list[Finding] = []
    for number, match in enumerate(_ENCODED.finditer(text)):
        if number >= _MAX_ENCODED:
            break
        try:
            decoded = base64.b64decode(match.group() + "=" * (-len(match.group()) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        inside = normal(decoded)
        if find_phrases(inside.text, INJECTION_RULES + JAILBREAK_RULES) or _markers(inside):
            found.append(Finding("ENCODED", *match.span(), 0.9))
    return found


def _windows(text: str) -> list[tuple[int, int]]:
    if len(text) <= WINDOW:
        return [(0, len(text))]
    step = WINDOW - OVERLAP
    starts = list(range(0, max(1, len(text) - OVERLAP), step))
    if len(starts) > MAX_WINDOWS:
        starts = starts[:8] + starts[-4:]
    return [(start, min(len(text), start + WINDOW)) for start in starts]


def _markers(plain: Normal) -> list[Finding]:
    found: list[Finding] = []
    for marker in _MARKERS:
        at = plain.text.find(marker)
        while at >= 0:
            found.append(Finding("FORGED_ROLE", *plain.span(at, at + len(marker)), 0.8))
            at = plain.text.find(marker, at + len(marker))
    if "system" in plain.text or "assistant" in plain.text:
        found += [
            Finding("FORGED_ROLE", *plain.span(*match.span()), 0.8) for match in _FORGED_ROLE.finditer(plain.text)
        ]
    return found


def _hidden(plain: Normal) -> Finding:
    places = sorted(plain.hidden + plain.tagged)
    return Finding("HIDDEN_TEXT", places[0], places[-1] + 1, 0.9 if plain.tagged else 0.6)


def _touches(finding: Finding, others: Sequence[Finding]) -> bool:
    return any(other.start < finding.end and finding.start < other.end for other in others)


def _apart(found: list[Finding]) -> list[Finding]:
    """Return findings in order without overlaps; of two that overlap the surer stays, then the earlier."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda each: (each.start, -each.score)):
        if kept and finding.start < kept[-1].end:
            if finding.score > kept[-1].score:
                kept[-1] = finding
        else:
            kept.append(finding)
    return kept
