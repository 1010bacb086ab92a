"""Refusals in the words of whoever typed the command: fields of the API by the options that set them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import ValidationError

from treadle.core.errors import InvalidInput
from treadle.core.faults import in_words


@contextmanager
def as_typed(options: Mapping[str, str]) -> Iterator[None]:
    """Let refusals inside the block name options. options: a field's last part -> its option, such as '--for'."""
    try:
        yield
    except ValidationError as error:
        raise InvalidInput(_with_options(in_words(error.errors()), options)) from error
    except InvalidInput as error:
        raise InvalidInput(_with_options(error.message, options), code=error.error_code, **error.values) from error


def _with_options(text: str, options: Mapping[str, str]) -> str:
    """Replace names in backticks or quotes, with or without the path before them."""
    for field, option in options.items():
        text = re.sub(rf"(['`])(?:\w+\.)*{field}\1", option, text)
    return text
