"""The scorer `python`: a function of the user's, run in a process of its own with limits.

The process has none of the server's environment, an empty folder, a ceiling on memory, and is ended when a row takes too
long; a row that fails is unscored, with the line at fault. It runs as the server's user all the same, so it can read what
that user can read: it is a limit on accidents and no sandbox. Therefore an operator turns it on (TREADLE_PYTHON_SCORERS),
where whoever may write evaluations is trusted with the machine.
"""

from __future__ import annotations

import ast
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from treadle.core.types import JsonObject
from treadle.evals.scoring.case import Case, Judge, Scorer, unscored
from treadle.evals.scoring.types import Score

SWITCH = "TREADLE_PYTHON_SCORERS"
CHILD = Path(__file__).with_name("python_child.py")
SECONDS = 5.0
MOST_SECONDS = 60.0
MEGABYTES = 512
MOST_MEGABYTES = 4_096
STARTING_SECONDS = 10.0
"""Added to the first row's time: Python starts, and the source may import much."""
MOST_LOST = 5
"""Processes that may be lost in a row before the rest of the rows is not tried any more."""
_PART_BYTES = 65_536


class _Room:
    """One process that scores, started again when it was lost."""

    def __init__(self, source: str, seconds: float, megabytes: int) -> None:
        self._source = source
        self._seconds = seconds
        self._megabytes = megabytes
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="treadle-scorer-")
        self._lost = 0

    def judge(self, case: Case) -> Score:
        """Return what the function says of a case."""
        if self._lost >= MOST_LOST:
            return unscored("python", f"the function was lost on {MOST_LOST} rows running, and is not tried any more")
        row = {
            "output": case.output, "expected": case.expected, "input": case.input, "metadata": case.metadata,
        }  # fmt: skip
        told, is_late = self._ask(json.dumps(row))
        if not told:
            self._end()
            self._lost += 1
            return unscored(
                "python",
                f"the function took longer than {self._seconds:g} s; make it quicker or raise `seconds`"
                if is_late
                else f"the function's process ended; it may have needed more than {self._megabytes} MB: raise `megabytes`",
            )
        self._lost = 0
        answer = json.loads(told)
        if "fault" in answer:
            return unscored("python", answer["fault"])
        return Score(name="python", **answer) if answer["value"] is not None else unscored("python", "it returned None")

    def _ask(self, line: str) -> tuple[str, bool]:
        """Return what the process answers, empty when it is lost, and whether that was for the time it took."""
        seconds, asked = self._seconds, line.encode() + b"\n"
        if self._process is None:
            self._process, seconds = self._started(), seconds + STARTING_SECONDS
            asked = json.dumps(self._source).encode() + b"\n" + asked
        told = _exchange(self._process, asked, seconds)
        return ("", True) if told is None else (told.decode(), False)

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", str(CHILD), str(os.getpid()), str(self._megabytes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            cwd=self._folder.name, env={"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()
            process.wait()

    def __del__(self) -> None:
        self._end()
        self._folder.cleanup()


def _exchange(process: subprocess.Popen[bytes], asked: bytes, seconds: float) -> bytes | None:
    """Write to a process and return the line that it answers, empty when it ended; None when the time is over.

    What it started may outlive it in a session of its own and hold the pipes open, so only the clock and a line end the wait.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    to, back, told = process.stdin.fileno(), process.stdout.fileno(), b""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as pipes:
        pipes.register(to, selectors.EVENT_WRITE)
        pipes.register(back, selectors.EVENT_READ)
        while b"\n" not in told:
            left = deadline - time.monotonic()
            ready = [key.fd for key, _ in pipes.select(left)] if left > 0 else []
            if not ready:
                return None
            try:
                if back in ready:
                    part = os.read(back, _PART_BYTES)
                    told += part
                    if not part:
                        return b""
                elif asked := asked[os.write(to, asked[:_PART_BYTES]) :]:
                    continue
                else:
                    pipes.unregister(to)
            except OSError:
                return b""
    return told


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started in its session."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _make(parameters: JsonObject) -> Judge:
    room = _Room(
        str(parameters["source"]),
        float(str(parameters.get("seconds", SECONDS))),
        int(str(parameters.get("megabytes", MEGABYTES))),
    )
    return room.judge


def _fault(parameters: JsonObject) -> str | None:
    if os.environ.get(SWITCH) not in ("1", "on", "true"):
        return (
            f"to be turned on by whoever runs the server, with {SWITCH}=on: functions run as the server's user, so turn it on "
            f"only where everybody who may write evaluations is trusted with the machine"
        )
    seconds, megabytes = parameters.get("seconds", SECONDS), parameters.get("megabytes", MEGABYTES)
    if not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        return f"`seconds` as a number above 0 and up to {MOST_SECONDS:g}"
    if not isinstance(megabytes, int) or not 64 <= megabytes <= MOST_MEGABYTES:
        return f"`megabytes` as a whole number from 64 to {MOST_MEGABYTES}"
    try:
        tree = ast.parse(str(parameters["source"]))
    except SyntaxError as error:
        return f"`source` as Python ({error.msg} in line {error.lineno})"
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "score"]
    if not functions or len(functions[0].args.args) != 4:
        return "`source` with a function: def score(output, expected, input, metadata)"
    return None


SCORERS = (
    Scorer(
        "python",
        "What a function of yours returns: a number from 0 to 1, True, False, or a dict with 'value', 'label', 'reason'.",
        _make,
        {
            "source": "Python with `def score(output, expected, input, metadata)`",
            "seconds": f"for each row, {SECONDS:g} by default",
            "megabytes": f"of memory, {MEGABYTES} by default",
        },
        frozenset({"source"}),
        check=_fault,
        place="worker",
        cost="what the function takes, and a tenth of a millisecond a row; in a process of its own with limits",
    ),
)
"""In the order in which they are listed."""
