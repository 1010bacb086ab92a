"""Ids: their shape, that fresh ones sort by age, and that derived ones belong to their parts."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from treadle.core.ids import derive_id, new_id

SHAPE = re.compile(r"run_[0-7][0-9a-hjkmnp-tv-z]{25}")
"""128 bits in 26 signs of 5 bits: the first holds only 3."""


def test_fresh_ids_sort_by_age() -> None:
    """
    An id that was made a moment later sorts after: listings page by it.
    """
    ids = []
    for _ in range(5):
        ids.append(new_id("run"))
        time.sleep(0.002)

    assert sorted(ids) == ids
    assert all(SHAPE.fullmatch(one) for one in ids)


def test_fresh_ids_differ() -> None:
    """
    Ids that are made within one millisecond differ all the same.
    """
    assert 10_000 == len({new_id("run") for _ in range(10_000)})


PARTS = st.lists(st.text(st.characters(exclude_characters="\x1f", codec="utf-8")), min_size=1, max_size=4)


@given(PARTS, PARTS)
def test_derived_ids_belong_to_their_parts(some: list[str], others: list[str]) -> None:
    """
    The same parts give the same id, so that work which runs twice names its results alike.
    """
    one, other = derive_id("run", *some), derive_id("run", *others)

    assert SHAPE.fullmatch(one)
    assert one == derive_id("run", *some)
    assert (some == others) == (one == other)
