"""`treadle queue`: a queue made, filled, judged and looked at from the terminal."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.cli.queue import parse_field
from treadle.core.errors import InvalidInput
from treadle.feedback.labels.types import Field, Option
from treadle.feedback.queues.types import NewQueue
from treadle.feedback.types import FeedbackFilter
from treadle.traces.asking.types import NewView


def run(home: Home, *arguments: str, typed: str | None = None) -> Result:
    """Run a command against the server."""
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}
    return CliRunner().invoke(cli, ["queue", *arguments], env=environment, input=typed)


def test_a_queue_from_the_terminal(home: Home) -> None:
    """
    Make, fill, open, judge, skip, undo, look: every command says what it did; --json prints one document.
    """
    spans = [new_span(number) for number in range(2)]
    record(home, spans)
    fields = ["--field", "correct:boolean", "--field", "tone:category:kind,rude?", "--field", "helpful:number:1-5?"]

    made = run(home, "create", "triage", *fields)
    added = run(home, "add", "triage", *[span.trace_id for span in spans])
    shown = run(home, "next", "triage")
    (work,) = json.loads(run(home, "next", "triage", "--json").stdout)
    judged = run(home, "judge", "triage", work["item_id"], "correct=no", "helpful=2", "--json")
    undone = run(home, "undo", "triage")
    skipped = run(home, "skip", "triage", work["item_id"])
    facts = run(home, "show", "triage")
    agreement = run(home, "agreement", "triage")
    listed = run(home, "list")

    assert [0] * 8 == [one.exit_code for one in (made, added, shown, judged, undone, skipped, facts, agreement)]
    assert "2 added, 0 there already" in added.stdout
    assert "q0" in shown.stdout
    assert "tone (1 kind, 2 rude; may be left out)" in shown.stdout
    assert "helpful (1 to 5 in steps of 1; may be left out)" in shown.stdout
    assert "0 of 2 done" in shown.stderr
    assert f"treadle queue judge triage {work['item_id']} correct=" in shown.stderr
    assert {"correct": False, "helpful": 2.0} == json.loads(judged.stdout)["answers"]
    assert "a0" in undone.stdout
    assert "0 of 2" in facts.stdout
    assert "Krippendorff" in agreement.stdout
    assert "correct, tone, helpful" in listed.stdout


def test_a_judge_sees_what_is_asked(home: Home) -> None:
    """
    The next item comes with the question in words, its help and its options; an option's number chooses it.
    """
    spans = [new_span(number) for number in range(2)]
    record(home, spans)
    options = [Option(label="kind"), Option(label="rude", help="Not to a guest.")]
    tone = Field(name="tone", kind="category", question="How does it sound?", help="Read it aloud.", options=options)
    home.client.queues.create(NewQueue(name="tones", fields=[tone]))
    home.client.queues.add("tones", [span.trace_id for span in spans])

    shown = run(home, "next", "tones")
    (work,) = json.loads(run(home, "next", "tones", "--json").stdout)
    judged = run(home, "judge", "tones", work["item_id"], "tone=2")
    undone = run(home, "undo", "tones")

    for words in ("How does it sound? [tone] (1 kind, 2 rude)", "Read it aloud.", "rude: Not to a guest."):
        assert words in shown.stdout
    assert "judged, 1 of 2 done" in judged.stdout
    assert "you said     tone=rude" in undone.stdout
    assert "How does it sound?" in undone.stdout


def test_a_queue_is_worked_through(home: Home) -> None:
    """
    Item by item: what does not fit is asked again, an item is skipped, the last one taken back and said anew.
    """
    spans = [new_span(number) for number in range(3)]
    record(home, spans)
    run(home, "create", "triage", "--field", "correct:boolean", "--field", "better:correction?")
    run(home, "add", "triage", *[span.trace_id for span in spans])

    first = ["maybe", "n", "A better one.", "s", "y", "/u", "u", "", "", "y", "", "q"]
    worked = run(home, "work", "triage", typed="\n".join(first) + "\n")
    ended = run(home, "work", "triage", typed="y\n\n")

    told = home.client.feedback.list_(FeedbackFilter(is_current=True)).items
    assert "this must be true or false; s skips" in worked.stderr
    assert "left to others" in worked.stderr
    assert "you said no; Enter keeps it" in worked.stdout
    assert ["2 of 3 done", "3 of 3 done"] == [one.stdout.splitlines()[-1] for one in (worked, ended)]
    assert "nothing is left for you in 'triage'" in ended.stderr
    assert [0.0, 1.0, 1.0] == sorted(one.value for one in told if one.value is not None)
    assert ["A better one."] == [one.expected_output for one in told if one.name == "better"]


def test_progress_where_several_judge(home: Home) -> None:
    """
    An item is done after two judgements; the first one is progress all the same, and is told.
    """
    spans = [new_span(number) for number in range(2)]
    record(home, spans)
    run(home, "create", "triage", "--field", "correct:boolean", "--judges", "2")
    run(home, "add", "triage", *[span.trace_id for span in spans])

    worked = run(home, "work", "triage", typed="y\nq\n")

    assert "0 of 2 done, 1 of 4 judgements given" == worked.stdout.splitlines()[-1]


def test_a_queue_is_filled_by_a_filter(home: Home) -> None:
    """
    --query takes what a filter in words finds, --view what a kept one does, both what they find together.
    """
    spans = [new_span(number, status="error" if number % 2 else "ok") for number in range(4)]
    record(home, spans)
    home.client.traces.put_view("broken", NewView(q="status:error"))
    home.client.traces.put_view("steps", NewView(q="kind:llm", subject="span"))
    run(home, "create", "triage", "--field", "correct:boolean")
    run(home, "create", "errors", "--field", "correct:boolean")
    run(home, "create", "none", "--field", "correct:boolean")

    by_query = run(home, "fill", "triage", "--query", "-status:error")
    by_view = run(home, "fill", "errors", "--view", "broken")
    by_both = run(home, "fill", "none", "--view", "broken", "--query", "status:ok")
    of_spans = run(home, "fill", "none", "--view", "steps")

    def taken(name: str) -> set[str]:
        return {item.trace_id for item in home.client.queues.list_items(name).items}

    assert [0, 0, 0] == [one.exit_code for one in (by_query, by_view, by_both)], by_query.output + by_view.output
    assert {spans[0].trace_id, spans[2].trace_id} == taken("triage")
    assert {spans[1].trace_id, spans[3].trace_id} == taken("errors")
    assert set() == taken("none")
    assert "view 'steps' is of spans" in str(of_spans.exception)


def test_pairs_and_known_answers_from_the_terminal(home: Home) -> None:
    """
    Two answers are shown side by side and chosen by number; agreement tells the share for the first shown and how right judges are.
    """
    spans = [new_span(number) for number in range(3)]
    record(home, spans)
    first, second, third = (span.trace_id for span in spans)
    run(home, "create", "pairs", "--pairwise")
    run(home, "add", "pairs", first, "--against", second)
    run(home, "create", "triage", "--field", "correct:boolean")
    run(home, "add", "triage", third, "--gold", '{"correct": true}')

    compared = run(home, "work", "pairs", typed="1\n")
    sides = run(home, "agreement", "pairs")
    run(home, "work", "triage", typed="y\n")
    known = run(home, "agreement", "triage")
    listed = run(home, "items", "triage")
    removed = run(home, "remove", "triage")

    assert "Which answer is better? [preferred] (1 a, 2 b, 3 tie)" in compared.stdout
    assert "the answer shown first was preferred in 100% of the decisions" in sides.stdout
    assert "1 of 1 (21% to 100%)" in known.stdout
    assert "by hand" in listed.stdout
    assert "queue 'triage' is gone" in removed.stdout


@pytest.mark.parametrize("text", ["correct", "correct:maybe", "correct:boolean:x", "note:text:long"])
def test_a_field_that_says_nothing(text: str) -> None:
    """
    A short form that names no field is refused with the forms there are.
    """
    with pytest.raises(InvalidInput, match=r"NAME:number:1-5"):
        parse_field(text)


@pytest.mark.parametrize("text", ["tone:category", "tone:category:", "tone:category:kind"])
def test_a_category_without_options(text: str) -> None:
    """
    What is missing is said in the form that a field is written in.
    """
    with pytest.raises(InvalidInput, match="tone:category:good,bad"):
        parse_field(text)
