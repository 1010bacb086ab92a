"""The grammar of attacks: which words stand near which, so that a sentence counts and a single word never does.

'Ignore' is harmless, 'instructions' is harmless, 'ignore the previous instructions' within a few words is not. Words
are looked up in one table and rules look at windows of a fixed number of words, so time is linear in the text however
it was made. English above all, the commonest phrases also in German, French, Spanish and Italian.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:'[a-z]{1,2})?")

LEXICON: dict[str, str] = {
    "drop": "ignore disregard forget override overrule bypass discard abandon revoke erase neglect vergiss ignoriere"
    " ignoriert ignorieren missachte ignora ignore olvida oublie oubliez ignorez dimentica ignorare",
    "earlier": "previous prior above earlier preceding initial original former before everything all any vorherigen"
    " bisherigen obigen anteriores previas précédentes antérieures precedenti given your system",
    "rule": "instruction instructions rule rules guideline guidelines guidance prompt prompts direction directions"
    " directive directives orders constraints restrictions restriction policy policies programming anweisungen"
    " anweisung regeln instrucciones instrucción consignes istruzioni",
    "show": "reveal show print output display repeat paste quote dump leak disclose translate write give spell tell"
    " encode summarise summarize rewrite copy zeige gib muestra affiche mostra",
    "own": "your system hidden initial original secret internal confidential ur",
    "prompt": "prompt prompts instructions configuration config directives preamble systemprompt guidelines rules",
    "act": "act pretend roleplay simulate play become imagine persona character adopt portray",
    "lawless": "unrestricted uncensored unfiltered jailbroken amoral unethical lawless immoral unlocked rogue",
    "no": "no without lacks free ignores zero never",
    "limit": "limits limitations restrictions restriction filter filters rules ethics ethical morals moral morality"
    " guidelines policy policies censorship boundaries guardrails constraints scruples conscience",
    "mode": "mode modus version configuration",
    "special": "developer debug god unrestricted opposite maintenance jailbreak dan uncensored maximum evil unfiltered",
    "switch": "enable activate switch enter unlock turn enabled activated on start run",
    "not": "not never cannot can't don't won't no forbidden without may",
    "refuse": "refuse refusing refusal refusals decline apologise apologize disclaimer disclaimers warn moralising"
    " warnings deny",
    "must": "must have obey comply absolutely required answer",
    "dan": "dan",
}
"""Class to its words. A word may be of several classes."""

_CLASSES: dict[str, frozenset[str]] = {}
for _name, _words in LEXICON.items():
    for _each in _words.split():
        _CLASSES[_each] = _CLASSES.get(_each, frozenset()) | {_name}


class Rule(NamedTuple):
    """Classes that must follow each other within a window of words."""

    kind: str
    steps: tuple[str, ...]
    window: int
    """Words from the first to the last."""
    score: float


INJECTION_RULES = (
    Rule("OVERRIDE", ("drop", "earlier", "rule"), 9, 0.9),
    Rule("OVERRIDE", ("drop", "rule", "earlier"), 6, 0.8),
    Rule("EXTRACTION", ("show", "own", "prompt"), 9, 0.7),
)
JAILBREAK_RULES = (
    Rule("PERSONA", ("act", "lawless"), 10, 0.7),
    Rule("PERSONA", ("act", "no", "limit"), 14, 0.6),
    Rule("PERSONA", ("act", "dan"), 6, 0.8),
    Rule("MODE", ("switch", "special", "mode"), 6, 0.6),
    Rule("NO_REFUSAL", ("must", "not", "refuse"), 12, 0.5),
)
REACH = 16
"""Words that a phrase can span at most."""


class Phrase(NamedTuple):
    """A rule that held."""

    kind: str
    start: int
    end: int
    score: float


class _Marked(NamedTuple):
    place: int
    """How many words stand before it."""
    start: int
    end: int
    classes: frozenset[str]


def find_phrases(plain: str, rules: tuple[Rule, ...]) -> list[Phrase]:
    """Return where the rules hold in a plain text (`normal`), the shortest from each beginning. Linear."""
    words = [
        _Marked(place, match.start(), match.end(), classes)
        for place, match in enumerate(_WORD.finditer(plain))
        if (classes := _CLASSES.get(match.group())) is not None
    ]
    return [phrase for rule in rules for phrase in _held(words, rule)]


def _held(words: list[_Marked], rule: Rule) -> list[Phrase]:
    found: list[Phrase] = []
    behind = -1
    for index, word in enumerate(words):
        if rule.steps[0] not in word.classes or word.start < behind:
            continue
        step = 1
        for later in words[index + 1 : index + 1 + rule.window]:
            if later.place - word.place > rule.window:
                break
            if rule.steps[step] in later.classes:
                step += 1
                if step == len(rule.steps):
                    found.append(Phrase(rule.kind, word.start, later.end, rule.score))
                    behind = later.end
                    break
    return found
