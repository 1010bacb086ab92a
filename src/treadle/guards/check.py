"""What a check is: a pure search in a text, and what it needs to know to search a text that is still being written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from treadle.core.errors import InvalidInput
from treadle.guards.spans import Finding

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[numpy.float32]


class Embeds(Protocol):
    """What a check needs of an embedder; one is handed in."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text."""
        ...


class Check(Protocol):
    """One search. Instances have no state that changes; the time it takes is linear in the text."""

    slow: bool
    """Whether it takes milliseconds (it embeds): then it runs in a thread with a deadline, never in the loop."""
    whole: bool
    """Whether only a complete text can be judged (a JSON schema); a stream that it guards comes all at once."""

    def find(self, text: str) -> list[Finding]:
        """Return what is in the text, in order of position, without overlaps."""
        ...

    def possible(self, part: str) -> bool:
        """Say, cheaply, whether a finding could begin in this part of a text; True when in doubt."""
        ...

    def settled(self, text: str) -> int:
        """Return up to where the findings in a text that goes on are final: what begins before it ends before it too.

        Whatever is added behind the text, `find` finds the same things before this offset.
        """
        ...


class CheckOptionsInvalid(InvalidInput):
    """The options of a guard do not say what it needs."""

    code = "guards.options_invalid"
