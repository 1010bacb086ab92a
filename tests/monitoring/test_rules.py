"""Rules through the HTTP contract: the server's own watch judges sampled live answers, each once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import encode

from tests.monitoring.test_monitors import _wait
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.core.clock import SettableClock
from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.evals.scoring.types import ScorerChoice
from treadle.feedback.types import FeedbackFilter
from treadle.monitoring.rules import service
from treadle.monitoring.rules.scoring import LiveScoring
from treadle.monitoring.rules.types import NewRule, OnlineRule
from treadle.traces.intake import NewSpan

BY_CODE = LiveScoring(lambda: None)


def _rule(**more: Any) -> NewRule:
    facts: dict[str, Any] = {
        "name": "valid", "scorer": ScorerChoice(name="json_valid"), "score": "json_valid", "filter": {"endpoint": "support"},
    }  # fmt: skip
    return NewRule.model_validate({**facts, **more})


def _answers(at: datetime, *texts: str, **more: Any) -> list[NewSpan]:
    return [
        new_span(
            started_at=at + timedelta(milliseconds=number),
            output_messages=Raw(encode([{"role": "assistant", "content": text}])), **more,
        )
        for number, text in enumerate(texts)
    ]  # fmt: skip


def _ago(**more: float) -> datetime:
    return datetime.now(UTC) - timedelta(**more)


def _judging_since(home: Home, moment: datetime, new: NewRule) -> None:
    asyncio.run(service.create_rule(replace(home.ctx, clock=SettableClock(moment)), new, BY_CODE))


def _seen(home: Home, moment: datetime) -> OnlineRule:
    """Wait until the rule has gone by a moment."""
    return _wait(lambda: next((each for each in home.client.rules.list_().items if each.judged_until > moment), None))


def test_live_answers_are_judged(home: Home) -> None:
    """
    Answers of the endpoint get a score from code, with its reason; failed ones and other endpoints' do not.
    """
    at = _ago(minutes=2)
    good, bad = _answers(at, '{"a": 1}', "no json")
    failed = _answers(at, "{", status="error", error_code="upstream_500")
    record(home, [good, bad, *failed, *_answers(at, "{}", endpoint="other")])
    _judging_since(home, _ago(minutes=3), _rule())

    rule = _seen(home, at)

    said = {each.trace_id: each for each in home.client.feedback.list_().items}
    assert {good.trace_id: 1.0, bad.trace_id: 0.0} == {trace_id: each.value for trace_id, each in said.items()}
    assert ("json_valid", "code", "invalid") == (
        said[bad.trace_id].name,
        said[bad.trace_id].source,
        said[bad.trace_id].label,
    )
    assert (2, 2) == (rule.scores_today, rule.scores_total)
    scores = home.client.traces.get(good.trace_id).trace.scores
    assert [("json_valid", "code", 1.0)] == [(score.name, score.source, score.value) for score in scores]


def test_each_answer_once(home: Home) -> None:
    """
    However many processes judge at once, and after a stretch is gone over again, each answer has one score.
    """
    at = _ago(minutes=2)
    record(home, _answers(at, *["{}"] * 30))
    _judging_since(home, _ago(minutes=3), _rule())

    async def all_at_once() -> None:
        await asyncio.gather(*(service.judge_due(home.ctx, BY_CODE) for _ in range(5)))

    asyncio.run(all_at_once())
    rule = _seen(home, at)

    assert 30 == len(home.client.feedback.list_(FeedbackFilter(name="json_valid"), limit=100).items)
    assert 30 == rule.scores_total


def test_late_answers(home: Home) -> None:
    """
    A request whose spans came late is judged by the second look.
    """
    at = _ago(minutes=50)
    _judging_since(home, _ago(minutes=55), _rule())
    _seen(home, at)
    record(home, _answers(at, "{}"))

    later = replace(home.ctx, clock=SettableClock(datetime.now(UTC) + timedelta(minutes=30)))
    asyncio.run(service.judge_due(later, BY_CODE))

    assert 1 == len(home.client.feedback.list_().items)


def test_a_share_of_the_answers(home: Home) -> None:
    """
    A rate of a quarter judges about a quarter, and the same traces whoever asks.
    """
    at = _ago(minutes=2)
    spans = _answers(at, *["{}"] * 200)
    record(home, spans)
    _judging_since(home, _ago(minutes=3), _rule(sample_rate=0.25))

    _seen(home, at)

    judged = {each.trace_id for each in home.client.feedback.list_(limit=500).items}
    assert {span.trace_id for span in spans if service.is_sampled(span.trace_id, 0.25)} == judged
    assert 25 <= len(judged) <= 78


def test_share_of_many() -> None:
    """
    Over 20,000 traces, a rate of 0.1 takes between 9 and 11 % of them.
    """
    taken = sum(service.is_sampled(f"{number:032x}", 0.1) for number in range(20_000))

    assert 1_800 <= taken <= 2_200


def test_most_a_day(home: Home) -> None:
    """
    A rule stops at its most scores a day and says so.
    """
    at = _ago(minutes=2)
    record(home, _answers(at, *["{}"] * 12))
    _judging_since(home, _ago(minutes=3), _rule(scores_per_day=5))

    _seen(home, at)

    assert 5 == len(home.client.feedback.list_().items)


def test_rules_that_cannot_be(home: Home) -> None:
    """
    Unknown scorers, those that need an expected output, and names in use are refused.
    """
    home.client.rules.create(_rule())
    codes = []
    for new in (
        _rule(),
        _rule(name="b", scorer=ScorerChoice(name="nothing")),
        _rule(name="c", scorer=ScorerChoice(name="exact_match")),
    ):
        with pytest.raises((Conflict, InvalidInput)) as caught:
            home.client.rules.create(new)
        codes.append(caught.value.error_code)
    with pytest.raises(NotFound):
        home.client.rules.remove("other")

    assert ["rules.exists", "evals.unknown_scorer", "rules.needs_expected"] == codes


def test_off_and_on(home: Home) -> None:
    """
    What went by while a rule was off is not judged when it is on again.
    """
    at = _ago(minutes=2)
    record(home, _answers(at, "{}"))
    _judging_since(home, _ago(minutes=3), _rule(is_on=False))

    again = home.client.rules.change(_rule())

    assert again.judged_until > at
    assert again.is_on
    home.client.rules.remove("valid")
    assert [] == home.client.rules.list_().items
