"""`treadle environment`: list, show, set."""

from __future__ import annotations

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.releases.approvals.types import ApprovalPolicy, Environment


@click.group("environment")
def environment_command() -> None:
    """Environments: what a release needs before it serves in production, staging …"""


@environment_command.command("list", epilog="\b\nExample: treadle environment list")
@json_option
def list_(as_json: bool) -> None:
    """List environments with their policies and endpoints."""
    with connected() as client:
        found = client.environments.list_()
    if as_json:
        return emit_json(found)
    rows = [(one.name, in_words(one.policy), one.endpoints) for one in found]
    return emit_table(
        ["environment", "a release needs", "endpoints"],
        rows,
        empty="no environments yet; endpoints are in 'production' unless they say otherwise",
    )


@environment_command.command("show", epilog="\b\nExample: treadle environment show production")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Print what it takes to serve in one environment."""
    with connected() as client:
        found = client.environments.get(name)
    return emit_json(found) if as_json else _print(found)


@environment_command.command(
    "set", epilog="\b\nExample: treadle environment set production --approvals 2 --not-author --gate evaluation"
)
@click.argument("name")
@click.option("--approvals", default=1, show_default=True, type=click.IntRange(1, 20), help="Different people.")
@click.option("--role", "roles", multiple=True, help="Only approvals of this role count (repeatable).")
@click.option("--not-author", is_flag=True, help="The approval of whoever bundled the release does not count.")
@click.option("--programs-may-approve", is_flag=True, help="Approvals by programs count, as their owner's.")
@click.option("--gate", "gates", multiple=True, help="This gate must have passed (repeatable).")
@click.option("--expires-days", type=click.FloatRange(0, 3650, min_open=True), help="Days an approval counts.")
@json_option
def set_(
    name: str,
    approvals: int,
    roles: tuple[str, ...],
    not_author: bool,
    programs_may_approve: bool,
    gates: tuple[str, ...],
    expires_days: float | None,
    as_json: bool,
) -> None:
    """Say what a release needs to begin to serve there; what is left out is not asked for."""
    policy = ApprovalPolicy.model_validate(
        {
            "approvals": approvals,
            "roles": list(roles) or None,
            "author_may_approve": not not_author,
            "programs_may_approve": programs_may_approve,
            "gates": list(gates),
            "expires_days": expires_days,
        }
    )
    with connected() as client:
        found = client.environments.set_policy(name, policy)
    return emit_json(found) if as_json else _print(found)


def in_words(policy: ApprovalPolicy) -> str:
    """Return a policy as a sentence."""
    whose = f" of {' or '.join(policy.roles)}" if policy.roles else ""
    words = [f"{policy.approvals} approval{'s' if policy.approvals > 1 else ''}{whose}"]
    if not policy.author_may_approve:
        words.append("not its author's")
    if policy.programs_may_approve:
        words.append("a program's counts as its owner's")
    words += [f"gate '{name}' passed" for name in policy.gates]
    if policy.expires_days is not None:
        words.append(f"anew every {policy.expires_days:g} days")
    return ", ".join(words)


def _print(environment: Environment) -> None:
    say(f"to begin to serve in '{environment.name}' a release needs: {in_words(environment.policy)}")
    say(f"endpoints: {', '.join(environment.endpoints) or 'none'}")
