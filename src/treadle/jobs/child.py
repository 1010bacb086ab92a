"""The child's side of heavy work: `python -m treadle.jobs.child module:function`, a JSON spec on standard input, JSON lines out.

The process dies with its parent (Linux at once, elsewhere when its pipe breaks), so a killed server leaves no training running.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import traceback
from typing import IO

from treadle.core.errors import TreadleError, describe
from treadle.core.types import JsonObject, JsonValue

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Report:
    """How a worker function says what it is doing. Every line leaves at once."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def log(self, text: str) -> None:
        """Say something; it becomes a line of the run's log."""
        self._send({"event": "log", "text": text})

    def metric(self, name: str, step: int, value: float) -> None:
        """Add a point to a curve of the run."""
        self._send({"event": "metric", "name": name, "step": int(step), "value": float(value)})

    def progress(self, fraction: float, text: str = "") -> None:
        """Say how far the work is, 0-1."""
        self._send({"event": "progress", "fraction": float(fraction), "text": text})

    def _send(self, message: dict[str, JsonValue]) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def main() -> None:
    """Do the work that the parent named; print its result or its error as the last line."""
    die_with_parent(int(sys.argv[2]))
    # Nearly all that a job imports stays; looking through it with Python's own figures is a tenth of what a fine-tune takes to load.
    gc.set_threshold(10_000, 20, 20)
    # Whatever libraries print must not break the conversation: standard output belongs to us alone.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module_name, _, function_name = sys.argv[1].partition(":")
    spec: JsonObject = json.load(sys.stdin)
    report = Report(out)
    try:
        work = getattr(importlib.import_module(module_name), function_name)
        result = work(spec, report)
        report._send({"event": "result", "result": result})
    except TreadleError as error:
        report._send({"event": "error", "error": describe(error)})
        sys.exit(1)
    except Exception:  # the border of a job: the parent logs what we last said
        traceback.print_exc()
        sys.exit(70)
    os._exit(_flushed(out))


def _flushed(out: IO[str]) -> int:
    """Leave without waiting for libraries' threads: everything that matters is written."""
    out.flush()
    sys.stderr.flush()
    return 0


def die_with_parent(parent: int) -> None:
    """End when the parent does; its id is told rather than asked for, as one that was killed while we started is our parent no more."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()
