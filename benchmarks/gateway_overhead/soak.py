"""Does the worker's memory stay flat? 200,000 requests through the product's data plane, everything on.

    python benchmarks/gateway_overhead/soak.py [--requests 200000]

Prints the worker's resident memory as requests go by. Bars: below 120 MB after 100,000 requests, at most 3 MB more
after 200,000, every record stored. Every tenth request is a stream that its caller leaves in the middle, since what
leaks is usually what ended early. Takes about a minute; exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))  # the folder is not a package
from load import closed_loop, connect
from processes import Served, memory_mb, ours, upstream, wait_until
from run import MEMORY_MB_BAR, ask_once, asking, count

CONNECTIONS = 16
STEPS = 10
GROWTH_MB_BAR = 3.0
SETTLE_SECONDS = 1.5


async def leave(served: Served, number: int) -> None:
    """Begin streams and leave in the middle of each."""
    ask = asking(served, stream=True)
    for _ in range(number // CONNECTIONS):
        callers = await connect(served.url, CONNECTIONS)
        asked = [caller.ask(ask) for caller in callers]
        await asyncio.sleep(0.06)
        for caller in callers:
            caller.close()
        await asyncio.gather(*asked, return_exceptions=True)


def main() -> int:
    """Soak, print, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=200_000)
    wanted: int = options.parse_args().requests
    with upstream() as (upstream_url, _), ours(upstream_url) as (served, process):
        wait_until(lambda: ask_once(served), "the gateway")
        print("| requests | memory MB | seconds |\n|---|---|---|")
        sent, began, seen = 0, time.perf_counter(), list[float]()
        step = wanted // STEPS
        while sent < wanted:
            target = sent + step
            left = step // 200
            uvloop.run(leave(served, left))
            sent += left
            while sent < target:
                sent += uvloop.run(
                    closed_loop(served.url, asking(served), connections=CONNECTIONS, seconds=1.0)
                ).requests
            time.sleep(SETTLE_SECONDS)
            seen.append(memory_mb(served.pids))
            print(f"| {sent:,} | {seen[-1]:.1f} | {time.perf_counter() - began:.0f} |", flush=True)
        counters = count(served, process)
    half = seen[len(seen) // 2 - 1]
    growth = seen[-1] - half
    lost = counters["offered"] - counters["stored"]
    print(
        f"\nhalf way {half:.1f} MB (bar {MEMORY_MB_BAR}), then {growth:+.1f} MB (bar {GROWTH_MB_BAR}); records: {counters}"
    )
    return 1 if half >= MEMORY_MB_BAR or growth > GROWTH_MB_BAR or lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
