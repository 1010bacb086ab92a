"""Splits: every row in one part, near-duplicates together, labels in every part, the same seed the same split."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.errors import OneLabelOnly, SettingsInvalid, TooFewRows
from treadle.data.split import split_rows
from treadle.data.types import DEFAULT_SHARES, Part


def keys_of(count: int) -> list[str]:
    return [f"ex_{number}" for number in range(count)]


@st.composite
def labelled_groups(draw: st.DrawFn) -> tuple[list[int], list[str]]:
    """Draw groups of 1 to 6 rows of one label, at least 3 groups for each of 2 to 5 labels."""
    groups: list[int] = []
    labels: list[str] = []
    for label in range(draw(st.integers(2, 5))):
        for size in draw(st.lists(st.integers(1, 6), min_size=3, max_size=30)):
            number = len(set(groups))
            groups += [number] * size
            labels += [f"label {label}"] * size
    order = draw(st.permutations(range(len(groups))))
    return [groups[at] for at in order], [labels[at] for at in order]


@settings(max_examples=150, deadline=None)
@given(labelled_groups(), st.integers(0, 5))
def test_groups_never_straddle_and_labels_are_everywhere(rows: tuple[list[int], list[str]], seed: int) -> None:
    """
    All rows of a group lie in one part, and each label is in each part.
    """
    groups, labels = rows

    parts = split_rows(keys_of(len(groups)), groups, labels, DEFAULT_SHARES, seed=seed)

    parts_of_group: defaultdict[int, set[Part]] = defaultdict(set)
    parts_of_label: defaultdict[str, set[Part]] = defaultdict(set)
    for group, label, part in zip(groups, labels, parts, strict=True):
        parts_of_group[group].add(part)
        parts_of_label[label].add(part)
    assert all(len(found) == 1 for found in parts_of_group.values())
    assert all(found == {"train", "validation", "test"} for found in parts_of_label.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("ab"), min_size=6, max_size=200), st.integers(0, 9))
def test_shares_are_met_by_whole_rows(extra: list[str], seed: int) -> None:
    """
    Without groups, each label's share of each part is within one row of what was asked.
    """
    labels = [*"aaabbb", *extra]

    parts = split_rows(keys_of(len(labels)), range(len(labels)), labels, DEFAULT_SHARES, seed=seed)

    for label, total in Counter(labels).items():
        for part, share in DEFAULT_SHARES.items():
            count = sum(one == label and where == part for one, where in zip(labels, parts, strict=True))
            assert abs(count - total * share) < 2


def test_ten_rows_of_each_label_by_hand() -> None:
    """
    10 rows of a label at 80/10/10 are 8, 1 and 1.
    """
    labels = ["a"] * 10 + ["b"] * 10

    parts = split_rows(keys_of(20), range(20), labels, DEFAULT_SHARES, seed=1)

    assert {"train": 8, "validation": 1, "test": 1} == Counter(parts[:10])
    assert {"train": 8, "validation": 1, "test": 1} == Counter(parts[10:])


def test_order_of_the_rows_does_not_matter() -> None:
    """
    Who goes where depends on seed and content only: shuffled rows keep their parts; another seed changes them.
    """
    keys, labels = keys_of(60), ["a", "b"] * 30
    there = dict(zip(keys, split_rows(keys, range(60), labels, DEFAULT_SHARES, seed=1), strict=True))

    back = dict(zip(keys[::-1], split_rows(keys[::-1], range(60), labels[::-1], DEFAULT_SHARES, seed=1), strict=True))
    other = dict(zip(keys, split_rows(keys, range(60), labels, DEFAULT_SHARES, seed=2), strict=True))

    assert there == back
    assert there != other


def test_one_label_only_is_refused() -> None:
    """
    With a single label there is nothing to learn.
    """
    with pytest.raises(OneLabelOnly) as caught:
        split_rows(keys_of(50), range(50), ["yes"] * 50, DEFAULT_SHARES, seed=0)

    assert "every one of the 50 rows has the label 'yes'" in caught.value.message
    assert "data.one_label" == caught.value.error_code


def test_label_that_cannot_be_in_every_part_is_refused() -> None:
    """
    Two rows of a label do not make three parts; near-duplicates count as one. The message names the label and the need.
    """
    labels, groups = [*"aaaaaabbbb"], [0, 1, 2, 3, 4, 5, 6, 6, 6, 7]

    with pytest.raises(TooFewRows) as caught:
        split_rows(keys_of(10), groups, labels, DEFAULT_SHARES, seed=0)

    assert "at least 3 distinct rows of each label" in caught.value.message
    assert "'b' has 2" in caught.value.message
    assert ["b"] == caught.value.values["labels"]


@pytest.mark.parametrize(
    "shares",
    [{"train": 0.5}, {"train": 0.9, "test": 0.2}, {"validation": 0.5, "test": 0.5}, {"train": 1.0, "test": 0.0}],
)
def test_shares_that_are_no_split_are_refused(shares: dict[Part, float]) -> None:
    """
    Shares lie between 0 and 1, sum to 1 and include a part to train on and one more.
    """
    with pytest.raises(SettingsInvalid) as caught:
        split_rows(keys_of(10), range(10), None, shares, seed=0)

    assert 'for example {"train": 0.8' in caught.value.message
