"""The lines of a batch: read and checked one by one, and what is written back of each. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from treadle.core.halves import without_halves
from treadle.core.ids import derive_id
from treadle.core.settings import DEFAULT_MAX_BODY_MIB
from treadle.gateway.batches.types import (
    MAX_LINES,
    BatchError,
    BatchUsage,
    InputDetails,
    OutputDetails,
)
from treadle.gateway.refusals import shown

MAX_FAULTS = 100
"""Faults of a file that are told."""
MAX_CUSTOM_ID = 512
MAX_LINE_BYTES = DEFAULT_MAX_BODY_MIB * 1024 * 1024
"""As much as the gateway takes in one request, unless it is set otherwise."""


class _Line(Struct, forbid_unknown_fields=False):
    """One line as it was sent."""

    custom_id: str
    method: str
    url: str
    body: Raw


class _Body(Struct):
    """What must be known of a request before it is asked."""

    model: str
    stream: bool | None = None


class Line(NamedTuple):
    """One request to ask."""

    number: int
    """From 1."""
    custom_id: str
    body: bytes


class Checked(NamedTuple):
    """What the check of a whole file found."""

    total: int
    """Requests in it."""
    model: str | None
    """What the first one asks for."""
    faults: list[BatchError]
    """Why it cannot be worked on; empty when it can."""


class Answer(NamedTuple):
    """What became of one line."""

    number: int
    is_ok: bool
    """Whether it was answered with 200."""
    text: str
    """Its line in the output or error file."""


_line = msgspec.json.Decoder(_Line)
_body = msgspec.json.Decoder(_Body)
_any = msgspec.json.Decoder()


def check_lines(raw_lines: Iterable[bytes], endpoint: str, *, max_bytes: int = MAX_LINE_BYTES) -> Checked:
    """Look at every line of a file and gather what is wrong, at most a hundred faults. max_bytes: the largest line."""
    faults: list[BatchError] = []
    seen: dict[str, int] = {}
    count, model = 0, None
    for number, raw in _numbered(raw_lines):
        count += 1
        if count > MAX_LINES:
            faults.append(
                BatchError(
                    code="too_many_requests_in_batch",
                    message=f"the file has more than {MAX_LINES} requests; split it over several batches",
                )
            )
            break
        if len(faults) < MAX_FAULTS:
            fault, asked = _check(raw, number, endpoint, seen, max_bytes)
            model = model or asked
            if fault is not None:
                faults.append(fault)
    if count == 0:
        faults.append(BatchError(code="empty_file", message="the file has no requests; write one JSON object per line"))
    return Checked(count, model, faults)


def iter_lines(raw_lines: Iterable[bytes]) -> Iterator[Line]:
    """Yield the requests of a file that was checked."""
    for number, raw in _numbered(raw_lines):
        line = _line.decode(raw)
        yield Line(number, line.custom_id, bytes(line.body))


def answer_of(batch_id: str, line: Line, status: int, request_id: str | None, body: bytes) -> Answer:
    """Return what is written of a line that got an answer."""
    body = without_halves(body)  # many readers of JSON lines refuse them
    try:
        _any.decode(body)
        told: Any = Raw(body.replace(b"\n", b" "))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = body.decode("utf-8", "replace")
    response = {"status_code": status, "request_id": request_id, "body": told}
    return Answer(line.number, status == 200, _written(batch_id, line, response, None))


def unanswered(batch_id: str, line: Line, code: str, message: str) -> str:
    """Return what is written of a line that nobody asked any more."""
    return _written(batch_id, line, None, {"code": code, "message": message})


class UsageSum:
    """Adds up the tokens of answers in any of the protocols."""

    def __init__(self) -> None:
        self._input = self._cached = self._output = self._reasoning = 0
        self._seen = False

    def add(self, text: str) -> None:
        """Take the line of an answer; one without a usage counts nothing."""
        body = _any.decode(text.encode()).get("response", {}).get("body")
        usage = body.get("usage") if isinstance(body, dict) else None
        if not isinstance(usage, dict):
            return
        self._seen = True
        self._input += _number(usage, "prompt_tokens", "input_tokens")
        self._output += _number(usage, "completion_tokens", "output_tokens")
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
        self._cached += _number(details, "cached_tokens") or _number(usage, "cache_read_input_tokens")
        details = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
        self._reasoning += _number(details, "reasoning_tokens")

    def usage(self) -> BatchUsage | None:
        """Return the sum; None when no answer stated any."""
        if not self._seen:
            return None
        return BatchUsage(
            input_tokens=self._input,
            input_tokens_details=InputDetails(cached_tokens=self._cached),
            output_tokens=self._output,
            output_tokens_details=OutputDetails(reasoning_tokens=self._reasoning),
            total_tokens=self._input + self._output,
        )


def _numbered(raw_lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold something with their numbers, without the mark that some editors begin a file with."""
    for number, raw in enumerate(raw_lines, start=1):
        line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        if line.strip():
            yield number, line


def _check(
    raw: bytes, number: int, endpoint: str, seen: dict[str, int], max_bytes: int
) -> tuple[BatchError | None, str | None]:
    """Return what is wrong with a line, and the model that it names. What is told of it is short, and any database keeps it."""
    if len(raw) > max_bytes:
        words = (
            f"the line has {len(raw):,} bytes, more than the {max_bytes >> 20} MiB that the gateway takes in a request"
        )
        return _fault("line_too_large", number, words), None
    try:
        line = _line.decode(raw)
    except RecursionError:
        return _fault("invalid_json_line", number, "the line is nested too deep"), None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        words = f"the line is not as expected ({error}); it needs custom_id, method, url and body as one JSON object"
        return _fault("invalid_json_line", number, words), None
    if not 1 <= len(line.custom_id) <= MAX_CUSTOM_ID:
        return _fault(
            "invalid_custom_id", number, f"'custom_id' must have 1 to {MAX_CUSTOM_ID} characters", "custom_id"
        ), None
    if (first := seen.setdefault(line.custom_id, number)) != number:
        words = f"the custom_id '{shown(line.custom_id)}' is on line {first} too"
        return _fault("duplicate_custom_id", number, words, "custom_id"), None
    if line.method != "POST":
        return _fault("invalid_method", number, f"the method '{shown(line.method)}' is not 'POST'", "method"), None
    if line.url != endpoint:
        return _fault(
            "mismatched_url", number, f"the url '{shown(line.url)}' is not the batch's endpoint '{endpoint}'", "url"
        ), None
    try:
        body = _body.decode(line.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _fault("invalid_request", number, f"the body is not a request ({error})", "body"), None
    if body.stream:
        return _fault(
            "invalid_request", number, "answers of a batch are not streamed; leave 'stream' out", "body.stream"
        ), None
    return None, shown(body.model)


def _fault(code: str, line: int, message: str, param: str | None = None) -> BatchError:
    return BatchError(code=code, message=message, param=param, line=line)


def _written(batch_id: str, line: Line, response: Any, error: Any) -> str:
    request = derive_id("breq", batch_id, str(line.number))
    facts = {"id": request, "custom_id": line.custom_id, "response": response, "error": error}
    return msgspec.json.encode(facts).decode()


def _number(facts: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = facts.get(name)
        if isinstance(value, int):
            return value
    return 0
