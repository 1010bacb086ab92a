"""There and back again: what two translations that undo each other must keep."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.translate.exchanges import translation

WORDS = st.text(min_size=1, max_size=12).filter(str.strip)
NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
ARGUMENTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A chat that ends with the user: system words, then rounds of question, calls with results, and answer."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(WORDS)})
    number = 0
    for _ in range(draw(st.integers(0, 2))):
        messages.append({"role": "user", "content": draw(WORDS)})
        calls = []
        for name in draw(st.lists(NAMES, max_size=3)):
            number += 1
            arguments = json.dumps(draw(ARGUMENTS))
            calls.append(
                {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
            )
        if calls:
            messages.append({"role": "assistant", "content": draw(WORDS | st.none()), "tool_calls": calls})
            messages += [{"role": "tool", "tool_call_id": call["id"], "content": draw(WORDS)} for call in calls]
        messages.append({"role": "assistant", "content": draw(WORDS)})
    return [*messages, {"role": "user", "content": draw(WORDS)}]


def facts(messages: list[dict[str, Any]]) -> list[Any]:
    """Return who said what, with arguments as values; words of one message are joined."""
    found: list[Any] = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(part["text"] for part in content)
        found.append((message["role"], content or "", message.get("tool_call_id")))
        for call in message.get("tool_calls") or ():
            found.append((call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])))
    return found


@settings(max_examples=200, deadline=None)
@given(messages=conversations())
def test_a_conversation_by_way_of_anthropic(messages: list[dict[str, Any]]) -> None:
    """
    Chat to messages and back keeps who said what, each call with its arguments, and each result.
    """
    body = json.dumps({"model": "m", "messages": messages}).encode()

    there = translation("chat", "messages").request(body)
    back = json.loads(translation("messages", "chat").request(there))

    assert facts(messages) == facts(back["messages"])


@settings(max_examples=200, deadline=None)
@given(messages=conversations())
def test_turns_alternate_for_everyone(messages: list[dict[str, Any]]) -> None:
    """
    Whatever the conversation, turns of two parties alternate and the user's comes first and last.
    """
    body = json.dumps({"model": "m", "messages": messages}).encode()

    anthropic = json.loads(translation("chat", "messages").request(body))["messages"]
    gemini = json.loads(translation("chat", "gemini").request(body))["contents"]
    converse = json.loads(translation("chat", "converse").request(body))["messages"]

    for turns in (anthropic, gemini, converse):
        roles = ["user" if turn["role"] == "user" else "assistant" for turn in turns]
        assert ["user", "assistant"] * (len(roles) // 2) + ["user"] == roles


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=20),
    calls=st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3),
    tokens=st.tuples(st.integers(0, 999), st.integers(0, 999)),
)
def test_an_answer_by_way_of_anthropic(text: str, calls: list[tuple[str, Any]], tokens: tuple[int, int]) -> None:
    """
    A chat answer as a message and back keeps its text, its calls, why it stopped and what it used.
    """
    made = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for index, (name, arguments) in enumerate(calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text, **({"tool_calls": made} if made else {})}
    reason = "tool_calls" if made else "stop"
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    answer = {"id": "c-1", "created": 1, "model": "m", "choices": [choice], "usage": usage}

    there = translation("messages", "chat").answer(json.dumps(answer).encode())
    back = json.loads(translation("chat", "messages").answer(there))

    again = back["choices"][0]
    assert facts([message]) == facts([again["message"]])
    assert reason == again["finish_reason"]
    assert usage.items() <= back["usage"].items()
