"""Narrow rows: what of a span is listed, filtered and counted, read from its packed JSON and laid out column by column.

A batch goes to PostgreSQL as one binary array per column (`unnest` puts the rows together again): row-level security
allows no COPY, and a JSON document costs the server several times as much. A column that no span of a batch has a
value for costs next to nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import psycopg
from msgspec import Struct, field
from msgspec.structs import astuple
from psycopg.adapt import Dumper
from psycopg.pq import Format

from treadle.traces.types import SpanKind, SpanStatus

PREVIEW = 200
"""Characters of a root's question and answer that lists show."""
ERROR_CHARS = 2_000
SEPARATOR = "\x1f"
"""Between a span's signals on their way."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NULL = b"\xff\xff\xff\xff"
_HEAD = struct.Struct("!iiIii")


class _Attributes(Struct):
    """What is read of a span's attributes."""

    signals: Any = field(default=None, name="treadle.signals")
    rescued: Any = field(default=None, name="treadle.rescued")
    cache: Any = field(default=None, name="treadle.cache")
    output_type: Any = field(default=None, name="gen_ai.output.type")


class Facts(Struct, kw_only=True):
    """A packed span without its content. Fields: see `types.Span`."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str
    kind: SpanKind
    status: SpanStatus = "ok"
    error_code: str | None = None
    error_message: str | None = None
    started_at: datetime
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None
    endpoint: str | None = None
    release_id: str | None = None
    rollout_id: str | None = None
    arm: str | None = None
    arm_weight: float | None = None
    unit: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    config_hash: str | None = None
    provider: str | None = None
    model: str | None = None
    model_version_id: str | None = None
    service_name: str | None = None
    tool_name: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    finish_reason: str | None = None
    input_text: str | None = None
    output_text: str | None = None
    attributes: _Attributes = field(default_factory=_Attributes)

    @property
    def signals(self) -> list[str]:
        """What went wrong on the way to an answer, as the gateway noted it; see `types.RolloutOutcome`."""
        found = self.attributes.signals
        signals = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
        if rescued := self.attributes.rescued:
            signals.append("rescued:timeout" if "timeout" in str(rescued) else "rescued")
        if self.has_json:
            signals.append("json:valid" if _is_json(self.output_text or "") else "json:invalid")
        return signals

    @property
    def has_json(self) -> bool:
        """Whether a request's answer is meant as JSON: it was asked for so, or begins like an object or a list."""
        if self.parent_span_id or self.status != "ok" or not self.output_text:
            return False
        return self.output_text.lstrip()[:1] in ("{", "[") or self.attributes.output_type == "json"

    @property
    def cache(self) -> str | None:
        """How the answer was found in the gateway's cache; None when it was asked for."""
        return self.attributes.cache if isinstance(self.attributes.cache, str) else None


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


facts_of = msgspec.json.Decoder(Facts).decode
"""Reads a packed span's facts; raises msgspec.DecodeError, which is a ValueError."""


class Array:
    """One column's values in PostgreSQL's binary form; the kinds differ in what their elements are."""

    element: int
    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Texts(Array):
    """Elements are text."""

    element = 25


class Floats(Array):
    """Elements are double precision."""

    element = 701


class Integers(Array):
    """Elements are bigint."""

    element = 20


class Words(Array):
    """Elements are integer: words, hashed."""

    element = 23

    @classmethod
    def of(cls, values: Sequence[int]) -> Words:
        """Return an array of numbers of 32 bits."""
        head = _HEAD.pack(1, 0, cls.element, len(values), 1)
        return cls(head + struct.pack("!" + "ii" * len(values), *[each for value in values for each in (4, value)]))


class Times(Array):
    """Elements are timestamptz."""

    element = 1184


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.data


_DUMPERS = {kind: type("_Dumper", (_ArrayDumper,), {"oid": oid}) for kind, oid in
            ((Texts, 1009), (Floats, 1022), (Integers, 1016), (Words, 1007), (Times, 1185))}  # fmt: skip


def teach(db: psycopg.Connection[Any]) -> None:
    """Let a connection carry columns. Safe to repeat."""
    for kind, dumper in _DUMPERS.items():
        db.adapters.register_dumper(kind, dumper)


class Column(NamedTuple):
    """One column of the table of spans, and how a value of it gets there."""

    name: str
    array: type[Array]
    """What carries it."""
    read: Callable[[Facts], Any] | None
    """None where it is the field of its name."""
    dump: Callable[[Any], bytes]
    table_type: str
    """In the table."""
    sql: str
    """What makes the carried value the table's, over the row `given`."""

    def of(self, span: Facts) -> Any:
        """Return its value of one span."""
        return getattr(span, self.name) if self.read is None else self.read(span)


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(4, "big") + data


def _decimal(value: Decimal) -> bytes:
    return _text(str(value))


_float_of = struct.Struct("!id").pack
_integer_of = struct.Struct("!iq").pack


def _float(value: float) -> bytes:
    return _float_of(8, value)


def _integer(value: int) -> bytes:
    return _integer_of(8, value)


def _time(value: datetime) -> bytes:
    since = value - _EPOCH
    return _integer_of(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _begin(name: str, length: int, *, of_roots: bool = False) -> Callable[[Facts], str | None]:
    def read(span: Facts) -> str | None:
        text: str | None = getattr(span, name)
        return text[:length] if text and not (of_roots and span.parent_span_id) else None

    return read


def _latency(span: Facts) -> float:
    return span.latency_ms or 0.0  # left out when 0; null is how JSON spells what is no number


def _signals(span: Facts) -> str | None:
    noted = span.attributes.signals or span.attributes.rescued
    return (SEPARATOR.join(span.signals) or None) if noted or span.has_json else None


def _plain(name: str, kind: str, array: type[Array], dump: Callable[[Any], bytes]) -> Column:
    return Column(name, array, None, dump, kind, f"given.{name}")


_PLAIN_TEXTS = (
    "trace_id", "span_id", "parent_span_id", "name", "kind", "status", "error_code", "endpoint", "release_id",
    "rollout_id", "arm", "unit", "session_id", "user_id", "key_id", "config_hash", "provider", "model",
    "model_version_id", "service_name", "tool_name", "finish_reason",
)  # fmt: skip
COLUMNS = (
    _plain("started_at", "timestamptz", Times, _time),
    Column("latency_ms", Floats, _latency, _float, "double precision", "given.latency_ms"),
    *(_plain(name, "double precision", Floats, _float) for name in ("time_to_first_token_ms", "arm_weight")),
    *(_plain(name, "bigint", Integers, _integer) for name in ("input_tokens", "output_tokens")),
    *(_plain(name, "text", Texts, _text) for name in _PLAIN_TEXTS),
    Column("cache", Texts, attrgetter("cache"), _text, "text", "given.cache"),
    Column("cost_usd", Texts, None, _decimal, "numeric", "given.cost_usd::numeric"),
    Column("error_message", Texts, _begin("error_message", ERROR_CHARS), _text, "text", "given.error_message"),
    Column("signals", Texts, _signals, _text, "text[]", f"string_to_array(given.signals, '{SEPARATOR}')"),
    Column("input_text", Texts, _begin("input_text", PREVIEW, of_roots=True), _text, "text", "given.input_text"),
    Column("output_text", Texts, _begin("output_text", PREVIEW, of_roots=True), _text, "text", "given.output_text"),
)  # fmt: skip


def columns_of(spans: Sequence[Facts]) -> list[Array]:
    """Return a batch column by column, in the order of `COLUMNS`. Raises struct.error for a number beyond 64 bits."""
    fields = dict(zip(Facts.__struct_fields__, zip(*map(astuple, spans), strict=True), strict=True))
    return [
        _array(column, fields[column.name] if column.read is None else list(map(column.read, spans)))
        for column in COLUMNS
    ]


def _array(column: Column, values: Sequence[Any]) -> Array:
    element, first, dump = column.array.element, values[0], column.dump
    if values.count(first) == len(values):  # as in most columns of a batch
        if first is None:
            return column.array(_HEAD.pack(0, 0, element, 0, 0)[:12])  # `unnest` fills in what is missing
        return column.array(_HEAD.pack(1, 1, element, len(values), 1) + dump(first) * len(values))
    parts = [_HEAD.pack(1, 1, element, len(values), 1)]
    parts += [_NULL if value is None else dump(value) for value in values]
    return column.array(b"".join(parts))
