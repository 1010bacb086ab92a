"""The server under measurement, seen from outside: started, fed by several connections, weighed, killed."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
from payload import DAY_NS, SPANS, Template, patched

HERE = Path(__file__).parent


class Served(NamedTuple):
    """A server that answers."""

    url: str
    key: str
    pid: int
    database: str
    """The URL of its database."""

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection to it."""
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)

    def post(self, connection: http.client.HTTPConnection, body: bytes) -> int:
        """Send spans and return the status of the answer."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/x-protobuf"}
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def get(self, connection: http.client.HTTPConnection, path: str) -> Any:
        """Return what the API says."""
        connection.request("GET", f"/api/v1{path}", headers={"authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {data[:500]!r}")
        return json.loads(data)


class Sent(NamedTuple):
    """What a run of sending came to."""

    spans: int
    seconds: float
    latencies_ms: list[float]
    retried: int
    """Requests that were told to come again."""


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Run a server on a folder; ends it with what it started, dead or alive."""
    child = subprocess.Popen([sys.executable, str(HERE / "serving.py"), str(folder)], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise RuntimeError("the server did not start")
        yield Served(**json.loads(line))
    finally:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=30)
        child.kill()
        child.wait()


def send(
    served: Served, templates: Sequence[Template], spans: int, *, connections: int, seed: int, spread: str = "in order"
) -> Sent:
    """Send so many spans over some connections, as fast as they are answered; every one is acknowledged in the end."""
    requests = max(1, spans // SPANS)
    end_ns = time.time_ns()
    lock, taken, retried = threading.Lock(), iter(range(requests)), [0]
    latencies: list[float] = []
    faults: list[BaseException] = []

    def work(number: int) -> None:
        draw, connection = random.Random(seed * 1000 + number), served.connect()
        try:
            while True:
                with lock:
                    turn = next(taken, None)
                if turn is None:
                    return
                if spread == "in order":
                    first = end_ns - DAY_NS + DAY_NS * turn // requests
                    at: Callable[[], int] = lambda first=first: first + draw.randrange(DAY_NS // requests)  # type: ignore[misc]  # noqa: E731
                else:
                    at = lambda: end_ns - draw.randrange(DAY_NS)  # noqa: E731
                body, _ = patched(templates[turn % len(templates)], draw, at)
                began = time.perf_counter()
                while (status := served.post(connection, body)) == 503:
                    retried[0] += 1
                    time.sleep(0.2)
                if status != 200:
                    raise RuntimeError(f"spans were answered with {status}")
                latencies.append((time.perf_counter() - began) * 1e3)
        except BaseException as error:
            faults.append(error)

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return Sent(requests * SPANS, time.perf_counter() - began, latencies, retried[0])


class Weighing:
    """Looks at the memory of a server and what it started, ten times a second, and keeps the most it saw."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.server_mb = 0.0
        """Resident memory of the server's own process."""
        self.all_mb = 0.0
        """Of all its processes, PostgreSQL's and the follower's included; shared pages are counted once."""

    def __enter__(self) -> Weighing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            with suppress(psutil.Error):
                server = psutil.Process(self._pid)
                self.server_mb = max(self.server_mb, server.memory_info().rss / 1e6)
                total = 0.0
                for process in [server, *server.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += process.memory_full_info().pss / 1e6
                self.all_mb = max(self.all_mb, total)


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Return the CPU time of a server's own process, and of all it started that live."""
    server = psutil.Process(pid)
    own = sum(server.cpu_times()[:2])
    others = 0.0
    for child in server.children(recursive=True):
        with suppress(psutil.Error):
            others += sum(child.cpu_times()[:2])
    return own, others


def kill(served: Served) -> None:
    """End a server at once, as the kernel's out-of-memory killer would."""
    os.kill(served.pid, signal.SIGKILL)


def prefer(pid: int) -> None:
    """Let a server, its PostgreSQL and us run before what else is on the machine (Linux, root)."""
    server = psutil.Process(pid)
    for process in [psutil.Process(), server, *server.children(recursive=True)]:
        Path(f"/proc/{process.pid}/autogroup").write_text("-15")
