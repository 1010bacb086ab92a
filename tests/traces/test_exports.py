"""Exports through the HTTP contract and the terminal: a run makes a file of what a filter finds, whole."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import polars
import pytest
from click.testing import CliRunner

from tests.traces.home import Home
from tests.traces.test_asking import part_of
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput, NotFound
from treadle.jobs.types import Run
from treadle.traces.asking import exports_kept
from treadle.traces.asking.types import NewExport, NewView


def exported(home: Home, new: NewExport) -> tuple[Run, bytes]:
    """Export and return the run with the file."""
    run = home.client.runs.wait(home.client.traces.start_export(new).run_id)
    assert "succeeded" == run.status, run.error
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spans"
        home.client.traces.save_export(run.run_id, file)
        return run, file.read_bytes()


def test_both_formats(home: Home) -> None:
    """
    Both files have every span that matches with its content, over several pages, and say the same.
    """
    record(home, [new_span(number, cost_usd=Decimal("0.001"), attributes={"n": number}) for number in range(450)])
    record(home, [new_span(451, endpoint="other")])

    run, lines = exported(home, NewExport(q="endpoint:support"))
    _, table = exported(home, NewExport(q="endpoint:support", format="parquet"))

    spans = [json.loads(line) for line in lines.splitlines()]
    frame = polars.read_parquet(io.BytesIO(table))
    assert 450 == len(spans) == frame.height == run.outputs["num_spans"] == run.outputs["num_traces"]
    assert {span["span_id"] for span in spans} == set(frame["span_id"])
    assert "a449" == spans[0]["output_messages"][0]["content"]
    assert {"n": 449} == json.loads(frame["attributes"][0])
    assert 0.45 == pytest.approx(frame["cost_usd"].sum())


def test_whole_traces_from_the_terminal(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A trace is exported with all its spans where one of them matches; nothing found is an empty file.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    root = new_span(0)
    record(home, [root, part_of(root, model="gpt-4o"), new_span(1)])

    told = CliRunner().invoke(cli, ["trace", "export", str(tmp_path / "a.jsonl"), "model:gpt*", "--whole-traces"])
    empty = CliRunner().invoke(cli, ["trace", "export", str(tmp_path / "b.parquet"), "model:none"])

    assert "2 spans of 1 traces" in told.output
    assert 2 == len((tmp_path / "a.jsonl").read_text().splitlines())
    assert "0 spans" in empty.output
    assert 0 == polars.read_parquet(tmp_path / "b.parquet").height


def test_a_view_from_the_terminal(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A kept filter is exported by its name, narrowed by what else is said; one of traces gives whole traces.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    root = new_span(0, user_id="ann")
    record(home, [root, part_of(root, model="gpt-4o"), new_span(1, user_id="bob")])
    home.client.traces.put_view("models", NewView(q="model:gpt*"))
    home.client.traces.put_view("calls", NewView(q="model:gpt*", subject="span"))

    def export(name: str, *more: str) -> int:
        CliRunner().invoke(cli, ["trace", "export", str(tmp_path / name), *more], catch_exceptions=False)
        return len((tmp_path / name).read_text().splitlines())

    whole = export("a.jsonl", "--view", "models")
    spans = export("b.jsonl", "--view", "calls")
    none = export("c.jsonl", "model:mistral*", "--view", "models")

    assert (2, 1, 0) == (whole, spans, none)


def test_refused(home: Home, tmp_path: Path) -> None:
    """
    A filter that cannot be read starts nothing, and a file that is not there is not found.
    """
    with pytest.raises(InvalidInput, match="one of"):
        home.client.traces.start_export(NewExport(q="status:eror"))

    with pytest.raises(NotFound):
        home.client.traces.save_export("run_none", tmp_path / "none.jsonl")


def test_a_file_has_an_end(home: Home, tmp_path: Path) -> None:
    """
    A file is erased when its time is over, later where a later export made the same; asked for then it is said to be gone.
    """
    record(home, [new_span(0)])
    runs = [exported(home, NewExport(q="endpoint:support"))[0] for _ in range(2)]
    folder = home.platform.workspace.settings.workspace / "blobs" / "trace-exports" / home.ctx.project_id
    over = datetime.fromisoformat(str(runs[0].outputs["kept_until"]))
    counts = []
    for moment in (over, over + timedelta(days=1)):
        exports_kept.end(home.platform.database, home.platform.blobs, moment)
        counts.append(len([path for path in folder.rglob("*") if path.is_file()]))

    with pytest.raises(NotFound, match="export them again") as caught:
        home.client.traces.save_export(runs[1].run_id, tmp_path / "late.jsonl")

    assert [1, 0] == counts
    assert "traces.export_ended" == caught.value.error_code
    assert [] == list(tmp_path.iterdir())
