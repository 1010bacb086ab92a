"""What an engine's log says about its end, in words a person can act on. Pure; one table, most telling first.

The patterns are what vLLM, PyTorch and the CUDA driver write; a log that matches none gives its last line that says error.
"""

from __future__ import annotations

import re

PORT_TAKEN = r"address already in use|errno 98"

_REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (
            r"no module named '?vllm|vllm: command not found",
            "vLLM is not installed in the environment that TREADLE_VLLM names",
        ),
        (
            r"no cuda gpus are available|found no nvidia driver|failed to infer device type|libcuda\.so|nvml.*not found|cuda driver version is insufficient",
            "vLLM found no usable GPU on this machine; serve the version's GGUF with llama.cpp (engine kind 'llamacpp'), or run where a GPU is",
        ),
        (
            r"out ?of ?memory|no available memory for the cache blocks|less than desired gpu memory utilization|kv cache.*larger than the available",
            "the GPU's memory does not hold it; lower 'max_model_len', quantise the weights, spread them over more GPUs ('tensor_parallel'), "
            "or replace the engine that runs ('swap': 'sleep')",
        ),
        (PORT_TAKEN, "its port was taken by another program"),
        (
            r"is greater than the derived max_model_len|max_model_len.*(?:larger|greater) than",
            "'max_model_len' is more than the model was made for; lower it",
        ),
        (
            r"unrecognized arguments?|no such option",
            "this vLLM does not know one of the flags; upgrade it, or remove the option",
        ),
        (
            r"model architectures? .{0,80} (?:are|is) not supported",
            "vLLM does not know this model's architecture; serve its GGUF with llama.cpp, or upgrade vLLM",
        ),
        (r"lora.{0,60}rank.{0,60}(?:greater|larger)", "the adapter's rank is above 'max_lora_rank'; raise it"),
    )
)
_ERROR = re.compile(r"\b(?:error|exception|failed|fatal)\b", re.IGNORECASE)
MAX_LINE = 300


def is_port_taken(log: str) -> bool:
    """Tell whether an engine ended because another program had its port: then another port helps."""
    return re.search(PORT_TAKEN, log, re.IGNORECASE) is not None


def told_by(log: str) -> str | None:
    """Return why an engine ended, from its log; None when the log does not say."""
    for pattern, words in _REASONS:
        if pattern.search(log):
            return words
    lines = [line.strip() for line in log.splitlines() if _ERROR.search(line)]
    return f"it said: {lines[-1][:MAX_LINE]}" if lines else None
