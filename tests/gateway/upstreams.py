"""For tests of the whole gateway: providers that lead to the wall, endpoints that go by them, and callers of each protocol.

A caller here is plain HTTP that reads what came as strictly as the official clients do, and tells it in one shape.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx2

from tests.gateway.harness import Plane, arm, wait_for
from tests.gateway.wall import Wall
from treadle.gateway import service
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.providers.service import Surroundings, create_provider
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Endpoint, Limit, ProtocolName, Target
from treadle.traces import service as traces
from treadle.traces.service import TraceNotFound
from treadle.traces.types import SpanNode

PATHS: Mapping[ProtocolName, str] = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}
_BASES = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "bedrock": "", "azure": ""}
QUESTION = "tell me"


def provide(plane: Plane, where: Wall | str, name: str, kind: str = "openai", **more: Any) -> None:
    """Configure a provider at the wall, or at a base URL, and wait until the gateway knows it."""
    base_url = where if isinstance(where, str) else where.url + _BASES[kind]
    facts = {"secret": "sk-upstream-0123456789", "private": True, **more}
    new = NewProvider(name=name, kind=kind, base_url=base_url, **facts)
    asyncio.run(create_provider(plane.ctx, new, Surroundings(plane.master_keys, PrivateHosts(), _resolve)))
    wait_for(lambda: (plane.ctx.project_id, name) in plane.data_plane.live.table.snapshot.providers)  # type: ignore[union-attr]


def serve(plane: Plane, name: str, *targets: Target, arm_: Mapping[str, Any] | None = None, **more: Any) -> Endpoint:
    """Publish an endpoint whose only arm has these targets and no prompt; return it."""
    made = served_by(plane, name, *targets, arm_=arm_, **more)
    publish(plane, [made])
    return made


def served_by(
    plane: Plane, name: str, *targets: Target, arm_: Mapping[str, Any] | None = None, **more: Any
) -> Endpoint:
    """Return an endpoint whose only arm has these targets and no prompt."""
    facts: dict[str, Any] = {"prompt": (), "targets": targets, "release_id": f"rel_{name}", **(arm_ or {})}
    return Endpoint(project_id=plane.ctx.project_id, name=name, salt="salt", arms=(arm(**facts),), **more)


def publish(plane: Plane, endpoints: Sequence[Endpoint]) -> None:
    """Serve many endpoints at once and wait until the gateway does."""

    def write(db: Any) -> None:
        for endpoint in endpoints:
            service.publish_endpoint(db, endpoint)

    asyncio.run(plane.ctx.db.write(write))
    wait_for(lambda: all(_served(plane, each.name) == each for each in endpoints))


def served_limits(plane: Plane) -> tuple[Limit, ...]:
    """Return the limits that the gateway goes by."""
    table = plane.data_plane.live.table
    return () if table is None else table.snapshot.limits.get(plane.ctx.project_id, ())


def trace(plane: Plane, trace_id: str) -> SpanNode:
    """Return the root span of a trace, once it is stored."""
    found: list[SpanNode] = []

    def is_stored() -> bool:
        try:
            found[:] = asyncio.run(traces.get_trace(plane.ctx, trace_id)).roots
        except TraceNotFound:
            return False
        return bool(found)

    wait_for(is_stored)
    return found[0]


def body_of(protocol: ProtocolName, model: str, *, stream: bool = False, text: str = QUESTION) -> dict[str, Any]:
    """Return a small request."""
    said = [{"role": "user", "content": text}]
    bodies: dict[ProtocolName, dict[str, Any]] = {
        "chat": {"messages": said},
        "completions": {"prompt": text},
        "embeddings": {"input": text},
        "responses": {"input": text},
        "messages": {"messages": said, "max_tokens": 100},
    }
    return {"model": model, **bodies[protocol], **({"stream": True} if stream else {})}


class Event(NamedTuple):
    """One event of a stream, as a client reads it."""

    name: str | None
    data: Any
    """Its JSON, or '[DONE]'."""


class Heard(NamedTuple):
    """What a caller got."""

    status: int
    headers: httpx2.Headers
    raw: str
    code: str | None
    """Of the error, in the body or in the last event; None where there is none."""
    text: str
    is_complete: bool
    """Whether the answer says that it is whole."""
    events: list[Event]

    @property
    def trace_id(self) -> str:
        """The request's trace."""
        return str(self.headers["x-treadle-trace-id"])

    @property
    def short(self) -> tuple[int, str | None, bool]:
        """Status, code of the error, whether it is complete."""
        return self.status, self.code, self.is_complete


async def ask(
    client: httpx2.AsyncClient,
    protocol: ProtocolName,
    model: str,
    *,
    stream: bool = False,
    on_text: Callable[[], None] = lambda: None,
    **more: Any,
) -> Heard:
    """Send a request and read the answer to its end. on_text: is called once something of a stream has been said."""
    body = body_of(protocol, model, stream=stream, **more)
    parts: list[str] = []
    async with client.stream("POST", PATHS[protocol], json=body) as reply:
        if not reply.headers["content-type"].startswith("text/event-stream"):
            return heard(protocol, reply, (await reply.aread()).decode())
        async for part in reply.aiter_text():
            before, _, _ = "".join(parts).rpartition("\n\n")
            parts.append(part)
            whole, _, _ = "".join(parts).rpartition("\n\n")
            if not _said(protocol, before) and _said(protocol, whole):
                on_text()
    return heard(protocol, reply, "".join(parts))


def caller(plane: Plane, key: str) -> httpx2.AsyncClient:
    """Return a client for `ask`; to be used in `async with`."""
    limits = httpx2.Limits(max_connections=400)
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.AsyncClient(base_url=plane.url, headers=headers, trust_env=False, timeout=60, limits=limits)


def ask_once(plane: Plane, key: str, protocol: ProtocolName, model: str, *, stream: bool = False, **more: Any) -> Heard:
    """Send one request and read the answer to its end."""
    return ask_all(plane, key, [(protocol, model)], stream=stream, **more)[0]


def ask_all(
    plane: Plane, key: str, asked: Iterable[tuple[ProtocolName, str]], *, stream: bool = False, **more: Any
) -> list[Heard]:
    """Send requests at once and read the answers to their ends."""

    async def all_at_once() -> list[Heard]:
        async with caller(plane, key) as client:
            return await asyncio.gather(*(ask(client, each, model, stream=stream, **more) for each, model in asked))

    return asyncio.run(all_at_once())


def heard(protocol: ProtocolName, reply: httpx2.Response, raw: str) -> Heard:
    """Read an answer."""
    if not reply.headers["content-type"].startswith("text/event-stream"):
        body = json.loads(raw)
        told = body.get("error")
        code = None if not told else told.get("code") or told.get("details", {}).get("error_code") or told["type"]
        text = "" if told else _text_of(protocol, body)
        return Heard(reply.status_code, reply.headers, raw, code, text, told is None, [])
    events = events_of(raw)
    code = next((found for event in events if (found := _code_of(event.data)) is not None), None)
    is_complete = any(_ends(protocol, event) for event in events)
    return Heard(reply.status_code, reply.headers, raw, code, _said(protocol, raw), is_complete, events)


def events_of(text: str) -> list[Event]:
    """Cut a stream into its events; raises ValueError where one is not JSON, as the clients do."""
    events = []
    for block in text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n\n"):
        name, data = None, []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value.removeprefix(" "))
        if data:
            said = "\n".join(data)
            events.append(Event(name, said if said == "[DONE]" else json.loads(said)))
    return events


def _said(protocol: ProtocolName, raw: str) -> str:
    return "".join(_delta_of(protocol, event.data) for event in events_of(raw))


def _code_of(data: Any) -> str | None:
    told = data.get("error") if isinstance(data, dict) else None
    if not told:
        return None
    return str(told.get("code") or told.get("details", {}).get("error_code") or told["type"])


def _ends(protocol: ProtocolName, event: Event) -> bool:
    if protocol in ("chat", "completions"):
        return bool(event.data == "[DONE]")
    return event.name == {"responses": "response.completed", "messages": "message_stop"}[protocol]


def _delta_of(protocol: ProtocolName, data: Any) -> str:
    if not isinstance(data, dict) or data.get("error"):
        return ""
    if protocol in ("chat", "completions"):
        choices = data.get("choices") or [{}]
        return str((choices[0].get("delta") or choices[0]).get("content" if protocol == "chat" else "text") or "")
    if protocol == "responses":
        return str(data["delta"]) if data["type"] == "response.output_text.delta" else ""
    return str(data["delta"].get("text", "")) if data["type"] == "content_block_delta" else ""


def _text_of(protocol: ProtocolName, body: Any) -> str:
    if protocol == "chat":
        return str(body["choices"][0]["message"]["content"] or "")
    if protocol == "completions":
        return str(body["choices"][0]["text"])
    if protocol == "responses":
        parts = [part for item in body["output"] for part in item.get("content", [])]
        return "".join(part["text"] for part in parts if part["type"] == "output_text")
    if protocol == "messages":
        return "".join(block["text"] for block in body["content"] if block["type"] == "text")
    return ""


async def _resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def _served(plane: Plane, name: str) -> Endpoint | None:
    table = plane.data_plane.live.table
    return None if table is None else table.snapshot.endpoints.get((plane.ctx.project_id, name))
