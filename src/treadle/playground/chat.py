"""Talk to an endpoint as the signed-in person: what a browser, which has no API key, may do for a colleague who tries it.

An answer is asked for through the gateway, so limits, guards, prices and traces hold; it is no part of a rollout. Its words are
told as `delta` events, then `end` says what became of it. Whoever hangs up cancels it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

from treadle.evals.judges.asking import caller_of
from treadle.gateway.batches.inside import Application, Told, ask_inside
from treadle.http.context import Context
from treadle.playground.grid import Event
from treadle.playground.listening import Listener, why_not
from treadle.playground.types import ChatEnd, NewChat


async def chat(ctx: Context, new: NewChat, application: Application) -> AsyncGenerator[Event]:
    """Ask for the next message of a conversation; yields its words as they come, then how it ended."""
    ctx.require("gateway.invoke")
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    listener = Listener(lambda words: events.put_nowait(Event("delta", {"text": words})))
    body: dict[str, object] = {
        "model": new.endpoint,
        "messages": [message.model_dump() for message in new.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if new.session_id is not None:
        body["metadata"] = {"session_id": new.session_id}
    asked = asyncio.create_task(
        ask_inside(
            application,
            "/v1/chat/completions",
            caller_of(ctx),
            json.dumps(body).encode(),
            aside=True,
            on_part=listener.hear,
        )
    )
    asked.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield Event("end", _ended(asked.result(), listener).model_dump(mode="json"))
    finally:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


def _ended(told: Told, listener: Listener) -> ChatEnd:
    error = listener.fault
    if told.status != 200:
        error = why_not(told)
    elif error is None and not listener.is_ended:
        error = "the answer broke off"
    record = told.record
    return ChatEnd(
        error=error,
        trace_id=record.trace_id if record else None,
        release_id=record.release_id if record else None,
        input_tokens=record.input_tokens if record else None,
        output_tokens=record.output_tokens if record else None,
        cost_usd=record.cost_usd if record else None,
    )
