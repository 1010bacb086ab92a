"""Every few seconds: evaluates monitors' windows, judges by rules, looks at callers, and sees that channels are told.

Each window of each monitor is evaluated once. It is read when it has been over for SETTLE seconds, for spans arrive late. What it comes to is decided and kept in
one transaction that holds the monitor's row and finds `evaluated_until` at the window's start, so any number of watches
may run and one may be killed at any moment: no window is evaluated twice, and none is left out but what a long absence
leaves too far behind. Drift is heavy, so its windows become runs (`drift_work.py`) in that same transaction.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from treadle.core.errors import NotFound, TreadleError
from treadle.core.ids import derive_id
from treadle.core.types import JsonObject
from treadle.governance.envelope import MasterKeys
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun
from treadle.monitoring import signals, store
from treadle.monitoring.abuse import service as abuse
from treadle.monitoring.changes import changes_before, title_of
from treadle.monitoring.channels import service as channels
from treadle.monitoring.channels.sending import Post
from treadle.monitoring.figures import ENGINES, in_words, shown, unit_of
from treadle.monitoring.rules import service as rules
from treadle.monitoring.rules.scoring import Scoring
from treadle.monitoring.store import Kept
from treadle.monitoring.types import (
    Alert,
    AlertSpans,
    Anomaly,
    Change,
    Drift,
    Metric,
    NewMonitor,
    Threshold,
    Watched,
    WindowSeen,
)
from treadle.monitoring.verdicts import Judged, Value, judge, step, why
from treadle.storage.database import Connection

SETTLE = timedelta(seconds=15)
"""How long after its end a window is read: spans are in within a second, those of a slow exporter a little later."""
CATCH_UP = 48
"""Windows of an absence that are still evaluated; older ones are passed over."""
KEEP_WINDOWS = timedelta(days=100)
"""More than the 12 weeks that an anomaly looks back."""
USUAL = 12
"""Windows before an alert that its text tells the usual value of."""
_SIGNALS: Mapping[Metric, str] = {
    "refusal_rate": "refusal",
    "guard_hit_rate": "guard:*",
    "json_valid_rate": "json:invalid",
}
"""What the spans have that such an alert is about."""
_NOT_BARE = re.compile(r'[\s(),"]+')
"""What only stands in quotes, where `*` is a star."""
LONGEST_DRIFT = timedelta(hours=1)
"""A run that has not ended after so long is not waited for."""
DRIFT_KIND = "monitoring.drift"

log = logging.getLogger("treadle.monitoring")


class Origin(NamedTuple):
    """What explains an alert."""

    release_id: str | None = None
    release: str | None = None
    changes: Sequence[Change] = ()
    also: str = ""
    """What else there is to say of it: which errors, what was usual before."""


class Watch:
    """Looks after the monitors of a server's projects. Built and closed by the roof; belongs to one event loop."""

    def __init__(self, *, master_keys: MasterKeys, post: Post, url: str | None, scoring: Scoring) -> None:
        """url: where people open the server, for links in messages; None leaves them out. scoring: what rules judge by."""
        self._master_keys = master_keys
        self._post = post
        self._url = url
        self._scoring = scoring

    async def tick(self, ctx: Context) -> int:
        """Look once at a project; return how many windows were evaluated. Raises nothing that the next look may mend."""
        evaluated = 0
        for kept in await ctx.db.read(lambda db: store.list_due(db, ctx.clock.now() - SETTLE)):
            try:
                evaluated += await self._catch_up(ctx, kept)
            except TreadleError as error:
                log.warning("monitor '%s' waits: %s", kept.wanted.name, error.message)
        await rules.judge_due(ctx, self._scoring)
        await abuse.look(ctx)
        await ctx.db.write(lambda db: self._tell_untold(db, ctx))
        await channels.deliver_due(ctx, self._master_keys, self._post, url=self._url)
        return evaluated

    async def close(self) -> None:
        """Close what is open."""
        await self._post.close()

    async def _catch_up(self, ctx: Context, kept: Kept) -> int:
        window = timedelta(minutes=kept.wanted.window_minutes)
        newest = ctx.clock.now() - SETTLE
        behind = (newest - kept.evaluated_until) // window
        since = kept.evaluated_until + max(0, behind - CATCH_UP) * window
        if since > kept.evaluated_until:
            log.warning("monitor '%s' passes over %s of windows", kept.wanted.name, since - kept.evaluated_until)
        evaluated, present = 0, kept
        while since + window <= newest:
            after = await self._evaluate(ctx, present, since, since + window)
            if after is None:
                break  # somebody else did
            present, since, evaluated = after, since + window, evaluated + 1
        return evaluated

    async def _evaluate(self, ctx: Context, kept: Kept, since: datetime, until: datetime) -> Kept | None:
        """Evaluate one window; return None when somebody else has, or the monitor has changed."""
        wanted = kept.wanted
        rule = wanted.rule
        if isinstance(rule, Drift):
            return await ctx.db.write(lambda db: _begin_drift(db, ctx, kept, since, until))
        seen = await signals.read_value(ctx, wanted.signal, since, until)
        history: list[float] = []
        if isinstance(rule, Anomaly):
            history = await signals.read_history(ctx, wanted.signal, since, until, rule.weeks, wanted.least_count)
        judged = judge(
            rule, seen, unit=unit_of(wanted.signal.metric), counted=_counted(wanted.signal), least_count=wanted.least_count, is_firing=kept.position.condition == "firing",
            history=history, evidence=kept.evidence,
        )  # fmt: skip
        origin = Origin()
        if kept.alert_id is None and judged.verdict != "well":
            release_id = await signals.find_release(ctx, wanted.signal, since, until, too_high=_is_high(seen, judged))
            also = await self._also(ctx, kept, since, until) if judged.verdict == "bad" else ""
            origin = (await explain(ctx, wanted.signal, release_id, until))._replace(also=also)
        moved = kept if judged.evidence is None else kept._replace(evidence=judged.evidence)

        def write(db: Connection) -> Kept | None:
            if not is_unchanged(db, kept):
                return None
            return keep_verdict(db, ctx, moved, seen, judged, since=since, until=until, url=self._url, origin=origin)

        return await ctx.db.write(write)

    async def _also(self, ctx: Context, kept: Kept, since: datetime, until: datetime) -> str:
        """Return which errors there were, and what the value was while all was well."""
        parts = []
        signal = kept.wanted.signal
        if signal.metric in ("errors", "error_rate"):
            errors = list((await signals.list_errors(ctx, signal, since, until)).items())
            shown_ = ", ".join(f"{count} x {code}" for code, count in errors[:3])
            parts.append(shown_ + (" and others" if len(errors) > 3 else ""))
        if not isinstance(kept.wanted.rule, Threshold):
            return "; ".join(parts)  # the rule's own words say what was usual
        windows = await ctx.db.read(lambda db: store.list_windows(db, kept.monitor_id, since.isoformat(), USUAL))
        well = [each.value for each in windows if each.verdict == "well" and each.value is not None]
        if well:
            parts.append(f"before it was {shown(median(well), unit_of(signal.metric))} ({len(well)} windows)")
        return "; ".join(part for part in parts if part)

    def _tell_untold(self, db: Connection, ctx: Context) -> None:
        """Tell of alerts that outlasted a silence, and clear silences that are over."""
        for kept in store.list_silence_over(db, ctx.clock.now()):
            alert = store.find_alert(db, kept.alert_id or "")
            store.end_silence(db, kept.monitor_id)
            if alert is not None and alert.status == "firing" and not alert.is_told:
                _tell(db, ctx, kept.wanted, alert, "alert.firing", self._url)


def is_unchanged(db: Connection, kept: Kept) -> bool:
    """Hold a monitor's row, and tell whether it is still what was read."""
    held = store.find_monitor(db, kept.monitor_id, lock=True)
    return held is not None and held._replace(silenced_until=kept.silenced_until) == kept


def keep_verdict(
    db: Connection, ctx: Context, kept: Kept, seen: Value, judged: Judged, *, since: datetime, until: datetime,
    url: str | None, origin: Origin, detail: JsonObject | None = None,
) -> Kept:  # fmt: skip
    """Keep a window's verdict, move the monitor, open or resolve its alert, in the caller's transaction; return the monitor."""
    wanted, before = kept.wanted, kept.position.condition
    position = step(
        kept.position, judged.verdict, fire_after=wanted.fire_after, clear_after=wanted.clear_after,
        alert_on_silence=wanted.alert_on_silence,
    )  # fmt: skip
    window = WindowSeen(
        starts_at=since, ends_at=until, value=seen.value, spans=seen.spans, verdict=judged.verdict,
        condition=position.condition, expected_low=judged.expected_low, expected_high=judged.expected_high,
        words=judged.words, detail=detail or ({"unpriced_count": seen.unpriced} if seen.unpriced else {}),
    )  # fmt: skip
    store.insert_window(db, kept.monitor_id, window)
    after = kept._replace(
        position=position, value=seen.value,
        words=why(
            position, judged.verdict, judged.words, fire_after=wanted.fire_after, clear_after=wanted.clear_after
        ),
        evaluated_until=max(until, kept.evaluated_until),
        condition_since=until if position.condition != before else kept.condition_since,
    )  # fmt: skip
    if position.condition == "firing" and kept.alert_id is None:
        alert = _open_alert(ctx, after, judged, since, until, origin)
        after = after._replace(alert_id=alert.alert_id)
        store.put_alert(db, alert)
        if not store.is_silenced(db, kept.monitor_id, ctx.clock.now()):
            _tell(db, ctx, wanted, alert, "alert.firing", url)
    elif position.condition != "firing" and kept.alert_id is not None:
        after = after._replace(alert_id=None)
        _resolve(db, ctx, wanted, kept.alert_id, judged, until, url)
    store.save_position(db, after)
    if since.hour == 0:
        store.delete_windows(db, ctx.clock.now() - KEEP_WINDOWS)
    return after


async def explain(ctx: Context, signal: Watched, release_id: str | None, until: datetime) -> Origin:
    """Return what explains an alert: the release by its name, and what was changed before."""
    release = await title_of(ctx, release_id) if release_id else None
    return Origin(release_id, release, await changes_before(ctx, until, endpoint=signal.endpoint))


def _begin_drift(db: Connection, ctx: Context, kept: Kept, since: datetime, until: datetime) -> Kept | None:
    running = kept.tracks.get("running")
    if running is not None and ctx.clock.now() - datetime.fromisoformat(running) < LONGEST_DRIFT:
        return None  # windows are compared in their order: what counts is two in a row
    if not is_unchanged(db, kept):
        return None
    params: JsonObject = {"monitor_id": kept.monitor_id, "since": since.isoformat(), "until": until.isoformat()}
    jobs.enqueue(db, ctx, NewRun(kind=DRIFT_KIND, title=f"Drift of {kept.wanted.name}", params=params))
    tracks = kept.tracks | {"running": ctx.clock.now().isoformat()}
    after = kept._replace(evaluated_until=until, tracks=tracks)
    store.save_position(db, after)
    return after


def _open_alert(ctx: Context, kept: Kept, judged: Judged, since: datetime, until: datetime, origin: Origin) -> Alert:
    wanted, signal = kept.wanted, kept.wanted.signal
    windows_before = max(0, max(kept.position.bad, kept.position.unknown) - 1)
    begin = since - windows_before * timedelta(minutes=wanted.window_minutes)
    spans = AlertSpans(
        since=begin, until=until, endpoint=signal.endpoint, release_id=signal.release_id or origin.release_id,
        model=signal.model, key_id=signal.key_id, user_id=signal.user_id, service_name=signal.service_name,
    )  # fmt: skip
    also = f" ({origin.also})" if origin.also else ""
    return Alert(
        alert_id=derive_id("alt", ctx.project_id, kept.monitor_id, until.isoformat()),
        monitor_id=kept.monitor_id,
        monitor=wanted.name,
        status="firing",
        summary=f"{_what(wanted)}: {judged.words}{also}",
        value=kept.value,
        unit=None if isinstance(wanted.rule, Drift) else unit_of(signal.metric),
        opened_at=until,
        resolved_at=None,
        spans=spans.model_copy(update={"q": filter_of(spans, signal)}),
        release_id=origin.release_id,
        release=origin.release,
        changes=list(origin.changes),
        is_told=False,
    )


def filter_of(spans: AlertSpans, signal: Watched) -> str:
    """Return the traces that an alert is about as a filter in words: of errors the failed ones, of engines all of the time."""
    asked = [
        ("endpoint", spans.endpoint), ("release", spans.release_id), ("model", spans.model), ("key", spans.key_id),
        ("user", spans.user_id), ("service", spans.service_name), ("status", "error" if signal.metric in ("errors", "error_rate") else None),
        ("error", signal.error_code), ("signal", _SIGNALS.get(signal.metric)),
    ]  # fmt: skip
    parts = [f"{name}:{_quoted(value)}" for name, value in asked if value]
    parts += [f"user:{_NOT_BARE.sub('*', signal.segment)}*"] if signal.segment else []
    return " ".join([*parts, f"started>={spans.since:%Y-%m-%dT%H:%M:%S}", f"started<{spans.until:%Y-%m-%dT%H:%M:%S}"])


def _quoted(value: str) -> str:
    plain = all(char.isalnum() or char in "._-" for char in value)
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _counted(signal: Watched) -> str:
    if signal.metric in ENGINES:
        return "minutes with engines"
    if signal.metric == "score":
        return "scores"
    if signal.metric == "json_valid_rate":
        return "answers as JSON"
    return "spans" if signal.kind else "calls" if signal.metric in signals.USED else "requests"


def _is_high(seen: Value, judged: Judged) -> bool | None:
    """Tell which way a value is off; None where it is not."""
    if seen.value is None:
        return None
    if judged.expected_high is not None and seen.value > judged.expected_high:
        return True
    return False if judged.expected_low is not None and seen.value < judged.expected_low else None


def _resolve(
    db: Connection, ctx: Context, wanted: NewMonitor, alert_id: str, judged: Judged, until: datetime, url: str | None
) -> None:
    alert = store.find_alert(db, alert_id)
    if alert is None:
        raise NotFound(f"there is no alert '{alert_id}'", code="alerts.not_found")
    over = alert.model_copy(update={"status": "resolved", "resolved_at": until})
    store.put_alert(db, over)
    if alert.is_told:
        # Whoever heard of it hears that it is over, during a silence too: by then nothing is wrong.
        words = f"{_what(wanted)} is over after {_minutes(until - alert.opened_at)}: {judged.words}"
        _tell(db, ctx, wanted, over, "alert.resolved", url, summary=words)


def _what(wanted: NewMonitor) -> str:
    """Return what a monitor's alerts are of, for people."""
    if not isinstance(wanted.rule, Drift):
        return in_words(wanted.signal)
    return "drift" + (f" of '{wanted.signal.endpoint}'" if wanted.signal.endpoint else "")


def _minutes(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h" + (f" {rest} min" if rest else "")


def _tell(
    db: Connection, ctx: Context, wanted: NewMonitor, alert: Alert, event: str, url: str | None, *, summary: str = ""
) -> None:
    """Tell of an alert. summary: what the message says in place of what made it fire; '' keeps that."""
    alert = alert.model_copy(update={"is_told": True})
    store.put_alert(db, alert)
    data: JsonObject = alert.model_dump(mode="json") | ({"summary": summary, "fired": alert.summary} if summary else {})
    if url is not None:
        data["url"] = f"{url}/#/alerts/{alert.alert_id}"
    channels.enqueue(
        db, ctx, about=alert.alert_id, event=event, channels=wanted.channels, data=data, alert_id=alert.alert_id
    )
