"""Schedules: the server itself goes around the loop when enough was corrected or a monitor fired, once for each reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.client.client import Client
from treadle.core.clock import SettableClock
from treadle.core.errors import Conflict, Denied, NotFound
from treadle.governance.types import NewApiKey
from treadle.monitoring import service as monitoring
from treadle.monitoring.types import NewMonitor, Threshold
from treadle.pipelines.plan import Found, stations
from treadle.pipelines.schedules import service
from treadle.pipelines.schedules.types import Firing, NewSchedule
from treadle.pipelines.types import NewTurn
from treadle.storage.database import Connection

T = TypeVar("T")
QUESTIONS = ["where is my card", "I want a refund now", "can I get a loan", "close my account", "what is my balance"]


def _dataset(home: Home, tmp_path: Path) -> None:
    """A dataset named as the turn that is not split: a turn of it ends soon after what people said has joined it."""
    path = tmp_path / "rows.csv"
    path.write_text("input,expected_output\nmy parcel is late,parcel\n")
    home.client.runs.wait(home.client.datasets.import_file("support", path).run_id)


def _correct(home: Home, first: int, num: int) -> None:
    """So many questions with another right answer than was given."""
    asked = [Raw(msgspec.json.encode({"input": text})) for text in QUESTIONS[first : first + num]]
    spans = [new_span(number, variables=variables) for number, variables in enumerate(asked)]
    record(home, spans)
    for span in spans:
        home.client.feedback.correct(span.trace_id, "other", source="human")


def _schedule(**more: Any) -> NewSchedule:
    facts = {"name": "learn", "turn": "support", "corrected_answers": 2, "at_most_every_hours": 0}
    return NewSchedule.model_validate({**facts, **more})


def _wait(look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come within 180 s")


def _firings(home: Home, num: int) -> list[Firing]:
    """Wait until a schedule went so many times."""

    def look() -> list[Firing] | None:
        found = home.client.schedules.list_firings("learn").items
        return found if len(found) >= num else None

    return _wait(look)


def _look_again(home: Home, times: int = 3) -> list[Firing]:
    """Look as the server does, at once and at the same moment."""

    async def all_at_once() -> list[list[Firing]]:
        return await asyncio.gather(*(service.tick(home.ctx) for _ in range(times)))

    return [firing for went in asyncio.run(all_at_once()) for firing in went]


def test_enough_was_corrected(home: Home, tmp_path: Path) -> None:
    """
    At so many corrected answers the server starts a turn that takes them, says why, and counts anew; others change nothing.
    """
    _dataset(home, tmp_path)
    _correct(home, 0, 1)
    home.client.schedules.put(_schedule())
    _correct(home, 1, 1)
    assert [] == _look_again(home)
    assert 1 == home.client.schedules.get("learn").num_corrected

    _correct(home, 2, 2)
    (firing,) = _firings(home, 1)

    assert ("corrections", 3, 1) == (firing.trigger, firing.num_corrected, firing.number)
    assert "3 answers of 'support' were corrected since the last time, 2 are enough" == firing.words
    assert (0, firing.fired_at) == (
        home.client.schedules.get("learn").num_corrected,
        home.client.schedules.get("learn").last_fired_at,
    )
    turn = home.client.turns.get(firing.run_id)
    assert ["curate", "source"] == [step.step for step in turn.steps[:2]]
    assert turn.run.params["approve"] is False
    assert [] == _look_again(home)


def test_what_comes_while_a_turn_is_under_way(home: Home, tmp_path: Path) -> None:
    """
    While its turn works, and until its pause is over, a schedule waits; what came meanwhile counts for the next turn.
    """
    _dataset(home, tmp_path)
    home.client.schedules.put(_schedule(at_most_every_hours=1))
    _correct(home, 0, 2)
    (first,) = _firings(home, 1)
    _wait(lambda: home.client.runs.get(first.run_id).ended_at)
    _correct(home, 2, 3)
    assert [] == _look_again(home)

    later = replace(home.ctx, clock=SettableClock(datetime.now(UTC) + timedelta(hours=2)))
    (second,) = asyncio.run(service.tick(later))

    assert (2, 3) == (second.number, second.num_corrected)
    made = _wait(
        lambda: next((s.run for s in home.client.turns.get(second.run_id).steps if s.run and s.run.ended_at), None)
    )
    assert ("curate", "succeeded", 3) == (made.step, made.status, made.outputs["num_added"])


def test_many_look_at_once(home: Home, tmp_path: Path) -> None:
    """
    However many look at the same moment, one turn is started.
    """
    _dataset(home, tmp_path)
    home.client.schedules.put(_schedule())
    _correct(home, 0, 2)

    went = _look_again(home, times=6)

    assert 1 >= len(went)
    assert 1 == len(_firings(home, 1))
    assert 1 == len(home.client.turns.list_().items)


def test_a_monitor_fires(home: Home, tmp_path: Path) -> None:
    """
    An alert of the monitor starts one turn that names it; the same alert starts no second one.
    """
    _dataset(home, tmp_path)
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
    past = replace(home.ctx, clock=SettableClock(begin))
    record(home, [new_span(started_at=begin + timedelta(seconds=one), status="error") for one in range(20)])
    watched = {"metric": "error_rate", "endpoint": "support"}
    wanted = NewMonitor.model_validate(
        {"name": "errors", "signal": watched, "rule": Threshold(above=0.1), "window_minutes": 1}
    )
    asyncio.run(monitoring.create_monitor(past, wanted))

    asyncio.run(service.put_schedule(past, _schedule(corrected_answers=None, monitor="errors")))
    (firing,) = _firings(home, 1)

    (alert,) = home.client.alerts.list_().items
    assert ("alert", alert.alert_id) == (firing.trigger, firing.alert_id)
    assert f"monitor 'errors' fired at {alert.opened_at:%Y-%m-%d %H:%M} UTC: {alert.summary}" == firing.words
    _wait(lambda: home.client.runs.get(firing.run_id).ended_at)
    assert [] == _look_again(home)


def test_what_no_schedule_can_be(home: Home, tmp_path: Path) -> None:
    """
    A schedule waits for something that is there, and its maker may do what its turns do.
    """
    _dataset(home, tmp_path)
    editor = home.client.access.create_key(NewApiKey(name="editor", role="editor")).key

    with pytest.raises(ValueError, match="waits for nothing"):
        _schedule(corrected_answers=None)
    with pytest.raises(NotFound):
        home.client.schedules.put(_schedule(turn="nowhere"))
    with pytest.raises(NotFound):
        home.client.schedules.put(_schedule(monitor="nobody"))
    with Client(home.client.url, api_key=editor) as someone:
        with pytest.raises(Denied) as caught:
            someone.schedules.put(_schedule(ask_before_release=False))
        asks = someone.schedules.put(_schedule())

    assert "releases.approve" == caught.value.values["permission"]
    assert asks.ask_before_release
    home.client.schedules.delete("learn")
    with pytest.raises(NotFound):
        home.client.schedules.get("learn")


def test_a_schedule_that_is_off(home: Home, tmp_path: Path) -> None:
    """
    A schedule that is off goes on counting and does not go; switched on again it does.
    """
    _dataset(home, tmp_path)
    home.client.schedules.put(_schedule(is_on=False))
    _correct(home, 0, 2)
    assert [] == _look_again(home)

    home.client.schedules.put(_schedule())

    assert 2 == _firings(home, 1)[0].num_corrected


def test_a_turn_from_traffic() -> None:
    """
    What people corrected joins the dataset before anything else, and one that asks waits before it rolls out; a version cannot be
    named beside that.
    """
    plan = stations(NewTurn(source="dataset", from_traffic=True, approve=False), Found("base", "stable"))

    assert ["curate", "source", "explore", "evaluate-baseline"] == [station.step for station in plan[:4]]
    assert ["approve", "ask", "rollout"] == [station.step for station in plan[-3:]]
    with pytest.raises(ValueError, match="without a version"):
        NewTurn(source="dataset", from_traffic=True, dataset_version=1)


def test_a_turn_that_nobody_can_refuse(home: Home, tmp_path: Path) -> None:
    """
    Refusing is for who may approve, and for a turn that asks and has not ended; a reason is needed.
    """
    _dataset(home, tmp_path)
    run = home.client.turns.start(NewTurn(name="support", source="dataset", approve=False))
    _wait(lambda: home.client.runs.get(run.run_id).ended_at)
    editor = home.client.access.create_key(NewApiKey(name="editor", role="editor")).key

    with pytest.raises(Conflict, match="has ended"):
        home.client.turns.refuse(run.run_id, reason="too late")
    with Client(home.client.url, api_key=editor) as someone, pytest.raises(Denied):
        someone.turns.refuse(run.run_id, reason="not mine")
    step = next(one.run for one in home.client.turns.get(run.run_id).steps if one.run)
    with pytest.raises(NotFound, match="not a turn"):
        home.client.turns.refuse(step.run_id, reason="no turn")


def test_refusal_that_comes_too_late(home: Home) -> None:
    """
    Who refuses a turn whose release was approved already hears so: the refusal would change nothing.
    """

    def write(db: Connection) -> None:
        for run_id, kind, status, parent, step in (
            ("run_t", "pipelines.turn", "running", None, None), ("run_a", "pipelines.ask", "succeeded", "run_t", "ask"),
        ):  # fmt: skip
            db.execute(
                """insert into runs (run_id, kind, title, status, params, actor_id, rights, created_at, parent_run_id, step)
                values (%s, %s, 'Turn', %s, '{"approve": false}', 'act_1', '{"name": "ann"}', now(), %s, %s)""",
                [run_id, kind, status, parent, step],
            )

    asyncio.run(home.ctx.db.write(write))

    with pytest.raises(Conflict, match="past its gate"):
        home.client.turns.refuse("run_t", reason="too late")


def test_from_the_terminal(home: Home, tmp_path: Path) -> None:
    """
    A schedule is made, listed, shown and removed from the terminal.
    """
    _dataset(home, tmp_path)
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}

    def run(*arguments: str) -> str:
        return CliRunner().invoke(cli, ["schedule", *arguments], env=environment).output

    assert "'learn' goes at 500 corrected answers" in run("put", "learn", "--turn", "support", "--corrected", "500")
    assert "at 500 corrected answers" in run("list")
    assert "it has not gone yet" in run("show", "learn")
    assert "asks" in run("show", "learn")
    assert "'learn' goes no more" in run("remove", "learn")
