"""From spans that ended to the server: a bounded queue in memory, a bounded spool on disk, and two threads beside the
application. One writes the queue to the spool a moment later, so that a process that is killed loses a fraction of a
second however slow the server is; the other sends what the spool holds, oldest first.

Whoever ends a span only appends to the queue. Every span that was taken ends as sent, dropped (no room) or rejected
(the server's word), and is counted; what was not is queued or spooled: `Stats` always adds up.
"""

from __future__ import annotations

import gzip
import json
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from treadle.client.tracing.capture import reduce_span
from treadle.client.tracing.otlp import Finished, groups_of
from treadle.client.tracing.sending import Answer, Door
from treadle.client.tracing.spool import MAX_BYTES, Frame, Spool
from treadle.guards.capture import LEVELS, Capture, lower

log = logging.getLogger("treadle.tracing")

MAX_QUEUED = 20_000
MAX_QUEUED_CHARS = 64 * 1024 * 1024
GATHER_SECONDS = 0.2
ASK_SECONDS = 4.0
BATCH = 512
BATCH_CHARS = 4 * 1024 * 1024
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
MAX_BROKEN = 5
LOOK_AGAIN_SECONDS = 60.0
_REMEMBERED = "capture"


class Stats(NamedTuple):
    """What became of this process's spans: taken = queued + spooled + sent + dropped + rejected."""

    taken: int
    """Spans that ended."""
    queued: int
    """In memory."""
    spooled: int
    """Written down, not yet sent."""
    sent: int
    """Committed by the server."""
    dropped: int
    """Lost: queue or spool were full, or a span could not be written as JSON."""
    rejected: int
    """Refused by the server as wrong."""
    recovered: int
    """Sent for processes that are gone; not among the others."""
    capture: Capture
    """How much content is sent now."""
    trouble: str | None
    """What stands in the way now, for people; None when nothing does."""


class FlushReport(NamedTuple):
    """What a flush came to."""

    is_complete: bool
    """Whether every span that had ended was answered for by the server."""
    sent: int
    """Spans sent meanwhile."""
    waiting: int
    """Spans that are still on their way; those that are spooled survive this process."""
    dropped: int
    """Spans lost since the process began."""
    rejected: int
    """Spans refused since the process began."""
    trouble: str | None
    """What stands in the way; None when nothing does."""


class Delivery:
    """All spans of one process on their way to one server."""

    def __init__(
        self,
        open_door: Callable[[], Door],
        folder: Path,
        *,
        capture: Capture,
        max_queued: int = MAX_QUEUED,
        max_spool_bytes: int = MAX_BYTES,
    ) -> None:
        """capture: the most that this application sends, whatever the project allows. Starts nothing."""
        self._open_door = open_door
        self._folder = folder
        self._wanted = capture
        self._allowed: Capture | None = None
        self._max_queued = max_queued
        self._spool = Spool(folder, max_bytes=max_spool_bytes)
        self._queue: deque[Finished] = deque()
        self._queued_chars = 0
        self._lock = threading.RLock()  # an object's __del__ may end a span while its thread is in here
        self._changed = threading.Condition(self._lock)
        self._ended, self._spooled = threading.Event(), threading.Event()
        self._now, self._stop, self._asked = threading.Event(), threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None
        self._taken = self._writing = self._sent = self._dropped = self._rejected = self._recovered = 0
        self._trouble: str | None = None
        self._told: set[str] = set()

    def take(self, span: Finished) -> None:
        """Take a span that ended. Never waits, never raises; costs about 2 us."""
        with self._lock:
            self._taken += 1
            if len(self._queue) >= self._max_queued or self._queued_chars + span.chars > MAX_QUEUED_CHARS:
                self._dropped += 1
                return
            self._queue.append(span)
            self._queued_chars += span.chars
            if self._writer is None and not self._stop.is_set():
                self._start()
        if not self._ended.is_set():
            self._ended.set()

    def stats(self) -> Stats:
        """Return what became of the spans so far."""
        with self._lock:
            queued = len(self._queue) + self._writing
            return Stats(
                taken=self._taken,
                queued=queued,
                spooled=self._taken - self._settled() - queued,
                sent=self._sent,
                dropped=self._dropped,
                rejected=self._rejected,
                recovered=self._recovered,
                capture=self._level(),
                trouble="; ".join(filter(None, (self._trouble, self._spool.fault))) or None,
            )

    def flush(self, timeout_seconds: float) -> FlushReport:
        """Wait until the server answered for every span that has ended, at most so long, and tell what came of it."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            before, goal = self._sent, self._taken
            for event in (self._now, self._ended, self._spooled):
                event.set()
            while self._settled() < goal and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            stats, waiting = self.stats(), max(goal - self._settled(), 0)
        return FlushReport(
            is_complete=waiting == 0,
            sent=stats.sent - before,
            waiting=waiting,
            dropped=stats.dropped,
            rejected=stats.rejected,
            trouble=stats.trouble,
        )

    def close(self, timeout_seconds: float) -> FlushReport:
        """Flush, then stop. What could not be sent is in the spool, for the next process."""
        report = self.flush(timeout_seconds)
        for event in (self._stop, self._now, self._ended, self._spooled):
            event.set()
        if self._writer is not None:  # it is quick; the sender may be waiting for an answer, and is let go
            self._writer.join(max(timeout_seconds, 1.0))
        self._spool.close()
        return report

    def forget(self) -> None:
        """In a process that was forked: leave everything to the parent."""
        self._spool.forget()

    def _start(self) -> None:
        self._writer = threading.Thread(target=self._write, name="treadle-spool", daemon=True)
        self._writer.start()
        threading.Thread(target=self._send, name="treadle-send", daemon=True).start()

    def _settled(self) -> int:
        return self._sent + self._dropped + self._rejected

    def _level(self) -> Capture:
        """Return how much content may be written down: as long as nobody has said what the project allows, masked."""
        return lower(self._wanted, self._allowed or "masked")

    # From the queue to the spool.

    def _write(self) -> None:
        self._remember()
        while True:
            self._ended.wait()
            if not self._now.is_set():
                self._now.wait(GATHER_SECONDS)
            self._ended.clear()
            self._asked.wait(ASK_SECONDS)
            while batch := self._next_batch():
                self._put(batch)
            self._spooled.set()
            if self._stop.is_set():
                return

    def _next_batch(self) -> list[Finished]:
        with self._lock:
            batch: list[Finished] = []
            chars = 0
            while self._queue and len(batch) < BATCH and chars < BATCH_CHARS:
                batch.append(self._queue.popleft())
                chars += batch[-1].chars
            self._queued_chars -= chars
            self._writing = len(batch)
            return batch

    def _put(self, batch: Sequence[Finished]) -> None:
        level = self._level()
        groups, failed = groups_of(_slowly(batch), level)
        body = gzip.compress(b'{"resourceSpans":[%b]}' % b",".join(groups), 1, mtime=0)
        count = len(batch) - failed
        is_kept = not count or self._spool.put(Frame(body, count, LEVELS.index(level)))
        with self._lock:
            self._writing = 0
            self._dropped += failed if is_kept else len(batch)
            self._changed.notify_all()
        if failed:
            log.warning("%s spans are dropped: they could not be written as JSON", failed)
        if not is_kept:
            self._tell(f"spans are dropped: {self._spool.fault}")
        self._spooled.set()

    # From the spool to the server.

    def _send(self) -> None:
        door, failures, look_at = self._open_door(), 0, 0.0
        silence: Answer | None = None
        while not self._stop.is_set():
            if silence or time.monotonic() >= look_at:
                silence = self._ask(door)
                if self._allowed is not None and self._trouble is None and silence is None:
                    self._recover(door)
                look_at = time.monotonic() + LOOK_AGAIN_SECONDS
            frame = self._spool.first()
            if frame is None:
                self._now.clear()
                self._spooled.wait(LOOK_AGAIN_SECONDS)
                self._spooled.clear()
                continue
            answer = silence or door.send(self._fitted(frame))
            failures = 0 if answer.fate in ("sent", "refused") else failures + 1
            if answer.fate == "broken" and failures >= MAX_BROKEN:
                answer, failures = answer._replace(fate="refused"), 0
            self._settle(frame, answer)
            if failures:
                if self._pause(failures, answer):
                    failures = 1
                look_at = 0.0 if self._allowed is None else look_at
        door.close()

    def _pause(self, failures: int, answer: Answer) -> bool:
        """Leave the server alone for a while; return whether a flush cut that short, which the server's own wish is not."""
        if answer.wait_seconds is not None:
            self._stop.wait(answer.wait_seconds)
            return False
        longest = min(FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 10), LONGEST_WAIT_SECONDS)
        self._now.clear()
        return self._now.wait(longest * random.uniform(0.5, 1.0))

    def _settle(self, frame: Frame, answer: Answer) -> None:
        """Count what became of a frame, and forget it unless it is to be sent again."""
        if answer.told:
            self._tell(answer.told, answer.fate)
        if answer.fate in ("sent", "refused"):
            self._spool.done(frame)
        with self._lock:
            refused = frame.span_count if answer.fate == "refused" else min(answer.refused_count, frame.span_count)
            if answer.fate in ("sent", "refused"):
                self._rejected += refused
                self._sent += frame.span_count - refused
            self._trouble = answer.told if answer.fate != "sent" else None
            if answer.fate == "sent" and answer.told is None:
                self._told.clear()
            self._changed.notify_all()

    def _recover(self, door: Door) -> None:
        """Send what processes left that are gone, as long as the server takes it."""
        for frame in self._spool.left_by_others():
            answer = door.send(self._fitted(frame))
            if answer.fate in ("later", "broken"):
                return
            if answer.told:
                self._tell(answer.told, answer.fate)
            if answer.fate == "sent":
                self._recovered += frame.span_count - answer.refused_count

    def _fitted(self, frame: Frame) -> bytes:
        """Return a request with no more content than is allowed by now."""
        level = self._level()
        if frame.level <= LEVELS.index(level):
            return frame.body
        request = json.loads(gzip.decompress(frame.body))
        for group in request["resourceSpans"]:
            for part in group["scopeSpans"]:
                part["spans"] = [reduce_span(span, level) for span in part["spans"]]
        return gzip.compress(json.dumps(request).encode(), 1, mtime=0)

    # How much content the project lets out.

    def _ask(self, door: Door) -> Answer | None:
        """Ask what the project allows; return what came instead where nobody says: until then nothing is sent."""
        allowed = door.allowed()
        if isinstance(allowed, Answer):
            self._asked.set()
            return allowed
        if allowed is not None and allowed != self._allowed:
            self._allowed = allowed
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                (self._folder / _REMEMBERED).write_text(allowed)
        self._asked.set()
        return None

    def _remember(self) -> None:
        """Take what the server said to an earlier process until it says it again."""
        with suppress(OSError, ValueError):
            self._allowed = self._allowed or LEVELS[LEVELS.index((self._folder / _REMEMBERED).read_text())]
            self._asked.set()

    def _tell(self, trouble: str, fate: str = "later") -> None:
        """Write a trouble into the log, each once until things are well again."""
        if trouble not in self._told:
            self._told.add(trouble)
            meanwhile = "" if fate in ("sent", "refused") else f"; spans wait in '{self._folder}' meanwhile"
            log.warning("%s%s", trouble, meanwhile)


def _slowly(batch: Sequence[Finished]) -> Iterator[Finished]:
    """Yield spans one by one; in between, threads of the application that wait for Python's lock get it at once."""
    for span in batch:
        yield span
        time.sleep(0)
