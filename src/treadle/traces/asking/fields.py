"""What a filter can ask for: the fields, how each is spelt, and what in the table of spans it is. Data, no verbs of SQL."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from treadle.traces.types import SpanKind, SpanStatus

Sort = Literal["text", "duration", "number", "money", "time", "age", "list"]
Reach = Literal["line", "any", "sum"]


class Field(NamedTuple):
    """One thing that spans can be asked for."""

    sql: str
    """Over a row of `spans` that is named `{x}`."""
    sort: Sort
    """How values are read and compared."""
    reach: Reach
    """In a list of traces: 'line' asks the root span; 'any' asks all spans of the trace, one is enough; 'sum' asks what they come
    to together, which the line shows."""
    choices: tuple[str, ...] = ()
    """What it can be, where that is a closed set."""


def _text(column: str, reach: Reach = "line", choices: tuple[str, ...] = ()) -> Field:
    return Field(f"{{x}}.{column}", "text", reach, choices)


FIELDS: dict[str, Field] = {
    "name": _text("name"),
    "kind": _text("kind", "any", get_args(SpanKind)),
    "status": _text("status", "line", get_args(SpanStatus)),
    "error": _text("error_code"),
    "endpoint": _text("endpoint"),
    "release": _text("release_id"),
    "rollout": _text("rollout_id"),
    "arm": _text("arm"),
    "session": _text("session_id"),
    "user": _text("user_id"),
    "key": _text("key_id"),
    "service": _text("service_name"),
    "provider": _text("provider", "any"),
    "model": _text("model", "any"),
    "model_version": _text("model_version_id", "any"),
    "tool": _text("tool_name", "any"),
    "finish": _text("finish_reason", "any"),
    "cache": _text("cache"),
    "signal": Field("{x}.signals", "list", "line"),
    "trace": _text("trace_id"),
    "span_id": _text("span_id", "any"),
    "latency": Field("{x}.latency_ms", "duration", "line"),
    "ttft": Field("{x}.time_to_first_token_ms", "duration", "line"),
    "tokens": Field(
        "coalesce({x}.input_tokens + {x}.output_tokens, {x}.input_tokens, {x}.output_tokens)", "number", "sum"
    ),
    "input_tokens": Field("{x}.input_tokens", "number", "sum"),
    "output_tokens": Field("{x}.output_tokens", "number", "sum"),
    "cost": Field("{x}.cost_usd", "money", "sum"),
    "started": Field("{x}.started_at", "time", "line"),
    "age": Field("{x}.started_at", "age", "line"),
}
SCORE, ATTRIBUTE, RESOURCE = "score", "attr", "resource"
NAMED = (SCORE, ATTRIBUTE, RESOURCE)
"""Fields that go on with a name: `score.correct`, `attr.http.route`."""
SCOPES = ("root", "span")
"""Before any other field: of the root span, of any span of the trace."""
INDEXED = frozenset({"session", "user", "rollout", "trace"})
"""Found by an index where they are asked for as they are."""

UNITS_MS = {"ms": 1.0, "s": 1e3, "m": 60e3, "h": 3_600e3, "d": 86_400e3, "w": 604_800e3}
"""Of durations; without one a number is milliseconds."""
