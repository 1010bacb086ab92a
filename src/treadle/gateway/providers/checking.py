"""One tiny real call to a provider, and what came of it in words."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import msgspec

from treadle.gateway.addresses import AddressRefused
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.providers.kinds import KINDS, dialects_of
from treadle.gateway.transport import Transport
from treadle.gateway.types import Clocks, Dialect, Provider, Target
from treadle.gateway.upstream import NotRunning, TimedOut, TooLarge, UpstreamError

CLOCKS = Clocks(connect_seconds=5, first_token_seconds=30, between_seconds=10, total_seconds=30)
MAX_MODELS = 100
_ASK = "Answer with the single word OK."
_MESSAGES = [{"role": "user", "content": _ASK}]


class Found(NamedTuple):
    """What one call showed."""

    is_working: bool
    message: str
    status: int | None
    latency_ms: float
    models: list[str]


async def check_provider(provider: Provider, model: str | None, transport: Transport) -> Found:
    """Ask a model for one word, or list the provider's models. Costs a few tokens with a model, nothing without."""
    if model is None and provider.kind == "bedrock":
        return Found(False, f"Bedrock lists no models at this address; name one: {_command(provider)}", None, 0.0, [])
    began = time.perf_counter()
    request = list_request(provider) if model is None else ask_request(provider, model)
    status: int | None = None
    models: list[str] = []
    try:
        reply = await transport.send(request, provider, CLOCKS)
        try:
            status, data = reply.status, await reply.read()
        finally:
            reply.close()
        said = KINDS[provider.kind].error_message(data)
        words = None if status < 300 and said is None else refusal_words(provider, model, status, said)
        if words is None and model is None:
            models = model_names(data)
            if not models:
                words = f"'{provider.base_url}' answered, but not with a list of models; name one: {_command(provider)}"
    except UpstreamError as error:
        words = failure_words(provider, error)
    latency_ms = (time.perf_counter() - began) * 1000
    if words is not None:
        return Found(False, words, status, latency_ms, [])
    good = (
        f"'{provider.name}' lists {len(models)} models; ask one of them with: {_command(provider)}"
        if model is None
        else f"'{provider.name}' answered with model '{model}'"
    )
    return Found(True, good, status, latency_ms, models[:MAX_MODELS])


def ask_request(provider: Provider, model: str) -> WireRequest:
    """Return a request for one word."""
    kind, target = KINDS[provider.kind], Target(provider=provider.name, model=model)
    dialect = dialects_of(kind, provider)[0]
    body = {**_bodies()[dialect], **({} if dialect in ("gemini", "converse") else {"model": model})}
    return kind.wire(provider, target, dialect, msgspec.json.encode(body), stream=False)


def list_request(provider: Provider) -> WireRequest:
    """Return a request for the list of models: the same host and headers as any other request to it."""
    request = ask_request(provider, "none")
    base = provider.base_url
    if provider.kind == "azure" and not base.endswith("/openai/v1"):
        query = request.url.partition("?")[2]
        url = f"{base.removesuffix('/openai')}/openai/models?{query}"
    else:
        url = f"{base}/models"
    return WireRequest(method="GET", url=url, headers=request.headers)


def model_names(data: bytes) -> list[str]:
    """Return the names in a list of models, as OpenAI, Anthropic or Google write it."""
    try:
        body: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    rows = body.get("data") or body.get("models") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        return []
    named = [row.get("id") or row.get("name") for row in rows if isinstance(row, dict)]
    return [str(name).removeprefix("models/") for name in named if name]


def refusal_words(provider: Provider, model: str | None, status: int, said: str | None) -> str:
    """Return what an error answer means and what to do about it."""
    quoted = f" ('{said}')" if said else ""
    if status in (401, 403):
        if not provider.secret:
            return f"'{provider.name}' wants a key{quoted} and none is stored; set it with: treadle provider key {provider.name}"
        return (
            f"'{provider.name}' refused the stored key with status {status}{quoted};"
            f" set another with: treadle provider key {provider.name}"
        )
    if status == 404:
        what = "a list of models" if model is None else f"model '{model}'"
        return (
            f"'{provider.base_url}' has no {what} (status 404){quoted}; check the base URL's path and the model's name,"
            f" then try: {_command(provider)}"
        )
    if status == 429:
        return f"'{provider.name}' is reached, but a limit or the credit of the key is used up (status 429){quoted}"
    if 300 <= status < 400:
        return (
            f"'{provider.base_url}' redirects (status {status}), which is never followed; use the address it leads to"
        )
    if status >= 500:
        return f"'{provider.name}' fails on its side with status {status}{quoted}; try again later"
    return f"'{provider.name}' answered with status {status}{quoted}; check its kind ('{provider.kind}'), base URL and options"


def failure_words(provider: Provider, error: UpstreamError) -> str:
    """Return what a call without an answer means and what to do about it."""
    if isinstance(error, AddressRefused):
        return f"{error}"
    if isinstance(error, NotRunning):
        return f"{error}; is the server running, and is '{provider.base_url}' its address?"
    if isinstance(error, TimedOut):
        return f"'{provider.base_url}' did not answer in time ({error}); is it reachable from this machine?"
    if isinstance(error, TooLarge):
        return f"what '{provider.base_url}' sends is no answer of its kind ({error}); check the base URL"
    return f"'{provider.base_url}' broke off: {error}; does it speak '{provider.kind}' at this address, with http or https?"


def _bodies() -> dict[Dialect, dict[str, Any]]:
    return {
        # No token limit: servers disagree on what it is called, and the answer is one word.
        "chat": {"messages": _MESSAGES},
        "completions": {"prompt": _ASK, "max_tokens": 4},
        "embeddings": {"input": "OK"},
        "responses": {"input": _ASK},
        "messages": {"messages": _MESSAGES, "max_tokens": 16},
        "gemini": {"contents": [{"role": "user", "parts": [{"text": _ASK}]}]},
        "converse": {"messages": [{"role": "user", "content": [{"text": _ASK}]}], "inferenceConfig": {"maxTokens": 16}},
    }


def _command(provider: Provider) -> str:
    return f"treadle provider check {provider.name} --model MODEL"
