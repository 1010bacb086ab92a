"""`treadle data`: from a file to a prepared version and out again, and how a bad file ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.traces.home import Home
from treadle.cli.main import cli
from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.data.sample import write_sample


def run(home: Home, *arguments: str) -> Result:
    """Run a command against the server."""
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}
    return CliRunner().invoke(cli, ["data", *arguments], env=environment)


def test_from_a_file_to_rows_and_out_again(home: Home, tmp_path: Path) -> None:
    """
    Import, explore, prepare, list, show, export: every command prints what it did; --json prints one document.
    """
    write_sample(tmp_path / "sample.csv", seed=1, num_rows=500)
    columns = ("--input", "text", "--label", "label")

    imported = run(home, "import", str(tmp_path / "sample.csv"), "--name", "support", *columns)
    again = run(home, "import", str(tmp_path / "sample.csv"), "--name", "support", *columns, "--json")
    explored = run(home, "profile", "support", "--html", str(tmp_path / "page.html"))
    prepared = run(home, "prepare", "support", "--seed", "3")
    listed = run(home, "list", "--json")
    versions = run(home, "versions", "support")
    shown = run(home, "show", "support", "--json")
    changes = run(home, "changes", "support", "--action", "dropped")
    examples = run(home, "examples", "support", "--part", "test", "--limit", "3", "--json")
    exported = run(home, "export", "support", "--part", "test", "--to", str(tmp_path / "test.jsonl"))

    everything = (imported, again, explored, prepared, listed, versions, shown, changes, examples, exported)
    assert [None] * 10 == [result.exception for result in everything]
    assert "dataset 'support' version 1: 500 rows, 14 labels" in imported.output
    assert json.loads(again.output)["is_new"] is False
    assert "exact duplicates" in explored.output
    assert "<h1>support, version 1</h1>" in (tmp_path / "page.html").read_text()
    assert "version 2" in prepared.output
    assert ["support"] == [one["name"] for one in json.loads(listed.output)["items"]]
    assert "prepare" in versions.output
    assert "near_duplicate" in changes.output
    assert 3 == len(json.loads(examples.output)["items"])
    rows = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    assert json.loads(shown.output)["parts"]["test"] == len(rows)
    assert {"test"} == {row["part"] for row in rows}


def test_a_version_is_edited_compared_and_mapped(home: Home, tmp_path: Path) -> None:
    """
    Edits of a file make a version, diff prints the rows that differ, map draws once and names the groups.
    """
    (tmp_path / "rows.csv").write_text("text,label\nhi,greet\nbye,leave\n")
    edits = {"message": "one more", "newest_version": 1, "added": [{"input": "hello", "expected_output": "greet"}]}
    (tmp_path / "edits.json").write_text(json.dumps(edits))
    run(home, "import", str(tmp_path / "rows.csv"), "--name", "support")

    edited = run(home, "edit", "support", str(tmp_path / "edits.json"), "--version", "1")
    differs = run(home, "diff", "support", "--against", "1")
    drawn = run(home, "map", "support", "--json")
    again = run(home, "edit", "support", str(tmp_path / "edits.json"), "--version", "1")

    assert [None] * 3 == [result.exception for result in (edited, differs, drawn)]
    assert "version 2: 3 rows" in edited.output
    assert "1 added" in differs.output
    assert "hello -> greet" in differs.output
    assert 3 == json.loads(drawn.output)["num_drawn"]
    assert isinstance(again.exception, Conflict)


def test_rows_that_are_alike_are_listed_and_taken_away(home: Home, tmp_path: Path) -> None:
    """
    Groups of like rows are found once the version is explored, largest first; of those that are named the first row stays.
    """
    lines = [
        "my new card has not arrived yet and I wait,card",
        "the bank closes at noon on Saturdays,hours",
        "My new card has not arrived yet and I wait!,card",
        "my new card has not arrived yet and I waited,card",
        "how do I close my account for good,close",
        "how do I close my account for good,close",
    ]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    run(home, "import", str(tmp_path / "rows.csv"), "--name", "support")
    with pytest.raises(NotFound) as unexplored:
        home.client.datasets.list_duplicates("support")

    listed = run(home, "duplicates", "support", "--json")
    second = home.client.datasets.list_duplicates("support", limit=1, cursor=json.loads(listed.output)["next_cursor"])
    unknown = run(home, "duplicates", "support", "--remove", "7")
    removed = run(home, "duplicates", "support", "--remove", "1")
    rest = run(home, "duplicates", "support", "--remove-all")
    none = run(home, "duplicates", "support", "--remove-all")

    groups = json.loads(listed.output)["items"]
    assert "treadle data duplicates support" in unexplored.value.message
    assert [[1, 3, 4], [5, 6]] == [[row["row"] for row in group["rows"]] for group in groups]
    assert [None, 1, 1] == [row["like_row"] for row in groups[0]["rows"]]
    assert (1.0, 5) == (groups[1]["rows"][1]["similarity"], groups[1]["rows"][1]["like_row"])
    assert 0.8 <= groups[0]["similarity"] < 1.0
    assert groups[0]["group"] == second.items[0].group
    assert isinstance(unknown.exception, InvalidInput)
    assert "version 2: 4 rows, without 2 rows" in removed.output
    assert "version 3: 3 rows" in rest.output
    assert none.exception is None
    assert ["the bank closes at noon on Saturdays"] == [
        example.input for example in home.client.datasets.list_examples("support").items if example.row == 2
    ]


def test_bad_file_is_invalid_input(home: Home, tmp_path: Path) -> None:
    """
    What is wrong with a file ends the command with the message and kind of wrong input.
    """
    (tmp_path / "a.csv").write_text("text,label\nhi,x\n")

    result = run(home, "import", str(tmp_path / "a.csv"), "--name", "support", "--input", "txt")

    assert isinstance(result.exception, InvalidInput)
    assert "the file has no column 'txt' (did you mean 'text'?)" in result.exception.message


def test_settings_that_are_none(home: Home, tmp_path: Path) -> None:
    """
    A settings file with a name that does not exist is refused with those that do.
    """
    (tmp_path / "settings.json").write_text('{"colour": "red"}')

    result = run(home, "prepare", "support", "--settings", str(tmp_path / "settings.json"))

    assert 2 == result.exit_code
    assert "near_duplicate_threshold" in result.output


@pytest.mark.parametrize(
    "command",
    [
        "import",
        "list",
        "versions",
        "show",
        "profile",
        "prepare",
        "examples",
        "changes",
        "curate",
        "export",
        "duplicates",
    ],
)
def test_every_command_has_help(command: str) -> None:
    """
    Help says what a command does, without a server.
    """
    result = CliRunner().invoke(cli, ["data", command, "--help"])

    assert 0 == result.exit_code
    assert "Usage:" in result.output
