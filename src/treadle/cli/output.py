"""The one room that writes to the terminal: lines, facts, tables, bars and JSON documents; and how commands reach the platform.

Whatever comes in is plain text. Nothing here reads markup, and control characters, which could move the cursor or rewrite what was
printed before, are shown instead of obeyed: what users and servers wrote cannot change how it is displayed. Results go to standard output,
everything about them to standard error. Identifiers are never broken, so that they can be copied; in a pipe nothing is wrapped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import click
from pydantic import TypeAdapter
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from treadle.client.client import Client
from treadle.core.settings import DEFAULT_DRAIN_SECONDS, MOST_DRAIN_SECONDS
from treadle.core.types import JsonValue
from treadle.jobs.types import FINAL, Run

GAP = 2
"""Columns between two columns of a table."""
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that a terminal may obey, all but tab and line feed: C0, C1, DEL, and those that reorder a line."""
NUMBER = re.compile(r"-?|-?[\d.,]+( (s|ms|%))?")
"""Cells that stand at the right of their column: figures with or without a unit, or nothing."""

BARS = "▁▂▃▄▅▆▇█"

F = TypeVar("F", bound=Callable[..., Any])
Part: TypeAlias = "str | tuple[str, str]"
"""Text as it is, or text and how it looks ('bold', 'dim', 'green' …)."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
search_option = click.option("--search", "q", metavar="TEXT", help="Only those with this in their name.")
workspace_option = click.option(
    "--workspace", type=click.Path(file_okay=False), help="Folder of the workspace (TREADLE_WORKSPACE)."
)
drain_option = click.option(
    "--drain",
    "drain_seconds",
    type=click.IntRange(0, MOST_DRAIN_SECONDS),
    help=f"Seconds that answers may take to end after SIGTERM (TREADLE_DRAIN_SECONDS; {DEFAULT_DRAIN_SECONDS}).",
)


@contextmanager
def connected() -> Iterator[Client]:
    """Yield a client: of TREADLE_URL, of the workspace's running server, or of the application in this process."""
    from treadle.server.local import connect

    with connect() as client:
        yield client


def say(*parts: Part) -> None:
    """Print a line of the result."""
    _console().print(_text(parts))


def note(*parts: Part) -> None:
    """Print a line about the result, such as the next step, where a pipe does not take it for data."""
    _console(stderr=True).print(_text(parts))


def emit_text(text: str) -> None:
    """Print a document that has a format of its own, such as JSON Lines or YAML: a pipe gets it as it is, a terminal cleaned."""
    screen = _console()
    if screen.is_terminal:
        screen.print(_text([text]), end="")
    else:
        click.echo(text, nl=False)


def emit_json(value: object) -> None:
    """Print a value of the API as JSON."""
    text = TypeAdapter(object).dump_json(value, indent=2).decode()
    click.echo(CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[JsonValue]], *, empty: str) -> None:
    """Print rows as a table, or say (to standard error) the sentence for when there are none.

    Where not even the longest words of a row fit the terminal, each row becomes a block of facts.
    """
    if not rows:
        note(empty)
        return
    are_times = [{type(value) for value in column} - {type(None)} == {datetime} for column in zip(*rows, strict=True)]
    head = [f"{name} (UTC)" if is_time else name for name, is_time in zip(columns, are_times, strict=True)]
    texts = [[_flat(cell(value).removesuffix(" UTC")) for value in row] for row in rows]
    are_numbers = [any(column) and all(map(NUMBER.fullmatch, column)) for column in zip(*texts, strict=True)]
    widths = _widths([head, *texts], _console())
    if widths is None:
        for number, row in enumerate(rows):
            if number:
                say("")
            emit_facts(list(zip(columns, row, strict=True)))
        return
    for number, row in enumerate([head, *texts]):
        lines = [_wrapped(text, width) for text, width in zip(row, widths, strict=True)]
        for line in zip_longest(*lines, fillvalue=""):
            padded = [_padded(*one) for one in zip(line, widths, are_numbers, strict=True)]
            say(((" " * GAP).join(padded).rstrip(), "bold" if number == 0 else ""))


def unless_sought(empty: str, *sought: object) -> str:
    """Return what an empty list says: how to make a first one, or that none is as it was sought."""
    return "none is as you asked" if any(one is not None for one in sought) else empty


def emit_facts(facts: Sequence[tuple[str, JsonValue]]) -> None:
    """Print names and values below each other."""
    screen = _console()
    width = max(cell_len(name) for name, _ in facts)
    room = max(20, screen.width - width - GAP) if screen.is_terminal else None
    for name, value in facts:
        first, *more = [line for part in _clean(cell(value)).split("\n") for line in _wrapped(part, room)]
        say((_padded(_flat(name), width, False), "bold"), " " * GAP, first)
        for line in more:
            say(" " * (width + GAP), line)


def cell(value: JsonValue) -> str:
    """Return a value as people read it."""
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S} UTC"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return ", ".join(map(cell, value)) or "-"
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def terminal_width() -> int | None:
    """Return the columns of the terminal that results go to; None for a pipe, where nothing is cut."""
    screen = _console()
    return screen.width if screen.is_terminal else None


def sparkline(values: Sequence[float | None], *, width: int = 40) -> str:
    """Return figures as one line of bars, the lowest to the highest; a gap where there is none, means where there are too many."""
    if len(values) > width:
        cut = [values[at * len(values) // width : (at + 1) * len(values) // width] for at in range(width)]
        values = [
            sum(known) / len(known) if (known := [one for one in part if one is not None]) else None for part in cut
        ]
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    return "".join(
        " " if value is None else BARS[round((value - low) / span * (len(BARS) - 1)) if span else len(BARS) // 2]
        for value in values
    )


def is_watched() -> bool:
    """Say whether a person looks at standard error, so that bars make sense."""
    return _console(stderr=True).is_terminal


def wait(client: Client, run: Run, *, quiet: bool = False) -> Run:
    """Wait until a run ended well, showing how far it is, and return it. Raises the kind of error that it failed with."""
    if quiet:
        return client.runs.wait(run.run_id)
    if is_watched():
        with Bars() as bars:
            return client.runs.wait(run.run_id, on_change=bars.show_run)
    told = {""}

    def tell(now: Run) -> None:
        if now.progress_text not in told:
            told.add(now.progress_text)
            note(f"{now.progress:4.0%} {now.progress_text}")

    return client.runs.wait(run.run_id, on_change=tell)


class Bars:
    """Progress bars on standard error, one per run, while a `with` block lasts."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<26}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}", style="dim", markup=False),
            console=_console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show_run(self, run: Run, *, title: str = "", words: str = "") -> None:
        """Add or move the bar of a run. Once the run is over it stays as it is."""
        task = self._tasks.get(run.run_id)
        if task is None:
            task = self._tasks[run.run_id] = self._progress.add_task(_flat(title or run.title), total=1.0, words="")
        if self._progress.tasks[task].finished or self._progress.tasks[task].stop_time is not None:
            return
        is_done, is_over = run.status == "succeeded", run.status in FINAL
        said = _flat(words or run.progress_text)
        said = f"{run.status}: {said}" if is_over and not is_done else said
        self._progress.update(task, completed=1.0 if is_done else min(run.progress, 0.99), words=said)
        if is_over and not is_done:
            self._progress.stop_task(task)


def _console(*, stderr: bool = False) -> Console:
    # One per use, because tests and pipes exchange sys.stdout. NO_COLOR is respected by rich.
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _text(parts: Sequence[Part]) -> Text:
    text = Text()
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        text.append(_clean(words), style)
    return text


def _clean(text: str) -> str:
    """Show control characters as pictures or code points. Half of a surrogate pair, which no terminal takes, too."""
    shown = CONTROLS.sub(
        lambda found: chr(0x2400 + ord(found[0])) if ord(found[0]) < 0x20 else f"<{ord(found[0]):04x}>", text
    )
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def _flat(text: str) -> str:
    return _clean(text.replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", " ")


def _widths(rows: Sequence[Sequence[str]], screen: Console) -> list[int] | None:
    """Return how wide each column is drawn, or None where the terminal is too narrow for a table."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    if not screen.is_terminal:
        return widths
    least = [max(cell_len(word) for text in column for word in text.split(" ")) for column in columns]
    room = screen.width - GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda place: (widths[place] > least[place], widths[place]))
        widths[widest] -= 1
    return widths


def _wrapped(text: str, width: int | None) -> list[str]:
    """Break a line between words; words longer than the width are left whole. None breaks nothing."""
    if width is None or cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cell_len(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _padded(text: str, width: int, to_the_right: bool) -> str:
    spaces = " " * (width - cell_len(text))
    return spaces + text if to_the_right else text + spaces
