"""The process that a custom scorer runs in: `python -I python_child.py PARENT MEGABYTES`, JSON lines in and out.

Standard library only, and started as a file, so that nothing of Treadle is in the process. The first line is the source;
every other is a row, answered by what `score` returned. It has ceilings on memory, processor time and open files, writes no
file, ends with its parent and, where the kernel lets it, has no network. Whoever asks counts the time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any

CLONE_NEWUSER = 0x10000000  # linux/sched.h
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAX_TEXT = 500


def main() -> None:
    """Answer until standard input ends."""
    # What the function prints must not break the conversation.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lines = iter(sys.stdin)
    source = json.loads(next(lines))
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    names: dict[str, Any] = {"__name__": "scorer"}
    fault: str | None = None
    try:
        exec(compile(source, "scorer.py", "exec"), names)  # noqa: S102 - running the user's function is what this process is for
    except BaseException as error:  # the border of foreign code
        fault = _told(error)
    for line in lines:
        _say(out, {"fault": fault} if fault else _answer(names["score"], json.loads(line)))


def _answer(score: Any, row: dict[str, Any]) -> dict[str, Any]:
    try:
        said = score(row["output"], row["expected"], row["input"], row["metadata"])
    except MemoryError:
        return {"fault": "it needs more memory than it may have"}
    except BaseException as error:  # the border of foreign code, which may even exit
        return {"fault": _told(error)}
    told = said if isinstance(said, dict) else {"value": said}
    value = told.get("value")
    is_share = value is None or (isinstance(value, int | float) and 0 <= value <= 1)
    if not is_share or (isinstance(said, dict) and "value" not in said):
        return {
            "fault": f"it returned {repr(said)[:100]}; return a number from 0 to 1, True, False, None, or a dict with 'value'"
        }
    return {
        "value": None if value is None else float(value),
        **{name: str(told[name])[:MAX_TEXT] for name in ("label", "reason") if told.get(name) is not None},
    }


def _limit(parent: int, megabytes: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes
    import resource

    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)  # in vain where users may not make name spaces
    size = megabytes * 1024 * 1024
    for kind, most in (
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, 3_600),
    ):
        resource.setrlimit(kind, (most, most))


def _told(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "scorer.py"]
    where = f" in line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}: {str(error)[:MAX_TEXT]}"


def _say(out: Any, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
