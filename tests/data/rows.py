"""Rows for tests of the pure rooms."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.data.files import Row, example_id_of


def rows_of(pairs: Sequence[tuple[str, str | None]], *, parts: Sequence[str | None] | None = None) -> list[Row]:
    """Make rows of inputs and expected outputs, numbered from 1."""
    return [
        Row(number, example_id_of(text, label), text, label, None, None, parts[number - 1] if parts else None, None)
        for number, (text, label) in enumerate(pairs, start=1)
    ]
