"""Choices that say which one was probably meant, for lists too long to read in an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click


def meant(given: str, names: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest names, '' where none is near."""
    near = difflib.get_close_matches(given, list(names), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


class NearChoice(click.Choice[str]):
    """One of a long list."""

    def __init__(self, names: Iterable[str], *, see: str) -> None:
        """see: the command that lists them."""
        super().__init__(list(names))
        self._see = see

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the choice, or fail with what was probably meant; '-' is taken for '_'."""
        names = [str(name) for name in self.choices]
        if value.replace("-", "_") in names:
            return value.replace("-", "_")
        return self.fail(
            f"'{value}' is not one of {len(names)} choices{meant(value, names) or ''}; see: {self._see}", param, ctx
        )
