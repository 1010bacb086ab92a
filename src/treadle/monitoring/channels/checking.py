"""Whether a channel can be as it is stated, and what of it is kept where: settings in its row, what is secret in an envelope.

Addresses are looked at when a channel is made or changed, so that people hear at once what would fail later; what counts
is still the address of each connection (`sending.py`). A name that does not resolve from here is taken: the test says so.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.gateway.addresses import PrivateHosts, url_fault
from treadle.gateway.posting import host_of, place_fault, written_fault
from treadle.monitoring.channels.types import ChannelKind, Email, Slack, Webhook

To = Webhook | Slack | Email


class ChannelInvalid(InvalidInput):
    """A channel cannot be as stated."""

    code = "channels.invalid"


async def check(to: To, *, name: str, private: bool, hosts: PrivateHosts) -> None:
    """Raise ChannelInvalid for a destination that messages could not be sent to."""
    fault = _fault(to)
    if fault is not None:
        raise ChannelInvalid(f"the address of channel '{name}' cannot be used: {fault}", channel=name)
    await check_address(to, name=name, private=private, hosts=hosts)


async def check_address(to: To, *, name: str, private: bool, hosts: PrivateHosts) -> None:
    """Raise ChannelInvalid for an address that a channel may not have."""
    fault = await _address_fault(to, private=private, hosts=hosts)
    if fault is not None:
        raise ChannelInvalid(f"the address of channel '{name}' cannot be used: {fault}", channel=name)


def destination_of(kind: ChannelKind, settings: JsonObject) -> Webhook | Email:
    """Return what settings in sight say; of Slack nothing is in sight."""
    return Webhook.model_validate(settings) if kind == "webhook" else Email.model_validate(settings)


def settings_of(to: To) -> JsonObject:
    """Return what is kept in sight; of Slack nothing, for its address is a secret."""
    return {} if isinstance(to, Slack) else to.model_dump(exclude={"kind", "password"})


def secret_of(to: To) -> str | None:
    """Return what is kept in an envelope, of what people gave: a webhook's signing secret is made by us."""
    if isinstance(to, Slack):
        return to.url
    return to.password if isinstance(to, Email) else None


def place_of(to: To) -> str:
    """Return where messages go as far as that is no secret."""
    if isinstance(to, Email):
        return ", ".join(to.recipients)
    parts = urlsplit(to.url)
    # A query may hold a token of the receiver's.
    return f"{parts.scheme}://{parts.netloc}" + (parts.path if isinstance(to, Webhook) else "")


def _fault(to: To) -> str | None:
    if isinstance(to, Email):
        fault = url_fault(f"http://{to.host}:{to.port}")
        if fault is None and to.username is not None and not to.password:
            fault = "it has a user name without a password"
        return fault
    return written_fault(to.url)


async def _address_fault(to: To, *, private: bool, hosts: PrivateHosts) -> str | None:
    host, port = (to.host, to.port) if isinstance(to, Email) else host_of(to.url)
    return await place_fault(host, port, private=private, hosts=hosts, what="channel")
