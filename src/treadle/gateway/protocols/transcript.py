"""What the model said and what it cost in tokens, gathered from a whole answer or from the events of a stream."""

from __future__ import annotations

from typing import Any

import msgspec

from treadle.gateway.protocols.base import CallPiece, Reading, Usage
from treadle.gateway.protocols.usage import merged


class Transcript:
    """Collects the first choice of an answer; the others pass through to the caller but are not recorded."""

    __slots__ = ("_calls", "_reasonings", "_refusals", "_texts", "finish_reason", "heard", "model", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """None while nothing was stated."""
        self.finish_reason: str | None = None
        """Why the model stopped, in OpenAI's words; None while it has not."""
        self.model: str | None = None
        """What the upstream says it is."""
        self.heard: tuple[str, str] | None = None
        """What the model wrote, and its reasoning, where less than that went out: to be counted, never to be kept."""
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._reasonings: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}

    @property
    def started(self) -> bool:
        """Tell whether any content has come: from then on nothing may be asked again."""
        return bool(self._texts or self._refusals or self._calls or self._reasonings)

    @property
    def text(self) -> str:
        """Return the text that was said."""
        return "".join(self._texts)

    @property
    def refusal(self) -> str:
        """Return the words in which the model refused, empty when it did not."""
        return "".join(self._refusals)

    @property
    def reasoning(self) -> str:
        """Return the reasoning that was shown; where less than that went out, all of it. For counting."""
        if self.heard is not None:
            return self.heard[1]
        return "".join(self._reasonings)

    @property
    def written(self) -> str:
        """Return all that was written besides reasoning: text, refusal, and what tools were called with. For counting."""
        if self.heard is not None:
            return self.heard[0]
        calls = "".join(call["function"]["name"] + call["function"]["arguments"] for call in self._calls.values())
        return "".join([*self._texts, *self._refusals, calls])

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Return the tool calls in OpenAI's shape."""
        return [self._calls[index] for index in sorted(self._calls)]

    def add(self, reading: Reading) -> None:
        """Take what a whole answer or the next event says."""
        if reading.text:
            self._texts.append(reading.text)
        if reading.refusal:
            self._refusals.append(reading.refusal)
        if reading.reasoning:
            self._reasonings.append(reading.reasoning)
        for piece in reading.calls:
            self._add_call(piece)
        if reading.finish_reason is not None:
            self.finish_reason = reading.finish_reason
        if reading.usage is not None:
            self.usage = reading.usage if self.usage is None else merged(self.usage, reading.usage)
        if reading.model and self.model is None:
            self.model = reading.model

    def say(self, text: str) -> None:
        """Take more words of what is being said."""
        if text:
            self._texts.append(text)

    def hear(self, reading: Reading) -> None:
        """Count what an answer says that nobody gets, without keeping a word of it."""
        heard = Transcript()
        heard.add(reading)
        self.usage, self.heard = reading.usage, (heard.written, heard.reasoning)

    def replace(self, messages: bytes | None) -> None:
        """Put other words in the place of what was said: `messages` as a guard leaves them, None where it leaves nothing."""
        self._texts, self._refusals, self._reasonings, self._calls = [], [], [], {}
        if messages is not None:
            (said,) = msgspec.json.decode(messages)["messages"]
            self._texts = [said["content"]] if said["content"] else []
            self._refusals = [said["refusal"]] if "refusal" in said else []
            self._reasonings = [said["reasoning_content"]] if "reasoning_content" in said else []
            self._calls = dict(enumerate(said.get("tool_calls", ())))

    def messages(self) -> bytes | None:
        """Return what was said as JSON, a list of one assistant message; None when nothing was."""
        if not self.started:
            return None
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self._refusals:
            message["refusal"] = self.refusal
        if self._reasonings:
            message["reasoning_content"] = "".join(self._reasonings)
        if self._calls:
            message["tool_calls"] = self.calls
        return msgspec.json.encode([message])

    def _add_call(self, piece: CallPiece) -> None:
        made = self._calls.get(piece.index)
        if made is None:
            function = {"name": "", "arguments": ""}
            made = self._calls[piece.index] = {"id": None, "type": "function", "function": function}
        if piece.call_id:
            made["id"] = piece.call_id
        if piece.name and piece.name != made["function"]["name"]:  # some servers repeat the whole name
            made["function"]["name"] += piece.name
        made["function"]["arguments"] += piece.arguments or ""
