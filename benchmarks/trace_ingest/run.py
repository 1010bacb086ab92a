"""How many spans a second does one server take for good, through HTTP, with everything on?

    python benchmarks/trace_ingest/run.py [--quick] [--spans 1000000] [--rounds 3] [--kills 200] [--first] [--strict]
                                          [--peers VENV ...]

A whole server (`treadle up`: API, gateway, embedded PostgreSQL, follower) in a fresh folder is sent OTLP as its peers
were (`payload.py`): an answer means that the spans are committed. Then how soon a trace is listed after its answer, the
memory at the worst moment, and `--kills` times: kill -9 at a random moment while spans are sent (seeded), start again,
and at the end count: every acknowledged span is there, once, in the lists and in the signals.

`--peers` names virtual environments in which MLflow and Phoenix are installed (`peers.py`): they take the same payload in
the same run. Without them their figures are those of an earlier run on the same kind of machine (2 cores, SQLite, 2
connections, one server): MLflow 3.17.2 534 spans/s, Arize Phoenix 20.26.1 134 (and 3.9 s until visible). `--first` puts the server before
whatever else runs on the machine (autogroup; needs root). `--strict` exits with 1 when a bar is missed; a span that
was lost or doubled always does. The full size takes some 15 minutes, `--quick` one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))  # the folder is not a package
from kills import survive
from payload import Template, patched, templates
from peers import measure_peers

from server import Served, Weighing, cpu_seconds, prefer, send, serving

MLFLOW_RATE, PHOENIX_RATE = 534, 134
MLFLOW_MB, PHOENIX_MB, PHOENIX_SECONDS = 1_742, 681, 3.9
RATE_BAR, MLFLOW_BAR, PHOENIX_BAR = 10_000, 15, 60
VISIBLE_BAR_SECONDS, MEMORY_BAR_MB = 1.0, 400


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--spans", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--peers", type=Path, nargs="*", default=[], help="virtual environments with MLflow or Phoenix")
    told = parser.parse_args()
    spans = told.spans or (30_000 if told.quick else 1_000_000)
    rounds = told.rounds or (1 if told.quick else 3)
    kills = told.kills if told.kills is not None else (3 if told.quick else 200)
    made = templates(told.seed)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        peers = {
            peer.name: peer for peer in measure_peers(told.peers, Path(folder), made, told.seed, is_first=told.first)
        }
    for peer in peers.values():
        text = f"{peer.spans_per_second:,.0f} spans/s, p50 {peer.p50_ms:,.0f} ms, {peer.memory_mb:,.0f} MB"
        rows.append((f"{peer.name}, this run", text, "-", True, ""))
    mlflow_rate = peers["MLflow"].spans_per_second if "MLflow" in peers else MLFLOW_RATE
    phoenix_rate = peers["Phoenix"].spans_per_second if "Phoenix" in peers else PHOENIX_RATE
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        if told.first:
            prefer(served.pid)
        send(served, made, 3_000, connections=2, seed=99)
        rates, cpu, others, p50 = [], [], [], []
        with Weighing(served.pid) as weighed:
            for number in range(rounds):
                before = cpu_seconds(served.pid)
                sent = send(served, made, spans // rounds, connections=told.connections, seed=told.seed * 100 + number)
                after = cpu_seconds(served.pid)
                rates.append(sent.spans / sent.seconds)
                cpu.append((after[0] - before[0]) / sent.spans * 1e6)
                others.append((after[1] - before[1]) / sent.spans * 1e6)
                p50.append(median(sent.latencies_ms))
                print(
                    f"round {number + 1}: {rates[-1]:,.0f} spans/s, {sent.retried} requests told to wait",
                    file=sys.stderr,
                )
            visible = seconds_until_visible(served, made)
        rate = median(rates)
        rows += [
            ("durable spans/s through HTTP", f"{rate:,.0f}", f">= {RATE_BAR:,}", rate >= RATE_BAR, ""),
            ("x MLflow", f"{rate / mlflow_rate:.1f}", f">= {MLFLOW_BAR}", rate >= MLFLOW_BAR * mlflow_rate, f"{MLFLOW_RATE} spans/s"),
            ("x Phoenix", f"{rate / phoenix_rate:.1f}", f">= {PHOENIX_BAR}", rate >= PHOENIX_BAR * phoenix_rate, f"{PHOENIX_RATE} spans/s"),
            ("request of 300 spans, p50", f"{median(p50):.0f} ms", "-", True, "MLflow 1,086 ms"),
            ("CPU per span, server's process", f"{median(cpu):.0f} us", "-", True, "MLflow 1,690 us, Phoenix 4,800 us"),
            ("CPU per span, PostgreSQL", f"{median(others):.0f} us", "-", True, ""),
            ("listed after the answer", f"{visible:.3f} s", f"<= {VISIBLE_BAR_SECONDS:g} s", visible <= VISIBLE_BAR_SECONDS, f"Phoenix {PHOENIX_SECONDS} s"),
            ("memory, server's process", f"{weighed.server_mb:.0f} MB", f"<= {MEMORY_BAR_MB}", weighed.server_mb <= MEMORY_BAR_MB, f"MLflow {MLFLOW_MB:,}, Phoenix {PHOENIX_MB} MB"),
            ("memory, all processes", f"{weighed.all_mb:.0f} MB", f"<= {MEMORY_BAR_MB}", weighed.all_mb <= MEMORY_BAR_MB, "with PostgreSQL and the follower"),
        ]  # fmt: skip
    faults = 0
    if kills:
        with tempfile.TemporaryDirectory() as folder:
            outcome = survive(Path(folder), made, kills=kills, seed=told.seed)
        faults = outcome.lost + outcome.doubled + outcome.miscounted
        text = f"{outcome.acknowledged:,} acknowledged, {outcome.lost} lost, {outcome.doubled} doubled, {outcome.miscounted} miscounted"
        rows.append((f"kill -9 at {kills} random moments", text, "0 lost, 0 doubled", faults == 0, ""))
    print(f"{spans:,} spans in {rounds} rounds, medians; {told.connections} connections\n")
    print("| what | measured | bar | meets | peers, measured before |\n|---|---|---|---|---|")
    for what, measured, bar, meets, peers in rows:
        print(f"| {what} | {measured} | {bar} | {'yes' if meets else 'NO'} | {peers} |")
    if faults or (told.strict and not all(row[3] for row in rows)):
        sys.exit(1)


def seconds_until_visible(served: Served, made: list[Template]) -> float:
    """Return how long after its answer a new trace is the newest of the list: the median of ten."""
    import random

    draw, connection, seconds = random.Random(7), served.connect(), []
    for number in range(10):
        body, ids = patched(made[number % len(made)], draw, time.time_ns)
        assert served.post(connection, body) == 200
        began = time.perf_counter()
        wanted = {trace_id.hex() for trace_id in ids}
        while wanted.isdisjoint(trace["trace_id"] for trace in served.get(connection, "/traces?limit=50")["items"]):
            assert time.perf_counter() - began < 60, "an acknowledged trace is not listed"
        seconds.append(time.perf_counter() - began)
    return median(seconds)


if __name__ == "__main__":
    main()
