"""Sends on what waits, for all projects of a database: a task per destination, so that one which is slow or away holds up itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import anyio

from treadle.core.errors import Unavailable
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.forwarding import delivering
from treadle.gateway.forwarding.delivering import Around
from treadle.gateway.posting import Poster
from treadle.governance.envelope import MasterKeys
from treadle.http.context import Context
from treadle.storage.database import Database

LOOK_SECONDS = 1.0
BREATH_SECONDS = 0.01
"""Between two batches of a destination, so that requests have their turn."""

log = logging.getLogger("treadle.gateway.forwarding")


class Forwarder:
    """Forwards the spans of one database. Belongs to the running loop."""

    def __init__(
        self,
        database: Database,
        context_for: Callable[[str], Context],
        *,
        master_keys: MasterKeys,
        hosts: PrivateHosts,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """context_for: acts in a project in its own name."""
        self._database = database
        self._context_for = context_for
        self._around = Around(master_keys, hosts, Poster(hosts), anyio.CapacityLimiter(1))
        self._look_seconds = look_seconds
        self._task: asyncio.Task[None] | None = None
        self._at_work: dict[tuple[str, str], asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin to forward; call it inside the running loop."""
        self._task = asyncio.create_task(self._run(), name="forwarder")

    async def close(self) -> None:
        """Stop; what was under way is sent again by whoever goes on."""
        tasks = [*self._at_work.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._around.poster.close()

    async def _run(self) -> None:
        while True:
            try:
                for key in await self._database.system(delivering.load_due):
                    if key not in self._at_work:
                        self._at_work[key] = asyncio.create_task(self._empty(*key), name=f"forward {key[1]}")
            except Unavailable:
                pass  # said by those who wait for an answer; what waits stays where it is
            except Exception:  # the border of a background task: say it and look again
                log.exception("what is to be forwarded cannot be looked up")
            await asyncio.sleep(self._look_seconds)

    async def _empty(self, project_id: str, name: str) -> None:
        """Send a destination everything that waits for it, until it takes no more."""
        try:
            while await delivering.forward_next(self._context_for(project_id), name, self._around):
                await asyncio.sleep(BREATH_SECONDS)
        except Unavailable as error:
            log.warning("destination '%s' of project %s waits: %s", name, project_id, error.message)
        except Exception:  # the border of a background task: one destination's fault must not stop the others
            log.exception("destination '%s' of project %s cannot be served", name, project_id)
            await asyncio.sleep(delivering.LONGEST_WAIT_SECONDS / 10)
        finally:
            del self._at_work[project_id, name]
