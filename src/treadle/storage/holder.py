"""Who holds a workspace, as another process sees it: by the lock and the announcement of `workspace.py`. Needs no database."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

from treadle.core.types import JsonValue


def running_server(workspace: Path) -> dict[str, JsonValue] | None:
    """Return what the running server of a workspace announced, or None when none runs."""
    try:
        facts = json.loads((workspace / "server.json").read_text())
    except (OSError, ValueError):
        return None
    return dict(facts) if is_held(workspace) else None


def is_held(workspace: Path) -> bool:
    """Tell whether a process holds the workspace: a server, or a command that mounted it."""
    try:
        with (workspace / "lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
