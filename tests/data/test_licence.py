"""The licence of rows: stated once, inherited by what is made from them, and on the card of a model that learned from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from treadle.client.client import Client
from treadle.core.errors import Conflict, InvalidInput
from treadle.data.sample import write_sample
from treadle.jobs.types import Run


def test_licence_is_inherited(client: Client, rows: Path) -> None:
    """
    What is prepared from licensed rows is under the same licence.
    """
    _import(client, rows, "CC-BY-4.0")

    client.runs.wait(client.datasets.start_prepare("support").run_id)

    assert ["CC-BY-4.0", "CC-BY-4.0"] == [version.licence for version in client.datasets.list_versions("support").items]


def test_licence_stated_later(client: Client, rows: Path) -> None:
    """
    Where none was stated it can be, and no new version is made; what was stated does not change.
    """
    _import(client, rows, None)

    _import(client, rows, "MIT")
    _import(client, rows, None)
    with pytest.raises(Conflict) as caught:
        _import(client, rows, "Apache-2.0")

    assert "data.licence_differs" == caught.value.error_code
    assert ["MIT"] == [version.licence for version in client.datasets.list_versions("support").items]


@pytest.mark.parametrize("licence", ["free for all", "MIT;", "<b>MIT</b>"])
def test_licence_that_is_none(client: Client, rows: Path, licence: str) -> None:
    """
    A licence is an SPDX id or expression; anything else is refused with examples.
    """
    with pytest.raises(InvalidInput) as caught:
        _import(client, rows, licence)

    assert "Apache-2.0" in caught.value.message


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """
    A file with some rows of the sample.
    """
    write_sample(tmp_path / "rows.csv", seed=1, num_rows=300)
    return tmp_path / "rows.csv"


def _import(client: Client, rows: Path, licence: str | None) -> Run:
    mapping = {"input": "text", "expected_output": "label", "licence": licence}
    return client.runs.wait(client.datasets.import_file("support", rows, mapping=mapping).run_id)
