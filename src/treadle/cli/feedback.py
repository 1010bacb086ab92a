"""`treadle feedback`: add, list."""

from __future__ import annotations

import click

from treadle.cli.asking import SURE_ID, full_id
from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.feedback.types import Feedback, FeedbackFilter, NewFeedback

_SOURCES = click.Choice(["human", "user", "signal", "code"])


@click.group("feedback")
def feedback_command() -> None:
    """Feedback: what people and signals say about answers."""


@feedback_command.command(
    "add",
    epilog="\b\nExample: treadle feedback add 01a1fc101c1599530e9c47eea008804b correct --value 0 --expected refund_request",
)
@click.argument("trace_id")
@click.argument("name")
@click.option("--value", type=float, help="A number; for bad-or-good judgements 0 is bad.")
@click.option("--low", type=float, help="Smallest value of its scale, such as 1 of 1 to 5.")
@click.option("--high", type=float, help="Largest value of its scale.")
@click.option("--label", help="A category.")
@click.option("--comment", help="What there is to say about it.")
@click.option("--expected", "expected_output", help="What the answer should have been.")
@click.option("--source", type=_SOURCES, default="human", show_default=True, help="Who judges.")
@click.option("--user", "user_id", help="Which of the application's users says it.")
@click.option("--span", "span_id", help="The step of the answer that is judged; the whole when left out.")
@click.option("--key", help="Makes repeating safe: the same key again is the same feedback.")
@json_option
def add(as_json: bool, **said: object) -> None:
    """Say something about an answer: NAME is what is judged, such as 'correct'."""
    given = str(said["trace_id"])
    new = NewFeedback.model_validate({**said, "trace_id": given.ljust(32, "0")})  # refused before anything is asked
    with connected() as client:
        kept = client.feedback.add(new.model_copy(update={"trace_id": full_id(client, given, shortest=SURE_ID)}))
    return emit_json(kept) if as_json else say(f"kept as '{kept.feedback_id}'")


@feedback_command.command("list", epilog="\b\nExample: treadle feedback list --endpoint support --corrections")
@click.option("--trace", "trace_id", help="Only about this answer.")
@click.option("--name", help="Only what judges this, such as 'correct'.")
@click.option("--source", type=_SOURCES, help="Only judged by them.")
@click.option("--endpoint", help="Only about answers of this endpoint.")
@click.option("--corrections", "is_correction", is_flag=True, default=None, help="Only those with a better answer.")
@click.option("--whole", "is_of_whole", is_flag=True, default=None, help="Leave out what is about a single step.")
@click.option("--current", "is_current", is_flag=True, default=None, help="Leave out what was said anew or taken back.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def list_(limit: int, cursor: str | None, as_json: bool, **wanted: object) -> None:
    """List feedback, newest first."""
    with connected() as client:
        page = client.feedback.list_(FeedbackFilter.model_validate(wanted), limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [(f.trace_id, f.name, _said(f), f.comment, f.source, f.created_at) for f in page.items]
    headers = ["trace", "name", "said", "comment", "source", "when"]
    return emit_table(headers, rows, empty="no feedback matches; give some: treadle feedback add TRACE NAME --value 1")


def _said(feedback: Feedback) -> str:
    said = [None if feedback.value is None else f"{feedback.value:g}", feedback.label]
    if feedback.expected_output is not None:
        said.append(f"should be: {feedback.expected_output}")
    return ", ".join(text for text in said if text is not None)
