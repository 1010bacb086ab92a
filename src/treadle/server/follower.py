"""Keeps signals and search behind what is stored by as little as can be: a little work here, much of it in a child.

A second's spans of a quiet server are followed in a thread. Where more than that waits, a child of low priority takes
over, so that requests keep this process's interpreter to themselves; it ends when there has been nothing for a while,
and with us. What projects archive goes to the object store in another. `python -m treadle.server.follower` is either; what
it is told comes on its standard input, since a password is in it, and how its work goes comes back on its standard output.
Work that fails rests longer each time, and is logged here when it begins to fail and when it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread

from treadle.core.errors import Unavailable
from treadle.core.resting import Outcome, Resting, Work
from treadle.core.settings import Settings
from treadle.engines.leash import die_with_parent
from treadle.storage.blobs import Blobs
from treadle.storage.database import Database
from treadle.traces.asking import exports_kept
from treadle.traces.follow import count_waiting, follow_all
from treadle.traces.retention import archives_any, forget

LOOK_SECONDS = 0.5
MANY_BLOCKS = 60
"""Two marks for each block: some thousand spans."""
IDLE_SECONDS = 20.0
FIRST_FORGET_SECONDS, FORGET_SECONDS = 60.0, 3600.0
"""What projects no longer keep is forgotten a minute after the start, then hourly."""
PRIORITY = 10
LOOKING = Work("", "look")
"""Looking for work at all, beside the work of projects."""
LONGEST_STORY = 8_000
"""Characters of an error with its traceback that a child tells."""
MOST_TOLD_BYTES = 1 << 20
"""Of one line of a child: the story in JSON, whatever its script, with room."""

log = logging.getLogger("treadle.server.follower")


class Follower:
    """Follows the spans of one database. Belongs to the running loop."""

    def __init__(
        self,
        database: Database,
        *,
        archive: Settings | None = None,
        look_seconds: float = LOOK_SECONDS,
        many_blocks: int = MANY_BLOCKS,
    ) -> None:
        """archive: whose object store takes what projects archive; without it that stays where it is."""
        self._database = database
        self._archive = archive
        self._look_seconds = look_seconds
        self._many_blocks = many_blocks
        self._child: asyncio.subprocess.Process | None = None
        self._archivist: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._resting = Resting()
        self._forget_at = time.monotonic() + FIRST_FORGET_SECONDS

    def start(self) -> None:
        """Begin to follow; call it inside the running loop."""
        self._task = asyncio.create_task(self._run(), name="spans' follower")

    async def close(self) -> None:
        """Stop; what is left waits where it is."""
        for task in (self._task, self._hearing):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        for child in (self._child, self._archivist):
            if child is not None and child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.terminate()
                await child.wait()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            if not self._resting.is_due(LOOKING):
                continue
            try:
                await self._look()
            except Unavailable:
                continue  # said by those who wait for an answer; what waits stays where it is
            except Exception as error:  # the border of a background task: say it and look again
                self._note(Outcome(LOOKING, type(error).__name__, traceback.format_exc()))
            else:
                self._note(Outcome(LOOKING))

    def _note(self, outcome: Outcome) -> None:
        """Take down how something went; say it when that is news."""
        if not self._resting.note(outcome):
            return
        what = "stored spans" if outcome.work == LOOKING else "'{1}' of project {0}".format(*outcome.work)
        if outcome.fault is None:
            log.warning("%s can be followed again", what)
        else:
            log.error(
                "%s cannot be followed; it is tried again, less and less often, and told here when it works:\n%s",
                what,
                outcome.story,
            )

    async def _look(self) -> None:
        if time.monotonic() >= self._forget_at and (self._archivist is None or self._archivist.returncode is not None):
            self._forget_at = time.monotonic() + FORGET_SECONDS
            if self._archive is not None:
                await anyio.to_thread.run_sync(_end_exports, self._database, self._archive)
            if self._archive is not None and await anyio.to_thread.run_sync(archives_any, self._database):
                blobs = {"url": self._archive.blobs_url, "folder": str(self._archive.workspace / "blobs")}
                self._archivist = await self._start_child(blobs)
            else:
                await anyio.to_thread.run_sync(forget, self._database, datetime.now(UTC).date())
        if self._child is not None:
            if self._child.returncode is None:
                return
            if self._child.returncode != 0:
                log.warning("the child that follows stored spans ended with %d", self._child.returncode)
            self._child = None
        waiting = await anyio.to_thread.run_sync(count_waiting, self._database, self._resting.is_due)
        if waiting > self._many_blocks:
            self._child = await self._start_child(None)
            self._hearing = asyncio.create_task(self._hear(self._child), name="what the spans' follower tells")
        elif waiting:
            round_ = await anyio.to_thread.run_sync(follow_all, self._database, self._resting.is_due)
            for outcome in round_.outcomes:
                self._note(outcome)

    async def _hear(self, child: asyncio.subprocess.Process) -> None:
        """Take down how the work of a child goes, until it ends."""
        assert child.stdout is not None
        async for line in child.stdout:
            work, fault, story = json.loads(line)
            self._note(Outcome(Work(*work), fault, story))

    async def _start_child(self, blobs: dict[str, str | None] | None) -> asyncio.subprocess.Process:
        """blobs: where to archive what is forgotten; None follows instead."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "treadle.server.follower"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if blobs is None else None,
            limit=MOST_TOLD_BYTES,
            start_new_session=True,
        )
        assert child.stdin is not None
        told = {"parent": os.getpid(), "url": self._database.url, "blobs": blobs}
        child.stdin.write(json.dumps(told).encode() + b"\n")
        return child


def _end_exports(database: Database, settings: Settings) -> None:
    blobs = Blobs(settings.blobs_url, folder=settings.workspace / "blobs")
    try:
        if ended := exports_kept.end(database, blobs, datetime.now(UTC)):
            log.info("erased the files of %d exports whose time was over", ended)
    except Unavailable as error:  # a store that is away must not keep days that are over
        log.warning("files of exports whose time is over wait: %s", error.message)


def main() -> None:
    """Follow until there has been nothing to do for a while, or archive and forget once; end with our parent."""
    die_with_parent(signal.SIGKILL)  # at any moment: what is not committed was not done
    with contextlib.suppress(OSError):
        os.nice(PRIORITY)
    told = json.loads(sys.stdin.buffer.readline() or b"{}")
    parent = os.getppid()
    if told.get("parent") != parent:
        return  # it ended before we were ready to end with it
    database = Database(told["url"], pool_size=1)
    try:
        database.open()
    except Unavailable as error:
        sys.exit(error.message)
    if (blobs := told["blobs"]) is not None:
        with contextlib.suppress(Unavailable):  # the next round goes on
            forget(database, datetime.now(UTC).date(), Blobs(blobs["url"], folder=Path(blobs["folder"])))
    else:
        _follow(database, parent)
    database.close()


def _follow(database: Database, parent: int) -> None:
    last, resting, told = time.monotonic(), Resting(), set[Work]()
    while os.getppid() == parent and time.monotonic() - last < IDLE_SECONDS:
        try:
            round_ = follow_all(database, resting.is_due)
        except Unavailable:
            time.sleep(LOOK_SECONDS)
            continue
        for outcome in round_.outcomes:
            if resting.note(outcome) or outcome.work not in told:  # our parent may know it as failing
                told.add(outcome.work)
                print(json.dumps([outcome.work, outcome.fault, outcome.story[-LONGEST_STORY:]]), flush=True)
        if round_.done:
            last = time.monotonic()
        else:
            time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
