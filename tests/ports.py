"""Ports for those who must name one before they listen, or at which nobody may listen."""

from __future__ import annotations

import secrets
import socket


def free_port() -> int:
    """Return a port that nobody listens on, below those that the system hands out: nobody else gets it by asking for any."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
