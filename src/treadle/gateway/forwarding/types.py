"""Destinations that a project's spans are sent on to, as people see and set them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.types import Record
from treadle.guards.capture import Capture

ForwardName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""1 to 40 of a-z, 0-9 and '-'; unique in the project."""
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,3998}[!-~])?$")]
"""Visible ASCII, spaces within."""
Encoding = Literal["protobuf", "json"]
ForwardState = Literal["sending", "failing", "paused"]


class NewForward(Record):
    """A destination to make."""

    name: ForwardName
    """What it is called."""
    url: str = Field(min_length=1, max_length=2000)
    """Where to post, such as 'https://otel.example.com/v1/traces'; without a path '/v1/traces' is meant."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=20)
    """Sent with each request, such as an API key; kept in an envelope, shown never again."""
    encoding: Encoding = "protobuf"
    """How spans are written."""
    compressed: bool = True
    """Whether bodies are sent as gzip."""
    q: str | None = Field(default=None, max_length=2000)
    """Only spans that match, in the language of the lists, of what a span itself says; None sends all."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Of traces, 0 to 1: whole traces, chosen by a hash of their ids, the same for every destination."""
    capture: Capture = "on"
    """How much content leaves: 'off' none, 'masked' with personal data and secrets as tokens, 'on' all that is kept."""
    keep_hours: int = Field(default=72, ge=1, le=24 * 30)
    """What has waited longer is given up."""
    private: bool = False
    """Whether it may have a private address; takes the permission 'providers.private'."""


class Forward(Record):
    """A destination as it is listed, with how far it is: never its secrets."""

    name: ForwardName
    """What it is called."""
    url: str
    """Where spans are posted."""
    header_names: list[str]
    """Which headers are sent; their values are secret."""
    encoding: Encoding
    """How spans are written."""
    compressed: bool
    """Whether bodies are sent as gzip."""
    q: str | None
    """Only spans that match; None for all."""
    share: float
    """Of traces, 0 to 1."""
    capture: Capture
    """How much content leaves."""
    keep_hours: int
    """What has waited longer is given up."""
    private: bool
    """Whether it may have a private address."""
    created_at: datetime
    """Aware UTC: what was stored from then on is sent."""
    state: ForwardState
    """'failing' from a failed attempt until one succeeds; it is tried again by itself."""
    sent: int
    """Spans that the destination took; one that was sent twice because of a crash in between is counted once or twice."""
    left_out: int
    """Spans that the filter or the share left out."""
    refused: int
    """Spans that the destination will not take (400, 413, 422 or its partial success); they are not sent again."""
    given_up: int
    """Spans that waited longer than they may, or were forgotten (retention, archive) before they were sent."""
    waiting: int
    """Spans that are still to be sent."""
    waiting_since: datetime | None
    """Aware UTC: when the oldest of those was stored; None when none waits."""
    last_sent_at: datetime | None
    """Aware UTC; None before the first."""
    next_try_at: datetime | None
    """Aware UTC: when it is tried again; None unless it is failing."""
    error: str | None
    """What the last failed or refused attempt was told; stays after a later success."""
    error_at: datetime | None
    """Aware UTC; None when nothing has failed yet."""


class ForwardTest(Record):
    """What came of an export without spans, sent to see whether the address and the key are right."""

    is_working: bool
    """Whether the destination answered with 2xx."""
    status: int | None
    """HTTP status; None when nobody answered."""
    error: str | None
    """What is wrong; None when it works."""
