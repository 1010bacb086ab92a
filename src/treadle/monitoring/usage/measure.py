"""Measures what processes take: psutil for processors and memory, nvidia-smi where there is one. Waits; call it from a thread."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

MIB = 1024 * 1024
PATIENCE_SECONDS = 5.0
_APPS = ["--query-compute-apps=gpu_uuid,pid,used_memory", "--format=csv,noheader,nounits"]
_GPUS = ["--query-gpu=uuid,utilization.gpu", "--format=csv,noheader,nounits"]


class Taken(NamedTuple):
    """What a process takes now, its children included."""

    cpu_percent: float
    memory_bytes: int
    gpu_percent: float | None
    gpu_memory_bytes: int | None


class GpuTaken(NamedTuple):
    """What a process takes of GPUs."""

    percent: float
    memory_bytes: int


class Meter:
    """Measures processes again and again: use of a processor is counted from one look to the next."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def measure(self, pids: Sequence[int]) -> dict[int, Taken]:
        """Return what each process takes; those that are gone are left out, and a process's first look counts nothing yet."""
        import psutil

        gpus = read_gpus() if pids else {}
        seen: dict[int, Any] = {}
        taken: dict[int, Taken] = {}
        for pid in pids:
            with suppress(psutil.Error):
                process = self._known.get(pid) or psutil.Process(pid)
                family = [process, *(self._known.get(child.pid) or child for child in process.children(recursive=True))]
                is_new = pid not in self._known
                cpu = memory = 0.0
                for member in family:
                    with suppress(psutil.Error):
                        cpu += member.cpu_percent(None)
                        memory += member.memory_info().rss
                        seen[member.pid] = member
                on_gpu = [gpus[member.pid] for member in family if member.pid in gpus]
                if not is_new:
                    taken[pid] = Taken(
                        cpu_percent=cpu,
                        memory_bytes=int(memory),
                        gpu_percent=max(each.percent for each in on_gpu) if on_gpu else None,
                        gpu_memory_bytes=sum(each.memory_bytes for each in on_gpu) if on_gpu else None,
                    )
        self._known = seen
        return taken


def read_gpus() -> Mapping[int, GpuTaken]:
    """Return what processes take of NVIDIA's GPUs, by process; nothing where there is no nvidia-smi or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    try:
        apps, gpus = (
            subprocess.run([tool, *query], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True).stdout
            for query in (_APPS, _GPUS)
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return parse_gpus(apps, gpus)


def parse_gpus(apps: str, gpus: str) -> dict[int, GpuTaken]:
    """Return what two tables of nvidia-smi say, by process: 'uuid, pid, MiB' and 'uuid, percent'. What is no number is left out."""
    busy = {uuid: float(percent) for uuid, percent in _rows(gpus, 2) if percent.isdigit()}
    found: dict[int, GpuTaken] = {}
    for uuid, pid, mib in _rows(apps, 3):
        if not (pid.isdigit() and mib.isdigit()):
            continue
        before = found.get(int(pid), GpuTaken(0.0, 0))
        percent = max(before.percent, busy.get(uuid, 0.0))
        found[int(pid)] = GpuTaken(percent, before.memory_bytes + int(mib) * MIB)
    return found


def _rows(text: str, width: int) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [row for row in rows if len(row) == width]
