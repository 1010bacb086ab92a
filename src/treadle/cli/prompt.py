"""`treadle prompt`: list, versions, show, create, publish; files are in `prompt_files.py`, trying in `prompt_try.py`."""

from __future__ import annotations

import click

from treadle.cli import prompt_files, prompt_optimize, prompt_try
from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, say, search_option, unless_sought
from treadle.core.types import JsonObject
from treadle.prompts.types import ALL_PACKS, LEAST_HELD, Engine, Kind, LabelPolicy, Message, NewVersion, PackName


@click.group("prompt")
def prompt_command() -> None:
    """Prompts, their versions and labels."""


for command in (
    prompt_files.push,
    prompt_files.pull,
    prompt_files.diff,
    prompt_files.import_,
    prompt_files.export,
    prompt_try.lint,
    prompt_try.preview,
    prompt_try.examples,
    prompt_try.safety,
    prompt_try.try_,
    prompt_optimize.optimize,
    prompt_optimize.optimizations,
    prompt_optimize.optimization,
):
    prompt_command.add_command(command)


@prompt_command.command("list", epilog="\b\nExample: treadle prompt list")
@search_option
@click.option("--label", help="Only prompts with this label on a version.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(q: str | None, label: str | None, limit: int, as_json: bool) -> None:
    """List prompts with their labels."""
    with connected() as client:
        page = client.prompts.list_(q=q, label=label, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (p.name, p.latest_version, [f"{name} -> {version}" for name, version in p.labels.items()], p.created_at)
        for p in page.items
    ]
    return emit_table(
        ["name", "versions", "labels", "created"],
        rows,
        empty=unless_sought("no prompts yet; make one: treadle prompt create NAME --text TEXT", q, label),
    )


@prompt_command.command("versions", epilog="\b\nExample: treadle prompt versions greeting")
@click.argument("name")
@json_option
def versions(name: str, as_json: bool) -> None:
    """List the versions of a prompt, newest first."""
    with connected() as client:
        found = client.prompts.list_versions(name)
    if as_json:
        return emit_json(found)
    rows = [(v.version, v.message, v.variables, v.digest[7:19], v.created_at) for v in found]
    return emit_table(["version", "message", "variables", "digest", "created"], rows, empty="no versions")


@prompt_command.command("show", epilog="\b\nExample: treadle prompt show greeting --version production")
@click.argument("name")
@click.option("--version", default="latest", help="A number or a label.")
@json_option
def show(name: str, version: str, as_json: bool) -> None:
    """Print what a version says."""
    with connected() as client:
        found = client.prompts.get_version(name, version)
    if as_json:
        return emit_json(found)
    for message in found.messages:
        say(f"[{message.role}]\n{message.template}")
    return None


@prompt_command.command(
    "create", epilog="\b\nExample: treadle prompt create greeting --text 'Hello {{name}}' --message 'shorter'"
)
@click.argument("name")
@click.option("--text", required=True, help="The user message's template, such as 'Hello {{name}}'.")
@click.option("--system", help="A system message's template before it.")
@click.option("--message", default="", help="Why, as in a commit.")
@click.option(
    "--kind", type=click.Choice(["text", "chat"]), default="chat", show_default=True, help="A text may be included."
)
@click.option(
    "--engine", type=click.Choice(["mustache", "jinja"]), default="mustache", show_default=True, help="Its language."
)
@click.option("--input-schema", type=JsonFile(), help="File with the JSON Schema of the variables.")
@click.option("--output-schema", type=JsonFile(), help="File with the JSON Schema of the answer.")
@click.option("--if-latest", type=click.IntRange(0), help="Refuse unless this is the newest version; 0: there is none.")
@json_option
def create(
    name: str,
    text: str,
    system: str | None,
    message: str,
    kind: Kind,
    engine: Engine,
    input_schema: JsonObject | None,
    output_schema: JsonObject | None,
    if_latest: int | None,
    as_json: bool,
) -> None:
    """Add a version to a prompt, making the prompt when it is the first."""
    messages = ([Message(role="system", template=system)] if system else []) + [Message(role="user", template=text)]
    new = NewVersion(
        messages=messages,
        message=message,
        kind=kind,
        engine=engine,
        input_schema=input_schema,
        output_schema=output_schema,
    )
    with connected() as client:
        made = client.prompts.save(name, new, if_latest=if_latest)
    return emit_json(made) if as_json else say(f"prompt '{name}' version {made.version}")


@prompt_command.command("publish", epilog="\b\nExample: treadle prompt publish greeting 2 --label production")
@click.argument("name")
@click.argument("version", type=int)
@click.option("--label", default="production", show_default=True, help="The label to move.")
@click.option("--override", metavar="REASON", help="Go past the label's policy, for this reason; audited.")
@json_option
def publish(name: str, version: int, label: str, override: str | None, as_json: bool) -> None:
    """Point a label at a version."""
    with connected() as client:
        moved = client.prompts.publish(name, version, label=label, override=override)
    return emit_json(moved) if as_json else say(f"'{name}' {moved.name} -> version {moved.version}")


@prompt_command.command(
    "render", epilog="\b\nExample: treadle prompt render greeting --version production --variable name=Ada"
)
@click.argument("name")
@click.option("--version", default="latest", help="A number or a label.")
@click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", help="A text to fill in; repeatable.")
@json_option
def render(name: str, version: str, variables: tuple[str, ...], as_json: bool) -> None:
    """Print a version filled in, as it would be sent."""
    given: dict[str, object] = {}
    for each in variables:
        key, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"'{each}' is no variable; write NAME=VALUE")
        given[key] = value
    with connected() as client:
        found = client.prompts.render(name, version, given)
    if as_json:
        return emit_json(found)
    for message in found.messages:
        say(f"[{message['role']}]\n{message['content']}")
    return None


@prompt_command.command("policies", epilog="\b\nExample: treadle prompt policies")
@json_option
def policies(as_json: bool) -> None:
    """Show what it takes to carry labels."""
    with connected() as client:
        found = client.prompts.list_label_policies()
    if as_json:
        return emit_json(found)
    rows = [
        (each.label, ", ".join(each.roles) if each.roles is not None else "whoever may publish", _needed(each))
        for each in found
    ]
    return emit_table(["label", "moved by", "safety evaluation needed"], rows, empty="no label is protected")


@prompt_command.command(
    "protect", epilog="\b\nExample: treadle prompt protect production --role admin --role owner --safety"
)
@click.argument("label")
@click.option(
    "--role", "roles", multiple=True, help="A role that may move it; repeatable. None given: whoever may publish."
)
@click.option(
    "--safety/--no-safety", default=False, help="Whether a version must have passed a safety evaluation first."
)
@click.option(
    "--pack", "packs", multiple=True, type=click.Choice(ALL_PACKS), help="Which attacks must hold; all when not given."
)
@click.option("--least-held", default=LEAST_HELD, show_default=True, help="Share of each pack that must hold, 0 to 1.")
@click.option(
    "--endpoint", "endpoints", multiple=True, help="Asked through which endpoint; repeatable. None given: through any."
)
@json_option
def protect(
    label: str,
    roles: tuple[str, ...],
    safety: bool,
    packs: tuple[PackName, ...],
    least_held: float,
    endpoints: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what it takes to carry a label, of every prompt."""
    with connected() as client:
        set_ = client.prompts.set_label_policy(
            label, roles=list(roles) or None, needs_safety=safety, safety_packs=packs or ALL_PACKS,
            safety_least_held=least_held, safety_endpoints=list(endpoints) or None,
        )  # fmt: skip
    who = ", ".join(set_.roles) if set_.roles is not None else "whoever may publish"
    needs = f"after a safety evaluation: {_needed(set_)}" if set_.needs_safety else "without a safety evaluation"
    return emit_json(set_) if as_json else say(f"label '{label}' is moved by {who}, {needs}")


def _needed(policy: LabelPolicy) -> str:
    """Return what a label's policy asks of a safety evaluation, in words."""
    if not policy.needs_safety:
        return "none"
    through = "" if policy.safety_endpoints is None else f" through {' or '.join(policy.safety_endpoints)}"
    return f"{100 * policy.safety_least_held:.0f} % of {', '.join(policy.safety_packs)} held{through}"
