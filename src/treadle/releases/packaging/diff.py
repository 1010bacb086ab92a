"""How two releases differ: field by field, and the prompt's text line by line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff

from treadle.core.types import JsonValue
from treadle.releases.packaging.manifest import document_of
from treadle.releases.packaging.types import FieldChange, ReleaseDiff
from treadle.releases.types import Release

_ABSENT = object()


def diff_of(before: Release, after: Release) -> ReleaseDiff:
    """Return how the second release differs from the first."""
    changes: list[FieldChange] = []
    _walk("", document_of(before.manifest), document_of(after.manifest), changes)
    old, new = (prompt_text(release).splitlines(keepends=True) for release in (before, after))
    titles = (f"{before.name} v{before.version}", f"{after.name} v{after.version}")
    lines = unified_diff(old, new, fromfile=titles[0], tofile=titles[1])
    return ReleaseDiff(
        before_id=before.release_id,
        after_id=after.release_id,
        changes=sorted(changes, key=lambda change: change.path),
        prompt="".join(line if line.endswith("\n") else f"{line}\n" for line in lines),
    )


def prompt_text(release: Release) -> str:
    """Return a release's messages as one text, each below its role."""
    return "".join(f"--- {part.role}\n{part.template}\n" for part in release.manifest.messages)


def _walk(path: str, before: object, after: object, changes: list[FieldChange]) -> None:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            inner = f"{path}.{name}" if path else str(name)
            _walk(inner, before.get(name, _ABSENT), after.get(name, _ABSENT), changes)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else _ABSENT
            new = after[index] if index < len(after) else _ABSENT
            _walk(f"{path}[{index}]", old, new, changes)
    else:
        changes.append(FieldChange(path=path, before=_shown(before), after=_shown(after)))


def _shown(value: object) -> JsonValue:
    return None if value is _ABSENT else value
