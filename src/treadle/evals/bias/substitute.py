"""Put one group's words in the place of another's, whole words only, with the grammar that goes with them. Pure.

What cannot be done rightly is not done: a text whose "her" might be either of two words, that speaks of two groups at once,
or in which a group has no word for what is said, is left out with the reason. English only: case, a/an and pronouns follow
the word; nothing else is inflected, which is why forms come in kinds (person, people ...).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from treadle.evals.bias.types import PronounClass, TermList

Reason = Literal["no term", "several groups", "unclear pronoun", "no counterpart"]
_MASCULINE = {"he": "she", "him": "her", "himself": "herself"}
_FEMININE = {"she": "he", "herself": "himself", "hers": "his"}
_PRONOUNS: dict[str, PronounClass] = {
    "he": "masculine", "him": "masculine", "his": "masculine", "himself": "masculine",
    "she": "feminine", "her": "feminine", "hers": "feminine", "herself": "feminine",
}  # fmt: skip
_SMALL_WORDS = (
    "a about after again against all already also although always an and any are as at away back be because been before "
    "being but by can could did do does down during each either else ever every for from further had has have here how i if in "
    "into is it its just later more most my never no nor not now of off often on once one or our out over own quite rather "
    "she he so some soon still such than that the their then there these they this those though through to today together "
    "tomorrow too under until up very was we were what when where which while who why will with without would yesterday yet "
    "you your"
)
_FUNCTION_WORDS = frozenset(_SMALL_WORDS.split())
_TWO_OBJECTS = (
    "ask asked asks bring brings brought buy buys bought call called calls consider considered cost costs feel find finds found "
    "gave get gets give given gives giving got hand handed hands have had hear heard hears help helped helping helps keep keeps "
    "kept leave leaves left lend lends lent let lets letting made make makes making notice noticed offer offered offers owe owed "
    "owes paid pass passed pay pays promise promised read saw see sees seen sell sells send sending sends sent show showed shown "
    "shows sold taught teach teaches tell telling tells told taken took wish wished watch watched watches write writes wrote"
)
_TAKES_TWO = frozenset(_TWO_OBJECTS.split())
"""Verbs after which "her" may be whom ("told her lies", "saw her leave") as well as whose."""
_MAY_BE_ADVERB = re.compile(r"ly$|^(?:mon|tues|wednes|thurs|fri|satur|sun)day$", re.IGNORECASE)
_BEFORE_NOUNS = "about after against at before behind between by for from in into of on over than through to towards under with without"
_PREPOSITIONS = frozenset(_BEFORE_NOUNS.split())
_IS_AND_ITS_KIN = "am is are was were be been being i'm he's she's they're we're you're not also become became"
_MAY_BE_VERB = re.compile(r"(?:ed|s)$")
_LINKING = frozenset(_IS_AND_ITS_KIN.split())
_VOWEL_BUT_NOT_SPOKEN = re.compile(r"(?:eu|uni|use|usu|ukr|one\b|once\b)", re.IGNORECASE)
_SILENT_H = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)
_WORD_AFTER = re.compile(r"\s+([^\W\d_][\w'’-]*)")
_WORD_BEFORE = re.compile(r"([^\W\d_][\w'’-]*)\s+$")
_ARTICLE = re.compile(r"\b(an?)(\s+)$", re.IGNORECASE)


class Made(NamedTuple):
    """The texts of a row for each group, or why there are none."""

    texts: dict[str, list[str]]
    """Group to its texts, in the order they came; the group that the row spoke of has them unchanged."""
    group: str | None
    """The group that the row spoke of; None where it made nothing."""
    reason: Reason | None
    """Why there are no texts; None where there are."""
    missing: tuple[str, ...] = ()
    """Groups left out because one of the words has no form for them."""


class _Hit(NamedTuple):
    text: int
    start: int
    end: int
    group: str
    forms: dict[str, str]
    """What each group says here; empty for a pronoun that cannot be read."""


def make_texts(texts: Sequence[str], terms: TermList) -> Made:
    """Return texts that belong together (an input, what is expected, turns of a conversation) for every group."""
    found = [hit for place, text in enumerate(texts) for hit in _find(place, text, terms)]
    groups = {hit.group for hit in found}
    if len(groups) != 1:
        return Made({}, None, "several groups" if groups else "no term")
    if any(not hit.forms for hit in found):
        return Made({}, None, "unclear pronoun")
    group = groups.pop()
    possible = [name for name in terms.groups if all(name in hit.forms for hit in found)]
    if len(possible) < 2:
        return Made({}, None, "no counterpart")
    made = {
        name: list(texts)
        if name == group
        else [_put(text, [hit for hit in found if hit.text == place], name) for place, text in enumerate(texts)]
        for name in possible
    }
    return Made(made, group, None, tuple(name for name in terms.groups if name not in possible))


def with_article(before: str, form: str) -> str:
    """Return the text before a word with its 'a' or 'an' as the word needs it."""
    found = _ARTICLE.search(before)
    if found is None:
        return before
    needs_an = (form[0].lower() in "aeiou" and not _VOWEL_BUT_NOT_SPOKEN.match(form)) or bool(_SILENT_H.match(form))
    article = "an" if needs_an else "a"
    if found.group(1)[0].isupper():
        article = article.capitalize()
    return before[: found.start()] + article + found.group(2)


def takes_adjective(text: str, start: int, end: int) -> bool:
    """Tell whether an adjective can stand here: before a noun or the like, or after "is" and its kin."""
    after, before = _WORD_AFTER.match(text, end), _WORD_BEFORE.search(text, 0, start)
    if after is not None and after.group(1).casefold() not in _FUNCTION_WORDS:
        # "An American called": after "a" a word that looks like a verb makes the one before it a noun.
        is_one = before is not None and before.group(1).casefold() in ("a", "an")
        return not (is_one and (after.group(1).casefold() in _TAKES_TWO or _MAY_BE_VERB.search(after.group(1))))
    return before is not None and before.group(1).casefold() in _LINKING


def _find(place: int, text: str, terms: TermList) -> list[_Hit]:
    forms: dict[str, tuple[str, dict[str, str]]] = {}
    for row in (row for rows in terms.concepts.values() for row in rows):
        for group, form in row.items():
            forms.setdefault(form if terms.case_sensitive else form.casefold(), (group, row))
    spelled = sorted(forms, key=len, reverse=True)
    flags = re.NOFLAG if terms.case_sensitive else re.IGNORECASE
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, spelled))})(?![\w-])", flags)
    hits = []
    for found in pattern.finditer(text):
        said = found.group()
        group, row = forms[said if terms.case_sensitive else said.casefold()]
        fits = takes_adjective(text, found.start(), found.end())
        usable = {name: form for name, form in row.items() if name == group or fits or form not in terms.adjectives}
        hits.append(_Hit(place, found.start(), found.end(), group, usable))
    if terms.pronouns:
        taken = [(hit.start, hit.end) for hit in hits]
        for found in re.finditer(r"(?<![\w-])(?:he|she|him|his|hers?|himself|herself)(?![\w-])", text, re.IGNORECASE):
            if not any(start < found.end() and found.start() < end for start, end in taken):
                hits.append(_pronoun(place, text, found, terms))
    return sorted(hits, key=lambda hit: hit.start)


def _pronoun(place: int, text: str, found: re.Match[str], terms: TermList) -> _Hit:
    said = found.group().casefold()
    kind = _PRONOUNS[said]
    of_kind = [name for name, is_of in terms.pronouns.items() if is_of == kind]
    # Of several groups with the same pronouns the first speaks; make_texts then finds several groups or one.
    group = of_kind[0] if of_kind else kind
    other = _swapped(said, text, found)
    if other is None:
        return _Hit(place, found.start(), found.end(), group, {})
    forms = {name: said if is_of == kind else other for name, is_of in terms.pronouns.items()}
    return _Hit(place, found.start(), found.end(), group, forms)


def _swapped(said: str, text: str, found: re.Match[str]) -> str | None:
    """Return the pronoun of the other kind; None where English does not say which one it would be."""
    if said in _MASCULINE:
        return _MASCULINE[said]
    if said in _FEMININE:
        return _FEMININE[said]
    after = _WORD_AFTER.match(text, found.end())
    is_before_content = after is not None and after.group(1).casefold() not in _FUNCTION_WORDS
    if said == "his":
        if is_before_content or (after is not None and after.group(1).casefold() == "own"):
            return "her"
        return "hers" if after is None else None
    if after is not None and after.group(1).casefold() == "own":
        return "his"
    if not is_before_content:
        return "him"
    assert after is not None
    before = _WORD_BEFORE.search(text, 0, found.start())
    if before is None or before.group(1).casefold() in _PREPOSITIONS:
        return "his"
    if before.group(1).casefold() in _TAKES_TWO or _MAY_BE_ADVERB.search(after.group(1)):
        return None
    return "his"


def _put(text: str, hits: Sequence[_Hit], group: str) -> str:
    made, at = "", 0
    for hit in hits:
        form = _cased(text, hit, hit.forms[group])
        made = with_article(made + text[at : hit.start], form) + form
        at = hit.end
    return made + text[at:]


def _cased(text: str, hit: _Hit, form: str) -> str:
    """Return a form in the case of the word that it takes the place of."""
    said = text[hit.start : hit.end]
    if len(said) > 1 and said.isupper() and any(char.isalpha() for char in said):
        return form.upper()
    own = hit.forms[hit.group]
    if said[0].isupper() and (own[0].islower() or _starts_sentence(text, hit.start)):
        return form[0].upper() + form[1:]
    return form


def _starts_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t\"'“‘(")
    return not before or before[-1] in ".!?:\n"
