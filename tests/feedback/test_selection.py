"""What active learning chooses, on answers whose shape is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.feedback.selection import Pool, Reason, _shares, choose


def _around(*centres: tuple[float, ...], num: int = 20, spread: float = 0.05, seed: int = 0) -> Any:
    """Unit vectors in clouds around some centres, `num` of each, in order."""
    random = np.random.default_rng(seed)
    rows = np.concatenate([np.array(centre) + spread * random.normal(size=(num, len(centre))) for centre in centres])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _pool(vectors: Any, **more: Any) -> Pool:
    nothing = [None] * len(vectors)
    return Pool(**{"vectors": vectors, "labels": nothing, "spreads": nothing, **more})


def test_nothing_is_known_yet() -> None:
    """
    Without judgements every cloud of answers gets one that stands for it, and the reason given is the true one.
    """
    vectors = _around((1, 0, 0), (0, 1, 0), (0, 0, 1), num=30)

    chosen = choose(_pool(vectors), 3, mix={"uncertainty": 1.0})

    assert {0, 1, 2} == {one.place // 30 for one in chosen}
    assert {"diversity"} == {one.reason for one in chosen}


def test_between_two_labels() -> None:
    """
    Uncertainty takes answers that lie between what people called differently, not those deep inside a label.
    """
    vectors = _around((1, 0, 0), (0, 1, 0), (1, 1, 0), num=20)
    labels = ["a" if place < 5 else "b" if 20 <= place < 25 else None for place in range(60)]

    chosen = choose(_pool(vectors, labels=labels), 4, mix={"uncertainty": 1.0})

    assert {"uncertainty"} == {one.reason for one in chosen}
    assert all(one.place >= 40 for one in chosen)


def test_people_contradict_each_other() -> None:
    """
    Disagreement takes what judges are furthest apart on before anything else.
    """
    vectors = _around((1, 0), (0, 1), num=20)
    spreads = [None] * 40
    spreads[7], spreads[31] = 1.0, 0.5  # type: ignore[call-overload]

    chosen = choose(_pool(vectors, spreads=spreads), 2, mix={"disagreement": 1.0})

    assert {(7, 1.0), (31, 0.5)} == {(one.place, one.score) for one in chosen}


def test_what_nobody_asked_before() -> None:
    """
    Drift takes answers to questions that are far from the earlier window.
    """
    vectors = _around((1, 0, 0), (0, 0, 1), num=20)

    chosen = choose(_pool(vectors, reference=_around((1, 0, 0), num=30, seed=9)), 4, mix={"drift": 1.0})

    assert ["drift"] * 4 == [one.reason for one in chosen]
    assert all(one.place >= 20 for one in chosen)


def test_what_waits_already_is_not_asked_twice() -> None:
    """
    A cloud with an answer that waits to be judged gets no second one before the other clouds have theirs.
    """
    vectors = _around((1, 0, 0), (0, 1, 0), (0, 0, 1), num=30)

    chosen = choose(_pool(vectors, waiting=frozenset({4})), 2, mix={"diversity": 1.0})

    assert {1, 2} == {one.place // 30 for one in chosen}


@pytest.mark.parametrize(("num", "expected"), [(10, [5, 1, 1, 3]), (3, [2, 0, 0, 1]), (0, [0, 0, 0, 0])])
def test_shares(num: int, expected: list[int]) -> None:
    """
    The mix is kept to the largest remainder: 5, 1, 3 and 1 of ten.
    """
    mix: dict[Reason, float] = {"uncertainty": 5, "disagreement": 1, "diversity": 3, "drift": 1}

    assert expected == list(_shares(num, mix).values())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(0, 40), st.integers(0, 9), st.integers(0, 2**16))
def test_always(num: int, num_labelled: int, num_waiting: int, seed: int) -> None:
    """
    As many as there are, each once, none that is judged or waits; the same seed takes the same.
    """
    vectors = _around((1, 0, 0), (0, 1, 0), num=30, seed=seed)
    labels = [str(place % 3) if place < num_labelled else None for place in range(60)]
    waiting = frozenset(range(59, 59 - num_waiting, -1))
    pool = _pool(vectors, labels=labels, waiting=waiting, reference=vectors[:5])

    chosen = choose(pool, num, seed=seed)

    places = [one.place for one in chosen]
    assert min(num, 60 - num_labelled - num_waiting) == len(places) == len(set(places))
    assert all(place >= num_labelled and place not in waiting for place in places)
    assert chosen == choose(pool, num, seed=seed)
