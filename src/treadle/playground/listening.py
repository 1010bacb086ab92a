"""Hear an answer of our own gateway as it streams: its words, the tools that it calls, how it ended. Pure but for who is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from treadle.core.types import JsonObject
from treadle.gateway.batches.inside import Told


class Listener:
    """Reads the events of one answer and passes its words on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest = b""
        self._calls: dict[int, dict[str, str]] = {}
        self.text = ""
        self.fault: str | None = None
        self.is_ended = False

    def hear(self, part: bytes) -> None:
        """Take a piece of the stream, however it was cut."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._read(line[5:].strip())

    def _read(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.is_ended = True
            return
        try:
            said = json.loads(data)
            if "error" in said:
                self.fault = str(said["error"]["message"])
                return
            deltas = [choice["delta"] for choice in said.get("choices") or ()]
            words = "".join(str(delta.get("content") or "") for delta in deltas)
            for delta in deltas:
                self._read_calls(delta.get("tool_calls") or ())
        except (ValueError, LookupError, TypeError, AttributeError):
            return
        if words:
            self.text += words
            self._say(words)

    def _read_calls(self, parts: Sequence[dict[str, Any]]) -> None:
        for part in parts:
            call = self._calls.setdefault(int(part.get("index") or 0), {"id": "", "name": "", "arguments": ""})
            made = part.get("function") or {}
            call["id"] += str(part.get("id") or "")
            call["name"] += str(made.get("name") or "")
            call["arguments"] += str(made.get("arguments") or "")

    @property
    def tool_calls(self) -> list[JsonObject]:
        """Tools that the model wants called."""
        return [dict(call) for _, call in sorted(self._calls.items())]


def why_not(told: Told) -> str:
    """Return what a refusal says."""
    try:
        return f"status {told.status}: {json.loads(told.body)['error']['message']}"
    except (ValueError, LookupError, TypeError):
        return f"status {told.status}"
