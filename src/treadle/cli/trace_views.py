"""`treadle trace views`, `keep-view`, `remove-view`: filters of lists that people keep."""

from __future__ import annotations

from typing import get_args

import click

from treadle.cli.asking import QUERY, query_argument
from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.client.client import Client
from treadle.traces.asking.types import WORDED, Listed, NewView, View


@click.command("views", epilog="\b\nExample: treadle trace views")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def views(limit: int, as_json: bool) -> None:
    """List kept filters of all lists: yours, and those that are shared."""
    with connected() as client:
        page = client.traces.list_views(limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(one.name, one.subject, _said_of(one), "shared" if one.is_shared else "yours") for one in page.items]
    empty = "no view is kept; keep one with: treadle trace keep-view slow 'latency>2s'"
    return emit_table(["view", "of", "filter", "whose"], rows, empty=empty)


@click.command(
    "keep-view",
    context_settings=QUERY,
    epilog="\b\nExample: treadle trace keep-view slow 'latency>2s age<24h' --shared",
)
@click.argument("name")
@query_argument()
@click.option(
    "--of", "subject", type=click.Choice(get_args(Listed)), default="trace", show_default=True, help="Which list."
)
@click.option(
    "--search",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of any list but traces and spans: a filter as its page and the API name it, such as status=failed.",
)
@click.option("--shared", is_flag=True, help="Let everybody in the project see it.")
@json_option
def keep_view(name: str, query: str, subject: Listed, search: tuple[str, ...], shared: bool, as_json: bool) -> None:
    """Keep a filter under a name; list with it: treadle trace list --view NAME, or in the web page of its list."""
    if not query.strip() and not search:
        raise click.UsageError("an empty filter finds everything; give one, such as 'latency>2s'")
    told = dict(_named(one) for one in search)
    with connected() as client:
        view = client.traces.put_view(name, NewView(q=query, subject=subject, search=told, is_shared=shared))
    return emit_json(view) if as_json else say(f"view '{view.name}' is kept: {_said_of(view)}")


@click.command("remove-view", epilog="\b\nExample: treadle trace remove-view slow")
@click.argument("name")
@json_option
def remove_view(name: str, as_json: bool) -> None:
    """Keep a filter of yours no longer."""
    with connected() as client:
        client.traces.delete_view(name)
    return emit_json({"removed": name}) if as_json else say(f"view '{name}' is gone")


def narrowed(client: Client, name: str | None, query: str) -> str:
    """Return the filter in words that a kept one and further words make together; one of a list that knows no words is refused."""
    if name is None:
        return query
    view = client.traces.get_view(name)
    if view.subject not in WORDED:
        raise click.UsageError(
            f"view '{view.name}' is of a list of {view.subject}s; see what is kept with: treadle trace views"
        )
    return f"({view.q}) ({query})" if view.q and query else view.q or query


def _named(said: str) -> tuple[str, str]:
    name, is_told, value = said.partition("=")
    if not is_told or not value:
        raise click.BadParameter(
            f"'{said}' names nothing; write NAME=VALUE, such as status=failed", param_hint="--search"
        )
    return name, value


def _said_of(view: View) -> str:
    return view.q or " ".join(f"{name}={value}" for name, value in view.search.items())
