"""What an engine takes of its machine."""

from __future__ import annotations

from datetime import datetime

from treadle.core.types import Record


class EngineUsage(Record):
    """One engine in one minute: means of a few looks."""

    at: datetime
    """Where the minute begins, UTC."""
    model_version_id: str
    """Whose engine."""
    cpu_percent: float
    """Of one core: 250 is two and a half cores. Its children included."""
    memory_bytes: int
    """Resident; pages that processes share are counted for each."""
    gpu_percent: float | None
    """How busy the GPUs were that it is on, all their users together; None without a GPU."""
    gpu_memory_bytes: int | None
    """Its own part of GPU memory; None without a GPU."""
