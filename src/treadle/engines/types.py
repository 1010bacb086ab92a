"""What the rest of the house knows about a running engine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from treadle.core.types import Record

EngineState = Literal["starting", "ready", "restarting", "failed", "stopped"]
EngineKind = Literal["llamacpp", "vllm"]


class Engine(Record):
    """One process that serves one model version in the OpenAI protocol."""

    model_version_id: str
    """The version whose weights it holds; also the `model` name that it answers to."""
    url: str
    """Where it listens, such as `http://127.0.0.1:40123`; a restarted engine has another port."""
    pid: int
    """Its process id; 0 for a server that we did not start."""
    context_length: int
    """Longest prompt plus answer in tokens."""
    kind: EngineKind = "llamacpp"
    """Which engine runs inside."""


class EngineStatus(Record):
    """An engine as an operator sees it."""

    model_version_id: str
    """The version it serves."""
    state: EngineState
    """`ready` answers requests; `failed` will not be started again by itself."""
    engine: Engine | None
    """The process; None unless ready."""
    restarts: int
    """How often it was started again after it had ended by itself."""
    error: str | None
    """Why it is not ready; None while all is well."""
    since: datetime
    """When it took this state."""


class EngineOptions(Record):
    """How a model version wants to be served: the `engine` of its facts. Everything has a default."""

    kind: EngineKind | None = None
    """Which engine; None decides by what the version holds (see `kind_for`)."""
    max_model_len: int | None = Field(default=None, ge=1, le=10_000_000)
    """vLLM: longest prompt plus answer in tokens; None takes the model's own."""
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None = None
    """vLLM: number format of the weights; None takes the model's own."""
    quantization: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    """vLLM: 'awq', 'gptq', 'fp8' …; None takes what the files say."""
    tensor_parallel: int = Field(default=1, ge=1, le=1024)
    """vLLM: GPUs that share each layer."""
    gpu_memory: float | None = Field(default=None, gt=0, le=1)
    """vLLM: share of the GPU's memory it may take; None takes vLLM's own (0.9)."""
    max_loras: int = Field(default=0, ge=0, le=1024)
    """vLLM: adapters that may be in one batch; 0 serves none."""
    max_lora_rank: int | None = Field(default=None, ge=1, le=512)
    """vLLM: largest rank of an adapter; None takes vLLM's own."""
    sleep: bool = False
    """vLLM: whether it can be put to sleep; needed for `swap` 'sleep'."""
    swap: Literal["beside", "sleep"] = "beside"
    """How it is replaced: 'beside' starts the new one first, 'sleep' sends the old one to sleep meanwhile, for a GPU
    that cannot hold both (it wakes again when the new one does not start)."""


def kind_for(place: Path, options: EngineOptions) -> EngineKind:
    """Return the engine for a version: the one that its facts name, else llama.cpp for a GGUF file, vLLM for a folder."""
    return options.kind or ("vllm" if place.is_dir() else "llamacpp")
