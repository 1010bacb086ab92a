"""What an entry of the audit log is about, as one kind of object, and who may hear of it. Pure.

Most ids say it themselves by their prefix; what goes by a name is told by the action's noun. An action that nobody has put
here is told as its noun, to those who may read the audit log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from treadle.live.types import How

_BY_PREFIX = {
    "abu": "finding",
    "act": "actor",
    "alt": "alert",
    "batch": "batch",
    "cal": "calibration",
    "cho": "choice",
    "com": "comment",
    "ds": "dataset",
    "dsv": "dataset version",
    "end": "endpoint",
    "exp": "experiment",
    "file": "file",
    "har": "experiment",
    "harness": "experiment",
    "lim": "limit",
    "mdl": "model",
    "mdv": "model version",
    "mon": "monitor",
    "opt": "optimisation",
    "prm": "prompt",
    "prv": "prompt version",
    "psf": "prompt version",
    "que": "queue",
    "rel": "release",
    "rol": "rollout",
    "rul": "rule",
    "run": "run",
    "sch": "schedule",
    "svy": "survey",
}
_BY_ACTION = {
    "abuse.policy": "abuse policy",
    "access.create_link": "session",
    "access.sign_in": "session",
    "comments.erase": "comment",
    "gateway.reset": "target",
    "prompts.set_label_policy": "label",
    "releases.set_policy": "environment",
    "traces.capture": "capture",
    "traces.export": "run",
    "traces.retention": "retention",
    "traces.view": "view",
    "traces.view_deleted": "view",
}
_BY_NOUN = {
    "access": "key",
    "cache": "cache",
    "channels": "channel",
    "charts": "chart",
    "choosing": "catalogue entry",
    "forwards": "forward",
    "projects": "project",
    "providers": "provider",
    "secrets": "secret",
}
_PERMISSION = {
    "abuse policy": "monitors.read",
    "actor": "access.read",
    "alert": "monitors.read",
    "batch": "gateway.invoke",
    "cache": "limits.read",
    "calibration": "evals.read",
    "capture": "traces.read",
    "catalogue entry": "models.read",
    "channel": "monitors.read",
    "chart": "monitors.read",
    "choice": "models.read",
    "comment": "comments.read",
    "dataset": "data.read",
    "dataset version": "data.read",
    "endpoint": "releases.read",
    "environment": "releases.read",
    "experiment": "evals.read",
    "feedback": "feedback.read",
    "file": "gateway.invoke",
    "finding": "monitors.read",
    "forward": "traces.read",
    "key": "access.read",
    "label": "prompts.read",
    "limit": "limits.read",
    "model": "models.read",
    "model version": "models.read",
    "monitor": "monitors.read",
    "optimisation": "prompts.read",
    "project": "access.self",
    "prompt": "prompts.read",
    "prompt version": "prompts.read",
    "provider": "providers.read",
    "queue": "feedback.read",
    "release": "releases.read",
    "retention": "traces.read",
    "rollout": "releases.read",
    "rule": "monitors.read",
    "run": "jobs.read",
    "schedule": "jobs.read",
    "secret": "secrets.read",
    "session": "audit.read",
    "survey": "feedback.read",
    "target": "providers.read",
    "trace": "traces.read",
    "view": "traces.read",
}
_PREFIX = re.compile(r"([a-z]+)_[0-9a-z]{20,}")
_CREATED = ("create", "start", "register", "put_entry", "keep", "make")
_REMOVED = ("remove", "delete", "erase", "view_deleted", "clear")


class Told(NamedTuple):
    """What an entry is about."""

    kind: str
    how: How


def told_of(action: str, object_id: str) -> Told:
    """Return what an audit entry is about. action: such as 'prompts.publish'."""
    noun, _, verb = action.partition(".")
    prefix = _PREFIX.fullmatch(object_id)
    kind = _BY_ACTION.get(action) or (_BY_PREFIX.get(prefix[1]) if prefix else None) or _BY_NOUN.get(noun) or noun
    return Told(kind, "created" if _is_one(verb, _CREATED) else "removed" if _is_one(verb, _REMOVED) else "changed")


def permission_of(kind: str) -> str:
    """Return the permission to hear of a kind."""
    return _PERMISSION.get(kind, "audit.read")


def kinds() -> Mapping[str, str]:
    """Return every kind that is told, with the permission to hear of it."""
    return _PERMISSION


def _is_one(verb: str, verbs: tuple[str, ...]) -> bool:
    return any(verb == one or verb.startswith(f"{one}_") for one in verbs)
