"""The project's own sample is the same on every machine and holds the faults that it says it holds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from treadle.data.sample import make_sample, write_sample
from treadle.data.sample_phrases import INTENTS
from treadle.guards.pii import mask


def test_same_seed_gives_the_same_rows() -> None:
    """
    The sample is a function of its seed and size.
    """
    assert make_sample(seed=3, num_rows=300) == make_sample(seed=3, num_rows=300)
    assert make_sample(seed=3, num_rows=300) != make_sample(seed=4, num_rows=300)


def test_sample_is_large_and_varied_enough_to_train_on() -> None:
    """
    2,400 rows, 14 intents, and no intent below 100 rows.
    """
    sample = make_sample(seed=1)

    per_label = {label: sum(row.label == label for row in sample.rows) for label in INTENTS}

    assert 2400 == len(sample.rows)
    assert 14 == len(per_label)
    assert min(per_label.values()) >= 100


def test_planted_faults_are_where_the_record_says() -> None:
    """
    Personal data is found in exactly the recorded rows, and each exact duplicate repeats another row.
    """
    sample = make_sample(seed=5)

    with_findings = [row for row, message in enumerate(sample.rows, start=1) if mask(message.text).findings]
    texts = [message.text for message in sample.rows]

    assert list(sample.planted.personal_data) == with_findings
    assert all(texts.count(texts[row - 1]) > 1 for row in sample.planted.exact_duplicates)
    assert 48 == len(sample.planted.wrong_labels)
    assert 120 == len(sample.planted.near_duplicates)
    assert 96 == len(sample.planted.broken_unicode)


def test_file_and_its_record(tmp_path: Path) -> None:
    """
    The CSV has the columns `text` and `label`; what was planted lies beside it as JSON.
    """
    planted = write_sample(tmp_path / "messages.csv", seed=2, num_rows=200)

    with (tmp_path / "messages.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    record = json.loads((tmp_path / "messages.planted.json").read_text())

    assert 200 == len(rows)
    assert {"text", "label"} == set(rows[0])
    assert list(planted.wrong_labels) == record["wrong_labels"]
