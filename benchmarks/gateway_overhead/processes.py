"""Processes under measurement: what they cost in CPU and memory, which core they run on, how to start and end them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")


class Served(NamedTuple):
    """A gateway under measurement."""

    name: str
    url: str
    """Without a path."""
    key: str
    model: str
    """What callers name."""
    pids: tuple[int, ...]
    """Whose CPU time is the gateway's; children are counted where they are listed."""
    path: str = "/v1/chat/completions"


@contextmanager
def upstream() -> Iterator[tuple[str, int]]:
    """Run the model's server; gives its URL and pid."""
    with running([sys.executable, str(HERE / "upstream.py")], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}", child.pid


@contextmanager
def ours(upstream_url: str) -> Iterator[tuple[Served, Any]]:
    """Run the product's data plane; gives it, and its process."""
    with running([sys.executable, str(HERE / "gateway.py"), upstream_url], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        facts = json.loads(child.stdout.readline())
        yield Served("treadle", facts["url"], facts["key"], "support", (facts["pid"],)), child


@contextmanager
def running(command: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process and end it afterwards."""
    child = subprocess.Popen(command, **more)
    try:
        yield child
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=20)
        child.kill()
        child.wait()


def family(pid: int) -> tuple[int, ...]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(_fields(path)[1]), []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return tuple(found)


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return user + system time of processes so far, their ended children included."""
    return sum(sum(int(ticks) for ticks in _fields(Path(f"/proc/{pid}/stat"))[11:15]) for pid in pids) / _TICKS


def memory_mb(pids: Sequence[int]) -> float:
    """Return the resident memory of processes."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def pin(pids: Sequence[int], core: int | None) -> None:
    """Let processes run on one core only, or on all."""
    cores = set(range(os.cpu_count() or 1)) if core is None else {core}
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cores)


def prefer(pids: Sequence[int]) -> bool:
    """Let processes run before everything else on the machine; return whether that was allowed."""
    try:
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setscheduler(int(task.name), os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    except PermissionError:
        return False
    return True


def wait_until(answers: Any, what: str, seconds: float = 60.0) -> None:
    """Ask until there is an answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError, RuntimeError):
            answers()
            return
        time.sleep(0.2)
    raise SystemExit(f"{what} does not answer")


def _fields(path: Path) -> list[str]:
    """Return /proc/PID/stat from the state on."""
    return path.read_text().rpartition(")")[2].split()
