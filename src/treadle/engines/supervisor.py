"""Keeps one engine per model version: started on demand, watched, replaced without a gap, drained, ended with us.

One that ends by itself is started again after 0.2 s, 0.4 s, ... up to 10 s; five ends in a row without a minute of health
in between, or weights that its engine says it cannot serve, make it `failed`, with the reason, and nothing is tried again
until somebody calls `ensure`. `renew` replaces a process blue/green: start, health, warm, flip, drain, stop. The roof owns one
Supervisor and calls `stop_all` when it goes down; should the roof itself be killed, the children notice and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from treadle.core.clock import Clock, SystemClock
from treadle.core.faults import in_words
from treadle.core.types import JsonValue
from treadle.engines.llamacpp import CANNOT_SERVE
from treadle.engines.llamacpp_process import start_llamacpp
from treadle.engines.running import EngineFailed, Running
from treadle.engines.types import Engine, EngineOptions, EngineState, EngineStatus, kind_for
from treadle.engines.vllm import Vllm, open_vllm

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
ENDS_IN_A_ROW = 5
HEALTHY_SECONDS = 60.0
SETTLE_SECONDS = 1.0
"""How long an engine that was replaced still answers everybody: gateways elsewhere learn of the new one meanwhile."""
DRAIN_SECONDS = 600.0
"""Longest wait for the requests of an engine that was replaced; as long as the gateway lets one take."""
STOP_DRAIN_SECONDS = 10.0
LOOK_SECONDS = 0.05
DEFAULT_LORAS = 4
"""Adapters that a base serves at once when it was started for one and its facts do not say."""

Base = tuple[str, Path]
"""The model version that an adapter belongs on, and where its weights are."""


@dataclass
class _Slot:
    """One version's engine and its history."""

    model_version_id: str
    place: Path
    options: EngineOptions
    base: Base | None
    since: datetime
    state: EngineState = "starting"
    running: Running | None = None
    watcher: asyncio.Task[None] | None = None
    restarts: int = 0
    ends_in_a_row: int = 0
    error: str | None = None
    asked_at: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Supervisor:
    """The engines of one server."""

    def __init__(
        self,
        *,
        logs: Path,
        clock: Clock | None = None,
        max_context: int = 8192,
        vllm: str = "vllm serve",
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """Keep logs of the children in `logs`; nothing is started yet. vllm: its command, or the URL of one that runs."""
        self._logs = logs
        self._clock = clock or SystemClock()
        self._max_context = max_context
        self._vllm = vllm
        self._settle_seconds = settle_seconds
        self._slots: dict[str, _Slot] = {}
        self._retiring: dict[asyncio.Task[None], Running] = {}
        self.changed = asyncio.Event()
        """Set whenever an engine comes or goes; whoever waits for it clears it."""

    async def ensure(
        self,
        model_version_id: str,
        place: Path,
        engine: Mapping[str, JsonValue] | None = None,
        base: Base | None = None,
    ) -> Engine:
        """Start the engine of a version unless it runs; returns when it has answered a warm-up request.

        place: a GGUF file, or a folder of weights or of an adapter. engine: how it wants to be served (`EngineOptions`).
        base: for an adapter. Safe to repeat and to call at the same time from many tasks. Raises EngineFailed with the reason.
        """
        options = _options(model_version_id, engine)
        slot = self._slots.get(model_version_id)
        if slot is None:
            slot = _Slot(model_version_id, place, options, base, self._clock.now())
            self._slots[model_version_id] = slot
        async with slot.lock:
            if slot.running is not None and slot.state == "ready":
                return slot.running.engine
            if self._slots.get(model_version_id) is not slot:
                raise EngineFailed(model_version_id, "it was stopped while it was being started")
            slot.place, slot.options, slot.base = place, options, base
            slot.ends_in_a_row, slot.asked_at = 0, time.monotonic()
            await self._end_watcher(slot)
            try:
                running = await self._restart(slot)
            except EngineFailed as error:
                self._enter(slot, "failed", error=str(error.values["reason"]))
                raise
            self._begin_watch(slot)
            return running.engine

    async def renew(
        self,
        model_version_id: str,
        place: Path | None = None,
        engine: Mapping[str, JsonValue] | None = None,
    ) -> Engine:
        """Replace the process of a version by a new one, other options or files included; no request fails for it.

        The old one answers until the new one is warm, finishes what it works on, and then ends. When the new one does not
        start, the old one goes on. Raises EngineFailed with the reason.
        """
        slot = self._slots.get(model_version_id)
        if slot is None or slot.state != "ready":
            where = place or (slot.place if slot else None)
            if where is None:
                raise EngineFailed(model_version_id, "nothing runs that could be replaced")
            return await self.ensure(model_version_id, where, engine, slot.base if slot else None)
        options = slot.options if engine is None else _options(model_version_id, engine)
        async with slot.lock:
            return await self._renew(slot, place or slot.place, options)

    def find(self, model_version_id: str) -> Engine | None:
        """Return the engine of a version if it is ready now. Costs a dictionary look-up: callers ask per request."""
        slot = self._slots.get(model_version_id)
        if slot is None:
            return None
        slot.asked_at = time.monotonic()
        if slot.base is not None and (base := self._slots.get(slot.base[0])) is not None:
            base.asked_at = slot.asked_at
        return slot.running.engine if slot.running is not None and slot.state == "ready" else None

    def list(self) -> list[EngineStatus]:
        """Return every engine that was asked for and not stopped."""
        return [
            EngineStatus(
                model_version_id=slot.model_version_id,
                state=slot.state,
                engine=slot.running.engine if slot.running is not None and slot.state == "ready" else None,
                restarts=slot.restarts,
                error=slot.error,
                since=slot.since,
            )
            for slot in self._slots.values()
        ]

    async def stop(self, model_version_id: str, *, drain_seconds: float = STOP_DRAIN_SECONDS) -> None:
        """End the engine of a version once its requests have ended, at most so late; no error when there is none."""
        for adapter in self._adapters_of(model_version_id):
            await self.stop(adapter.model_version_id, drain_seconds=drain_seconds)
        slot = self._slots.pop(model_version_id, None)
        if slot is None:
            return
        async with slot.lock:
            await self._end_watcher(slot)
            running, slot.running = slot.running, None
            self._enter(slot, "stopped")
            if running is not None:
                await drain(running, drain_seconds)
                await running.stop()

    async def stop_idle(self, *, seconds: float) -> None:
        """End every engine that nobody has asked for in so many seconds and that works on nothing."""
        before = time.monotonic() - seconds
        idle = [slot for slot in self._slots.values() if slot.asked_at < before]

        async def stop_unless_busy(slot: _Slot) -> None:
            # Gateways in other processes ask the engine itself, not us.
            if slot.running is None or not await slot.running.in_flight():
                await self.stop(slot.model_version_id)

        await asyncio.gather(*(stop_unless_busy(slot) for slot in idle))

    async def stop_all(self) -> None:
        """End every engine."""
        await asyncio.gather(*(self.stop(version_id) for version_id in list(self._slots)))
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        await asyncio.gather(*(running.stop() for running in retiring.values()))

    async def _renew(self, slot: _Slot, place: Path, options: EngineOptions) -> Engine:
        """Put a new process in the place of the one that runs. The slot is locked and was ready a moment ago."""
        await self._end_watcher(slot)
        old, before = slot.running, (slot.place, slot.options)
        slot.place, slot.options = place, options
        adapters = self._adapters_of(slot.model_version_id)
        asleep = False
        try:
            if old is not None and options.swap == "sleep":
                self._enter(slot, "restarting", error="it sleeps while its successor starts")
                await drain(old, DRAIN_SECONDS)
                asleep = await old.sleep(1)
            new = await self._launch(slot)
            moved = [(adapter, await _on(new, adapter)) for adapter in adapters]
        except BaseException:
            slot.place, slot.options = before
            if asleep and old is not None:
                await old.wake()
            if old is not None:
                self._enter(slot, "ready")
                self._begin_watch(slot)
            raise
        for adapter, attached in moved:
            await self._end_watcher(adapter)
            adapter.running = attached
            self._enter(adapter, "ready")
            self._begin_watch(adapter)
        slot.running, slot.ends_in_a_row = new, 0
        self._enter(slot, "ready")
        self._begin_watch(slot)
        if old is not None:
            task = asyncio.create_task(self._retire(old), name=f"retire engine {slot.model_version_id}")
            self._retiring[task] = old
            task.add_done_callback(lambda ended: self._retiring.pop(ended, None))
        return new.engine

    async def _retire(self, running: Running) -> None:
        """End a process that was replaced, once everybody knows and its requests have ended."""
        await asyncio.sleep(self._settle_seconds)
        await drain(running, DRAIN_SECONDS)
        await running.stop()

    async def _restart(self, slot: _Slot) -> Running:
        """End what is left of a version's process and start another. Raises EngineFailed."""
        running, slot.running = slot.running, None
        self._enter(slot, "starting")
        if running is not None:
            await running.stop()
        slot.running = running = await self._launch(slot)
        self._enter(slot, "ready")
        return running

    async def _launch(self, slot: _Slot) -> Running:
        """Start a process. Raises EngineFailed."""
        if slot.base is not None:
            return await self._attach(slot, slot.base)
        if kind_for(slot.place, slot.options) == "vllm":
            return await open_vllm(slot.model_version_id, slot.place, slot.options, command=self._vllm, logs=self._logs)
        return await start_llamacpp(slot.model_version_id, slot.place, logs=self._logs, max_context=self._max_context)

    async def _attach(self, slot: _Slot, base: Base) -> Running:
        """Load an adapter into the engine of its base, which is started (again) so that it takes adapters."""
        wanted = EngineOptions.model_validate(
            {**slot.options.model_dump(), "kind": "vllm", "max_loras": slot.options.max_loras or DEFAULT_LORAS}
        ).model_dump()
        await self.ensure(base[0], base[1], wanted)
        under = self._slots.get(base[0])
        if under is not None and under.options.max_loras == 0:
            await self.renew(base[0], base[1], {**under.options.model_dump(), "max_loras": wanted["max_loras"]})
        if under is None or under.running is None:
            raise EngineFailed(slot.model_version_id, f"the engine of its base '{base[0]}' ended while it was loaded")
        return await _on(under.running, slot)

    def _adapters_of(self, model_version_id: str) -> Sequence[_Slot]:
        return [slot for slot in self._slots.values() if slot.base is not None and slot.base[0] == model_version_id]

    def _begin_watch(self, slot: _Slot) -> None:
        slot.watcher = asyncio.create_task(self._watch(slot), name=f"engine {slot.model_version_id}")

    async def _watch(self, slot: _Slot) -> None:
        """Start the engine again whenever it ends by itself, until that is hopeless."""
        loop = asyncio.get_running_loop()
        while slot.running is not None:
            ready_at = loop.time()
            code = await slot.running.wait()
            if loop.time() - ready_at > HEALTHY_SECONDS:
                slot.ends_in_a_row = 0
            words = slot.running.last_words()
            reason, hopeless = f"it ended with exit code {code}{f' ({words})' if words else ''}", code == CANNOT_SERVE
            while True:
                slot.ends_in_a_row += 1
                if hopeless or slot.ends_in_a_row > ENDS_IN_A_ROW:
                    self._enter(slot, "failed", error=f"{reason}, {slot.ends_in_a_row} times in a row")
                    return
                self._enter(slot, "restarting", error=reason)
                await asyncio.sleep(pause_seconds(slot.ends_in_a_row))
                slot.restarts += 1
                try:
                    await self._restart(slot)
                    break
                except EngineFailed as error:
                    reason, hopeless = str(error.values["reason"]), error.hopeless

    def _enter(self, slot: _Slot, state: EngineState, *, error: str | None = None) -> None:
        slot.state, slot.error, slot.since = state, error, self._clock.now()
        self.changed.set()

    async def _end_watcher(self, slot: _Slot) -> None:
        if slot.watcher is not None:
            slot.watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await slot.watcher
            slot.watcher = None


async def drain(running: Running, seconds: float) -> bool:
    """Wait until an engine works on nothing (two looks in a row) or has ended; return whether that came within the time."""
    ended = asyncio.ensure_future(running.wait())
    deadline = time.monotonic() + seconds
    quiet = 0
    try:
        while not ended.done() and time.monotonic() < deadline:
            quiet = quiet + 1 if await running.in_flight() == 0 else 0
            if quiet == 2:
                return True
            await asyncio.wait({ended}, timeout=LOOK_SECONDS)
        return ended.done()
    finally:
        ended.cancel()


def pause_seconds(ends_in_a_row: int) -> float:
    """Return the wait before start number `ends_in_a_row + 1`: doubles from 0.2 s, at most 10 s."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** (ends_in_a_row - 1), LONGEST_PAUSE_SECONDS))


async def _on(running: Running, adapter: _Slot) -> Running:
    if not isinstance(running, Vllm):
        raise EngineFailed(adapter.model_version_id, "adapters are served by vLLM only; merge it into its base instead")
    return await running.attach(adapter.model_version_id, adapter.place)


def _options(model_version_id: str, engine: Mapping[str, JsonValue] | None) -> EngineOptions:
    try:
        return EngineOptions.model_validate(engine or {})
    except ValidationError as error:
        told = in_words(error.errors())
        raise EngineFailed(model_version_id, f"the 'engine' in its facts is not as expected ({told})") from error
