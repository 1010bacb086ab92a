"""OTLP kept in a file: what OpenTelemetry's collector writes with its file exporter, an export request in each line, or
one request over many lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from treadle.traces.importers.export import ImportRefused, JsonDict, documents


def read_otlp(path: Path) -> Iterator[JsonDict]:
    """Yield a file's export requests, of traces only. Raises ImportRefused when it holds something else."""
    for request in documents(path):
        if not isinstance(request, dict) or not ({"resourceSpans", "resourceLogs", "resourceMetrics"} & request.keys()):
            raise ImportRefused(f"'{path}' holds something that is no OTLP in JSON; each line has 'resourceSpans'")
        if "resourceSpans" in request:
            yield request
