"""Token counts in disjoint buckets, whatever the emitter counts into what.

OpenTelemetry and OpenAI count what was read from a cache, or written to one, as input, and reasoning as output; some
emitters pass on Anthropic's count, which leaves the caches out. Which of the two it is shows in the numbers: parts that
exceed their whole were beside it, and so does a total that only adds up with them.
"""

from __future__ import annotations

from msgspec import Struct


class Usage(Struct, kw_only=True):
    """Tokens of one call, no token in two buckets; as the gateway's `Usage`, which `pricing.cost_usd` reads."""

    input_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_tokens: int | None = None
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0

    @property
    def input_total(self) -> int | None:
        """Return everything that was read; None when nobody said."""
        if self.input_tokens is None:
            return None
        media = self.input_audio_tokens + self.input_image_tokens
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens + self.cache_write_1h_tokens + media

    @property
    def output_total(self) -> int | None:
        """Return everything that was written; None when nobody said."""
        if self.output_tokens is None:
            return None
        return self.output_tokens + self.reasoning_tokens + self.output_audio_tokens


def disjoint(
    read: int | None,
    written: int | None,
    *,
    total: int | None = None,
    cache_read: int | None = None,
    cache_write: int | None = None,
    audio_read: int | None = None,
    image_read: int | None = None,
    reasoning: int | None = None,
    audio_written: int | None = None,
) -> Usage | None:
    """Return counts as disjoint buckets; None when neither side was stated. Parts never exceed their whole."""
    if read is None and written is None:
        return None
    usage = Usage(input_tokens=read, output_tokens=written)
    if cache_read or cache_write or audio_read or image_read:
        cached = (cache_read or 0) + (cache_write or 0)
        left = read or 0
        if cached and (cached > left or (total is not None and total == left + cached + (written or 0))):
            left += cached
        usage.cache_read_tokens, left = _taken(cache_read, left)
        usage.cache_write_tokens, left = _taken(cache_write, left)
        usage.input_audio_tokens, left = _taken(audio_read, left)
        usage.input_image_tokens, usage.input_tokens = _taken(image_read, left)
    if reasoning or audio_written:
        left = written or 0
        if reasoning and (reasoning > left or (total is not None and total == (read or 0) + left + reasoning)):
            left += reasoning
        usage.reasoning_tokens, left = _taken(reasoning, left)
        usage.output_audio_tokens, usage.output_tokens = _taken(audio_written, left)
    return usage


def _taken(part: int | None, left: int) -> tuple[int, int]:
    taken = min(part or 0, left)
    return taken, left - taken
