"""Training as durable runs through the HTTP contract: from a dataset version to a served model version."""

from __future__ import annotations

import random
from pathlib import Path

import polars
import pytest

from tests.conftest import RunningServer
from tests.training.tiny import TINY_BASE, TINY_FINETUNE, write_rows
from treadle.client.client import Client
from treadle.core.errors import NotFound, TreadleError
from treadle.data.types import PrepareSettings


def import_rows(client: Client, path: Path, name: str = "tiny") -> str:
    """
    Import and split the tiny task; returns the prepared version's id.
    """
    client.runs.wait(client.datasets.import_file(name, path, mapping={"licence": "CC-BY-4.0"}).run_id)
    settings = PrepareSettings(drop_exact_duplicates=False, near_duplicate_threshold=None, group_threshold=1.0)
    run = client.runs.wait(client.datasets.start_prepare(name, settings=settings).run_id)
    return str(run.outputs["version_id"])


@pytest.mark.slow
def test_from_rows_to_a_tuned_version(server: RunningServer, tmp_path: Path) -> None:
    """
    Base and fine-tune run, show their pre-flight and curves, and leave versions with files, lineage, the rows' licence and card.
    """
    client = server.client
    rows = polars.read_parquet(write_rows(tmp_path / "rows.parquet", random.Random(1), count=300)).drop("part")
    rows.write_parquet(tmp_path / "plain.parquet")
    dataset_version_id = import_rows(client, tmp_path / "plain.parquet")

    base = client.training.start_base("tiny-base", dataset_version_id=dataset_version_id, recipe=dict(TINY_BASE))
    base_version_id = str(client.runs.wait(base.run_id).outputs["model_version_id"])
    tuning = client.training.start_finetune(
        "tiny",
        dataset_version_id=dataset_version_id,
        base_version_id=base_version_id,
        recipe=dict(TINY_FINETUNE) | {"max_steps": 12},
    )
    outputs = client.runs.wait(tuning.run_id).outputs

    version = client.models.get_version("tiny")
    graph = client.lineage.get(version.model_version_id)
    assert outputs["model_version_id"] == version.model_version_id
    assert {"model.gguf", "weights/model.safetensors"} <= {file.path for file in version.files}
    assert {dataset_version_id, base_version_id} <= {node.node_id for node in graph.nodes}
    report = client.training.get_preflight(tuning.run_id).report
    assert report is not None
    assert 3 == len(report.shown)
    assert {"train_loss", "validation_exact_match"} <= {point.name for point in client.runs.metrics(tuning.run_id)}
    assert "CC-BY-4.0" == version.licence
    assert "export against weights" in client.models.get_card("tiny").markdown

    unread = client.training.start_preflight(dataset_version_id="dsv_nobody", base_version_id=base_version_id)
    with pytest.raises(TreadleError, match="dsv_nobody"):
        client.runs.wait(unread.run_id)
    assert client.training.get_preflight(unread.run_id).report is None


def test_unknown_base_is_refused_at_once(client: Client) -> None:
    """
    A fine-tune of a base that does not exist never becomes a run.
    """
    with pytest.raises(NotFound, match="mdv_nobody"):
        client.training.start_finetune("x", dataset_version_id="dsv_x", base_version_id="mdv_nobody")

    assert [] == client.runs.list_(kind="training.finetune").items


def test_unknown_dataset_fails_the_run_in_words(client: Client) -> None:
    """
    A base on rows that do not exist ends with the reason.
    """
    run = client.training.start_base("x", dataset_version_id="dsv_nobody")

    with pytest.raises(TreadleError, match="dsv_nobody"):
        client.runs.wait(run.run_id)


def test_run_without_a_preflight(client: Client) -> None:
    """
    Asking a run that examines nothing says which runs do.
    """
    run = client.training.start_base("x", dataset_version_id="dsv_nobody")

    with pytest.raises(NotFound, match=r"training\.finetune, training\.preflight"):
        client.training.get_preflight(run.run_id)
