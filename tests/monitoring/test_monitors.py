"""Monitors through the HTTP contract: the server's own watch evaluates windows once, raises alerts and tells of them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from standardwebhooks import Webhook as Verifier

from tests.monitoring.receivers import listening
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.client.client import Client
from treadle.core.clock import SettableClock
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.core.types import JsonObject
from treadle.feedback.types import NewFeedback
from treadle.gateway.addresses import PrivateHosts
from treadle.governance import audit
from treadle.governance.types import NewApiKey
from treadle.http.context import Context
from treadle.monitoring import service, signals
from treadle.monitoring.channels.sending import Post
from treadle.monitoring.channels.types import Webhook
from treadle.monitoring.rules.scoring import LiveScoring
from treadle.monitoring.types import (
    Alert,
    AlertFilter,
    Anomaly,
    Drift,
    Monitor,
    NewMonitor,
    Sequential,
    Threshold,
    Watched,
)
from treadle.monitoring.usage import store as usage
from treadle.monitoring.usage.measure import Taken
from treadle.monitoring.watch import Watch
from treadle.storage.database import Connection
from treadle.traces.types import TraceFilter

T = TypeVar("T")


def _at(home: Home, moment: datetime) -> Context:
    return replace(home.ctx, clock=SettableClock(moment))


def _now() -> datetime:
    return datetime.now(UTC)


def _minute(back: int) -> datetime:
    """Return the begin of the minute so many minutes ago."""
    return _now().replace(second=0, microsecond=0) - timedelta(minutes=back)


def _monitor(**more: Any) -> NewMonitor:
    facts: JsonObject = {
        "name": "errors", "signal": {"metric": "error_rate", "endpoint": "support"}, "rule": Threshold(above=0.1),
        "window_minutes": 1, "clear_after": 1,
    }  # fmt: skip
    return NewMonitor.model_validate({**facts, **more})


def _watched_since(home: Home, moment: datetime, new: NewMonitor) -> Monitor:
    """Make a monitor at a moment of the past; the server's watch evaluates what has gone by since."""
    return asyncio.run(service.create_monitor(_at(home, moment), new))


def _traffic(home: Home, at: datetime, *, good: int = 0, bad: int = 0, **more: Any) -> None:
    spans = [new_span(started_at=at + timedelta(milliseconds=number), **more) for number in range(good)]
    spans += [
        new_span(started_at=at + timedelta(milliseconds=number), status="error", error_code="upstream_500", **more)
        for number in range(bad)
    ]
    record(home, spans)


def _wait(look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come within 180 s")


def _evaluated(home: Home, until: datetime, name: str = "errors") -> Monitor:
    """Wait until a monitor has seen all windows up to a moment."""

    def look() -> Monitor | None:
        found = home.client.monitors.get(name)
        return found if found.evaluated_until >= until else None

    return _wait(look)


def _alert(home: Home, status: str = "firing") -> Alert:
    return _wait(lambda: next((each for each in home.client.alerts.list_().items if each.status == status), None))


def test_alert_with_what_explains_it(home: Home) -> None:
    """
    Errors of one release raise an alert that names the spans, the release and what changed just before; a real
    listener gets it signed.
    """
    begin = _minute(3)
    _traffic(home, begin, good=40, release_id="rel_old")
    _traffic(home, begin, good=5, bad=15, release_id="rel_new")
    changing = _at(home, begin - timedelta(minutes=5))
    asyncio.run(changing.db.write(lambda db: audit.record(db, changing, action="releases.serve", object_id="end_1")))
    with listening() as listener:
        made = home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        _watched_since(home, begin, _monitor(channels=["hook"]))
        alert = _alert(home)
        _wait(lambda: listener.received or None)

    assert ("errors", 0.25, "rel_new") == (alert.monitor, alert.value, alert.release_id)
    assert "share of errors of 'support': 25 % is above 10 % (15 x upstream_500)" == alert.summary
    assert "share" == alert.unit
    assert (begin, begin + timedelta(minutes=1)) == (alert.spans.since, alert.spans.until)
    assert ("support", "rel_new") == (alert.spans.endpoint, alert.spans.release_id)
    assert [("releases.serve", "end_1")] == [(each.action, each.object_id) for each in alert.changes]
    assert made.secret is not None
    payload = Verifier(made.secret).verify(listener.received[0].body, listener.received[0].headers)
    assert payload == json.loads(listener.received[0].body)
    assert ("alert.firing", alert.alert_id) == (payload["type"], payload["data"]["alert_id"])
    assert payload["data"]["is_told"]
    assert payload["data"]["url"].endswith(f"/#/alerts/{alert.alert_id}")


def test_each_window_once(home: Home) -> None:
    """
    However many watches look at once, each window is evaluated once, and each alert told once.
    """
    begin = _minute(10)
    for number in range(8):
        _traffic(home, begin + timedelta(minutes=number), good=1, bad=number % 2)
    monitor = _watched_since(home, begin, _monitor(clear_after=1))

    async def look() -> int:
        watch = Watch(
            master_keys=home.platform.gatekeeper.master_keys,
            post=Post(PrivateHosts()),
            url=None,
            scoring=LiveScoring(lambda: None),
        )
        try:
            return await watch.tick(home.ctx)
        finally:
            await watch.close()

    async def all_at_once() -> None:
        await asyncio.gather(*(look() for _ in range(6)))

    asyncio.run(all_at_once())
    _evaluated(home, begin + timedelta(minutes=8))

    windows = home.client.monitors.list_windows(monitor.name, limit=100).items
    starts = [window.starts_at for window in windows]
    within = home.client.monitors.list_windows(
        monitor.name, limit=100, since=begin + timedelta(minutes=2), until=begin + timedelta(minutes=4)
    )
    assert [begin + timedelta(minutes=3), begin + timedelta(minutes=2)] == [one.starts_at for one in within.items]
    first = [window for window in reversed(windows) if window.starts_at < begin + timedelta(minutes=8)]
    assert len(set(starts)) == len(starts)
    assert ["well", "bad"] * 4 == [window.verdict for window in first]
    alerts = home.client.alerts.list_(AlertFilter(monitor="errors")).items
    assert 4 == len([alert for alert in alerts if alert.opened_at <= begin + timedelta(minutes=8)])


def test_firing_and_over(home: Home) -> None:
    """
    It takes two bad windows to fire and two well ones to be over; the channel hears of both.
    """
    begin = _minute(8)
    for number, bad in enumerate([1, 0, 1, 1, 0, 1, 0]):
        _traffic(home, begin + timedelta(minutes=number), good=1, bad=bad)
    _traffic(home, begin + timedelta(minutes=7), good=1)
    with listening() as listener:
        home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        _watched_since(home, begin, _monitor(fire_after=2, clear_after=2, channels=["hook"]))
        alert = _alert(home, "resolved")
        _wait(lambda: len(listener.received) == 2 or None)

    assert begin + timedelta(minutes=4) == alert.opened_at
    assert begin + timedelta(minutes=8) == alert.resolved_at
    assert begin + timedelta(minutes=2) == alert.spans.since
    told = {payload["type"]: payload["data"] for payload in (json.loads(each.body) for each in listener.received)}
    assert {"alert.firing", "alert.resolved"} == set(told)
    over = "share of errors of 'support' is over after 4 min: 0 % is not above 10 %"
    assert (over, told["alert.firing"]["summary"]) == (
        told["alert.resolved"]["summary"], told["alert.resolved"]["fired"],
    )  # fmt: skip


def test_one_service_is_watched(home: Home) -> None:
    """
    A monitor of a service fires on its errors alone, and its alert lists the traces of that service.
    """
    begin = _minute(3)
    _traffic(home, begin, bad=2, endpoint=None, service_name="shop app")
    _traffic(home, begin, good=50, endpoint=None, service_name="bot")
    _watched_since(home, begin, _monitor(signal={"metric": "error_rate", "service_name": "shop app"}))

    alert = _alert(home)

    assert "share of errors of service 'shop app': 100 % is above 10 % (2 x upstream_500)" == alert.summary
    found = home.client.traces.list_(TraceFilter(q=alert.spans.q)).items
    of_service = home.client.traces.list_(TraceFilter(q='service:"shop app"')).items
    assert 2 == len(found)
    assert {each.trace_id for each in of_service} == {each.trace_id for each in found}


def test_cost_of_which_only_a_part_is_known(home: Home) -> None:
    """
    A window whose calls are not all priced says that its cost is at least so much, and its alert says so too; one of which
    nothing is priced has no value.
    """
    begin = _minute(4)
    used: JsonObject = {"input_tokens": 3, "output_tokens": 4}
    _traffic(home, begin, good=2, model="priced", cost_usd=Decimal("0.5"), **used)
    _traffic(home, begin, good=3, model="home-made", **used)
    _traffic(home, begin + timedelta(minutes=1), good=2, model="home-made", **used)
    signal = {"metric": "cost_usd", "endpoint": "support"}
    _watched_since(home, begin, _monitor(signal=signal, rule=Threshold(above=0.8)))

    alert = _alert(home)
    _evaluated(home, begin + timedelta(minutes=2))

    unpriced, part = home.client.monitors.list_windows("errors", limit=100).items[-2:]
    words = "at least 1 USD is above 0.8 USD, and 3 of 5 calls of unknown price"
    assert (1.0, words, {"unpriced_count": 3}) == (part.value, part.words, part.detail)
    assert (None, "no data: 2 calls, 2 of unknown price") == (unpriced.value, unpriced.words.partition(";")[0])
    assert f"cost of 'support': {words}" == alert.summary


def test_silence(home: Home) -> None:
    """
    A silenced monitor goes on being evaluated and tells nobody; an alert that outlasts the silence is told then.
    """
    begin = _minute(3)
    _traffic(home, begin, bad=2)
    with listening() as listener:
        home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        _watched_since(home, begin - timedelta(minutes=1), _monitor(is_on=False, channels=["hook"]))
        silenced = home.client.monitors.silence("errors", _now() + timedelta(hours=1), reason="load test")
        again = service.change_monitor(_at(home, begin), "errors", _monitor(channels=["hook"]))
        asyncio.run(again)
        quiet = _alert(home)
        heard_in_silence = len(listener.received) + len(home.client.channels.list_deliveries().items)
        ended = home.client.monitors.silence("errors", None)
        _wait(lambda: listener.received or None)

    assert "off" == silenced.state
    assert not quiet.is_told
    assert 0 == heard_in_silence
    assert ended.silenced_until is None
    assert home.client.alerts.get(quiet.alert_id).is_told


def test_states(home: Home) -> None:
    """
    Without traffic a monitor has no data; one that is to alert on silence fires; one that is off stays as it was.
    """
    begin = _minute(4)
    _watched_since(home, begin, _monitor(name="quiet"))
    _watched_since(home, begin, _monitor(name="heartbeat", alert_on_silence=True))
    _watched_since(home, begin, _monitor(name="resting", is_on=False))

    quiet = _evaluated(home, begin + timedelta(minutes=2), "quiet")
    heartbeat = _evaluated(home, begin + timedelta(minutes=2), "heartbeat")
    silenced = home.client.monitors.silence("heartbeat", _now() + timedelta(hours=1))

    assert ("no data", "firing", "silenced") == (quiet.state, heartbeat.state, silenced.state)
    assert "firing" == silenced.condition
    assert "off" == home.client.monitors.get("resting").state
    assert [] == home.client.monitors.list_windows("resting").items


def test_unlike_other_weeks(home: Home) -> None:
    """
    A minute with ten times the requests of the same minutes of earlier weeks fires; the window says what was usual.
    """
    begin = _minute(3)
    for week in range(1, 5):
        for offset in (-1, 0, 1):
            _traffic(home, begin - timedelta(weeks=week) + timedelta(minutes=offset), good=2)
    _traffic(home, begin, good=20)
    signal = {"metric": "requests", "endpoint": "support"}
    _watched_since(home, begin, _monitor(signal=signal, rule=Anomaly(direction="above")))

    alert = _alert(home)

    assert 20 == alert.value
    assert (
        "20 requests, usual at this time of this weekday are 1.8 requests to 2.2 requests (12 windows)" in alert.summary
    )


def test_evidence_over_windows(home: Home) -> None:
    """
    A sequential test fires when windows together leave little doubt, though each alone would say little.
    """
    begin = _minute(12)
    for number in range(10):
        _traffic(home, begin + timedelta(minutes=number), good=14, bad=6)
    _watched_since(home, begin, _monitor(rule=Sequential(limit=0.1)))

    alert = _alert(home)

    windows = [window for window in home.client.monitors.list_windows("errors", limit=100).items if window.spans == 20]
    assert "evidence that the share is above 10 %" in alert.summary
    assert begin + timedelta(minutes=1) < alert.opened_at <= begin + timedelta(minutes=10)
    assert "well" == windows[-1].verdict


def test_scores_are_watched(home: Home) -> None:
    """
    The mean of what users said in a window is a signal like any other.
    """
    home.client.feedback.add_many(
        [NewFeedback(trace_id=f"{number:032x}", name="correct", value=value) for number, value in enumerate((0, 0, 1))]
    )
    said_at = home.client.feedback.list_().items[0].created_at
    ctx = _at(home, said_at)
    wanted = _monitor(signal={"metric": "score", "score": "correct"}, rule=Threshold(below=0.5))
    asyncio.run(service.create_monitor(ctx, wanted))
    later = _at(home, said_at + timedelta(minutes=2))

    async def look() -> None:
        watch = Watch(
            master_keys=home.platform.gatekeeper.master_keys,
            post=Post(PrivateHosts()),
            url=None,
            scoring=LiveScoring(lambda: None),
        )
        await watch.tick(later)
        await watch.close()

    asyncio.run(look())

    assert pytest.approx(1 / 3) == _alert(home).value


def test_percentiles(home: Home) -> None:
    """
    A percentile is that of the whole window, whatever its length: its minutes' sketches are merged.
    """
    begin = _minute(9)
    record(
        home,
        [
            new_span(started_at=begin + timedelta(minutes=latency % 7), latency_ms=float(latency))
            for latency in range(1, 101)
        ],
    )
    monitor = _monitor(signal={"metric": "latency_p95"}, rule=Threshold(above=50), window_minutes=7)
    _watched_since(home, begin, monitor)

    alert = _alert(home)

    assert alert.value is not None
    assert 90 <= alert.value <= 100


def test_another_rule_starts_anew(home: Home) -> None:
    """
    Another signal, rule or window forgets what was seen and resolves the alert; another channel or name does not.
    """
    begin = _minute(3)
    _traffic(home, begin, bad=2)
    _watched_since(home, begin, _monitor())
    alert = _alert(home)

    kept = home.client.monitors.change(_monitor(fire_after=2))
    anew = home.client.monitors.change(_monitor(rule=Threshold(above=0.5)))
    with pytest.raises(NotFound):
        home.client.monitors.change(_monitor(name="other"))

    assert alert.alert_id == kept.alert_id
    assert (None, "no data") == (anew.alert_id, anew.condition)
    assert "resolved" == home.client.alerts.get(alert.alert_id).status


def test_removed_monitor(home: Home) -> None:
    """
    A monitor that is removed leaves its alert, resolved, and its name for another one.
    """
    begin = _minute(3)
    _traffic(home, begin, bad=2)
    _watched_since(home, begin, _monitor())
    alert = _alert(home)

    home.client.monitors.remove("errors")

    assert "resolved" == home.client.alerts.get(alert.alert_id).status
    assert [] == home.client.monitors.list_().items
    home.client.monitors.create(_monitor())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rule": {"kind": "threshold"}}, "no limit"),
        ({"rule": {"kind": "threshold", "above": 1, "below": 2}}, "every value would be bad"),
        ({"signal": {"metric": "score"}}, "needs the name"),
        ({"signal": {"metric": "requests", "score": "correct"}}, "no other metric"),
        ({"signal": {"metric": "requests", "error_code": "timeout"}}, "`error_code` is for"),
        ({"signal": {"metric": "engine_cpu_percent", "endpoint": "support"}}, "shared by all requests"),
        ({"signal": {"metric": "requests", "user_id": "a", "segment": "b"}}, "not both"),
    ],
)
def test_monitors_that_cannot_be(home: Home, more: JsonObject, words: str) -> None:
    """
    What makes no sense is refused before it is kept.
    """
    body = {**_monitor().model_dump(mode="json"), **more}

    with pytest.raises(ValueError, match=words):
        NewMonitor.model_validate(body)


def test_refusals_of_the_service(home: Home) -> None:
    """
    A name in use, a channel that is not there, and a share that is none are refused with their codes.
    """
    home.client.monitors.create(_monitor())
    found = []
    for wanted in (
        _monitor(),
        _monitor(name="b", channels=["nowhere"]),
        _monitor(name="c", signal={"metric": "cost_usd"}, rule=Sequential(limit=0.5)),
        _monitor(name="d", rule=Drift(reference_since=_minute(9), reference_until=_minute(8))),
    ):
        with pytest.raises((Conflict, NotFound, InvalidInput)) as caught:
            home.client.monitors.create(wanted)
        found.append(caught.value.error_code)

    assert ["monitors.exists", "channels.not_found", "monitors.no_share", "monitors.window"] == found


@pytest.mark.parametrize(
    ("metric", "rule", "words"),
    [
        ("error_rate", {"above": 1.5}, "`above` 1.5 makes no sense for 'error_rate': give a share from 0 to 1"),
        ("error_rate", {"above": 1}, "a share from 0 to 1"),
        ("error_rate", {"above": -0.1}, "a share from 0 to 1"),
        ("latency_p95", {"above": -5}, "give milliseconds"),
        ("requests", {"below": 0}, "requests per window"),
        ("engine_gpu_percent", {"above": 100}, "percent, 0 to 100"),
    ],
)
def test_limits_that_make_no_sense(home: Home, metric: str, rule: JsonObject, words: str) -> None:
    """
    A limit that can never be passed, or always is, is refused, with the metric's unit.
    """
    with pytest.raises(InvalidInput, match=re.escape(words)) as caught:
        home.client.monitors.create(_monitor(signal={"metric": metric}, rule={"kind": "threshold", **rule}))

    assert "monitors.limit" == caught.value.error_code


def test_names_that_nobody_has_used(home: Home) -> None:
    """
    A monitor of an endpoint, release or model that no request of a month had says so, with those that there are.
    """
    _traffic(home, _minute(3), good=1, model="gpt-4o", release_id="rel_1")

    misspelt = home.client.monitors.create(_monitor(signal={"metric": "requests", "endpoint": "suport"}))
    known = home.client.monitors.create(_monitor(name="b", signal={"metric": "requests", "model": "gpt-4o"}))

    assert "nothing has come of endpoint 'suport' in 30 days; there are: support" in misspelt.words
    assert "no window is over yet" == known.words


def test_state_and_why_agree(home: Home) -> None:
    """
    One bad window of three is no alert and says what it waits for; a monitor that is off says so.
    """
    begin = _minute(3)
    _traffic(home, begin, bad=2)
    _watched_since(home, begin, _monitor(fire_after=30, alert_on_silence=True))
    _wait(lambda: home.client.monitors.list_windows("errors").items or None)

    waiting = home.client.monitors.list_windows("errors", limit=500).items[-1]
    off = home.client.monitors.change(_monitor(fire_after=30, is_on=False))

    assert ("bad", "ok") == (waiting.verdict, waiting.condition)
    assert off.words.startswith("it is switched off; before that: ")


def test_errors_of_one_kind(home: Home) -> None:
    """
    Errors are watched by their kind: others do not count, and the filter leads to those.
    """
    begin = _minute(3)
    _traffic(home, begin, good=8)
    record(
        home,
        [
            new_span(started_at=begin, status="error", error_code="timeout"),
            new_span(started_at=begin, status="error", error_code="other"),
        ],
    )
    signal = {"metric": "error_rate", "error_code": "timeout"}
    _watched_since(home, begin, _monitor(signal=signal, rule=Threshold(above=0.05)))

    alert = _alert(home)

    assert 0.1 == alert.value
    assert "error:timeout" in alert.spans.q
    assert 1 == len(home.client.traces.list_(alert.spans.q).items)


def test_engines_are_watched(home: Home) -> None:
    """
    What engines take is a signal like any other, in its own unit: all engines of a minute together.
    """
    begin = _minute(3)

    def keep(db: Connection) -> None:
        for version in ("mv_1", "mv_2"):
            usage.add_usage(db, version, begin, Taken(120.0, 2**30, None, None))

    asyncio.run(home.ctx.db.write(keep))
    _watched_since(home, begin, _monitor(signal={"metric": "engine_memory_bytes"}, rule=Threshold(above=2**30)))

    alert = _alert(home)

    assert "engines' memory: 2 GiB is above 1 GiB" == alert.summary
    assert ("bytes", 2.0**31) == (alert.unit, alert.value)


def test_scores_of_a_release_and_a_segment(home: Home) -> None:
    """
    Scores are cut down to what the judged answers had: a release, a model, a key, a user, a segment of users.
    """
    begin = _now() - timedelta(minutes=1)
    spans = [
        new_span(started_at=begin, release_id=f"rel_{n % 2}", user_id=f"{'acme' if n < 2 else 'trial'}/{n}")
        for n in range(4)
    ]
    record(home, spans)
    said = [NewFeedback(trace_id=span.trace_id, name="correct", value=n % 2) for n, span in enumerate(spans)]
    home.client.feedback.add_many(said)
    since, until = begin - timedelta(minutes=1), _now() + timedelta(minutes=1)
    values = {}
    for name, value in (("release_id", "rel_1"), ("segment", "acme/"), ("user_id", "trial/3"), ("user_id", "nobody")):
        signal = Watched.model_validate({"metric": "score", "score": "correct", name: value})
        values[value] = asyncio.run(signals.read_value(home.ctx, signal, since, until))

    assert {"rel_1": (1.0, 2), "acme/": (0.5, 2), "trial/3": (1.0, 1), "nobody": (None, 0)} == {
        name: (seen.value, seen.spans) for name, seen in values.items()
    }


def test_who_may_watch(home: Home) -> None:
    """
    A viewer reads monitors, an editor makes them.
    """
    viewer_key = home.client.access.create_key(NewApiKey(name="viewer", role="viewer")).key
    editor_key = home.client.access.create_key(NewApiKey(name="editor", role="editor")).key
    with Client(home.client.url, api_key=viewer_key) as viewer, Client(home.client.url, api_key=editor_key) as editor:
        with pytest.raises(Denied):
            viewer.monitors.create(_monitor())
        made = editor.monitors.create(_monitor())

        assert [made.monitor_id] == [each.monitor_id for each in viewer.monitors.list_().items]


def test_drift_of_traffic(home: Home) -> None:
    """
    Two windows of another topic in a row raise an alert; the window names words and traces that are new.
    """
    hour = timedelta(hours=1)
    begin = _now().replace(minute=0, second=0, microsecond=0) - 2 * hour
    cards = [f"where is card number {number}, it has not come" for number in range(120)]
    wallets = [f"my crypto wallet number {number} lost its coins" for number in range(60)]
    _asked(home, begin - hour, cards)
    _asked(home, begin, cards[::4] + wallets[:30])
    _asked(home, begin + hour, cards[1::4] + wallets[30:])
    rule = Drift(reference_since=begin - hour, reference_until=begin, channels=["input", "output", "features"])
    _watched_since(home, begin, _monitor(rule=rule, window_minutes=60, signal={"endpoint": "support"}))

    alert = _alert(home)

    windows = {each.starts_at: each for each in home.client.monitors.list_windows("errors").items}
    assert ["well", "bad"] == [windows[begin + number * hour].verdict for number in range(2)]
    assert "input: perhaps moved, not yet an alarm" in windows[begin].words
    assert "input has moved (two windows in a row, p = " in alert.summary
    channels: Any = windows[begin + hour].detail["channels"]
    by_name = {each["channel"]: each for each in channels}
    assert ("input", 60, 120) == (
        by_name["input"]["channel"],
        by_name["input"]["rows"],
        by_name["input"]["reference_rows"],
    )
    assert {"crypto", "wallet"} <= {term["term"] for term in by_name["input"]["explanation"]["terms"]}
    (trace_id, *_) = by_name["input"]["explanation"]["trace_ids"]
    assert "wallet" in home.client.traces.get(trace_id).trace.input_text
    assert by_name["output"]["adjusted_p"] > 0.05
    newest, before = home.client.monitors.list_readings("errors").items[-2:]
    read = {channel.channel: channel for channel in newest.channels}
    assert ("alarm", "two windows in a row", 2) == (
        read["input"].decision,
        read["input"].reason,
        read["input"].windows_in_a_row,
    )
    assert ("moved", "same") == (before.channels[0].decision, read["output"].decision)
    assert (read["input"].mmd2 or 0) > 0
    assert (read["input"].e_value or 0) > (before.channels[0].e_value or 0) > 1
    assert read["input"].explanation is not None
    assert read["input"].explanation.trace_ids[0] == trace_id
    assert (begin - hour, begin) == (newest.reference_since, newest.reference_until)


def test_readings_of_a_figure(home: Home) -> None:
    """
    Only monitors of drift have readings; another one says where its windows are.
    """
    home.client.monitors.create(_monitor())

    with pytest.raises(InvalidInput, match="treadle monitor windows errors"):
        home.client.monitors.list_readings("errors")


def _asked(home: Home, at: datetime, questions: list[str]) -> None:
    from msgspec import Raw
    from msgspec.json import encode

    record(
        home,
        [
            new_span(
                started_at=at + timedelta(seconds=number), variables=Raw(encode({"input": question})),
                output_messages=Raw(encode([{"role": "assistant", "content": "We look into it."}])),
            )
            for number, question in enumerate(questions)
        ],
    )  # fmt: skip


def test_drift_of_context_and_scores(home: Home) -> None:
    """
    What was retrieved and what was said of answers drift like texts: both are found, and nothing else.
    """
    hour = timedelta(hours=1)
    begin = _now().replace(minute=0, second=0, microsecond=0) - 2 * hour
    cards = [f"A card takes five days to arrive, rule {number}" for number in range(120)]
    wallets = [f"Crypto wallets and coins are kept apart, rule {number}" for number in range(60)]
    _retrieved(home, begin - hour, cards, good=1.0)
    _retrieved(home, begin, wallets[:30], good=0.0)
    _retrieved(home, begin + hour, wallets[30:], good=0.0)
    rule = Drift(reference_since=begin - hour, reference_until=begin, channels=["input", "context", "scores"])
    _watched_since(home, begin, _monitor(rule=rule, window_minutes=60, signal={"endpoint": "support"}))

    alert = _alert(home)

    assert "drift of 'support': context has moved" in alert.summary
    assert "scores:good has moved" in alert.summary
    assert "input has moved" not in alert.summary


def _retrieved(home: Home, at: datetime, documents: list[str], *, good: float) -> None:
    from msgspec import Raw
    from msgspec.json import encode

    spans, said = [], []
    for number, document in enumerate(documents):
        root = new_span(
            started_at=at + timedelta(seconds=number), variables=Raw(encode({"input": f"question {number % 7}"})),
            output_messages=Raw(encode([{"role": "assistant", "content": "We look into it."}])),
        )  # fmt: skip
        found = new_span(
            started_at=root.started_at, trace_id=root.trace_id, parent_span_id=root.span_id, kind="retrieval",
            documents=Raw(encode([{"content": document}])),
        )  # fmt: skip
        spans += [root, found]
        # Some of each, so that the spread is not nothing.
        said.append(NewFeedback(trace_id=root.trace_id, name="good", value=good if number % 10 else 1.0 - good))
    record(home, spans)
    home.client.feedback.add_many(said)
