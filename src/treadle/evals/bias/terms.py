"""The lists of words that ship, each a JSON file in `terms/` with its source and licence, and lists of one's own beside them.

A list of an attribute that ships is added to it; another attribute stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from treadle.core.errors import InvalidInput
from treadle.core.faults import in_words
from treadle.evals.bias.types import TermList

FOLDER = Path(__file__).with_name("terms")
SHIPPED = ("name", "gender", "religion", "age", "nationality", "disability")


class UnknownAttribute(InvalidInput):
    """No list names the groups of an attribute."""

    code = "evals.unknown_attribute"


class TermsDisagree(InvalidInput):
    """A list of one's own and the one that ships cannot stand together."""

    code = "evals.terms_disagree"


def shipped() -> list[TermList]:
    """Return the lists that ship. Cost: six small files."""
    return [TermList.model_validate_json((FOLDER / f"{name}.json").read_bytes()) for name in SHIPPED]


def choose(attributes: Sequence[str], own: Sequence[TermList]) -> dict[str, TermList]:
    """Return the lists of some attributes (all when empty), with one's own joined to them.

    Raises UnknownAttribute, TermsDisagree where a joined list would give one form to two groups.
    """
    known = {one.attribute: one for one in shipped()}
    for one in own:
        known[one.attribute] = _joined(known[one.attribute], one) if one.attribute in known else one
    unknown = [name for name in attributes if name not in known]
    if unknown:
        raise UnknownAttribute(
            f"no list names the groups of '{unknown[0]}'; there are lists of {', '.join(known)}, or give one of yours "
            f"in `lists`; see: treadle bias terms"
        )
    return {name: known[name] for name in (attributes or known)}


def _joined(shipped_list: TermList, own: TermList) -> TermList:
    concepts: Mapping[str, list[dict[str, str]]] = {
        kind: [*shipped_list.concepts.get(kind, []), *own.concepts.get(kind, [])]
        for kind in {**shipped_list.concepts, **own.concepts}
    }
    told = {
        "attribute": own.attribute,
        "groups": list(dict.fromkeys([*shipped_list.groups, *own.groups])),
        "concepts": concepts,
        "case_sensitive": shipped_list.case_sensitive or own.case_sensitive,
        "adjectives": [*shipped_list.adjectives, *own.adjectives],
        "pronouns": {**shipped_list.pronouns, **own.pronouns},
        "source": f"{shipped_list.source} And: {own.source}"[:2_000],
        "licence": f"{shipped_list.licence} AND {own.licence}"[:200],
        "note": f"{shipped_list.note} {own.note}".strip()[:2_000],
    }
    try:
        return TermList.model_validate(told)
    except ValidationError as error:
        raise TermsDisagree(
            f"your list of '{own.attribute}' cannot be added to the one that ships ({in_words(error.errors())}); change "
            f"the form, or give your list an attribute of its own"
        ) from error
