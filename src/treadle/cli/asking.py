"""What commands that ask for traces share: a filter as it is typed, ids that are cut short, costs in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import click

from treadle.client.client import Client
from treadle.core.errors import InvalidInput

F = TypeVar("F", bound=Callable[..., Any])

QUERY: dict[str, Any] = {"ignore_unknown_options": True}
"""Context of a command that takes a filter, which may begin with '-' for 'not'."""
SHOWN_ID = 16
"""Digits of an id in a narrow table; ids of ours begin with the time, so that these tell them apart."""
SURE_ID = 8
"""Digits that a command which writes wants of an id."""
_FULL_ID = 32


class Moment(click.DateTime):
    """A day or a time, told by an example where it is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is no time; write 2026-11-21, or 2026-11-21T14:30:00 (UTC)", param, ctx)


def query_argument(*, required: bool = False) -> Callable[[F], F]:
    """Take the rest of the line as one filter, quoted or not; the command needs the context `QUERY`."""
    return click.argument("query", nargs=-1, required=required, callback=_joined, type=click.UNPROCESSED)


def nothing_matches(query: str, others: bool, nothing: str) -> str:
    """Return what to say of an empty list. others: whether options narrowed it, too; nothing: where nothing did."""
    if not query:
        return "nothing matches these options; leave some out" if others else nothing
    hint = "words are found whole, in any case"
    if re.search(r"(^|\s)not\s", query, re.IGNORECASE):
        hint += "; `not` leaves out what follows it: put it in quotes to look for it"
    return f"nothing matches {query}; {hint}; leave parts out to find more (docs/filters.md)"


def full_id(client: Client, given: str, *, shortest: int = 1) -> str:
    """Return the trace's id that begins so. Raises InvalidInput where several do, and for fewer digits than `shortest`.

    One that nothing begins with is returned as it is, for the error of whoever looks for it.
    """
    if not given.strip():
        raise InvalidInput("no id is given; see which traces there are: treadle trace list", code="cli.id")
    if len(given) >= _FULL_ID or not given.isalnum():
        return given
    found = [trace.trace_id for trace in client.traces.list_(f"trace:{given}*", limit=5).items]
    if not found and len(given) == SHOWN_ID and (spans := client.traces.list_spans(f"span_id:{given}", limit=1).items):
        trace_id = spans[0].trace_id
        raise InvalidInput(
            f"'{given}' is a span of trace '{trace_id}'; show it with: treadle trace show {trace_id} --span {given}",
            code="cli.id",
        )
    if found and len(given) < shortest and given not in found:
        raise InvalidInput(
            f"'{given}' is too short for a trace's id, which may mean another; give {shortest} digits of it or more",
            code="cli.id",
        )
    return given if given in found else _only(given, sorted(found), "traces")


def full_span_id(client: Client, trace_id: str, given: str) -> str:
    """Return the id of a trace's span that begins so; see `full_id`."""
    if len(given) >= SHOWN_ID or not given.isalnum():
        return given
    page = client.traces.list_spans(f"trace:{trace_id} span_id:{given}*", limit=5)
    found = [span.span_id for span in page.items]
    return given if given in found else _only(given, sorted(found), "spans")


def cost_in_words(known: Decimal | None, unpriced_count: int) -> str:
    """Return a sum of costs, as far as it is known."""
    if known is None:
        return "unknown"
    return f"{known} USD" + (f" and {unpriced_count} of unknown price" if unpriced_count else "")


def _only(given: str, found: list[str], noun: str) -> str:
    if len(found) > 1:
        raise InvalidInput(
            f"'{given}' is the beginning of several {noun}: {', '.join(found)}; give more of the id", code="cli.id"
        )
    return found[0] if found else given


def _joined(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> str:
    for word in words:
        if word.startswith("--"):
            raise click.NoSuchOption(word.partition("=")[0], ctx=context)
    return " ".join(words)
