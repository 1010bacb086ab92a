"""Guards over a stream: text goes out as soon as nothing that may follow can make it part of a finding.

Each check says up to where a growing text is settled; the least of these goes out, with masks in it. So a card number
whose digits come one by one is masked whole, and a plain sentence waits for one word. A text comes out the same however
it was cut into chunks (tests/gateway/test_guard_windows.py). What blocks raises a Refusal in the middle of the stream;
nothing from the finding on has gone out then.
Cost: for a chunk some 10 to 40 microseconds, independent of how long the stream is.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from treadle.embeddings.room import EmbeddingRoom
from treadle.gateway import refusals
from treadle.gateway.guarding.asking import apart, ask_slow, count
from treadle.gateway.guarding.rules import ReadyRule, Seen
from treadle.guards.spans import Finding, replace_findings

KEPT = 120
"""Characters that went out and are kept: checks look back over them ('call me on' before a number)."""
_TRIM_AT = 240
_PATIENCE = 2048
_STRIDE = 256
"""With more than `_PATIENCE` characters held back, look again only after so many more."""


class StreamGuard:
    """Looks at one thing that a stream says. After `finish` it may go on: then what went out is looked back at."""

    def __init__(self, rules: Sequence[ReadyRule], room: EmbeddingRoom | None, seen: Sequence[Seen]) -> None:
        """seen: what each rule adds to."""
        self._room = room
        self._text = ""
        """What is kept and what is held back."""
        self._out = 0
        """Offset in it up to where text has gone out."""
        self._looked = 0
        """Its length when it was looked at last."""
        self._rules = rules
        self.seen = seen
        """What each guard did so far."""
        self._judged = [0 for _ in rules]
        """For each check that embeds: up to where it has judged."""
        self._slow_masks: list[Finding] = []
        self._goes_on = False
        """Whether there was an end already: then what is found may begin in what has gone out."""
        self.is_slow = any(rule.check is None or rule.check.slow for rule in rules)
        """Whether `feed` may wait; a stream with fast checks only can use `feed_now`."""

    def feed_now(self, text: str) -> str:
        """Take text; return what may go out, maybe nothing. For fast checks only. Raises Refusal."""
        self._text += text
        if not self._is_due():
            return ""
        return self._release(self._settled())

    async def feed(self, text: str) -> str:
        """Take text; return what may go out, maybe nothing. Raises Refusal."""
        if not self.is_slow:
            return self.feed_now(text)
        self._text += text
        if not self._is_due():
            return ""
        await self._ask_slow_ones(is_end=False)
        return self._release(self._settled())

    def finish_now(self) -> str:
        """Return what is still held back, at the end of the text. For fast checks only. Raises Refusal."""
        out = self._release(len(self._text))
        self._goes_on = bool(self._text)
        return out

    async def finish(self) -> str:
        """Return what is still held back, at the end of the text. Raises Refusal."""
        if self.is_slow:
            await self._ask_slow_ones(is_end=True)
        return self.finish_now()

    def _is_due(self) -> bool:
        held = len(self._text) - self._out
        if held > _PATIENCE and len(self._text) - self._looked < _STRIDE:
            return False
        self._looked = len(self._text)
        return held > 0

    def _settled(self) -> int:
        """Return up to where every check is sure."""
        cut = len(self._text)
        for index, rule in enumerate(self._rules):
            if rule.check is None:
                continue
            if rule.check.slow:
                cut = min(cut, self._judged[index])
            else:
                began = perf_counter()
                cut = min(cut, rule.check.settled(self._text))
                self.seen[index].cost_us += (perf_counter() - began) * 1e6
            if cut <= self._out:
                break
        return cut

    def _release(self, cut: int) -> str:
        """Let the text up to an offset go out, masked; less where a finding lies across it."""
        if cut <= self._out:
            return ""
        found: list[list[Finding]] = []
        for index, rule in enumerate(self._rules):
            findings: list[Finding] = []
            part = self._text if self._goes_on else self._text[self._out :]
            if rule.check is not None and not rule.check.slow and rule.check.possible(part):
                began = perf_counter()
                findings = rule.check.find(self._text)
                if self._goes_on:
                    findings = self._clipped(findings)
                findings = [each for each in findings if each.start >= self._out]
                self.seen[index].cost_us += (perf_counter() - began) * 1e6
            found.append(findings)
        cut = _before_any(cut, [*found, self._slow_masks])
        if cut <= self._out:
            return ""
        masks = [each for each in self._slow_masks if self._out <= each.start < cut]
        for index, (rule, findings) in enumerate(zip(self._rules, found, strict=True)):
            final = [each for each in findings if each.start < cut]
            count(self.seen[index], final)
            if final and rule.action == "block":
                raise refusals.guard_blocked(rule.name, rule.check_name)
            if rule.action == "mask":
                masks += final
        return self._send(cut, masks)

    def _clipped(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return findings with what of them has gone out cut off."""
        return [each._replace(start=max(each.start, self._out)) for each in findings if each.end > self._out]

    def _send(self, cut: int, masks: list[Finding]) -> str:
        """Return the text up to an offset with its masks, and forget what no check looks back at."""
        start, text = self._out, self._text
        if masks:
            places = [each._replace(start=each.start - start, end=each.end - start) for each in apart(masks)]
            out = replace_findings(text[start:cut], places)
        else:
            out = text[start:cut]
        self._out = cut
        if len(text) > _TRIM_AT and cut > KEPT:
            self._trim(cut - KEPT)
        return out

    def _trim(self, before: int) -> None:
        """Forget the text before an offset, from a break between words on."""
        at = max(self._text.rfind("\n", 0, before), self._text.rfind(" ", 0, before)) + 1
        if at <= 0:
            return
        self._text = self._text[at:]
        self._out -= at
        self._looked -= at
        self._judged = [max(0, judged - at) for judged in self._judged]
        self._slow_masks = [
            each._replace(start=each.start - at, end=each.end - at) for each in self._slow_masks if each.start >= at
        ]

    async def _ask_slow_ones(self, *, is_end: bool) -> None:
        """Let the checks that embed judge what they can: whole sentences, at the end everything."""
        for index, rule in enumerate(self._rules):
            if rule.check is not None and not rule.check.slow:
                continue
            since = self._judged[index]
            part = self._text[since:]
            ready = len(part) if is_end or rule.check is None else rule.check.settled(part)
            if not ready or not part[:ready].strip():
                continue
            seen = self.seen[index]
            began = perf_counter()
            found = None if rule.check is None else await ask_slow(rule.check, [part[:ready]], self._room, rule)
            seen.cost_us += (perf_counter() - began) * 1e6
            self._judged[index] = since + ready
            if found is None:
                seen.is_late = True
                if rule.blocks_when_late:
                    raise refusals.guard_unready(rule.name)
                continue
            findings = [each._replace(start=each.start + since, end=each.end + since) for each in found[0]]
            count(seen, findings)
            if findings and rule.action == "block":
                raise refusals.guard_blocked(rule.name, rule.check_name)
            if rule.action == "mask":
                self._slow_masks += findings


def _before_any(cut: int, found: Sequence[Sequence[Finding]]) -> int:
    """Return the largest offset up to the cut that lies inside of no finding."""
    while True:
        lower = min((each.start for findings in found for each in findings if each.start < cut < each.end), default=cut)
        if lower == cut:
            return cut
        cut = lower
