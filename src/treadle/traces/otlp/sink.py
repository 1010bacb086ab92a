"""Where the spans of one body are gathered, and the reasons for those that cannot be taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from treadle.traces.otlp.limits import MAX_SPANS
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.otlp.refusal import Refused

_TOLD = 3
"""Reasons that the answer spells out."""


class Decoded(NamedTuple):
    """What a body held."""

    spans: list[RawSpan]
    rejected: int
    """Spans that were refused."""
    message: str
    """Why, with the first few of them; empty when none was refused."""


class Sink:
    """Takes the spans of one body, and the reasons for those that it cannot take."""

    def __init__(self) -> None:
        self.spans: list[RawSpan] = []
        self.rejected = 0
        self._reasons: dict[str, int] = {}

    def take(self, read: Callable[[], RawSpan]) -> None:
        """Read one span and keep it, or count why not."""
        if len(self.spans) >= MAX_SPANS:
            self.refuse(f"one request holds at most {MAX_SPANS} spans; send the rest in another")
            return
        try:
            self.spans.append(read())
        except Refused as refused:
            self.refuse(str(refused))

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count spans that were refused."""
        self.rejected += count
        if reason in self._reasons or len(self._reasons) < _TOLD:
            self._reasons[reason] = self._reasons.get(reason, 0) + count

    def decoded(self) -> Decoded:
        """Return what was taken, with the reasons in words."""
        told = "; ".join(f"{count} x {reason}" for reason, count in self._reasons.items())
        if self.rejected:
            told = f"{self.rejected} span{'s were' if self.rejected > 1 else ' was'} refused: {told}"
        return Decoded(self.spans, self.rejected, told)
