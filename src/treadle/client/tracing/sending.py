"""One request to the server, and what its answer means for what was sent. No loops, no state but a connection."""

from __future__ import annotations

import email.utils

# Python loads it at the first look-up of a name: in a thread, it would stay half loaded in a process that is forked meanwhile.
import encodings.idna  # noqa: F401
import http.client
import json
import ssl
import time
import urllib.parse
from typing import Any, Literal, NamedTuple

from treadle.guards.capture import LEVELS, Capture

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 15.0
MAX_WAIT_SECONDS = 300.0
_MAX_ANSWER_BYTES = 1_000_000
_FAILURES = (OSError, http.client.HTTPException, ValueError)
_LATER = frozenset((408, 425, 429, 502, 503, 504))
_SETUP = frozenset((301, 302, 303, 307, 308, 401, 403, 404, 405))


class Answer(NamedTuple):
    """What became of a request."""

    fate: Literal["sent", "later", "broken", "refused"]
    """'later': nobody took it, send it again. 'broken': the server failed at it; again, but not for ever. 'refused': it
    will never be taken."""
    refused_count: int = 0
    """Spans of a request that was sent which were not taken."""
    wait_seconds: float | None = None
    """How long the server wants to be left alone."""
    told: str | None = None
    """What was wrong, for people."""


class Door:
    """A server that takes spans. Python's own HTTP client: all of it is loaded with this room, none of it at first use,
    which a fork in between would leave in pieces."""

    def __init__(self, url: str, api_key: str | None) -> None:
        """Opens nothing."""
        self._url = url
        self._parts = urllib.parse.urlsplit(url)
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._connection: http.client.HTTPConnection | None = None

    def send(self, body: bytes) -> Answer:
        """Send one request of gzipped JSON."""
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        try:
            status, retry_after, answer = self._ask("POST", "/v1/traces", body, headers)
        except _FAILURES as error:
            return self._silent(error)
        return meaning_of(status, retry_after, answer)

    def allowed(self) -> Capture | Answer | None:
        """Return how much content the project lets its applications send; None where the server knows of no such thing;
        an answer that is 'later' where nobody says, so that nothing may be sent yet."""
        try:
            status, retry_after, body = self._ask("GET", "/api/v1/traces/capture", None, {})
        except _FAILURES as error:
            return self._silent(error)
        if status >= 500 or status in _LATER:
            return meaning_of(status, retry_after, body)._replace(fate="later")
        try:
            level = json.loads(body)["capture"] if status == 200 else None
        except (ValueError, KeyError, TypeError):
            return None
        return level if level in LEVELS else None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str | None, bytes]:
        """Send a request on the open connection; on a fresh one where the server has closed that meanwhile."""
        while True:
            is_fresh = self._connection is None
            connection = self._connection = self._connection or self._connect()
            try:
                connection.request(method, self._parts.path + path, body, {**self._headers, **headers})
                response = connection.getresponse()
                answer = response.read(_MAX_ANSWER_BYTES)
                if not response.isclosed():
                    self.close()
                return response.status, response.getheader("retry-after"), answer
            except (ConnectionError, http.client.RemoteDisconnected):
                self.close()
                if is_fresh:
                    raise
            except BaseException:
                self.close()
                raise

    def _silent(self, error: Exception) -> Answer:
        return Answer("later", told=f"no Treadle answers at '{self._url}' ({type(error).__name__})")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(ANSWER_SECONDS)
        return connection


def meaning_of(status: int, retry_after: str | None, body: bytes) -> Answer:
    """Return what an answer means."""
    if status == 200:
        refused, told = _partial(body)
        return Answer("sent", refused_count=refused, told=told)
    told = f"the server answered {status}: {_told(body)}"
    if status in _LATER or status in _SETUP:
        return Answer("later", wait_seconds=seconds_of(retry_after, time.time()), told=told)
    return Answer("broken" if status >= 500 else "refused", told=told)


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """Return what Retry-After says, seconds or a date, at most MAX_WAIT_SECONDS; None where it says nothing."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - now
        except ValueError:
            return None
    return min(max(seconds, 0.0), MAX_WAIT_SECONDS) if seconds == seconds else None


def _partial(body: bytes) -> tuple[int, str | None]:
    try:
        partial: Any = json.loads(body or b"{}").get("partialSuccess") or {}
        return int(partial.get("rejectedSpans", 0)), partial.get("errorMessage") or None
    except (ValueError, TypeError, AttributeError):
        return 0, None


def _told(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
