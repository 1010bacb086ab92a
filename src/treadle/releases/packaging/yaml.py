"""Write plain values as YAML: mappings and lists in blocks, everything that could be misread as JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from treadle.core.types import JsonValue

_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9_./-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
"""What some reader of YAML takes for something else than text."""


def write_documents(documents: Sequence[Mapping[str, JsonValue]], *, comment: str = "") -> str:
    """Return documents one after the other, below a comment."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + "---\n".join("\n".join(_block(document, "")) + "\n" for document in documents)


def _block(value: JsonValue, indent: str) -> list[str]:
    lines = []
    if isinstance(value, Mapping):
        for name, inner in value.items():
            lines += _member(f"{indent}{_scalar(name)}:", inner, f"{indent}  ")
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, Mapping) and inner:
                first, *rest = _block(inner, f"{indent}  ")
                lines += [f"{indent}- {first.lstrip()}", *rest]
            else:
                lines += _member(f"{indent}-", inner, f"{indent}  ")
    return lines


def _member(head: str, value: JsonValue, indent: str) -> list[str]:
    if isinstance(value, Mapping | list) and value:
        return [head, *_block(value, indent)]
    if isinstance(value, str) and _is_block(value):
        return [f"{head} |", *(f"{indent}{line}" if line else "" for line in value[:-1].split("\n"))]
    return [f"{head} {_scalar(value)}"]


def _is_block(text: str) -> bool:
    """Tell whether a text of several lines can stand as it is."""
    lines = text[:-1].split("\n")
    return (
        text.endswith("\n") and len(lines) > 1 and not text[0].isspace() and bool(lines[-1])
        and all(line.isprintable() for line in lines)
    )  # fmt: skip


def _scalar(value: JsonValue) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)
    text = json.dumps(value)
    # Readers of YAML 1.1 take a number with an exponent for text unless it has a point.
    return text.replace("e", ".0e") if isinstance(value, float) and "e" in text and "." not in text else text
