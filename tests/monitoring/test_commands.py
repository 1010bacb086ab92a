"""The commands of monitoring, over a real server, as somebody types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from tests.monitoring.receivers import listening
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.cli.output import sparkline


@pytest.fixture
def treadle(home: Home, monkeypatch: pytest.MonkeyPatch) -> Any:
    """
    Run a command against the project; returns its result.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    return lambda *words, **more: CliRunner().invoke(cli, list(words), **more)


def test_a_monitor_from_options(treadle: Any) -> None:
    """
    Options make a monitor, the same again changes it, silence and removal follow.
    """
    made = treadle("monitor", "set", "errors", "--metric", "error_rate", "--above", "0.05", "--window", "60")
    changed = json.loads(
        treadle("monitor", "set", "errors", "--metric", "error_rate", "--above", "0.1", "--json").stdout
    )
    silenced = treadle("monitor", "silence", "errors", "--minutes", "30")
    shown = treadle("monitor", "show", "errors")
    listed = treadle("monitor", "list")
    windows = treadle("monitor", "windows", "errors", "--json")
    removed = json.loads(treadle("monitor", "remove", "errors", "--json").stdout)

    assert "monitor 'errors' watches share of errors" in made.stdout
    assert 0.1 == changed["rule"]["above"]
    assert "tells nobody until" in silenced.stdout
    assert "silenced" in shown.stdout
    assert "errors" in listed.stdout
    assert [] == json.loads(windows.stdout)["items"]
    assert {"removed": "errors"} == removed


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["--metric", "requests", "--anomaly"], "anomaly"),
        (["--metric", "refusal_rate", "--share-above", "0.02"], "sequential"),
        (["--drift-from", "2026-11-01", "--drift-to", "2026-11-15", "--window", "1440"], "drift"),
        (["--score", "correct", "--below", "0.8"], "threshold"),
    ],
)
def test_rules_from_options(treadle: Any, options: list[str], kind: str) -> None:
    """
    Each rule has its options.
    """
    made = json.loads(treadle("monitor", "set", "one", *options, "--json").stdout)

    assert kind == made["rule"]["kind"]


def test_two_rules(treadle: Any) -> None:
    """
    A monitor with two rules, or none, is refused in words.
    """
    both = treadle("monitor", "set", "one", "--metric", "requests", "--above", "1", "--anomaly")

    assert "a monitor has one rule" in str(both.exception)


def test_channels_by_command(treadle: Any) -> None:
    """
    A webhook's secret is printed once; a test says what came of it and fails with 7 when nothing arrives.
    """
    with listening() as listener:
        made = treadle("channel", "webhook", "ops", listener.url, "--private")
        tested = treadle("channel", "test", "ops")
        listener.answers = [500]
        failed = treadle("channel", "test", "ops")
    slack = treadle("channel", "slack", "team", input="https://hooks.example.com/services/T0/secret\n")
    mail = treadle(
        "channel", "email", "mail", "--host", "smtp.example.com", "--from", "a@example.com", "--to", "b@example.com"
    )
    listed = treadle("channel", "list")
    sought = json.loads(treadle("channel", "list", "--search", "EA", "--json").stdout)
    deliveries = json.loads(treadle("channel", "deliveries", "--channel", "ops", "--json").stdout)
    removed = treadle("channel", "remove", "mail")

    assert "whsec_" in made.stdout
    assert (0, 7) == (tested.exit_code, failed.exit_code)
    assert "status 500" in failed.stderr
    assert "secret" not in slack.stdout + listed.stdout
    assert "b@example.com" in mail.stdout
    assert ["team"] == [each["name"] for each in sought["items"]]
    assert ["channel.test", "channel.test"] == [each["event"] for each in deliveries["items"]]
    assert "'mail' is gone" in removed.stdout


def test_channels_are_changed_by_command(treadle: Any) -> None:
    """
    A private address is refused with the option that it needs; a channel is renamed, moved, given a fresh secret, removed.
    """
    refused = treadle("channel", "webhook", "ops", "http://127.0.0.1:9")
    treadle("channel", "webhook", "ops", "https://example.com/a")
    changed = treadle("channel", "change", "ops", "--rename", "on-call", "--url", "https://example.com/b")
    rotated = treadle("channel", "rotate", "on-call", "--overlap-hours", "48")
    treadle("monitor", "set", "busy", "--metric", "requests", "--above", "9", "--channel", "on-call")
    in_use = treadle("channel", "remove", "on-call")
    removed = treadle("channel", "remove", "on-call", "--give-up")

    assert "--private" in str(refused.exception)
    assert "channel 'on-call' tells https://example.com/b" in changed.stdout
    assert "whsec_" in rotated.stdout
    assert "valid until" in rotated.stderr
    assert "monitor 'busy'" in str(in_use.exception)
    assert "no longer told by: busy" in removed.stderr


def test_every_option_of_a_monitor(treadle: Any) -> None:
    """
    What the API can say of a monitor a command can, and `show` says it in words with units.
    """
    made = treadle(
        "monitor", "set", "slow", "--metric", "latency_p95", "--above", "2000", "--margin", "0.1", "--for", "3",
        "--clear-after", "4", "--least", "20", "--alert-on-silence", "--segment", "acme/", "--service", "shop", "--json",
    )  # fmt: skip
    shown = treadle("monitor", "show", "slow")

    wanted = json.loads(made.stdout)
    assert (3, 4, 20, True) == tuple(
        wanted[name] for name in ("fire_after", "clear_after", "least_count", "alert_on_silence")
    )
    assert (0.1, "ms", "acme/") == (wanted["rule"]["margin"], wanted["unit"], wanted["signal"]["segment"])
    assert "bad when above 2,000 ms; well again 10% within" in shown.stdout
    assert "latency, p95 of segment 'acme/' of service 'shop'" in " ".join(shown.stdout.split())
    assert "milliseconds" in treadle("monitor", "metrics").stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--metric", "error_rate", "--above", "1.5"], "--above 1.5 makes no sense for 'error_rate'"),
        (["--metric", "requests", "--above", "1", "--for", "0"], "--for is 0, but it should be at least 1"),
        (["--metric", "requests", "--above", "1", "--margin", "2"], "--margin is 2"),
        (["--metric", "requests", "--above", "1", "--error", "timeout"], "--error is for the metrics"),
        (["--drift-from", "2026-11-01", "--window", "1440"], "--drift-to"),
        (["--drift-from", "2026-11-01", "--drift-to", "2026-11-02", "--window", "5"], "--window 5 is too short"),
        (["--metric", "requests", "--margin", "0.1"], "--margin is for limits"),
        (["--metric", "score", "--above", "1"], "give --score NAME"),
        (["--metric", "feedback_rate", "--above", "1"], "give --score NAME"),
        (["--metric", "requests", "--score", "thumbs", "--above", "1"], "--score names what was said"),
        (
            ["--drift-from", "2026-11-03", "--drift-to", "2026-11-02", "--window", "60"],
            "--drift-from must be before --drift-to",
        ),
    ],
)
def test_errors_name_what_was_typed(treadle: Any, options: list[str], words: str) -> None:
    """
    A refusal names the option that was typed, not the field of the API that it sets.
    """
    refused = treadle("monitor", "set", "one", *options)

    assert words in str(refused.exception)


def test_names_that_were_probably_meant(treadle: Any) -> None:
    """
    An unknown metric, dashboard or chart is refused with the one that was probably meant.
    """
    treadle("dashboard", "chart", "requests", "--keep", "busy")

    metric = treadle("monitor", "set", "one", "--metric", "error_rates", "--above", "0.1")
    drawn = treadle("dashboard", "chart", "latency_95")
    unnamed = treadle("dashboard", "chart", "score")
    dashboard = treadle("dashboard", "show", "overvew")
    not_a_dashboard = treadle("dashboard", "show", "busy")
    removed = treadle("dashboard", "remove", "bussy")

    assert "did you mean 'error_rate'" in metric.stderr
    assert "'latency_p95'" in drawn.stderr
    assert "give --score NAME" in str(unnamed.exception)
    assert "did you mean 'overview'?" in str(dashboard.exception)
    assert "that is a chart of 'saved'" in str(not_a_dashboard.exception)
    assert "there is no chart 'bussy'; did you mean 'busy'?" == str(removed.exception)


def test_silences_of_hours(treadle: Any) -> None:
    """
    A silence is given in minutes or in hours, an hour where neither is.
    """
    treadle("monitor", "set", "errors", "--metric", "error_rate", "--above", "0.05")
    lengths = []
    for given in (["--hours", "5"], ["--minutes", "30"], []):
        begin = datetime.now(UTC)
        silenced = json.loads(treadle("monitor", "silence", "errors", *given, "--json").stdout)
        lengths.append((datetime.fromisoformat(silenced["silenced_until"]) - begin) // timedelta(minutes=10))
    both = treadle("monitor", "silence", "errors", "--hours", "5", "--minutes", "30")

    assert [30, 3, 6] == lengths
    assert "give one of --minutes, --hours and --end" in str(both.exception)


def test_scorers_of_live_answers(treadle: Any) -> None:
    """
    The help and every refusal list the scorers that live answers can be judged by.
    """
    told = " ".join(treadle("rule", "set", "--help").stdout.split())
    unfit = treadle("rule", "set", "one", "--scorer", "exact_match", "--score", "right")
    unknown = treadle("rule", "set", "one", "--scorer", "toxic", "--score", "toxic")

    ready = {"not_toxic", "not_biased", "harmless", "polite", "coherent", "concise"}
    names = {"in_label_set", "json_valid", "refusal", "clean", "sentiment", "rubric", "answer_relevance", *ready}
    listed = [str(each.exception).partition(": ")[2] or str(each.exception) for each in (unfit, unknown)]
    assert [names, names] == [set(each.rpartition(": ")[2].split(", ")) for each in listed]
    assert [] == [name for name in names if name not in told]


def test_dashboards_by_command(treadle: Any, home: Home) -> None:
    """
    Dashboards are listed and printed with bars, units and groups; a chart is drawn, kept, shown again and removed.
    """
    now = datetime.now(UTC)
    spans = [
        new_span(started_at=now - timedelta(minutes=n), model=f"m{n % 2}", latency_ms=100.0 * n) for n in range(1, 9)
    ]
    record(home, spans)
    listed = treadle("dashboard", "list")
    shown = treadle("dashboard", "show", "overview", "--endpoint", "support", "--hours", "1")
    drawn = treadle("dashboard", "chart", "requests", "--by", "model", "--hours", "1", "--keep", "busy")
    points = treadle("dashboard", "chart", "latency_p50", "--points", "--hours", "1")
    saved = treadle("dashboard", "show", "saved", "--json")
    absent = treadle("dashboard", "show", "nothing")
    removed = treadle("dashboard", "remove", "busy")

    assert "errors-by-error-code" in listed.stdout
    assert "800 ms" in shown.stdout
    assert any(bar in shown.stdout for bar in "▁█")
    assert {"m0", "m1"} <= set(drawn.stdout.split())
    assert "Requests by model" in drawn.stdout
    assert 8 == points.stdout.count(" ms ")
    assert ["busy"] == [each["chart"]["name"] for each in json.loads(saved.stdout)["charts"]]
    assert "choose from: overview" in str(absent.exception)
    assert "'busy' is gone" in removed.stdout


def test_charts_of_cost_without_every_price(treadle: Any, home: Home) -> None:
    """
    A chart of cost shows a model without a price as unknown, a sum with such calls as the least, and counts them.
    """
    now = datetime.now(UTC)
    used: dict[str, Any] = {"started_at": now - timedelta(minutes=5), "input_tokens": 3, "output_tokens": 4}
    record(home, [new_span(n, model="priced", cost_usd=Decimal("0.5"), **used) for n in range(2)])
    record(home, [new_span(n, model="home-made", **used) for n in range(2, 5)])

    whole = treadle("dashboard", "chart", "cost_usd", "--hours", "1")
    points = treadle("dashboard", "chart", "cost_usd", "--hours", "1", "--points")
    by_model = treadle("dashboard", "chart", "cost_usd", "--by", "model", "--hours", "1")

    assert "at least 1 USD" in whole.stdout
    assert "at least 1 USD" in points.stdout
    assert "3 of 5" in whole.stderr
    assert ["unknown"] * 3 == next(line for line in by_model.stdout.splitlines() if "home-made" in line).split()[1:4]
    assert "3 of 3 of home-made" in by_model.stderr
    assert "at least" not in by_model.stdout


def test_bars() -> None:
    """
    The lowest figure is the lowest bar, the highest the highest, a gap is a blank; many figures become means.
    """
    assert "▁█ ▁" == sparkline([1, 3, None, 1])
    assert "▅▅" == sparkline([2, 2])
    assert "▁█" == sparkline([1, 1, 5, 5], width=2)
    assert "" == sparkline([None])


def test_rules_alerts_and_abuse_by_command(treadle: Any) -> None:
    """
    Rules are set and removed, alerts and findings listed, the policy shown and changed.
    """
    made = treadle("rule", "set", "valid", "--scorer", "json_valid", "--score", "json_valid", "--rate", "0.5")
    listed = treadle("rule", "list")
    removed = treadle("rule", "remove", "valid")
    policy = json.loads(treadle("abuse", "policy", "--throttle-at", "60", "--json").stdout)

    assert "judges 50% of answers by 'json_valid'" in made.stdout
    assert "json_valid" in listed.stdout
    assert "'valid' is gone" in removed.stdout
    assert (40, 60, None) == (policy["flag_at"], policy["throttle_at"], policy["block_at"])
    assert "no alerts" in treadle("alert", "list").stderr
    assert "no caller has stood out" in treadle("abuse", "list").stderr


def test_what_a_policy_does_about_callers_is_taken_back(treadle: Any) -> None:
    """
    'never' unsets a threshold, an empty name the exempt; what is not given stays, and a score out of range is refused.
    """
    treadle(
        "abuse",
        "policy",
        "--throttle-at",
        "60",
        "--requests-per-minute",
        "3",
        "--block-at",
        "90",
        "--exempt",
        "load-test",
    )

    changed = json.loads(treadle("abuse", "policy", "--block-at", "never", "--exempt", "", "--json").stdout)
    shown = treadle("abuse", "policy", "--throttle-at", "never").stdout
    switched_off = json.loads(treadle("abuse", "policy", "--off", "--json").stdout)
    refused = treadle("abuse", "policy", "--block-at", "101")

    assert (60, 3, None, []) == (
        changed["throttle_at"], changed["throttle_requests_per_minute"], changed["block_at"], changed["exempt"],
    )  # fmt: skip
    assert [["never"], ["never"]] == [
        line.split()[-1:] for line in shown.splitlines() if "slowed down from" in line or "blocked from" in line
    ]
    assert not switched_off["is_on"]
    assert 0 != refused.exit_code
