"""From a file's columns to input, expected output, messages and metadata, with the row number in every refusal.

Without a mapping the usual names are looked for: input + expected_output (or output, label), text + label (or
category, intent), prompt + completion, question + answer, messages, text. Values are not changed here: repairing is
the work of `prepare`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from treadle.core.faults import in_words
from treadle.core.types import JsonValue
from treadle.data.errors import ColumnMissing, ColumnsUnclear, EmptyFile, RowInvalid, list_names
from treadle.data.readers import RawRow, Source
from treadle.data.types import Mapping, Message

INPUT_NAMES = ("input", "text", "prompt", "question", "message", "utterance", "query", "sentence", "content")
EXPECTED_NAMES = (
    "expected_output", "output", "label", "category", "intent", "completion", "answer", "response", "class", "target",
)  # fmt: skip
MESSAGE_FIELDS = frozenset({"role", "content"})
_TURNS: TypeAdapter[list[dict[str, JsonValue]]] = TypeAdapter(list[dict[str, JsonValue]])
_MESSAGES: TypeAdapter[list[Message]] = TypeAdapter(list[Message])


class MappedRow(NamedTuple):
    """One row in our words, not yet an example of a version."""

    row: int
    """From 1, as in the file."""
    input: str
    """Empty when the file has none in this row."""
    expected_output: str | None
    """None when the file has none in this row."""
    messages: str | None
    """The conversation as JSON."""
    metadata: dict[str, JsonValue]
    """The kept columns that have a value."""


def choose_columns(columns: Sequence[str], mapping: Mapping) -> Mapping:
    """Complete a mapping for a file with these columns; every column that it names must be there.

    Raises ColumnMissing (with the name that was probably meant), ColumnsUnclear.
    """
    named = (mapping.input, mapping.expected_output, mapping.messages, *(mapping.keep_columns or ()))
    for column in named:
        if column is not None and column not in columns:
            raise ColumnMissing(column, columns)
    if mapping.input or mapping.messages:
        return mapping
    if "messages" in columns:
        return mapping.model_copy(update={"messages": "messages"})
    lowered = {name.casefold(): name for name in reversed(columns)}
    found = [lowered[name] for name in INPUT_NAMES if name in lowered]
    if not found:
        raise ColumnsUnclear(
            f"none of the columns {list_names(columns)} is called {list_names(INPUT_NAMES[:4])} or the like, so it is "
            "unclear which one is the input; name it, for example: --input " + (columns[0] if columns else "COLUMN"),
            found=list(columns),
        )
    expected = [lowered[name] for name in EXPECTED_NAMES if name in lowered]
    chosen = mapping.expected_output or (expected[0] if expected else None)
    return mapping.model_copy(update={"input": found[0], "expected_output": chosen})


def iter_mapped(source: Source, mapping: Mapping, file_name: str) -> Iterator[MappedRow]:
    """Map every row of a source. `mapping` must be complete (choose_columns).

    Raises RowInvalid with the row, EmptyFile when no row has an input.
    """
    has_input = False
    for raw in source.records:
        mapped = _map_conversation(raw, mapping, file_name) if mapping.messages else _map_pair(raw, mapping, file_name)
        has_input = has_input or bool(mapped.input.strip())
        yield mapped
    if not has_input:
        column = mapping.messages or mapping.input
        raise EmptyFile(
            f"the column '{column}' of '{file_name}' is empty in every row; "
            "name the column that holds the inputs with --input",
            column=column,
        )


def _map_pair(raw: RawRow, mapping: Mapping, file_name: str) -> MappedRow:
    assert mapping.input is not None
    if mapping.input not in raw.values:
        raise RowInvalid(
            f"row {raw.row} of '{file_name}' has no '{mapping.input}' (it has {list_names(list(raw.values))}); "
            "every row needs it, with null when there is no value",
            row=raw.row,
            column=mapping.input,
        )
    text = _as_text(raw, mapping.input, file_name)
    expected = _as_text(raw, mapping.expected_output, file_name) if mapping.expected_output else None
    return MappedRow(raw.row, text or "", expected, None, _metadata(raw, mapping, file_name))


def _map_conversation(raw: RawRow, mapping: Mapping, file_name: str) -> MappedRow:
    assert mapping.messages is not None
    value = raw.values.get(mapping.messages)
    try:
        turns = _TURNS.validate_python(json.loads(value) if isinstance(value, str) else value)
        messages = _MESSAGES.validate_python([_gather_extra(turn) for turn in turns])
    except (ValueError, RecursionError) as error:
        what = in_words(error.errors(), most=1) if isinstance(error, ValidationError) else str(error)
        raise RowInvalid(
            f"'{mapping.messages}' in row {raw.row} of '{file_name}' is not a conversation ({what}); it must be "
            'a list such as [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]',
            row=raw.row,
            column=mapping.messages,
        ) from error
    question, expected = read_conversation(messages)
    for text in (question, expected or ""):
        _check_encodable(text, raw.row, mapping.messages, file_name)
    kept = json.dumps([message.model_dump() for message in messages], ensure_ascii=False, separators=(",", ":"))
    return MappedRow(raw.row, question, expected, kept, _metadata(raw, mapping, file_name))


def read_conversation(messages: Sequence[Message]) -> tuple[str, str | None]:
    """Return what a conversation asks, and its answer: the last assistant message, None where it ends with another.

    One question alone is its text; of more messages each stands on a line with who said it.
    """
    ends_with_answer = bool(messages) and messages[-1].role == "assistant"
    asked = messages[:-1] if ends_with_answer else messages
    expected = _text_of(messages[-1]) if ends_with_answer else None
    only_user = [message for message in asked if message.role != "system"]
    joined = "\n".join(f"{message.role}: {_text_of(message)}" for message in asked)
    return _text_of(only_user[0]) if len(asked) == 1 and len(only_user) == 1 else joined, expected


def _gather_extra(turn: dict[str, JsonValue]) -> dict[str, JsonValue]:
    extra = {key: value for key, value in turn.items() if key not in MESSAGE_FIELDS and value is not None}
    return {"role": turn.get("role"), "content": turn.get("content"), "extra": extra}


def _text_of(message: Message) -> str:
    """Give the text of a message; of a list of parts, the text parts."""
    if isinstance(message.content, str):
        return message.content
    parts = message.content if isinstance(message.content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("type") == "text")


def _as_text(raw: RawRow, column: str, file_name: str) -> str | None:
    value = raw.values.get(column)
    if value is None:
        return None
    if isinstance(value, str):
        _check_encodable(value, raw.row, column, file_name)
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal, date, datetime)):
        return str(value)
    kind = "a list" if isinstance(value, (list, tuple)) else "an object" if isinstance(value, dict) else "bytes"
    raise RowInvalid(
        f"'{column}' in row {raw.row} of '{file_name}' is {kind}, not text; a conversation belongs in --messages, "
        "anything else must be written as text",
        row=raw.row,
        column=column,
    )


def _check_encodable(text: str, row: int, column: str, file_name: str) -> None:
    """Refuse half of a surrogate pair, which JSON can write and UTF-8 cannot."""
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowInvalid(
            f"'{column}' in row {row} of '{file_name}' holds half of a surrogate pair "
            f"(\\u{ord(text[error.start]):04x}); write the whole character, or leave it out",
            row=row,
            column=column,
        ) from error


def _metadata(raw: RawRow, mapping: Mapping, file_name: str) -> dict[str, JsonValue]:
    mapped = {mapping.input, mapping.expected_output, mapping.messages}
    kept = (
        mapping.keep_columns
        if mapping.keep_columns is not None
        else [name for name in raw.values if name not in mapped]
    )
    metadata = {name: _plain(raw.values.get(name)) for name in kept if raw.values.get(name) is not None}
    for name, value in metadata.items():
        if isinstance(value, str):
            _check_encodable(value, raw.row, name, file_name)
    return metadata


def _plain(value: JsonValue) -> JsonValue:
    """Write values that JSON does not know as text."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, bytes)):
        return str(value)
    return value
