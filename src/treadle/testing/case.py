"""`@treadle.case`: a test function becomes one test per row; what it returns is judged by scorers.

    @treadle.case(rows=[{"input": "my card is gone", "expected": "lost"}], scorers=["exact_match"])
    def test_support(row):
        return my_app(row["input"])

Rows are given in the test or are those of a dataset version; scorers are names or `ScorerChoice`s. Scorers that compute run
here; judges are asked through the server (`TREADLE_URL`, `TREADLE_API_KEY`), as are the rows of a dataset. A row passes when
each score is at least `minimum`, or of a scorer of which less is better (latency, TER) at most `maximum`; one that cannot be
judged fails with its reason, for a test that judged nothing has shown nothing. What only an experiment knows, prices and how
likely tokens were, is judged by no test: cost, perplexity, bits_per_byte. The decorated function stays an ordinary one, so it can be called by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from treadle.evals.scoring.case import Judge
    from treadle.evals.scoring.types import Score, ScorerChoice

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__treadle_case__"
"""Where a function keeps what the decorator was told."""
AT_ONCE = 500


class Told(NamedTuple):
    """What a decorator was told."""

    rows: Sequence[Mapping[str, Any]]
    dataset: str | None
    version: int | str
    part: str | None
    limit: int | None
    scorers: Sequence[str | ScorerChoice]
    minimum: float
    maximum: float | None
    judges: dict[int, Judge]
    """Scorers that are ready, by their place: what is heavy is loaded once."""


def case(
    *,
    rows: Sequence[Mapping[str, Any]] = (),
    dataset: str | None = None,
    version: int | str = "latest",
    part: str | None = None,
    limit: int | None = None,
    scorers: Sequence[str | ScorerChoice] = ("exact_match",),
    minimum: float = 1.0,
    maximum: float | None = None,
) -> Callable[[F], F]:
    """Make one test per row of a function that takes `row` and returns an answer.

    rows: mappings with `input`, and where there is one `expected`; further fields are the row's metadata. dataset, version,
    part, limit: take a dataset's rows instead. minimum: the least value of each score of which more is better. maximum: the largest of each
    of which less is better, in its own unit (milliseconds, USD ...); such a scorer needs one.
    Raises ValueError unless rows or a dataset are named.
    """
    if bool(rows) == (dataset is not None):
        raise ValueError("a case needs rows=[...] or dataset='NAME', one of them")

    def mark(function: F) -> F:
        setattr(function, MARK, Told(rows, dataset, version, part, limit, scorers, minimum, maximum, {}))
        return function

    return mark


def rows_of(told: Told) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a case; those of a dataset are read from the server. Raises NotFound, Unavailable."""
    if told.dataset is None:
        yield from told.rows[: told.limit]
        return
    from treadle.server.local import connect

    count, cursor = 0, None
    with connect() as client:
        while True:
            page = client.datasets.list_examples(
                told.dataset, told.version, part=told.part, limit=AT_ONCE, cursor=cursor
            )
            for example in page.items:
                if told.limit is not None and count >= told.limit:
                    return
                count += 1
                yield {
                    **example.metadata,
                    "input": example.input,
                    "expected": example.expected_output,
                    "row": example.row,
                }
            cursor = page.next_cursor
            if cursor is None:
                return


def fault_of(told: Told, score: Score) -> str | None:
    """Return what is wrong with a score by the direction of its scorer, in words; None where it is good enough."""
    from treadle.evals.scorers import SCORERS

    why = score.reason or score.label or "no reason"
    if score.value is None:
        return f"{score.name} could not judge ({why})"
    scorer = SCORERS.get(score.name)
    if scorer is None or scorer.higher_is_better:
        good, asked = score.value >= told.minimum, f"at least {told.minimum:g}"
    elif told.maximum is None:
        return f"{score.name} {score.value:.3g}, and less is better; say how much is too much: maximum=..."
    else:
        good, asked = score.value <= told.maximum, f"at most {told.maximum:g}"
    return None if good else f"{score.name} {score.value:.3g}, {asked} is asked ({why})"


def judge(told: Told, row: Mapping[str, Any], output: str, latency_ms: float | None = None) -> list[Score]:
    """Return one score per scorer; those that ask a model are asked through the server."""
    from treadle.evals.scorers import make_judge, resolve
    from treadle.evals.scoring.case import Case
    from treadle.evals.scoring.types import NewCase, ScorerChoice

    choices = [ScorerChoice(name=one) if isinstance(one, str) else one for one in told.scorers]
    asked, expected = str(row.get("input", "")), row.get("expected")
    metadata = {name: value for name, value in row.items() if name not in ("input", "expected", "row")}
    scores: list[Score] = []
    for place, choice in enumerate(choices):
        if resolve(choice).place == "gateway":
            from treadle.server.local import connect

            with connect() as client:
                said = NewCase(input=asked, output=output, expected=expected, metadata=metadata)
                scores += client.judges.score(said, [choice])
        else:
            if place not in told.judges:
                told.judges[place] = make_judge(choice)
            scores.append(told.judges[place](Case(output, expected, asked, metadata, latency_ms)))
    return scores
