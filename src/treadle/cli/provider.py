"""`treadle provider`: add, change, list, show, key, check, remove, presets. A key is never an argument: arguments are public."""

from __future__ import annotations

import sys
from typing import cast, get_args

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, note, say
from treadle.gateway.providers.types import ChangedProvider, ConfiguredKind, NewProvider, Provider

_FAILED = 7
"""Exit code of a check that found a fault: what we depend on does not answer."""


@click.group("provider")
def provider_command() -> None:
    """Providers: where requests may be sent, and their keys."""


@provider_command.command("add", epilog="\b\nExample: treadle provider add openai < key.txt")
@click.argument("name")
@click.option(
    "--preset", help="Start from a known provider; by itself NAME is tried as one. See: treadle provider presets"
)
@click.option("--kind", type=click.Choice(get_args(ConfiguredKind)), help="What it speaks, without a preset.")
@click.option("--url", "base_url", help="Base URL, such as https://api.example.com/v1")
@click.option("--region", help="For routing by region and for Bedrock.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of its kind; may be repeated."
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request; may be repeated."
)
@click.option("--private/--public", default=None, help="Whether it may be at a private address (owners only).")
@click.option(
    "--max-connections",
    default=200,
    show_default=True,
    type=click.IntRange(1, 5000),
    help="At most so many at once, per process.",
)
@click.option("--no-key", is_flag=True, help="Store no key.")
@json_option
def add(
    name: str,
    preset: str | None,
    kind: str | None,
    base_url: str | None,
    region: str | None,
    options: tuple[str, ...],
    headers: tuple[str, ...],
    private: bool | None,
    max_connections: int,
    no_key: bool,
    as_json: bool,
) -> None:
    """Add a provider; its key is read from standard input, or typed unseen.

    \b
    treadle provider add openai < key.txt
    treadle provider add gpu --preset vllm --url http://10.0.0.7:8000/v1 --no-key
    treadle provider add acme --kind openai --url https://llm.acme.example/v1 < key.txt
    """
    with connected() as client:
        if preset is None and kind is None:
            preset = name if any(name == known.name for known in client.providers.list_presets()) else None
        if preset is None and (kind is None or base_url is None):
            raise click.UsageError(
                f"'{name}' is not a known provider (see: treadle provider presets), so it needs --kind and --url; or give --preset"
            )
        new = NewProvider(
            name=name,
            preset=preset,
            kind=cast(ConfiguredKind | None, kind),
            base_url=base_url,
            secret=None if no_key else _read_key(),
            headers=_pairs(headers, "--header"),
            region=region,
            options=_pairs(options, "--option"),
            private=private,
            max_connections=max_connections,
        )
        made = client.providers.create(new)
    if as_json:
        return emit_json(made)
    kept = "its key is stored" if made.has_secret else "no key is stored"
    say(f"provider '{made.name}' ({made.kind}) at {made.base_url}; {kept}")
    return note(f"check it: treadle provider check {made.name}")


@provider_command.command(
    "change", epilog="\b\nExample: treadle provider change acme --url https://llm.acme.example/v2 --key < key.txt"
)
@click.argument("name")
@click.option("--kind", type=click.Choice(get_args(ConfiguredKind)), help="What it speaks.")
@click.option("--url", "base_url", help="Base URL; another one drops the stored key, unless --key gives a new one.")
@click.option("--region", help="For routing by region and for Bedrock; empty for none.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of its kind; NAME= takes it away."
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request; NAME= takes it away."
)
@click.option("--private/--public", default=None, help="Whether it may be at a private address (owners only).")
@click.option("--max-connections", type=click.IntRange(1, 5000), help="At most so many at once, per process.")
@click.option("--key", "has_key", is_flag=True, help="Read a new key from standard input, or typed unseen.")
@json_option
def change(
    name: str,
    region: str | None,
    options: tuple[str, ...],
    headers: tuple[str, ...],
    has_key: bool,
    as_json: bool,
    **said: object,
) -> None:
    """Change a provider; what is left out stays as it is."""
    secret = _read_key() if has_key else None
    with connected() as client:
        now = client.providers.get(name)
        wanted = {field: getattr(now, field) for field in ChangedProvider.model_fields if field != "secret"}
        wanted |= {field: value for field, value in said.items() if value is not None}
        wanted["region"] = now.region if region is None else region or None
        wanted["options"] = _changed(now.options, _pairs(options, "--option"))
        wanted["headers"] = _changed(now.headers, _pairs(headers, "--header"))
        changed = client.providers.change(
            name, ChangedProvider.model_validate({**wanted, "secret": secret}), if_revision=now.revision
        )
    if as_json:
        return emit_json(changed)
    say(f"provider '{changed.name}' ({changed.kind}) at {changed.base_url} is changed")
    return note(changed.notice) if changed.notice else None


@provider_command.command("list", epilog="\b\nExample: treadle provider list")
@json_option
def list_(as_json: bool) -> None:
    """List the providers."""
    with connected() as client:
        found = client.providers.list_()
    if as_json:
        return emit_json(found)
    rows = [(each.name, each.kind, each.base_url, each.has_secret, each.private, each.region) for each in found]
    return emit_table(
        ["name", "kind", "base URL", "key", "private", "region"],
        rows,
        empty="no providers yet; add one: treadle provider add openai < key.txt",
    )


@provider_command.command("presets", epilog="\b\nExample: treadle provider presets")
@json_option
def presets(as_json: bool) -> None:
    """List the providers that are known by name."""
    with connected() as client:
        found = client.providers.list_presets()
    if as_json:
        return emit_json(found)
    rows = [(each.name, each.title, each.kind, each.base_url, each.key_from or "no key") for each in found]
    return emit_table(["name", "provider", "kind", "base URL", "key from"], rows, empty="there are none")


@provider_command.command("show", epilog="\b\nExample: treadle provider show openai")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one provider."""
    with connected() as client:
        found = client.providers.get(name)
    if as_json:
        return emit_json(found)
    return emit_facts([(field, _words(found, field)) for field in type(found).model_fields if field != "notice"])


@provider_command.command("key", epilog="\b\nExample: treadle provider key openai < key.txt")
@click.argument("name")
@json_option
def key(name: str, as_json: bool) -> None:
    """Store a provider's key, read from standard input or typed unseen."""
    value = _read_key()
    if value is None:
        raise click.UsageError("no key came on standard input; try: treadle provider key NAME < key.txt")
    with connected() as client:
        changed = client.providers.set_key(name, value)
    if as_json:
        return emit_json(changed)
    say(f"the key of provider '{name}' is stored")
    return note(f"check it: treadle provider check {name}")


@provider_command.command("check", epilog="\b\nExample: treadle provider check openai --model gpt-5-mini")
@click.argument("name")
@click.option("--model", help="A model to ask for one word; without it the models are listed, which costs nothing.")
@json_option
def check(name: str, model: str | None, as_json: bool) -> None:
    """Make one tiny real call and say what is wrong; the exit code is 7 if anything is."""
    with connected() as client:
        found = client.providers.check(name, model=model)
    if as_json:
        emit_json(found)
    else:
        say(f"{'works' if found.is_working else 'does not work'}: {found.message} ({found.latency_ms:.0f} ms)")
    if not found.is_working:
        sys.exit(_FAILED)


@provider_command.command("remove", epilog="\b\nExample: treadle provider remove openai")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget a provider and its key."""
    with connected() as client:
        client.providers.remove(name)
    return emit_json({"removed": name}) if as_json else say(f"provider '{name}' and its key are forgotten")


def _read_key() -> str | None:
    if sys.stdin.isatty():
        return click.prompt("key (empty for none)", hide_input=True, default="", show_default=False) or None
    return sys.stdin.read().strip() or None


def _changed(now: dict[str, str], said: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in {**now, **said}.items() if value}


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{option} '{text}' is not NAME=VALUE")
        pairs[name.strip().lower()] = value.strip()
    return pairs


def _words(provider: Provider, field: str) -> object:
    value = getattr(provider, field)
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or None
    return value
