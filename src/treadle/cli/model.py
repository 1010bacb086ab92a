"""`treadle model`: list, versions, card, alias, file, register; the catalogue and choosing are in rooms beside it."""

from __future__ import annotations

from pathlib import Path

import click

from treadle.cli import model_catalogue, model_choose
from treadle.cli.output import connected, emit_json, emit_table, json_option, say, search_option, unless_sought


@click.group("model")
def model_command() -> None:
    """Models, their versions, aliases and cards; the catalogue, and choosing from it."""


for command in (
    model_catalogue.catalogue,
    model_catalogue.facts,
    model_catalogue.state,
    model_catalogue.forget,
    model_choose.choose,
    model_choose.choices,
    model_choose.choice,
):
    model_command.add_command(command)


@model_command.command("list", epilog="\b\nExample: treadle model list")
@search_option
@click.option("--alias", help="Only models with this alias on a version.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(q: str | None, alias: str | None, limit: int, as_json: bool) -> None:
    """List models with their aliases."""
    with connected() as client:
        page = client.models.list_(q=q, alias=alias, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (m.name, m.latest_version, [f"{name} -> {version}" for name, version in m.aliases.items()], m.created_at)
        for m in page.items
    ]
    return emit_table(
        ["name", "versions", "aliases", "created"],
        rows,
        empty=unless_sought("no models yet; make one: treadle train base --help", q, alias),
    )


@model_command.command("versions", epilog="\b\nExample: treadle model versions support")
@click.argument("name")
@json_option
def versions(name: str, as_json: bool) -> None:
    """List the versions of a model, newest first."""
    with connected() as client:
        found = client.models.list_versions(name)
    if as_json:
        return emit_json(found)
    rows = [
        (
            v.version,
            v.kind,
            f"{v.parameters_count:,}" if v.parameters_count else None,
            f"{v.size_bytes:,}",
            v.licence,
            v.model_version_id,
            v.created_at,
        )
        for v in found
    ]
    columns = ["version", "kind", "weights", "bytes", "licence", "id", "created"]
    return emit_table(columns, rows, empty="no versions")


@model_command.command("card", epilog="\b\nExample: treadle model card support --version 2")
@click.argument("name")
@click.option("--version", default="latest", help="A number or an alias.")
@json_option
def card(name: str, version: str, as_json: bool) -> None:
    """Print what a version is, was made from, can do and cannot, as Markdown."""
    with connected() as client:
        found = client.models.get_card(name, version)
    return emit_json(found) if as_json else say(found.markdown.rstrip("\n"))


@model_command.command("alias", epilog="\b\nExample: treadle model alias support champion 2")
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=int)
@json_option
def alias(name: str, alias: str, version: int, as_json: bool) -> None:
    """Point an alias at a version."""
    with connected() as client:
        moved = client.models.set_alias(name, alias, version)
    return emit_json(moved) if as_json else say(f"'{name}' {moved.name} -> version {moved.version}")


@model_command.command("file", epilog="\b\nExample: treadle model file support model.gguf --out support.gguf")
@click.argument("name")
@click.argument("path")
@click.option("--version", default="latest", help="A number or an alias.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to; the file's own name by default."
)
@json_option
def file(name: str, path: str, version: str, out: Path | None, as_json: bool) -> None:
    """Fetch one file of a version, such as model.gguf."""
    target = out or Path(Path(path).name)
    with connected() as client:
        content = client.models.read_file(name, version, path)
    target.write_bytes(content)
    if as_json:
        return emit_json({"file": str(target), "size_bytes": len(content)})
    return say(f"{len(content):,} bytes in '{target}'")


@model_command.command(
    "register", epilog="\b\nExample: treadle model register assistant --provider openai --model gpt-5-mini"
)
@click.argument("name")
@click.option("--provider", required=True, help="Who runs it, as the gateway knows it: openai, anthropic ...")
@click.option("--model", required=True, help="The provider's own name of the model.")
@click.option("--licence", help="Its terms.")
@json_option
def register(name: str, provider: str, model: str, licence: str | None, as_json: bool) -> None:
    """Register a provider's model as a version, so that releases can point at it."""
    with connected() as client:
        made = client.models.register_provider_version(name, provider=provider, model=model, licence=licence)
    return emit_json(made) if as_json else say(f"model '{name}' version {made.version}: {made.model_version_id}")
