"""A prompt message made ready for many requests: split once into its fixed text and its variables.

`prompts.render` reads the template anew each time, which costs half as much as the rest of a request. What it would say
is said here without reading again, where all is plain `{{variable}}`s filled with text; anything else is left to it, read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from chevron.tokenizer import tokenize

from treadle.gateway.types import PromptMessage
from treadle.prompts import render

_DELIMITERS = "{{="


class Template:
    """One message of a prompt, ready to be filled in."""

    def __init__(self, message: PromptMessage) -> None:
        self.role = message.role
        self._template = message.template
        self._parsed: list[render.Node] | None = None
        self._json_start = b'{"role":' + msgspec.json.encode(message.role) + b',"content":'
        texts, names = _split(message.template)
        self._pieces = None if names is None else [(name, text) for name, text in zip(names, texts[1:], strict=True)]
        """Each variable with the text behind it; None where the template is not that plain."""
        self._start = texts[0] if texts else ""
        self.fixed = self.message_json(self._start) if names == [] else None
        """The message as JSON where nothing is to be filled in."""

    def message_json(self, text: str) -> bytes:
        """Return the message with this text as JSON."""
        return self._json_start + msgspec.json.encode(text) + b"}"

    def fill(self, variables: Mapping[str, Any], allowance: render.Allowance) -> str:
        """Return the text; raises `prompts.render`'s errors, such as for a variable that lacks.

        allowance: what is left for the prompt's messages together.
        """
        if self._pieces is not None:
            filled = self._start
            for name, text in self._pieces:
                value = variables.get(name)
                if not isinstance(value, str):
                    break
                filled += value + text
                if len(filled) > render.MAX_OUTPUT:
                    break
            else:
                allowance.take(len(filled))
                return filled
        if self._parsed is None:
            self._parsed = render.parse(self._template)
        return render.fill([self._parsed], variables, allowance)[0]


class Said:
    """One message of a prompt that was filled in elsewhere."""

    def __init__(self, message: PromptMessage, text: str) -> None:
        self.role = message.role
        self._text = text
        self.fixed = self.message_json(text)

    def message_json(self, text: str) -> bytes:
        """See `Template`."""
        return msgspec.json.encode({"role": self.role, "content": text})

    def fill(self, variables: Mapping[str, Any], allowance: render.Allowance) -> str:
        """See `Template`."""
        return self._text


def _split(template: str) -> tuple[list[str], list[str] | None]:
    """Return the fixed texts and the names between them; no names at all where the template is not that plain."""
    texts, names = [""], []
    for kind, value in tokenize(template):
        if kind == "literal":
            texts[-1] += value
        elif kind in ("variable", "no escape") and "." not in value:
            names.append(value)
            texts.append("")
        else:
            return [], None
    return texts, None if _DELIMITERS in template else names
