"""Read a GGUF file's header with the standard library: enough to refuse a bad file in words before an engine tries it.

Layout: magic `GGUF`, version, tensor count, metadata count, then key/value pairs; all little-endian.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Cost: reads the metadata, never the tensors.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
MAX_STRING_BYTES = 64 * 1024 * 1024


class BadModelFile(ValueError):
    """The file is not a GGUF that any engine could serve."""


class Header(NamedTuple):
    """What the header says."""

    architecture: str
    """llama.cpp's name of the network, such as 'llama'."""
    context_length: int | None
    """Longest sequence the model was made for; None when the file does not say."""
    num_tensors: int
    """Weights in the file."""


def read_header(path: Path) -> Header:
    """Read and check a GGUF header. Raises BadModelFile with the reason."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(file, path, size)
    except OSError as error:
        raise BadModelFile(
            f"the model file '{path}' cannot be read: {error.strerror}; export the version again"
        ) from error
    except (struct.error, UnicodeDecodeError, EOFError) as error:
        raise BadModelFile(f"the model file '{path}' ends too early or is damaged; export the version again") from error


def _read(file: BinaryIO, path: Path, size: int) -> Header:
    magic = file.read(4)
    if magic != b"GGUF":
        raise BadModelFile(f"the model file '{path}' is not GGUF (it starts with {magic!r}); export the version again")
    version, num_tensors, num_pairs = _unpack(file, "IQQ")
    if version not in (2, 3) or num_tensors == 0 or num_pairs > 100_000:
        raise BadModelFile(
            f"the model file '{path}' is GGUF version {version} with {num_tensors} tensors; version 3 is right"
        )
    facts: dict[str, object] = {}
    for _ in range(num_pairs):
        key = _string(file)
        (kind,) = _unpack(file, "I")
        facts[key] = _value(file, kind)
    architecture = str(facts.get("general.architecture", ""))
    context = facts.get(f"{architecture}.context_length")
    if file.tell() >= size:
        raise BadModelFile(f"the model file '{path}' ends before its weights; export the version again")
    return Header(architecture, context if isinstance(context, int) else None, num_tensors)


def _unpack(file: BinaryIO, codes: str) -> tuple[int, ...]:
    return struct.unpack(f"<{codes}", file.read(struct.calcsize(f"<{codes}")))


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > MAX_STRING_BYTES:
        raise EOFError
    raw = file.read(length)
    if len(raw) < length:
        raise EOFError
    return raw.decode("utf-8", "replace")


def _value(file: BinaryIO, kind: int) -> object:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        (item_kind,) = _unpack(file, "I")
        (length,) = _unpack(file, "Q")
        if item_kind in SCALARS:
            file.seek(length * struct.calcsize(f"<{SCALARS[item_kind]}"), 1)
        else:
            for _ in range(length):
                _value(file, item_kind)
        return None
    if kind not in SCALARS:
        raise EOFError
    return _unpack(file, SCALARS[kind])[0]
