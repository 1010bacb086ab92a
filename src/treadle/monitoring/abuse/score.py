"""How suspicious is a caller's last hour? Pure: requests in, points with their reasons out.

| reason | points | what it takes |
|---|---|---|
| attacks | 15 each, 60 at most | a guard against injection or jailbreaks struck, or the question has such a signature |
| probing | 15 each, 45 at most | the question asks for the instructions, keys or passwords |
| token_flood | 30 | 10 times the tokens of the comparison, 100,000 at the least |
| cost_spike | 30 | 10 times the cost of the comparison, 1 USD at the least |
| scripted | 15 | 120 requests whose counts per minute vary far less than people's (dispersion test, p < 1e-6) |
| repetition | 15 | 50 requests, four fifths of them with one and the same question |

A busy program alone (scripted, repetition) stays below any sensible bar. The comparison is the caller's own median hour
of the week before where there are 24 of them, else the median of the other callers where there are 5, else nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import NamedTuple

from treadle.guards.attacks import AttackCheck
from treadle.monitoring.abuse.types import Reason, ReasonName
from treadle.traces.callers import CallerRequest

TIMES = 10
LEAST_TOKENS = 100_000
LEAST_USD = 1.0
SCRIPTED_REQUESTS = 120
SCRIPTED_P = 1e-6
REPEATED_REQUESTS = 50
REPEATED_SHARE = 0.8
MAX_TRACES = 10

_INJECTION = AttackCheck("injection", embedder=None)
_JAILBREAK = AttackCheck("jailbreak", embedder=None)
_SECRETS = re.compile(
    r"\b(show|give|tell|print|list|reveal|dump|send|what(?:'s| is| are)|read me)\b[^.?!\n]{0,60}?"
    r"\b(api[ -]?keys?|passwords?|credentials|secret keys?|private keys?|access tokens?|environment variables|\.env)\b",
    re.IGNORECASE,
)


class Usual(NamedTuple):
    """What an hour of a caller is compared with; None where nothing can be said."""

    tokens: float | None = None
    cost_usd: float | None = None


class Suspicion(NamedTuple):
    """A caller's score."""

    score: int
    """0 to 100."""
    reasons: list[Reason]
    trace_ids: list[str]
    """Requests that show it, newest first."""


def suspicion_of(requests: Sequence[CallerRequest], usual: Usual, *, until: datetime) -> Suspicion:
    """Return the score of one caller's requests of the hour that ends then. Cost: some 30 microseconds per request."""
    attacks = [request for request in requests if is_attack(request)]
    probes = [request for request in requests if is_probe(request.input_text)]
    reasons = [
        _each("attacks", len(attacks), 15, 60, "requests look like injections or jailbreaks"),
        _each("probing", len(probes), 15, 45, "questions ask for instructions, keys or passwords"),
        _flood("token_flood", sum(request.tokens for request in requests), usual.tokens, LEAST_TOKENS, "tokens"),
        _flood("cost_spike", float(sum(request.cost_usd for request in requests)), usual.cost_usd, LEAST_USD, "USD"),
        _scripted(requests, until),
        _repeated(requests),
    ]
    found = [reason for reason in reasons if reason is not None]
    shown = {request.trace_id: None for request in (*attacks, *probes, *requests)}
    return Suspicion(min(100, sum(reason.points for reason in found)), found, list(shown)[:MAX_TRACES] if found else [])


def usual_of(own: Sequence[float], others: Sequence[float]) -> float | None:
    """Return what an hour is compared with: the median of 24 own hours or more, else of 5 others or more, else nothing."""
    if len(own) >= 24:
        return float(median(own))
    return float(median(others)) if len(others) >= 5 else None


def is_attack(request: CallerRequest) -> bool:
    """Tell whether a guard noted an attack, or the question's beginning has the signature of one."""
    struck = [signal.partition(":")[2].lower() for signal in request.signals if signal.startswith("guard:")]
    if any("injection" in name or "jailbreak" in name for name in struck):
        return True
    if any(finding.kind != "EXTRACTION" for finding in _INJECTION.find_signatures(request.input_text)):
        return True
    return bool(_JAILBREAK.find_signatures(request.input_text))


def is_probe(text: str) -> bool:
    """Tell whether a question asks for the instructions, or for secrets."""
    if _SECRETS.search(text):
        return True
    return any(finding.kind == "EXTRACTION" for finding in _INJECTION.find_signatures(text))


def dispersion_p(counts: Sequence[int]) -> float:
    """Return the chance that counts of a Poisson process vary as little as these.

    (n - 1) times variance over mean is chi-squared with n - 1 degrees of freedom (Fisher 1950); its lower tail by Wilson
    and Hilferty's cube root, good to a few percent of p, which a bar of 1e-6 does not mind. People come in bursts: they
    vary more than that, never less.
    """
    freedom = len(counts) - 1
    if freedom < 5 or not any(counts):
        return 1.0
    mean = sum(counts) / len(counts)
    statistic = sum((count - mean) ** 2 for count in counts) / mean
    spread = 2 / (9 * freedom)
    z = ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _each(name: ReasonName, count: int, points: int, most: int, words: str) -> Reason | None:
    if not count:
        return None
    return Reason(name=name, points=min(most, points * count), words=f"{count} {words}")


def _flood(name: ReasonName, amount: float, usual: float | None, least: float, unit: str) -> Reason | None:
    if usual is None or amount < least or amount < TIMES * usual:
        return None
    times = f"{amount / usual:.0f} times the usual {usual:,.4g}" if usual > 0 else "where usually there is none"
    return Reason(name=name, points=30, words=f"{amount:,.4g} {unit}, {times}")


def _scripted(requests: Sequence[CallerRequest], until: datetime) -> Reason | None:
    if len(requests) < SCRIPTED_REQUESTS:
        return None
    minutes = Counter(int((until - request.started_at).total_seconds() // 60) for request in requests)
    # Of the minutes in between: before the first and after the last nothing was to come.
    inside = [minutes[minute] for minute in range(min(minutes) + 1, max(minutes))]
    p = dispersion_p(inside)
    if p >= SCRIPTED_P:
        return None
    return Reason(
        name="scripted", points=15, words=f"{len(requests)} requests, evenly over {len(inside)} minutes (p = {p:.1g})"
    )


def _repeated(requests: Sequence[CallerRequest]) -> Reason | None:
    texts = Counter(request.input_text for request in requests if request.input_text)
    if texts.total() < REPEATED_REQUESTS:
        return None
    count = max(texts.values())
    if count < REPEATED_SHARE * texts.total():
        return None
    return Reason(name="repetition", points=15, words=f"{count} of {texts.total()} requests ask the same")
