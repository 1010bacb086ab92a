"""From guard rules to checks made ready, with what a hit does and what happens when a check cannot be asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from treadle.core.errors import TreadleError
from treadle.embeddings.room import EmbeddingRoom, RecentVectors
from treadle.embeddings.types import Embedder
from treadle.gateway.types import GuardAction, GuardRule
from treadle.guards.catalog import make_check, needs_embedder
from treadle.guards.check import Check

log = logging.getLogger("treadle.gateway.guards")

DEADLINE_SECONDS = 1.0


class ReadyRule(Struct, kw_only=True):
    """One rule made ready."""

    name: str
    check_name: str
    stage: Literal["input", "output"]
    action: GuardAction
    check: Check | None
    """None when it could not be made: its policy for that says what happens then."""
    deadline_seconds: float
    blocks_when_late: bool


class Seen(Struct, kw_only=True):
    """What one guard did on one request, for the trace; never holds text."""

    guard: str
    check: str
    stage: str
    action: GuardAction
    kinds: dict[str, int]
    """What was found, how often; empty when nothing was."""
    cost_us: float = 0.0
    """Measured time of the check, in microseconds; for one that embeds, with its wait in line."""
    is_late: bool = False
    """Whether it gave no verdict in time (or could not be asked at all)."""

    def attribute(self) -> dict[str, object]:
        """Return it as a trace keeps it."""
        told: dict[str, object] = {
            "guard": self.guard,
            "check": self.check,
            "stage": self.stage,
            "action": self.action,
            "kinds": self.kinds,
            "cost_us": round(self.cost_us, 1),
        }
        if self.is_late:
            told["late"] = True
        return told


def make_rules(
    rules: Sequence[GuardRule],
    actions: Mapping[str, GuardAction],
    *,
    room: EmbeddingRoom | None = None,
    prompts: Sequence[str] = (),
    canary: str | None = None,
) -> list[ReadyRule]:
    """Make rules ready. actions: what a hit does instead, by guard name. Never raises: what cannot be made is logged.

    room: for checks that embed. prompts, canary: what `leak` looks for.
    """
    return [_made(rule, actions.get(rule.name, rule.action), room, prompts, canary) for rule in rules]


def unseen(rule: ReadyRule) -> Seen:
    """Return what a guard has seen before it was asked."""
    return Seen(guard=rule.name, check=rule.check_name, stage=rule.stage, action=rule.action, kinds={})


def rule_fault(rule: GuardRule) -> str | None:
    """Return in words what is wrong with a rule, or None: for whoever saves one."""
    try:
        embedder = RecentVectors(_unloaded) if needs_embedder(rule.check, rule.options) else None
        make_check(rule.check, rule.options, embedder=embedder)
    except TreadleError as error:
        return f"guard '{rule.name}': {error.message}"
    if rule.check == "schema" and rule.stage == "input":
        return f"guard '{rule.name}': the check 'schema' judges answers; set its stage to 'output'"
    if rule.check == "leak" and rule.stage == "input":
        return f"guard '{rule.name}': the check 'leak' judges answers; set its stage to 'output'"
    return None


def _made(
    rule: GuardRule, action: GuardAction, room: EmbeddingRoom | None, prompts: Sequence[str], canary: str | None
) -> ReadyRule:
    check: Check | None = None
    try:
        embedder = None if room is None else room.embedder
        check = make_check(rule.check, rule.options, embedder=embedder, prompts=prompts, canary=canary)
    except TreadleError as error:
        log.error("guard '%s' cannot be asked: %s", rule.name, error.message)
    if rule.check == "schema" and action == "mask":
        action = "block"  # nothing in an answer that does not fit can be masked
    late = rule.options.get("when_late", "allow" if action == "allow" else "block")
    seconds = DEADLINE_SECONDS if check is None else float(rule.options.get("deadline_seconds", DEADLINE_SECONDS))
    return ReadyRule(
        name=rule.name,
        check_name=rule.check,
        stage=rule.stage,
        action=action,
        check=check,
        deadline_seconds=seconds,
        blocks_when_late=late != "allow",
    )


def _unloaded() -> Embedder:
    raise AssertionError("options are looked at without loading anything")
