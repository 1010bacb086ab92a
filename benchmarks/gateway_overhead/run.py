"""What does the gateway cost per request, with key check, limits, routing, prompt and trace recording ON?

Drives the product's data plane (its own process, real PostgreSQL), the upstream behind it directly, and other gateways
where they are installed (`peers.py`), in turns in the same run, and prints a Markdown table with the ratio to each bar.

    python benchmarks/gateway_overhead/run.py [--seconds 3] [--rounds 3] [--first] [--peers VENV ...] [--strict]

CPU per request is user + system time of the gateway's processes divided by requests: the figure that neighbours on the
machine disturb least, though not unmoved by them (another process on the same core leaves the caches cold). Waking a
sleeping core is dear in a virtual machine and is charged to whoever wakes it, so one connection is measured twice:
with callers, gateway and upstream on one core, as LiteLLM's 8,664 us were (the code path alone), and wherever the
kernel puts them. `--first` runs them before everything else on the machine (SCHED_RR; needs root).

The bars: a sixtieth of those 8,664 us per request, recording off; five times MLflow's 1,205 requests/s and sixty times
LiteLLM's 93. Peers that run beside us are named with their own figures. `--strict` exits with 1 when a bar is missed; a
record that was lost always does. Takes two minutes, with peers four.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import uvloop

sys.path.insert(0, str(Path(__file__).parent))  # the folder is not a package
from load import Measured, closed_loop, fixed_rate, request_of
from peers import peers
from processes import Served, cpu_seconds, memory_mb, ours, pin, prefer, upstream, wait_until

LITELLM_CPU_US, LITELLM_RATE, MLFLOW_RATE = 8_664, 93, 1_205
CPU_US_BAR = LITELLM_CPU_US / 60
RATE_BAR = 5 * MLFLOW_RATE
ADDED_MS_BAR = 0.5
STREAM_CPU_MS_BAR = 1.2
MEMORY_MB_BAR = 120
TEXT = "Where is my card? I ordered it last week. " * 4


class Figures:
    """What was measured of one gateway, round by round."""

    def __init__(self) -> None:
        self.cpu_us: dict[str, list[float]] = {}
        self.rate: dict[str, list[float]] = {}
        self.p50_ms: dict[str, list[float]] = {}
        self.p99_ms: dict[str, list[float]] = {}

    def add(self, name: str, measured: Measured, cpu: float) -> None:
        """Keep one run."""
        self.cpu_us.setdefault(name, []).append(cpu * 1e6 / measured.requests)
        self.rate.setdefault(name, []).append(measured.requests / measured.seconds)
        self.p50_ms.setdefault(name, []).append(percentile(measured.latencies_ms, 0.5))
        self.p99_ms.setdefault(name, []).append(percentile(measured.latencies_ms, 0.99))


class Bench(NamedTuple):
    """Everything that runs."""

    upstream_url: str
    upstream_pid: int
    ours: Served
    peers: list[Served]
    cores: int

    def place(self, served: Served | None, *, server: int | None, callers: int | None) -> None:
        """Put a gateway on one core, callers and upstream on another; None lets the kernel choose."""
        if self.cores > 1:
            pin([os.getpid(), self.upstream_pid], callers)
            if served is not None:
                pin(served.pids, server)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which so many lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def asking(served: Served, *, stream: bool = False) -> bytes:
    """Return the request to a gateway."""
    message: dict[str, Any] = {"model": served.model, "messages": [{"role": "user", "content": TEXT}]}
    if stream:
        message["stream"] = True
    body = json.dumps(message, separators=(",", ":")).encode()
    return request_of(served.url, served.key, body, served.path)


def ask_once(served: Served) -> None:
    """Send requests for a moment; raise when one is not answered with 200."""
    uvloop.run(closed_loop(served.url, asking(served), connections=1, seconds=0.3))


def charge(served: Served, figures: Figures, name: str, run: Callable[[], Coroutine[Any, Any, Measured]]) -> None:
    """Run a load and charge the gateway's CPU time to it, what it does just afterwards included."""
    before = cpu_seconds(served.pids)
    measured = uvloop.run(run())
    time.sleep(0.5)
    figures.add(name, measured, cpu_seconds(served.pids) - before)


def measure(bench: Bench, served: Served, figures: Figures, seconds: float, *, is_ours: bool) -> None:
    """Measure one gateway once."""
    url, ask = served.url, asking(served)
    last = bench.cores - 1
    bench.place(served, server=last, callers=last)
    charge(served, figures, "one", lambda: closed_loop(url, ask, connections=1, seconds=seconds))
    bench.place(served, server=last, callers=0)
    charge(served, figures, "sixteen", lambda: closed_loop(url, ask, connections=16, seconds=seconds))
    bench.place(served, server=None, callers=None)
    charge(served, figures, "steady", lambda: fixed_rate(url, ask, per_second=100 if is_ours else 50, seconds=seconds))
    stream = asking(served, stream=True)
    charge(served, figures, "20 streams", lambda: fixed_rate(url, stream, per_second=20, seconds=seconds))
    if is_ours:
        charge(served, figures, "one, anywhere", lambda: closed_loop(url, ask, connections=1, seconds=seconds))
        charge(served, figures, "sixteen, anywhere", lambda: closed_loop(url, ask, connections=16, seconds=seconds))
        for rate in (50, 300):
            charge(served, figures, f"{rate} streams", lambda r=rate: fixed_rate(url, stream, per_second=r, seconds=seconds))  # type: ignore[misc]  # fmt: skip


def main() -> int:
    """Measure, print, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=3.0, help="of each run")
    options.add_argument("--rounds", type=int, default=3, help="runs of each kind; medians are printed")
    options.add_argument("--first", action="store_true", help="run before everything else on the machine; needs root")
    options.add_argument("--peers", type=Path, nargs="*", default=[], help="virtual environments with other gateways")
    options.add_argument("--strict", action="store_true", help="exit with 1 when a bar is missed")
    options.add_argument("--quick", action="store_true", help="one round of a second each: the shape, not the figures")
    given = options.parse_args()
    if given.quick:
        given.seconds, given.rounds = 1.0, 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_url, upstream_pid = stack.enter_context(upstream())
        treadle, process = stack.enter_context(ours(upstream_url))
        others = stack.enter_context(peers(given.peers, upstream_url, folder, ask_once))
        bench = Bench(upstream_url, upstream_pid, treadle, others, os.cpu_count() or 1)
        wait_until(lambda: ask_once(treadle), "the gateway")
        pids = [os.getpid(), upstream_pid, *treadle.pids, *(pid for peer in others for pid in peer.pids)]
        is_first = given.first and prefer(pids)
        figures = {served.name: Figures() for served in (treadle, *others)}
        direct = Served("direct", upstream_url, "none", "support", (upstream_pid,))
        figures["direct"] = Figures()
        for _ in range(given.rounds):
            for served in (treadle, *others):
                measure(bench, served, figures[served.name], given.seconds, is_ours=served is treadle)
            bench.place(None, server=None, callers=None)
            ask = asking(direct)
            charge(direct, figures["direct"], "steady", lambda: fixed_rate(upstream_url, ask, per_second=100, seconds=given.seconds))  # noqa: B023  # fmt: skip
        print(
            f"{bench.cores} cores, load {os.getloadavg()[0]:.1f}, {given.rounds} rounds of {given.seconds:g} s, medians"
        )
        print("before everything else on the machine\n" if is_first else "beside whatever else runs on the machine\n")
        missed = report(figures, memory_mb(treadle.pids))
        report_peers(figures, {peer.name: memory_mb(peer.pids) for peer in (treadle, *others)})
        counters = count(treadle, process)
        print(f"\nrecorder: {counters}")
        lost = counters["offered"] - counters["stored"]
        return 1 if lost or (missed and given.strict) else 0


def report(figures: dict[str, Figures], memory: float) -> bool:
    """Print our figures against the bars; return whether one is missed."""
    mine = figures["treadle"]
    cpu = {name: median(values) for name, values in mine.cpu_us.items()}
    rate = max(median(mine.rate["sixteen"]), median(mine.rate["sixteen, anywhere"]))
    added = median(mine.p50_ms["steady"]) - median(figures["direct"].p50_ms["steady"])
    rows = [
        ("CPU per request, 1 connection, one core", cpu["one"], "us", CPU_US_BAR, True),
        ("CPU per request, 1 connection, anywhere", cpu["one, anywhere"], "us", CPU_US_BAR, True),
        ("CPU per request, 16 connections, a core of its own", cpu["sixteen"], "us", CPU_US_BAR, True),
        ("CPU per request, 16 connections, anywhere", cpu["sixteen, anywhere"], "us", CPU_US_BAR, True),
        ("requests/s, 16 connections", rate, "/s", RATE_BAR, False),
        ("added p50 at 100 requests/s", added, "ms", ADDED_MS_BAR, True),
        ("CPU per 20-chunk stream, 50 streams/s", cpu["50 streams"] / 1000, "ms", STREAM_CPU_MS_BAR, True),
        ("CPU per 20-chunk stream, 300 streams/s", cpu["300 streams"] / 1000, "ms", STREAM_CPU_MS_BAR, True),
        ("memory of the worker", memory, "MB", MEMORY_MB_BAR, True),
    ]
    print("| what, everything on | measured | bar | meets it |\n|---|---|---|---|")
    missed = False
    for what, value, unit, bar, is_most in rows:
        meets = value <= bar if is_most else value >= bar
        missed = missed or not meets
        digits = 2 if unit == "ms" else 0
        sign = "<=" if is_most else ">="
        print(
            f"| {what} | {value:,.{digits}f} {unit} | {sign} {bar:,.{1 if unit == 'ms' else 0}f} {unit} | {'yes' if meets else 'no'} |"
        )
    steady, direct = mine, figures["direct"]
    print(
        f"\np50 / p99 at 100 requests/s: {median(steady.p50_ms['steady']):.2f} / {median(steady.p99_ms['steady']):.2f} ms"
        f" through, {median(direct.p50_ms['steady']):.2f} / {median(direct.p99_ms['steady']):.2f} ms directly"
        f"\nagainst LiteLLM's {LITELLM_CPU_US} us per request on one core: 1/{LITELLM_CPU_US / cpu['one']:.0f}"
    )
    return missed


def report_peers(figures: dict[str, Figures], memory: dict[str, float]) -> None:
    """Print everybody beside everybody."""
    if len(memory) == 1:
        return
    mine = figures["treadle"]
    print(
        "\n| same run | CPU us/request, 1 connection, one core | ours is | requests/s, 16 connections, a core of its own | ours is"
        " | CPU us/request, 16 connections | ms per 20-chunk stream, 20 streams/s | p50 ms at a steady rate | memory MB |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name, megabytes in memory.items():
        each = figures[name]
        one, rate = median(each.cpu_us["one"]), median(each.rate["sixteen"])
        print(
            f"| {name} | {one:,.0f} | 1/{one / median(mine.cpu_us['one']):.1f} | {rate:,.0f}"
            f" | {median(mine.rate['sixteen']) / rate:.1f} x | {median(each.cpu_us['sixteen']):,.0f}"
            f" | {median(each.cpu_us['20 streams']) / 1000:.2f} | {median(each.p50_ms['steady']):.2f} | {megabytes:.0f} |"
        )
    print(
        "\nThe steady rate is 100 requests/s for us and 50 for the others. Recording is on with us and off with the others."
    )


def count(served: Served, process: Any) -> dict[str, int]:
    """Return the recorder's counters, once it has had time to store."""
    time.sleep(1.0)
    os.kill(served.pids[0], signal.SIGUSR1)
    counters: dict[str, int] = json.loads(process.stdout.readline())
    return counters


if __name__ == "__main__":
    raise SystemExit(main())
