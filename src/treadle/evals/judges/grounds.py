"""Judges of answers from passages: what is said without ground, what was found, what was left out. Pure.

Faithfulness, context precision and context recall have the formulas of Ragas (Es et al. 2023, arXiv:2309.15217), asked in
one structured request each; where Ragas gives NaN (an answer without claims, a reply that cannot be read) the row is
unscored with that reason. We depart from it in answer relevance, which there is the similarity of questions made up for
the answer: here the judge lists what was asked for and whether the answer addresses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.core.types import JsonObject
from treadle.evals.judges.framing import MATERIAL, messages
from treadle.evals.judges.kind import (
    Ballot,
    CannotJudge,
    JudgeKind,
    JudgeParameters,
    Unreadable,
    Vote,
    expected_of,
    field_of,
    items_of,
    json_of,
    passages_of,
    schema_of,
)
from treadle.evals.judges.reply import Reply
from treadle.evals.scoring.case import Case

_TEXT: JsonObject = {"type": "string"}
_YES: JsonObject = {"type": "boolean"}
_SHOWN = 5
"""Claims that are told in a score's reason."""


def _listed(passages: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"passage {number}", text) for number, text in enumerate(passages, start=1)]


def _list_schema(name: str, properties: dict[str, JsonObject]) -> JsonObject:
    return schema_of({name: {"type": "array", "items": schema_of(properties)}})


def _faithfulness(case: Case, parameters: JudgeParameters) -> list[Ballot]:
    passages = passages_of(case, parameters)
    told = (
        f"You check an answer against passages. {MATERIAL}\nList every claim that the answer makes, each as one sentence that "
        "stands by itself, and for each whether the passages alone support it, with the number of the passage that does "
        "(0 where none does). What is merely plausible or known to you is not supported. Greetings, questions and "
        "statements that it does not know are no claims. Reply with JSON only: "
        '{"claims": [{"claim": "…", "passage": 1, "supported": true}]}'
    )
    schema = _list_schema("claims", {"claim": _TEXT, "passage": {"type": "integer", "minimum": 0}, "supported": _YES})
    return [Ballot(messages(told, (("request", case.input), *_listed(passages), ("answer", case.output))), schema)]


def _read_faithfulness(reply: Reply, case: Case, parameters: JudgeParameters) -> Vote:
    claims = items_of(json_of(reply.text), "claims")
    if not claims:
        raise CannotJudge("the answer makes no claims")
    count = len(passages_of(case, parameters))
    without: list[str] = []
    for claim in claims:
        passage = field_of(claim, "passage", int)
        # A claim that names a passage which is not there is not supported, whatever the judge says.
        if not (field_of(claim, "supported", bool) and 1 <= passage <= count):
            without.append(str(claim.get("claim", ""))[:300])
    return _share(len(claims) - len(without), len(claims), "claims are supported", "without ground", without)


def _precision(case: Case, parameters: JudgeParameters) -> list[Ballot]:
    passages = passages_of(case, parameters)
    goal = "the reference answer" if case.expected is not None else "the answer"
    told = (
        f"You judge what a search found. {MATERIAL}\nFor each of the {len(passages)} passages, in their order, say whether it "
        f"was useful to arrive at {goal}. Reply with JSON only: "
        '{"passages": [{"passage": 1, "reason": "in a few words", "useful": true}]}'
    )
    shown = ("reference answer", case.expected) if case.expected is not None else ("answer", case.output)
    schema = _list_schema("passages", {"passage": {"type": "integer"}, "reason": _TEXT, "useful": _YES})
    return [Ballot(messages(told, (("request", case.input), *_listed(passages), shown)), schema)]


def _read_precision(reply: Reply, case: Case, parameters: JudgeParameters) -> Vote:
    count = len(passages_of(case, parameters))
    said = {
        field_of(each, "passage", int): field_of(each, "useful", bool)
        for each in items_of(json_of(reply.text), "passages")
    }
    if sorted(said) != list(range(1, count + 1)):
        raise Unreadable(f"it must judge each of the {count} passages once, by its number")
    useful = [said[number] for number in range(1, count + 1)]
    value = average_precision(useful)
    return Vote(value, f"{sum(useful)} of {count} useful")


def average_precision(useful: Sequence[bool]) -> float:
    """Return the mean of precision at each useful place; 0 where none is useful. [yes, no, yes]: (1 + 2/3) / 2."""
    found, total = 0, 0.0
    for place, hit in enumerate(useful, start=1):
        if hit:
            found += 1
            total += found / place
    return total / found if found else 0.0


def _recall(case: Case, parameters: JudgeParameters) -> list[Ballot]:
    passages = passages_of(case, parameters)
    told = (
        f"You check whether passages hold what a reference answer needs. {MATERIAL}\nList every statement of the reference "
        "answer and whether the passages alone support it. Reply with JSON only: "
        '{"statements": [{"statement": "…", "supported": true}]}'
    )
    schema = _list_schema("statements", {"statement": _TEXT, "supported": _YES})
    parts = (("request", case.input), *_listed(passages), ("reference answer", expected_of(case)))
    return [Ballot(messages(told, parts), schema)]


def _read_recall(reply: Reply, case: Case, parameters: JudgeParameters) -> Vote:
    return _supported(json_of(reply.text), "statements", "statement", "supported", "not in the passages")


def _relevance(case: Case, parameters: JudgeParameters) -> list[Ballot]:
    told = (
        f"You judge whether an answer answers. {MATERIAL}\nList what the request asks for, each part once, and whether the "
        "answer addresses it; whether it is right is not the question. An answer that evades or says that it does not know "
        "addresses nothing. Reply with JSON only: "
        '{"parts": [{"part": "…", "addressed": true}]}'
    )
    schema = _list_schema("parts", {"part": _TEXT, "addressed": _YES})
    return [Ballot(messages(told, (("request", case.input), ("answer", case.output))), schema)]


def _read_relevance(reply: Reply, case: Case, parameters: JudgeParameters) -> Vote:
    return _supported(json_of(reply.text), "parts", "part", "addressed", "not addressed")


def _supported(said: dict[str, Any], name: str, text: str, flag: str, words: str) -> Vote:
    items = items_of(said, name)
    if not items:
        raise Unreadable(f"'{name}' is empty")
    without = [str(each.get(text, ""))[:300] for each in items if not field_of(each, flag, bool)]
    return _share(len(items) - len(without), len(items), f"{name} {flag}", words, without)


def _share(good: int, count: int, what: str, words: str, without: Sequence[str]) -> Vote:
    reason = f"{words}: {'; '.join(without[:_SHOWN])}" if without else None
    return Vote(good / count, f"{good} of {count} {what}", reason)


KINDS = (
    JudgeKind(
        "faithfulness", "Every claim of the answer is supported by its passages, as a judge sees it.", JudgeParameters,
        _faithfulness, _read_faithfulness,
    ),
    JudgeKind(
        "context_precision", "The useful passages come first, as a judge sees it.", JudgeParameters, _precision,
        _read_precision,
    ),
    JudgeKind(
        "context_recall", "The passages hold all that the expected output says, as a judge sees it.", JudgeParameters, _recall,
        _read_recall, needs_expected=True,
    ),
    JudgeKind(
        "answer_relevance", "The answer addresses all that was asked for, as a judge sees it.", JudgeParameters, _relevance,
        _read_relevance,
    ),
)  # fmt: skip
"""In the order in which they are listed."""
