"""The audit log: append-only, each entry holding the hash of the one before, written in the same transaction as the deed.

hash = SHA-256(0x00 || RFC 8785 form of the entry with previous_hash); the leading zero byte keeps leaf hashes apart from tree hashes
(RFC 6962), so a Merkle tree can be laid over the same entries later. Who holds the newest hash elsewhere can also tell a cut-off end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from treadle.core.canonical import canonical_json
from treadle.core.types import JsonValue
from treadle.governance import store
from treadle.governance.types import AuditEntry, AuditReport
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.storage.notes import tell_entry

FIRST_PREVIOUS_HASH = "0" * 64


def record(
    db: Connection, ctx: Context, *, action: str, object_id: str, detail: dict[str, JsonValue] | None = None
) -> AuditEntry:
    """Append what the actor does to the project's log. One writer at a time per project; the rest wait their turn."""
    last = store.lock_audit_head(db)
    facts: dict[str, JsonValue] = {
        "sequence": last.sequence + 1 if last else 1,
        "at": ctx.clock.now().isoformat(),
        "actor_id": ctx.actor.actor_id,
        "action": action,
        "object_id": object_id,
        "detail": detail or {},
        "previous_hash": last.hash if last else FIRST_PREVIOUS_HASH,
    }
    entry = AuditEntry.model_validate({**facts, "hash": _hash(facts)})
    store.insert_audit_entry(db, entry, str(facts["at"]))
    tell_entry(db, entry.sequence, entry.action, entry.object_id)
    return entry


def verify(entries: Iterable[tuple[AuditEntry, str]], *, expected_head: str | None = None) -> AuditReport:
    """Check a whole log, oldest entry first. entries: each with its time as it was written (text)."""
    previous, count = FIRST_PREVIOUS_HASH, 0
    for entry, written_at in entries:
        count += 1
        facts = {**entry.model_dump(exclude={"hash", "at"}), "at": written_at}
        fault = None
        if entry.sequence != count:
            fault = f"entry {count} is missing: entry {entry.sequence} follows entry {count - 1}"
        elif entry.previous_hash != previous:
            fault = f"entry {count} does not follow entry {count - 1}: one of them was replaced"
        elif entry.hash != _hash(facts):
            fault = f"entry {count} ('{entry.action}' on '{entry.object_id}') is not what was written"
        if fault:
            return AuditReport(is_intact=False, entries=count, head=previous, first_fault=fault)
        previous = entry.hash
    if expected_head is not None and expected_head != previous:
        return AuditReport(
            is_intact=False,
            entries=count,
            head=previous,
            first_fault=f"the newest entry has hash '{previous}', not the expected '{expected_head}': the end was cut off or went on",
        )
    return AuditReport(is_intact=True, entries=count, head=previous)


def _hash(facts: dict[str, JsonValue]) -> str:
    return hashlib.sha256(b"\x00" + canonical_json(facts)).hexdigest()
