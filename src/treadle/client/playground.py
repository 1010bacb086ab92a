"""SDK: preview prompts, fill their examples, attack them, try grids, talk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from treadle.client.calls import Call, Send
from treadle.core.types import JsonObject
from treadle.jobs.types import Run
from treadle.playground.types import (
    Cell,
    FillExamples,
    NewChat,
    NewGrid,
    NewPreview,
    NewSafety,
    NewTriedPreview,
    Preview,
    SaveCell,
)
from treadle.prompts.types import Version

Stream = Callable[[Call[Any]], Iterator[tuple[str, JsonObject]]]


class Playground:
    """`client.playground`"""

    def __init__(self, send: Send, stream: Stream) -> None:
        self._send = send
        self._stream = stream

    def preview(self, name: str, new: NewPreview, *, version: int | str = "latest") -> list[Preview]:
        """Return what a version is for some models: its tokens, and what requests cost. Raises NotFound."""
        return self._send(Call("POST", f"/prompts/{name}/versions/{version}/preview", list[Preview], body=new))

    def preview_tried(self, new: NewTriedPreview) -> list[Preview]:
        """Return what asking a prompt, kept or a draft, with all rows once would be for each model. Raises NotFound."""
        return self._send(Call("POST", "/playground/preview", list[Preview], body=new))

    def fill_examples(self, name: str, wanted: FillExamples) -> Version:
        """Add a version that shows rows of a dataset; the same rows again return it. Raises NotFound, InvalidInput."""
        return self._send(Call("POST", f"/prompts/{name}/examples", Version, body=wanted))

    def start_safety(self, name: str, new: NewSafety, *, version: int | str = "latest") -> Run:
        """Attack a version; returns at once. Wait with `client.runs.wait`, read with `client.prompts.list_safety`."""
        return self._send(Call("POST", f"/prompts/{name}/versions/{version}/safety", Run, body=new))

    def iter_grid(self, new: NewGrid) -> Iterator[tuple[Literal["start", "delta", "cell", "end"], JsonObject]]:
        """Ask prompts of endpoints with rows; yield events as they come: 'start', 'delta', 'cell', 'end' and their data."""
        yield from self._stream(Call("POST", "/playground", str, body=new))  # type: ignore[misc]

    def try_grid(self, new: NewGrid) -> list[Cell]:
        """Ask prompts of endpoints with rows; return the cells in their order, when all are done."""
        cells = [Cell.model_validate(data) for name, data in self.iter_grid(new) if name == "cell"]
        return sorted(cells, key=lambda cell: cell.cell)

    def iter_chat(self, new: NewChat) -> Iterator[tuple[Literal["delta", "end"], JsonObject]]:
        """Ask for the next message of a conversation; yield its words as they come, then how it ended."""
        yield from self._stream(Call("POST", "/chat", str, body=new))  # type: ignore[misc]

    def save_cell(self, saved: SaveCell) -> Version:
        """Keep what a cell asked as a version, with its endpoint and parameters in the config."""
        return self._send(Call("POST", "/playground/versions", Version, body=saved))
