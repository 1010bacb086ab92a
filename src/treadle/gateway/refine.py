"""What may be done to an answer before the caller gets it: trim it, mend its JSON, and hold it against a schema.

An answer that is JSON already is never touched; for what is mended see mending.py.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from treadle.gateway.mending import mend_json
from treadle.gateway.types import Refinement
from treadle.guards.check import CheckOptionsInvalid
from treadle.guards.schema import Schema

log = logging.getLogger("treadle.gateway.refine")


class Refined(NamedTuple):
    """An answer after refinement."""

    text: str
    changed: bool
    fault: str | None
    """Why it still does not fit, in words for `complaint`; None when it fits or nothing was asked."""


class Refiner:
    """The refinement of one release made ready. Never raises: with a schema that is none, no answer fits."""

    def __init__(self, refinement: Refinement) -> None:
        self._trim = refinement.trim
        self._repair = refinement.repair_json
        self._schema: Schema | None = None
        self._broken = refinement_fault(refinement)
        if refinement.json_schema is not None:
            if self._broken is None:
                self._schema = Schema(refinement.json_schema)
            else:
                log.error("a release's answers cannot be checked: %s", self._broken)
        self.asks_again = refinement.ask_again and (self._repair or self._schema is not None)
        """Whether a fault is worth one more question."""

    @property
    def is_active(self) -> bool:
        """Whether it does anything to a whole answer."""
        return self._trim or self._repair or self._schema is not None or self._broken is not None

    def refine(self, text: str) -> Refined:
        """Return the answer refined. Safe to repeat. Cost: microseconds where nothing is to be mended."""
        if self._broken is not None:
            return Refined(text, False, self._broken)
        refined = text.strip() if self._trim else text
        if self._repair:
            mended = mend_json(refined)
            if mended is None:
                return Refined(refined, refined != text, "it is not JSON, nor anything that could be mended into it")
            refined = mended
        fault = None if self._schema is None else self._schema.fault(refined)
        return Refined(refined, refined != text, fault)

    @property
    def needs_whole(self) -> bool:
        """Whether an answer can be refined only when it is complete: then a stream waits for its end."""
        return self._repair or self._schema is not None or self._broken is not None

    def trimmer(self) -> Trimmer | None:
        """Return what trims one stream; None where nothing is to be trimmed."""
        return Trimmer() if self._trim else None


class Trimmer:
    """Trims the text of one stream: nothing before the first letter, white space only when a letter follows."""

    def __init__(self) -> None:
        self._held = ""
        self._has_begun = False

    def feed(self, text: str) -> str:
        """Take text, return what goes out now. What is held at the end never does."""
        if not self._has_begun:
            text = text.lstrip()
            if not text:
                return ""
            self._has_begun = True
        kept = text.rstrip()
        if not kept:
            self._held += text
            return ""
        out = self._held + kept
        self._held = text[len(kept) :]
        return out


def refine(text: str, refinement: Refinement) -> Refined:
    """Return an answer refined; see `Refiner`, which is made once where many answers are."""
    return Refiner(refinement).refine(text)


def refinement_fault(refinement: Refinement) -> str | None:
    """Return in words what is wrong with a refinement, or None: for whoever saves one."""
    if refinement.json_schema is None:
        return None
    try:
        Schema(refinement.json_schema)
    except CheckOptionsInvalid as error:
        return f"refinement: {error.message}"
    return None


def complaint(fault: str) -> str:
    """Return what to tell the model when its answer did not fit, as the next user message."""
    return (
        f"Your last answer cannot be used: {fault}. Answer once more: only the corrected JSON, with nothing before or "
        "after it and no code fence."
    )
