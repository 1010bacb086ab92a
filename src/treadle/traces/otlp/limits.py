"""How much of anything one span, and one request, may hold. What is over is refused with its reason; the rest lives."""

from __future__ import annotations

MAX_SPANS = 50_000
"""In one request. Exporters send 512 at a time."""
MAX_KEYS = 10_000
"""Names in one span, nested ones included; a conversation of 1,000 messages in OpenInference's flat names has 5,000."""
MAX_DEPTH = 32
"""Of lists and objects within an attribute."""
MAX_KEY_CHARS = 512
"""Of one name."""
MAX_TEXT_CHARS = 8 * 1024 * 1024
"""All texts of one span together: a few pictures in base64."""
MAX_EVENTS = 5_000
"""Of one span; some emitters make one of every piece of a stream."""
MAX_LINKS = 1_000
"""Of one span."""
FIRST_NS = 1
"""1970; what is not set is 0."""
LAST_NS = 7_258_118_400_000_000_000
"""2200-01-01."""
