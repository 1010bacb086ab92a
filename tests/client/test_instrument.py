"""`treadle.instrument()` with real instrumentors on a real application, against the scripted provider and a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import treadle
from tests.traces.home import Home
from treadle.client.tracing.instrumentors import LIBRARIES
from treadle.core.errors import InvalidInput
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.traces.types import Span

PATIENCE_SECONDS = 60
APPLICATION = """
import json, sys
import openai
import treadle

url, key, spool, prefer = sys.argv[1:]
treadle.configure_tracing(url, api_key=key, spool=spool, service=prefer)
done = treadle.instrument(prefer=prefer)

@treadle.trace("answer", session_id="s1")
def answer(question):
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as model:
        asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": question}]
        whole = model.chat.completions.create(model="support", messages=asked, temperature=0.5)
        stream = model.chat.completions.create(
            model="support", messages=asked, stream=True, stream_options={"include_usage": True}
        )
        return whole.choices[0].message.content + "".join(
            piece.choices[0].delta.content or "" for piece in stream if piece.choices
        )

said = answer("where is my parcel")
print(json.dumps([said, done.wired, treadle.flush(60).is_complete]))
"""
CANONICAL = (
    "kind", "status", "provider", "model", "input_tokens", "output_tokens", "finish_reason", "input_messages",
    "output_messages", "variables", "session_id", "error_code", "cost_usd",
)  # fmt: skip


def serve_endpoint(home: Home) -> None:
    """Put a scripted endpoint named 'support' into the project, and wait until it answers."""
    arm = Arm(
        release_id="rel_1", model_version_id="mdv_1", role="stable", weight=1.0, provider="scripted",
        script=(Rule(match=".*", reply="On its way."),),
    )  # fmt: skip
    endpoint = Endpoint(project_id=home.ctx.project_id, name="support", salt="tests", arms=(arm,))
    asyncio.run(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    body = {"model": "support", "messages": [{"role": "user", "content": "hello"}]}
    while (
        200
        != httpx2.post(
            f"{home.client.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {home.key}"}
        ).status_code
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run(home: Home, spool: Path, prefer: str) -> Any:
    """Run the application with one kind of instrumentor; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", APPLICATION, home.client.url, home.key, str(spool), prefer],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def calls_of(home: Home, service: str) -> list[Span]:
    """Return the model calls inside the trace that an application sent."""
    for line in home.client.traces.list_().items:
        (root, *_) = home.client.traces.get(line.trace_id).roots
        if root.span.service_name == service:
            assert "answer" == root.span.name
            return [node.span for node in root.children]
    raise AssertionError(f"no trace of '{service}'")


def test_two_kinds_of_instrumentors(home: Home, tmp_path: Path) -> None:
    """
    The same application, told of by OpenInference and by OpenTelemetry: both are there, inside our span, and say the same.
    """
    serve_endpoint(home)

    said = {prefer: run(home, tmp_path / prefer, prefer) for prefer in ("openinference", "opentelemetry")}

    rows = {}
    for prefer in said:
        calls = calls_of(home, prefer)
        rows[prefer] = [{name: getattr(call, name) for name in CANONICAL} for call in calls]
    assert ["On its way.On its way."] * 2 == [told[0] for told in said.values()]
    assert "openinference-instrumentation-openai" == said["openinference"][1]["openai"]
    assert "opentelemetry-instrumentation-openai-v2" == said["opentelemetry"][1]["openai"]
    assert rows["openinference"] == rows["opentelemetry"]
    assert ["llm", "llm"] == [row["kind"] for row in rows["openinference"]]
    assert ["On its way."] * 2 == [row["output_messages"][0]["content"] for row in rows["openinference"]]
    assert [{"input": "where is my parcel"}] * 2 == [row["variables"] for row in rows["openinference"]]
    assert all(row["input_tokens"] for row in rows["openinference"])


def test_spans_about_other_things(home: Home) -> None:
    """
    An application's own provider keeps its exporters; spans of its database stay out, and the tree holds together.
    """
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    treadle.instrument(only=[], tracer_provider=provider)
    database = otel.get_tracer("sql", tracer_provider=provider)
    models = otel.get_tracer("models", tracer_provider=provider)

    with treadle.trace("turn", user_id="u7"), models.start_as_current_span("agent") as agent:
        agent.set_attribute("gen_ai.operation.name", "invoke_agent")
        with database.start_as_current_span("select"), models.start_as_current_span("chat") as chat:
            chat.set_attribute("gen_ai.operation.name", "chat")
    treadle.flush(PATIENCE_SECONDS)

    (trace,) = home.client.traces.list_().items
    (root,) = home.client.traces.get(trace.trace_id).roots
    (told,) = root.children
    assert ["chat", "select", "agent"] == [span.name for span in kept.get_finished_spans()]
    assert ("agent", ["chat"]) == (told.span.name, [node.span.name for node in told.children])
    assert "u7" == told.children[0].span.user_id


def test_what_is_installed_and_what_is_missing(home: Home) -> None:
    """
    It says which libraries nothing tells of yet, and what to install; a name that nobody knows is refused.
    """
    done = treadle.instrument(only=["langchain", "crewai"], tracer_provider=TracerProvider())

    assert {"langchain": "pip install openinference-instrumentation-langchain"} == done.missing
    assert {} == done.failed
    with pytest.raises(InvalidInput) as caught:
        treadle.instrument(only=["excel"])
    assert "tracing.library" == caught.value.error_code


def test_the_list_of_libraries() -> None:
    """
    Each library stands in it once, in order, and is told of by packages of the two projects that we name.
    """
    names = [library.name for library in LIBRARIES]

    assert sorted(set(names)) == names
    assert all(
        package.startswith(("openinference-instrumentation-", "opentelemetry-instrumentation-"))
        for library in LIBRARIES
        for package in library.packages
    )
