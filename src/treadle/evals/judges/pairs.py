"""The judge of pairs as a scorer: is this answer better than another one to the same input? Asked twice, places swapped. Pure.

The asking and the reading are those of shadow stages (`evals/paired.py`). 1 is a win in both places, 0 a loss in both, 0.5
a tie or a verdict that changed with the places, so a mean of 0.5 says that neither is better.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from treadle.evals import paired
from treadle.evals.judges.kind import Ballot, CannotJudge, JudgeKind, JudgeParameters, Unreadable, Vote
from treadle.evals.judges.reply import Reply
from treadle.evals.scoring.case import Case

OTHER = "other"
"""Where a case keeps the answer that it is compared with."""


class PairParameters(JudgeParameters):
    """What a judge of pairs is told."""

    criteria: str = Field(default=paired.CRITERIA, max_length=8_000)
    """What makes an answer the better one."""
    against: str | None = None
    """The experiment whose answers to the same rows are the others; None compares with the expected output."""


def other_of(case: Case) -> str:
    """Return the answer that a case is compared with. Raises CannotJudge where there is none."""
    other = case.metadata.get(OTHER, case.expected)
    if not isinstance(other, str):
        raise CannotJudge(
            "there is no other answer to compare with: the row expects nothing and no experiment is named"
        )
    return other


def _ballots(case: Case, parameters: PairParameters) -> list[Ballot]:
    asked = paired.ballots(case.input, other_of(case), case.output, criteria=parameters.criteria)
    if asked is None:
        raise CannotJudge("its texts are too long to compare")
    return [Ballot(messages, None) for messages in asked]


_VALUES = {"b": 1.0, "a": 0.0, "tie": 0.5}


def _read(reply: Reply, case: Case, parameters: PairParameters) -> Vote:
    vote = paired.read_vote(reply.text)
    if vote is None:
        raise Unreadable("it names no verdict: end with VERDICT: A, VERDICT: B or VERDICT: TIE")
    return Vote(_VALUES[vote], vote)


def _settle(votes: Sequence[Vote]) -> Vote:
    """Settle the votes of the places by turns: ours in B, ours in A, and again with several samples."""
    names: dict[str, paired.Vote] = {"a": "a", "b": "b", "tie": "tie"}
    said = [names[str(vote.label)] for vote in votes]
    pairs = [(first, swapped) for first, swapped in zip(said[::2], said[1::2], strict=True)]
    scores = [paired.settle(first, swapped) for first, swapped in pairs]
    values = [score.value for score in scores if score.value is not None]
    value = sum(values) / len(values)
    changed = sum(score.reason is not None for score in scores)
    label = {1.0: "won", 0.0: "lost"}.get(value, "tie")
    reason = f"the verdict changed with the places in {changed} of {len(pairs)} pairs" if changed else None
    return Vote(value, label, reason, 1 - 0.5 * changed / len(pairs))


KINDS = (
    JudgeKind(
        "pairwise", "The answer is better than the other one, whichever stands first, as a judge sees it.", PairParameters,
        _ballots, _read, _settle,
    ),
)  # fmt: skip
"""In the order in which they are listed."""
