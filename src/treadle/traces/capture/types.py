"""What a project keeps of what its applications and models say."""

from __future__ import annotations

from treadle.core.revisions import Revised
from treadle.core.types import Record
from treadle.guards.capture import Capture as Level


class Capture(Record):
    """How much content of spans is kept: applications with our SDK send no more, and what others send is reduced at the door."""

    capture: Level = "on"
    """'off': none. 'masked': with personal data and secrets as tokens such as [EMAIL]. 'on': all of it."""


class KeptCapture(Revised, Capture):
    """How much content is kept now."""

    EDITED = frozenset(Capture.model_fields)
