"""Guards over requests and answers that are large: they are read beside the loop."""

from __future__ import annotations

import asyncio

import msgspec

from treadle.gateway.answers import Whole
from treadle.gateway.guarding.requests import guard_answer, guard_request
from treadle.gateway.guarding.stages import Guards
from treadle.gateway.protocols.chat import ChatProtocol
from treadle.gateway.types import GuardRule

CHAT = ChatProtocol()
IN = Guards([GuardRule(name="g", check="pii", stage="input", action="mask")], {})
OUT = Guards([GuardRule(name="g", check="pii", stage="output", action="mask")], {})
MAILS = 20_000


async def turns_during(work: asyncio.Task[object]) -> int:
    """Return how often the loop went round until the work was done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def test_a_request_of_many_texts() -> None:
    """
    While many texts of a request are read and masked, names among them, the loop goes on.
    """
    names = {f"ana{number}@example.org": 1 for number in range(MAILS)}
    parts = [{"type": "text", "text": "ana@example.org"}] * MAILS
    body = msgspec.json.encode(
        {"model": "m", "messages": [{"role": "user", "content": parts}], "metadata": {"names": names}}
    )

    work = asyncio.create_task(guard_request(IN, CHAT, CHAT.parse(body)))
    turns = await turns_during(work)

    masked, _ = work.result()
    assert b"example.org" not in masked.body
    assert turns > 50


async def test_an_answer_of_many_texts() -> None:
    """
    So with an answer.
    """
    call = {"function": {"name": "f", "arguments": msgspec.json.encode(["ana@example.org"] * MAILS).decode()}}
    data = msgspec.json.encode({"choices": [{"index": 0, "message": {"tool_calls": [call]}}]})
    reading = CHAT.read(data)
    assert reading is not None

    work = asyncio.create_task(guard_answer(OUT, CHAT, Whole(data, reading)))
    turns = await turns_during(work)

    assert b"example.org" not in work.result()[0].data
    assert turns > 50
