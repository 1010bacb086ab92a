"""Asking one check, and putting together what several found."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from treadle.core.errors import TreadleError
from treadle.embeddings.room import Busy, EmbeddingRoom
from treadle.gateway.guarding.rules import ReadyRule, Seen
from treadle.guards.check import Check
from treadle.guards.spans import Finding

log = logging.getLogger("treadle.gateway.guards")


async def ask_slow(
    check: Check, texts: Sequence[str], room: EmbeddingRoom | None, rule: ReadyRule
) -> list[list[Finding]] | None:
    """Ask a check that embeds, in the room's thread; None when there was no verdict in time."""
    if room is None:
        return None
    try:
        return await room.run(lambda: find_in(check, texts), seconds=rule.deadline_seconds)
    except Busy:
        return None
    except TreadleError as error:
        log.error("guard '%s' cannot be asked: %s", rule.name, error.message)
        return None


def count(seen: Seen, findings: Sequence[Finding]) -> None:
    """Add findings to what a guard has seen."""
    for finding in findings:
        seen.kinds[finding.kind] = seen.kinds.get(finding.kind, 0) + 1


def apart(findings: list[Finding]) -> list[Finding]:
    """Return findings of several guards in order, those that overlap made one of the first one's kind."""
    if len(findings) < 2:
        return findings
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start, -each.end)):
        if kept and finding.start < kept[-1].end:
            if finding.end > kept[-1].end:
                kept[-1] = kept[-1]._replace(end=finding.end)
        else:
            kept.append(finding)
    return kept


def find_in(check: Check, texts: Sequence[str]) -> list[list[Finding]]:
    return [check.find(text) for text in texts]
