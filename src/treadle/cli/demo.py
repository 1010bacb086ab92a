"""`treadle demo`: one full turn, with bars, and the platform serving the result."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from treadle.cli.output import emit_json, json_option, note, workspace_option
from treadle.cli.turn_view import follow, print_turn
from treadle.client.client import Client
from treadle.pipelines.types import FileSource, NewTurn, Turn

if TYPE_CHECKING:
    import uvicorn

    from treadle.core.settings import Settings
    from treadle.server.platform import Platform


@click.command("demo", epilog="\b\nExample: treadle demo --data tickets.csv --input text --label category")
@click.option(
    "--data",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV, JSONL or Parquet; the project's own sample when not given.",
)
@click.option("--input", "input_column", help="Column with what the application is given.")
@click.option("--label", "label_column", help="Column with the right answer.")
@click.option("--licence", help="Licence of the rows as an SPDX id, such as CC-BY-4.0; models made from them say so.")
@click.option(
    "--name",
    default=None,
    help="Names the dataset, models, releases and endpoint.  [default: support, or the file's name]",
)
@click.option(
    "--method", type=click.Choice(["full", "lora"]), default="full", show_default=True, help="How to fine-tune."
)
@click.option("--no-drill", is_flag=True, help="Leave out the release that is broken on purpose.")
@click.option("--no-serve", is_flag=True, help="Stop after the turn.")
@click.option("--again", is_flag=True, help="Take another turn although this workspace has one like it.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (TREADLE_PORT; 8700).")
@workspace_option
@json_option
def demo_command(
    path: Path | None, input_column: str | None, label_column: str | None, licence: str | None, name: str | None, method: str, no_drill: bool, no_serve: bool, again: bool,
    port: int | None, workspace: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Go once around the loop: data, base model, fine-tune, evaluation, release, rollout, feedback, data; then serve the result."""
    from treadle.core.settings import read_settings

    if (input_column or label_column or licence) and path is None:
        raise click.UsageError(
            "--input, --label and --licence are about --data FILE; give the file, or leave them out for the sample"
        )
    facts: dict[str, object] = {
        "name": name or (_name_of(path) if path else "support"),
        "method": method,
        "play_customers": True,
        "drill": not no_drill,
        "licence": licence,
    }
    demo = _Demo(facts, path, input_column, label_column, again=again, no_serve=no_serve, as_json=as_json)
    demo.run(read_settings(workspace=workspace, port=port))


class _Demo:
    """The server in the main thread, the turn's progress in another."""

    def __init__(
        self,
        facts: dict[str, object],
        path: Path | None,
        input_column: str | None,
        label_column: str | None,
        *,
        again: bool,
        no_serve: bool,
        as_json: bool,
    ) -> None:
        self._facts, self._path, self._columns = facts, path, (input_column, label_column)
        self._again, self._no_serve, self._as_json = again, no_serve, as_json
        self._server: uvicorn.Server | None = None
        self._error: BaseException | None = None

    def run(self, settings: Settings) -> None:
        """Serve, take the turn, and go on serving unless told not to."""
        from treadle.server.serve import serve

        serve(settings, on_ready=self._on_ready, stop_when=self._remember)
        if self._error is not None:
            raise self._error

    def _remember(self, server: uvicorn.Server) -> None:
        self._server = server

    def _on_ready(self, platform: Platform, url: str) -> None:
        threading.Thread(target=self._take_turn, args=(platform, url), name="turn", daemon=True).start()

    def _take_turn(self, platform: Platform, url: str) -> None:
        try:
            with Client(url, api_key=platform.local_key) as client:
                turn = self._finished_turn(client)
                emit_json(turn) if self._as_json else print_turn(turn)
                if not self._no_serve:
                    link = client.access.create_sign_in_link()
                    note(f"\nTreadle serves this at {url}; sign in (once, within 15 minutes): {link.at(url)}")
                    note("another link: treadle open      stop: Ctrl-C      serve it again: treadle up")
        except BaseException as error:
            if self._server is not None and self._server.should_exit:
                note("stopping; what was under way goes on when this is started again: treadle demo, or treadle up")
                return
            self._error = error
        if self._server is not None and (self._no_serve or self._error is not None):
            self._server.should_exit = True

    def _finished_turn(self, client: Client) -> Turn:
        new = self._new_turn(client)
        same = [run for run in client.turns.list_().items if NewTurn.model_validate(run.params) == new]
        under_way = next((run for run in same if run.status in ("pending", "running")), None)
        if under_way is not None:
            note(f"going on with turn '{under_way.run_id}'")
            return follow(client, under_way.run_id, quiet=self._as_json)
        done = next((run for run in same if run.status == "succeeded"), None)
        if done is not None and not self._again:
            note(
                f"this workspace has such a turn already ('{done.run_id}'); another: treadle demo --again, or go on from its data: "
                f"treadle turn start --name {new.name}"
            )
            return client.turns.get(done.run_id)
        return follow(client, client.turns.start(new).run_id, quiet=self._as_json)

    def _new_turn(self, client: Client) -> NewTurn:
        if self._path is None:
            return NewTurn.model_validate(self._facts)
        upload = client.turns.upload(self._path)
        file = FileSource(
            digest=upload.digest, file_name=upload.file_name, input=self._columns[0], label=self._columns[1]
        )
        return NewTurn.model_validate({**self._facts, "source": "file", "file": file})


def _name_of(path: Path) -> str:
    """Return a name for everything that a turn on this file makes."""
    stem = path.absolute().parent.name if path.stem in ("train", "data", "test") else path.stem
    kept = "".join(
        character if character.isalnum() and character.isascii() else "-" for character in stem.lower()
    ).strip("-")
    return kept[:40] or "data"
