"""`treadle endpoint`: create, list, show, set-stable, set, disable, enable."""

from __future__ import annotations

from typing import Any

import click

from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, say, search_option, unless_sought
from treadle.releases.approvals.types import PRODUCTION
from treadle.releases.endpoints.types import CacheSettings, ChangeEndpoint, Endpoint, RoutingSettings


@click.group("endpoint")
def endpoint_command() -> None:
    """Endpoints: the names that applications call, and what stands behind them."""


@endpoint_command.command(
    "create", epilog="\b\nExample: treadle endpoint create support --release rel_01m7y100mm81qbatdgsrcya7aa"
)
@click.argument("name")
@click.option("--release", "release_id", help="An approved release to serve.")
@click.option("--environment", default=PRODUCTION, show_default=True, help="Whose policy says what approval takes.")
@json_option
def create(name: str, release_id: str | None, environment: str, as_json: bool) -> None:
    """Make an endpoint."""
    with connected() as client:
        endpoint = client.endpoints.create(name, release_id=release_id, environment=environment)
    return emit_json(endpoint) if as_json else _print(endpoint)


@endpoint_command.command("list", epilog="\b\nExample: treadle endpoint list")
@search_option
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(q: str | None, limit: int, as_json: bool) -> None:
    """List endpoints by name."""
    with connected() as client:
        page = client.endpoints.list_(q=q, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (e.name, _state(e), e.environment, e.stable_release_id, e.next_release_id, e.rollout_id, e.changed_at)
        for e in page.items
    ]
    return emit_table(
        ["endpoint", "state", "environment", "release", "next", "rollout", "changed"],
        rows,
        empty=unless_sought("no endpoints yet; make one: treadle endpoint create NAME --release ID", q),
    )


@endpoint_command.command("show", epilog="\b\nExample: treadle endpoint show support")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Print one endpoint and what stands behind it."""
    with connected() as client:
        endpoint = client.endpoints.get(name)
        rollout = client.rollouts.get(endpoint.rollout_id) if endpoint.rollout_id and not as_json else None
    if as_json:
        return emit_json(endpoint)
    _print(endpoint)
    if rollout is not None and rollout.needs_attention:
        say(f"NEEDS ATTENTION: {rollout.needs_attention}")
    return None


@endpoint_command.command(
    "set-stable", epilog="\b\nExample: treadle endpoint set-stable support rel_01m7y100mm81qbatdgsrcya7aa"
)
@click.argument("name")
@click.argument("release_id")
@json_option
def set_stable(name: str, release_id: str, as_json: bool) -> None:
    """Point an endpoint at an approved release, all at once."""
    with connected() as client:
        endpoint = client.endpoints.set_stable(name, release_id)
    return emit_json(endpoint) if as_json else _print(endpoint)


@endpoint_command.command(
    "set", epilog="\b\nExample: treadle endpoint set support --strategy latency --cache exact --cache-ttl 3600"
)
@click.argument("name")
@click.option("--environment", help="Move it there; what it serves must be approved there.")
@click.option("--strategy", type=click.Choice(["weighted", "latency", "least_busy", "cheapest"]), help="Which target.")
@click.option("--region", "regions", multiple=True, help="Only targets there, in this order (repeatable).")
@click.option("--max-latency-ms", type=float, help="For 'cheapest': what a target must not exceed.")
@click.option("--sticky/--not-sticky", default=None, help="Whether a session keeps its target.")
@click.option("--cache", "mode", type=click.Choice(["off", "exact", "semantic"]), help="What is answered again.")
@click.option("--cache-ttl", "ttl_seconds", type=float, help="Seconds that an answer may be given again.")
@click.option("--cache-threshold", "threshold", type=float, help="For 'semantic': least similarity.")
@click.option(
    "--cache-max-wrong-rate",
    "max_wrong_rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="For 'semantic': share of similar answers that may be wrong.",
)
@click.option("--guard", "guards", multiple=True, metavar="NAME=ACTION", help="allow, mask or block here (repeatable).")
@click.option("--settings", type=JsonFile(ChangeEndpoint), help="JSON file with routing, cache, guard_actions whole.")
@json_option
def set_(
    name: str,
    environment: str | None,
    guards: tuple[str, ...],
    settings: ChangeEndpoint | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Change how an endpoint serves; what is left out stays as it is."""
    with connected() as client:
        found = client.endpoints.get(name)
        now = found.settings
        given = {key: value for key, value in wanted.items() if value not in (None, ())}
        routing = {key: given[key] for key in given if key in RoutingSettings.model_fields}
        cache = {key: given[key] for key in given if key in CacheSettings.model_fields}
        change: dict[str, Any] = {"environment": environment}
        if settings is not None:
            change |= settings.model_dump(exclude_none=True)
        if routing:
            change["routing"] = {**now.routing.model_dump(), **routing}
        if cache:
            change["cache"] = {**now.cache.model_dump(), **cache}
        if guards:
            change["guard_actions"] = {**now.guard_actions, **dict(_action(each) for each in guards)}
        endpoint = client.endpoints.change(name, ChangeEndpoint.model_validate(change), if_revision=found.revision)
    return emit_json(endpoint) if as_json else _print(endpoint)


@endpoint_command.command(
    "disable", epilog="\b\nExample: treadle endpoint disable support --reason 'wrong prices in its answers'"
)
@click.argument("name")
@click.option("--reason", required=True, help="Why; callers read it.")
@json_option
def disable(name: str, reason: str, as_json: bool) -> None:
    """Throw the kill switch: answer nothing there from now on."""
    with connected() as client:
        endpoint = client.endpoints.disable(name, reason)
    return emit_json(endpoint) if as_json else _print(endpoint)


@endpoint_command.command("enable", epilog="\b\nExample: treadle endpoint enable support")
@click.argument("name")
@json_option
def enable(name: str, as_json: bool) -> None:
    """Serve again."""
    with connected() as client:
        endpoint = client.endpoints.enable(name)
    return emit_json(endpoint) if as_json else _print(endpoint)


def _action(text: str) -> tuple[str, str]:
    guard, _, action = text.partition("=")
    if not guard or action not in ("allow", "mask", "block"):
        raise click.BadParameter(f"'{text}' should be NAME=allow, NAME=mask or NAME=block", param_hint="--guard")
    return guard, action


def _state(endpoint: Endpoint) -> str:
    if endpoint.disabled is not None:
        return "switched off"
    if endpoint.problem:
        return "problem"
    return "serving" if endpoint.stable_release_id else "nothing yet"


def _routing(routing: RoutingSettings) -> str:
    more = [f"in {', '.join(routing.regions)}"] if routing.regions else []
    more += ["sticky by session"] if routing.sticky else []
    more += [f"at most {routing.max_latency_ms:g} ms"] if routing.max_latency_ms else []
    more += [f"hedged up to {100 * routing.hedge.budget:g} %"] if routing.hedge else []
    return ", ".join([routing.strategy, *more])


def _cache(cache: CacheSettings) -> str:
    if cache.mode == "off":
        return "off"
    if cache.mode == "exact":
        return f"exact for {cache.ttl_seconds:g} s"
    return (
        f"semantic from {cache.threshold:g} for {cache.ttl_seconds:g} s, {100 * cache.check_share:g} % of hits checked, "
        f"off when more than {100 * cache.max_wrong_rate:g} % are wrong"
    )


def _print(endpoint: Endpoint) -> None:
    release = endpoint.stable_release_id
    if endpoint.disabled is not None:
        say(f"endpoint '{endpoint.name}' is SWITCHED OFF and answers nothing: {endpoint.disabled}")
        behind = f"{release} stands behind it" if release else "nothing stands behind it yet"
        say(f"{behind}; serve again with: treadle endpoint enable {endpoint.name}")
    else:
        say(f"endpoint '{endpoint.name}' serves {release or 'nothing yet'}")
    if endpoint.next_release_id:
        when = "once it is switched on and can answer" if endpoint.disabled else "as soon as it can answer"
        say(f"{endpoint.next_release_id} serves {when}")
    if endpoint.problem:
        say(f"problem: {endpoint.problem}")
    if endpoint.notice:
        say(f"note: {endpoint.notice}")
    settings = endpoint.settings
    say(f"environment '{endpoint.environment}'; what it asks for: treadle environment show {endpoint.environment}")
    say(f"routing {_routing(settings.routing)}; cache {_cache(settings.cache)}")
    for guard, action in sorted(settings.guard_actions.items()):
        say(f"guard '{guard}': {action} here, whatever its release says")
    if endpoint.rollout_id:
        say(f"rollout under way; look at it with: treadle rollout status {endpoint.rollout_id}")
    elif endpoint.previous_release_id:
        say(
            f"before that: {endpoint.previous_release_id}; go back with: "
            f"treadle endpoint set-stable {endpoint.name} {endpoint.previous_release_id}"
        )
