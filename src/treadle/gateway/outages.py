"""Every way in which something behind the gateway fails a request, in words for whoever called.

One function per situation, as in `refusals`, which says no to callers' own mistakes. The reader is an application's
developer: where the operator has to act, the message says so and names what to tell them.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.gateway.refusals import Refusal, shown

_MAX_SAID = 1000


def engine_not_running(model_version_id: str) -> Refusal:
    """No process serves these weights now."""
    return Refusal(
        503,
        "engine_unavailable",
        f"no engine is running for model version '{model_version_id}'; it may be starting, try again in 2 s,"
        " and tell whoever runs this gateway if that does not help",
        kind="server_error",
        retry_after_seconds=2,
    )


def no_provider(names: Sequence[str]) -> Refusal:
    """None of a release's targets has a provider that is configured."""
    listed = ", ".join(f"'{name}'" for name in names)
    return Refusal(
        503,
        "provider_missing",
        f"the release behind this model names the provider {listed}, which is not configured in this project;"
        " tell whoever runs this gateway, or call another model",
        kind="server_error",
        retry_after_seconds=30,
    )


def no_target(seconds: float | None) -> Refusal:
    """Every target has failed so often that it is left alone for a while."""
    wait = 5 if seconds is None else max(1, round(seconds))
    return Refusal(
        503,
        "no_healthy_target",
        f"every target of this model failed of late and is given a rest; try again in {wait} s;"
        " their errors are in the traces of this endpoint",
        kind="server_error",
        retry_after_seconds=wait,
    )


def targets_limited(seconds: float) -> Refusal:
    """Every target is left alone because its provider asked for that: a limit, and not a failure."""
    wait = max(1, round(seconds))
    refusal = Refusal(
        429,
        "upstream_rate_limited",
        f"every provider of this model limits the requests of this gateway; try again in {wait} s, or call another model",
        kind="rate_limit_error",
        retry_after_seconds=wait,
    )
    refusal.headers = [(b"x-treadle-limit-source", b"upstream")]
    return refusal


def not_spoken(protocol: str, provider: str) -> Refusal:
    """The target cannot do what the protocol asks for."""
    return Refusal(
        400,
        "protocol_not_supported",
        f"provider '{provider}' behind this model cannot answer a request of '{protocol}'; call a model that can",
        param="model",
    )


def upstream_rate_limited(provider: str, said: str | None, retry_after: float | None) -> Refusal:
    """The provider's limit, not ours."""
    words = f": {shown(said)}" if said else ""
    refusal = Refusal(
        429,
        "upstream_rate_limited",
        f"provider '{provider}' limits our requests{words}; try again later, or call another model",
        kind="rate_limit_error",
        retry_after_seconds=max(1, round(retry_after)) if retry_after is not None else 1,
    )
    refusal.headers = [(b"x-treadle-limit-source", b"upstream")]
    return refusal


def upstream_overloaded(provider: str, said: str | None, retry_after: float | None) -> Refusal:
    """The provider has no room for the request now."""
    words = f": {shown(said)}" if said else ""
    return Refusal(
        503,
        "upstream_overloaded",
        f"provider '{provider}' is overloaded{words}; try again in a moment, or call another model",
        kind="server_error",
        retry_after_seconds=max(1, round(retry_after)) if retry_after is not None else 2,
    )


def provider_unreachable(provider: str) -> Refusal:
    """Nobody answers at the provider's address, or its address may not be connected to."""
    return Refusal(
        503,
        "provider_unreachable",
        f"provider '{provider}' cannot be reached; try again in 2 s, and tell whoever runs this gateway if that"
        " does not help",
        kind="server_error",
        retry_after_seconds=2,
    )


def upstream_denied_us(provider: str, status: int) -> Refusal:
    """The provider does not take our key, or does not let us do this: the operator's to mend, not the caller's."""
    return Refusal(
        502,
        "upstream_denied",
        f"provider '{provider}' refuses the key or the account of this gateway (status {status}), which is no"
        " fault of the request; tell whoever runs this gateway",
        kind="server_error",
    )


def upstream_refused(status: int, said: str) -> Refusal:
    """The provider finds fault with the request itself."""
    words = said if len(said) <= _MAX_SAID else said[:_MAX_SAID] + "…"
    return Refusal(status, f"upstream_{status}", words)


def schema_unmet(fault: str) -> Refusal:
    """The answer does not fit the release's schema, also when asked again."""
    return Refusal(
        502,
        "schema_unmet",
        f"the model's answer does not fit the schema of this release: {shown(fault)}; try again, and tell whoever made the"
        " release if it persists: its prompt should ask for that shape",
        kind="server_error",
    )


def upstream_timeout(clock: str, seconds: float) -> Refusal:
    """One of the clocks ran out."""
    return Refusal(
        504,
        "upstream_timeout",
        f"the model gave no answer within {seconds:g} s ({clock} timeout); try again or ask for fewer tokens",
        kind="server_error",
    )


def upstream_failed(reason: str, status: int = 502) -> Refusal:
    """The model's server broke before it began to answer."""
    return Refusal(
        status,
        "upstream_failed",
        f"the model's server failed: {shown(reason)}; try again, and look at the trace of this request if it persists",
        kind="server_error",
    )


def stream_cut() -> Refusal:
    """The model's server broke while it was answering: the text so far is not the whole answer."""
    return Refusal(
        502,
        "stream_cut",
        "the model's server closed the connection in the middle of the answer; what came before is incomplete,"
        " discard it and try again",
        kind="server_error",
    )


def internal(trace_id: str | None) -> Refusal:
    """A fault of ours; the trace is None when it happened before there was one."""
    where = f" under trace '{trace_id}'" if trace_id else ""
    return Refusal(
        500,
        "internal_error",
        f"the gateway failed on this request; try again, and look into the server's log{where} if it persists",
        kind="server_error",
    )
