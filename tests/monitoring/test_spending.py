"""A rule whose scorer asks a real, priced endpoint: what it costs is kept, and its cap in USD holds whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.monitoring.asking import ask, publish
from tests.monitoring.test_monitors import _wait
from tests.monitoring.test_rules import BY_CODE, _ago, _answers, _rule
from tests.traces.home import Home
from tests.traces.test_traces import record
from treadle.core.clock import SettableClock
from treadle.core.errors import InvalidInput, Unavailable
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.gateway.types import Rule
from treadle.http.context import Context
from treadle.monitoring.rules import service, spending, store
from treadle.monitoring.rules.scoring import Judged, LiveScoring
from treadle.monitoring.rules.types import NewRule, OnlineRule
from treadle.traces.types import Example

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Of the day whose spending is counted, however long a test takes and at whatever moment it runs."""


class AskingAnEndpoint:
    """A scorer that asks the endpoint 'judge' through the gateway, and says what that cost by its trace."""

    def __init__(self, home: Home, *, fails_at: int | None = None) -> None:
        self.home, self.fails_at = home, fails_at
        self.calls = 0
        self.clock = SettableClock(NOON)
        """Of who judges; a call takes `takes` of it."""
        self.takes = timedelta(0)

    @property
    def ctx(self) -> Context:
        """The project at the judging's time."""
        return replace(self.home.ctx, clock=self.clock)

    def check(self, choice: ScorerChoice) -> bool:
        return True

    async def judge(self, ctx: Context, choice: ScorerChoice, example: Example) -> Judged:
        self.calls += 1
        self.clock.advance(self.takes)
        if self.calls == self.fails_at:
            raise Unavailable("the judge is away")
        answer = await asyncio.to_thread(ask, self.home, "judge", f"is this good? {example.output_text}")
        trace_id = answer.headers["x-treadle-trace-id"]
        cost = await asyncio.to_thread(_cost_of, self.home, trace_id)
        said = answer.json()["choices"][0]["message"]["content"]
        return Judged(Score(name="good", value=float(said)), cost)


def _cost_of(home: Home, trace_id: str) -> Decimal | None:
    def read() -> list[Decimal | None] | None:
        found = [one for one in home.client.traces.list_("endpoint:judge", limit=100).items if one.trace_id == trace_id]
        return [found[0].cost_usd] if found else None

    return _wait(read)[0]


def _made(scoring: AskingAnEndpoint, **more: Any) -> None:
    begun = replace(scoring.ctx, clock=SettableClock(NOON - timedelta(minutes=3)))
    asyncio.run(service.create_rule(begun, _rule(score="good", is_on=False, **more), scoring))


def _found(scoring: AskingAnEndpoint) -> OnlineRule:
    return asyncio.run(service.list_rules(scoring.ctx, limit=1, cursor=None)).items[0]


def _judge(scoring: AskingAnEndpoint, *, looks: int = 1) -> OnlineRule:
    """Judge with the scorer at hand; the server's own watch is kept out, for it has none that costs."""

    async def work() -> None:
        for _ in range(looks):
            kept = await scoring.ctx.db.read(lambda db: store.find_rule(db, "valid"))
            assert kept is not None
            await service._look(scoring.ctx, kept, scoring, late=False)

    asyncio.run(work())
    return _found(scoring)


def _answered(home: Home, count: int, *, at: datetime = NOON - timedelta(minutes=2)) -> None:
    record(home, _answers(at, *[f"answer {number}" for number in range(count)]))


def test_the_cap_holds(home: Home) -> None:
    """
    Each call costs 0.006 USD: a cap of 0.02 lets three through, keeps what they cost, and says why the rest is left out.
    """
    publish(home, "judge", Rule(reply="1"), usd_per_token="0.001")
    _answered(home, 9)
    scoring = AskingAnEndpoint(home)
    _made(scoring, usd_per_day="0.02")

    rule = _judge(scoring, looks=3)

    assert (3, 3) == (scoring.calls, rule.scores_today)
    assert Decimal("0.018") == rule.usd_today == rule.usd_total
    assert "the 0.02 USD of this day are used up (0.018 spent)" == rule.words
    assert 3 == len(home.client.feedback.list_().items)


def test_many_at_once_spend_no_more(home: Home) -> None:
    """
    However many processes judge at once, one call is in flight, no answer is paid for twice, and the cap holds.
    """
    publish(home, "judge", Rule(reply="1"), usd_per_token="0.001")
    _answered(home, 9)
    scoring = AskingAnEndpoint(home)
    _made(scoring, usd_per_day="0.02")

    async def all_at_once() -> None:
        kept = await home.ctx.db.read(lambda db: store.find_rule(db, "valid"))
        assert kept is not None
        for _ in range(4):
            await asyncio.gather(*(service._look(scoring.ctx, kept, scoring, late=False) for _ in range(5)))

    asyncio.run(all_at_once())

    rule = _found(scoring)
    assert scoring.calls == len(home.client.feedback.list_().items) == 3
    assert rule.usd_today == Decimal("0.018")


def test_a_look_over_midnight(home: Home) -> None:
    """
    What is spent after midnight counts for the new day, also where the look that spent it had begun on the old one.
    """
    publish(home, "judge", Rule(reply="1"), usd_per_token="0.001")
    _answered(home, 9)
    scoring = AskingAnEndpoint(home)
    _made(scoring, usd_per_day="0.02")
    scoring.clock.advance(timedelta(hours=11, minutes=59))
    scoring.takes = timedelta(seconds=45)

    rule = _judge(scoring, looks=3)

    assert (5, 5) == (scoring.calls, rule.scores_total)
    assert Decimal("0.018") == rule.usd_today


def test_first_call_dearer_than_the_cap(home: Home) -> None:
    """
    What a call costs is known after the first one: that may exceed the cap, and no second one is made.
    """
    publish(home, "judge", Rule(reply="1"), usd_per_token="1")
    _answered(home, 3)
    scoring = AskingAnEndpoint(home)
    _made(scoring, usd_per_day="0.5")

    rule = _judge(scoring)

    assert (1, Decimal(6)) == (scoring.calls, rule.usd_today)
    assert "a call has cost up to 6 USD, more than the 0.5 of a day" in rule.words


def test_price_that_nobody_knows(home: Home) -> None:
    """
    A call whose price is unknown is not free: the cap cannot be held, so the rule stops for the day and says so.
    """
    publish(home, "judge", Rule(reply="1"))
    _answered(home, 3)
    scoring = AskingAnEndpoint(home)
    _made(scoring, usd_per_day="5")

    rule = _judge(scoring)

    assert 1 == scoring.calls
    assert "the price of its calls is not known" in rule.words


def test_scorer_that_is_away(home: Home) -> None:
    """
    A scorer that does not answer leaves its answer for the next look; what was reserved for it counts as spent.
    """
    publish(home, "judge", Rule(reply="1"), usd_per_token="0.001")
    _answered(home, 3)
    scoring = AskingAnEndpoint(home, fails_at=2)
    _made(scoring, usd_per_day="5")

    failed = _judge(scoring)
    again = _judge(scoring)

    assert "its scorer does not answer: the judge is away" == failed.words
    assert Decimal("0.012") == failed.usd_today
    assert (3, "") == (again.scores_total, again.words)


def test_process_that_died_while_it_called(home: Home) -> None:
    """
    A call that never came back counts with what was reserved for it, and bars the way no longer than a lease.
    """
    publish(home, "judge", Rule(reply="1"), usd_per_token="0.001")
    _answered(home, 1)
    scoring = AskingAnEndpoint(home)
    _made(scoring, usd_per_day="5")
    _judge(scoring)
    now = scoring.clock.now()

    first = asyncio.run(home.ctx.db.write(lambda db: spending.reserve(db, "valid", now)))
    barred = asyncio.run(home.ctx.db.write(lambda db: spending.reserve(db, "valid", now)))
    later = now + spending.LEASE + timedelta(seconds=1)
    second = asyncio.run(home.ctx.db.write(lambda db: spending.reserve(db, "valid", later)))

    assert isinstance(first, spending.Reservation)
    assert barred is None
    assert isinstance(second, spending.Reservation)
    assert Decimal("0.012") == _found(scoring).usd_today


def test_scorer_that_costs_needs_a_cap(home: Home) -> None:
    """
    A rule whose scorer costs is not made without a cap.
    """
    with pytest.raises(InvalidInput, match="usd_per_day") as caught:
        _made(AskingAnEndpoint(home))

    assert "rules.needs_cap" == caught.value.error_code


def test_filter_in_words(home: Home) -> None:
    """
    A rule judges what its filter lets through, and a filter that cannot be read is refused.
    """
    at = _ago(minutes=2)
    ours, other = _answers(at, "{}", user_id="acme/ann"), _answers(at, "{}", user_id="zoe")
    record(home, [*ours, *other])
    begun = replace(home.ctx, clock=SettableClock(_ago(minutes=3)))
    asyncio.run(service.create_rule(begun, _rule(filter={"q": "user:acme/*"}), BY_CODE))

    _wait(lambda: home.client.feedback.list_().items or None)

    assert [ours[0].trace_id] == [one.trace_id for one in home.client.feedback.list_().items]
    with pytest.raises(InvalidInput) as caught:
        home.client.rules.create(_rule(name="b", filter={"q": "user:("}))
    assert "traces.filter" == caught.value.error_code


def test_a_judge_of_live_answers(home: Home) -> None:
    """
    The server's own watch asks a judge through the gateway, keeps its verdicts as scores, and what they cost.
    """
    publish(home, "judge", Rule(reply='{"reason": "polite", "score": 3}'), usd_per_token="0.0001")
    ask(home, "judge", "are you there?")
    judge = ScorerChoice(name="rubric", parameters={"endpoint": "judge", "criteria": "it is polite"})
    wanted = NewRule.model_validate(
        {"name": "polite", "scorer": judge, "score": "polite", "filter": {"endpoint": "support"}, "usd_per_day": "1"}
    )
    _answered(home, 2, at=_ago(minutes=2))
    begun = replace(home.ctx, clock=SettableClock(_ago(minutes=3)))
    asyncio.run(service.create_rule(begun, wanted, LiveScoring(lambda: None)))

    said = _wait(lambda: found if len(found := home.client.feedback.list_().items) == 2 else None)
    rule = _wait(lambda: rule if (rule := home.client.rules.list_().items[0]).scores_total == 2 else None)

    assert {("polite", 1.0, "polite")} == {(each.name, each.value, each.comment) for each in said}
    assert Decimal(0) < rule.usd_total < Decimal(1)


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("rubric", {"criteria": "it is polite"}, "usd_per_day"),
        ("faithfulness", {}, "more than a question and an answer"),
        ("exact_match", None, "an expected output"),
        ("similarity", None, "an expected output"),
    ],
)
def test_scorers_that_live_answers_are_not_enough_for(
    home: Home, name: str, more: dict[str, str] | None, words: str
) -> None:
    """
    A judge without a cap, and a scorer that needs what live traffic does not bring, are refused with what is missing.
    """
    parameters = {} if more is None else {"endpoint": "judge", **more}

    with pytest.raises(InvalidInput, match=words):
        home.client.rules.create(_rule(scorer=ScorerChoice(name=name, parameters=parameters)))
