"""vLLM as an engine: a server process that we start with flags from the model's facts, or one that runs already.

vLLM is never imported: it lives in an environment of its own, and the operator says how it is called (TREADLE_VLLM, such as
`/opt/vllm/bin/vllm serve --disable-log-requests`; an http:// address means a server that somebody else runs). We speak its HTTP
API: `/health`, `/metrics`, the LoRA and sleep calls. Those belong on loopback, which is where we let it listen. A name that an
adapter was loaded under is never given to another: prefix caches and logs would mix. Verified against the documentation of vLLM
0.33 and a fake of this API in the tests; the sleep calls need a CUDA GPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import sys
from pathlib import Path

from treadle.core.types import JsonValue
from treadle.engines.failures import is_port_taken, told_by
from treadle.engines.running import EngineFailed, PortTaken, Running, ask, count_in_flight, end_process, environment
from treadle.engines.types import Engine, EngineOptions

READY_SECONDS = 900.0
"""Large weights take minutes to load and compile."""
LOOK_SECONDS = 0.25
STOP_SECONDS = 20.0
LOAD_SECONDS = 120.0
PORT_TRIES = 3
UNKNOWN_CONTEXT = 2048

VERSIONED = re.compile(r"^(?:.+@v[0-9]+|mdv_[0-9a-z]{26})$")
"""Names that never mean anything else later: 'support@v2', or a model version's id."""


class Vllm:
    """A vLLM server, ours or somebody's."""

    def __init__(
        self,
        engine: Engine,
        *,
        process: asyncio.subprocess.Process | None,
        log: Path | None = None,
        log_from: int = 0,
    ) -> None:
        self.engine = engine
        self._process = process
        self._log = log
        self._log_from = log_from
        self._adapters: dict[str, Path] = {}
        self._level = 0

    async def wait(self) -> int:
        """Wait until it ends by itself; one that is not ours ends when it has not answered for a while."""
        if self._process is not None:
            return await self._process.wait()
        silent = 0
        while silent < 3:
            await asyncio.sleep(5.0)
            silent = 0 if (await ask("GET", f"{self.engine.url}/health")).status == 200 else silent + 1
        return -1

    async def in_flight(self) -> int | None:
        """Return how many requests it works on."""
        return await count_in_flight(self.engine.url)

    async def load_lora(self, name: str, path: Path) -> None:
        """Serve an adapter under a versioned name. Safe to repeat. Raises EngineFailed."""
        if not VERSIONED.match(name):
            raise self._failed(
                name, f"'{name}' is no versioned name, and one that can be given again mixes up caches; use 'name@v2'"
            )
        if name in self._adapters:
            if self._adapters[name] == path:
                return
            raise self._failed(name, f"'{name}' is loaded from '{self._adapters[name]}' and is never overwritten")
        told = await ask(
            "POST",
            f"{self.engine.url}/v1/load_lora_adapter",
            {"lora_name": name, "lora_path": str(path)},
            seconds=LOAD_SECONDS,
        )
        if told.status == 404:
            raise self._failed(
                name,
                "the vLLM server takes no adapters; it needs --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1",
            )
        if told.status != 200 and "already" not in told.text:
            raise self._failed(name, f"vLLM did not load the adapter (status {told.status}: {told.text})")
        self._adapters[name] = path

    async def unload_lora(self, name: str) -> None:
        """Serve an adapter no longer. Safe to repeat."""
        if self._adapters.pop(name, None) is not None:
            await ask("POST", f"{self.engine.url}/v1/unload_lora_adapter", {"lora_name": name})

    async def attach(self, model_version_id: str, path: Path) -> Adapter:
        """Load the adapter of a model version; it answers under the version's id."""
        await self.load_lora(model_version_id, path)
        return Adapter(self, self.engine.model_copy(update={"model_version_id": model_version_id}))

    async def sleep(self, level: int) -> bool:
        """Give back GPU memory: level 1 keeps the weights in main memory, level 2 nothing. False when it cannot."""
        told = await ask("POST", f"{self.engine.url}/sleep?level={level}", seconds=LOAD_SECONDS)
        if told.status != 200:
            return False
        self._level = level
        return True

    async def wake(self) -> None:
        """Undo `sleep` and warm up. Raises EngineFailed."""
        url, level = self.engine.url, self._level
        steps = ["/wake_up"] if level < 2 else ["/wake_up?tags=weights", "/collective_rpc", "/wake_up?tags=kv_cache"]
        for step in steps:
            body = {"method": "reload_weights"} if step == "/collective_rpc" else None
            told = await ask("POST", url + step, body, seconds=LOAD_SECONDS)
            if told.status != 200:
                raise self._failed(self.engine.model_version_id, f"it does not wake ({told.status}: {told.text})")
        self._level = 0
        await warm_up(self.engine)

    async def stop(self) -> None:
        """End it and everything it started; one that is not ours only gives its adapters back."""
        if self._process is None:
            for name in list(self._adapters):
                await self.unload_lora(name)
            return
        await end_process(self._process, seconds=STOP_SECONDS)

    def last_words(self) -> str | None:
        """Return why it ended, in words from its log; None when it does not say."""
        return None if self._log is None else told_by(_read_from(self._log, self._log_from))

    def _failed(self, model_version_id: str, reason: str) -> EngineFailed:
        return EngineFailed(model_version_id, reason)


class Adapter:
    """An adapter on a server of its base: ends when that ends, stops without it."""

    def __init__(self, server: Vllm, engine: Engine) -> None:
        self.engine = engine
        self._server = server

    async def wait(self) -> int:
        """Wait until its base's server ends."""
        return await self._server.wait()

    async def in_flight(self) -> int | None:
        """Return what the whole server works on: it does not say for which adapter."""
        return await self._server.in_flight()

    async def sleep(self, level: int) -> bool:
        """Only the whole server sleeps."""
        return False

    async def wake(self) -> None:
        """Only the whole server wakes."""

    async def stop(self) -> None:
        """Give its place to another adapter."""
        await self._server.unload_lora(self.engine.model_version_id)

    def last_words(self) -> str | None:
        """Return why its base's server ended."""
        return self._server.last_words()


async def open_vllm(model_version_id: str, place: Path, options: EngineOptions, *, command: str, logs: Path) -> Running:
    """Start a server for a folder of weights, or use the one that `command` is the address of. Raises EngineFailed."""
    if command.startswith(("http://", "https://")):
        return await attach_to(command.rstrip("/"), model_version_id)
    for _ in range(PORT_TRIES):
        try:
            return await start_vllm(model_version_id, place, options, command=command, logs=logs)
        except PortTaken as error:
            last = error
    raise last


async def attach_to(url: str, model_version_id: str) -> Vllm:
    """Use a server that runs, if it serves the version under its id. Raises EngineFailed."""
    if (told := await ask("GET", f"{url}/health")).status != 200:
        raise EngineFailed(
            model_version_id,
            f"no vLLM server is well at '{url}' (status {told.status}); start it, or let us start one: TREADLE_VLLM='vllm serve'",
        )
    served = await _served(url)
    if model_version_id not in served:
        names = ", ".join(f"'{name}'" for name in served) or "nothing"
        raise EngineFailed(
            model_version_id,
            f"the vLLM server at '{url}' serves {names}; start it with: --served-model-name {model_version_id}",
        )
    engine = Engine(
        model_version_id=model_version_id, url=url, pid=0, context_length=served[model_version_id], kind="vllm"
    )
    return Vllm(engine, process=None)


async def start_vllm(model_version_id: str, place: Path, options: EngineOptions, *, command: str, logs: Path) -> Vllm:
    """Start a server on a free loopback port and wait until it has answered a warm-up request. Raises EngineFailed."""
    program = shlex.split(command)
    if not program or shutil.which(program[0]) is None:
        raise EngineFailed(
            model_version_id,
            f"vLLM is not installed: there is no program '{program[0] if program else ''}'; install it in an environment of its "
            f"own (pip install vllm) and say where: TREADLE_VLLM='/opt/vllm/bin/vllm serve'",
        )
    if not place.is_dir():
        raise EngineFailed(model_version_id, f"vLLM serves a folder of weights, and '{place}' is not one")
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{model_version_id}.log"
    port = _free_port()
    with log.open("ab") as out:
        log_from = out.tell()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "treadle.engines.leash", str(os.getpid())),
            *program,
            *arguments(model_version_id, place, options, port),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=vllm_environment(options),
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _wait_ready(process, url, model_version_id)
        served = await _served(url)
        engine = Engine(
            model_version_id=model_version_id,
            url=url,
            pid=process.pid,
            context_length=served.get(model_version_id) or options.max_model_len or UNKNOWN_CONTEXT,
            kind="vllm",
        )
        await warm_up(engine)
    except EngineFailed as error:
        await end_process(process, seconds=STOP_SECONDS)
        said = _read_from(log, log_from)
        kind = PortTaken if is_port_taken(said) else EngineFailed
        raise kind(model_version_id, f"{told_by(said) or error.values['reason']}; its log is '{log}'") from error
    except asyncio.CancelledError:
        await end_process(process, seconds=STOP_SECONDS)
        raise
    return Vllm(engine, process=process, log=log, log_from=log_from)


def arguments(model_version_id: str, place: Path, options: EngineOptions, port: int) -> list[str]:
    """Return what follows `vllm serve` for a version."""
    given: list[str] = [str(place), "--host", "127.0.0.1", "--port", str(port), "--served-model-name", model_version_id]
    for flag, value in (
        ("--max-model-len", options.max_model_len),
        ("--dtype", options.dtype),
        ("--quantization", options.quantization),
        ("--tensor-parallel-size", options.tensor_parallel if options.tensor_parallel > 1 else None),
        ("--gpu-memory-utilization", options.gpu_memory),
        ("--max-loras", options.max_loras or None),
        ("--max-lora-rank", options.max_lora_rank if options.max_loras else None),
    ):
        if value is not None:
            given += [flag, str(value)]
    if options.max_loras:
        given.append("--enable-lora")
    if options.sleep or options.swap == "sleep":
        given.append("--enable-sleep-mode")
    return given


def vllm_environment(options: EngineOptions) -> dict[str, str]:
    """Return its environment: an engine's, nothing that calls home, and the switches of its admin API where wanted."""
    more = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    if options.max_loras:
        more["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
    if options.sleep or options.swap == "sleep":
        more["VLLM_SERVER_DEV_MODE"] = "1"
    return environment() | more


async def warm_up(engine: Engine) -> None:
    """Ask for one token, so that the first caller does not pay for graphs and templates. Raises EngineFailed."""
    name = engine.model_version_id
    bodies: dict[str, dict[str, JsonValue]] = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "hello"}]},
        "/v1/completions": {"prompt": "hello"},  # for weights without a chat template
    }
    for path, body in bodies.items():
        told = await ask(
            "POST", engine.url + path, {"model": name, "max_tokens": 1, "temperature": 0, **body}, seconds=LOAD_SECONDS
        )
        if told.status == 200:
            return
        if told.status != 400:
            break
    raise EngineFailed(name, f"a warm-up request was answered with status {told.status}: {told.text}")


async def _wait_ready(process: asyncio.subprocess.Process, url: str, model_version_id: str) -> None:
    ended = asyncio.ensure_future(process.wait())
    try:
        async with asyncio.timeout(READY_SECONDS):
            while (await ask("GET", f"{url}/health", seconds=2.0)).status != 200:
                await asyncio.wait({ended}, timeout=LOOK_SECONDS)
                if ended.done():
                    raise EngineFailed(
                        model_version_id, f"vLLM ended with exit code {ended.result()} before it was ready"
                    )
    except TimeoutError as error:
        raise EngineFailed(model_version_id, f"vLLM was not ready after {READY_SECONDS:.0f} s") from error
    finally:
        ended.cancel()


async def _served(url: str) -> dict[str, int]:
    """Return the names that a server answers to, with their longest sequence (0 when it does not say)."""
    told = await ask("GET", f"{url}/v1/models")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return {each["id"]: int(each.get("max_model_len") or 0) for each in json.loads(told.body)["data"]}
    return {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read_from(log: Path, start: int) -> str:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(start, file.seek(0, 2) - 64 * 1024))
        return file.read().decode("utf-8", "replace")
    return ""
