"""What people see of the cache: what it holds and gave, and which threshold past questions speak for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from treadle.core.types import Record

EndpointName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
"""What callers send as `model`."""


class CacheStats(Record):
    """What the cache did for one endpoint since it was cleared last."""

    endpoint: str
    """What callers send as `model`."""
    entries: int
    """Answers that are kept now."""
    size_bytes: int
    """What they take."""
    exact_hits: int
    """Requests that got the answer of exactly the same one."""
    semantic_hits: int
    """Requests that found a similar one (checked ones included, which were asked all the same)."""
    misses: int
    """Requests that found nothing."""
    hit_rate: float | None
    """Share of requests that found an answer, 0 to 1; None without requests."""
    threshold: float | None
    """Similarity at which answers were checked last; None when none was."""
    checked: int
    """Similar answers that were asked for all the same."""
    wrong: int
    """How many of these would have been wrong."""
    wrong_rate_low: float
    """Lower end of their share's 95 % interval, 0 to 1, which holds at every moment at once; above `max_wrong_rate` no similar answers are given any more."""
    wrong_rate_high: float
    """Upper end of that interval, 0 to 1."""
    max_wrong_rate: float
    """Share of similar answers that the endpoint lets be wrong, 0 to 1."""
    gives_similar: bool
    """Whether the checks leave similar answers on."""


class Cleared(Record):
    """What was forgotten."""

    endpoint: str
    """What callers send as `model`."""
    entries: int
    """How many shared answers there were."""


class NewCalibration(Record):
    """How to choose a threshold from past requests."""

    max_wrong_rate: float = Field(default=0.05, gt=0, lt=1)
    """Share of similar answers that may be wrong; a threshold with a larger one is chosen with a chance of at most 2.5 %."""
    last: int = Field(default=400, ge=2, le=1000)
    """How many of the newest requests to look at."""


class Calibration(Record):
    """What past requests say about similar answers."""

    endpoint: str
    """What callers send as `model`."""
    requests: int
    """Requests that were looked at: answered well, with a question."""
    threshold: float | None
    """Least cosine similarity to give an answer again; None when no threshold is safe by this evidence."""
    served_share: float
    """Share of the requests that would have got an answer so, 0 to 1."""
    served: int
    """How many these are."""
    wrong: int
    """How many of these would have got another answer than they did."""
    wrong_rate_high: float
    """Upper end of their share, 0 to 1, as sure as all thresholds that were tried leave it."""
    reason: str | None
    """Why there is no threshold, in words; None when there is one."""
