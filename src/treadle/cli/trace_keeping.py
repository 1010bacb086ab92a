"""`treadle trace keep|capture|export|import`: what is kept of traces and for how long, what leaves, what is brought over."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from treadle.cli.asking import QUERY, query_argument
from treadle.cli.output import connected, emit_json, json_option, note, say
from treadle.core.errors import rebuild
from treadle.guards.capture import Capture as Level
from treadle.traces.asking.types import NewExport
from treadle.traces.importers.sources import SOURCES, requests_of

_FORMATS: dict[str, Literal["jsonl", "parquet"]] = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@click.command(
    "export", context_settings=QUERY, epilog="\b\nExample: treadle trace export spans.parquet 'kind:llm age<7d'"
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@query_argument()
@click.option("--view", help="Only what this kept filter finds, too: whole traces for a view of traces.")
@click.option("--whole-traces", is_flag=True, help="All spans of the traces that match, not only spans that do.")
@json_option
def export(file: Path, query: str, view: str | None, whole_traces: bool, as_json: bool) -> None:
    """Write spans into FILE: a table where its name ends in .parquet, JSON lines where it ends in .jsonl. QUERY is a filter.

    A run on the server makes the file; others are not slowed down by it. The server keeps its copy for a week.
    """
    if file.suffix not in _FORMATS:
        raise click.BadParameter(
            f"'{file.suffix}' is no format of exports; name the file {file.with_suffix('.parquet').name} for a table, or "
            f"{file.with_suffix('.jsonl').name} for JSON lines",
            param_hint="FILE",
        )
    new = NewExport(q=query, view=view, subject="trace" if whole_traces else "span", format=_FORMATS[file.suffix])
    with connected() as client:
        run = client.runs.wait(client.traces.start_export(new).run_id)
        if run.error is not None:
            raise rebuild(**run.error.model_dump())
        client.traces.save_export(run.run_id, file)
    if as_json:
        return emit_json(run)
    say(f"{run.outputs['num_spans']} spans of {run.outputs['num_traces']} traces are in {file}")
    if query and view is None and not whole_traces:
        note("these are the spans that match; all spans of the traces that `trace list` shows: --whole-traces")
    return None


@click.command("import", epilog="\b\nExample: treadle trace import observations.jsonl --from langfuse")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "source", required=True, type=click.Choice(SOURCES), help="What the file is from.")
@json_option
def import_(file: Path, source: str, as_json: bool) -> None:
    """Bring traces over: Langfuse's JSON lines, Phoenix's SQLite file, MLflow's traces as JSON, or OTLP in a file.

    What was brought over before stays as it is, so this is safe to repeat.
    """
    with connected() as client:
        done = client.traces.import_spans(requests_of(file, source))
    if as_json:
        return emit_json(done)
    say(f"{done.spans_count} spans are here; {done.refused_count} were refused")
    for reason in done.reasons:
        note(reason)
    return None


@click.command("keep", epilog="\b\nExample: treadle trace keep --days 90 --archive --archive-days 730")
@click.option("--days", type=click.IntRange(1, 36_500), help="Forget spans so many days after they started.")
@click.option("--forever", is_flag=True, help="Forget nothing.")
@click.option("--archive/--no-archive", default=None, help="Write days to the object store before they are forgotten.")
@click.option(
    "--archive-days", type=click.IntRange(1, 36_500), help="Forget archived spans so many days after they started."
)
@json_option
def keep(days: int | None, forever: bool, archive: bool | None, archive_days: int | None, as_json: bool) -> None:
    """Say how long traces are kept, or change it. What is not said stays as it is.

    Archived days are listed, searched and shown as before, only slower.
    """
    if days is not None and forever:
        raise click.UsageError("--days and --forever exclude each other")
    if archive_days is not None and archive is False:
        raise click.UsageError("--archive-days and --no-archive exclude each other")
    with connected() as client:
        kept = client.traces.retention()
        if forever:
            kept = client.traces.set_retention(None)
        elif days is not None or archive is not None or archive_days is not None:
            archives = archive_days is not None or (kept.archive if archive is None else archive)
            after = days if days is not None else kept.days
            if archives and after is None:
                raise click.UsageError(
                    "an archive takes what is not kept any more: say after how many days, with --days"
                )
            left = (archive_days or kept.archive_days) if archives else None
            kept = client.traces.set_retention(after, archive=archives, archive_days=left, if_revision=kept.revision)
    if as_json:
        return emit_json(kept)
    if kept.days is None:
        return say("traces are kept for good")
    archived = f", then archived {'for good' if kept.archive_days is None else f'until day {kept.archive_days}'}"
    return say(f"traces are kept for {kept.days} days{archived if kept.archive else ''}")


@click.command("capture", epilog="\b\nExample: treadle trace capture --level masked")
@click.option("--level", type=click.Choice(["off", "masked", "on"]), help="What applications may send from now on.")
@json_option
def capture(level: Level | None, as_json: bool) -> None:
    """Say how much of what is asked and answered applications send, or change it.

    off: nothing. masked: with personal data and secrets as tokens. on: everything.
    """
    with connected() as client:
        allowed = client.traces.capture() if level is None else client.traces.set_capture(level)
    if as_json:
        return emit_json(allowed)
    return say(f"applications send content: {allowed.capture}")
