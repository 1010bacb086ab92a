"""Spans on their way, and what can happen to them: no server, a slow or full one, a killed application, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import treadle
from tests.client.listening import Listening, listening
from tests.ports import free_port
from treadle.client.tracing.sending import meaning_of, seconds_of

PATIENCE_SECONDS = 60
PROGRAM = """
import os, sys, time
import treadle

treadle.configure_tracing(sys.argv[1], api_key="k", spool=sys.argv[2])
"""


@pytest.fixture
def server() -> Iterator[Listening]:
    """
    A server that takes spans.
    """
    with listening() as heard:
        yield heard


@pytest.fixture(autouse=True)
def _end_of_tracing() -> Iterator[None]:
    """
    Nothing is traced after a test.
    """
    yield
    treadle.configure_tracing(enabled=False)


def say(count: int, name: str = "span") -> None:
    """End some spans."""
    for number in range(count):
        with treadle.trace(f"{name} {number}"):
            pass


def until(is_so: object) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def program(lines: str, url: str, spool: Path, **more: object) -> subprocess.Popen[str]:
    """Start an application."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + lines, url, str(spool)],
        stdout=subprocess.PIPE,
        text=True,
        **more,  # type: ignore[call-overload, no-any-return]
    )


def test_a_server_that_is_down(tmp_path: Path) -> None:
    """
    Spans wait on disk while nobody answers, the application goes on, and all arrive once somebody does.
    """
    port = free_port()
    treadle.configure_tracing(f"http://127.0.0.1:{port}", api_key="k", spool=tmp_path)
    say(50)
    until(lambda: treadle.tracing_stats().spooled == 50)
    down = treadle.flush(0.1)

    with listening(port) as heard:
        up = treadle.flush(PATIENCE_SECONDS)

        assert (False, 50, 0) == (down.is_complete, down.waiting, down.dropped)
        assert "no Treadle answers" in str(down.trouble)
        assert (True, 50, None) == (up.is_complete, up.sent, up.trouble)
        assert [f"span {number}" for number in range(50)] == heard.names()
        assert {"Bearer k"} == heard.keys


def test_a_server_that_is_slow(server: Listening, tmp_path: Path) -> None:
    """
    While the server takes its time over one request, new spans are written down all the same.
    """
    server.hold.clear()
    treadle.configure_tracing(server.url, spool=tmp_path)
    say(1, "first")
    assert server.came.wait(PATIENCE_SECONDS)

    say(30)
    until(lambda: treadle.tracing_stats().queued == 0)
    meanwhile = treadle.tracing_stats()
    server.hold.set()

    assert (31, 0) == (meanwhile.spooled, meanwhile.sent)
    assert treadle.flush(PATIENCE_SECONDS).is_complete
    assert 31 == len(server.names())


def test_a_server_that_is_full(server: Listening, tmp_path: Path) -> None:
    """
    503 with Retry-After means later, not never: nothing is lost, nothing comes twice, and the server is left alone so long.
    """
    server.answers = [(503, {"retry-after": "1"}, b"full"), (429, {}, b"")]
    treadle.configure_tracing(server.url, spool=tmp_path)
    began = time.monotonic()

    say(3)
    report = treadle.flush(PATIENCE_SECONDS)

    assert (True, 3) == (report.is_complete, report.sent)
    assert 3 == len(server.names())
    assert time.monotonic() - began >= 1.0


def test_spans_that_are_wrong(server: Listening, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    What the server will never take is counted and told, and does not stand in the way of the rest.
    """
    partial = b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "one is odd"}}'
    server.answers = [(400, {}, b'{"message": "no export"}'), (200, {}, partial)]
    treadle.configure_tracing(server.url, spool=tmp_path)
    say(2, "bad")
    bad = treadle.flush(PATIENCE_SECONDS)
    say(4, "good")
    good = treadle.flush(PATIENCE_SECONDS)

    stats = treadle.tracing_stats()
    assert (True, 2, "the server answered 400: no export") == (bad.is_complete, bad.rejected, bad.trouble)
    assert (3, 3, None) == (good.sent, good.rejected, good.trouble)
    assert (6, 3, 3, 0) == (stats.taken, stats.sent, stats.rejected, stats.dropped)
    assert "no export" in caplog.text
    assert "one is odd" in caplog.text


def test_a_request_that_breaks_the_server(server: Listening, tmp_path: Path) -> None:
    """
    A request at which the server fails again and again is given up, so that the others come through.
    """
    server.answers = [(500, {}, b"oops")] * 5
    treadle.configure_tracing(server.url, spool=tmp_path)
    say(1, "poison")
    treadle.flush(PATIENCE_SECONDS)
    say(1, "fine")

    report = treadle.flush(PATIENCE_SECONDS)

    assert (1, 1) == (report.rejected, report.sent)
    assert ["fine 0"] == server.names()


ANSWERS = [
    (200, "sent"), (400, "refused"), (413, "refused"), (422, "refused"), (401, "later"), (403, "later"), (404, "later"),
    (308, "later"), (408, "later"), (429, "later"), (502, "later"), (503, "later"), (504, "later"), (500, "broken"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "fate"), ANSWERS)
def test_what_answers_mean(status: int, fate: str) -> None:
    """
    A wrong key or address can be put right, so what waits is kept; what is wrong with spans cannot.
    """
    assert fate == meaning_of(status, None, b"").fate


def test_when_to_come_back() -> None:
    """
    Retry-After is seconds or a date, and at most five minutes.
    """
    assert [7.0, 300.0, 0.0, None, None] == [seconds_of(said, 0.0) for said in ("7", "100000", "-3", "soon", None)]
    assert 60.0 == seconds_of("Thu, 01 Jan 1970 00:01:00 GMT", 0.0)


def test_an_application_that_is_killed(server: Listening, tmp_path: Path) -> None:
    """
    What it had written down is sent by the next one; a torn end costs nothing but itself.
    """
    lines = """
for number in range(20):
    with treadle.trace(f"killed {number}"):
        pass
while treadle.tracing_stats().spooled < 20:
    time.sleep(0.01)
print("written", flush=True)
time.sleep(600)
"""
    with program(lines, server.url, tmp_path) as application:
        server.answers = [(503, {"retry-after": "300"}, b"")]
        assert "written\n" == application.stdout.readline()  # type: ignore[union-attr]
        application.send_signal(signal.SIGKILL)
    (left,) = tmp_path.glob("*/*.spool")
    with left.open("ab") as file:
        file.write(b"tsp1 and half of a fr")

    server.answers = []
    treadle.configure_tracing(server.url, api_key="k", spool=tmp_path)
    say(1, "next")
    until(lambda: treadle.tracing_stats().recovered == 20)

    assert treadle.flush(PATIENCE_SECONDS).is_complete
    assert {f"killed {number}" for number in range(20)} | {"next 0"} == set(server.names())
    assert not left.exists()


def test_what_waits_for_another_project(server: Listening, tmp_path: Path) -> None:
    """
    What one key's spans wait in is never sent with another key.
    """
    treadle.configure_tracing(f"http://127.0.0.1:{free_port()}", api_key="one", spool=tmp_path)
    say(1, "secret")
    until(lambda: treadle.tracing_stats().spooled == 1)

    treadle.configure_tracing(server.url, api_key="two", spool=tmp_path)
    say(1, "mine")
    treadle.flush(PATIENCE_SECONDS)

    assert ["mine 0"] == server.names()


def test_several_processes(server: Listening, tmp_path: Path) -> None:
    """
    Forked workers, each with its own spans, share a folder and a parent: every span arrives, once.
    """
    lines = """
with treadle.trace("parent before"):
    pass
children = []
for worker in range(4):
    pid = os.fork()
    if pid == 0:
        for number in range(25):
            with treadle.trace(f"worker {worker} {number}"):
                pass
        report = treadle.flush(60)
        os._exit(0 if report.is_complete and report.sent == 25 else 1)
    children.append(pid)
codes = [os.waitpid(pid, 0)[1] for pid in children]
report = treadle.flush(60)
print(codes, report.sent, treadle.tracing_stats().taken, flush=True)
"""
    with program(lines, server.url, tmp_path) as application:
        said = application.stdout.read()  # type: ignore[union-attr]

    workers = [f"worker {worker} {number}" for worker in range(4) for number in range(25)]
    assert said.startswith("[0, 0, 0, 0]")
    assert said.endswith(" 1\n")
    assert sorted([*workers, "parent before"]) == sorted(server.names())


def test_a_spool_that_is_full(tmp_path: Path) -> None:
    """
    The folder stays under its bound, and what has no room is counted as dropped.
    """
    treadle.configure_tracing(f"http://127.0.0.1:{free_port()}", spool=tmp_path, max_spool_bytes=20_000)
    for number in range(40):
        with treadle.trace("large") as span:
            span.set(input=os.urandom(1_000).hex(), number=number)
        if number % 10 == 9:
            until(lambda: treadle.tracing_stats().queued == 0)
    stats = treadle.tracing_stats()
    assert stats.dropped > 0
    assert 40 == stats.spooled + stats.dropped
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.spool")) <= 20_000
    assert "the 20000 bytes it may" in str(stats.trouble)


def test_a_disk_that_is_full(server: Listening, tmp_path: Path) -> None:
    """
    Where the disk gives nothing, spans go the way through memory; what was half written is no frame.
    """
    lines = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for number in range(10):
    with treadle.trace(f"full {number}"):
        pass
report = treadle.flush(60)
print(report.is_complete, report.sent, "File too large" in report.trouble, flush=True)
"""
    with program(lines, server.url, tmp_path) as application:
        said = application.stdout.read()  # type: ignore[union-attr]

    assert "True 10 True\n" == said
    assert [f"full {number}" for number in range(10)] == server.names()


def test_more_spans_than_memory_has_room_for(server: Listening, tmp_path: Path) -> None:
    """
    A queue that is full drops what comes, counts it, and never makes the application wait.
    """
    server.hold.clear()
    treadle.configure_tracing(server.url, spool=tmp_path / "spool", max_queued=10)

    say(500)
    server.hold.set()
    treadle.flush(PATIENCE_SECONDS)

    stats = treadle.tracing_stats()
    assert 500 == stats.sent + stats.dropped
    assert stats.dropped > 0
    assert stats.sent == len(server.names())


def test_an_application_that_ends(server: Listening, tmp_path: Path) -> None:
    """
    At its end an application sends what it has; with no server it ends all the same, and the next one sends it.
    """
    lines = """
with treadle.trace(sys.argv[1][-4:]):
    pass
"""
    nowhere = f"http://127.0.0.1:{free_port()}"

    with program(lines, server.url, tmp_path) as reached:
        pass
    with program(lines, nowhere, tmp_path) as unreached:
        pass

    assert (0, 0) == (reached.returncode, unreached.returncode)
    assert [server.url[-4:]] == server.names()
    assert 1 == len(list(tmp_path.glob("*/*.spool")))


def test_nobody_to_send_to(tmp_path: Path) -> None:
    """
    Without a server to send to, tracing does nothing: no thread, no file, and the function as it was.
    """
    lines = """
import threading
treadle.configure_tracing(enabled=False)
double = treadle.trace(lambda number: 2 * number)
print(double(4), treadle.flush(1).is_complete, treadle.tracing_stats().taken, threading.active_count(), flush=True)
"""
    with program(lines, "http://127.0.0.1:9", tmp_path) as application:
        said = application.stdout.read()  # type: ignore[union-attr]

    assert "8 True 0 1\n" == said
    assert [] == list(tmp_path.iterdir())
