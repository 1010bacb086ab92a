"""Files of YAML between two lines of '---' with a text below: what .prompt and .prompty have in common. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.prompts.types import NewVersion

MAX_BYTES = 1_000_000


class FileInvalid(InvalidInput):
    """A file is not what its format says, or says what a prompt cannot."""

    code = "prompts.file_invalid"


class Unsayable(InvalidInput):
    """A prompt holds what a format has no way to say."""

    code = "prompts.format_cannot_say"


class ReadFile(NamedTuple):
    """What a file says."""

    name: str | None
    """The prompt's name; None where it does not say one."""
    new: NewVersion
    """Its content."""


def split(text: str) -> tuple[JsonObject, str]:
    """Return the front matter and what is below it. Raises FileInvalid."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "---":
        return {}, "\n".join(lines)
    end = next((at for at in range(1, len(lines)) if lines[at].strip() == "---"), None)
    if end is None:
        raise FileInvalid("the front matter that begins with '---' has no second '---'; close it")
    return load_yaml("\n".join(lines[1:end])), "\n".join(lines[end + 1 :])


def load_yaml(text: str) -> JsonObject:
    """Return a YAML mapping as JSON. Anchors are refused: a few of them can stand for gigabytes. Raises FileInvalid."""
    import yaml

    if len(text.encode()) > MAX_BYTES:
        raise FileInvalid(f"the front matter is longer than {MAX_BYTES:,} bytes; shorten it")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise FileInvalid("the front matter uses a YAML alias ('*name'); write what it stands for")
        found = yaml.safe_load(text)
        found = json.loads(json.dumps({} if found is None else found, default=str, allow_nan=False))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileInvalid(f"the front matter is not YAML: {str(error).splitlines()[0]}; correct it") from error
    if not isinstance(found, dict):
        raise FileInvalid("the front matter is not a mapping; write 'name: value' lines")
    return found


def dump(head: Mapping[str, Any], body: str) -> str:
    """Return a file. The inverse of `split`."""
    import yaml

    front = yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True, width=100) if head else ""
    return f"---\n{front}---\n{body}"


def mapping(value: object, what: str) -> JsonObject:
    """Return a mapping, empty for None. Raises FileInvalid naming what is none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FileInvalid(f"'{what}' should be a mapping, and is {type(value).__name__}; correct the file")
    return cast(JsonObject, value)
