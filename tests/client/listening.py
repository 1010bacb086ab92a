"""A server that takes spans as a test tells it to, on a real socket."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Listening:
    """What it answers, and what came."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        """What to answer to the next requests with spans; 200 once none is left."""
        self.capture: str | None = "on"
        """What the project lets be sent; None where nobody knows."""
        self.is_starting = False
        """Whether it does not say yet what the project lets be sent, though it takes spans."""
        self.hold = threading.Event()
        """Requests with spans are answered once this is set."""
        self.hold.set()
        self.came = threading.Event()
        """Set when a request with spans is there."""
        self.bodies: list[dict[str, Any]] = []
        """Those that were answered with 200."""
        self.keys: set[str | None] = set()
        self.url = ""

    def names(self) -> list[str]:
        """Return the names of the spans that were taken, in order."""
        return [span["name"] for span in self.spans()]

    def spans(self) -> list[dict[str, Any]]:
        """Return the spans that were taken."""
        return [
            span
            for body in self.bodies
            for group in body["resourceSpans"]
            for part in group["scopeSpans"]
            for span in part["spans"]
        ]


@contextmanager
def listening(port: int = 0, capture: str | None = "on") -> Iterator[Listening]:
    """Serve until the caller is done. capture: what the project allows, from the first request on."""
    heard = Listening()
    heard.capture = capture

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"capture": heard.capture}).encode()
            self._answer(503 if heard.is_starting else 404 if heard.capture is None else 200, {}, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.keys.add(self.headers["authorization"])
            heard.came.set()
            heard.hold.wait(60)
            status, headers, answer = heard.answers.pop(0) if heard.answers else (200, {}, b"{}")
            if status == 200:
                heard.bodies.append(json.loads(gzip.decompress(body)))
            self._answer(status, headers, answer)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Answers)
    server.daemon_threads = True
    heard.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        heard.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
