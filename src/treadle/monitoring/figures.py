"""What each metric is called, its unit, and between which values it can lie; and figures in words. Pure, no I/O.

Limits, charts, windows and alerts all say figures through this room, so a number never stands without its unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from treadle.monitoring.types import Metric, NewMonitor, Threshold, Unit, Watched

MIB = 1024 * 1024


class Figure(NamedTuple):
    """One metric as people read it."""

    title: str
    unit: Unit
    is_whole: bool = True
    """Whether whole numbers of it are counted."""


FIGURES: Mapping[Metric, Figure] = {
    "requests": Figure("requests", "requests"),
    "errors": Figure("errors", "errors"),
    "error_rate": Figure("share of errors", "share", False),
    "latency_p50": Figure("latency, p50", "ms", False),
    "latency_p95": Figure("latency, p95", "ms", False),
    "latency_p99": Figure("latency, p99", "ms", False),
    "ttft_p50": Figure("time to first token, p50", "ms", False),
    "ttft_p95": Figure("time to first token, p95", "ms", False),
    "ttft_p99": Figure("time to first token, p99", "ms", False),
    "tokens_per_second": Figure("output speed", "tokens/s", False),
    "input_tokens": Figure("input tokens", "tokens"),
    "output_tokens": Figure("output tokens", "tokens"),
    "tokens": Figure("tokens, input and output", "tokens"),
    "output_length": Figure("output length per call", "tokens", False),
    "cost_usd": Figure("cost", "USD", False),
    "cache_hit_rate": Figure("share of cache hits", "share", False),
    "refusal_rate": Figure("share of refusals", "share", False),
    "guard_hit_rate": Figure("share of requests with guard hits", "share", False),
    "json_valid_rate": Figure("share of JSON answers that are valid", "share", False),
    "feedback_rate": Figure("share of requests with feedback", "share", False),
    "score": Figure("score", "score", False),
    "engine_cpu_percent": Figure("engines' processors", "% of a core", False),
    "engine_memory_bytes": Figure("engines' memory", "bytes"),
    "engine_gpu_percent": Figure("engines' GPUs", "%", False),
    "engine_gpu_memory_bytes": Figure("engines' GPU memory", "bytes"),
}
ENGINES: tuple[Metric, ...] = (
    "engine_cpu_percent",
    "engine_memory_bytes",
    "engine_gpu_percent",
    "engine_gpu_memory_bytes",
)
"""Measured at engines by the minute, not at requests."""
RANGES: Mapping[Unit, str] = {
    "share": "a share from 0 to 1: 0.05 is 5 %",
    "ms": "milliseconds: 2000 is 2 s",
    "USD": "US dollars per window",
    "tokens": "tokens",
    "requests": "requests per window",
    "errors": "errors per window",
    "tokens/s": "tokens per second",
    "bytes": "bytes: 1073741824 is 1 GiB",
    "%": "percent, 0 to 100",
    "% of a core": "percent of one core: 250 is two and a half cores",
    "score": "the score's own scale",
}


def unit_of(metric: Metric) -> Unit:
    """Return the unit of a metric's values and limits."""
    return FIGURES[metric].unit


def in_words(signal: Watched) -> str:
    """Return what a signal is called: "share of errors 'timeout' of 'support'"."""
    what = f"score '{signal.score}'" if signal.metric == "score" else FIGURES[signal.metric].title
    what += f" '{signal.score}'" if signal.metric == "feedback_rate" else ""
    parts = [
        signal.error_code and f"'{signal.error_code}'",
        signal.endpoint and f"of '{signal.endpoint}'",
        signal.release_id and f"of release '{signal.release_id}'",
        signal.model and f"of model '{signal.model}'",
        signal.model_version_id and f"of '{signal.model_version_id}'",
        signal.key_id and f"with key '{signal.key_id}'",
        signal.user_id and f"by user '{signal.user_id}'",
        signal.segment and f"of segment '{signal.segment}'",
        signal.service_name and f"of service '{signal.service_name}'",
        signal.kind and f"in {signal.kind} spans",
    ]
    return " ".join([what, *(part for part in parts if part)])


def shown(value: float, unit: Unit) -> str:
    """Return a figure with its unit, four digits that count: '25 %', '1,250 ms', '0.31 USD'."""
    match unit:
        case "share":
            return f"{_digits(100 * value)} %"
        case "bytes":
            return f"{_digits(value / MIB)} MiB" if abs(value) < 1024 * MIB else f"{_digits(value / 1024 / MIB)} GiB"
        case "score":
            return _digits(value)
        case "requests" | "errors" | "tokens":
            return f"{_digits(value)} {unit if value != 1 else unit.removesuffix('s')}"
        case _:
            return f"{_digits(value)} {unit}"


def at_least(value: float | None, unit: Unit, unpriced: int) -> str:
    """Return a figure with its unit as far as it is known. unpriced: calls whose price nobody knows, so that it is a part.

    'unknown' where there is nothing but those, '' where there is nothing at all.
    """
    if value is None:
        return "unknown" if unpriced else ""
    return f"at least {shown(value, unit)}" if unpriced else shown(value, unit)


def limit_fault(new: NewMonitor) -> str | None:
    """Return why a monitor's limits can never or always be passed, or None; fields are in backticks."""
    rule, figure = new.rule, FIGURES[new.signal.metric]
    if not isinstance(rule, Threshold) or figure.unit == "score":
        return None
    most = {"share": 1.0, "%": 100.0}.get(figure.unit)
    for name, limit in (("above", rule.above), ("below", rule.below)):
        if limit is None:
            continue
        is_never = limit < 0 or (name == "below" and limit == 0)
        if most is not None:
            is_never = is_never or limit > most or (name == "above" and limit == most)
        if is_never:
            return f"`{name}` {limit:g} makes no sense for '{new.signal.metric}': give {RANGES[figure.unit]}"
    return None


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
