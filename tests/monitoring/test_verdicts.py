"""The rules over one figure per window, and what becomes of a monitor: worked by hand, error rates simulated."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import get_args

import numpy as np
import pytest

from treadle.monitoring.figures import FIGURES, RANGES, shown
from treadle.monitoring.types import AlertSpans, Anomaly, Metric, Sequential, Threshold, Unit, Verdict, Watched
from treadle.monitoring.verdicts import Evidence, Position, Value, gather, judge, step, why
from treadle.monitoring.watch import filter_of
from treadle.traces.asking.language import leaves, parse


def test_filter_of_a_segment() -> None:
    """
    The filter of an alert asks for its segment whatever characters that holds: what only stands in quotes becomes a star.
    """
    at = datetime(2026, 11, 21, tzinfo=UTC)

    told = filter_of(AlertSpans(since=at, until=at), Watched(segment='acme "eu" (north), '))

    assert "user:acme*eu*north**" == told.split(" ")[0]
    assert 3 == len(leaves(parse(told)))


def _condition(verdicts: str, *, fire_after: int = 1, clear_after: int = 1, silence: bool = False) -> str:
    """Return the conditions after windows: w(ell), b(ad), u(nknown) in, o(k), f(iring), n(o data) out."""
    words: dict[str, Verdict] = {"w": "well", "b": "bad", "u": "unknown"}
    position, seen = Position(), ""
    for letter in verdicts:
        position = step(
            position, words[letter], fire_after=fire_after, clear_after=clear_after, alert_on_silence=silence
        )
        seen += position.condition[0]
    return seen


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.10, "well"), (0.11, "bad"), (0.01, "bad"), (0.02, "well"), (None, "unknown")]
)
def test_threshold(value: float | None, verdict: Verdict) -> None:
    """
    A value beyond either limit is bad, one at a limit is not, and none at all is no data.
    """
    judged = judge(Threshold(above=0.1, below=0.02), Value(value, 50), unit="requests", least_count=1, is_firing=False)

    assert verdict == judged.verdict


def test_margin_while_firing() -> None:
    """
    A limit of 100 with a margin of 0.1 must be passed back to 90 before a window is well again.
    """
    rule = Threshold(above=100, margin=0.1)

    verdicts = [
        judge(rule, Value(95, 9), unit="requests", least_count=1, is_firing=firing).verdict for firing in (False, True)
    ]

    assert ["well", "bad"] == verdicts


def test_too_few_spans() -> None:
    """
    A window with fewer spans than asked for is no data, whatever its value.
    """
    judged = judge(Threshold(above=0.1), Value(1.0, 4), unit="requests", least_count=5, is_firing=False)

    assert ("unknown", "no data: 4 spans, at least 5 needed") == (judged.verdict, judged.words)


def test_anomaly() -> None:
    """
    Of 90, 100, 100, 100, 110, 120 the median is 100 and the median distance 5: 5 deviations of 7.413 end at 137.
    """
    history = [90.0, 100.0, 100.0, 100.0, 110.0, 120.0]

    verdicts = [
        judge(Anomaly(), Value(value, 9), unit="requests", least_count=1, is_firing=False, history=history).verdict
        for value in (62.0, 64.0, 137.0, 138.0)
    ]
    judged = judge(Anomaly(), Value(100, 9), unit="requests", least_count=1, is_firing=False, history=history)

    assert ["bad", "well", "well", "bad"] == verdicts
    assert (pytest.approx(62.935), pytest.approx(137.065)) == (judged.expected_low, judged.expected_high)


def test_one_odd_week() -> None:
    """
    One outage among the earlier weeks does not make another one usual.
    """
    history = [100.0] * 8 + [5000.0] * 2

    assert (
        "bad"
        == judge(Anomaly(), Value(4000, 9), unit="requests", least_count=1, is_firing=False, history=history).verdict
    )


def test_young_anomaly() -> None:
    """
    With fewer than 6 windows to go by, nothing is said.
    """
    judged = judge(Anomaly(), Value(4000, 9), unit="requests", least_count=1, is_firing=False, history=[1.0] * 5)

    assert ("unknown", "no data: 5 windows of earlier weeks are known, 6 are needed") == (judged.verdict, judged.words)


def test_evidence_of_zeros_and_ones() -> None:
    """
    The evidence of a window's count is the product over its values: one at a time or all at once, under one bet.
    """
    before = Evidence(0.0, 100.0, 20.0)

    after = gather(before, 30, 100, 0.1)

    estimate = (20 + 0.05) / 100.5
    bet = min(5.0, (estimate - 0.1) / (estimate * (1 - estimate) + (estimate - 0.1) ** 2 + 1e-9))
    assert pytest.approx(30 * math.log(1 + bet * 0.9) + 70 * math.log(1 - bet * 0.1)) == after.log_e


def test_graded_values_give_no_more_than_is_true() -> None:
    """
    For values between 0 and 1 the evidence from their sum is at most that from each.
    """
    values = np.random.default_rng(1).uniform(0, 1, 50)
    before = Evidence(0.0, 10.0, 6.0)

    after = gather(before, float(values.sum()), 50, 0.3)

    estimate = (6 + 0.15) / 10.5
    bet = min(0.5 / 0.3, (estimate - 0.3) / (estimate * (1 - estimate) + (estimate - 0.3) ** 2 + 1e-9))
    assert after.log_e <= np.log1p(bet * (values - 0.3)).sum() + 1e-9


def test_sequential_test_keeps_its_level() -> None:
    """
    At the limit itself, at most 1 monitor in 100 ever fires over 400 windows: at most 8 of 300 (p < 0.01 at 1 %).
    """
    rng, rule, fired = np.random.default_rng(7), Sequential(limit=0.1), 0
    for _ in range(300):
        evidence = Evidence()
        for errors in rng.binomial(20, 0.1, size=400):
            judged = judge(
                rule, Value(errors / 20, 20), unit="share", least_count=1, is_firing=False, evidence=evidence
            )
            evidence = judged.evidence or evidence
            if judged.verdict == "bad":
                fired += 1
                break

    assert fired <= 8


def test_sequential_test_sees_a_change() -> None:
    """
    A share that doubles after a long quiet past is found within 40 windows of 20 spans, more often than not.
    """
    rng, rule, needed = np.random.default_rng(3), Sequential(limit=0.1), []
    for _ in range(50):
        evidence = Evidence()
        for number, errors in enumerate([*rng.binomial(20, 0.05, size=300), *rng.binomial(20, 0.2, size=200)]):
            judged = judge(
                rule, Value(errors / 20, 20), unit="share", least_count=1, is_firing=False, evidence=evidence
            )
            evidence = judged.evidence or evidence
            if judged.verdict == "bad":
                needed.append(number - 300)
                break

    assert len(needed) == 50
    assert np.median(needed) <= 40


def test_share_that_falls() -> None:
    """
    A test of 'below' looks at what is missing: 60 % right where 90 % are the limit.
    """
    judged = judge(
        Sequential(limit=0.9, direction="below"), Value(0.6, 400), unit="share", least_count=1, is_firing=False
    )

    assert "bad" == judged.verdict


def test_what_is_no_share() -> None:
    """
    A score beyond 1 is no share, so a sequential test says nothing of it.
    """
    assert (
        "unknown" == judge(Sequential(limit=0.5), Value(4.2, 10), unit="share", least_count=1, is_firing=False).verdict
    )


@pytest.mark.parametrize(
    ("verdicts", "options", "conditions"),
    [
        ("wbw", {}, "ofo"),
        ("bbbw", {"fire_after": 3}, "oofo"),
        ("bbwbb", {"fire_after": 3}, "ooooo"),
        ("bwbwwb", {"clear_after": 2}, "ffffof"),
        ("uwu", {}, "non"),
        ("buw", {}, "ffo"),
        ("bub", {"fire_after": 2}, "ono"),
        ("uu", {"silence": True, "fire_after": 2}, "nf"),
        ("wuuw", {"silence": True, "fire_after": 2}, "onfo"),
    ],
)
def test_positions(verdicts: str, options: dict[str, int], conditions: str) -> None:
    """
    It takes windows in a row to fire and to clear; an alert outlasts missing data; silence alerts only where it is to.
    """
    assert conditions == _condition(verdicts, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("position", "verdict", "expected"),
    [
        (Position("ok", bad=1), "bad", "25 % is above 10 % (1 of 3 windows in a row until it fires)"),
        (Position("firing", bad=3), "bad", "25 % is above 10 %"),
        (
            Position("firing", well=1),
            "well",
            "25 % is above 10 % (1 of 2 well windows in a row until the alert is over)",
        ),
        (Position("firing", unknown=1), "unknown", "25 % is above 10 %; the alert goes on until a window is well"),
        (Position("ok", well=1), "well", "25 % is above 10 %"),
    ],
)
def test_why_a_monitor_stands_so(position: Position, verdict: Verdict, expected: str) -> None:
    """
    Where a window and the state differ, the words say what they still wait for.
    """
    assert expected == why(position, verdict, "25 % is above 10 %", fire_after=3, clear_after=2)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.25, "share", "25 %"), (1234.6, "ms", "1,235 ms"), (0.3125, "USD", "0.3125 USD"), (1, "requests", "1 request"),
        (3 * 2**30, "bytes", "3 GiB"), (52428800, "bytes", "50 MiB"), (0.5, "score", "0.5"), (41.23, "tokens/s", "41.23 tokens/s"),
    ],
)  # fmt: skip
def test_figures_in_words(value: float, unit: Unit, expected: str) -> None:
    """
    A figure never stands without its unit.
    """
    assert expected == shown(value, unit)


def test_every_metric_has_a_unit() -> None:
    """
    The table of figures knows every metric there is, and every unit says what a limit in it means.
    """
    assert set(get_args(Metric)) == set(FIGURES)
    assert set(get_args(Unit)) == set(RANGES)
