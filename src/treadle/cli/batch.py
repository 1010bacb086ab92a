"""`treadle batch`: start, status, list, cancel, results."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, emit_text, json_option, note, say
from treadle.client.client import Client
from treadle.core.errors import EXIT_CODE, TreadleError
from treadle.gateway.batches.types import FINAL, Batch

MOST_FAULTS = 5
"""Reasons that are printed; the file of errors has them all."""


@click.group("batch")
def batch_command() -> None:
    """Batches: many requests from a file, answered when there is time."""


@batch_command.command("start", epilog="\b\nExample: treadle batch start questions.jsonl --wait")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--endpoint", default="/v1/chat/completions", show_default=True, help="The path that every line asks.")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@json_option
def start(file: Path, endpoint: str, wait: bool, as_json: bool) -> None:
    """Ask every line of a file of JSON lines. With --wait the exit code is 1 unless every line was answered.

    \b
    {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "support", "messages": [...]}}
    """
    with connected() as client:
        batch = client.batches.start(file, endpoint=endpoint)
        if wait:
            batch = client.batches.wait(batch.id)
        faults = _faults(client, batch)
    if as_json:
        emit_json(batch)
    else:
        say(f"batch '{batch.id}' is {_words(batch)}")
        for fault in faults:
            say(f"  {fault}")
        _note_next_steps(batch)
    if batch.status in FINAL and not _is_whole(batch):
        sys.exit(EXIT_CODE[TreadleError])


@batch_command.command("status", epilog="\b\nExample: treadle batch status batch_01m7y10k3v5gq2w8e4rz6tncsa")
@click.argument("batch_id")
@json_option
def status(batch_id: str, as_json: bool) -> None:
    """Print how far a batch is."""
    with connected() as client:
        batch = client.batches.get(batch_id)
        faults = _faults(client, batch)
    if as_json:
        return emit_json(batch)
    facts: list[tuple[str, object]] = [
        ("batch", batch.id),
        ("status", _words(batch)),
        ("endpoint", batch.endpoint),
        ("run", batch.run_id),
        ("started", _moment(batch.created_at)),
        ("expires", _moment(batch.expires_at)),
        ("output", batch.output_file_id),
        ("errors", batch.error_file_id),
    ]
    if batch.usage is not None:
        facts.append(("tokens", f"{batch.usage.input_tokens} in, {batch.usage.output_tokens} out"))
    facts += [("why", fault) for fault in faults]
    emit_facts(facts)
    return _note_next_steps(batch)


@batch_command.command("list", epilog="\b\nExample: treadle batch list --limit 5")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100), help="At most so many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List batches, newest first."""
    with connected() as client:
        page = client.batches.list_(limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(each.id, each.endpoint, _words(each), _moment(each.created_at)) for each in page.data]
    return emit_table(
        ["batch", "endpoint", "status", "started"], rows, empty="no batches yet; start one: treadle batch start FILE"
    )


@batch_command.command("cancel", epilog="\b\nExample: treadle batch cancel batch_01m7y10k3v5gq2w8e4rz6tncsa")
@click.argument("batch_id")
@json_option
def cancel(batch_id: str, as_json: bool) -> None:
    """Ask nothing more of a batch; what was answered is kept."""
    with connected() as client:
        batch = client.batches.cancel(batch_id)
    return emit_json(batch) if as_json else say(f"batch '{batch.id}' is {_words(batch)}")


@batch_command.command(
    "results", epilog="\b\nExample: treadle batch results batch_01m7y10k3v5gq2w8e4rz6tncsa --to answers.jsonl"
)
@click.argument("batch_id")
@click.option("--errors", is_flag=True, help="Instead, the lines that were not answered and why.")
@click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="A file; default: standard output."
)
def results(batch_id: str, errors: bool, target: Path | None) -> None:
    """Print the answers of a batch as JSON lines, in the order of its file; with --errors the lines without an answer, and why."""
    with connected() as client:
        text = client.batches.results(batch_id, errors=errors)
    if target is None:
        return emit_text(text)
    target.write_text(text, encoding="utf-8")
    return say(f"wrote {text.count(chr(10))} lines to '{target}'")


def _is_whole(batch: Batch) -> bool:
    return batch.status == "completed" and batch.request_counts.failed == 0


def _note_next_steps(batch: Batch) -> None:
    if batch.status not in FINAL:
        note(f"look at it with: treadle batch status {batch.id}")
    if batch.output_file_id is not None:
        note(f"its answers: treadle batch results {batch.id}")
    if batch.error_file_id is not None:
        note(f"what was not answered, and why: treadle batch results {batch.id} --errors")
    elif batch.status == "failed":
        note("mend the file, and start it again: treadle batch start FILE")


def _faults(client: Client, batch: Batch) -> list[str]:
    """Return why a batch failed, or why lines of it were not answered: the first few, the rest counted."""
    if batch.errors is not None and batch.errors.data:
        told = [f"line {fault.line}: {fault.message}" if fault.line else fault.message for fault in batch.errors.data]
    elif batch.status in FINAL and batch.error_file_id is not None:
        lines = map(json.loads, client.batches.results(batch.id, errors=True).splitlines())
        told = [f"'{line['custom_id']}': {_reason(line)}" for line in lines]
    else:
        told = []
    more = [f"and {len(told) - MOST_FAULTS} more"] if len(told) > MOST_FAULTS else []
    return told[:MOST_FAULTS] + more


def _reason(line: dict[str, Any]) -> str:
    """Return what a line of the error file says: an error of the batch's own, or the answer's."""
    answer = line.get("response") or {}
    error = line.get("error") or (answer.get("body") or {}).get("error") or {}
    return str(error.get("message") or f"answered with status {answer.get('status_code')}")


def _words(batch: Batch) -> str:
    counts = batch.request_counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{batch.status} ({counts.completed} of {counts.total} answered{failed})" if counts.total else batch.status


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
