"""Kept filters through the HTTP contract: whose they are, who sees them, and that they are read before they are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from tests.conftest import RunningServer
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.client.client import Client
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.governance.types import NewApiKey
from treadle.traces.asking.types import NewExport, NewView


@pytest.fixture
def viewer(home: Home, module_server: RunningServer) -> Iterator[Client]:
    """
    Somebody else in the project, who may look and no more.
    """
    key = home.client.access.create_key(NewApiKey(name="viewer", role="viewer")).key
    with Client(module_server.url, api_key=key) as client:
        yield client


def test_whose_views(home: Home, viewer: Client) -> None:
    """
    A view is its owner's; a shared one is seen by everybody and changed by its owner alone.
    """
    home.client.traces.put_view("mine", NewView(q="status:error"))
    home.client.traces.put_view("ours", NewView(q="latency>2s", columns=["name", "model"], is_shared=True))

    assert ["mine", "ours"] == [view.name for view in home.client.traces.list_views().items]
    assert ["ours"] == [view.name for view in viewer.traces.list_views().items]
    assert "latency>2s" == viewer.traces.get_view("ours").q
    with pytest.raises(NotFound):
        viewer.traces.get_view("mine")
    with pytest.raises(NotFound):
        viewer.traces.delete_view("ours")
    with pytest.raises(Denied):
        viewer.traces.put_view("loud", NewView(is_shared=True))
    assert "" == viewer.traces.put_view("ours", NewView()).q
    assert ["mine"] == [view.name for view in home.client.traces.list_views(q="IN").items]
    home.client.traces.delete_view("mine")
    assert ["ours"] == [view.name for view in home.client.traces.list_views(limit=1).items]


def test_refused(home: Home) -> None:
    """
    A filter that cannot be read is not kept, nor is a name that somebody cannot type.
    """
    with pytest.raises(InvalidInput, match="one of: ok"):
        home.client.traces.put_view("broken", NewView(q="status:eror"))

    with pytest.raises(InvalidInput):
        home.client.traces.put_view("Not a name", NewView())


def test_views_of_other_lists(home: Home) -> None:
    """
    Of every other list what stands in its page's address is kept; a name is taken once over all lists, and words are not mixed with it.
    """
    put = home.client.traces.put_view
    put("broken", NewView(subject="run", search={"status": "failed", "kind": "training"}, is_shared=True))
    put("slow", NewView(q="latency>2s"))

    assert ["broken"] == [view.name for view in home.client.traces.list_views(subject="run").items]
    assert {"status": "failed", "kind": "training"} == home.client.traces.get_view("broken").search
    assert {"status": "ended"} == put("broken", NewView(subject="run", search={"status": "ended"})).search
    with pytest.raises(Conflict, match="another list"):
        put("slow", NewView(subject="run", search={"status": "failed"}))
    with pytest.raises(InvalidInput, match="a list of runs"):
        home.client.traces.start_export(NewExport(view="broken"))
    for fields in ({"subject": "run", "q": "status:error"}, {"subject": "trace", "search": {"status": "failed"}}):
        with pytest.raises(ValueError, match="give"):
            NewView.model_validate(fields)


def test_from_the_terminal(home: Home, module_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A kept filter is listed with, alone or joined with more.
    """
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("TREADLE_URL", module_server.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    record(home, [new_span(0, latency_ms=5_000.0), new_span(1), new_span(2, latency_ms=5_000.0, user_id="ann")])
    terminal = CliRunner()

    kept = terminal.invoke(cli, ["trace", "keep-view", "slow", "latency>2s or latency<1ms"])
    all_slow = terminal.invoke(cli, ["trace", "list", "--view", "slow"]).output
    hers = terminal.invoke(cli, ["trace", "list", "user:ann", "--view", "slow"]).output

    assert "view 'slow' is kept" in kept.output
    assert (True, False, True) == tuple(text in all_slow for text in ("q0", "q1", "q2"))
    assert (False, False, True) == tuple(text in hers for text in ("q0", "q1", "q2"))
    assert "latency>2s" in terminal.invoke(cli, ["trace", "views"]).output
    runs = terminal.invoke(cli, ["trace", "keep-view", "broken", "--of", "run", "--search", "status=failed"])
    assert "view 'broken' is kept: status=failed" in runs.output
    assert "a list of runs" in terminal.invoke(cli, ["trace", "list", "--view", "broken"]).output
