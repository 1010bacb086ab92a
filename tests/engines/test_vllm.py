"""vLLM's adapter over a stand-in of its server: flags, adapters, sleep, crashes, words for every way to fail. No GPU needed."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from treadle.engines.failures import told_by
from treadle.engines.running import EngineFailed, ask, in_flight_of
from treadle.engines.supervisor import Supervisor
from treadle.engines.types import EngineOptions, kind_for
from treadle.engines.vllm import Vllm, arguments

FAKE = Path(__file__).parent / "fake_vllm.py"
COMMAND = shlex.join([sys.executable, str(FAKE), "serve"])
BASE = "mdv_00000000000000000000000001"
TUNED = "mdv_00000000000000000000000002"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Where the stand-in writes what it was asked.
    """
    monkeypatch.setenv("FAKE_VLLM_CALLS", str(tmp_path / "calls.jsonl"))
    return tmp_path / "calls.jsonl"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """
    A folder of weights, as far as a stand-in cares.
    """
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.fixture
async def supervisor(tmp_path: Path, calls: Path) -> AsyncIterator[Supervisor]:
    """
    A supervisor whose vLLM is the stand-in.
    """
    made = Supervisor(logs=tmp_path / "logs", vllm=COMMAND, settle_seconds=0.0)
    yield made
    await made.stop_all()


def read(calls: Path, name: str) -> list[dict[str, Any]]:
    """
    Return the recorded lines of one sort: 'start' or 'call'.
    """
    lines = [json.loads(line) for line in calls.read_text().splitlines()]
    return [line for line in lines if name in line]


def is_alive(pid: int) -> bool:
    """
    Tell whether a process runs (a dead one that nobody buried does not).
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(*pids: int) -> None:
    """
    Wait until processes have ended.
    """
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a process of the group is left"
        await asyncio.sleep(0.05)


async def chat(url: str, model: str, text: str = "hello") -> str:
    """
    Ask for an answer.
    """
    told = await ask(
        "POST", f"{url}/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}]}
    )
    assert told.status == 200, told.text
    return str(json.loads(told.body)["choices"][0]["message"]["content"])


async def test_flags_follow_the_facts(supervisor: Supervisor, weights: Path, calls: Path, monkeypatch: Any) -> None:
    """
    What a version's facts say becomes vLLM's flags; it is warm when it is handed out, and gets no secret of ours.
    """
    monkeypatch.setenv("TREADLE_API_KEY", "secret")
    facts = {"max_model_len": 1024, "dtype": "bfloat16", "quantization": "fp8", "tensor_parallel": 2, "gpu_memory": 0.5}

    engine = await supervisor.ensure(BASE, weights, facts)

    started = read(calls, "start")[0]
    assert ("vllm", 1024) == (engine.kind, engine.context_length)
    assert started["start"][1] == str(weights)
    for flag in (
        f"--served-model-name {BASE}", "--max-model-len 1024", "--dtype bfloat16", "--quantization fp8",
        "--tensor-parallel-size 2", "--gpu-memory-utilization 0.5", "--host 127.0.0.1",
    ):  # fmt: skip
        assert flag in " ".join(started["start"])
    assert [] == started["secrets"]
    assert ["/v1/chat/completions"] == [each["call"] for each in read(calls, "call")]
    assert BASE in await chat(engine.url, BASE)


async def test_the_whole_group_ends(supervisor: Supervisor, weights: Path, calls: Path) -> None:
    """
    Stopping ends vLLM and the workers it started.
    """
    await supervisor.ensure(BASE, weights)
    started = read(calls, "start")[0]

    await supervisor.stop(BASE)

    await gone(started["pid"], started["worker"])


async def test_a_killed_parent_takes_it_along(weights: Path, calls: Path, tmp_path: Path) -> None:
    """
    When the process that started vLLM is killed, nothing of it stays.
    """
    script = (
        "import asyncio, time; from pathlib import Path; from treadle.engines.supervisor import Supervisor\n"
        f"made = Supervisor(logs=Path({str(tmp_path)!r}), vllm={COMMAND!r})\n"
        f"async def main():\n    await made.ensure({BASE!r}, Path({str(weights)!r})); print('up', flush=True); time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE, env=os.environ)
    assert parent.stdout is not None
    assert b"up\n" == await parent.stdout.readline()
    parent.kill()
    await parent.wait()

    started = read(calls, "start")[0]
    await gone(started["pid"], started["worker"])


async def test_out_of_memory_later(supervisor: Supervisor, weights: Path) -> None:
    """
    One that runs out of memory while it serves comes back, and its status says why it ended.
    """
    engine = await supervisor.ensure(BASE, weights)
    said = []

    await ask("POST", f"{engine.url}/v1/completions", {"model": BASE, "prompt": "crash"})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = supervisor.list()[0]
        said.append(status.error or "")
        if status.state == "ready" and status.restarts == 1:
            break
        await asyncio.sleep(0.02)

    assert ("ready", 1) == (status.state, status.restarts)
    assert any("the GPU's memory does not hold it" in each for each in said)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("oom", "lower 'max_model_len'"),
        ("no_gpu", "found no usable GPU"),
        ("port", "port was taken"),
        ("support", "unsupported quantisation"),
        ("flag", "does not know one of the flags"),
        ("silent", "ended with exit code 1 before it was ready"),
    ],
)
async def test_failure_in_words(
    supervisor: Supervisor, weights: Path, calls: Path, monkeypatch: Any, failure: str, words: str
) -> None:
    """
    Each way in which vLLM fails to start is said with what would help and where its log is; a taken port is tried again.
    """
    monkeypatch.setenv("FAKE_VLLM_FAIL", failure)

    with pytest.raises(EngineFailed) as caught:
        await supervisor.ensure(BASE, weights)

    assert words in caught.value.message
    assert f"{BASE}.log" in caught.value.message
    assert (3 if failure == "port" else 1) == len(read(calls, "start"))
    await gone(*(started["worker"] for started in read(calls, "start")))


async def test_not_installed(tmp_path: Path, weights: Path) -> None:
    """
    Without a vLLM the message says how to install one and how to name it.
    """
    supervisor = Supervisor(logs=tmp_path, vllm="no-such-vllm serve")

    with pytest.raises(EngineFailed, match=r"not installed.*TREADLE_VLLM="):
        await supervisor.ensure(BASE, weights)


async def test_no_chat_template(supervisor: Supervisor, weights: Path, monkeypatch: Any) -> None:
    """
    Weights without a chat template are warmed up with a plain completion.
    """
    monkeypatch.setenv("FAKE_VLLM_FAIL", "no_template")

    engine = await supervisor.ensure(BASE, weights)

    assert engine == supervisor.find(BASE)


async def test_adapters_share_their_base(supervisor: Supervisor, weights: Path, calls: Path, tmp_path: Path) -> None:
    """
    An adapter is loaded into the engine of its base under its own version's id, and leaves without ending it.
    """
    adapter = await supervisor.ensure(TUNED, tmp_path / "adapter", None, (BASE, weights))
    base = supervisor.find(BASE)
    assert base is not None
    said = await chat(adapter.url, TUNED)
    await supervisor.stop(TUNED)
    after = await ask(
        "POST", f"{base.url}/v1/chat/completions", {"model": TUNED, "messages": [{"role": "user", "content": "x"}]}
    )

    assert (base.url, TUNED) == (adapter.url, adapter.model_version_id)
    assert TUNED in said
    assert 404 == after.status
    assert BASE in await chat(base.url, BASE)
    assert ["--max-loras 4", "--enable-lora"] == [
        flag for flag in ("--max-loras 4", "--enable-lora") if flag in " ".join(read(calls, "start")[0]["start"])
    ]


async def test_a_base_without_room_for_adapters(
    supervisor: Supervisor, weights: Path, calls: Path, tmp_path: Path
) -> None:
    """
    A base that was started without adapters is replaced by one that takes them when the first is asked for.
    """
    before = await supervisor.ensure(BASE, weights)

    adapter = await supervisor.ensure(TUNED, tmp_path / "adapter", None, (BASE, weights))

    assert before.url != adapter.url
    assert TUNED in await chat(adapter.url, TUNED)
    assert 2 == len(read(calls, "start"))


async def test_adapters_move_with_their_base(supervisor: Supervisor, weights: Path, tmp_path: Path) -> None:
    """
    Replacing a base brings its adapters along: they answer before, and right after, from the new process.
    """
    before = await supervisor.ensure(TUNED, tmp_path / "adapter", None, (BASE, weights))

    await supervisor.renew(BASE)

    after = supervisor.find(TUNED)
    assert after is not None
    assert before.url != after.url
    assert TUNED in await chat(after.url, TUNED)


async def test_names_are_never_given_twice(supervisor: Supervisor, weights: Path, tmp_path: Path) -> None:
    """
    A name without a version is refused, and one that is taken is not overwritten; the same again changes nothing.
    """
    await supervisor.ensure(BASE, weights, {"max_loras": 2})
    server = supervisor._slots[BASE].running
    assert isinstance(server, Vllm)
    await server.load_lora("support@v2", tmp_path / "two")
    await server.load_lora("support@v2", tmp_path / "two")

    with pytest.raises(EngineFailed, match="no versioned name"):
        await server.load_lora("support", tmp_path / "two")
    with pytest.raises(EngineFailed, match="never overwritten"):
        await server.load_lora("support@v2", tmp_path / "three")

    assert "support@v2" in await chat(server.engine.url, "support@v2")


async def test_adapter_on_a_server_that_takes_none(supervisor: Supervisor, weights: Path, tmp_path: Path) -> None:
    """
    A server without LoRA says which flag and which variable it needs.
    """
    await supervisor.ensure(BASE, weights)
    server = supervisor._slots[BASE].running
    assert isinstance(server, Vllm)

    with pytest.raises(EngineFailed, match=r"--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        await server.load_lora("support@v2", tmp_path)


@pytest.mark.parametrize(
    ("level", "steps"),
    [
        (1, ["/sleep?level=1", "/wake_up", "/v1/chat/completions"]),
        (
            2,
            [
                "/sleep?level=2",
                "/wake_up?tags=weights",
                "/collective_rpc",
                "/wake_up?tags=kv_cache",
                "/v1/chat/completions",
            ],
        ),
    ],
)
async def test_sleep_and_wake(supervisor: Supervisor, weights: Path, calls: Path, level: int, steps: list[str]) -> None:
    """
    Level 1 wakes in one call, level 2 loads its weights anew; both are warm again before they serve.
    """
    await supervisor.ensure(BASE, weights, {"sleep": True})
    server = supervisor._slots[BASE].running
    assert server is not None

    slept = await server.sleep(level)
    await server.wake()

    assert slept
    assert steps == [each["call"] for each in read(calls, "call")[1:]]


async def test_a_gpu_that_holds_one(supervisor: Supervisor, weights: Path, calls: Path, monkeypatch: Any) -> None:
    """
    With `swap: sleep` the old engine sleeps while the new one starts, and wakes when that fails.
    """
    before = await supervisor.ensure(BASE, weights, {"swap": "sleep"})
    monkeypatch.setenv("FAKE_VLLM_FAIL", "oom")

    with pytest.raises(EngineFailed, match="GPU's memory"):
        await supervisor.renew(BASE)

    assert before == supervisor.find(BASE)
    assert BASE in await chat(before.url, BASE)
    assert ["/sleep?level=1", "/wake_up"] == [each["call"] for each in read(calls, "call")[1:3]]


async def test_a_busy_engine_is_not_idle(supervisor: Supervisor, weights: Path) -> None:
    """
    An engine that nobody here asked for is kept while it works for others, and an asked-for stop waits for them.
    """
    engine = await supervisor.ensure(BASE, weights)
    work = asyncio.create_task(chat(engine.url, BASE, "sleep 4"))
    while not in_flight_of((await ask("GET", f"{engine.url}/metrics")).body):
        await asyncio.sleep(0.02)

    await supervisor.stop_idle(seconds=0.0)
    kept = supervisor.find(BASE)
    await supervisor.stop(BASE)

    assert engine == kept
    assert BASE in await work


async def test_a_server_that_runs_already(tmp_path: Path, weights: Path, calls: Path) -> None:
    """
    Pointed at an address, the server there is used and left running; one that serves something else is refused in words.
    """
    port = free_port()
    flags = [str(weights), "--host", "127.0.0.1", "--port", str(port), "--served-model-name", BASE]
    process = await asyncio.create_subprocess_exec(sys.executable, str(FAKE), "serve", *flags, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    while (await ask("GET", f"{url}/health")).status != 200:
        await asyncio.sleep(0.05)
    supervisor = Supervisor(logs=tmp_path, vllm=url)

    engine = await supervisor.ensure(BASE, weights)
    with pytest.raises(EngineFailed, match=f"--served-model-name {TUNED}"):
        await supervisor.ensure(TUNED, weights)
    await supervisor.stop_all()
    after = await ask("GET", f"{url}/health")
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()

    assert (url, 0) == (engine.url, engine.pid)
    assert 200 == after.status


def test_one_rule_chooses(tmp_path: Path) -> None:
    """
    The facts' word wins; without one a file goes to llama.cpp and a folder to vLLM.
    """
    assert "llamacpp" == kind_for(tmp_path / "model.gguf", EngineOptions())
    assert "vllm" == kind_for(tmp_path, EngineOptions())
    assert "llamacpp" == kind_for(tmp_path, EngineOptions(kind="llamacpp"))


async def test_facts_that_make_no_sense(supervisor: Supervisor, weights: Path) -> None:
    """
    An option that is none, or that tries to be a flag, is refused by name before anything is started.
    """
    with pytest.raises(EngineFailed, match="'quantization' is '--trust-remote-code', but"):
        await supervisor.ensure(BASE, weights, {"quantization": "--trust-remote-code"})


def test_nothing_wanted_nothing_said() -> None:
    """
    Without options vLLM decides for itself.
    """
    assert ["/w", "--host", "127.0.0.1", "--port", "1", "--served-model-name", "m"] == arguments(
        "m", Path("/w"), EngineOptions(), 1
    )


def test_requests_in_flight_by_metrics() -> None:
    """
    Running and waiting requests are added, for either engine, all labels included; without gauges nothing is known.
    """
    vllm = b'# HELP x\nvllm:num_requests_running{engine="0",model_name="m"} 3.0\nvllm:num_requests_waiting{engine="0"} 2.0\n'

    assert 5 == in_flight_of(vllm)
    assert 6 == in_flight_of(b"llamacpp:requests_processing 4\nllamacpp:requests_deferred 2\n")
    assert in_flight_of(b"other 1\n") is None


def test_last_line_that_says_error() -> None:
    """
    A log that no pattern knows gives its last line with an error in it.
    """
    assert "it said: ValueError: odd error" == told_by("INFO fine\nValueError: odd error\nINFO bye")
    assert told_by("INFO fine") is None


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="needs an NVIDIA GPU")
@pytest.mark.skipif(shutil.which("vllm") is None, reason="needs a vLLM on the PATH")
async def test_a_real_vllm(tmp_path: Path) -> None:
    """
    On a GPU, a random tiny model answers, sleeps, wakes and answers the same.
    """
    from tests.models.tiny import write_weights

    place = write_weights(tmp_path / "weights", hidden_size=256, context=512)
    supervisor = Supervisor(logs=tmp_path / "logs")
    try:
        engine = await supervisor.ensure(BASE, place, {"gpu_memory": 0.3, "sleep": True, "max_model_len": 256})
        body = {"model": BASE, "prompt": "my card", "max_tokens": 8, "temperature": 0}
        before = json.loads((await ask("POST", f"{engine.url}/v1/completions", body)).body)["choices"][0]["text"]
        server = supervisor._slots[BASE].running
        assert server is not None
        slept = await server.sleep(1)
        await server.wake()
        after = json.loads((await ask("POST", f"{engine.url}/v1/completions", body)).body)["choices"][0]["text"]

        assert slept
        assert before == after
    finally:
        await supervisor.stop_all()
