"""Sessions and end users through the HTTP contract: sums of whole traces, however their spans come, and pages of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.traces.home import Home
from tests.traces.test_asking import part_of
from tests.traces.test_traces import new_span, record
from treadle.core.errors import NotFound
from treadle.traces import rollup_store, service
from treadle.traces.asking import parties
from treadle.traces.asking.types import Party
from treadle.traces.types import Score


def follow(home: Home) -> None:
    """Count what waits, as the follower does."""
    while asyncio.run(home.ctx.db.write(rollup_store.follow)):
        pass


def until(read: Callable[[], Any]) -> Any:
    """Wait for what another process may be about to count."""
    deadline = time.monotonic() + 60
    while not (found := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def told(party: Party) -> tuple[int, int, int, int, Decimal | None]:
    """Return the sums that the tests look at."""
    return party.trace_count, party.error_count, party.span_count, party.input_tokens, party.cost_usd


ORDERS: list[Sequence[int]] = [[0, 1, 2], [2, 1, 0], [1, 0, 2]]


@pytest.mark.parametrize(("order", "is_at_once"), list(itertools.product(ORDERS, [False, True])))
def test_whole_traces(home: Home, order: Sequence[int], is_at_once: bool) -> None:
    """
    The tokens and cost of parts that name nobody belong to their root's session, whichever comes first, and once.
    """
    root = new_span(0, session_id="s", user_id="ann", kind="chain", status="error")
    calls = [part_of(root, kind="llm", input_tokens=10, output_tokens=1, cost_usd=Decimal("0.5")) for _ in range(2)]
    for number in order:
        record(home, [[root, *calls][number]])
        if not is_at_once:
            follow(home)
    record(home, [root, *calls])
    follow(home)

    session = until(lambda: [one for one in home.client.traces.list_sessions().items if one.span_count == 3])

    assert [("s", (1, 1, 3, 20, Decimal("1.0")))] == [(one.name, told(one)) for one in session]
    assert (1, 1, 3, 20, Decimal("1.0")) == told(home.client.traces.get_user("ann"))


def test_pages_and_scores(home: Home) -> None:
    """
    Those seen last come first, page by page; scores are the newest traces' means.
    """
    roots = [new_span(number, session_id=f"s/{number % 5}", user_id="ann") for number in range(10)]
    record(home, roots)

    def judge(db: Any) -> None:
        for number, root in enumerate(roots):
            service.put_score(db, root.trace_id, Score(name="correct", source="human", value=float(number >= 5)))

    asyncio.run(home.ctx.db.write(judge))
    follow(home)
    until(lambda: len(home.client.traces.list_sessions().items) == 5)

    names, cursor = list[str](), None
    while True:
        page = home.client.traces.list_sessions(limit=2, cursor=cursor)
        names += [one.name for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert ["s/4", "s/3", "s/2", "s/1", "s/0"] == names
    assert ["s/3"] == [one.name for one in home.client.traces.list_sessions(q="S/3").items]
    assert [] == home.client.traces.list_users(q="bob").items
    assert [("correct", 2, 0.5)] == [
        (one.name, one.count, one.mean) for one in home.client.traces.get_session("s/4").scores
    ]
    assert 10 == home.client.traces.get_user("ann").trace_count
    assert ["q9", "q4"] == [one.input_text for one in home.client.traces.list_('session:"s/4"').items]


def test_a_part_of_a_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    For a part of a name so many are looked through and no more; the page says so, and the next one goes on from there.
    """
    monkeypatch.setattr(parties, "MAX_NAMES", 4)
    record(home, [new_span(number, session_id="wanted" if number == 1 else f"s{number}") for number in range(10)])
    follow(home)
    until(lambda: len(home.client.traces.list_sessions().items) == 10)

    pages, cursor = list[tuple[list[str], bool]](), None
    while not pages or cursor is not None:
        page = home.client.traces.list_sessions(q="WANT", cursor=cursor)
        cursor = page.next_cursor
        pages.append(([one.name for one in page.items], page.stopped_early))

    assert [([], True), ([], True), (["wanted"], False)] == pages


def test_unknown(home: Home) -> None:
    """
    A session that no trace names is not there.
    """
    with pytest.raises(NotFound) as caught:
        home.client.traces.get_session("nobody")

    assert "traces.party_not_found" == caught.value.error_code
