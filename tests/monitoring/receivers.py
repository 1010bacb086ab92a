"""Somebody else's servers for tests: an HTTP listener that keeps what is posted, and an SMTP server that keeps mail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.ports import free_port


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """A real HTTP listener on loopback."""

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 afterwards."""
    meanwhile: Callable[[], object] = lambda: None
    """Done after a request has come and before it is answered."""


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen until the caller is done."""
    listener = Listener("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            listener.received.append(Received(self.path, headers, body))
            listener.meanwhile()
            self.send_response(listener.answers.pop(0) if listener.answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Keeper:
    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.recipients += envelope.rcpt_tos
        parsed = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(parsed, EmailMessage)
        self.messages.append(parsed)
        return "250 kept"


@dataclass
class Mailbox:
    """A real SMTP server on loopback."""

    port: int
    messages: list[EmailMessage]
    recipients: list[str]


@contextmanager
def mail_server(**more: Any) -> Iterator[Mailbox]:
    """Take mail until the caller is done. more: what aiosmtpd's server takes, such as a TLS context."""
    keeper = _Keeper()
    port = free_port()  # the controller connects to its port as it was given, so 0 will not do
    controller = Controller(keeper, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        yield Mailbox(port, keeper.messages, keeper.recipients)
    finally:
        controller.stop()
