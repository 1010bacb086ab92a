"""What was changed before an alert, in words: read from the audit log, cut down to what may change answers.

Changes of other endpoints than the one that is watched are left out; what has no endpoint (a provider, a prompt's label, a
limit) may reach any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from treadle.core.errors import NotFound
from treadle.governance import service as governance
from treadle.governance.types import ListedAuditEntry
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.monitoring.types import Change

WITHIN = timedelta(hours=24)
MOST = 10
MAX_PAGES = 4
WORDS: Mapping[str, str] = {
    "releases.serve": "endpoint '{name}' serves release {release_id}",
    "releases.set_stable": "endpoint '{name}' was pointed at release {release_id}",
    "releases.create_endpoint": "endpoint '{name}' was made with release {release_id}",
    "releases.enable_endpoint": "endpoint '{name}' was switched on",
    "releases.disable_endpoint": "endpoint '{name}' was switched off",
    "releases.create_rollout": "a rollout began on endpoint '{endpoint}'",
    "prompts.publish": "prompt '{prompt}': label '{label}' was moved to version {version}",
    "models.set_alias": "model '{model}': alias '{alias}' was moved to version {version}",
    "providers.create": "provider '{object_id}' was added",
    "providers.change": "provider '{object_id}' was changed",
    "providers.remove": "provider '{object_id}' was removed",
    "limits.set": "a limit was set: {amount} {unit} per {window} for {scope} '{subject}'",
    "limits.remove": "a limit was removed: {amount} {unit} per {window} for {scope} '{subject}'",
    "cache.clear": "the cache of '{object_id}' was emptied",
    "secrets.set": "secret '{object_id}' was set",
}
"""Audited actions that may change what is answered, as people read them; fields are those of the entry's detail."""
_ROLLOUT = "releases.rollout_"


async def changes_before(ctx: Context, until: datetime, *, endpoint: str | None) -> list[Change]:
    """Return what was changed that may change answers, in the day before, newest first. Reads the audit log."""
    found: list[ListedAuditEntry] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await governance.list_audit(ctx, limit=200, cursor=cursor)
        found += [entry for entry in page.items if until - WITHIN <= entry.at <= until and _matters(entry, endpoint)]
        cursor = page.next_cursor
        if cursor is None or len(found) >= MOST or (page.items and page.items[-1].at < until - WITHIN):
            break
    return [await _change(ctx, entry) for entry in found[:MOST]]


async def title_of(ctx: Context, node_id: str) -> str | None:
    """Return what people call something that has lineage, such as a release's 'triage v7'; None where it has none."""
    try:
        graph = await lineage.get_graph(ctx, node_id)
    except NotFound:
        return None
    return next((node.title for node in graph.nodes if node.node_id == node_id), None)


def words_of(action: str, facts: Mapping[str, object]) -> str:
    """Return a change in words, '' where the entry does not tell enough. facts: its detail with its `object_id`."""
    if action.startswith(_ROLLOUT):
        why = f": {facts['why']}" if facts.get("why") else ""
        return f"rollout on endpoint '{facts.get('endpoint', '?')}': {action.removeprefix(_ROLLOUT).replace('_', ' ')}{why}"
    try:
        return WORDS[action].format_map({name: "ever" if value is None else value for name, value in facts.items()})
    except KeyError:
        return ""


def _matters(entry: ListedAuditEntry, endpoint: str | None) -> bool:
    if entry.action.startswith("secrets."):
        return entry.object_id.startswith("provider:")
    if entry.action not in WORDS and not entry.action.startswith(_ROLLOUT):
        return False
    about = entry.detail.get("endpoint") or (entry.detail.get("name") if entry.action.startswith("releases.") else None)
    return endpoint is None or about is None or about == endpoint


async def _change(ctx: Context, entry: ListedAuditEntry) -> Change:
    facts: dict[str, object] = {**entry.detail, "object_id": entry.object_id}
    release_id = entry.detail.get("release_id")
    if isinstance(release_id, str):
        title = await title_of(ctx, release_id)
        facts["release_id"] = f"'{title}' ({release_id})" if title else f"'{release_id}'"
    return Change(
        at=entry.at,
        action=entry.action,
        object_id=entry.object_id,
        actor=entry.actor_name,
        words=words_of(entry.action, facts),
    )
