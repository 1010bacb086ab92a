"""What many requests wait out, and what ends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest

from treadle.evals.judges.reply import Reply
from treadle.evals.patience import LimitReached, limit_in, reach
from treadle.gateway.batches.inside import Told

RIGHT = Reply("lost")
AWAY = Reply(problem="status 502: it answered with status 500", pause_seconds=None)
LIMITED = Reply(problem="status 429: slow down", limit="slow down", pause_seconds=1.0)


def _reached(replies: Iterable[Reply]) -> tuple[Reply, list[float]]:
    pauses: list[float] = []
    coming = iter(replies)

    async def ask() -> Reply:
        return next(coming)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return asyncio.run(reach(ask, "endpoint 'support'", sleep)), pauses


@pytest.mark.parametrize(("source", "said"), [("gateway; limit=lim_1", "full"), ("upstream", "full"), ("", None)])
def test_limit_of_the_gateway_or_of_a_provider_is_no_answer(source: str, said: str | None) -> None:
    """
    Whoever limits, nobody answered: it is waited for, and counts as no wrong answer.
    """
    body = json.dumps({"error": {"code": "upstream_rate_limited", "message": "full"}}).encode()

    assert said == limit_in(Told(429, {"x-treadle-limit-source": source, "retry-after": "1"}, body))


def test_limit_is_asked_less_and_less_often() -> None:
    """
    A provider that says "in a second" each time is waited for all the same, a second longer each time.
    """
    reply, pauses = _reached([LIMITED] * 20 + [RIGHT])

    assert "lost" == reply.text
    assert [1.0, 2.0, 3.0, 4.0] == pauses[:4]
    assert 15.0 == pauses[-1]


def test_limit_without_end_ends_the_work() -> None:
    """
    After a quarter of an hour for one request the run ends, and says how it goes on.
    """
    with pytest.raises(LimitReached) as caught:
        _reached([LIMITED] * 1_000)

    assert "endpoint 'support' cannot be asked further: slow down" in caught.value.message


def test_upstream_that_is_away_for_a_moment() -> None:
    """
    It is asked six times, in growing pauses; then its problem is the answer.
    """
    assert (RIGHT, [0.5, 1.0]) == _reached([AWAY, AWAY, RIGHT])
    assert (AWAY, [0.5, 1.0, 2.0, 4.0, 8.0]) == _reached([AWAY] * 6)


def test_problem_that_does_not_pass_is_not_waited_for() -> None:
    """
    A key without the right is told at once.
    """
    denied = Reply(problem="status 403: no", may_pass=False)

    assert (denied, []) == _reached([denied])
