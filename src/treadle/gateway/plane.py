"""The data plane as one thing to build, start and stop: for the roof, and for a gateway that runs alone."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from treadle.core.clock import Clock
from treadle.core.errors import TreadleError, Unavailable
from treadle.core.ids import new_id
from treadle.embeddings.room import EmbeddingRoom
from treadle.embeddings.types import Embedder
from treadle.engines.types import Engine
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.app import MAX_BODY_BYTES, Gateway
from treadle.gateway.cache.cache import Cache
from treadle.gateway.guarding.moderations import Moderator
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.teller import Pace
from treadle.gateway.live import Live
from treadle.gateway.parts import Parts
from treadle.gateway.recorder import Recorder
from treadle.gateway.repeats.repeats import Repeats
from treadle.gateway.repeats.sharing import Sharing
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.sending import Sender
from treadle.gateway.service import load_snapshot
from treadle.gateway.shadows import Shadows
from treadle.gateway.spool import Spool
from treadle.gateway.standing.reporter import Reporter
from treadle.gateway.standing.store import Worker
from treadle.gateway.table import Table
from treadle.gateway.traces_door import TracesDoor
from treadle.gateway.transport import Transport, ready_for_tls
from treadle.governance.envelope import MasterKeys
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.storage.database import Database
from treadle.traces import service as traces
from treadle.traces.capture.reducing import reduce_own
from treadle.traces.group import GroupCommit
from treadle.traces.intake import PackedSpan

UNWIND_SECONDS = 5.0
"""How long requests that were cut may take to let go of what they hold; the time that they had to end was the server's drain."""


class DataPlane:
    """Owns the gateway, its providers, its configuration, its recorder and the door for traces."""

    def __init__(
        self,
        database: Database,
        *,
        master_keys: MasterKeys,
        spool_folder: Path,
        find_engine: Callable[[str], Engine | None],
        clock: Clock,
        hosts: PrivateHosts | None = None,
        pace: Pace | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """master_keys: hash callers' keys and open providers'. find_engine: the ready engine of a model version (`Supervisor.find`).
        hosts: which private addresses private providers may have; None allows every one. pace: how often limits are counted
        together with other workers. max_body_bytes: the largest request that callers may send.
        """
        self._database = database
        self._find_engine = find_engine
        self.max_body_bytes = max_body_bytes
        """The largest request that callers may send."""
        self.recorder = Recorder(self._store_own, Spool(spool_folder))
        worker_id = new_id("wrk")
        self._limiter = Limiter(Ledger(database, worker_id), pace=pace)
        self._room = EmbeddingRoom(_load_embedder)
        self._jinja = JinjaRooms()
        self._warming: asyncio.Task[None] | None = None
        self.live = Live(
            database,
            partial(load_snapshot, database, master_keys),
            master_keys.pepper,
            room=self._room,
            jinja=self._jinja,
            on_change=self._adopt,
        )
        self._sender = Sender(self._url_of, Transport(hosts))
        self.fleet = Fleet(random.Random().random)
        """What this worker knows of the health and speed of every target."""
        self._reporter = Reporter(database, self.fleet, Worker(worker_id, socket.gethostname(), os.getpid()))
        self._cache = Cache(database, clock, room=self._room)
        self.shadows = Shadows(self._sender, self.fleet, self._limiter, self.recorder.offer)
        """Copies of requests, and how many were left out."""
        parts = Parts(self._sender, self.fleet, self.shadows, self._limiter, Moderator(self._room), self._cache)
        self._repeats = Sharing(database, worker_id, master_keys.pepper)
        repeats = Repeats(sharing=self._repeats)
        self.application = Gateway(
            self.live.find, parts, self.recorder, clock, max_body_bytes=max_body_bytes, repeats=repeats
        )
        """The ASGI callable to mount under /v1."""
        self._commits = GroupCommit(self._store)
        self.traces = TracesDoor(self.live.find, self._commits.put, clock)
        """The ASGI callable to mount at /v1/traces."""

    async def start(self) -> None:
        """Read the configuration and begin to record; call it inside the running loop."""
        await self.live.start()
        await self._limiter.start()
        await self._cache.start()
        self._repeats.start()
        self.recorder.start()
        self._reporter.start()

    async def close(self) -> None:
        """Store or spool every record. The server takes no new requests by now, and has drained."""
        await self.application.drain(UNWIND_SECONDS)
        await self.traces.drain(UNWIND_SECONDS)
        await self._commits.close()
        await self.live.close()
        await self._reporter.close()
        await self.shadows.close()
        await self._repeats.close()
        await self._cache.close()
        await self._limiter.close()
        await self.recorder.close()
        await self._sender.close()
        if self._warming is not None:
            self._warming.cancel()
        self._room.close()
        await self._jinja.close()

    def _adopt(self, table: Table) -> None:
        """Make ready for a table that is about to serve."""
        self._limiter.configure(table.snapshot.limits)
        if table.asks_over_tls:
            ready_for_tls()
        if table.embeds and self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self._warm(), name="gateway warming")

    async def _warm(self) -> None:
        """Load what embeds, so that no request waits for it; what is missing is said by whoever needs it."""
        with suppress(TreadleError):
            await self._room.warm()

    def _url_of(self, model_version_id: str) -> str | None:
        engine = self._find_engine(model_version_id)
        return None if engine is None else engine.url

    async def _store_own(self, project_id: str, spans: Sequence[PackedSpan]) -> int:
        """Store records of our own requests, with no more content than their project keeps."""
        table = self.live.find()
        if table is None:
            raise Unavailable("what projects keep is not known yet")  # tried again, from the spool
        if (level := table.snapshot.captures.get(project_id, "on")) != "on":
            spans = await asyncio.to_thread(reduce_own, spans, level)
        return await self._store(project_id, spans)

    async def _store(self, project_id: str, spans: Sequence[PackedSpan]) -> int:
        return await traces.record_packed(self._database.for_project(project_id), spans)


def _load_embedder() -> Embedder:
    from treadle.embeddings.minilm import load_minilm  # heavy: NumPy, and only some endpoints need it

    return load_minilm(needed_for="guards and caches that compare meanings")
