"""What the platform says of itself in Prometheus' text format: few names, labels from closed sets, no user's data.

From loopback without a key, as a collector on the same host asks (not where a proxy stands in front: then the request has
a forwarding header); from elsewhere with a key of an owner or admin, since the figures are of all projects.
"""

from __future__ import annotations

import ipaddress
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from treadle import __version__
from treadle.core.errors import Unavailable
from treadle.gateway.forwarding import service as forwarding
from treadle.http.policy import Authenticator, public
from treadle.server.platform import Platform
from treadle.storage.database import SYSTEM_ROLE, Connection

PERMISSION = "audit.read"
KIND = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_RUNS = ("pending", "running")
_WORKS = ("signals", "words")
HELP = {
    "treadle_build_info": ("gauge", "1, with the release of Treadle as label."),
    "treadle_up": ("gauge", "1 when the database answers, else 0; what comes from it is left out then."),
    "treadle_http_requests_total": ("counter", "Requests answered by this process, by plane (api, live, gateway, spans, pages) and class of status."),
    "treadle_http_request_seconds_total": ("counter", "Seconds from request to last byte, added up, by plane."),
    "treadle_span_blocks_waiting": ("gauge", "Blocks of spans that signals and words have not counted yet, by work."),
    "treadle_span_follow_lag_seconds": ("gauge", "Age of the oldest such block, by work; 0 when none waits."),
    "treadle_forward_spans_total": ("counter", "Spans sent on to other backends, by what became of them (sent, refused, given_up)."),
    "treadle_forward_spans_waiting": ("gauge", "Spans that are still to be sent on."),
    "treadle_forward_lag_seconds": ("gauge", "Age of the oldest such span since it was stored; 0 when none waits."),
    "treadle_forward_destinations": ("gauge", "Destinations by state (sending, failing, paused)."),
    "treadle_runs": ("gauge", "Runs that are not over, by status."),
    "treadle_database_size_bytes": ("gauge", "Size of the database."),
    "treadle_process_cpu_seconds_total": ("counter", "CPU time of this process."),
    "treadle_process_resident_memory_max_bytes": ("gauge", "Most memory that this process has had."),
}  # fmt: skip


class Requests:
    """Counts what this process answers. Belongs to one event loop."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seconds: Counter[str] = Counter()

    def counting(self, plane: str, send: Any) -> Any:
        """Return a `send` that counts the answer it carries."""
        began, status = time.perf_counter(), "0xx"

        async def sending(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            elif not message.get("more_body"):
                self.counts[plane, status] += 1
                self.seconds[plane] += time.perf_counter() - began  # type: ignore[assignment]
            await send(message)

        return sending


def mount_metrics(app: FastAPI, platform: Platform, requests: Requests) -> None:
    """Add `GET /metrics`."""

    @app.get(
        "/metrics", dependencies=[public("loopback needs no key, all others are asked for one within")], tags=["server"]
    )
    async def get_metrics(request: Request) -> PlainTextResponse:
        """The platform's own figures in Prometheus' text format."""
        if not _is_local(request):
            authenticator: Authenticator = request.app.state.authenticator
            (await authenticator.context_of(request)).require(PERMISSION)
        try:
            told = await anyio.to_thread.run_sync(platform.database.transact, _read, SYSTEM_ROLE, "")
        except Unavailable:
            told = {"treadle_up": [({}, 0.0)]}
        return PlainTextResponse(render({**_own(requests), **told}), media_type=KIND)


Samples = Mapping[str, Iterable[tuple[Mapping[str, str], float]]]


def render(samples: Samples) -> str:
    """Return samples as Prometheus reads them. Pure."""
    lines = list[str]()
    for name, (kind, said) in HELP.items():
        if name not in samples:
            continue
        lines += [f"# HELP {name} {said}", f"# TYPE {name} {kind}"]
        for labels, value in samples[name]:
            spelt = ",".join(f'{key}="{text}"' for key, text in labels.items())
            lines.append(f"{name}{{{spelt}}} {value:.17g}" if spelt else f"{name} {value:.17g}")
    return "\n".join(lines) + "\n"


def _own(requests: Requests) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "treadle_build_info": [({"version": __version__}, 1.0)],
        "treadle_http_requests_total": [
            ({"plane": plane, "status": status}, float(count))
            for (plane, status), count in sorted(requests.counts.items())
        ],
        "treadle_http_request_seconds_total": [
            ({"plane": plane}, float(told)) for plane, told in sorted(requests.seconds.items())
        ],
        "treadle_process_cpu_seconds_total": [({}, sum(os.times()[:2]))],
        "treadle_process_resident_memory_max_bytes": [
            ({}, float(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)))
        ],
    }


def _read(db: Connection) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    waiting = {
        row["work"]: row
        for row in db.execute(
            "select work, count(*) as blocks, extract(epoch from now() - min(created_at))::float8 as age from span_blocks_waiting group by 1"
        )
    }
    runs = {
        row["status"]: row["runs"]
        for row in db.execute(
            "select status, count(*) as runs from runs where status = any(%s) group by 1", [list(_RUNS)]
        )
    }
    size = db.execute("select pg_database_size(current_database()) as size").fetchone()
    blocks = [({"work": work}, float(waiting[work]["blocks"] if work in waiting else 0)) for work in _WORKS]
    ages = [({"work": work}, max(0.0, waiting[work]["age"]) if work in waiting else 0.0) for work in _WORKS]
    return {
        "treadle_up": [({}, 1.0)],
        **_forwarding(db),
        "treadle_span_blocks_waiting": list(blocks),
        "treadle_span_follow_lag_seconds": list(ages),
        "treadle_runs": [({"status": status}, float(runs.get(status, 0))) for status in _RUNS],
        "treadle_database_size_bytes": [({}, float(size["size"]) if size else 0.0)],
    }


def _forwarding(db: Connection) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    sums, behind = forwarding.sum_up(db)
    age = 0.0 if behind.since is None else max(0.0, (datetime.now(UTC) - behind.since).total_seconds())
    return {
        "treadle_forward_spans_total": [
            ({"outcome": name}, float(sums[name])) for name in ("sent", "refused", "given_up")
        ],
        "treadle_forward_spans_waiting": [({}, float(behind.spans))],
        "treadle_forward_lag_seconds": [({}, age)],
        "treadle_forward_destinations": [
            ({"state": name}, float(sums[name])) for name in ("sending", "failing", "paused")
        ],
    }


def _is_local(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
