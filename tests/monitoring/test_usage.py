"""What engines take: measured of a real process, kept by minute, listed for their project alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.traces.home import Home
from treadle.core.clock import SettableClock
from treadle.monitoring.usage import store
from treadle.monitoring.usage.measure import GpuTaken, Meter, Taken, parse_gpus
from treadle.monitoring.usage.service import keep_usage

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_a_busy_process() -> None:
    """
    A process that computes with 100 MB in its hands shows as one from the second look on; one that is gone is left out.
    """
    program = "held = bytearray(100_000_000)\nprint('ready', flush=True)\nwhile True: pass"
    meter = Meter()
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            first = meter.measure([process.pid])
            deadline = time.monotonic() + 60
            second: dict[int, Taken] = {}
            while not (second and (second[process.pid].cpu_percent or 0) > 1) and time.monotonic() < deadline:
                time.sleep(0.3)
                second = meter.measure([process.pid])
        finally:
            process.kill()

    assert {} == first
    assert second[process.pid].cpu_percent > 1
    assert second[process.pid].memory_bytes > 100_000_000
    assert {} == meter.measure([process.pid])


def test_tables_of_the_gpu() -> None:
    """
    A process on two GPUs has the memory of both and the busier one's percent; what the tool does not know is left out.
    """
    apps = "GPU-a, 100, 2048\nGPU-b, 100, 1024\nGPU-b, 7, [N/A]\n"
    gpus = "GPU-a, 35\nGPU-b, 90\n"

    assert {100: GpuTaken(90.0, 3072 * 1024 * 1024)} == parse_gpus(apps, gpus)


def test_means_of_a_minute(home: Home) -> None:
    """
    Looks of one minute are listed as their mean, minutes in order, page by page.
    """

    def write_all(minute: int, *looks: Taken) -> None:
        at = NOON + timedelta(minutes=minute)
        for taken in looks:
            asyncio.run(home.ctx.db.write(lambda db, taken=taken: store.add_usage(db, "mdv_1", at, taken)))  # type: ignore[misc]

    write_all(1, Taken(100, 1000, None, None), Taken(200, 2000, None, None))
    write_all(2, Taken(50, 500, 30.0, 7))

    first = home.client.dashboards.list_engine_usage(NOON, NOON + timedelta(hours=1), limit=1)
    second = home.client.dashboards.list_engine_usage(NOON, NOON + timedelta(hours=1), cursor=first.next_cursor)

    assert [(150.0, 1500, None, None)] == [
        (each.cpu_percent, each.memory_bytes, each.gpu_percent, each.gpu_memory_bytes) for each in first.items
    ]
    assert [(50.0, 500, 30.0, 7)] == [
        (each.cpu_percent, each.memory_bytes, each.gpu_percent, each.gpu_memory_bytes) for each in second.items
    ]


def test_engines_of_others(home: Home) -> None:
    """
    A model version that the project does not have leaves no trace in it.
    """
    ctx = replace(home.ctx, clock=SettableClock(NOON))

    asyncio.run(keep_usage(ctx, {"mdv_somebody_elses": Taken(1, 1, None, None)}))

    assert [] == home.client.dashboards.list_engine_usage(NOON, NOON + timedelta(hours=1)).items
