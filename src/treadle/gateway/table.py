"""The snapshot made ready for the request path: who calls, what they may call, and what is sent for each arm.

Built once per change of configuration, then only read. A key is recognised by its shape and checksum, then by one HMAC,
compared in constant time; an unknown key costs no look at the database, because the snapshot holds every living key.
A key that was recognised is known again by a keyed hash until the table is replaced; its text is kept nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime

import msgspec

from treadle.embeddings.room import EmbeddingRoom
from treadle.gateway import refusals
from treadle.gateway.following import Followed, holder_of, read_seal, told
from treadle.gateway.forwarding.loops import mark_of
from treadle.gateway.passes import PREFIX, read_pass
from treadle.gateway.ready import Ready
from treadle.gateway.record import Record
from treadle.gateway.types import Arm, Endpoint, Key, Snapshot
from treadle.governance.keys import parse_key, secret_hmac
from treadle.prompts.jinja_rooms import JinjaRooms

INVOKE = "gateway.invoke"
PASS = PREFIX.encode()
_NO_HMAC = bytes(32)
_MAX_RECOGNISED = 10_000


class Mark:
    """Tells one table from every other, for whoever must not keep the table alive."""


class Table:
    """One snapshot with everything precomputed."""

    def __init__(
        self,
        snapshot: Snapshot,
        pepper: bytes,
        room: EmbeddingRoom | None = None,
        jinja: JinjaRooms | None = None,
    ) -> None:
        """room: where guards embed; None where none does. jinja: where prompts in that language are filled in."""
        self.snapshot = snapshot
        self.hash = snapshot.hash
        self.mark = Mark()
        self._pepper = pepper
        self._recognised: dict[bytes, Key] = {}
        self._hash_key = os.urandom(32)
        self._ready: dict[tuple[str, str, str], Ready] = {}
        self._names: dict[str, list[str]] = {}
        self._shadowed: set[tuple[str, str]] = set()
        for (project_id, name), endpoint in sorted(snapshot.endpoints.items()):
            if not endpoint.internal:
                self._names.setdefault(project_id, []).append(name)
            if any(arm.shadow_share for arm in endpoint.arms):
                self._shadowed.add((project_id, name))
            for arm in endpoint.arms:
                self._ready[project_id, name, arm.release_id] = Ready(
                    arm, endpoint, snapshot, room=room, jinja=jinja.of(project_id) if jinja else None, secret=pepper
                )

    def authenticate(self, authorization: bytes | None, now: datetime, permission: str = INVOKE) -> Key:
        """Return the key that a request came with, if it may do what is asked; raises Refusal (401, 403).

        Another request with the same key needs no more than `admit` for as long as this table is the one in use.
        """
        if authorization is None:
            raise refusals.missing_key()
        mark = hashlib.blake2b(authorization, digest_size=16, key=self._hash_key).digest()
        key = self._recognised.get(mark)
        if key is None and authorization[7:].startswith(PASS):
            key = self._pass_holder(authorization[7:].decode("latin-1"), now)
        elif key is None:
            key = self._recognise(authorization)
            if len(self._recognised) >= _MAX_RECOGNISED:
                self._recognised.clear()
            self._recognised[mark] = key
        self.admit(key, now, permission)
        return key

    @staticmethod
    def admit(key: Key, now: datetime, permission: str = INVOKE) -> None:
        """Let a key through that was recognised; raises Refusal (401, 403) where it may not do what is asked by now."""
        if key.expires_at is not None and key.expires_at <= now:
            raise refusals.expired_key(key.key_id, key.expires_at.strftime("%Y-%m-%d %H:%M UTC"))
        if permission not in key.permissions:
            raise refusals.key_lacks_permission(key.key_id, permission)

    def _recognise(self, authorization: bytes) -> Key:
        scheme, _, text = authorization.decode("latin-1").partition(" ")
        token = text.strip()
        if scheme.lower() != "bearer" or not token:
            raise refusals.missing_key()
        parsed = parse_key(token)
        if parsed is None:
            raise refusals.invalid_key(token[:16])
        key = self.snapshot.keys.get(parsed.key_id)
        given = secret_hmac(self._pepper, parsed.secret)
        if not hmac.compare_digest(given, _NO_HMAC if key is None else key.secret_hmac) or key is None:
            raise refusals.invalid_key(parsed.key_id)
        return key

    def _pass_holder(self, text: str, now: datetime) -> Key:
        """Return whom a pass stands for; it is not kept, since each is good for one piece of work."""
        found = read_pass(self._pepper, text, self.snapshot.keys)
        if found is None:
            raise refusals.invalid_key(PREFIX)
        key, until = found
        return msgspec.structs.replace(key, expires_at=until if key.expires_at is None else min(until, key.expires_at))

    def sent_itself(self, mark: bytes, project_id: str) -> bool:
        """Tell whether a mark on a request says that a project forwards to itself."""
        return hmac.compare_digest(mark, mark_of(self._pepper, project_id).encode())

    def endpoint(self, key: Key, name: str, *, internal: bool = False) -> Endpoint:
        """Return the endpoint of this name; raises Refusal (404) where it does not exist for this key.

        internal: whether those count that only work inside this process may call.
        """
        endpoint = self.snapshot.endpoints.get((key.project_id, name))
        is_hidden = endpoint is None or (endpoint.internal and not internal)
        if endpoint is None or is_hidden or (key.endpoints is not None and name not in key.endpoints):
            raise refusals.unknown_model(name, self.names(key))
        return endpoint

    def followed(self, project_id: str, told: str) -> Followed | None:
        """Return which response a caller goes on from; None for an id that we did not seal."""
        return read_seal(self._pepper, project_id, told)

    def told(self, data: bytes, record: Record) -> bytes:
        """Return an answer of the Responses API, or an event of one, with ids that say who keeps the response."""
        if record.target is None:
            return data
        unit = record.unit if record.session is None else ""
        return told(data, self._pepper, record.key.project_id, holder_of(record.target), unit, record.followed)

    def names(self, key: Key) -> list[str]:
        """Return the names that a key may call, sorted."""
        names = self._names.get(key.project_id, [])
        return names if key.endpoints is None else [name for name in names if name in key.endpoints]

    def ready(self, endpoint: Endpoint, arm: Arm) -> Ready:
        """Return what is needed to serve an arm of an endpoint."""
        return self._ready[endpoint.project_id, endpoint.name, arm.release_id]

    @property
    def embeds(self) -> bool:
        """Whether anything here compares meanings."""
        semantic = any(endpoint.cache.mode == "semantic" for endpoint in self.snapshot.endpoints.values())
        return semantic or any(ready.embeds for ready in self._ready.values())

    @property
    def asks_over_tls(self) -> bool:
        """Whether a provider is asked over https://, or by a kind's own address, which is one."""
        return any(not provider.base_url.startswith("http://") for provider in self.snapshot.providers.values())

    def has_shadows(self, endpoint: Endpoint) -> bool:
        """Tell whether some of an endpoint's requests are copied to another arm."""
        return (endpoint.project_id, endpoint.name) in self._shadowed


def read_headers(headers: list[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Return the headers of a request, the first of each; names are lowercase in ASGI."""
    return dict(reversed(headers))
