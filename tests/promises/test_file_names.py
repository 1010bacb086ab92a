"""No two files of the browser application differ in the case of a letter only: some file systems take one for the other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "web" / "src"


def test_names_differ_by_more_than_case() -> None:
    """
    './needs' means one room on every file system, so no folder has Needs.tsx beside needs.ts.
    """
    rooms = {path.relative_to(SOURCES).with_suffix("") for path in SOURCES.rglob("*.ts*")}

    alike = [name for name, times in Counter(str(room).lower() for room in rooms).items() if times > 1]

    assert [] == alike
