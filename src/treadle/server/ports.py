"""Taking the port: before anything else is started, so that a taken one costs nothing and is told in words."""

from __future__ import annotations

import errno
import socket

from treadle.core.errors import Conflict, Denied
from treadle.core.settings import Settings


def bind(settings: Settings) -> socket.socket:
    """Take the port before anything else is started. Raises Conflict when it is taken, Denied when it may not be used."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # Listening now makes a second `up` fail here rather than after it started a database.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            other = settings.port + 1 if settings.port < 65535 else 8701
            raise Conflict(
                f"port {settings.port} of {settings.host} is taken by another program; stop it, or choose another port: "
                f"--port {other}, or TREADLE_PORT={other} in the environment",
                code="server.port_taken",
            ) from error
        raise Denied(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); choose an address of this machine and a port above 1023",
            code="server.cannot_listen",
        ) from error
    return listener


def shown_host(host: str) -> str:
    """Return how clients on this machine reach an address to listen on."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
