"""kill -9 of the server while it forwards: nothing that was stored is lost on its way, and it goes on by itself."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.faults.test_batch_survives import served, wait_until
from tests.gateway.otlp_receiver import Answered, receiving
from tests.gateway.test_forwarding import PROTOBUF, export
from treadle.client.client import Client
from treadle.gateway.forwarding.types import NewForward

REQUESTS, SPANS, KILLS = 8, 20, 1


def test_forwarding_survives_kills(tmp_path: Path, database_url: str) -> None:
    """
    Whatever moment the server is killed at, every acknowledged span arrives, and only batches under way arrive twice.
    """

    def slowly(_: ExportTraceServiceRequest) -> Answered:
        time.sleep(0.2)
        return Answered()

    expected = set[tuple[str, str]]()
    with receiving(slowly) as other:
        for kill in range(KILLS + 1):
            with served(tmp_path, database_url) as (client, process):
                if kill == 0:
                    client.forwards.create(NewForward(name="other", url=other.url, private=True))
                before = len(other.exports)
                if kill < KILLS:
                    expected |= _told(client, tmp_path)
                    wait_until(lambda: len(other.exports) > before)  # noqa: B023
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                else:
                    wait_until(lambda: client.forwards.get("other").waiting == 0)
                    found = client.forwards.get("other")

    assert REQUESTS * SPANS * KILLS == len(expected)
    assert expected == set(other.ids())
    assert max(Counter(other.ids()).values()) <= KILLS + 1
    assert (0, 0, "sending") == (found.refused, found.given_up, found.state)


def _told(client: Client, folder: Path) -> set[tuple[str, str]]:
    """Have the server take spans, in many small requests; return their ids, all of them acknowledged."""
    key = (folder / "workspace" / "keys" / "local.key").read_text().strip()
    headers = {"authorization": f"Bearer {key}", **PROTOBUF}
    ids = set[tuple[str, str]]()
    for number in range(REQUESTS):
        request = export([f"n{number}"] * SPANS)
        body = request.SerializeToString()
        wait_until(lambda: httpx2.post(f"{client.url}/v1/traces", content=body, headers=headers).status_code == 200)  # noqa: B023
        ids |= {(span.trace_id.hex(), span.span_id.hex()) for span in request.resource_spans[0].scope_spans[0].spans}
    return ids
