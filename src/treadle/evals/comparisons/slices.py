"""Where a candidate is better or worse: paired comparisons within parts of the rows, regressions first. Pure.

Parts are made without being asked for: by the values of metadata columns, by the length of the input, by its language and,
where vectors are handed in, by what it is about. Looking into many parts finds something by chance, so p-values are
corrected by Benjamini and Hochberg's method: of the parts called better or worse at most alpha are so by chance, on average.
Parts overlap, and none of this proves a cause: a part is where to look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from treadle.core.types import JsonValue
from treadle.embeddings.topics import group_vectors, name_groups
from treadle.evals.comparisons.comparing import at_any_moment, extent_of, pairs_of
from treadle.evals.comparisons.types import SliceComparison, SliceKind
from treadle.evals.comparisons.verdict import Reading, decide, in_words, read_pairs
from treadle.evals.metrics import SEED, cluster_of
from treadle.evals.scorers import scorer_behind
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.statistics import benjamini_hochberg
from treadle.evals.types import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

LEAST_ROWS = 10
"""Rows of a part below which nothing can be shown."""
MOST_VALUES = 20
"""Different values of a column above which it is a name rather than a kind."""
LENGTHS = ("short", "middling", "long")
ROWS_PER_TOPIC = 30
MOST_TOPICS = 8


class Slice(NamedTuple):
    """A part of the rows."""

    kind: SliceKind
    name: str
    """Which column, or 'input'."""
    value: str
    """Which value of it."""
    rows: frozenset[int]


def find_slices(
    results: Mapping[int, Result],
    kinds: Sequence[SliceKind],
    *,
    languages_of: Callable[[Sequence[str]], list[str]] | None = None,
    embed: Callable[[Sequence[str]], Floats] | None = None,
) -> list[Slice]:
    """Return parts of LEAST_ROWS rows or more that are not all rows. languages_of and embed: for those kinds."""
    inputs = {row: text_of(result.input) for row, result in results.items()}
    found: list[tuple[SliceKind, str, Mapping[int, str]]] = []
    if "metadata" in kinds:
        found += [("metadata", name, values) for name, values in _columns(results)]
    if "length" in kinds:
        found.append(("length", "input", _lengths(inputs)))
    if "language" in kinds and languages_of is not None:
        found.append(("language", "input", dict(zip(inputs, languages_of(list(inputs.values())), strict=True))))
    if "topic" in kinds and embed is not None:
        found.append(("topic", "input", _topics(inputs, embed(list(inputs.values())))))
    slices = [
        Slice(kind, name, value, frozenset(row for row, has in values.items() if has == value))
        for kind, name, values in found
        for value in sorted(set(values.values()))
    ]
    return [part for part in slices if LEAST_ROWS <= len(part.rows) < len(results)]


def compare_slices(
    baseline: Mapping[int, Result],
    candidate: Mapping[int, Result],
    choice: ScorerChoice,
    slices: Sequence[Slice],
    *,
    alpha: float,
    cluster_by: str | None = None,
    stop_order: Sequence[int] | None = None,
) -> list[SliceComparison]:
    """Return the comparison within each part, worst first. Parts with fewer than LEAST_ROWS scored rows are left out.

    cluster_by: the metadata column that says which rows belong together; a part within one cluster is left out, for it says
    nothing of how clusters differ. stop_order: see `comparing.compare`.
    """
    pairs = pairs_of(baseline, candidate, choice.name)
    read: list[tuple[Slice, Reading]] = []
    for part in slices:
        within = [pair for pair in pairs if pair[0] in part.rows]
        clusters = None if cluster_by is None else [cluster_of(candidate[row], cluster_by) for row, _, _ in within]
        if len(within) < LEAST_ROWS or (clusters is not None and len(set(clusters)) < 2):
            continue
        _, before, after = zip(*within, strict=True)
        reading = read_pairs(before, after, alpha=alpha, seed=SEED, clusters=clusters, extent=extent_of(choice))
        if stop_order is not None:
            asked = [row for row in stop_order if row in part.rows]
            reading = at_any_moment(reading, baseline, candidate, choice, asked, alpha=alpha)
        read.append((part, reading))
    adjusted = benjamini_hochberg([reading.p_value for _, reading in read])
    compared = [
        _comparison(choice, part, reading, p_value, alpha=alpha)
        for (part, reading), p_value in zip(read, adjusted, strict=True)
    ]
    sign = 1 if scorer_behind(choice).higher_is_better else -1
    order = {"worse": 0, "not shown to be better": 1, "as good": 1, "equivalent": 1, "better": 2}
    return sorted(compared, key=lambda one: (order[one.verdict], sign * one.difference, one.name, one.value))


def text_of(value: JsonValue) -> str:
    """Return what was asked, as text: the last message of a conversation."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        return str(value[-1].get("content", ""))
    return str(value)


def _comparison(
    choice: ScorerChoice, part: Slice, reading: Reading, p_value: float, *, alpha: float
) -> SliceComparison:
    scorer = scorer_behind(choice)
    word = decide(reading, alpha=alpha, p_value=p_value, higher_is_better=scorer.higher_is_better)
    return SliceComparison(
        kind=part.kind,
        name=part.name,
        value=part.value,
        rows=reading.rows,
        baseline=reading.baseline,
        candidate=reading.candidate,
        difference=reading.difference,
        low=reading.interval.low,
        high=reading.interval.high,
        p_value=reading.p_value,
        p_adjusted=p_value,
        verdict=word,
        words=in_words(reading, word, alpha=alpha, p_value=p_value, unit=scorer.unit),
    )


def _columns(results: Mapping[int, Result]) -> list[tuple[str, dict[int, str]]]:
    columns: dict[str, dict[int, str]] = defaultdict(dict)
    for row, result in results.items():
        for name, value in result.metadata.items():
            if isinstance(value, str | int | float | bool):
                columns[name][row] = str(value)
    return [(name, values) for name, values in sorted(columns.items()) if 2 <= len(set(values.values())) <= MOST_VALUES]


def _lengths(inputs: Mapping[int, str]) -> dict[int, str]:
    """Return thirds by the number of characters; texts of one length are in one third."""
    ordered = sorted(len(text) for text in inputs.values())
    bounds = [ordered[len(ordered) * third // 3] for third in (1, 2)] if ordered else []
    return {row: LENGTHS[sum(len(text) >= bound for bound in bounds)] for row, text in inputs.items()}


def _topics(inputs: Mapping[int, str], vectors: Floats) -> dict[int, str]:
    """Return groups of like inputs, each named by the words that set it apart. Same inputs, same groups."""
    count = min(MOST_TOPICS, len(inputs) // ROWS_PER_TOPIC)
    if count < 2:
        return {}
    places = group_vectors(vectors, count, seed=SEED)
    names = name_groups(list(inputs.values()), places)
    return {row: names[place] for row, place in zip(inputs, places, strict=True)}
