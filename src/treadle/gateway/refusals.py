"""Every way in which the gateway says no to a request, in the shape that OpenAI's clients understand.

One function per situation, so that a message is written once: what is wrong, what would be right, whom to ask. The reader
is an application's developer, who may have no access to the server: none of these names an operator's command. What
fails behind the gateway is in `outages`.
`docs/gateway.md` lists them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_MAX_NAMES = 20
_MAX_ECHO = 80
_BELOW_V1 = frozenset({"chat", "completions", "embeddings", "responses", "messages", "moderations", "models"})
"""What clients ask for whose base URL should have ended with /v1."""


class Refusal(Exception):
    """A request that gets an error instead of an answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the answer."""
        self.code = code
        """Stable; callers may match on it."""
        self.message = message
        self.kind = kind
        """OpenAI's `type`: says whose fault it is."""
        self.param = param
        """The request field at fault, if one is."""
        self.retry_after_seconds = retry_after_seconds
        """When a retry may succeed; None when it will not."""
        self.original: bytes | None = None
        """The upstream's own error in the caller's protocol, to pass on as it came; None for an error of ours."""
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        """More headers for the answer, such as a limit's state."""

    def body(self) -> bytes:
        """Return OpenAI's error JSON."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


def shown(text: str) -> str:
    """Return words of others fit for a message: short, and nothing but printable characters."""
    text = text if len(text) <= _MAX_ECHO else text[:_MAX_ECHO] + "…"
    return "".join(char if char.isprintable() else "?" for char in text)


def malformed_json(reason: str, needs: str = "'model' and 'messages'") -> Refusal:
    """The body is not JSON. needs: the fields that a good one has."""
    return Refusal(400, "malformed_json", f"the body is not valid JSON ({reason}); send one JSON object with {needs}")


def invalid_field(param: str | None, reason: str, api: str = "") -> Refusal:
    """The body is JSON, but not a good request. api: whose fields they are, where that helps."""
    where = f"'{param}'" if param else "the body"
    whose = f"; the fields are those of {api}" if api else ""
    return Refusal(400, "invalid_request", f"{where} is not as expected: {reason}{whose}", param=param)


def body_too_large(limit_bytes: int) -> Refusal:
    """More bytes than the gateway takes."""
    return Refusal(
        413,
        "body_too_large",
        f"the request body is larger than {limit_bytes // 1024} KiB; shorten the messages, or send large files by URL",
    )


def body_too_slow(seconds: float) -> Refusal:
    """The caller did not finish its body in time."""
    return Refusal(408, "body_timeout", f"the request body was not complete after {seconds:g} s; send it again")


def spans_too_large(limit_bytes: int) -> Refusal:
    """More bytes of spans than one request may bring, as they come or once unpacked."""
    return Refusal(
        413,
        "spans_too_large",
        f"the spans are larger than {limit_bytes // 1024 // 1024} MiB; send fewer at once "
        f"(OTEL_BSP_MAX_EXPORT_BATCH_SIZE), or less content on each",
    )


def spans_encoded(encoding: str) -> Refusal:
    """Spans packed in a way that is not read here."""
    return Refusal(
        415, "spans_encoded", f"spans encoded as '{shown(encoding)}' are not read; send them plain or as gzip"
    )


def spans_damaged(reason: str) -> Refusal:
    """Packed spans that do not unpack."""
    return Refusal(400, "spans_damaged", f"the spans cannot be read: {shown(reason)}; send them again")


def spans_later(seconds: int) -> Refusal:
    """More spans on their way than the server holds in memory."""
    return Refusal(
        503,
        "spans_later",
        f"the server reads as many spans as it can hold; nothing of this request was kept: send it again in {seconds} s",
        kind="server_error",
        retry_after_seconds=seconds,
    )


def forwarded_to_itself() -> Refusal:
    """Spans that the project forwards to its own door: each would come back and be sent again."""
    return Refusal(
        508,
        "forwarded_to_itself",
        "these spans were forwarded by this very project; give the destination another address, or another project's key",
    )


def encoded_body(encoding: str) -> Refusal:
    """A compressed request: refused unread, so that nobody can send a small bomb."""
    return Refusal(
        415,
        "encoded_body",
        f"the request body is encoded as '{shown(encoding)}'; send it as plain JSON without content-encoding",
    )


def key_of_another_request() -> Refusal:
    """An idempotency key that came with another body before."""
    return Refusal(
        422,
        "idempotency_key_reused",
        "this idempotency-key came with another request before; give each request a key of its own, and repeat one as it was",
        param="idempotency-key",
    )


def request_under_way() -> Refusal:
    """A repetition of a stream that has not ended."""
    return Refusal(
        409,
        "idempotency_key_in_use",
        "the stream that was asked for with this idempotency-key is still under way; ask again when it has ended",
        param="idempotency-key",
        retry_after_seconds=1,
    )


def missing_key() -> Refusal:
    """No key at all."""
    return Refusal(
        401,
        "missing_api_key",
        "no API key came with this request; send it as 'Authorization: Bearer <key>' (or x-api-key);"
        " whoever runs this gateway hands keys out",
        kind="authentication_error",
    )


def invalid_key(public: str) -> Refusal:
    """Not a key of ours, mistyped, or revoked; one message for all three, so that it tells a stranger nothing."""
    return Refusal(
        401,
        "invalid_api_key",
        f"the API key '{shown(public)}' is not known here or was revoked; check that it was copied whole,"
        " or ask whoever runs this gateway for a new one",
        kind="authentication_error",
    )


def expired_key(key_id: str, when: str) -> Refusal:
    """A key of ours whose time is over."""
    return Refusal(
        401,
        "expired_api_key",
        f"the API key '{key_id}' expired at {when}; ask whoever runs this gateway for a new one",
        kind="authentication_error",
    )


def key_lacks_permission(key_id: str, permission: str) -> Refusal:
    """A good key that may not do this."""
    return Refusal(
        403,
        "key_lacks_permission",
        f"the API key '{key_id}' may not do '{permission}';"
        " ask whoever runs this gateway for a key with the role 'service'",
        kind="permission_error",
    )


def unknown_model(name: str, callable_names: Sequence[str]) -> Refusal:
    """No such endpoint, or not for this key: the same answer, so that a key cannot probe for names."""
    if callable_names:
        listed = ", ".join(f"'{each}'" for each in callable_names[:_MAX_NAMES])
        more = f" and {len(callable_names) - _MAX_NAMES} more" if len(callable_names) > _MAX_NAMES else ""
        hint = f"this key may call {listed}{more}"
    else:
        hint = "this key may call no endpoint yet; ask whoever runs this gateway to serve one, or for a key that may call it"
    return Refusal(404, "model_not_found", f"there is no model '{shown(name)}'; {hint}", param="model")


def lacks_v1(path: str) -> bool:
    """Tell whether a client asks here whose base URL should have ended with /v1."""
    return path[1:].partition("/")[0] in _BELOW_V1


def unknown_path(method: str, path: str) -> Refusal:
    """Nothing is served there."""
    if lacks_v1(path):
        right = "the base URL of OpenAI's clients ends with /v1, so that they ask below it"
    elif path.startswith("/v1/v1/"):
        right = "the base URL says /v1 once too often: OpenAI's clients want it there, Anthropic's add it themselves"
    else:
        right = (
            "POST /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses, /v1/messages,"
            " /v1/messages/count_tokens, /v1/moderations, /v1/files and /v1/batches are, and GET /v1/models"
        )
    return Refusal(404, "unknown_path", f"{shown(method)} {shown(path)} is not served here; {right}")


def wrong_method(method: str, path: str, right: str) -> Refusal:
    """Served there, but not by this verb."""
    return Refusal(405, "wrong_method", f"{shown(method)} {path} is not served; use {right} {path}")


def not_ready() -> Refusal:
    """The gateway has not read its configuration yet."""
    return Refusal(
        503,
        "gateway_starting",
        "the gateway has not loaded its configuration yet; try again in a second",
        kind="server_error",
        retry_after_seconds=1,
    )


def stopping() -> Refusal:
    """The gateway was told to stop, and the answer has not ended within its drain."""
    return Refusal(
        503,
        "gateway_stopping",
        "the gateway stops, and this answer did not end in the time that it had left; what came of it is incomplete,"
        " discard it and try again",
        kind="server_error",
        retry_after_seconds=1,
    )


def endpoint_disabled(name: str, reason: str) -> Refusal:
    """Somebody threw the kill switch."""
    return Refusal(
        503,
        "endpoint_disabled",
        f"endpoint '{name}' was switched off: {shown(reason)}; call another one, or ask whoever runs this gateway when it"
        " serves again",
        kind="server_error",
        retry_after_seconds=60,
    )


def followed_elsewhere(name: str) -> Refusal:
    """The response that a request goes on from is kept by somebody whom the request's arm does not ask."""
    return Refusal(
        400,
        "previous_response_elsewhere",
        f"the response that this request goes on from is kept by a provider that its arm of '{name}' does not ask; send the whole"
        " conversation as 'input', without 'previous_response_id'",
        param="previous_response_id",
    )


def guard_blocked(guard: str, check: str) -> Refusal:
    """A guard let the text not pass."""
    return Refusal(
        400,
        "guard_blocked",
        f"guard '{guard}' ({check}) does not let this text pass; change it, or ask whoever runs this endpoint",
        kind="invalid_request_error",
    )


def guard_unready(guard: str) -> Refusal:
    """A guard could not be asked in time, and its policy is to block."""
    return Refusal(
        503,
        "guard_unavailable",
        f"guard '{guard}' gave no verdict in time, and nothing passes without it; try again",
        kind="server_error",
        retry_after_seconds=1,
    )
