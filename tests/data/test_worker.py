"""The worker's functions: files in, files out, the same digest for the same rows, a full disk told."""

from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest

from treadle.core.types import JsonObject
from treadle.data.files import read_rows
from treadle.data.sample import write_sample
from treadle.data.worker import curate, import_file, prepare, profile
from treadle.storage.errors import DiskFull


class Spoken:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, fraction: float, text: str = "") -> None:
        assert 0 <= fraction <= 1


def imported(folder: Path, source: Path, **spec: object) -> JsonObject:
    folder.mkdir(exist_ok=True)
    return import_file({"source": str(source), "folder": str(folder), **spec}, Spoken())


@pytest.fixture
def sample_file(tmp_path: Path) -> Path:
    write_sample(tmp_path / "sample.csv", seed=1, num_rows=600)
    return tmp_path / "sample.csv"


def test_same_rows_have_the_same_digest_however_they_were_written(tmp_path: Path, sample_file: Path) -> None:
    """
    The name of the file, its format and the columns' names do not change what a version is.
    """
    frame = polars.read_csv(sample_file).rename({"text": "question", "label": "answer"})
    frame.write_parquet(tmp_path / "other.parquet")

    one = imported(tmp_path / "a", sample_file)
    again = imported(tmp_path / "a", sample_file)
    other = imported(tmp_path / "b", tmp_path / "other.parquet")
    fewer = imported(tmp_path / "c", sample_file, mapping={"input": "text"})

    assert one["digest"] == again["digest"] == other["digest"] != fewer["digest"]
    assert (600, 14, "classification") == (one["num_rows"], one["num_labels"], one["task"])


def test_manifest_tells_where_a_version_came_from(tmp_path: Path, sample_file: Path) -> None:
    """
    It holds digests, columns, recipe and parents, and neither a time nor a path of this machine.
    """
    raw = imported(tmp_path / "raw", sample_file, file_name="messages.csv")
    (tmp_path / "ready").mkdir()
    ready = prepare(
        {"examples": raw["examples"], "parent_digest": raw["digest"], "folder": str(tmp_path / "ready")}, Spoken()
    )

    first, second = (json.loads(Path(str(made["manifest"])).read_text()) for made in (raw, ready))

    assert "messages.csv" == first["recipe"]["source"]["name"]
    assert {"input": "text", "expected_output": "label", "messages": None, "keep_columns": None} == first["recipe"][
        "columns"
    ]
    assert [raw["digest"]] == second["parents"]
    assert {"examples.parquet", "changes.parquet"} == {file["name"] for file in second["files"]}
    assert {"train", "validation", "test"} == set(second["parts"])
    assert str(tmp_path) not in json.dumps([first, second])


def test_prepared_rows_lead_back_to_their_parents(tmp_path: Path, sample_file: Path) -> None:
    """
    Every row of the parent is kept or in the changes, and kept rows name their parent row.
    """
    raw = imported(tmp_path / "raw", sample_file)
    spoken = Spoken()
    ready = prepare({"examples": raw["examples"], "parent_digest": raw["digest"], "folder": str(tmp_path)}, spoken)

    rows = read_rows(Path(str(ready["examples"])))
    changes = polars.read_parquet(str(ready["changes"]))
    dropped = set(changes.filter(polars.col("action") == "dropped")["row"])

    assert list(range(1, len(rows) + 1)) == [row.row for row in rows]
    assert set(range(1, 601)) == {row.parent_row for row in rows} | dropped
    assert f"{len(rows)} of 600 rows kept" in spoken.lines[0]


def test_profile_as_data_and_page(tmp_path: Path, sample_file: Path) -> None:
    """
    Exploring writes JSON and a page.
    """
    raw = imported(tmp_path / "raw", sample_file)

    made = profile({"examples": raw["examples"], "folder": str(tmp_path), "title": "sample, version 1"}, Spoken())

    assert 600 == json.loads(Path(str(made["profile"])).read_text())["num_rows"]
    assert "<h1>sample, version 1</h1>" in Path(str(made["html"])).read_text()


def test_curated_version_names_parent_and_counts(tmp_path: Path, sample_file: Path) -> None:
    """
    Rows from traffic are added behind the parent's rows.
    """
    raw = imported(tmp_path / "raw", sample_file)
    feedback = [
        {"trace_id": "tr_1", "input": "my grandmother's tractor sings opera at dawn", "expected_output": "order_status"}
    ]

    made = curate(
        {"examples": raw["examples"], "parent_digest": raw["digest"], "feedback": feedback, "folder": str(tmp_path)},
        Spoken(),
    )

    assert (601, 1, 0) == (made["num_rows"], made["num_added"], made["num_corrected"])
    assert "tr_1" in (read_rows(Path(str(made["examples"])))[-1].metadata or "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", [".examples-0.arrow", "examples.parquet", "manifest.json"])
def test_full_disk_is_told_with_the_next_step(tmp_path: Path, sample_file: Path, name: str) -> None:
    """
    No room left, at whichever file: one message, one code, and no version.
    """
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / name).symlink_to("/dev/full")

    with pytest.raises(DiskFull) as caught:
        imported(folder, sample_file)

    assert "no room left in" in caught.value.message
    assert "storage.disk_full" == caught.value.error_code
