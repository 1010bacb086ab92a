"""Where a turn's rows come from: nothing lost, nothing in two places, the same every time."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.jobs.child import Report
from treadle.pipelines.source import Customer, collect_file, collect_sample, mislabel, read_customers

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r\n", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(lambda text: text.strip() == text)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b", "c"])), min_size=1, max_size=60))
def test_every_row_is_in_one_place(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """
    Each row is imported or held back, never both, and the same content always falls the same way.
    """
    made = _collect(tmp_path, rows, share=0.3)
    again = _collect(tmp_path, rows, share=0.3)

    imported, held_back = _read(str(made["data"])), read_customers(Path(str(made["customers"])))
    assert sorted(rows) == sorted([*map(tuple, imported), *map(tuple, held_back)])
    assert not set(map(tuple, imported)) & set(map(tuple, held_back))
    assert (made["num_rows"], made["num_customers"]) == (again["num_rows"], again["num_customers"])


def test_sample_and_its_customers_differ(tmp_path: Path) -> None:
    """
    Tomorrow's customers do not write what the sample holds.
    """
    made = collect_sample({"folder": str(tmp_path), "seed": 0, "play_customers": True}, Report(io.StringIO()))

    rows = {row.input for row in _read(str(made["data"]))}
    customers = [customer.input for customer in read_customers(Path(str(made["customers"])))]
    assert 2_400 == made["num_rows"]
    assert len(customers) > 300
    assert sum(text in rows for text in customers) < len(customers) * 0.05


def test_nobody_to_play(tmp_path: Path) -> None:
    """
    Where no customers are played, no row is held back from the dataset.
    """
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"message {number},a\n" for number in range(50)))

    made = collect_file(_spec(tmp_path, path, 0.3) | {"play_customers": False}, Report(io.StringIO()))

    assert (50, 0) == (made["num_rows"], made["num_customers"])


def test_file_without_right_answers(tmp_path: Path) -> None:
    """
    A file that nothing can be learned from is refused with the columns it has.
    """
    path = tmp_path / "rows.csv"
    path.write_text("text,id\nhello,1\n")

    with pytest.raises(InvalidInput) as caught:
        collect_file(_spec(tmp_path, path, 0.1) | {"label": None}, Report(io.StringIO()))

    assert "pipelines.label_needed" == caught.value.error_code
    assert "text, id" in caught.value.message


def test_mislabelling_shifts_every_label(tmp_path: Path) -> None:
    """
    After the drill's accident no row keeps its label and every label is still there.
    """
    import polars as pl

    rows = [Customer(f"message {number}", "abc"[number % 3]) for number in range(9)]
    pl.DataFrame([row._asdict() for row in rows]).write_parquet(tmp_path / "rows.parquet")

    made = mislabel({"examples": [str(tmp_path / "rows.parquet")], "folder": str(tmp_path)}, Report(io.StringIO()))

    shifted = _read(str(made["data"]))
    assert {"a": "b", "b": "c", "c": "a"} == {
        before.expected_output: after.expected_output for before, after in zip(rows, shifted, strict=True)
    }


def _collect(folder: Path, rows: list[tuple[str, str]], *, share: float) -> dict[str, object]:
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return collect_file(_spec(folder, path, share), Report(io.StringIO()))


def _spec(folder: Path, path: Path, share: float) -> dict[str, object]:
    return {
        "folder": str(folder / "made"),
        "path": str(path),
        "file_name": path.name,
        "input": "text",
        "label": "label",
        "held_back_share": share,
        "play_customers": True,
        "seed": 0,
    }


def _read(path: str) -> list[Customer]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [Customer(**row) for row in csv.DictReader(file)]
