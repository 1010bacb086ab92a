"""Holds a program that we did not write: `python -m treadle.engines.leash PARENT PROGRAM ARGS...`.

The program ends when we are told to or when PARENT is gone, and whatever it started ends with it: it leads a process
group of its own, is asked first, and what is left of its group is killed. We end as it did. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

PATIENCE_SECONDS = 12.0
LOOK_SECONDS = 0.5
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Run the program until it ends or must end."""
    parent = int(sys.argv[1])
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.append(1))
    die_with_parent(signal.SIGTERM)
    program = subprocess.Popen(
        sys.argv[2:], stdin=subprocess.DEVNULL, process_group=0, preexec_fn=lambda: die_with_parent(signal.SIGKILL)
    )
    while not told and os.getppid() == parent:
        if _has_ended(program, LOOK_SECONDS):
            break
    if program.poll() is None:
        program.terminate()
        _has_ended(program, PATIENCE_SECONDS)
    # Workers that outlive their master still hold the GPU.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    code = program.wait()
    os._exit(code if code >= 0 else 128 - code)


def die_with_parent(number: int) -> None:
    """On Linux ask the kernel for this signal when our parent ends; elsewhere the loop above looks."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def _has_ended(program: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return program.poll() is not None


if __name__ == "__main__":
    main()
