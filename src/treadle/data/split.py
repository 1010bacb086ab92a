"""Split rows into train, validation and test: balanced by label, and no group of near-duplicates in two parts.

Pure and deterministic: the order in which rows are dealt comes from a hash of the seed and the row's content, so neither
the platform nor the order of the file changes who goes where. Every label is in every part when it has enough groups.
Cost: O(rows log rows).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

from treadle.data.errors import OneLabelOnly, SettingsInvalid, TooFewRows
from treadle.data.types import Part

SHOWN_LABELS = 5


def check_shares(shares: Mapping[Part, float]) -> None:
    """Raise SettingsInvalid unless the shares are those of a split: each above 0, together 1, with a part to train on."""
    wrong = [f"'{part}' is {share:g}" for part, share in shares.items() if not 0 < share < 1]
    total = sum(shares.values())
    if wrong or abs(total - 1) > 1e-6 or "train" not in shares or len(shares) < 2:
        raise SettingsInvalid(
            f"the shares {dict(shares)} make no split; each must lie between 0 and 1, they must sum to 1 (here {total:g}), "
            'and there must be "train" and one more, for example {"train": 0.8, "validation": 0.1, "test": 0.1}',
            shares=dict(shares),
        )


def check_labels(labels: Sequence[str]) -> None:
    """Raise OneLabelOnly when all rows say the same."""
    if len(set(labels)) == 1:
        raise OneLabelOnly(
            f"every one of the {len(labels)} rows has the label '{labels[0]}', so there is nothing to tell apart; "
            "name the column that holds the labels with --label, or make no split",
            label=labels[0],
            num_rows=len(labels),
        )


def split_rows(
    keys: Sequence[str],
    groups: Sequence[Hashable],
    labels: Sequence[str] | None,
    shares: Mapping[Part, float],
    *,
    seed: int,
) -> list[Part]:
    """Give each row its part.

    keys: content of each row (its example id). groups: rows with the same one stay together. labels: what to balance by;
    None balances nothing. shares: part to its share of the rows.
    Raises SettingsInvalid, OneLabelOnly, TooFewRows (naming the labels that cannot be in every part).
    """
    check_shares(shares)
    strata = list(labels) if labels is not None else [""] * len(keys)
    if labels is not None:
        check_labels(labels)
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    _require_enough_groups(members, strata, shares, balanced=labels is not None)
    dealt = _Dealer(strata, members.values(), shares)
    for group in sorted(members, key=lambda group: _order(members[group], keys, strata, seed)):
        dealt.place(members[group])
    return dealt.parts()


def _require_enough_groups(
    members: Mapping[Hashable, list[int]], strata: Sequence[str], shares: Mapping[Part, float], *, balanced: bool
) -> None:
    num_groups: Counter[str] = Counter()
    for rows in members.values():
        num_groups.update({strata[row] for row in rows})
    short = sorted(stratum for stratum, count in num_groups.items() if count < len(shares))
    if not members or short:
        parts = " + ".join(shares)
        named = ", ".join(f"'{label}' has {num_groups[label]}" for label in short[:SHOWN_LABELS])
        more = f" and {len(short) - SHOWN_LABELS} more" if len(short) > SHOWN_LABELS else ""
        what = f"labels with too few distinct rows: {named}{more}" if balanced else f"{len(members)} distinct rows"
        raise TooFewRows(
            f"a split into {parts} needs at least {len(shares)} distinct rows{' of each label' if balanced else ''} "
            f"(near-duplicates count as one); found {what}; add rows, merge such labels, leave them out "
            "with the setting min_rows_per_label, or ask for fewer parts",
            labels=short,
            needed=len(shares),
        )


def _order(rows: Sequence[int], keys: Sequence[str], strata: Sequence[str], seed: int) -> tuple[int, int, bytes]:
    """Deal groups of several labels first, then large groups, the rest by chance."""
    chance = hashlib.sha256(f"{seed}/{min(keys[row] for row in rows)}".encode()).digest()
    return (-len({strata[row] for row in rows}), -len(rows), chance)


class _Dealer:
    """Places groups one by one, so that every label fills all parts alike."""

    def __init__(self, strata: Sequence[str], members: Iterable[Sequence[int]], shares: Mapping[Part, float]) -> None:
        self._strata = strata
        self._names = list(shares)
        self._of_row: dict[int, Part] = {}
        self._quota = {
            label: _quotas(total, [shares[part] for part in self._names]) for label, total in Counter(strata).items()
        }
        self._placed = {label: [0] * len(self._names) for label in self._quota}
        self._groups_left = Counter(label for rows in members for label in {strata[row] for row in rows})

    def place(self, rows: Sequence[int]) -> None:
        """Put a group where a label would else be absent, else where it fits, else where most is missing."""
        counts = Counter(self._strata[row] for row in rows)
        place = max(range(len(self._names)), key=lambda place: self._wish(counts, place))
        for row in rows:
            self._of_row[row] = self._names[place]
        for label, count in counts.items():
            self._placed[label][place] += count
            self._groups_left[label] -= 1

    def _wish(self, counts: Mapping[str, int], place: int) -> tuple[int, bool, float, int]:
        """Rate a part for a group: labels that must go there now, whether it fits, how empty the part still is."""
        must = sum(
            self._placed[label][place] == 0 and self._groups_left[label] <= self._placed[label].count(0)
            for label in counts
        )
        left = {label: self._quota[label][place] - self._placed[label][place] for label in counts}
        fits = all(left[label] >= count for label, count in counts.items())
        emptiness = sum(left.values()) / (sum(self._quota[label][place] for label in counts) or 1)
        return (must, fits, emptiness, -place)

    def parts(self) -> list[Part]:
        """Give the part of each row, in order."""
        return [self._of_row[row] for row in range(len(self._strata))]


def _quotas(total: int, shares: Sequence[float]) -> list[int]:
    """Share out whole rows by the largest remainder, at least one to each part when there are enough."""
    least = 1 if total >= len(shares) else 0
    quotas = [max(int(total * share), least) for share in shares]
    remainders = sorted(
        range(len(shares)), key=lambda place: (int(total * shares[place]) - total * shares[place], place)
    )
    for place in remainders * (total // len(shares) + 1):
        if sum(quotas) >= total:
            break
        quotas[place] += 1
    while sum(quotas) > total:
        quotas[quotas.index(max(quotas))] -= 1
    return quotas
