"""The report of a release as sections that any rendering follows."""

from __future__ import annotations

from datetime import datetime

from treadle.core.types import Record


class Table(Record):
    """A table of a report."""

    headers: list[str]
    """One per column."""
    rows: list[list[str]]
    """As many cells each."""


class Section(Record):
    """One part of a report."""

    title: str
    """What it is about."""
    lines: list[str]
    """Statements, one by one."""
    tables: list[Table]
    """Below them."""
    not_measured: list[str]
    """What the section would say if somebody had measured or stated it."""


class ReleaseReport(Record):
    """What is known of a release and what is not: data, evaluations, bias, guards, limits, approvals, gaps."""

    release_id: str
    """The release."""
    title: str
    """Its name and version."""
    made_at: datetime
    """When the report was made; a later one may say more."""
    sections: list[Section]
    """In reading order."""
    not_measured: list[str]
    """Everything that the sections miss, in their order; silence is not a pass."""
    markdown: str
    """The same, to read."""
