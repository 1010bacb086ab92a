"""What work of many requests waits out: a database that is away for a moment, limits of the gateway or of a provider, and an
endpoint that is away.

Neither is an answer of what is tried, so neither may count as a bad one. What lasts longer ends the run; what was answered is
kept, and the experiment goes on with the rest when its run is retried.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from treadle.core.errors import LimitExceeded, Unavailable
from treadle.evals.judges.reply import Reply
from treadle.gateway.batches.inside import Told
from treadle.gateway.limits.refusing import SOURCE

DATABASE_PATIENCE_SECONDS = 60.0
LIMIT_PATIENCE_SECONDS = 90.0
"""Longest single wait for a limit: the windows of a minute, and no longer ones."""
MOST_LIMITED_SECONDS = 900.0
"""Longest wait for one request with all its tries."""
_LONGEST_STEP_SECONDS = 15.0
"""A provider that says "in a second" again and again is asked less and less often, down to this."""
TRIES = 6
FIRST_PAUSE_SECONDS = 0.5
_LIMIT_SOURCE = SOURCE.decode()
_LIMITS = ("gateway", "upstream")
_OF_THE_REQUEST = frozenset({"request_over_limit", "limit_uncountable"})
"""Refusals of a limit that only another request avoids."""

Sleep = Callable[[float], Awaitable[None]]


class LimitReached(LimitExceeded):
    """A limit of the gateway or of a provider keeps a run from going on."""

    code = "evals.limit_reached"


async def patiently(write: Callable[[], Awaitable[object]]) -> None:
    """Write, trying again while the database is away; raises what the last try raised when it stays away, and then the runner
    begins the run again."""
    deadline = asyncio.get_running_loop().time() + DATABASE_PATIENCE_SECONDS
    while True:
        try:
            await write()
            return
        except Unavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.5)


def limit_in(told: Told) -> str | None:
    """Return what a limit says, of this gateway or of the provider behind it; None for every other answer."""
    if told.status < 400 or not told.headers.get(_LIMIT_SOURCE, "").startswith(_LIMITS):
        return None
    try:
        said = json.loads(told.body)["error"]
        return None if said["code"] in _OF_THE_REQUEST else str(said["message"])
    except (ValueError, LookupError, TypeError):
        return "a limit was reached"


class LimitPatience:
    """Waits for limits on behalf of one request."""

    def __init__(self, whom: str, sleep: Sleep) -> None:
        """whom: what is asked, for the words of the error."""
        self._whom = whom
        self._sleep = sleep
        self._waited = 0.0
        self._times = 0

    async def wait(self, limit: str, seconds: float | None) -> None:
        """Wait as long as a limit says. limit: its words. Raises LimitReached where it does not say, or says too long."""
        if seconds is not None:
            self._times += 1
            seconds = max(seconds, min(float(self._times), _LONGEST_STEP_SECONDS))
            self._waited += seconds
        if seconds is None or seconds > LIMIT_PATIENCE_SECONDS or self._waited > MOST_LIMITED_SECONDS:
            raise LimitReached(
                f"{self._whom} cannot be asked further: {limit}; what was answered is kept, go on later with: "
                f"treadle run retry RUN_ID"
            )
        await self._sleep(seconds)


async def reach(ask: Callable[[], Awaitable[Reply]], whom: str, sleep: Sleep = asyncio.sleep) -> Reply:
    """Ask until there is an answer: after its limit where there is one, a few times more where an upstream is away.

    Returns the last reply, which names its problem where that did not pass. Raises LimitReached.
    """
    patience, failures = LimitPatience(whom, sleep), 0
    while True:
        reply = await ask()
        if reply.problem is None:
            return reply
        if reply.limit is not None:
            await patience.wait(reply.limit, reply.pause_seconds)
            continue
        failures += 1
        pause = reply.pause_seconds or FIRST_PAUSE_SECONDS * 2 ** (failures - 1)
        if not reply.may_pass or failures == TRIES or pause > LIMIT_PATIENCE_SECONDS:
            return reply
        await sleep(pause)
