"""Sends one message through one channel: HTTP by `gateway.posting`, mail by SMTP in a worker thread.

Every connection's address is checked where it is made, as for providers: a name that leads to a private address is
refused unless the channel is marked as private, metadata services always.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from functools import partial
from typing import Any

import anyio.to_thread

from treadle.core.errors import Unavailable
from treadle.gateway.addresses import PrivateHosts, address_fault
from treadle.gateway.posting import NotReached, Poster

SMTP_SECONDS = 20.0


class NotDelivered(Unavailable):
    """A message did not arrive; the next attempt may."""

    code = "channels.not_delivered"


class Post:
    """Carries messages out. Built once by the watch that sends, closed by it; belongs to one event loop."""

    def __init__(self, hosts: PrivateHosts, *, tls: ssl.SSLContext | None = None) -> None:
        """hosts: which private addresses are allowed on this server. tls: other certificates than the system's."""
        self._hosts = hosts
        self._tls = tls
        self._poster = Poster(hosts, tls=tls)

    async def close(self) -> None:
        """Close what is open."""
        await self._poster.close()

    async def post_json(
        self, url: str, body: bytes, headers: dict[str, str], *, project_id: str, private: bool
    ) -> None:
        """POST JSON. Raises NotDelivered unless the answer's status is 2xx; redirects are not followed."""
        sent = {"content-type": "application/json", **headers}
        try:
            answer = await self._poster.post(url, body, sent, project_id=project_id, sender="channels", private=private)
        except NotReached as error:
            raise NotDelivered(f"nothing was delivered: {error}") from error
        if not 200 <= answer.status < 300:
            raise NotDelivered(
                f"the receiver answered with status {answer.status}; 2xx would say that it has the message"
            )

    async def send_mail(
        self, message: EmailMessage, recipients: Sequence[str], *, host: str, port: int, private: bool,
        username: str | None, password: str | None,
    ) -> None:  # fmt: skip
        """Hand a message to an SMTP server. Raises NotDelivered."""
        work = partial(self._send_mail, message, list(recipients), host, port, private, username, password)
        try:
            await anyio.to_thread.run_sync(work)
        except smtplib.SMTPException as error:
            raise NotDelivered(f"'{host}:{port}' did not take the message: {_in_words(error)}") from error
        except OSError as error:
            raise NotDelivered(f"'{host}:{port}' was not reached: {error}") from error

    def _send_mail(
        self, message: EmailMessage, recipients: list[str], host: str, port: int, private: bool,
        username: str | None, password: str | None,
    ) -> None:  # fmt: skip
        with _CheckedSmtp(host, port, private=private, hosts=self._hosts) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=self._tls or ssl.create_default_context())
                server.ehlo()
            elif not server.is_local:
                raise NotDelivered(
                    f"'{host}:{port}' offers no STARTTLS, so the message would travel in the clear; use a server that does"
                )
            if username is not None:
                server.login(username, password or "")
            server.send_message(message, to_addrs=recipients)


class _CheckedSmtp(smtplib.SMTP):
    """An SMTP connection to an address that was checked; the name is still what its certificate must say."""

    def __init__(self, host: str, port: int, *, private: bool, hosts: PrivateHosts) -> None:
        self._private = private
        self._hosts = hosts
        self.is_local = False
        """Whether the server is on this machine."""
        super().__init__(host, port, timeout=SMTP_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        last: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            fault = address_fault(host, str(address[0]), private=self._private, hosts=self._hosts)
            if fault is not None:
                raise OSError(fault)
            try:
                made = socket.socket(family, kind, protocol)
                made.settimeout(timeout)
                made.connect(address)
            except OSError as error:
                last = error
                continue
            self.is_local = ipaddress.ip_address(str(address[0])).is_loopback
            return made
        raise last or OSError(f"'{host}' has no address")


def _in_words(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        told = (
            error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        )
        return f"{error.smtp_code} {told}"
    return str(error)
