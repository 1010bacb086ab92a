"""What an audit entry is about."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from treadle.governance.access import PERMISSIONS
from treadle.live.kinds import kinds, permission_of, told_of

SOURCE = Path(__file__).parents[2] / "src" / "treadle"
ULID = "01kb0000000000000000000000"


@pytest.mark.parametrize(
    ("action", "object_id", "kind", "how"),
    [
        ("prompts.create_version", f"prv_{ULID}", "prompt version", "created"),
        ("prompts.publish", f"prm_{ULID}", "prompt", "changed"),
        ("releases.create_rollout", f"rol_{ULID}", "rollout", "created"),
        ("queues.delete", f"que_{ULID}", "queue", "removed"),
        ("providers.remove", "openai", "provider", "removed"),
        ("releases.set_policy", "environment:production", "environment", "changed"),
        ("jobs.start", f"run_{ULID}", "run", "created"),
        ("comments.resolve", f"com_{ULID}", "comment", "changed"),
        ("secrets.set", "openai", "secret", "changed"),
        ("gateway.reset", "openai/gpt", "target", "changed"),
    ],
)
def test_what_an_entry_is_about(action: str, object_id: str, kind: str, how: str) -> None:
    """
    The id's prefix says the kind; where there is none, the action does.
    """
    assert (kind, how) == told_of(action, object_id)


def test_an_action_of_tomorrow() -> None:
    """
    What nobody has put into the table is told to those only who may read the audit log.
    """
    told = told_of("weather.rains", "berlin")

    assert ("weather", "changed") == told
    assert "audit.read" == permission_of(told.kind)


def test_every_action_has_a_kind() -> None:
    """
    Whatever the source writes into the audit log, under an object's name, is of a kind that somebody may hear of.
    """
    by_name = {told_of(action, "some name").kind for action in _actions()}
    with_prefix = {"comments", "data", "evals", "gateway", "jobs", "limits", "models", "monitors", "optimize", "pipelines",
        "prompts", "queues", "releases", "rules", "surveys", "abuse", "traces"}  # fmt: skip

    assert set() == by_name - set(kinds()) - with_prefix


def test_every_permission_exists() -> None:
    """
    A kind asks for a permission that some role has.
    """
    assert set() == set(kinds().values()) - PERMISSIONS["owner"]


def _actions() -> Iterator[str]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "record":
                for given in node.keywords:
                    if given.arg == "action" and isinstance(given.value, ast.Constant):
                        yield str(given.value.value)
