"""`treadle survey`: put, list, results, answers."""

from __future__ import annotations

import click

from treadle.cli.output import cell, connected, emit_json, emit_table, json_option, note, say
from treadle.cli.queue import FIELD_FORMS, parse_field
from treadle.client.client import Client
from treadle.core.errors import Denied, NotFound
from treadle.feedback.labels.types import Answers
from treadle.feedback.surveys.types import FieldResult, NewSurvey


@click.group("survey")
def survey_command() -> None:
    """Short questionnaires that an application shows in its sessions."""


@survey_command.command(
    "put", epilog="\b\nExample: treadle survey put nps --endpoint support --field recommend:number:0-10"
)
@click.argument("name")
@click.option("--endpoint", help="The endpoint whose sessions are asked; all sessions when left out.")
@click.option("--field", "fields", multiple=True, required=True, help=f"A question (repeatable): {FIELD_FORMS}.")
@click.option("--title", default="", help="What people see above the questions.")
@click.option("--share", default=1.0, show_default=True, help="Share of sessions that are asked, 0-1.")
@click.option("--closed", is_flag=True, help="Show it no more and take no more answers.")
@json_option
def put(fields: tuple[str, ...], closed: bool, as_json: bool, **wanted: object) -> None:
    """Make a survey, or change the one of this name; answers stay."""
    asked = [parse_field(text) for text in fields]
    with connected() as client:
        made = client.surveys.put(NewSurvey.model_validate({**wanted, "fields": asked, "is_open": not closed}))
        lacks = made.endpoint if made.endpoint is not None and not _is_there(client, made.endpoint) else None
    if as_json:
        return emit_json(made)
    whose = "all sessions" if made.endpoint is None else f"the sessions of '{made.endpoint}'"
    say(f"survey '{made.name}' asks {made.share:.0%} of {whose}")
    if lacks is None:
        return None
    return note(
        f"there is no endpoint '{lacks}', so nobody is asked yet; see which there are: treadle endpoint list, "
        f"or leave --endpoint out to ask all sessions"
    )


@survey_command.command("list", epilog="\b\nExample: treadle survey list")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def list_(limit: int, cursor: str | None, as_json: bool) -> None:
    """List surveys by name."""
    with connected() as client:
        page = client.surveys.list_(limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [
        (s.name, s.endpoint or "all", [field.name for field in s.fields], s.is_open, s.num_answers) for s in page.items
    ]
    empty = "no surveys yet; make one: treadle survey put NAME --field helpful:boolean"
    return emit_table(["name", "endpoint", "asks for", "open", "answers"], rows, empty=empty)


@survey_command.command("results", epilog="\b\nExample: treadle survey results nps")
@click.argument("name")
@json_option
def results(name: str, as_json: bool) -> None:
    """Tell what each question came to for each release, with 95 % intervals."""
    with connected() as client:
        told = client.surveys.get_results(name)
    if as_json:
        return emit_json(told)
    rows = [(one.name, one.release_id, one.num_answers, _said(one)) for one in told]
    return emit_table(["question", "release", "answers", "said"], rows, empty="nobody has answered yet")


@survey_command.command("answers", epilog="\b\nExample: treadle survey answers nps")
@click.argument("name")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def answers(name: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """List what sessions answered, words included, newest first."""
    with connected() as client:
        page = client.surveys.list_answers(name, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [(a.session_id, a.user_id, a.release_id, _words(a.answers), a.created_at) for a in page.items]
    return emit_table(["session", "user", "release", "said", "when"], rows, empty="nobody has answered yet")


def _is_there(client: Client, endpoint: str) -> bool:
    try:
        client.endpoints.get(endpoint)
    except NotFound:
        return False
    except Denied:  # whoever may not see endpoints is told nothing about them
        return True
    return True


def _words(answers: Answers) -> str:
    return ", ".join(f"{name}: {cell(value)}" for name, value in answers.items())


def _said(one: FieldResult) -> str | None:
    if one.mean is not None:
        return f"{one.mean:.2f}" + (
            f" ({one.low:.2f} to {one.high:.2f})" if one.low is not None else " (too few to tell)"
        )
    return (
        ", ".join(f"{each.label} {each.share:.0%} ({each.low:.0%} to {each.high:.0%})" for each in one.shares) or None
    )
