"""What a project does not keep is taken out of spans at the door, whoever sent them and in whatever dialect."""

from __future__ import annotations

import json
import time

import httpx2
import msgspec
import pytest
import zstandard

from tests.monitoring.asking import ask, publish
from tests.traces.exports import pb_export, pb_span
from tests.traces.home import Home
from tests.traces.telling import recorded, recordings
from treadle.gateway.types import Rule
from treadle.guards.capture import Capture
from treadle.storage.database import Connection
from treadle.traces.capture.reducing import reduce_all
from treadle.traces.dialects.registry import canonical
from treadle.traces.otlp.decode import JSON, decode

ADDRESS = "ann@example.com"
SPAN = {
    "traceId": f"{1:032x}", "spanId": f"{1:016x}", "name": f"ask for {ADDRESS}", "startTimeUnixNano": "1790000000000000001",
    "endTimeUnixNano": "1790000000900000000", "status": {"code": 2, "message": f"no mail to {ADDRESS}"},
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "2"}},
        {"key": "input.value", "value": {"stringValue": f"I am {ADDRESS}, where is my parcel?"}},
        {"key": "llm.input_messages.0.message.content", "value": {"stringValue": f"I am {ADDRESS}"}},
        {"key": "shop.note", "value": {"arrayValue": {"values": [{"stringValue": f"call {ADDRESS}"}]}}},
        {"key": "user.id", "value": {"stringValue": ADDRESS}},
    ],
    "events": [{
        "name": "exception", "timeUnixNano": "1790000000100000000",
        "attributes": [{"key": "exception.message", "value": {"stringValue": f"no mail to {ADDRESS}"}}],
    }],
    "links": [{
        "traceId": f"{2:032x}", "spanId": f"{2:016x}",
        "attributes": [{"key": "why", "value": {"stringValue": f"said by {ADDRESS}"}}],
    }],
}  # fmt: skip
BODY = {
    "resourceSpans": [{
        "resource": {"attributes": [{"key": "owner", "value": {"stringValue": ADDRESS}}]},
        "scopeSpans": [{"scope": {"name": "shop", "attributes": [{"key": "by", "value": {"stringValue": ADDRESS}}]},
                        "spans": [SPAN]}],
    }],
}  # fmt: skip


def stored(home: Home) -> str:
    """Return everything that a project's blocks and rows hold, as text."""

    def read(db: Connection) -> str:
        blocks = db.execute("select data from span_blocks").fetchall()
        rows = db.execute("select row_to_json(spans) as told from spans").fetchall()
        whole = [zstandard.ZstdDecompressor().decompress(row["data"]).decode() for row in blocks]
        return "\n".join([*whole, json.dumps([row["told"] for row in rows])])

    return home.platform.database.transact(read, "treadle_app", home.ctx.project_id)


def allow(home: Home, level: Capture) -> None:
    """Set what the project keeps, and wait until the door knows it, and the key."""
    home.client.traces.set_capture(level)
    plane = home.platform.data_plane
    assert plane is not None
    deadline = time.monotonic() + 60
    while (table := plane.live.find()) is None or table.snapshot.captures.get(home.ctx.project_id) != level:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("level", ["off", "masked"])
def test_an_emitter_that_sends_everything(home: Home, level: Capture) -> None:
    """
    Nothing above the level is stored, neither in fields nor among raw attributes; facts stay, and people stay apart.
    """
    allow(home, level)

    answer = httpx2.post(f"{home.client.url}/v1/traces", json=BODY, headers={"authorization": f"Bearer {home.key}"})

    (trace,) = home.client.traces.list_().items
    (root,) = home.client.traces.get(trace.trace_id).roots
    assert (200, {}) == (answer.status_code, answer.json())
    assert ADDRESS not in stored(home)
    assert ("where is my parcel?" in stored(home)) == (level == "masked")
    assert ("gpt-4o-mini", 7, 2) == (root.span.model, root.span.input_tokens, root.span.output_tokens)
    assert (root.span.user_id or "").startswith("masked-")
    assert ["call [EMAIL]"] == root.span.attributes["shop.note"]


@pytest.mark.parametrize("level", ["off", "masked"])
def test_a_request_through_the_gateway(home: Home, level: Capture) -> None:
    """
    The gateway's own record keeps no more than the project does; the caller gets the whole answer, and tokens stay.
    """
    publish(home, "support", Rule(reply=f"it went to {ADDRESS}"))
    allow(home, level)

    answer = ask(home, "support", f"I am {ADDRESS}, where is my parcel?", user=ADDRESS)

    deadline = time.monotonic() + 60
    while not (found := home.client.traces.list_().items):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert ADDRESS in answer.text
    assert ADDRESS not in stored(home)
    assert ("where is my parcel?" in stored(home)) == (level == "masked")
    assert ("support", True) == (found[0].endpoint, (found[0].input_tokens or 0) > 0)


@pytest.mark.parametrize(("scene", "emitter"), recordings())
def test_content_of_every_dialect(scene: str, emitter: str) -> None:
    """
    At 'off' no dialect's content is left of a recorded scene, and what is no content is as it was.
    """
    raws = decode(recorded(scene, emitter), JSON).spans

    reduced = [canonical(raw, "prj") for raw in reduce_all(raws, "off")]

    whole = [canonical(raw, "prj") for raw in raws]
    facts = ("model", "provider", "input_tokens", "output_tokens", "cost_usd", "started_at", "parent_span_id")
    assert [] == [span.name for span in reduced if span.input_messages or span.variables or span.documents]
    assert [] == [span.output_text for span in reduced if span.output_text or span.output_messages]
    assert [[getattr(one, name) for name in facts] for one in whole] == [
        [getattr(one, name) for name in facts] for one in reduced
    ]


def test_reduced_twice_and_not_at_all() -> None:
    """
    Reducing twice is reducing once, at 'on' a span is the same object, and what spans share is reduced once for all.
    """
    raws = decode(msgspec.json.encode(BODY), JSON).spans + decode(pb_export(pb_span()), "application/x-protobuf").spans

    once = reduce_all(raws, "masked")

    assert once == reduce_all(once, "masked")
    assert all(one is other for one, other in zip(raws, reduce_all(raws, "on"), strict=True))
    assert {"owner": "[EMAIL]"} == once[0].resource
