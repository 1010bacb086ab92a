"""The dashboards that are there from the start, as one table."""

from __future__ import annotations

from treadle.monitoring.dashboards.types import By, Dashboard, ShownChart
from treadle.monitoring.types import Metric, Watched


def _chart(title: str, metric: Metric, by: By | None = None) -> ShownChart:
    name = f"{metric}-by-{by}" if by else metric
    return ShownChart(name=name.replace("_", "-"), title=title, signal=Watched(metric=metric), by=by)


BUILT_IN = (
    Dashboard(
        name="overview",
        title="Overview",
        charts=[
            _chart("Requests", "requests"),
            _chart("Share of errors", "error_rate"),
            _chart("Errors by kind", "errors", "error_code"),
            _chart("Latency, p50 (ms)", "latency_p50"),
            _chart("Latency, p95 (ms)", "latency_p95"),
            _chart("Latency, p99 (ms)", "latency_p99"),
            _chart("Time to first token, p95 (ms)", "ttft_p95"),
            _chart("Output tokens per second", "tokens_per_second"),
            _chart("Cost (USD)", "cost_usd"),
        ],
    ),
    Dashboard(
        name="endpoints",
        title="Endpoints",
        charts=[
            _chart("Requests by endpoint", "requests", "endpoint"),
            _chart("Share of errors by endpoint", "error_rate", "endpoint"),
            _chart("Latency by endpoint, p95 (ms)", "latency_p95", "endpoint"),
            _chart("Cost by endpoint (USD)", "cost_usd", "endpoint"),
            _chart("Cache hits by endpoint", "cache_hit_rate", "endpoint"),
        ],
    ),
    Dashboard(
        name="releases",
        title="Releases",
        charts=[
            _chart("Requests by release", "requests", "release_id"),
            _chart("Share of errors by release", "error_rate", "release_id"),
            _chart("Latency by release, p95 (ms)", "latency_p95", "release_id"),
            _chart("Refusals by release", "refusal_rate", "release_id"),
            _chart("Output tokens per answer by release", "output_length", "release_id"),
        ],
    ),
    Dashboard(
        name="spend",
        title="Spend",
        charts=[
            _chart("Cost by model (USD)", "cost_usd", "model"),
            _chart("Cost by key (USD)", "cost_usd", "key_id"),
            _chart("Cost by user (USD)", "cost_usd", "user_id"),
            _chart("Tokens", "tokens"),
            _chart("Input tokens by model", "input_tokens", "model"),
            _chart("Output tokens by model", "output_tokens", "model"),
        ],
    ),
    Dashboard(
        name="quality",
        title="Quality",
        charts=[
            _chart("Refusals", "refusal_rate"),
            _chart("Guard hits", "guard_hit_rate"),
            _chart("Output tokens per answer", "output_length"),
            _chart("Guard hits by user", "guard_hit_rate", "user_id"),
            _chart("JSON answers that are valid", "json_valid_rate"),
        ],
    ),
    Dashboard(
        name="engines",
        title="Engines",
        charts=[
            _chart("Processors by model version (% of a core)", "engine_cpu_percent", "model_version_id"),
            _chart("Memory by model version (bytes)", "engine_memory_bytes", "model_version_id"),
            _chart("GPUs by model version (%)", "engine_gpu_percent", "model_version_id"),
            _chart("GPU memory by model version (bytes)", "engine_gpu_memory_bytes", "model_version_id"),
        ],
    ),
)
