"""`treadle queue next, judge, skip, undo, work`: what a judge does in a terminal.

`work` goes through a queue item by item: each question with its options and the keys that choose them, and keys to skip,
to take back and to stop. It is the same work as with `next`, `judge`, `skip` and `undo` one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import click

from treadle.cli.output import connected, emit_facts, emit_json, json_option, note, say
from treadle.client.client import Client
from treadle.core.errors import Conflict, InvalidInput
from treadle.core.types import JsonValue
from treadle.feedback.labels.answers import fault_of
from treadle.feedback.labels.types import Answers, AnswerValue, Field
from treadle.feedback.queues.types import Queue, Work, asked_of

YES, NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0", "2")
IN_WORDS = ("text", "correction")
Key = Literal["skip", "undo", "stop"]
KEYS: dict[str, Key] = {"s": "skip", "u": "undo", "q": "stop"}
"""Keys of `work`; with a slash before them where words are asked for."""


@click.command("next", epilog="\b\nExample: treadle queue next triage")
@click.argument("name")
@click.option("--ahead", default=0, type=click.IntRange(0, 20), help="Open so many more beside it.")
@json_option
def next_(name: str, ahead: int, as_json: bool) -> None:
    """Reserve the next item for you and show it, with what is asked about it."""
    with connected() as client:
        queue, opened = client.queues.get(name), client.queues.open_next(name, ahead=ahead)
    if as_json:
        return emit_json(opened)
    if not opened:
        return note(_nothing_left(name))
    for place, work in enumerate(opened):
        if place:
            say("")
        emit_facts(_work(work))
    say("")
    return _ask_to_judge(queue, opened[0])


@click.command("judge", epilog="\b\nExample: treadle queue judge triage qit_01jd correct=no better=card_arrival")
@click.argument("name")
@click.argument("item_id")
@click.argument("answers", nargs=-1, required=True)
@click.option("--comment", help="Words beside the answers.")
@json_option
def judge(name: str, item_id: str, answers: tuple[str, ...], comment: str | None, as_json: bool) -> None:
    """Say what you think of an item: ANSWERS are FIELD=VALUE; of options also their number, such as tone=2."""
    with connected() as client:
        asked = {field.name: field for field in asked_of(client.queues.get(name))}
        said = client.queues.judge(name, item_id, dict(_said(asked, one) for one in answers), comment=comment)
        queue = client.queues.get(name)
    return emit_json(said) if as_json else say(f"judged, {progress(queue)}; the next one: treadle queue next {name}")


@click.command("skip", epilog="\b\nExample: treadle queue skip triage qit_01jd --reason 'not my field'")
@click.argument("name")
@click.argument("item_id")
@click.option("--reason", help="Why it is left to others.")
@json_option
def skip(name: str, item_id: str, reason: str | None, as_json: bool) -> None:
    """Leave an item to others."""
    with connected() as client:
        said = client.queues.skip(name, item_id, reason=reason)
    return emit_json(said) if as_json else say(f"left to others; the next one: treadle queue next {name}")


@click.command("undo", epilog="\b\nExample: treadle queue undo triage")
@click.argument("name")
@json_option
def undo(name: str, as_json: bool) -> None:
    """Take back what you judged or skipped last, and open it again."""
    with connected() as client:
        queue, work = client.queues.get(name), client.queues.undo(name)
    if as_json:
        return emit_json(work)
    emit_facts(_work(work))
    say("")
    return _ask_to_judge(queue, work)


@click.command("work", epilog="\b\nExample: treadle queue work triage")
@click.argument("name")
def work(name: str) -> None:
    """Go through a queue: item by item, question by question, until nothing is left or you stop."""
    with connected() as client:
        queue = client.queues.get(name)
        if queue.instructions:
            say(queue.instructions)
        note(
            "numbers, y and n choose; Enter leaves out what may be left out; s skips, u takes back, q stops "
            "(/s, /u and /q where words are asked for)"
        )
        while found := client.queues.open_next(name):
            say("")
            say(progress(client.queues.get(name)))
            if not _go_on(client, queue, found[0]):
                break
        else:
            note(_nothing_left(name))
        say(progress(client.queues.get(name)))
    return note(f"how far judges agree: treadle queue agreement {name}")


def answer_to(field: Field, text: str) -> AnswerValue:
    """Read an answer as the field's kind. What cannot be read is returned as it is, for the check to say why not."""
    match field.kind:
        case "boolean" if text.strip().lower() in YES + NO:
            return text.strip().lower() in YES
        case "number":
            try:
                return float(text)
            except ValueError:
                return text
        case "category":
            labels = [option.label for option in field.options]
            is_place = text not in labels and text.isascii() and text.isdigit() and 1 <= int(text) <= len(labels)
            return labels[int(text) - 1] if is_place else text
        case _:
            return text


def _go_on(client: Client, queue: Queue, opened: Work) -> bool:
    """Take one item to its end; False when the person stops."""
    emit_facts(_work(opened))
    answers: dict[str, AnswerValue] = {}
    for field in asked_of(queue):
        said = _ask(field, (opened.answers or {}).get(field.name))
        if said == "stop":
            return False
        if said == "skip":
            client.queues.skip(queue.name, opened.item_id)
            note("left to others")
            return True
        if said == "undo":
            return _take_back(client, queue)
        answers |= said
    try:
        client.queues.judge(queue.name, opened.item_id, answers)
    except Conflict as error:  # others were enough meanwhile: nothing is lost but this item
        note(error.message)
    return True


def _take_back(client: Client, queue: Queue) -> bool:
    try:
        return _go_on(client, queue, client.queues.undo(queue.name))
    except Conflict as error:
        note(error.message)
        return True


def _ask(field: Field, before: AnswerValue | None) -> Answers | Key:
    """Ask one question until it is answered, left out, or a key is pressed that means something else."""
    say(*_question(field, before))
    while True:
        text: str = click.prompt(field.name, default="", show_default=False)
        bare = text.strip()
        key = KEYS.get(bare.removeprefix("/"))
        if key and (bare.startswith("/") or field.kind not in IN_WORDS):
            return key
        if not bare and (before is not None or not field.is_required):
            return {} if before is None else {field.name: before}
        answer = answer_to(field, text if field.kind in IN_WORDS else bare)
        if (fault := fault_of(field, answer)) is None:
            return {field.name: answer}
        slash = "/" if field.kind in IN_WORDS else ""
        note(f"this {fault}; {slash}s skips, {slash}u takes back, {slash}q stops")


def _ask_to_judge(queue: Queue, opened: Work) -> None:
    for field in asked_of(queue):
        say(*_question(field, None))
    given = " ".join(f"{field.name}=…" if field.is_required else f"[{field.name}=…]" for field in asked_of(queue))
    say("")
    note(f"{progress(queue)}; judge it: treadle queue judge {queue.name} {opened.item_id} {given}")
    note(f"or: treadle queue skip {queue.name} {opened.item_id}; one after the other: treadle queue work {queue.name}")


def _question(field: Field, before: AnswerValue | None) -> tuple[str | tuple[str, str], ...]:
    """Return a question as it is printed: its words, how to answer, and what helps."""
    words = [_how(field), *([] if field.is_required else ["may be left out"])]
    words += [] if before is None else [f"you said {_text(before)}; Enter keeps it"]
    helps = [field.help, *(f"{option.label}: {option.help}" for option in field.options if option.help)]
    told = "".join(f"\n  {line}" for line in helps if line)
    asked = field.question or field.name
    return ((asked, "bold"), f" [{field.name}] " if field.question else " ", f"({'; '.join(words)})", (told, "dim"))


def _how(field: Field) -> str:
    match field.kind:
        case "boolean":
            return "y yes, n no"
        case "number":
            step = "" if field.step is None else f" in steps of {field.step:g}"
            return f"{field.low:g} to {field.high:g}{step}"
        case "category":
            return ", ".join(f"{place} {option.label}" for place, option in enumerate(field.options, start=1))
        case "text":
            return "words"
        case _:
            return "what the answer should have been"


def _said(asked: Mapping[str, Field], text: str) -> tuple[str, AnswerValue]:
    """Read FIELD=VALUE. A field that is not asked is sent as it is, and the server says what there is."""
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(
            f"'{text}' is no answer; write FIELD=VALUE, of the fields {', '.join(asked)}", code="queues.answer_form"
        )
    return name, answer_to(asked[name], value) if name in asked else value


def _work(opened: Work) -> list[tuple[str, JsonValue]]:
    facts: list[tuple[str, JsonValue]] = [("item", opened.item_id), ("trace", opened.a.trace_id)]
    facts += [] if opened.b is None else [("trace b", opened.b.trace_id)]
    facts += list(opened.a.variables.items()) or [("input", "(none was recorded)")]
    if opened.b is not None and opened.b.variables != opened.a.variables:
        facts += [(f"{name} (b)", value) for name, value in opened.b.variables.items()]
    nothing = "(none was recorded)"
    facts += [("answer" if opened.b is None else "answer a", opened.a.output_text or nothing)]
    facts += [] if opened.b is None else [("answer b", opened.b.output_text or nothing)]
    facts += [
        ("failed", side.error_message) for side in (opened.a, opened.b) if side is not None and side.error_message
    ]
    if opened.answers:
        facts.append(("you said", ", ".join(f"{name}={_text(said)}" for name, said in opened.answers.items())))
    return [*facts, ("yours until", f"{opened.reserved_until:%Y-%m-%d %H:%M} UTC")]


def _text(value: AnswerValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"


def progress(queue: Queue) -> str:
    """Say how far a queue is; where several people judge each item also what they have said, since few items are done early."""
    skipped = f", {queue.num_skipped} skipped" if queue.num_skipped else ""
    wanted = queue.num_items * queue.judges_per_item
    judged = f", {queue.num_judgements} of {wanted} judgements given" if queue.judges_per_item > 1 else ""
    return f"{queue.num_done} of {queue.num_items} done{judged}{skipped}"


def _nothing_left(name: str) -> str:
    return f"nothing is left for you in '{name}'; see how far it is: treadle queue show {name}"
