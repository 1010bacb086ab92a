"""Starting a turn through the HTTP contract: what cannot go well is refused at the door, and nothing is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from treadle.client.client import Client
from treadle.core.errors import InvalidInput, NotFound, TreadleError
from treadle.pipelines.types import FileSource, NewTurn

LABELLED = "text,label\nwhere is my parcel?,parcel\ngive me my money,refund\n"


def test_dataset_that_is_not_there(client: Client) -> None:
    """
    A turn from a dataset begins only when there is one.
    """
    with pytest.raises(NotFound) as caught:
        client.turns.start(NewTurn(name="nowhere", source="dataset"))

    assert "data.dataset_not_found" == caught.value.error_code
    assert [] == client.turns.list_().items


def test_file_that_nobody_uploaded(client: Client) -> None:
    """
    A turn from a file begins only when this project handed the file over.
    """
    with pytest.raises(NotFound) as caught:
        client.turns.start(_turn("sha256:" + "0" * 64))

    assert "data.upload_not_found" == caught.value.error_code
    assert [] == client.turns.list_().items


@pytest.mark.parametrize(
    ("content", "columns", "code"),
    [
        (LABELLED, {"input": "txt"}, "data.column_missing"),
        (LABELLED, {"label": "category"}, "data.column_missing"),
        ("text,id\nhello,1\n", {}, "pipelines.label_needed"),
        ("alpha,beta\nhello,1\n", {}, "data.columns_unclear"),
        ("", {}, "data.empty_file"),
    ],
)
def test_file_without_the_columns(
    client: Client, tmp_path: Path, content: str, columns: dict[str, str], code: str
) -> None:
    """
    Columns that the file does not have are named before anything is begun.
    """
    path = tmp_path / "rows.csv"
    path.write_text(content)
    digest = client.turns.upload(path).digest

    with pytest.raises(TreadleError) as caught:
        client.turns.start(_turn(digest, **columns))

    assert isinstance(caught.value, InvalidInput)
    assert code == caught.value.error_code
    assert [] == client.turns.list_().items


def _turn(digest: str, **columns: str) -> NewTurn:
    return NewTurn(
        name="desk",
        source="file",
        file=FileSource.model_validate({"digest": digest, "file_name": "rows.csv", **columns}),
    )
