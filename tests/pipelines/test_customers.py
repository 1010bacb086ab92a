"""Customers of tomorrow: what they may do, and that a server which is away for a moment does not lose them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest

from treadle.client.client import Client
from treadle.core.errors import NotFound
from treadle.core.types import JsonObject
from treadle.governance.types import NewApiKey
from treadle.jobs.child import Report
from treadle.pipelines.customers import CUSTOMER_SCOPES, ask_until_decided
from treadle.pipelines.types import FileSource, NewTurn

AWAY_TIMES = 2


def test_key_of_customers(client: Client) -> None:
    """
    A key can be cut down to what customers do, and no further rights come with the role.
    """
    made = client.access.create_key(NewApiKey(name="customers", role="reviewer", scopes=CUSTOMER_SCOPES))

    assert sorted(CUSTOMER_SCOPES) == sorted(made.api_key.scopes or [])


def test_server_is_away_for_a_moment(tmp_path: Path) -> None:
    """
    503 from the API is waited out, when looking at the rollout and when saying what was right; nothing is said twice.
    """
    customers = tmp_path / "customers.jsonl"
    customers.write_text(json.dumps({"input": "where is it", "expected_output": "parcel"}) + "\n")

    with _scripted_server() as (url, answered):
        spec: JsonObject = {
            "url": url, "api_key": "tdl_x", "endpoint": "support", "rollout_id": "rol_x", "customers": str(customers),
            "max_requests": 1, "seed": 0, "key": "visit",
        }  # fmt: skip
        figures = ask_until_decided(spec, Report(StringIO()))

    assert ("promoted", 1, 0) == (figures["status"], figures["num_requests"], figures["num_failed"])
    assert 1 == answered["/api/v1/feedback/batch"]


def test_turn_from_a_file_of_nobody(client: Client) -> None:
    """
    A turn from a file that this project did not hand over is refused at the door.
    """
    file = FileSource(digest="sha256:" + "0" * 64, file_name="rows.csv")

    with pytest.raises(NotFound) as caught:
        client.turns.start(NewTurn(source="file", file=file))

    assert "data.upload_not_found" == caught.value.error_code
    assert [] == client.turns.list_().items


@contextmanager
def _scripted_server() -> Iterator[tuple[str, Counter[str]]]:
    """Serve an endpoint and an API that answers each path with 503 at first; count the answers that were given."""
    asked: Counter[str] = Counter()
    answered: Counter[str] = Counter()

    class Script(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_promoted = answered["/api/v1/feedback/batch"] > 0
            rollout: JsonObject = {
                "status": "promoted" if is_promoted else "running",
                "words": "",
                "reason": None,
                "weight": 0.5,
            }
            self._answer(rollout)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            message = {"role": "assistant", "content": "parcel"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._answer({"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})

        def _answer(self, body: JsonObject) -> None:
            asked[self.path] += 1
            is_away = self.path.startswith("/api/") and asked[self.path] <= AWAY_TIMES
            answered[self.path] += not is_away
            content = json.dumps(body).encode()
            self.send_response(503 if is_away else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.send_header("x-treadle-trace-id", "t1")
            self.send_header("x-treadle-release-id", "rel_x")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answered
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
