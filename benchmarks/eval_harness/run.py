"""How many cases a second an experiment does where the model costs nothing, with everything recorded and nothing lost.

    python benchmarks/eval_harness/run.py
    python benchmarks/eval_harness/run.py --quick
    python benchmarks/eval_harness/run.py --peers FOLDER    # see peers.py

The upstream is a raw server with one fixed answer, in a process of its own. An experiment asks it through an endpoint of
the gateway (key, limits, routing, traces) at concurrency 32 and judges each answer by exact match. The clock runs from the
request that starts the experiment until its run has succeeded: reading the dataset in a child process, every result row
and every trace in PostgreSQL, and the metric are part of it. Afterwards each row must have its result, and each result its
trace. Exits with 1 when the bar of 500 cases a second is missed, or a case or trace is lost. With --peers the others do the same rows
against the same upstream at the same concurrency, in turn with ours, and the ratio of the medians is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from peers import installed, run

from server import EXPECTED, question
from treadle.client.client import Client
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import NewExperiment, Target
from treadle.gateway.providers.types import NewProvider

HERE = Path(__file__).parent
UPSTREAM = HERE.parent / "gateway_overhead" / "upstream.py"
BAR = 500.0
CONCURRENCY = 32
TRACE_SECONDS = 30.0
"""How long traces may take to be in the database after the run."""


def main() -> None:
    """Measure, print, and say by the exit code whether the bar was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3,000 cases once, instead of 5,000 three times")
    parser.add_argument("--peers", type=Path, help="folder with other harnesses; they and we then do 3,000 cases")
    options = parser.parse_args()
    cases, rounds = (3_000, 1) if options.quick else (3_000, 3) if options.peers else (5_000, 3)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    upstream = subprocess.Popen([sys.executable, str(UPSTREAM)], stdout=subprocess.PIPE, text=True)
    assert upstream.stdout is not None
    url = f"http://127.0.0.1:{int(upstream.stdout.readline())}/v1"
    try:
        rates, lost = _treadle(url, cases, rounds)
        median = statistics.median(rates)
        told = ", ".join(f"{rate:.0f}" for rate in rates)
        print(f"treadle      {median:7.0f} cases/s ({told}) over {cases} cases; lost {lost}", flush=True)
        if options.peers:
            _peers(options.peers, url, cases, rounds, median)
    finally:
        upstream.kill()
    met = median >= BAR and lost == 0
    print(f"bar: {BAR:.0f} cases/s at concurrency {CONCURRENCY}, none lost: {'met' if met else 'MISSED'}")
    sys.exit(0 if met else 1)


def _peers(folder: Path, url: str, cases: int, rounds: int, ours: float) -> None:
    for peer in installed(folder):
        number = round(cases * peer.share)
        rows = [{"input": question(row), "expected": EXPECTED} for row in range(number)]
        try:
            ran = [run(peer, url, rows, CONCURRENCY) for _ in range(rounds if peer.share == 1 else 1)]
        except (SystemExit, subprocess.TimeoutExpired) as failed:
            print(f"{peer.name:12} failed: {failed}", flush=True)
            continue
        rate = statistics.median(one.rate for one in ran)
        told = ", ".join(f"{one.rate:.0f}" for one in ran)
        wrong = number * len(ran) - sum(one.right for one in ran)
        print(
            f"{peer.name:12} {rate:7.0f} cases/s ({told}) over {number} cases; not right {wrong}; "
            f"treadle does {ours / rate:.1f} times as many (load {os.getloadavg()[0]:.1f})",
            flush=True,
        )


def _treadle(upstream: str, cases: int, rounds: int) -> tuple[list[float], int]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "server.py"), folder, str(cases)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        try:
            facts = _first_json(server.stdout)
            with Client(facts["url"], api_key=facts["key"]) as client:
                client.providers.create(NewProvider(name="up", kind="openai", base_url=upstream, private=True))
                time.sleep(2.0)  # the gateway takes a changed configuration within a second
                rates = [_round(client, facts["version"]) for _ in range(rounds)]
            return rates, _lost(facts["database"], cases * rounds)
        finally:
            server.terminate()
            server.wait(timeout=30)


def _round(client: Client, version: str) -> float:
    new = NewExperiment(
        name="harness", target=Target(endpoint="bench"), dataset_version_id=version, concurrency=CONCURRENCY,
        scorers=[ScorerChoice(name="exact_match")],
    )  # fmt: skip
    began = time.perf_counter()
    started = client.experiments.start(new)
    client.runs.wait(started.run_id, interval_seconds=0.02)
    took = time.perf_counter() - began
    ended = client.experiments.get(started.experiment_id)
    metric = ended.metrics[0]
    if (ended.errors, metric.mean) != (0, 1.0):
        first = client.experiments.list_results(started.experiment_id, limit=1).items[0]
        raise SystemExit(f"not every case was right: {ended.errors} errors, mean {metric.mean}; the first: {first}")
    return metric.scored / took


def _lost(database: str, cases: int) -> int:
    """Return how many cases have no result, or a result without its trace."""
    query = """select count(distinct (r.experiment_id, r.row_number)) from experiment_results r
        join spans s on s.project_id = r.project_id and s.trace_id = r.trace_id"""
    deadline = time.monotonic() + TRACE_SECONDS
    with psycopg.connect(database, autocommit=True) as connection:
        while True:
            row = connection.execute(query).fetchone()
            assert row is not None
            if row[0] >= cases or time.monotonic() > deadline:
                return cases - int(row[0])
            time.sleep(0.2)


def _first_json(stream: object) -> dict[str, str]:
    for line in stream:  # type: ignore[attr-defined]
        if line.startswith("{"):
            return dict(json.loads(line))
    raise SystemExit("the server ended before it was ready")


if __name__ == "__main__":
    main()
