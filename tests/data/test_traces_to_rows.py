"""One action from a selection of traces to a dataset version: inputs as variables, corrections, provenance, consent, masking."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput, NotFound
from treadle.data.types import CurateRequest
from treadle.feedback.labels.types import Field
from treadle.feedback.queues.types import NewQueue
from treadle.traces.asking.types import NewView
from treadle.traces.types import TraceFilter


def _span(question: str, number: int = 0, **more: Any) -> Any:
    variables = {"input": question, **more.pop("given", {})}
    return new_span(number, variables=Raw(msgspec.json.encode(variables)), **more)


def _curate(home: Home, **wanted: Any) -> dict[str, Any]:
    run = home.client.datasets.start_curate("support", CurateRequest(**wanted))
    return home.client.runs.wait(run.run_id).outputs


def _rows(home: Home) -> dict[str, tuple[str | None, dict[str, Any]]]:
    return {
        row.input: (row.expected_output, row.metadata or {}) for row in home.client.datasets.iter_examples("support")
    }


def test_a_selection_becomes_a_version(home: Home) -> None:
    """
    Selected traces become rows: what the caller gave by name, what people said is right, and where each is from.
    """
    spans = [
        _span("where is my card", 0, given={"city": "Leeds", "basket": [{"item": "tea"}]}, release_id="rel_1"),
        _span("can I have a loan", 1),
        _span("close my account please", 2, endpoint="other"),
    ]
    record(home, spans)
    said = home.client.feedback.correct(spans[0].trace_id, "card_arrival", source="human")

    made = _curate(home, wanted=TraceFilter(endpoint="support"))

    expected, metadata = _rows(home)["where is my card"]
    assert {"where is my card": "card_arrival", "can I have a loan": None} == {
        text: answer for text, (answer, _) in _rows(home).items()
    }
    assert ("card_arrival", "Leeds", [{"item": "tea"}]) == (expected, metadata["city"], metadata["basket"])
    assert (spans[0].trace_id, said.feedback_id, "rel_1", "a0") == tuple(
        metadata[name] for name in ("trace_id", "feedback_id", "release_id", "output")
    )
    assert {"num_selected": 2, "left_out": {}, "wanted": {"endpoint": "support"}} == made["selection"]
    version = home.client.datasets.get_version("support")
    assert made["selection"] == version.recipe["selection"]
    graph = home.client.lineage.get(version.version_id)
    assert {span.trace_id for span in spans[:2]} <= {node.node_id for node in graph.nodes}


def test_nothing_may_be_learnt_from_it(home: Home) -> None:
    """
    What an application marked, what has no input, and what is not there is left out and counted.
    """
    spans = [
        _span("yes please", 0),
        _span("keep this to yourself", 1, attributes={"treadle.no_training": True}),
        _span("this is fine", 2, attributes={"treadle.no_training": "false"}),
        _span("", 3),
    ]
    record(home, spans)
    home.client.feedback.correct(spans[1].trace_id, "secret")

    made = _curate(home, trace_ids=[*(span.trace_id for span in spans), "0" * 32])

    assert {"yes please", "this is fine"} == set(_rows(home))
    assert {"no_input": 1, "no_training": 1, "not_found": 1} == made["selection"]["left_out"]


def test_one_step_says_that_nothing_may_be_learnt(home: Home) -> None:
    """
    One span deep in a trace, or the application of itself, is enough to keep the whole trace out.
    """
    root, whole, fine = _span("about my health", 0), _span("about my bank", 1), _span("about the weather", 2)
    whole.resource = {"treadle.no_training": "yes"}
    step = new_span(
        trace_id=root.trace_id, parent_span_id=root.span_id, name="look up", attributes={"treadle.no_training": 1}
    )
    record(home, [root, whole, fine, step])

    made = _curate(home, wanted=TraceFilter())

    assert ["about the weather"] == list(_rows(home))
    assert {"no_training": 2} == made["selection"]["left_out"]


def test_corrections_of_marked_traces_stay_out_without_a_selection_too(home: Home) -> None:
    """
    The loop's own way from corrections to data obeys the mark as well, and says how many it left out.
    """
    spans = [_span("yes please", 0), _span("keep this", 1, attributes={"treadle.no_training": True})]
    record(home, spans)
    for span in spans:
        home.client.feedback.correct(span.trace_id, "thanks")

    made = _curate(home)

    assert ["yes please"] == list(_rows(home))
    assert {"no_training": 1} == made["selection"]["left_out"]


@pytest.mark.parametrize(
    ("unjudged", "expected"),
    [("leave_out", {"b": "right"}), ("keep", {"a": None, "b": "right"}), ("answer", {"a": "a0", "b": "right"})],
)
def test_what_nobody_corrected(home: Home, unjudged: str, expected: dict[str, str | None]) -> None:
    """
    Answers without a correction are left out, kept without one, or taken as right, as was asked.
    """
    spans = [_span("a", 0), _span("b", 1)]
    record(home, spans)
    home.client.feedback.correct(spans[1].trace_id, "right")

    _curate(home, wanted=TraceFilter(), unjudged=unjudged)

    assert expected == {text: answer for text, (answer, _) in _rows(home).items()}


def test_repeats_and_personal_data(home: Home) -> None:
    """
    A question asked twice is one row, the judged one where there is one; personal data is masked wherever it stands.
    """
    twice = "My mail is ada@example.org and my card has not come, where is it?"
    spans = [_span(twice, 0), _span(twice, 1, given={"who": {"mails": ["ada@example.org"]}})]
    record(home, spans)
    home.client.feedback.correct(spans[1].trace_id, "write to bob@example.org")

    made = _curate(home, wanted=TraceFilter())

    ((text, (expected, metadata)),) = _rows(home).items()
    counts = {"changed": {"personal_data_masked": 2}, "dropped": {"exact_duplicate": 1}}
    assert (1, counts) == (made["num_added"], made["counts"])
    assert spans[1].trace_id == metadata["trace_id"]
    assert "example.org" not in json.dumps([text, expected, metadata])


def test_personal_data_is_left_where_the_project_allows_it(home: Home) -> None:
    """
    Personal data stays where that is asked for, and never in a project that captures content masked.
    """
    record(home, [_span("write to ada@example.org", 0)])

    made = _curate(home, wanted=TraceFilter(), mask_personal_data=False)
    home.client.traces.set_capture("masked")
    with pytest.raises(InvalidInput, match="captures content 'masked'"):
        _curate(home, wanted=TraceFilter(), mask_personal_data=False)

    assert ["write to ada@example.org"] == list(_rows(home))
    assert {} == made["counts"]
    assert False is home.client.datasets.get_version("support").recipe["mask_personal_data"]


def test_a_queue_becomes_a_version(home: Home) -> None:
    """
    What is in a queue becomes rows, with what its judges corrected; what may not be learnt from stays out of that too.
    """
    spans = [_span("where is my card", 0), _span("can I have a loan", 1), _span("other", 2)]
    spans.append(_span("my diagnosis", 3, attributes={"treadle.no_training": True}))
    record(home, spans)
    home.client.queues.create(NewQueue(name="triage", fields=[Field(name="better", kind="correction")]))
    home.client.queues.add("triage", [spans[number].trace_id for number in (0, 1, 3)])
    (work,) = home.client.queues.open_next("triage")
    home.client.queues.judge("triage", work.item_id, {"better": "card_arrival"})

    made = _curate(home, queue="triage")

    assert {"where is my card": "card_arrival", "can I have a loan": None} == {
        text: answer for text, (answer, _) in _rows(home).items()
    }
    assert {"num_selected": 3, "left_out": {"no_training": 1}, "queue": "triage"} == made["selection"]
    with pytest.raises(NotFound, match="no queue 'nobody'"):
        _curate(home, queue="nobody")


def test_a_view_becomes_a_version(home: Home) -> None:
    """
    What a kept filter finds becomes rows, narrowed by what else is asked; a view of spans is refused.
    """
    record(home, [_span("a", 0, endpoint="other"), _span("b", 1), _span("c", 2, status="error")])
    home.client.traces.put_view("mine", NewView(q="endpoint:support"))
    home.client.traces.put_view("steps", NewView(subject="span", q="kind:llm"))

    made = _curate(home, view="mine", wanted=TraceFilter(q="status:ok"))

    assert ["b"] == list(_rows(home))
    assert {"q": "(endpoint:support) (status:ok)"} == made["selection"]["wanted"]
    with pytest.raises(InvalidInput, match="is of spans"):
        _curate(home, view="steps")


def test_a_selection_of_nothing(home: Home) -> None:
    """
    A selection that gives no row makes no version and says why each trace was left out.
    """
    span = _span("keep this", 0, attributes={"treadle.no_training": True})
    record(home, [span])

    with pytest.raises(InvalidInput, match="1 no_training") as caught:
        _curate(home, trace_ids=[span.trace_id])

    assert "data.nothing_selected" == caught.value.error_code


def test_two_selections_at_once(home: Home) -> None:
    """
    Traces are named, in a queue, or matched: never two of these.
    """
    for other in ({"wanted": TraceFilter()}, {"queue": "triage"}, {"view": "mine"}):
        with pytest.raises(ValueError, match="each is a whole selection"):
            CurateRequest.model_validate({"trace_ids": ["0" * 32], **other})


def test_corrections_are_counted(home: Home) -> None:
    """
    A new row that holds what somebody corrected is counted as such, though no row of before gave way to it.
    """
    span = _span("where is my card", 0)
    record(home, [span, _span("can I have a loan", 1)])
    home.client.feedback.correct(span.trace_id, "It arrives on Monday.")
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}

    told = CliRunner().invoke(cli, ["data", "curate", "support", "--all"], env=environment)

    assert "2 rows from traffic added, 1 of them with a right answer that somebody gave" in told.stdout


def test_from_the_terminal(home: Home) -> None:
    """
    The command selects traces by id or filter, and says what came of it.
    """
    spans = [_span("where is my card", 0), _span("can I have a loan", 1)]
    record(home, spans)
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}

    one = CliRunner().invoke(cli, ["data", "curate", "support", "--trace", spans[0].trace_id], env=environment)
    rest = CliRunner().invoke(cli, ["data", "curate", "support", "--all", "--endpoint", "support"], env=environment)

    again = CliRunner().invoke(cli, ["data", "curate", "support", "--query", "endpoint:support"], env=environment)

    assert "1 rows from traffic added" in one.stdout
    assert "1 rows from traffic added, 0 of them with a right answer" in rest.stdout
    assert "0 earlier rows gave way; 2 in all" in rest.stdout
    assert "1 rows dropped: exact duplicate" in rest.stderr
    assert "2 rows dropped: exact duplicate" in again.stderr
