"""Datasets through the HTTP contract: import, look, prepare, back from traffic, and what bad input gets."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path

import httpx2
import polars
import pytest
from msgspec import Raw

from tests.conftest import RunningServer
from tests.traces.home import Home, new_home
from tests.traces.test_traces import new_span
from treadle.client.client import Client
from treadle.core.errors import Conflict, InvalidInput, NotFound, TreadleError
from treadle.data import service as data
from treadle.data.handlers import curate
from treadle.data.report import CONTENT_SECURITY_POLICY
from treadle.data.sample import write_sample
from treadle.data.types import CurateRequest, PrepareSettings, Version
from treadle.data.versions.types import EditedRow, Edits, RowPlace, RowValues
from treadle.feedback.types import NewFeedback
from treadle.governance.types import NewApiKey
from treadle.jobs.scope import RunScope
from treadle.traces import service as traces


@pytest.fixture
def sample_file(tmp_path: Path) -> Path:
    write_sample(tmp_path / "sample.csv", seed=1, num_rows=500)
    return tmp_path / "sample.csv"


def imported(client: Client, path: Path, name: str = "support", **mapping: str) -> Version:
    run = client.runs.wait(client.datasets.import_file(name, path, mapping=mapping).run_id)
    return client.datasets.get_version(name, str(run.outputs["version"]))


def file_of(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_import_makes_a_version_with_its_origin(home: Home, sample_file: Path) -> None:
    """
    The first import makes the dataset; the version knows its source, recipe and digest, and lineage leads to the file.
    """
    version = imported(home.client, sample_file, description="what people ask")

    dataset = home.client.datasets.get("support")
    assert (1, 500, 14, {}) == (version.version, version.num_rows, version.num_labels, version.parts)
    assert ("what people ask", 1, 1, 500) == (
        dataset.description, dataset.num_versions, dataset.latest_version, dataset.num_rows,
    )  # fmt: skip
    assert {"examples.parquet", "manifest.json", "source"} == {file.name for file in version.files}
    graph = home.client.lineage.get(version.version_id)
    assert ("file", "sample.csv") in {(node.kind, node.title) for node in graph.nodes}


def test_the_same_rows_again_make_no_new_version(home: Home, sample_file: Path, tmp_path: Path) -> None:
    """
    Neither the same file nor the same rows in another format are a new version; other rows are.
    """
    first = imported(home.client, sample_file)
    polars.read_csv(sample_file).write_parquet(tmp_path / "same.parquet")
    write_sample(tmp_path / "other.csv", seed=2, num_rows=500)

    again = imported(home.client, sample_file)
    same = imported(home.client, tmp_path / "same.parquet")
    other = imported(home.client, tmp_path / "other.csv")

    assert first == again == same
    assert 2 == other.version
    assert [2, 1] == [version.version for version in home.client.datasets.list_versions("support").items]


def test_examples_by_page_part_label_and_text(home: Home, sample_file: Path) -> None:
    """
    Pages follow each other without gaps; filters narrow them.
    """
    imported(home.client, sample_file)
    datasets = home.client.datasets

    rows = list(datasets.iter_examples("support"))
    first = datasets.list_examples("support", limit=2)
    second = datasets.list_examples("support", limit=2, cursor=first.next_cursor)
    refunds = datasets.list_examples("support", label="refund_status", limit=500).items
    found = datasets.list_examples("support", text="REFUND", limit=500).items

    assert list(range(1, 501)) == [example.row for example in rows]
    assert [1, 2, 3, 4] == [example.row for example in (*first.items, *second.items)]
    assert {"refund_status"} == {example.expected_output for example in refunds}
    assert {example.row for example in refunds} <= {example.row for example in found}
    assert len(found) == sum("refund" in f"{row.input} {row.expected_output}".lower() for row in rows)
    assert [] == datasets.list_examples("support", part="train").items


def test_prepared_version_and_its_reasons(home: Home, sample_file: Path) -> None:
    """
    A preparation is a new version with parts; each missing row has a reason, and lineage leads to the parent.
    """
    first = imported(home.client, sample_file)
    settings = PrepareSettings(seed=3, min_rows_per_label=3)

    run = home.client.runs.wait(home.client.datasets.start_prepare("support", 1, settings).run_id)

    made = home.client.datasets.get_version("support")
    dropped = home.client.datasets.list_changes("support", action="dropped", limit=500).items
    kept = {example.parent_row for example in home.client.datasets.iter_examples("support")}
    assert {"train", "validation", "test"} == set(made.parts)
    assert [first.version_id] == made.parents
    assert set(range(1, 501)) == kept | {change.row for change in dropped}
    assert run.outputs["num_rows"] == made.num_rows == sum(made.parts.values())
    assert first.version_id in {node.node_id for node in home.client.lineage.get(made.version_id).nodes}
    assert {"near_duplicate"} == {
        change.reason for change in home.client.datasets.list_changes("support", reason="near_duplicate").items
    }


def test_profile_as_data_and_as_a_page(home: Home, sample_file: Path) -> None:
    """
    Exploring adds a profile to the version; its page comes with a policy that allows nothing but its style sheet.
    """
    imported(home.client, sample_file)
    with pytest.raises(NotFound) as caught:
        home.client.datasets.get_profile("support")

    home.client.runs.wait(home.client.datasets.start_profile("support").run_id)

    assert "data.profile_not_found" == caught.value.error_code
    assert 500 == home.client.datasets.get_profile("support").num_rows
    assert home.client.datasets.get_version("support").has_profile
    headers = {"authorization": f"Bearer {home.key}"}
    page = httpx2.get(
        f"{home.client.url}/api/v1/datasets/support/versions/1/profile.html", headers=headers, trust_env=False
    )
    assert CONTENT_SECURITY_POLICY == page.headers["content-security-policy"]
    assert "<h1>support, version 1</h1>" in page.text


def test_traffic_becomes_the_next_version(home: Home, sample_file: Path) -> None:
    """
    Answers whose right answer people said join the newest version, with their trace; what is repeated is told.
    """
    imported(home.client, sample_file)
    spans = [
        new_span(variables=Raw(json.dumps({"input": text}).encode()))
        for text in ("my tractor sings opera at dawn", "what is a rhubarb", "hi")
    ]
    asyncio.run(traces.record(home.ctx.db, spans))
    for span, label in zip(spans[:2], ("order_status", "product_advice"), strict=True):
        home.client.feedback.add(NewFeedback(trace_id=span.trace_id, name="correct", value=0, expected_output=label))
    home.client.feedback.add(NewFeedback(trace_id=spans[2].trace_id, name="thumbs", value=1))

    run = home.client.runs.wait(home.client.datasets.start_curate("support", CurateRequest(parent_version=1)).run_id)

    made = home.client.datasets.get_version("support")
    new = [row for row in home.client.datasets.iter_examples("support") if row.metadata.get("source") == "feedback"]
    assert (2, 502, 2) == (made.version, made.num_rows, run.outputs["num_added"])
    assert {spans[0].trace_id: "order_status", spans[1].trace_id: "product_advice"} == {
        str(row.metadata["trace_id"]): row.expected_output for row in new
    }
    assert spans[0].trace_id in {node.node_id for node in home.client.lineage.get(made.version_id).nodes}


def test_curating_again_after_a_kill_makes_nothing_twice(home: Home, sample_file: Path, tmp_path: Path) -> None:
    """
    A run that is begun again gives what it made before, though more feedback has come in.
    """
    imported(home.client, sample_file)
    _say(home, "my tractor sings opera at dawn", "order_status")
    run = home.client.runs.wait(home.client.datasets.start_curate("support").run_id)
    _say(home, "what is a rhubarb", "product_advice")

    scope = RunScope(home.ctx, run, tmp_path / "run", {}, take_step=None)  # type: ignore[arg-type]
    again = asyncio.run(curate(scope))

    assert run.outputs == again
    assert 2 == home.client.datasets.get("support").num_versions


def _say(home: Home, text: str, expected_output: str) -> None:
    """Answer a message in traffic, and say what would have been right."""
    span = new_span(variables=Raw(json.dumps({"input": text}).encode()))
    asyncio.run(traces.record(home.ctx.db, [span]))
    home.client.feedback.add(
        NewFeedback(trace_id=span.trace_id, name="correct", value=0, expected_output=expected_output)
    )


def test_traffic_without_known_answers(home: Home) -> None:
    """
    Without feedback that says the right answer there is nothing to learn, and no dataset is made.
    """
    run = home.client.datasets.start_curate("support")

    with pytest.raises(TreadleError) as caught:
        home.client.runs.wait(run.run_id)

    assert "data.no_feedback" == caught.value.error_code
    assert [] == home.client.datasets.list_().items


BAD_FILES = [
    ("wrong_column.csv", b"text,category\nhi,x\n", {"input": "txt"}, "data.column_missing", "did you mean 'text'?"),
    ("empty.csv", b"", {}, "data.empty_file", "is empty (0 bytes)"),
    ("latin.csv", b"text,label\ncaf\xe9,y\n", {}, "data.invalid_encoding", "byte 0xe9 at offset 14"),
    ("long.csv", b"text,label\n" + b"x" * 3_000, {"max_line_bytes": "2000"}, "data.line_too_long", "longer than 2,000"),
    ("broken.jsonl", b'{"text": "a"}\n{"text"', {}, "data.row_invalid", "row 2 (line 2) of 'broken.jsonl'"),
]


def test_bad_files_fail_their_runs_and_make_nothing(home: Home, tmp_path: Path) -> None:
    """
    A run says what is wrong in the file, with the file's own name; no dataset comes of it.
    """
    runs = [
        home.client.datasets.import_file("support", file_of(tmp_path, name, content), mapping=mapping)
        for name, content, mapping, _, _ in BAD_FILES
    ]

    errors = []
    for run in runs:
        with pytest.raises(TreadleError) as caught:
            home.client.runs.wait(run.run_id)
        errors.append(caught.value)

    assert [code for _, _, _, code, _ in BAD_FILES] == [error.error_code for error in errors]
    assert [] == [words for (*_, words), error in zip(BAD_FILES, errors, strict=True) if words not in error.message]
    assert [] == home.client.datasets.list_().items


def test_one_label_only_cannot_be_prepared(home: Home, tmp_path: Path) -> None:
    """
    A file whose rows all have one label is imported as it is and refused when it is to be split.
    """
    lines = "".join(f"this is message number {n} of many,same\n" for n in range(40))
    imported(home.client, file_of(tmp_path, "one.csv", f"text,label\n{lines}".encode()))
    run = home.client.datasets.start_prepare("support", 1, PrepareSettings(near_duplicate_threshold=None))

    with pytest.raises(TreadleError) as caught:
        home.client.runs.wait(run.run_id)

    assert "data.one_label" == caught.value.error_code
    assert 1 == home.client.datasets.get("support").num_versions


def test_what_is_not_there(home: Home, sample_file: Path) -> None:
    """
    An unknown dataset, version or change list is not found, with a next step.
    """
    imported(home.client, sample_file)
    datasets = home.client.datasets

    refused = []
    for ask in (
        lambda: datasets.get("nope"),
        lambda: datasets.get_version("support", 7),
        lambda: datasets.get_version("support", "newest"),
        lambda: datasets.list_examples("support", 99_999_999_999),
        lambda: datasets.list_changes("support", 1),
        lambda: datasets.start_prepare("nope"),
    ):
        with pytest.raises(NotFound) as caught:
            ask()
        refused.append(caught.value)

    assert [
        "data.dataset_not_found", "data.version_not_found", "data.version_not_found", "data.version_not_found",
        "data.changes_not_found", "data.dataset_not_found",
    ] == [error.error_code for error in refused]  # fmt: skip
    assert "dataset 'support' has no version 7 (newest is 1); list them with: treadle data versions support" == str(
        refused[1]
    )
    assert all("treadle data" in error.message for error in refused)


def test_names_are_checked_and_taken_once(home: Home, sample_file: Path) -> None:
    """
    A name that is taken is a conflict; one that cannot be a name is refused before anything is uploaded.
    """
    home.client.datasets.create("support", description="empty so far")

    with pytest.raises(Conflict) as caught:
        home.client.datasets.create("support")
    with pytest.raises(InvalidInput):
        home.client.datasets.import_file("Not A Name", sample_file)

    assert "data.name_taken" == caught.value.error_code
    assert home.client.datasets.get("support").latest_version is None


def test_upload_that_is_none(home: Home) -> None:
    """
    A body that is no form with a file, or says what an import does not know, is refused with an example.
    """
    url = f"{home.client.url}/api/v1/datasets/support/imports"
    headers = {"authorization": f"Bearer {home.key}"}
    with httpx2.Client(headers=headers, trust_env=False) as sender:
        answers = [
            sender.post(url, json={"file": "x"}),
            sender.post(url, data={"input": "text"}, files={"other": ("a.csv", b"text\nhi")}),
            sender.post(url, data={"colour": "red"}, files={"file": ("a.csv", b"text\nhi")}),
            sender.post(url, content=b"garbage", headers={"content-type": "multipart/form-data; boundary=b"}),
            sender.post(url, content=b"garbage", headers={"content-type": "multipart/form-data"}),
        ]

    assert [422] * 5 == [answer.status_code for answer in answers]
    assert {"data.upload_invalid"} == {answer.json()["code"] for answer in answers}
    assert "colour" in answers[2].json()["detail"]


def test_upload_over_the_limit_is_refused_from_its_length(home: Home) -> None:
    """
    A body that announces more than the limit is refused before a byte of it was sent.
    """
    connection = http.client.HTTPConnection(home.client.url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/api/v1/datasets/support/imports")
    for name, value in (
        ("authorization", f"Bearer {home.key}"),
        ("content-type", "multipart/form-data; boundary=b"),
        ("content-length", "3000000000"),
    ):
        connection.putheader(name, value)
    connection.endheaders()

    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()

    assert 413 == answer.status
    assert "data.upload_too_large" == problem["code"]
    assert "at most 2,000,000,000 are taken" in problem["detail"]


def test_another_project_finds_nothing(home: Home, module_server: RunningServer, sample_file: Path) -> None:
    """
    A dataset of another project is not found, by name or by the id of its version, and its name is free.
    """
    version = imported(home.client, sample_file)

    with new_home(module_server) as stranger:
        with pytest.raises(NotFound):
            stranger.client.datasets.get("support")
        with pytest.raises(NotFound):
            asyncio.run(data.get_version_by_id(stranger.ctx, version.version_id))
        own = imported(stranger.client, sample_file)

    assert (own.digest, 1) == (version.digest, own.version)
    assert own.version_id != version.version_id


def test_viewer_reads_and_does_not_write(home: Home, sample_file: Path) -> None:
    """
    Reading and writing datasets are permissions of their own.
    """
    imported(home.client, sample_file)
    key = home.client.access.create_key(NewApiKey(name="reader", role="viewer")).key

    with Client(home.client.url, api_key=key) as reader:
        assert 500 == reader.datasets.get_version("support").num_rows
        with pytest.raises(TreadleError) as caught:
            reader.datasets.import_file("support", sample_file)

    assert "denied" == caught.value.error_code


def test_manifest_is_stored_with_the_version(home: Home, sample_file: Path) -> None:
    """
    The manifest in the blob store names the same digest and files as the version.
    """
    version = imported(home.client, sample_file)
    digests = {file.name: file.digest for file in version.files}

    manifest = json.loads(home.ctx.blobs.read(digests["manifest.json"]))

    assert version.digest == manifest["digest"]
    assert [("examples.parquet", digests["examples.parquet"])] == [(f["name"], f["digest"]) for f in manifest["files"]]


async def test_files_of_another_project(home: Home, module_server: RunningServer, sample_file: Path) -> None:
    """
    The blob store is shared, but a digest gives a project only what it handed over itself.
    """
    theirs = home.client.turns.upload(sample_file)

    assert theirs == await data.require_upload(home.ctx, theirs.digest)
    with new_home(module_server) as other:
        for digest in (theirs.digest, "sha256:" + "0" * 64):
            with pytest.raises(NotFound) as caught:
                await data.require_upload(other.ctx, digest)
            assert "data.upload_not_found" == caught.value.error_code
        assert theirs == other.client.turns.upload(sample_file)
        assert theirs == await data.require_upload(other.ctx, theirs.digest)


def test_edits_become_the_next_version(home: Home, tmp_path: Path) -> None:
    """
    Edits make a new version whose rows, message, reasons and lineage say what was done; the difference shows the rows.
    """
    first = imported(home.client, file_of(tmp_path, "rows.csv", b"text,label\nhi,greet\nbye,leave\nno,deny\n"))
    rows = home.client.datasets.list_examples("support").items
    wanted = Edits(
        message="bye is a greeting too",
        newest_version=1,
        changed=[EditedRow(row=2, example_id=rows[1].example_id, to=RowValues(input="bye", expected_output="greet"))],
        deleted=[RowPlace(row=3, example_id=rows[2].example_id)],
        added=[RowValues(input="hello", expected_output="greet")],
    )

    run = home.client.runs.wait(home.client.datasets.start_edit("support", wanted).run_id)

    made = home.client.datasets.get_version("support")
    difference = home.client.datasets.get_difference("support", against=1)
    assert (2, 3, True) == (made.version, made.num_rows, run.outputs["is_new"])
    assert "bye is a greeting too" == made.recipe["message"]
    assert [("changed", "bye"), ("added", "hello"), ("removed", "no")] == [
        (each.kind, (each.after or each.before or rows[0]).input) for each in difference.items
    ]
    assert ["edited_by_hand", "deleted_by_hand"] == [
        change.reason for change in home.client.datasets.list_changes("support").items
    ]
    assert first.version_id in {node.node_id for node in home.client.lineage.get(made.version_id).nodes}


def test_edits_are_refused_where_somebody_was_faster(home: Home, tmp_path: Path) -> None:
    """
    A version that came in between is told before anything is done; laid on it anew, edits find their rows by content.
    """
    imported(home.client, file_of(tmp_path, "rows.csv", b"text,label\nhi,greet\nbye,leave\n"))
    hi, bye = (
        RowPlace(row=row.row, example_id=row.example_id) for row in home.client.datasets.list_examples("support").items
    )
    theirs = Edits(message="theirs", newest_version=1, deleted=[hi])
    home.client.runs.wait(home.client.datasets.start_edit("support", theirs).run_id)
    mine = Edits(message="mine", newest_version=1, changed=[EditedRow(**bye.model_dump(), to=RowValues(input="bye!"))])

    with pytest.raises(Conflict) as caught:
        home.client.datasets.start_edit("support", mine, version=1)
    anew = mine.model_copy(update={"newest_version": 2})
    home.client.runs.wait(home.client.datasets.start_edit("support", anew, version=2).run_id)

    assert ("data.version_moved", 2) == (caught.value.error_code, caught.value.values["newest"])
    assert ["bye!"] == [row.input for row in home.client.datasets.list_examples("support").items]


def test_edits_of_rows_that_are_gone_fail_and_make_nothing(home: Home, tmp_path: Path) -> None:
    """
    The run fails with the rows that are not there, and the dataset stays as it was.
    """
    imported(home.client, file_of(tmp_path, "rows.csv", b"text,label\nhi,greet\nbye,leave\n"))
    lost = Edits(message="x", newest_version=1, deleted=[RowPlace(row=1, example_id="ex_" + "0" * 32)])
    run = home.client.datasets.start_edit("support", lost)

    with pytest.raises(Conflict) as caught:
        home.client.runs.wait(run.run_id)

    assert ("data.edits_lost", [1]) == (caught.value.error_code, caught.value.values["rows"])
    assert 1 == home.client.datasets.get("support").num_versions


def test_who_only_reads_edits_nothing(home: Home, tmp_path: Path) -> None:
    """
    Edits and maps are work on data: a viewer may look at both and start neither.
    """
    imported(home.client, file_of(tmp_path, "rows.csv", b"text,label\nhi,greet\nbye,leave\n"))
    key = home.client.access.create_key(NewApiKey(name="viewer", role="viewer")).key
    wanted = Edits(message="x", newest_version=1, added=[RowValues(input="x")])

    with Client(home.client.url, api_key=key) as viewer:
        with pytest.raises(TreadleError) as editing:
            viewer.datasets.start_edit("support", wanted)
        with pytest.raises(TreadleError) as drawing:
            viewer.datasets.start_map("support")
        assert "denied" == editing.value.error_code == drawing.value.error_code
        assert 2 == viewer.datasets.get_difference("support", against=1).num_same


def test_map_is_drawn_once_and_kept(home: Home, tmp_path: Path) -> None:
    """
    A version without a map says how to draw one; afterwards its points lead to its rows.
    """
    lines = [f"where is parcel {number},delivery\nrefund {number} please,refund" for number in range(20)]
    imported(home.client, file_of(tmp_path, "rows.csv", "\n".join(["text,label", *lines]).encode()))
    with pytest.raises(NotFound) as caught:
        home.client.datasets.get_map("support")

    home.client.runs.wait(home.client.datasets.start_map("support").run_id)

    drawn = home.client.datasets.get_map("support")
    assert "data.map_not_found" == caught.value.error_code
    assert (40, 40) == (drawn.num_rows, len(drawn.points))
    assert home.client.datasets.get_version("support").has_map
    (row,) = home.client.datasets.list_examples("support", row=drawn.points[6].row).items
    assert drawn.points[6].excerpt == row.input
