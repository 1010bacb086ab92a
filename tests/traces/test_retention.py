"""Retention: a project's old spans go, other projects' stay, a day that nobody keeps goes as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.conftest import RunningServer
from tests.traces.home import Home, new_home
from tests.traces.test_traces import new_span, record
from treadle.client.client import Client
from treadle.core.errors import Denied, InvalidInput
from treadle.governance.types import NewApiKey
from treadle.traces.retention import forget


def listed(home: Home) -> list[str]:
    """Return the questions of the traces there are."""
    return [trace.input_text for trace in home.client.traces.list_().items]


def days_of(home: Home) -> set[str]:
    """Return the days that have tables of their own."""
    with psycopg.connect(home.platform.database.url) as connection:
        rows = connection.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'spans'::regclass"
        )
        return {name.removeprefix("spans_") for (name,) in rows}


def test_each_project_keeps_its_own(home: Home, module_server: RunningServer) -> None:
    """
    What one project no longer keeps is gone for it alone; the day's tables go when no project keeps the day.
    """
    now = datetime.now(UTC)
    old, database = now - timedelta(days=40), home.platform.database
    spans = [new_span(0, started_at=old), new_span(1, started_at=now)]
    with new_home(module_server) as other:
        for each in (home, other):
            record(each, spans)

        home.client.traces.set_retention(30)
        forgotten = [forget(database, now.date())]
        seen = [(listed(home), listed(other), f"{old:%Y%m%d}" in days_of(home))]
        other.client.traces.set_retention(39)
        forgotten += [forget(database, now.date()), forget(database, now.date())]
        seen += [(listed(home), listed(other), f"{old:%Y%m%d}" in days_of(home))]

    assert [(["q1"], ["q1", "q0"], True), (["q1"], ["q1"], False)] == seen
    assert [([], 1), ([old.date()], 0), ([], 0)] == [(one.days, one.spans) for one in forgotten]


def test_odd_days(home: Home) -> None:
    """
    Spans that say they are from another time are kept by when they came.
    """
    now = datetime.now(UTC)
    record(home, [new_span(0, started_at=now - timedelta(days=3000))])
    home.client.traces.set_retention(5)

    counts = [forget(home.platform.database, (now + timedelta(days=days)).date()).spans for days in (0, 7)]

    assert [0, 1] == counts
    assert [] == listed(home)


def test_kept_for_good(home: Home) -> None:
    """
    Without a word, and when told so again, everything is kept.
    """
    before = home.client.traces.retention()
    home.client.traces.set_retention(10)
    after = home.client.traces.set_retention(None)

    assert (None, None, None) == (before.days, after.days, home.client.traces.retention().days)


def test_who_may(home: Home) -> None:
    """
    An editor cannot change how long traces are kept, and nobody to no days at all.
    """
    key = home.client.access.create_key(NewApiKey(name="editor", role="editor")).key

    with Client(home.client.url, api_key=key) as editor, pytest.raises(Denied):
        editor.traces.set_retention(1)
    with pytest.raises((InvalidInput, ValueError)):
        home.client.traces.set_retention(0)
