"""How many tokens a text is for a model, by the model's own tokenizer where it is on this machine.

A model version of ours has its `tokenizer.json`; OpenAI's models have tiktoken, where it is installed and its vocabulary is
in the folder that TIKTOKEN_CACHE_DIR names. Nothing is ever downloaded for a count. Everything else is the gateway's
estimate and says so.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from treadle.gateway.counting import estimate_tokens

_VOCABULARIES = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
"""What tiktoken names a vocabulary in its folder by the SHA-1 of."""


class Counter(NamedTuple):
    """What counts a model's tokens."""

    name: str
    is_estimate: bool
    count: Callable[[str], int]


ESTIMATE = Counter("estimate", True, estimate_tokens)


def count_all(counter: Counter, texts: Sequence[str]) -> int:
    """Return the tokens of all texts."""
    return sum(map(counter.count, texts))


def counter_of_file(path: Path) -> Counter:
    """Return what counts by a tokenizer.json; the estimate where the package is not installed. Reads the file once."""
    if find_spec("tokenizers") is None:
        return ESTIMATE
    return _of_file(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _of_file(path: str, changed_at: int) -> Counter:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    return Counter("tokenizer.json", False, lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def counter_of_name(model: str) -> Counter:
    """Return what counts for a provider's model."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR")
    if folder is None or find_spec("tiktoken") is None:
        return ESTIMATE
    from tiktoken.model import encoding_name_for_model

    try:
        encoding = encoding_name_for_model(model)
    except KeyError:
        return ESTIMATE
    vocabulary = hashlib.sha1(_VOCABULARIES.format(name=encoding).encode(), usedforsecurity=False).hexdigest()
    return _of_tiktoken(encoding) if (Path(folder) / vocabulary).is_file() else ESTIMATE


@lru_cache(maxsize=4)
def _of_tiktoken(encoding: str) -> Counter:
    import tiktoken

    found = tiktoken.get_encoding(encoding)
    return Counter(f"tiktoken {encoding}", False, lambda text: len(found.encode(text, disallowed_special=())))
