"""`treadle gateway`, which serves; and `treadle gateway health`, `reset`."""

from __future__ import annotations

import asyncio
import os
from typing import get_args

import click

from treadle.cli.output import connected, drain_option, emit_json, emit_table, json_option, say, workspace_option
from treadle.gateway.standing.types import TargetHealth, TargetState


@click.group("gateway", invoke_without_command=True, epilog="\b\nExample: treadle gateway --workers 4 --port 8800")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that serve; one per core when not given.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (TREADLE_PORT; 8700).")
@click.option("--host", help="Address to listen on (TREADLE_HOST; 127.0.0.1).")
@workspace_option
@click.option("--database", "database_url", help="postgresql://… of the platform; the workspace's own when not given.")
@drain_option
@click.option("--max-memory", "max_memory_mb", type=click.IntRange(64), help="Replace a worker above so many MB.")
@click.pass_context
def gateway_command(
    context: click.Context,
    workers: int | None,
    port: int | None,
    host: str | None,
    workspace: str | None,
    database_url: str | None,
    drain_seconds: int | None,
    max_memory_mb: int | None,
) -> None:
    """Serve the data plane alone: /v1 in several processes, configured by the platform's database.

    With a command: how its targets stand.
    """
    if context.invoked_subcommand is not None:
        return
    from treadle.core.settings import read_settings
    from treadle.server.gateway import Gateway

    settings = read_settings(
        workspace=workspace, host=host, port=port, database_url=database_url, drain_seconds=drain_seconds
    )
    count = (
        workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or os.cpu_count() or 1
    )
    gateway = Gateway(
        settings,
        workers=count,
        max_memory_bytes=None if max_memory_mb is None else max_memory_mb << 20,
    )

    def on_ready(url: str) -> None:
        say(f"Treadle's gateway serves at {url} with {count} worker{'s' if count > 1 else ''}")

    asyncio.run(gateway.run(on_ready=on_ready))
    say("stopped")


@gateway_command.command("health", epilog="\b\nExample: treadle gateway health --state open")
@click.option("--state", type=click.Choice(get_args(TargetState)), help="Only targets that stand so.")
@click.option("--provider", help="Only this provider's.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def health(state: TargetState | None, provider: str | None, limit: int, as_json: bool) -> None:
    """List what requests are sent to: breakers, failures and speed over all workers."""
    with connected() as client:
        page = client.gateway.health(state=state, provider=provider, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            each.target,
            each.state,
            f"{each.failures_lately} of {each.attempts_lately}",
            None if each.latency_ms is None else f"{each.latency_ms:.0f} ms",
            each.last_failure,
            each.last_failed_at,
            each.probe_at,
            len(each.workers),
            ", ".join(each.endpoints),
        )
        for each in page.items
    ]
    return emit_table(
        [
            "target",
            "breaker",
            "failed lately",
            "latency",
            "last failure",
            "failed",
            "tried again",
            "workers",
            "endpoints",
        ],
        rows,
        empty="no endpoint sends requests anywhere yet; make one: treadle endpoint create NAME --release ID",
    )


@gateway_command.command("reset", epilog="\b\nExample: treadle gateway reset openai/gpt-5")
@click.argument("target")
@json_option
def reset(target: str, as_json: bool) -> None:
    """Close the breaker of a target in every worker now, instead of when its time is over."""
    with connected() as client:
        found = client.gateway.reset(target)
    return emit_json(found) if as_json else say(_told(found))


def _told(found: TargetHealth) -> str:
    asked = sum(worker.is_reset_asked for worker in found.workers)
    if not asked:
        return f"no breaker of '{found.target}' is open, so there was nothing to close"
    return f"{asked} worker{'s close their breakers' if asked > 1 else ' closes its breaker'} for '{found.target}' within two seconds"
