"""Ask a judge through an endpoint of the project, from inside the gateway's process: like any caller, and what it cost.

Limits, guards, prices, routing and traces hold for a judge as for everybody; but the stable release of its endpoint
answers, and the request is copied and counted by no rollout there.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from treadle.core.errors import NotFound
from treadle.core.types import JsonObject
from treadle.evals.judges.reply import Reply, Token
from treadle.evals.patience import limit_in
from treadle.gateway import service as gateway
from treadle.gateway.batches.inside import Application, Told, ask_inside
from treadle.gateway.table import INVOKE
from treadle.gateway.types import Key
from treadle.http.context import Context

TOO_MUCH = (400, 413, 422)
"""Answers of the gateway that are about the one request: what is judged is unscored, the judge is there."""
NOWHERE = "no gateway runs in this process; start the server: treadle up"


Ask = Callable[[Context, str, list[JsonObject], JsonObject], Awaitable[Reply]]
"""Sends messages to an endpoint of the context's project, with further fields of the request."""


async def require_endpoint(ctx: Context, name: str) -> None:
    """Check that the actor may ask an endpoint that serves. Raises Denied, NotFound."""
    ctx.require(INVOKE)
    is_named = ctx.actor.endpoints is None or name in ctx.actor.endpoints
    if not is_named or await ctx.db.read(lambda db: gateway.find_published(db, name)) is None:
        raise NotFound(
            f"no endpoint '{name}' serves here; list them with: treadle endpoint list", code="evals.no_endpoint"
        )


def ask_through(application: Application | None, *, as_platform: bool = False) -> Ask:
    """Return what asks endpoints through the gateway of this process. None where none runs.

    as_platform: ask by the platform's own right (for what the platform does by itself), not by the context's actor.
    """

    async def ask(ctx: Context, endpoint: str, messages: list[JsonObject], fields: JsonObject) -> Reply:
        if application is None:
            return Reply(problem=NOWHERE, may_pass=False)
        body = json.dumps({"model": endpoint, "messages": messages, **fields}).encode()
        told = await ask_inside(
            application, "/v1/chat/completions", caller_of(ctx, as_platform=as_platform), body, aside=True
        )
        return read_reply(told)

    return ask


def caller_of(ctx: Context, *, as_platform: bool = False) -> Key:
    """Return a context's actor as the gateway knows callers, so that their limits and rights hold."""
    actor = ctx.actor
    return Key(
        key_id=actor.key_id or actor.actor_id,
        project_id=ctx.project_id,
        secret_hmac=b"",
        permissions=frozenset({INVOKE}) if as_platform else actor.permissions,
        endpoints=None if as_platform else actor.endpoints,
    )


def read_reply(told: Told) -> Reply:
    """Return what an answer of the gateway says."""
    record = told.record
    kept = Reply(
        cost_usd=record.cost_usd if record else None,
        trace_id=record.trace_id if record else None,
        release_id=record.release_id if record else None,
        pause_seconds=told.retry_after_seconds,
    )
    try:
        said = json.loads(told.body)
        if told.status == 200:
            choice = said["choices"][0]
            text = str(choice["message"].get("content") or "")
            return kept._replace(text=text, tokens=_tokens(choice.get("logprobs")))
        why, code = str(said["error"]["message"]), str(said["error"].get("code"))
    except (ValueError, LookupError, TypeError, AttributeError):
        why, code = "its answer cannot be read", ""
    kept = kept._replace(refusal_code=code, limit=limit_in(told))
    if told.status in TOO_MUCH:
        return kept._replace(refusal=why)
    return kept._replace(problem=f"status {told.status}: {why}", may_pass=told.status == 429 or told.status >= 500)


def _tokens(told: object) -> tuple[Token, ...]:
    content = told.get("content") if isinstance(told, dict) else None
    found: list[Token] = []
    for one in content if isinstance(content, list) else ():
        own = {str(one["token"]): float(one["logprob"])}
        found.append(
            Token(
                str(one["token"]),
                own | {str(each["token"]): float(each["logprob"]) for each in one.get("top_logprobs") or ()},
            )
        )
    return tuple(found)
