"""Other trace servers under the same payload, from virtual environments of their own, each as its documentation starts it.

    python -m venv /tmp/mlflow && /tmp/mlflow/bin/pip install 'mlflow[genai]'
    python -m venv /tmp/phoenix && /tmp/phoenix/bin/pip install arize-phoenix
    python benchmarks/trace_ingest/run.py --peers /tmp/mlflow /tmp/phoenix

Both keep SQLite. What counts is what is in their database: MLflow answers when spans are committed, Phoenix before that,
so its rate is rows over the time until the last one is there.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from payload import DAY_NS, SPANS, Template, patched

from server import Weighing, prefer

START_SECONDS = 180.0
STORE_SECONDS = 600.0
CONNECTIONS = 2
"""As the peers were measured before; more make neither faster."""


class Peer(NamedTuple):
    """A trace server that answers."""

    name: str
    port: int
    pid: int
    database: Path
    headers: Mapping[str, str]
    spans: int
    """How many spans a round sends: a peer is given what it takes in about half a minute."""


class Rate(NamedTuple):
    """What a peer did."""

    name: str
    spans_per_second: float
    p50_ms: float
    memory_mb: float


def measure_peers(
    environments: Sequence[Path], folder: Path, made: Sequence[Template], seed: int, *, is_first: bool = False
) -> list[Rate]:
    """Measure what is installed in these environments, one after the other, once. is_first: before all else, as ours."""
    found = []
    for environment in environments:
        for program, run in (("mlflow", _mlflow), ("phoenix", _phoenix)):
            if (environment / "bin" / program).exists():
                home = folder / program
                home.mkdir()
                with run(environment / "bin" / program, home) as peer:
                    if is_first:
                        prefer(peer.pid)
                    found.append(_measure(peer, made, seed))
    return found


def _measure(peer: Peer, made: Sequence[Template], seed: int) -> Rate:
    _send(peer, made, SPANS, seed + 1)  # what is loaded at the first request is not counted
    before = _stored(peer, SPANS)
    with Weighing(peer.pid) as weighed:
        began = time.perf_counter()
        latencies = _send(peer, made, peer.spans, seed)
        after = _stored(peer, before + peer.spans)
        seconds = time.perf_counter() - began
    return Rate(peer.name, (after - before) / seconds, sorted(latencies)[len(latencies) // 2], weighed.all_mb)


def _send(peer: Peer, made: Sequence[Template], spans: int, seed: int) -> list[float]:
    """Send spans as fast as they are taken; return the requests' milliseconds."""
    turns, lock, latencies, faults = iter(range(spans // SPANS)), threading.Lock(), list[float](), list[Exception]()

    def work(number: int) -> None:
        draw = random.Random(seed * 1000 + number)
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=120)
        try:
            while True:
                with lock:
                    turn = next(turns, None)
                if turn is None:
                    return
                body, _ = patched(made[turn % len(made)], draw, lambda: time.time_ns() - draw.randrange(DAY_NS))
                began = time.perf_counter()
                while (status := _post(connection, body, peer.headers)) in (429, 503):
                    time.sleep(0.2)
                if status != 200:
                    raise RuntimeError(f"{peer.name} answered {status}")
                latencies.append((time.perf_counter() - began) * 1e3)
        except Exception as error:  # the border of a thread: told below
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return latencies


def _post(connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]) -> int:
    connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf", **headers})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _stored(peer: Peer, wanted: int) -> int:
    """Return how many spans are in a peer's database, once they are all there or no more have come for long."""
    deadline, last, since = time.monotonic() + STORE_SECONDS, -1, time.monotonic()
    while True:
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{peer.database}?mode=ro", uri=True)) as db:
            count = int(db.execute("select count(*) from spans").fetchone()[0])
            if count != last:
                last, since = count, time.monotonic()
        if last >= wanted or time.monotonic() > min(deadline, since + 60):
            return last
        time.sleep(0.5)


@contextmanager
def _mlflow(program: Path, home: Path) -> Iterator[Peer]:
    port, database = _free_port(), home / "mlflow.db"
    command = [str(program), "server", "--backend-store-uri", f"sqlite:///{database}", "--workers", "1",
               "--host", "127.0.0.1", "--port", str(port), "--artifacts-destination", str(home / "artifacts")]  # fmt: skip
    with _running(command, home, {}, port, "/health") as pid:
        yield Peer("MLflow", port, pid, database, {"x-mlflow-experiment-id": "0"}, 50 * SPANS)


@contextmanager
def _phoenix(program: Path, home: Path) -> Iterator[Peer]:
    port = _free_port()
    env = {
        "PHOENIX_WORKING_DIR": str(home),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(_free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with _running([str(program), "serve"], home, env, port, "/healthz") as pid:
        yield Peer("Phoenix", port, pid, home / "phoenix.db", {}, 15 * SPANS)


@contextmanager
def _running(command: list[str], home: Path, env: Mapping[str, str], port: int, path: str) -> Iterator[int]:
    with (home / "log").open("wb") as log:
        child = subprocess.Popen(
            command, cwd=home, env={**os.environ, **env}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port, path):
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not serve:\n{(home / 'log').read_text()[-2000:]}")
            time.sleep(0.5)
        yield child.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=20)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _answers(port: int, path: str) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
