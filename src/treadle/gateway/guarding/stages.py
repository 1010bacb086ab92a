"""The guards of one arm at work: over the texts of a request, and over the texts of an answer that is complete.

All checks read the same text, so their order does not matter: what any blocking guard finds refuses the text, what a
masking one finds becomes a token. Fast checks run where they are called; with much text they go to a thread, so that
the loop stays free. Checks that embed run in the room's thread with a deadline. Cost without hits: the checks' own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter

from msgspec import Struct, field

from treadle.embeddings.room import EmbeddingRoom
from treadle.gateway import refusals
from treadle.gateway.guarding.asking import apart, ask_slow, count, find_in
from treadle.gateway.guarding.rules import ReadyRule, Seen, make_rules, unseen
from treadle.gateway.guarding.windows import StreamGuard
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import GuardAction, GuardRule
from treadle.guards.attacks import AttackCheck
from treadle.guards.spans import Finding

MUCH = 20_000
"""Characters from which on even fast checks leave the loop."""
MANY = 500
"""Texts from which on they do."""


class Verdict(Struct, kw_only=True):
    """What the guards say about some texts."""

    masks: list[list[Finding]]
    """What is to be masked in each text, in order and apart."""
    seen: list[Seen] = field(default_factory=list)
    """One for each guard that was asked, hits or not."""
    blocked: Refusal | None = None
    """Why they may not go on at all."""

    @property
    def is_changed(self) -> bool:
        """Whether anything is to be masked."""
        return any(self.masks)

    @property
    def has_hits(self) -> bool:
        """Whether any guard found anything, whatever it did then."""
        return any(each.kinds for each in self.seen)


class Guards:
    """The guards of one arm, made ready once for each configuration."""

    def __init__(
        self,
        rules: Sequence[GuardRule],
        actions: Mapping[str, GuardAction],
        *,
        room: EmbeddingRoom | None = None,
        prompts: Sequence[str] = (),
        canary: str | None = None,
    ) -> None:
        """See `make_rules`."""
        ready = make_rules(rules, actions, room=room, prompts=prompts, canary=canary)
        self._input = [rule for rule in ready if rule.stage == "input"]
        self._output = [rule for rule in ready if rule.stage == "output"]
        self._room = room
        self.has_input = bool(self._input)
        """Whether requests are looked at."""
        self.has_output = bool(self._output)
        """Whether answers are looked at."""

    @property
    def embeds(self) -> bool:
        """Whether any check embeds: then the room should be warmed before the arm serves."""
        return any(rule.check is not None and rule.check.slow for rule in (*self._input, *self._output))

    async def run_input(self, texts: Sequence[str]) -> Verdict:
        """Look at the texts of a request."""
        return await _run(self._input, texts, self._room)

    async def run_output(self, texts: Sequence[str], asides: Sequence[str] = ()) -> Verdict:
        """Look at the texts of a complete answer. asides: what else it holds; no answer has to fit a schema there."""
        return await _run(self._output, [*texts, *asides], self._room, num_said=len(texts))

    def watch(self) -> StreamWatch:
        """Return what looks at all that one stream says."""
        return StreamWatch(self._output, self._room)


class StreamWatch:
    """The guards over one stream, which may say several things: text, reasoning, calls."""

    def __init__(self, rules: Sequence[ReadyRule], room: EmbeddingRoom | None) -> None:
        self.seen = [unseen(rule) for rule in rules]
        """What each guard did so far, over everything that was said."""
        self._rules = rules
        self._room = room

    def stream(self, *, is_text: bool) -> StreamGuard:
        """Return what looks at one thing as it is said. is_text: whether it is what has to fit a schema."""
        pairs = [pair for pair in zip(self._rules, self.seen, strict=True) if is_text or not _is_whole(pair[0])]
        return StreamGuard([rule for rule, _ in pairs], self._room, [seen for _, seen in pairs])

    async def run(self, asides: Sequence[str]) -> Verdict:
        """Look at texts that came whole, and are not the answer's text."""
        return await _run(self._rules, asides, self._room, num_said=0, seen=self.seen)


async def _run(
    rules: Sequence[ReadyRule],
    texts: Sequence[str],
    room: EmbeddingRoom | None,
    *,
    num_said: int = 0,
    seen: Sequence[Seen] | None = None,
) -> Verdict:
    """num_said: how many of the texts, from the first, a check of whole answers looks at. seen: what each rule adds to."""
    if seen is None:
        seen = [unseen(rule) for rule in rules]
    verdict = Verdict(masks=[[] for _ in texts])
    if not rules or not texts:
        return verdict
    masked: list[list[Finding]] = [[] for _ in texts]
    is_much = len(texts) > MANY or sum(map(len, texts)) > MUCH
    # Fast ones first: what they block need not be embedded.
    for rule, told in sorted(zip(rules, seen, strict=True), key=_is_slow):
        asked = texts[:num_said] if _is_whole(rule) else texts
        if not asked:
            continue
        verdict.seen.append(told)
        began = perf_counter()
        found = await _ask(rule, asked, room, is_much)
        told.cost_us += (perf_counter() - began) * 1e6
        if found is None:
            told.is_late = True
            if rule.blocks_when_late:
                verdict.blocked = refusals.guard_unready(rule.name)
                return verdict
            continue
        for place, findings in enumerate(found):
            if findings:
                count(told, findings)
                if rule.action == "mask":
                    masked[place] += findings
        if any(found) and rule.action == "block":
            verdict.blocked = refusals.guard_blocked(rule.name, rule.check_name)
            return verdict
    verdict.masks = [apart(findings) for findings in masked]
    return verdict


async def _ask(
    rule: ReadyRule, texts: Sequence[str], room: EmbeddingRoom | None, is_much: bool
) -> list[list[Finding]] | None:
    """Return what a check finds in each text; None when it could not be asked in time."""
    check = rule.check
    if check is None:
        return None
    if not check.slow:
        return await asyncio.to_thread(find_in, check, texts) if is_much else find_in(check, texts)
    if isinstance(check, AttackCheck) and rule.action == "block" and not is_much:
        by_shape = [check.find_signatures(text) for text in texts]
        if any(by_shape):
            return by_shape
    return await ask_slow(check, texts, room, rule)


def _is_slow(pair: tuple[ReadyRule, Seen]) -> bool:
    check = pair[0].check
    return check is None or check.slow


def _is_whole(rule: ReadyRule) -> bool:
    return rule.check is not None and rule.check.whole
