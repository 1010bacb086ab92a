"""Channels as people see and set them, and what was sent through them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from treadle.core.revisions import Revised
from treadle.core.types import Record

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""1 to 40 of a-z, 0-9 and '-'; unique in the project."""
ChannelKind = Literal["webhook", "slack", "email"]
EmailAddress = Annotated[str, StringConstraints(pattern=r"^[^\s@,;<>\"\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,190}$")]
"""Such as 'team@example.com', without a display name."""
DeliveryStatus = Literal["waiting", "delivered", "given up"]


class Webhook(Record):
    """A POST of JSON with Standard Webhooks signatures."""

    kind: Literal["webhook"] = "webhook"
    """Which sort of channel."""
    url: str = Field(max_length=2000)
    """Where to post: https://, or http:// in a network of your own."""


class Slack(Record):
    """A POST of Slack-shaped JSON ('text' and 'blocks'), which Mattermost and others take too."""

    kind: Literal["slack"] = "slack"
    """Which sort of channel."""
    url: str = Field(max_length=2000)
    """The incoming webhook's address. It is a secret: whoever knows it can post. Shown never again."""


class Email(Record):
    """A message by SMTP, with STARTTLS where the server offers it; required unless it is on this machine."""

    kind: Literal["email"] = "email"
    """Which sort of channel."""
    host: str = Field(min_length=1, max_length=253)
    """The SMTP server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port: 587 for submission with STARTTLS."""
    sender: EmailAddress
    """Whom the message is from."""
    recipients: list[EmailAddress] = Field(min_length=1, max_length=20)
    """Whom it is to."""
    username: str | None = Field(default=None, max_length=200)
    """Signs in with this name and the password; None does not sign in."""
    password: str | None = Field(default=None, max_length=500)
    """Kept in an envelope, shown never again."""


Destination = Annotated[Webhook | Slack | Email, Field(discriminator="kind")]


class NewChannel(Record):
    """A channel to make."""

    name: ChannelName
    """What monitors call it."""
    destination: Destination
    """Where alerts go."""
    private: bool = False
    """Whether it may have a private address; takes the permission 'providers.private'."""


class Channel(Revised):
    """A channel as it is listed: never its secret."""

    EDITED = frozenset({"name", "place", "private", "changed_at"})
    """The moment stands for what is not shown: a Slack address, a mail server, a password."""

    name: ChannelName
    """What monitors call it."""
    kind: ChannelKind
    """How it tells."""
    place: str
    """Where alerts go, as far as that is no secret: a URL without its path for Slack, the recipients of e-mail."""
    private: bool
    """Whether it may have a private address."""
    created_at: datetime
    """Aware UTC."""
    changed_at: Annotated[datetime, AfterValidator(lambda at: at.astimezone(UTC))]
    """Aware UTC: when somebody last changed it; when it was made, where nobody has."""
    waiting: int = 0
    """Messages that are still on their way to it."""
    old_secret_until: datetime | None = None
    """Aware UTC: until then messages are signed with the secret before, too; None where there is none."""


class ChannelChange(Record):
    """What is to be different about a channel; what is None stays."""

    name: ChannelName | None = None
    """What it is called from now on; monitors and waiting messages follow."""
    destination: Destination | None = None
    """Where alerts go from now on: of the same kind."""
    private: bool | None = None
    """Whether it may have a private address; takes the permission 'providers.private'."""


class SecretRotation(Record):
    """A webhook's signing secret is exchanged for a fresh one."""

    overlap_hours: int = Field(default=24, ge=0, le=720)
    """So long messages are signed with both, so that the receiver can change over at leisure; 0 ends the old one now."""


class RemovedChannel(Record):
    """A channel that is gone."""

    name: ChannelName
    """What it was called."""
    given_up: int
    """Messages that were still on their way to it, and never arrive."""
    monitors: list[str]
    """Monitors that told it, and tell it no longer."""


class CreatedChannel(Record):
    """A fresh channel, with the secret that its receiver verifies signatures by."""

    channel: Channel
    """What was made."""
    secret: str | None
    """'whsec_…' for a webhook, shown this once; None for the other kinds."""


class Delivery(Record):
    """One message on its way to one channel."""

    delivery_id: str
    """'msg_…': the webhook-id, the same for every attempt."""
    alert_id: str | None
    """The alert that it tells of; None for what is no alert."""
    channel: str
    """Name of the channel."""
    event: str
    """'alert.firing', 'alert.resolved', 'rollout.held', 'rollout.waiting', 'rollout.rolled_back' or 'channel.test'."""
    status: DeliveryStatus
    """Where it stands."""
    attempts: int
    """How often it was tried."""
    next_try_at: datetime | None
    """Aware UTC; None once it is delivered or given up."""
    error: str | None
    """Why the last attempt failed."""
    created_at: datetime
    """Aware UTC."""
    delivered_at: datetime | None
    """Aware UTC; None until it was."""
