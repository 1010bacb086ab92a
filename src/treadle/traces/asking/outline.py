"""The shape of one trace: who is part of whom, what each subtree came to, and the critical path. Pure; no recursion.

Spans come in any order, without their parents, in circles, 100,000 deep. The critical path says whose work the whole
waited for at each moment: going back from the end, the child that ended last has the time since it began, and what no
child covers is the span's own. Parts that outlast their parent count up to its end; of parts that overlap, each has the
time until the next one began to matter, so the path covers the root's time exactly once. Jaeger's, with one difference:
a part that is still running when the next one begins has the time until then, where Jaeger gives it to the parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple


class Bone(NamedTuple):
    """What the shape needs of a span."""

    span_id: str
    parent_span_id: str | None
    start_ms: float
    """From any one moment."""
    latency_ms: float
    has_failed: bool
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    """0 where it is unknown."""
    is_unpriced: bool = False
    """Whether it must have cost something that nobody knows."""


class Section(NamedTuple):
    """A piece of the critical path: one span's own time."""

    span: int
    """Place among the bones."""
    from_ms: float
    until_ms: float


class Outline:
    """The tree of a trace by places in `bones`."""

    def __init__(self, bones: Sequence[Bone]) -> None:
        """Cost: some 5 us per span."""
        self.bones = sorted(
            {bone.span_id: bone for bone in bones}.values(), key=lambda bone: (bone.start_ms, bone.span_id)
        )
        count = len(self.bones)
        self.place_of = {bone.span_id: place for place, bone in enumerate(self.bones)}
        self.children: list[list[int]] = [[] for _ in range(count)]
        self.roots: list[int] = []
        self.depths = [0] * count
        for place, bone in enumerate(self.bones):
            parent = self.place_of.get(bone.parent_span_id or "")
            if parent is None or parent == place:
                self.roots.append(place)
            else:
                self.children[parent].append(place)
        self.order = self._walked()
        """Every span once, each before its parts, parts in order of start."""
        self.descendants = [0] * count
        self.errors = [int(bone.has_failed) for bone in self.bones]
        self.input_tokens = [bone.input_tokens for bone in self.bones]
        self.output_tokens = [bone.output_tokens for bone in self.bones]
        self.costs = [bone.cost_usd for bone in self.bones]
        self.unpriced = [int(bone.is_unpriced) for bone in self.bones]
        for place in reversed(self.order):
            for child in self.children[place]:
                self.descendants[place] += 1 + self.descendants[child]
                self.errors[place] += self.errors[child]
                self.input_tokens[place] += self.input_tokens[child]
                self.output_tokens[place] += self.output_tokens[child]
                self.costs[place] += self.costs[child]
                self.unpriced[place] += self.unpriced[child]

    def _walked(self) -> list[int]:
        order, seen = list[int](), [False] * len(self.bones)
        circles = iter(range(len(self.bones)))
        waiting = list(reversed(self.roots))
        for place in waiting:
            seen[place] = True
        while True:
            while waiting:
                place = waiting.pop()
                order.append(place)
                parts = [child for child in self.children[place] if not seen[child]]
                self.children[place] = parts  # the way back into a circle is cut
                for child in parts:
                    seen[child] = True
                    self.depths[child] = self.depths[place] + 1
                waiting += reversed(parts)
            left = next((place for place in circles if not seen[place]), None)
            if left is None:
                return order
            seen[left] = True
            self.roots.append(left)
            waiting.append(left)

    def below(self, place: int | None, *, levels: int | None = None) -> Iterator[int]:
        """Yield a span's parts and theirs (everything for None) in the order of `order`, so many levels deep."""
        waiting = list(reversed(self.roots if place is None else self.children[place]))
        deepest = None if levels is None else levels + (0 if place is None else self.depths[place] + 1)
        while waiting:
            one = waiting.pop()
            yield one
            if deepest is None or self.depths[one] + 1 < deepest:
                waiting += reversed(self.children[one])

    def critical_path(self, root: int) -> list[Section]:
        """Return the critical path below a root, last piece first. Its pieces follow each other without a gap."""
        sections = list[Section]()
        begin, end = self._time(root)
        frames = [_Frame(root, begin, end, self._latest(root))]
        while frames:
            frame = frames[-1]
            for child in frame.parts:
                starts, ends = self._time(child)
                starts, ends = max(starts, frame.low), min(ends, frame.until)
                if ends <= starts:
                    continue
                if ends < frame.until:
                    sections.append(Section(frame.span, ends, frame.until))
                frame.until = starts
                frames.append(_Frame(child, starts, ends, self._latest(child)))
                break
            else:
                if frame.until > frame.low:
                    sections.append(Section(frame.span, frame.low, frame.until))
                frames.pop()
        return sections

    def _time(self, place: int) -> tuple[float, float]:
        bone = self.bones[place]
        return bone.start_ms, bone.start_ms + max(bone.latency_ms, 0.0)

    def _latest(self, place: int) -> Iterator[int]:
        return iter(sorted(self.children[place], key=lambda child: (-self._time(child)[1], child)))


class _Frame:
    """A span of which the time from `low` to `until` is being told."""

    __slots__ = ("low", "parts", "span", "until")

    def __init__(self, span: int, low: float, until: float, parts: Iterator[int]) -> None:
        self.span, self.low, self.until, self.parts = span, low, until, parts
