"""Fill a prompt's examples from a dataset: which rows are shown, or which a gateway chooses from. Pure choosing, thin reading.

Rows with an expected output are taken in turns from each expected output, in an order that the seed shuffles: with three
examples of a task with three labels each label is shown once. Long texts are left out, an example must not crowd the prompt.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from treadle.core.errors import InvalidInput
from treadle.data import service as data
from treadle.data.types import ExampleFilter
from treadle.http.context import Context
from treadle.playground.types import FillExamples
from treadle.prompts import service as prompts
from treadle.prompts.types import Example, Examples, NewVersion, Version

MAX_CHARACTERS = 4_000
"""Of an example's input and output together."""
MAX_READ = 20_000
"""Rows that are looked at."""
PAGE = 500


class NoExamples(InvalidInput):
    """A dataset has no rows that could be shown."""

    code = "playground.no_examples"


async def fill_examples(ctx: Context, name: str, wanted: FillExamples) -> Version:
    """Add a version of a prompt that shows rows of a dataset; the same rows again return the version that has them.

    Reads at most 20,000 rows. Raises NotFound, NoExamples, and IncludeRefused for a prompt that shows no examples.
    """
    ctx.require("prompts.write")
    base = await prompts.get_version(ctx, name, wanted.version)
    dataset_version = await data.get_version(ctx, wanted.dataset, wanted.dataset_version)
    rows = await _read(ctx, wanted)
    count = wanted.pool if wanted.selection == "nearest" else wanted.count
    chosen = choose(rows, count, seed=wanted.seed)
    if not chosen:
        raise NoExamples(
            f"dataset '{wanted.dataset}' has no rows in part '{wanted.part}' with an input, an expected output and at most "
            f"{MAX_CHARACTERS:,} characters; name another part, or see its rows: treadle data show {wanted.dataset}"
        )
    examples = Examples(
        selection=wanted.selection,
        count=min(wanted.count, len(chosen)),
        rows=chosen,
        dataset_version_id=dataset_version.version_id,
    )
    return await prompts.create_version(ctx, name, with_examples(base, examples, wanted.message))


def with_examples(base: Version, examples: Examples | None, message: str) -> NewVersion:
    """Return what a version says with other examples."""
    return written(base).model_copy(update={"examples": examples, "message": message, "parents": [base.version]})


def written(version: Version) -> NewVersion:
    """Return a version as it was written, to make another of it."""
    facts = version.model_dump(include=set(NewVersion.model_fields) - {"messages", "parents", "message"})
    return NewVersion.model_validate({**facts, "messages": version.written})


def choose(rows: Iterable[Example], count: int, *, seed: int) -> list[Example]:
    """Return so many rows, in turns from each output; the same rows and seed give the same."""
    shuffled = sorted(rows, key=lambda row: (row.output, row.input))
    random.Random(seed).shuffle(shuffled)
    by_output: dict[str, list[Example]] = {}
    for row in shuffled:
        by_output.setdefault(row.output, []).append(row)
    chosen: list[Example] = []
    queues: Sequence[list[Example]] = list(by_output.values())
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


async def _read(ctx: Context, wanted: FillExamples) -> list[Example]:
    found: dict[tuple[str, str], Example] = {}
    cursor, read = None, 0
    while read < MAX_READ:
        page = await data.list_examples(
            ctx, wanted.dataset, wanted.dataset_version, ExampleFilter(part=wanted.part), limit=PAGE, cursor=cursor
        )
        read += len(page.items)
        for row in page.items:
            if row.input and row.expected_output and len(row.input) + len(row.expected_output) <= MAX_CHARACTERS:
                found.setdefault((row.input, row.expected_output), Example(input=row.input, output=row.expected_output))
        cursor = page.next_cursor
        if cursor is None:
            break
    return list(found.values())
