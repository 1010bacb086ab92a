"""What workers know together of requests that are sent twice: a claim before a request is answered, its answer after.

A request without an `Idempotency-Key` never comes here. One with a key costs two transactions. What is under way is
renewed while its worker lives; when that dies the claim lapses after `CLAIM_SECONDS`. While the database does not answer, each worker
goes by what it knows itself: an answer that can be given is worth more than the certainty that it is the only one.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from treadle.core.errors import TreadleError
from treadle.gateway.repeats import store
from treadle.storage.database import Connection, Database

log = logging.getLogger("treadle.gateway.repeats")

CLAIM_SECONDS = 30.0
"""A request of a worker that was not heard of for so long may be asked by others."""
WAIT_SECONDS = 1.0
"""A request waits no longer than this for the database; then it goes by what its worker knows."""
REST_SECONDS = 5.0
TEND_SECONDS = CLAIM_SECONDS / 3
_NONCE_BYTES = 12  # NIST SP 800-38D

Place = tuple[str, str, str, bytes]
"""Project, key, path, and what the caller calls the request."""


class Told(NamedTuple):
    """What is known of a request that came before."""

    is_same: bool
    """Whether it had the same body."""
    is_stream: bool
    answer: tuple[dict[str, Any], bytes] | None
    """Head and body; None while a worker is at it."""
    seconds_left: float


class _Sealed(msgspec.Struct, array_like=True):
    """An answer as it is stored, before it is encrypted."""

    head: dict[str, Any]
    body: bytes


_sealed = msgspec.msgpack.Decoder(_Sealed)


class Sharing:
    """One worker's claims and answers; belongs to one event loop."""

    def __init__(
        self, database: Database, worker_id: str, pepper: bytes, *, tend_seconds: float = TEND_SECONDS
    ) -> None:
        """pepper: the installation's secret: what is stored says nothing to whoever has not that and the request.
        tend_seconds: how often claims are renewed.
        """
        self._database = database
        self._worker_id = worker_id
        self._pepper = pepper
        self._tend_seconds = tend_seconds
        self._rests_until = 0.0
        self._under_way: set[bytes] = set()
        self._let_go: list[bytes] = []
        self._is_used = False
        self._tender: asyncio.Task[None] | None = None
        self._dropping: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to renew what is under way; call it inside the running loop."""
        self._tender = asyncio.get_running_loop().create_task(self._tend(), name="gateway repeats")

    async def close(self) -> None:
        """Stop, once what ended is let go."""
        if self._tender is not None:
            self._tender.cancel()
            with suppress(asyncio.CancelledError):
                await self._tender
        if self._dropping:
            await asyncio.wait(self._dropping)

    async def claim(self, place: Place, digest: bytes, *, is_stream: bool) -> Told | None:
        """Return what came before under a request's name; None when nothing did, and this request has the name now.

        None also when the database does not answer soon.
        """
        self._is_used = True
        name, keyed = self._name(place), self._keyed(b"body", digest)
        work = partial(
            store.claim, name=name, digest=keyed, worker_id=self._worker_id, is_stream=is_stream, seconds=CLAIM_SECONDS
        )
        found = await self._run(place[0], work)
        if found is None:
            self._under_way.add(name)
            return None
        is_same = hmac.compare_digest(found.digest, keyed)
        answer = None
        if is_same and found.answer is not None:
            answer = self._open(found.answer, place, digest)
            if answer is None:  # sealed by an installation with another secret
                return None
        return Told(is_same, found.is_stream, answer, found.seconds_left)

    async def put(self, place: Place, digest: bytes, head: dict[str, Any], body: bytes, seconds: float) -> None:
        """Keep the answer to a request that was claimed."""
        name, sealed = self._name(place), self._seal(_Sealed(head, body), place, digest)
        work = partial(store.put_answer, name=name, worker_id=self._worker_id, answer=sealed, seconds=seconds)
        self._under_way.discard(name)
        await self._run(place[0], work)

    async def drop(self, place: Place) -> None:
        """Let others ask: no answer came that may be given again."""
        name = self._name(place)
        self._under_way.discard(name)
        await self._run(place[0], partial(store.delete, name=name, worker_id=self._worker_id))

    def drop_soon(self, place: Place) -> None:
        """Do so beside whatever goes on."""
        task = asyncio.get_running_loop().create_task(self.drop(place))
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    def forget(self, place: Place) -> None:
        """Let go, some time, of an answer that was given."""
        self._let_go.append(self._name(place))

    async def _run(self, project_id: str, work: Callable[[Connection], Any]) -> Any:
        if monotonic() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._database.for_project(project_id).write(work)
        except (TimeoutError, TreadleError) as error:
            log.warning("requests with an idempotency key are not shared with other workers now (%s)", error or "slow")
            self._rests_until = monotonic() + REST_SECONDS
            return None

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(self._tend_seconds)
            if not self._is_used:
                continue
            let_go, self._let_go = self._let_go, []
            work = partial(_tend_once, worker_id=self._worker_id, under_way=list(self._under_way), let_go=let_go)
            try:
                await self._database.system(work)
            except Exception as error:
                # The border of a task: what was not renewed lapses, what was not let go as well.
                log.warning("claims of requests with an idempotency key could not be renewed: %s", error)

    def _name(self, place: Place) -> bytes:
        project_id, key_id, path, once = place
        return self._keyed(b"name", "\x1f".join((project_id, key_id, path, "")).encode() + once)

    def _keyed(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._pepper, b"treadle repeats " + purpose + b"\x00" + data, "sha256")

    def _cipher(self, place: Place, digest: bytes) -> AESGCM:
        return AESGCM(self._keyed(b"answer", digest + self._name(place) + place[-1]))

    def _seal(self, answer: _Sealed, place: Place, digest: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(place, digest).encrypt(nonce, msgspec.msgpack.encode(answer), None)

    def _open(self, sealed: bytes, place: Place, digest: bytes) -> tuple[dict[str, Any], bytes] | None:
        try:
            found = _sealed.decode(
                self._cipher(place, digest).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
            )
        except (InvalidTag, msgspec.DecodeError):
            return None
        return found.head, found.body


def _tend_once(db: Connection, *, worker_id: str, under_way: list[bytes], let_go: list[bytes]) -> None:
    if under_way:
        store.renew(db, under_way, worker_id, CLAIM_SECONDS)
    if let_go:
        store.delete_names(db, let_go, worker_id)
    store.delete_lapsed(db)
