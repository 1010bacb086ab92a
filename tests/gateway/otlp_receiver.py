"""Somebody else's OTLP backend: a plain HTTP listener on a socket that reads exports with opentelemetry-proto."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Answered(NamedTuple):
    """What a receiver answers."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


Decide = Callable[[ExportTraceServiceRequest], Answered]


@dataclass
class Receiver:
    """What has come in."""

    url: str = ""
    port: int = 0
    exports: list[ExportTraceServiceRequest] = field(default_factory=list)
    """That were answered with 200, those without spans left out."""
    bodies: list[bytes] = field(default_factory=list)
    """Unpacked, whatever they were answered with."""
    headers: list[dict[str, str]] = field(default_factory=list)

    def spans(self) -> list[Any]:
        """Return the spans that were taken, in the order they came."""
        return [
            span
            for export in self.exports
            for group in export.resource_spans
            for part in group.scope_spans
            for span in part.spans
        ]

    def ids(self) -> list[tuple[str, str]]:
        """Return the ids of traces and spans that were taken."""
        return [(span.trace_id.hex(), span.span_id.hex()) for span in self.spans()]


def told(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the exports in JSON's form, for comparing."""
    return [MessageToDict(export) for export in receiver.exports]


@contextmanager
def receiving(decide: Decide = lambda _: Answered(), *, port: int = 0) -> Iterator[Receiver]:
    """Listen until the caller is done. decide: what to answer an export in protobuf."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.bodies.append(body)
            receiver.headers.append(headers)
            export = ExportTraceServiceRequest()
            if headers["content-type"] == "application/x-protobuf":
                export.ParseFromString(body)
            answer = decide(export)
            if answer.status == 200 and export.resource_spans:
                receiver.exports.append(export)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    receiver.port = server.server_port
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
