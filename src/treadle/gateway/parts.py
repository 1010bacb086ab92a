"""What every request of a worker shares."""

from __future__ import annotations

from msgspec import Struct

from treadle.gateway.cache.cache import Cache
from treadle.gateway.guarding.moderations import Moderator
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.sending import Sender
from treadle.gateway.shadows import Shadows


class Parts(Struct, frozen=True):
    """The shared parts of one worker; they belong to one event loop."""

    sender: Sender
    """How upstreams are reached."""
    fleet: Fleet
    """What is known of their health and speed."""
    shadows: Shadows
    """Copies of requests that no caller sees."""
    limiter: Limiter
    """What callers may use."""
    moderator: Moderator
    """Answers moderations."""
    cache: Cache
    """Answers that were given before."""
