"""`treadle cache`: stats, clear, calibrate."""

from __future__ import annotations

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.gateway.cache.types import CacheStats


@click.group("cache")
def cache_command() -> None:
    """Answers that are given again: what they saved, whether they are right."""


@cache_command.command("stats", epilog="\b\nExample: treadle cache stats")
@json_option
def stats(as_json: bool) -> None:
    """Print what the cache did for each endpoint."""
    with connected() as client:
        found = client.cache.list_stats()
    if as_json:
        return emit_json(found)
    rows = [
        (
            each.endpoint,
            each.entries,
            each.size_bytes,
            each.exact_hits,
            each.semantic_hits,
            each.misses,
            None if each.hit_rate is None else f"{each.hit_rate:.1%}",
            _wrong(each),
        )
        for each in found
    ]
    return emit_table(
        ["endpoint", "answers", "bytes", "exact", "similar", "misses", "hit rate", "wrong among checked"],
        rows,
        empty="nothing was cached yet; give answers again with: treadle endpoint set NAME --cache exact",
    )


@cache_command.command("clear", epilog="\b\nExample: treadle cache clear support")
@click.argument("endpoint")
@json_option
def clear(endpoint: str, as_json: bool) -> None:
    """Forget every answer of an endpoint, its counts and its checks."""
    with connected() as client:
        cleared = client.cache.clear(endpoint)
    if as_json:
        return emit_json(cleared)
    return say(f"endpoint '{cleared.endpoint}' forgot {cleared.entries} answers; gateways do so within a second")


@cache_command.command("calibrate", epilog="\b\nExample: treadle cache calibrate support --max-wrong-rate 0.02")
@click.argument("endpoint")
@click.option(
    "--max-wrong-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Share of similar answers that may be wrong.",
)
@click.option(
    "--last", type=click.IntRange(2, 1000), default=400, show_default=True, help="Newest requests to look at."
)
@json_option
def calibrate(endpoint: str, max_wrong_rate: float, last: int, as_json: bool) -> None:
    """Choose a threshold for similar answers from past requests."""
    with connected() as client:
        client.endpoints.get(
            endpoint
        )  # raises for one that does not exist; one without requests yet is none to calibrate
        found = client.cache.calibrate(endpoint, max_wrong_rate=max_wrong_rate, last=last)
    if as_json:
        return emit_json(found)
    if found.threshold is None:
        return say(f"no threshold for '{endpoint}': {found.reason}")
    return say(
        f"threshold {found.threshold:.4f} for '{endpoint}': {found.served} of {found.requests} past requests "
        f"({found.served_share:.1%}) would have got a similar answer, {found.wrong} of them a wrong one "
        f"(surely at most {found.wrong_rate_high:.1%})"
    )


def _wrong(each: CacheStats) -> str:
    if not each.checked:
        return "-"
    told = f"{each.wrong} of {each.checked} ({each.wrong_rate_low:.1%} to {each.wrong_rate_high:.1%})"
    return told if each.gives_similar else f"{told}, similar answers are off: more than {100 * each.max_wrong_rate:g} %"
