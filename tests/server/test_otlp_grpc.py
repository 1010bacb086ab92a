"""OTLP over gRPC: the same door as over HTTP, with gRPC's own words for a refusal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.conftest import RunningServer, running
from tests.ports import free_port
from tests.server.standalone import clean_environment
from tests.traces.exports import pb_export, pb_span
from tests.traces.telling import as_protobuf, recorded
from treadle.core.errors import InvalidInput
from treadle.core.settings import Settings, read_settings
from treadle.server.otlp_grpc import METHOD, SERVICE


@pytest.fixture
def grpc_port() -> int:
    """
    A port for gRPC.
    """
    return free_port()


@pytest.fixture
def server(settings: Settings, grpc_port: int) -> Iterator[RunningServer]:
    """
    A real server that takes gRPC too, once it knows its own key.
    """
    for one in running(settings.model_copy(update={"otlp_grpc_port": grpc_port})):
        deadline = time.monotonic() + 60
        while _refusal(grpc_port, pb_export(), one.key) is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        yield one


def test_spans_over_grpc(server: RunningServer, grpc_port: int) -> None:
    """
    Spans that came over gRPC, compressed, are there with the answer; bad ones are counted in it.
    """
    whole = _export(grpc_port, as_protobuf(recorded("openai-chat", "openllmetry")), server.key)
    part = _export(grpc_port, pb_export(pb_span(), pb_span(trace_id=bytes(16))), server.key)

    names = sorted(trace.name for trace in server.client.traces.list_().items)
    assert ["openai.chat", "work"] == names
    assert b"" == whole
    told = ExportTraceServiceResponse.FromString(part).partial_success
    assert 1 == told.rejected_spans
    assert "trace id" in told.error_message


def test_content_that_is_not_kept(server: RunningServer, grpc_port: int) -> None:
    """
    What a project does not keep is taken out of what comes over gRPC too.
    """
    server.client.traces.set_capture("off")
    plane = server.platform.data_plane
    assert plane is not None
    deadline = time.monotonic() + 60
    while (table := plane.live.find()) is None or not table.snapshot.captures:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    _export(grpc_port, as_protobuf(recorded("openai-chat", "openinference")), server.key)

    (trace,) = server.client.traces.list_().items
    (root,) = server.client.traces.get(trace.trace_id).roots
    assert ("", "") == (trace.input_text, trace.output_text)
    assert [] == [name for name in root.span.attributes if name.startswith(("input.value", "llm.input_messages"))]
    assert root.span.input_tokens


@pytest.mark.parametrize(
    ("body", "key", "code"),
    [
        (pb_export(pb_span()), None, grpc.StatusCode.UNAUTHENTICATED),
        (pb_export(pb_span()), "tdl_nobody", grpc.StatusCode.UNAUTHENTICATED),
        (b"\xff\xff", "own", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_refusal_over_grpc(
    server: RunningServer, grpc_port: int, body: bytes, key: str | None, code: grpc.StatusCode
) -> None:
    """
    What HTTP refuses gRPC refuses, in its own codes and the same words.
    """
    refusal = _refusal(grpc_port, body, server.key if key == "own" else key)

    assert refusal is not None
    assert code == refusal.code()
    assert len(refusal.details() or "") > 20


def test_a_port_that_is_none() -> None:
    """
    A port for gRPC that is no port is refused at the start, with the other faults.
    """
    with pytest.raises(InvalidInput) as caught:
        read_settings({"TREADLE_OTLP_GRPC_PORT": "soon"})

    assert "OTLP over gRPC 'soon'" in caught.value.message
    assert 4317 == read_settings({"TREADLE_OTLP_GRPC_PORT": "4317"}).otlp_grpc_port
    assert read_settings({}).otlp_grpc_port is None


def test_without_the_extra(tmp_path: Path, database_url: str) -> None:
    """
    Where gRPC is asked for and its library is missing, the server does not start and says what to install.
    """
    (tmp_path / "grpc.py").write_text("raise ImportError('not installed')")
    told = {"TREADLE_OTLP_GRPC_PORT": "0", "TREADLE_DATABASE_URL": database_url}
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [
        sys.executable,
        "-m",
        "treadle.cli.main",
        "up",
        "--port",
        "0",
        "--workspace",
        str(tmp_path / "workspace"),
    ]

    done = subprocess.run(
        command, env=clean_environment() | told | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip

    assert 0 != done.returncode
    assert "treadle[grpc]" in done.stderr
    assert "Traceback" not in done.stderr


def _export(port: int, body: bytes, key: str | None) -> bytes:
    metadata = [] if key is None else [("authorization", f"Bearer {key}")]
    with grpc.insecure_channel(f"127.0.0.1:{port}", compression=grpc.Compression.Gzip) as channel:
        answer = channel.unary_unary(f"/{SERVICE}/{METHOD}")(body, metadata=metadata, timeout=30)
    return bytes(answer)


def _refusal(port: int, body: bytes, key: str | None) -> grpc.Call | None:
    try:
        _export(port, body, key)
    except grpc.RpcError as error:
        return cast(grpc.Call, error)
    return None
