"""Change what the gateway serves, and read all of it as one snapshot.

`publish_endpoint` is for the slice that owns endpoints (releases): it runs inside that slice's transaction, after its
checks and with its audit entry. Every gateway serves the change within a second of the commit.
"""

from __future__ import annotations

import hashlib

import msgspec

from treadle.core.errors import InvalidInput
from treadle.gateway import store
from treadle.gateway.assign import arms_fault
from treadle.gateway.limits.service import load_limits
from treadle.gateway.providers.service import load_providers
from treadle.gateway.types import Endpoint, Key, Snapshot
from treadle.governance import service as governance
from treadle.governance.access import permissions_of
from treadle.governance.envelope import MasterKeys
from treadle.storage.database import Connection, Database
from treadle.traces.capture.service import load_captures

_encoder = msgspec.json.Encoder(order="deterministic")


class ArmsInvalid(InvalidInput):
    """The arms of an endpoint do not add up."""

    code = "gateway.arms_invalid"


def publish_endpoint(db: Connection, endpoint: Endpoint) -> None:
    """Serve an endpoint as stated from the commit of this transaction on. Safe to repeat. Raises ArmsInvalid."""
    fault = arms_fault(endpoint.arms)
    if fault is not None:
        raise ArmsInvalid(f"endpoint '{endpoint.name}' cannot be served: {fault}; correct its arms and publish again")
    store.put_endpoint(db, endpoint)


def withdraw_endpoint(db: Connection, name: str) -> None:
    """Serve an endpoint no longer from the commit of this transaction on. Safe to repeat."""
    store.delete_endpoint(db, name)


def find_published(db: Connection, name: str) -> Endpoint | None:
    """Return what is served under a name now, or None; what is internal is nobody's to name."""
    found = store.find_endpoint(db, name)
    return None if found is None or found.internal else found


async def load_snapshot(database: Database, master_keys: MasterKeys | None = None) -> Snapshot:
    """Read everything the gateway serves by, across projects, as it was at one moment.

    master_keys: open the providers' keys, which from then on are in this process's memory; None leaves them out.
    """
    return await database.system_at_once(lambda db: _read_snapshot(db, master_keys))


def _read_snapshot(db: Connection, master_keys: MasterKeys | None) -> Snapshot:
    endpoints = store.list_endpoints(db)
    keys = [
        Key(
            key_id=row.key.key_id,
            project_id=row.project_id,
            secret_hmac=row.secret_hmac,
            permissions=permissions_of(row.actor.role, row.key.scopes),
            endpoints=None if row.key.endpoints is None else frozenset(row.key.endpoints),
            expires_at=row.key.expires_at,
        )
        for row in governance.load_keys(db)
    ]
    providers = load_providers(db, master_keys)
    limits = load_limits(db)
    # Keys are no part of the configuration: their change is seen by comparing snapshots, not by this hash.
    content = (endpoints, [msgspec.structs.replace(each, secret="") for each in providers.values()], limits)
    return Snapshot(
        hash=hashlib.sha256(_encoder.encode(content)).hexdigest()[:16],
        endpoints={(endpoint.project_id, endpoint.name): endpoint for endpoint in endpoints},
        keys={key.key_id: key for key in keys},
        providers=providers,
        limits=limits,
        captures=load_captures(db),
    )
