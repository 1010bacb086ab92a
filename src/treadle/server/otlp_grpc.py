"""OTLP over gRPC, for applications whose exporter speaks nothing else: a second way to the door for traces.

A call is handed to the door that serves HTTP, as a request with the same body: the same keys, limits, commit and
refusals. gRPC takes compression off. Only where TREADLE_OTLP_GRPC_PORT is set, and with the extra 'grpc'.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from treadle.core.errors import MissingExtra, Unavailable
from treadle.gateway.traces_door import MAX_UNPACKED_BYTES, PATH

if TYPE_CHECKING:
    import grpc

DEFAULT_PORT = 4317
SERVICE, METHOD = "opentelemetry.proto.collector.trace.v1.TraceService", "Export"
_STOP_SECONDS = 10.0
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    408: "UNAVAILABLE",
    413: "INVALID_ARGUMENT",  # RESOURCE_EXHAUSTED may be sent again, and a body that is too large may not
    429: "UNAVAILABLE",
    503: "UNAVAILABLE",
}
"""What an exporter does with a status: it sends again what was UNAVAILABLE, and nothing else of these."""
_HEADERS = frozenset(("authorization", "x-api-key"))
Door = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class GrpcDoor:
    """Listens for gRPC and asks the door for traces."""

    def __init__(self, door: Door, host: str, port: int) -> None:
        self._door = door
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._server: Any = None
        self.port = port
        """Where it listens, once started."""

    async def start(self) -> None:
        """Listen. Raises MissingExtra without grpcio, Unavailable when the port is taken."""
        try:
            import grpc  # optional: the extra 'grpc'
        except ImportError:
            raise MissingExtra("grpc", needed_for="OTLP over gRPC (TREADLE_OTLP_GRPC_PORT)") from None
        self._server = grpc.aio.server(options=(("grpc.max_receive_message_length", MAX_UNPACKED_BYTES),))
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise Unavailable(
                f"'{self._address}' cannot be listened on for OTLP over gRPC ({error}); set TREADLE_OTLP_GRPC_PORT to a "
                f"free port",
                code="server.grpc_port",
            ) from None
        await self._server.start()

    async def stop(self) -> None:
        """Let running calls end, then stop."""
        if self._server is not None:
            await self._server.stop(_STOP_SECONDS)

    async def _export(self, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """Answer one call."""
        import grpc

        headers = [(b"content-type", b"application/x-protobuf"), (b"content-length", str(len(body)).encode())]
        for name, value in context.invocation_metadata() or ():
            if name in _HEADERS:
                headers.append((name.encode(), value if isinstance(value, bytes) else value.encode()))
        status, answer = await self._ask({"type": "http", "method": "POST", "path": PATH, "headers": headers}, body)
        if status != 200:
            await context.abort(grpc.StatusCode[_CODES.get(status, "INTERNAL")], _words(answer))
        return answer

    async def _ask(self, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
        """Return the door's answer to a request."""
        status, answer = 500, b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, answer
            status = message.get("status", status)
            answer += message.get("body", b"")

        await self._door(scope, receive, send)
        return status, answer


def _words(answer: bytes) -> str:
    """Return the message of a google.rpc.Status: field 2, after its tag and length."""
    at = 1
    while at < len(answer) and answer[at] > 127:
        at += 1
    return answer[at + 1 :].decode(errors="replace")
