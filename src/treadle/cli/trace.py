"""`treadle trace`: list, spans, sessions, users, views, show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import click

from treadle.cli import trace_keeping, trace_views
from treadle.cli.asking import (
    QUERY,
    SHOWN_ID,
    Moment,
    cost_in_words,
    full_id,
    full_span_id,
    nothing_matches,
    query_argument,
)
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say, terminal_width
from treadle.cli.span import count_in_words, print_content, tokens_in
from treadle.cli.trace_views import narrowed
from treadle.core.types import JsonValue
from treadle.feedback.types import FeedbackFilter
from treadle.traces.asking.types import LookedPage, PartyPage, SpanLine, TreeRow
from treadle.traces.types import Score, Trace, TraceFilter

_WIDTH, _NARROW_WIDTH, _NARROW_WORD = 48, 28, 14
_WIDE = 160
"""Columns of a terminal in which whole ids and longer texts have room."""
_NO_TRACES = "no traces yet; call an endpoint, or trace an application of yours (docs/tracing.md), then look again: treadle trace list"
_CONTENTS = 10
_TELLING = ("llm", "agent", "retrieval", "rerank", "tool")
"""Kinds whose content is printed with the tree."""
_COUNTED = {
    "sums": "from the sums that are kept by minute and hour: a request that the gateway answered within a trace counts beside it",
    "newest": "only the newest {num:,} that match, because their content decides",
    "sample": "estimated from {num:,} traces, the newest of each quarter of a step",
}
"""How a chart was counted where it is not of every trace that matches."""
_NAMED_BY = {"session": "the header x-session-id", "user": "the field `user`"}


@click.group("trace")
def trace_command() -> None:
    """Traces: what endpoints and applications were asked, what they did and what they answered."""


for _command in (
    *(trace_keeping.export, trace_keeping.import_, trace_keeping.keep, trace_keeping.capture),
    *(trace_views.views, trace_views.keep_view, trace_views.remove_view),
):
    trace_command.add_command(_command)


@trace_command.command(
    "list", context_settings=QUERY, epilog="\b\nExample: treadle trace list 'status:error latency>2s -user:demo'"
)
@query_argument()
@click.option("--view", help="Only those of this kept filter, too.")
@click.option("--endpoint", help="Only this endpoint's.")
@click.option("--release", "release_id", help="Only answers of this release.")
@click.option("--rollout", "rollout_id", help="Only traffic of this rollout.")
@click.option("--arm", type=click.Choice(["stable", "candidate"]), help="Only answers of this arm.")
@click.option("--status", type=click.Choice(["ok", "error", "cancelled"]), help="Only those that ended so.")
@click.option("--session", "session_id", help="Only this session's.")
@click.option(
    "--since",
    type=Moment(),
    metavar="TIME",
    help="Started then or later (UTC): 2026-11-21, or 2026-11-21T14:30:00.",
)
@click.option("--until", type=Moment(), metavar="TIME", help="Started before then (UTC).")
@click.option("--text", help="Only those with all these words, in any of their spans.")
@click.option("--score", help="Only those with a score of this name, such as 'correct'.")
@click.option("--score-from", type=float, help="Smallest value of that score.")
@click.option("--score-to", type=float, help="Largest value of that score.")
@click.option(
    "--sort",
    default="newest",
    show_default=True,
    type=click.Choice(["newest", "latency", "cost"]),
    help="What comes first; the largest are those of the time that is asked for, or of the last day.",
)
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def list_(
    query: str,
    view: str | None,
    sort: Literal["newest", "latency", "cost"],
    limit: int,
    cursor: str | None,
    as_json: bool,
    **wanted: object,
) -> None:
    """List traces, newest first, or the slowest or dearest. QUERY is a filter in words; options must hold, too.

    Fields (status endpoint release session user model tool latency cost tokens age ...), score.NAME and attr.NAME with
    : < > and *, words to find, -x for not x, (a or b).
    """
    with connected() as client:
        empty = nothing_matches(query, view is not None or any(one is not None for one in wanted.values()), _NO_TRACES)
        wanted["q"] = narrowed(client, view, query) or None
        page = client.traces.list_(TraceFilter.model_validate(wanted), limit=limit, cursor=cursor, sort=sort)
    if as_json:
        return emit_json(page)
    is_narrow = (terminal_width() or _WIDE) < _WIDE
    columns: dict[str, list[JsonValue]] = {
        "trace": [t.trace_id[:SHOWN_ID] if is_narrow else t.trace_id for t in page.items],
        "started": [t.started_at for t in page.items],
        "name": [t.endpoint or t.name for t in page.items],
        "arm": [t.arm for t in page.items],
        "status": [t.error_code or t.status for t in page.items],
        "took": [f"{t.latency_ms:.0f} ms" for t in page.items],
        "cost USD": [t.cost_usd for t in page.items] if sort == "cost" else [],
        "asked": [_line(t.input_text, is_narrow) for t in page.items],
        "answered": [_line(t.output_text or t.error_message or "", is_narrow) for t in page.items],
        "scores": [list(_scores(t.scores)) for t in page.items],
    }
    shown = [name for name, values in columns.items() if any(values) or name not in ("arm", "scores", "cost USD")]
    emit_table(shown, list(zip(*(columns[name] for name in shown), strict=True)), empty=empty)
    return _tell_more(page)


@trace_command.command(
    "spans",
    context_settings=QUERY,
    epilog="\b\nExample: treadle trace spans 'kind:llm model:gpt-4o* output_tokens>500'",
)
@query_argument()
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def spans(query: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """List single spans, newest stored first. QUERY is a filter in words, as for traces."""
    with connected() as client:
        page = client.traces.list_spans(query, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [
        (one.trace_id, one.span_id, one.started_at, one.kind, one.name, one.error_code or one.status,
         f"{one.latency_ms:.0f} ms", one.model or one.tool_name, count_in_words(one.output_tokens))
        for one in page.items
    ]  # fmt: skip
    headers = ["trace", "span", "started", "kind", "name", "status", "took", "model or tool", "tokens out"]
    emit_table(headers, rows, empty=nothing_matches(query, False, _NO_TRACES))
    return _tell_more(page)


@trace_command.command(
    "chart", context_settings=QUERY, epilog="\b\nExample: treadle trace chart 'endpoint:support age<7d' --bars 28"
)
@query_argument()
@click.option("--view", help="Only those of this kept filter, too.")
@click.option("--bars", default=24, show_default=True, type=click.IntRange(1, 200), help="Steps of time at the most.")
@json_option
def chart(query: str, view: str | None, bars: int, as_json: bool) -> None:
    """Show how many traces there were over time, with errors, latency and cost. QUERY is a filter in words, as for list.

    Of the time that the filter names, or else of the last day that had any.
    """
    with connected() as client:
        told = client.traces.chart(narrowed(client, view, query), bars=bars)
    if as_json:
        return emit_json(told)
    rows: list[list[JsonValue]] = [
        [
            _time(bar.at),
            bar.count,
            bar.error_count,
            None if bar.latency_p95_ms is None else f"{bar.latency_p95_ms:.0f} ms",
            cost_in_words(bar.cost_usd, bar.unpriced_count),
        ]
        for bar in told.bars
    ]
    emit_table(
        ["from", "traces", "failed", "p95", "cost"], rows, empty=nothing_matches(query, view is not None, _NO_TRACES)
    )
    if told.counted != "all":
        note(_COUNTED[told.counted].format(num=told.looked_count))
    for days in told.left_out:
        note(
            f"archived days from {days.first} to {days.last} are left out, for only so much of the archive is read for a chart; "
            "ask for a shorter time, such as started>=DAY started<DAY"
        )
    return None


@trace_command.command("sessions", epilog="\b\nExample: treadle trace sessions --limit 10")
@click.option("--search", "q", help="Only those with this in their names, in any case.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def sessions(q: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List sessions with what they came to, those that were seen last first."""
    with connected() as client:
        page = client.traces.list_sessions(q=q, limit=limit, cursor=cursor)
    return emit_json(page) if as_json else _print_parties("session", page)


@trace_command.command("users", epilog="\b\nExample: treadle trace users --limit 10")
@click.option("--search", "q", help="Only those with this in their names, in any case.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def users(q: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List end users of the applications with what their traces came to, those that were seen last first."""
    with connected() as client:
        page = client.traces.list_users(q=q, limit=limit, cursor=cursor)
    return emit_json(page) if as_json else _print_parties("user", page)


@trace_command.command(
    "show", epilog="\b\nExample: treadle trace show 01a1fc101c1599530e9c47eea008804b --below 00f067aa0ba902b7"
)
@click.argument("trace_id")
@click.option("--below", "parent_id", help="Only what is below this span.")
@click.option("--levels", type=click.IntRange(min=1), help="Only so many levels deep.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500), help="At most so many spans.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@click.option("--span", "span_id", help="Print this span with its content and nothing else.")
@json_option
def show(
    trace_id: str,
    parent_id: str | None,
    levels: int | None,
    limit: int,
    cursor: str | None,
    span_id: str | None,
    as_json: bool,
) -> None:
    """Print one trace of any size: its spans as a tree, what it waited for, and what was asked and answered.

    The first 10 spans that say something are printed with it, any other with --span; * marks the critical path.
    """
    with connected() as client:
        trace_id = full_id(client, trace_id)
        span_id, parent_id = (each and full_span_id(client, trace_id, each) for each in (span_id, parent_id))
        if span_id is not None:
            span = client.traces.get_span(trace_id, span_id)
            if as_json:
                return emit_json(span)
            say(
                f"{span.kind} '{span.name}' {span.status} in {span.latency_ms:.1f} ms{tokens_in(span)} ({span.span_id})"
            )
            print_content(span, "  ")
            return None
        tree = client.traces.tree(trace_id, parent_id=parent_id, levels=levels, limit=limit, cursor=cursor)
        if as_json:
            return emit_json(tree)
        shown = 0
        for row in tree.rows:
            _print_row(row)
            if shown < _CONTENTS and (row.depth == 0 or row.kind in _TELLING):
                shown += print_content(client.traces.get_span(trace_id, row.span_id), "  " * row.depth + "    ")
        about = FeedbackFilter(trace_id=trace_id, is_correction=True, is_current=True)
        corrections = client.feedback.list_(about, limit=_CONTENTS).items if tree.trace.scores else []
    for score in tree.trace.scores:
        say(f"score {_scored(score)} ({score.source})")
    for one in corrections:
        say(f"should be: {one.expected_output} ({one.name}, {one.source})")
    used = [tree.input_tokens, tree.output_tokens]
    tokens = used if any(used) else [tree.trace.input_tokens, tree.trace.output_tokens]
    known = tree.cost_usd or (tree.trace.cost_usd if not tree.unpriced_count else None)
    cost = f"{count_in_words(tokens[0])} tokens in, {count_in_words(tokens[1])} out, cost {cost_in_words(known, tree.unpriced_count)}"
    note(f"{tree.span_count} spans, {tree.error_count} failed, {tree.depth} levels; {cost}")
    if len(tree.rows) > shown:
        note(f"a span with all that it says: treadle trace show {trace_id} --span SPAN")
    for step in tree.critical_path[:3]:
        note(f"waited {step.own_ms:.1f} ms for {step.kind} '{step.name}' itself ({step.span_id})")
    if tree.next_cursor is not None:
        note(
            f"{tree.span_count - len(tree.rows)} spans are not shown; go on with --cursor {tree.next_cursor}, or look --below a span"
        )
    if tree.from_archive:
        note("this comes from the archive")
    return note(f"where it comes from: treadle lineage show {trace_id}")


def _print_row(row: TreeRow) -> None:
    tokens = tokens_in(row)
    below = f", {row.descendant_count} spans below" if row.descendant_count else ""
    mark = "*" if row.critical_ms > 0 else " "
    say(
        f"{mark} {'  ' * row.depth}{row.kind} '{row.name}' {row.status} in {row.latency_ms:.1f} ms{tokens}{below} ({row.span_id})"
    )
    if row.error_message:
        say(f"  {'  ' * row.depth}  {row.error_code}: {row.error_message}")


def _print_parties(noun: str, page: PartyPage) -> None:
    rows = [
        (one.name, one.first_at, one.last_at, one.trace_count, one.error_count, one.input_tokens, one.output_tokens,
         cost_in_words(one.cost_usd, one.unpriced_count), [score.name if score.mean is None else f"{score.name}={score.mean:.2f}" for score in one.scores])
        for one in page.items
    ]  # fmt: skip
    headers = [noun, "first", "last", "traces", "errors", "tokens in", "tokens out", "cost", "scores"]
    emit_table(
        headers,
        rows,
        empty="none of those that were looked through so far"
        if page.stopped_early
        else f"no trace names a {noun}; callers of endpoints do with {_NAMED_BY[noun]}, applications with "
        f"treadle.trace(..., {noun}_id=...): see docs/tracing.md",
    )
    if page.stopped_early:
        note("stopped after as many names as one request looks through; there may be more")
    if page.leaves_out_archive:
        note("archived days are not among these; see what is there with: treadle trace list")
    if page.next_cursor is not None:
        note(f"go on with --cursor {page.next_cursor}")


def _tell_more(page: LookedPage[Trace] | LookedPage[SpanLine]) -> None:
    if page.stopped_early:
        note("stopped after as much as one request looks through; there may be more")
    if page.from_archive:
        note("archived days were looked through, too")
    if page.next_cursor is not None:
        note(f"go on with --cursor {page.next_cursor}")


def _scores(scores: Sequence[Score]) -> Iterator[str]:
    """Yield each score once, with who said it where they do not agree."""
    told: dict[str, dict[str, str]] = {}
    for score in scores:
        told.setdefault(score.name, {}).setdefault(_scored(score), score.source)
    for said in told.values():
        yield from (f"{text} ({source})" if len(said) > 1 else text for text, source in said.items())


def _scored(score: Score) -> str:
    said = score.label if score.value is None else f"{score.value:g}"
    return score.name if said is None else f"{score.name}={said}"


def _line(text: str, is_narrow: bool) -> str:
    """Return the beginning of a text; in a narrow table without words that have no room there."""
    words = text.split()
    if is_narrow:
        words = [word if len(word) <= _NARROW_WORD else f"{word[: _NARROW_WORD - 1]}…" for word in words]
    flat, width = " ".join(words), _NARROW_WIDTH if is_narrow else _WIDTH
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
