"""`treadle monitor`: set, metrics, list, show, windows, readings, silence, remove. A monitor is a short JSON document or a few options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

import click

from treadle.cli.near import NearChoice
from treadle.cli.output import (
    connected,
    emit_facts,
    emit_json,
    emit_table,
    json_option,
    note,
    say,
    search_option,
    unless_sought,
)
from treadle.cli.typed import as_typed
from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.monitoring.figures import FIGURES, RANGES, at_least, in_words, shown
from treadle.monitoring.readings.types import DriftExplanation
from treadle.monitoring.types import (
    SAID,
    Condition,
    DriftChannel,
    Metric,
    Monitor,
    NewMonitor,
    RuleKind,
    Unit,
    WindowSeen,
)

SIGNAL = (
    "score", "endpoint", "release_id", "model", "key_id", "user_id", "segment", "service_name", "error_code", "model_version_id",
)  # fmt: skip
OPTIONS = {
    "window_minutes": "--window", "fire_after": "--for", "clear_after": "--clear-after", "least_count": "--least",
    "alert_on_silence": "--alert-on-silence", "above": "--above", "below": "--below", "margin": "--margin",
    "deviations": "--deviations", "limit": "--share-above or --share-below", "reference_since": "--drift-from",
    "reference_until": "--drift-to", "channels": "--channel", "metric": "--metric", "score": "--score",
    "endpoint": "--endpoint", "release_id": "--release", "model": "--model", "key_id": "--key", "user_id": "--user",
    "segment": "--segment", "service_name": "--service", "error_code": "--error", "model_version_id": "--engine",
}  # fmt: skip
"""What fields of the API are called here."""
metric_choice = NearChoice(get_args(Metric), see="treadle monitor metrics")


def check_score(metric: str | None, score: str | None) -> None:
    """Raise InvalidInput where a metric needs the name of what is said and has none."""
    if metric in SAID and score is None:
        raise InvalidInput(
            f"the metric '{metric}' is of something that was said of answers: give --score NAME, such as --score thumbs",
            code="monitors.score",
        )


@click.group("monitor")
def monitor_command() -> None:
    """Monitors: signals of live traffic that are watched."""


@monitor_command.command(
    "set", epilog="\b\nExample: treadle monitor set errors --metric error_rate --endpoint support --above 0.05"
)
@click.argument("name")
@click.option("--metric", type=metric_choice, help="Which figure is watched; units: treadle monitor metrics.")
@click.option("--score", help="Name of what is said, for the metrics 'score' and 'feedback_rate'.")
@click.option("--endpoint", help="Only this endpoint.")
@click.option("--release", "release_id", help="Only what this release answered.")
@click.option("--model", help="Only this model.")
@click.option("--key", "key_id", help="Only what was called with this key (its id).")
@click.option("--user", "user_id", help="Only this end user.")
@click.option("--segment", help="Only end users whose ids begin so.")
@click.option("--service", "service_name", help="Only what this service sent.")
@click.option("--error", "error_code", help="Only errors of this kind, for the metrics 'errors' and 'error_rate'.")
@click.option("--engine", "model_version_id", help="Only this model version's engine, for the metrics of engines.")
@click.option("--above", type=float, help="Larger values are bad, in the metric's unit: 0.05 is 5 %, 2000 is 2 s.")
@click.option("--below", type=float, help="Smaller values are bad, in the metric's unit.")
@click.option(
    "--margin",
    type=float,
    help="While it fires, how far within the limit is well again: 0.1 is a tenth of it, at most 0.5.",
)
@click.option(
    "--anomaly", is_flag=True, help="Values unlike those at this time of the weekday in earlier weeks are bad."
)
@click.option("--deviations", type=float, help="With --anomaly: how many robust deviations are too many.  [default: 5]")
@click.option("--share-above", type=float, help="Sequential test: evidence that the share lies above this is bad.")
@click.option("--share-below", type=float, help="Sequential test: evidence that the share lies below this is bad.")
@click.option("--drift-from", type=click.DateTime(), help="Drift: the reference begins then (UTC).")
@click.option("--drift-to", type=click.DateTime(), help="Drift: the reference ends then (UTC).")
@click.option(
    "--drift-of",
    multiple=True,
    type=click.Choice(get_args(DriftChannel)),
    help="Drift: what is compared; may be repeated.  [default: input, output, features]",
)
@click.option("--window", "minutes", default=5, show_default=True, type=int, help="Minutes of a window.")
@click.option(
    "--for", "fire_after", default=1, show_default=True, type=int, help="Bad windows in a row until it fires."
)
@click.option(
    "--clear-after", default=2, show_default=True, type=int, help="Well windows in a row until the alert is over."
)
@click.option(
    "--least", "least_count", default=1, show_default=True, type=int, help="Windows with fewer are without data."
)
@click.option("--alert-on-silence", is_flag=True, help="Windows without data are bad.")
@click.option("--channel", "channels", multiple=True, help="A channel to tell; may be repeated.")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The whole monitor as JSON, in place of options.",
)
@click.option("--off", is_flag=True, help="Keep it, but do not evaluate it.")
@json_option
def set_(name: str, path: Path | None, off: bool, as_json: bool, **given: Any) -> None:
    """Watch a signal, or change how. Another signal, rule or window starts a monitor anew.

    \b
    treadle monitor set slow --metric latency_p95 --window 60 --anomaly --channel team
    treadle monitor set wrong --metric refusal_rate --share-above 0.02 --window 60
    treadle monitor set topics --endpoint support --window 1440 --drift-from 2026-11-01 --drift-to 2026-11-15
    treadle monitor set full --metric engine_gpu_memory_bytes --above 70000000000
    """
    if path is None:
        check_score(given["metric"], given["score"])
    with as_typed(OPTIONS):
        if path is not None:
            wanted = NewMonitor.model_validate({**json.loads(path.read_text("utf-8")), "name": name})
        else:
            signal = {field: given[field] for field in SIGNAL}
            metric = given["metric"] or ("score" if given["score"] else None)
            signal |= {"metric": metric} if metric else {}
            facts = {field: given[field] for field in ("fire_after", "clear_after", "least_count", "alert_on_silence")}
            wanted = NewMonitor.model_validate(
                {
                    **facts, "name": name, "signal": signal, "rule": _rule(given), "window_minutes": given["minutes"],
                    "channels": list(given["channels"]), "is_on": not off,
                }
            )  # fmt: skip
        with connected() as client:
            exists = any(each.name == name for each in client.monitors.list_(limit=500).items)
            made = client.monitors.change(wanted) if exists else client.monitors.create(wanted)
    if as_json:
        return emit_json(made)
    say(f"monitor '{made.name}' watches {_signal(made)}; its first window ends by {_first_end(made):%H:%M} UTC")
    if "; " in made.words:
        note("note: ", made.words.partition("; ")[2])
    return note("see what it says with: treadle monitor show ", name)


@monitor_command.command("metrics", epilog="\b\nExample: treadle monitor metrics")
@json_option
def metrics(as_json: bool) -> None:
    """List what can be watched and drawn, with its unit."""
    if as_json:
        return emit_json([{"metric": name, "title": each.title, "unit": each.unit} for name, each in FIGURES.items()])
    rows = [(name, each.title, RANGES[each.unit]) for name, each in FIGURES.items()]
    return emit_table(["metric", "what", "limits are"], rows, empty="no metrics")


@monitor_command.command("list", epilog="\b\nExample: treadle monitor list")
@search_option
@click.option("--condition", type=click.Choice(get_args(Condition)), help="Only those whose windows say so.")
@click.option("--rule", type=click.Choice(get_args(RuleKind)), help="Only those with this kind of rule.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(q: str | None, condition: Condition | None, rule: RuleKind | None, limit: int, as_json: bool) -> None:
    """List monitors and where they stand."""
    with connected() as client:
        page = client.monitors.list_(q=q, condition=condition, rule=rule, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(each.name, each.state, _signal(each), each.rule.kind, each.words) for each in page.items]
    return emit_table(
        ["monitor", "state", "signal", "rule", "why"],
        rows,
        empty=unless_sought(
            "no monitors yet; watch something: treadle monitor set NAME --metric error_rate --above 0.05",
            q,
            condition,
            rule,
        ),
    )


@monitor_command.command("show", epilog="\b\nExample: treadle monitor show errors")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show where a monitor stands."""
    with connected() as client:
        found = client.monitors.get(name)
    if as_json:
        return emit_json(found)
    return emit_facts(
        [
            ("monitor", found.name),
            ("state", found.state),
            ("why", found.words),
            ("since", found.condition_since),
            ("signal", _signal(found)),
            ("rule", _rule_in_words(found)),
            ("window", f"{found.window_minutes} min"),
            ("fires after", f"{found.fire_after} bad in a row; over after {found.clear_after} well ones"),
            (
                "needs",
                f"{found.least_count} per window; without data it {'fires' if found.alert_on_silence else 'waits'}",
            ),
            ("evaluated until", found.evaluated_until),
            ("silenced until", found.silenced_until or "-"),
            ("alert", found.alert_id or "-"),
            ("tells", ", ".join(found.channels) or "-"),
        ]
    )


@monitor_command.command("windows", epilog="\b\nExample: treadle monitor windows errors --limit 20")
@click.argument("name")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def windows(name: str, limit: int, as_json: bool) -> None:
    """List what a monitor saw, newest first."""
    with connected() as client:
        page = client.monitors.list_windows(name, limit=limit)
        found = client.monitors.get(name)
    if as_json:
        return emit_json(page)
    is_drift = found.rule.kind == "drift"
    rows = [
        (each.starts_at, _value(each, None if is_drift else found.unit), each.spans, each.verdict, each.condition, each.words)
        for each in page.items
    ]  # fmt: skip
    return emit_table(["window", "value", "spans", "verdict", "then", "why"], rows, empty="no window is over yet")


@monitor_command.command("readings", epilog="\b\nExample: treadle monitor readings texts --limit 5")
@click.argument("name")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 500), help="At most so many windows.")
@json_option
def readings(name: str, limit: int, as_json: bool) -> None:
    """List what a drift monitor read from its windows, channel by channel, newest first."""
    with connected() as client:
        page = client.monitors.list_readings(name, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            reading.starts_at,
            each.channel,
            f"{each.rows} : {each.reference_rows}",
            *(
                None if figure is None else f"{figure:.3g}"
                for figure in (each.mmd2, each.p_value, each.adjusted_p, each.e_value)
            ),
            each.reason or each.decision,
            _explained(each.explanation),
        )
        for reading in page.items
        for each in reading.channels
    ]
    return emit_table(
        ["window", "channel", "rows", "MMD2", "p", "adjusted p", "e", "decision", "what is new"],
        rows,
        empty="no window is over yet",
    )


@monitor_command.command(
    "silence", epilog="\b\nExample: treadle monitor silence errors --minutes 120 --reason 'planned load test'"
)
@click.argument("name")
@click.option("--minutes", type=click.IntRange(1, 60 * 24 * 90), help="For so long.  [default: 60]")
@click.option("--hours", type=click.IntRange(1, 24 * 90), help="For so many hours, in place of minutes.")
@click.option("--end", is_flag=True, help="End a silence now.")
@click.option("--reason", default="", help="Why; kept in the audit log.")
@json_option
def silence(name: str, minutes: int | None, hours: int | None, end: bool, reason: str, as_json: bool) -> None:
    """Tell nobody of a monitor's alerts for a while; it goes on being evaluated."""
    if sum((minutes is not None, hours is not None, end)) > 1:
        raise InvalidInput("give one of --minutes, --hours and --end", code="monitors.silence")
    length = timedelta(hours=hours) if hours is not None else timedelta(minutes=60 if minutes is None else minutes)
    until = None if end else datetime.now(UTC) + length
    with connected() as client:
        found = client.monitors.silence(name, until, reason=reason)
    if as_json:
        return emit_json(found)
    if found.silenced_until is None:
        return say(f"monitor '{found.name}' tells again")
    return say(f"monitor '{found.name}' tells nobody until {found.silenced_until:%Y-%m-%d %H:%M} UTC")


@monitor_command.command("remove", epilog="\b\nExample: treadle monitor remove errors")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget a monitor and its windows; its alerts stay."""
    with connected() as client:
        client.monitors.remove(name)
    return emit_json({"removed": name}) if as_json else say(f"monitor '{name}' is gone")


def _explained(explanation: DriftExplanation | None) -> str | None:
    if explanation is None:
        return None
    terms = [f"{term.term} {term.window_share:.0%} (was {term.reference_share:.0%})" for term in explanation.terms[:4]]
    return ", ".join(terms + [f"{figure.name} {figure.window:+.2f} sd" for figure in explanation.figures]) or None


def _rule(given: Mapping[str, Any]) -> JsonObject:
    rules: list[JsonObject] = []
    if given["above"] is not None or given["below"] is not None:
        margin = {} if given["margin"] is None else {"margin": given["margin"]}
        rules.append({"kind": "threshold", "above": given["above"], "below": given["below"], **margin})
    elif given["margin"] is not None:
        raise InvalidInput("--margin is for limits: give --above or --below with it", code="monitors.one_rule")
    if given["anomaly"]:
        rules.append({"kind": "anomaly"} | ({} if given["deviations"] is None else {"deviations": given["deviations"]}))
    for side in ("above", "below"):
        if given[f"share_{side}"] is not None:
            rules.append({"kind": "sequential", "limit": given[f"share_{side}"], "direction": side})
    if given["drift_from"] is not None or given["drift_to"] is not None:
        times = [
            None if given[each] is None else given[each].replace(tzinfo=UTC) for each in ("drift_from", "drift_to")
        ]
        of = {"channels": list(given["drift_of"])} if given["drift_of"] else {}
        rules.append({"kind": "drift", "reference_since": times[0], "reference_until": times[1], **of})
    if len(rules) != 1:
        raise InvalidInput(
            "a monitor has one rule: give --above or --below (or both), --anomaly, --share-above, --share-below, or"
            " --drift-from with --drift-to",
            code="monitors.one_rule",
        )
    return rules[0]


def _signal(monitor: Monitor) -> str:
    if monitor.rule.kind != "drift":
        return in_words(monitor.signal)
    place = monitor.signal.endpoint or monitor.signal.release_id
    return f"drift of {', '.join(monitor.rule.channels)}" + (f" of '{place}'" if place else "")


def _rule_in_words(monitor: Monitor) -> str:
    rule, unit = monitor.rule, monitor.unit
    match rule.kind:
        case "threshold":
            limits = [("above", rule.above), ("below", rule.below)]
            told = " or ".join(f"{side} {shown(limit, unit)}" for side, limit in limits if limit is not None)
            return f"bad when {told}" + (f"; well again {rule.margin:.0%} within" if rule.margin else "")
        case "anomaly":
            return f"bad when {rule.deviations:g} deviations from the same hours of the last {rule.weeks} weeks"
        case "sequential":
            return f"bad when there is evidence that the share is {rule.direction} {shown(rule.limit, 'share')}"
        case _:
            return f"bad when unlike {rule.reference_since:%Y-%m-%d %H:%M} to {rule.reference_until:%Y-%m-%d %H:%M} UTC"


def _value(seen: WindowSeen, unit: Unit | None) -> str:
    if unit is None:
        return "" if seen.value is None else f"p = {seen.value:.2g}"
    return at_least(seen.value, unit, cast(int, seen.detail.get("unpriced_count", 0)))


def _first_end(monitor: Monitor) -> datetime:
    return monitor.evaluated_until + timedelta(minutes=monitor.window_minutes)
