"""`treadle rule`: set, list, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.cli.typed import as_typed
from treadle.monitoring.rules.types import NewRule, OnlineRule

OPTIONS = {
    "usd_per_day": "--usd-per-day", "scores_per_day": "--per-day", "sample_rate": "--rate", "release_id": "--release",
    "q": "--where", "parameters": "--parameters",
}  # fmt: skip


@click.group("rule")
def rule_command() -> None:
    """Rules: live answers judged as they come."""


@rule_command.command(
    "set",
    epilog="\b\nExample: treadle rule set valid-json --scorer json_valid --score json_valid --endpoint support --rate 0.1",
)
@click.argument("name")
@click.option(
    "--scorer",
    required=True,
    help="What judges: in_label_set, json_valid, refusal, clean, sentiment, or a judge: rubric, not_toxic, not_biased, "
    "harmless, polite, coherent, concise, answer_relevance.",
)
@click.option(
    "--parameters",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The scorer's parameters, a JSON file.",
)
@click.option("--score", required=True, help="Name that its scores have on traces.")
@click.option("--endpoint", help="Only answers of this endpoint.")
@click.option("--release", "release_id", help="Only answers of this release.")
@click.option(
    "--rate",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the answers that is judged.",
)
@click.option("--per-day", type=click.IntRange(1), help="At most so many scores a day (UTC).")
@click.option(
    "--usd-per-day",
    type=click.FloatRange(0, min_open=True),
    help="At most so many USD a day (UTC), for scorers that cost.",
)
@click.option("--where", "q", help="Only answers that this filter lets through, such as 'model:gpt-4o* user:acme-*'.")
@click.option("--off", is_flag=True, help="Keep it, but judge nothing.")
@json_option
def set_(
    name: str, scorer: str, parameters: Path | None, score: str, endpoint: str | None, release_id: str | None,
    rate: float, per_day: int | None, usd_per_day: float | None, q: str | None, off: bool, as_json: bool,
) -> None:  # fmt: skip
    """Judge a share of the live answers by a scorer, or change how."""
    chosen: dict[str, Any] = {
        "name": scorer,
        "parameters": json.loads(parameters.read_text("utf-8")) if parameters else {},
    }
    with as_typed(OPTIONS):
        wanted = NewRule.model_validate(
            {
                "name": name, "scorer": chosen, "score": score, "sample_rate": rate, "scores_per_day": per_day,
                "usd_per_day": None if usd_per_day is None else str(usd_per_day),
                "filter": {"endpoint": endpoint, "release_id": release_id, "q": q}, "is_on": not off,
            }
        )  # fmt: skip
        with connected() as client:
            exists = any(each.name == name for each in client.rules.list_(limit=500).items)
            made = client.rules.change(wanted) if exists else client.rules.create(wanted)
    if as_json:
        return emit_json(made)
    return say(
        f"rule '{made.name}' judges {made.sample_rate:.0%} of answers by '{made.scorer.name}' as the score '{made.score}'"
    )


@rule_command.command("list", epilog="\b\nExample: treadle rule list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List rules and what they have done."""
    with connected() as client:
        page = client.rules.list_(limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (each.name, "on" if each.is_on else "off", each.scorer.name, each.score, f"{each.sample_rate:g}", each.scores_today, each.scores_total, _spent(each), each.words)
        for each in page.items
    ]  # fmt: skip
    return emit_table(
        ["rule", "state", "scorer", "score", "rate", "today", "total", "USD today", "note"], rows,
        empty="no rules yet; make one: treadle rule set NAME --scorer json_valid --score json_valid",
    )  # fmt: skip


@rule_command.command("remove", epilog="\b\nExample: treadle rule remove valid-json")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Judge by a rule no longer; its scores stay."""
    with connected() as client:
        client.rules.remove(name)
    return emit_json({"removed": name}) if as_json else say(f"rule '{name}' is gone")


def _spent(rule: OnlineRule) -> str:
    if rule.usd_per_day is None:
        return "-"
    return f"{rule.usd_today:.4g} of {rule.usd_per_day:.4g}"
