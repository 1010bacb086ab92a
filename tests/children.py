"""A child process that ends with the block it was started in, whatever happens there; none is waited for without an end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

PATIENCE_SECONDS = 60.0


@contextmanager
def child(command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a program until the block ends; then ask it to end, and fail if it does not."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        did_end = ends(process)
    assert did_end, f"asked to end, '{' '.join(command)}' did not within {PATIENCE_SECONDS:.0f} s"


def ends(process: subprocess.Popen[Any]) -> bool:
    """Wait for the end of a program that was told; say whether it came, and kill it with all it started if not."""
    try:
        process.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(psutil.NoSuchProcess):  # it may end just now
            for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        with suppress(subprocess.TimeoutExpired):  # one that the kernel holds is left to it
            process.wait(timeout=PATIENCE_SECONDS)
        return False
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return True
