"""Lists of traces by what they took or cost, through the HTTP contract and the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from tests.traces.home import Home
from tests.traces.test_asking import part_of
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput
from treadle.traces.asking import ordered

NOW = datetime.now(UTC).replace(microsecond=0)


def request(number: int, latency_ms: float, cost: str | None = None, **more: Any) -> Any:
    """Return the root of a trace of this hour."""
    usd = None if cost is None else Decimal(cost)
    return new_span(number, started_at=NOW - timedelta(minutes=number), latency_ms=latency_ms, cost_usd=usd, **more)


def pages(home: Home, q: str, sort: Any, *, limit: int = 2, between: Any = None) -> list[str]:
    """Return the questions of all pages."""
    found, cursor = list[str](), None
    while True:
        page = home.client.traces.list_(q, limit=limit, cursor=cursor, sort=sort)
        found += [line.input_text for line in page.items]
        if between is not None:
            between()
        if (cursor := page.next_cursor) is None:
            return found


def test_the_slowest_and_the_dearest(home: Home) -> None:
    """
    The largest come first, equal ones newest first, page by page; a cost is the sum over all spans, and unknown ones come last; what
    is older than a day is there when it is asked for.
    """
    roots = [
        request(n, took, cost) for n, (took, cost) in enumerate([(5, "1"), (50, None), (9, "3"), (50, "1"), (7, None)])
    ]
    old = new_span(9, started_at=NOW - timedelta(days=3), latency_ms=99.0)
    record(home, [*roots, old, part_of(roots[4], started_at=NOW, cost_usd=Decimal("2.5"), latency_ms=900.0)])

    assert ["q1", "q3", "q2", "q4", "q0"] == pages(home, "", "latency")
    assert ["q2", "q4", "q0", "q3", "q1"] == pages(home, "", "cost")
    assert ["q9", "q1", "q3", "q2", "q4", "q0"] == pages(home, "age<7d", "latency")
    assert ["q2", "q4"] == pages(home, "latency<10ms cost>2", "latency")


def test_pages_while_others_come(home: Home) -> None:
    """
    What comes between two pages is not among them where it is newer than the first page, and no other is skipped or repeated.
    """
    record(home, [request(n, float(n)) for n in range(6)])
    later = [new_span(50 + n, started_at=datetime.now(UTC) + timedelta(minutes=2), latency_ms=3.5) for n in range(3)]

    found = pages(home, "", "latency", between=lambda: record(home, [later.pop()]) if later else None)

    assert ["q5", "q4", "q3", "q2", "q1", "q0"] == found


def test_what_stands_in_the_content(home: Home) -> None:
    """
    Attributes are looked up in order of the list; words are refused, for they come in their own order.
    """
    record(home, [request(n, float(n), attributes={"shop": "a" if n % 2 else "b"}) for n in range(6)])

    assert ["q5", "q3", "q1"] == pages(home, "attr.shop:a", "latency")
    with pytest.raises(InvalidInput) as caught:
        home.client.traces.list_("parcel", sort="cost")

    assert "traces.sort_refused" == caught.value.error_code


def test_a_time_of_many(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of a time with more traces than are compared the newest are, and the page says so.
    """
    monkeypatch.setitem(ordered.MAX_TRACES, "cost", 3)
    record(home, [request(n, 1.0, str(n)) for n in range(5)])

    page = home.client.traces.list_(sort="cost")

    assert (["q2", "q1", "q0"], True) == ([line.input_text for line in page.items], page.stopped_early)


def test_the_command(home: Home) -> None:
    """
    `treadle trace list --sort cost` gives the dearest first.
    """
    record(home, [request(n, 1.0, str(n)) for n in range(3)])

    done = CliRunner().invoke(
        cli,
        ["trace", "list", "--sort", "cost", "--json"],
        env={"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key},
    )

    assert ["q2", "q1", "q0"] == [line["input_text"] for line in json.loads(done.output)["items"]]
