"""The shape of a trace: every span once whatever its parents are, sums of subtrees, and a critical path without gaps."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from treadle.traces.asking.outline import Bone, Outline


def bone(name: str, parent: str | None, start: float, latency: float, *, has_failed: bool = False) -> Bone:
    """Return a span with one token and a cent."""
    return Bone(name, parent, start, latency, has_failed, 1, 2, Decimal("0.01"))


BONES = st.lists(
    st.builds(
        lambda name, parent, start, latency: bone(f"s{name}", None if parent < 0 else f"s{parent}", start, latency),
        st.integers(0, 9), st.integers(-1, 11), st.integers(0, 20), st.integers(0, 20),
    ),
    max_size=14,
)  # fmt: skip


def path(outline: Outline) -> list[tuple[str, float, float]]:
    """Return the first root's critical path, first piece first."""
    sections = outline.critical_path(outline.roots[0])
    return [(outline.bones[one.span].span_id, one.from_ms, one.until_ms) for one in reversed(sections)]


def test_parts_side_by_side() -> None:
    """
    Of parts that run together the one that ended last is waited for, and one before it until it began.
    """
    outline = Outline([
        bone("root", None, 0, 12), bone("quick", "root", 1, 3), bone("slow", "root", 1, 7), bone("late", "root", 5, 6),
    ])  # fmt: skip

    assert [("root", 0, 1), ("slow", 1, 5), ("late", 5, 11), ("root", 11, 12)] == path(outline)


def test_a_part_that_outlasts_its_parent() -> None:
    """
    What goes on behind the root's end is not waited for.
    """
    outline = Outline([bone("root", None, 0, 4), bone("behind", "root", 2, 100), bone("inner", "behind", 3, 9)])

    assert [("root", 0, 2), ("behind", 2, 3), ("inner", 3, 4)] == path(outline)


@given(BONES)
def test_every_span_once(bones: list[Bone]) -> None:
    """
    Every span is in the order once, after its parent; sums of the roots are those of all spans.
    """
    outline = Outline(bones)

    names = {one.span_id for one in bones}
    assert names == {outline.bones[place].span_id for place in outline.order}
    assert len(names) == len(outline.order) == sum(outline.descendants[root] + 1 for root in outline.roots)
    assert len(names) == sum(outline.input_tokens[root] for root in outline.roots)
    assert outline.order == list(outline.below(None))
    at = {place: number for number, place in enumerate(outline.order)}
    assert all(at[place] < at[child] for place in outline.order for child in outline.children[place])


@given(BONES)
def test_paths_cover_the_roots_time(bones: list[Bone]) -> None:
    """
    The pieces of a critical path follow each other without gap or overlap, each within its span, over the root's time.
    """
    outline = Outline(bones)

    for root in outline.roots:
        sections = list(reversed(outline.critical_path(root)))
        begin, end = outline._time(root)
        moments = [begin, *(one.until_ms for one in sections)]
        assert moments[:-1] == [one.from_ms for one in sections]
        assert moments[-1] == end or begin == end
        assert all(
            outline._time(one.span)[0] <= one.from_ms < one.until_ms <= outline._time(one.span)[1] for one in sections
        )


def test_a_long_chain() -> None:
    """
    A chain of 100,000 spans has a shape and a path.
    """
    outline = Outline([bone(f"s{number}", f"s{number - 1}", number, 100_000 - number) for number in range(100_000)])

    assert (99_999, 99_999) == (max(outline.depths), outline.descendants[outline.roots[0]])
    assert 100_000 == len(outline.critical_path(outline.roots[0]))
    assert 3 == len(list(outline.below(outline.roots[0], levels=3)))
