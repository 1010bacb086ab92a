"""ROUGE, METEOR, SQuAD and the stemmer agree with the programs that people know them by."""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer

from tests.evals.corpus_of_pairs import pairs, sentences
from treadle.evals.measures import meteor, squad
from treadle.evals.measures.porter import stem
from treadle.evals.measures.wordnet import WordNet
from treadle.evals.scorers import make_judge
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import ScorerChoice

RECORDED = json.loads((Path(__file__).parent / "meteor_recorded.json").read_text())
"""What NLTK says with WordNet's own files; made by tools/record_meteor.py, for those files are in no Python package."""
NAMES = {"rouge1": "rouge1", "rouge2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
TEXT = st.text(alphabet=st.sampled_from("abcdes yinglty .\n"), max_size=80)


@pytest.fixture(scope="module")
def wordnet() -> WordNet:
    """
    The table, loaded once.
    """
    return WordNet()


class _NoWordNet:
    """What NLTK asks for synonyms, without any."""

    def synsets(self, word: str) -> list[Any]:
        """Return none."""
        return []


@pytest.mark.parametrize("stemmed", [False, True])
def test_rouge_agrees_with_rouge_score(stemmed: bool) -> None:
    """
    2,000 pairs get the reference's F1 for all four kinds.
    """
    reference_scorer = RougeScorer(list(NAMES.values()), use_stemmer=stemmed)
    judges = {name: make_judge(ScorerChoice(name=name, parameters={"stem": stemmed})) for name in NAMES}

    for reference, output in pairs(2_000, seed=11):
        expected = reference_scorer.score(reference, output)
        for name, theirs in NAMES.items():
            assert pytest.approx(expected[theirs].fmeasure, abs=1e-6) == judges[name](Case(output, reference)).value


@settings(max_examples=300)
@given(reference=TEXT, output=TEXT)
def test_rouge_agrees_on_random_text(reference: str, output: str) -> None:
    """
    Whatever the texts, sentences and words are cut as the reference cuts them.
    """
    expected = RougeScorer(list(NAMES.values()), use_stemmer=True).score(reference, output)

    for name, theirs in NAMES.items():
        score = make_judge(ScorerChoice(name=name, parameters={"stem": True}))(Case(output, reference))
        assert pytest.approx(expected[theirs].fmeasure, abs=1e-6) == score.value


def test_stemmer_agrees_with_nltk_on_a_dictionary(wordnet: WordNet) -> None:
    """
    Every thirtieth word of WordNet, with endings put on, has NLTK's stem.
    """
    words = sorted({word for synsets in wordnet._synsets.values() for word in synsets if word.isalpha()})[::30]
    theirs = PorterStemmer()

    wrong = [
        word + ending
        for word in words
        for ending in ("", "s", "ing", "ed", "ally", "fully", "logy")
        if theirs.stem(word + ending) != stem(word + ending)
    ]

    assert len(words) > 2_000
    assert [] == wrong


@given(word=st.text(alphabet=st.sampled_from("abceilngosty"), max_size=14))
def test_stemmer_agrees_with_nltk_on_random_words(word: str) -> None:
    """
    Also on what is no word.
    """
    assert PorterStemmer().stem(word) == stem(word)


def test_meteor_without_synonyms_agrees_with_nltk() -> None:
    """
    2,000 pairs get NLTK's score where neither has synonyms.
    """
    for reference, output in pairs(2_000, seed=13):
        right, said = meteor.words_of(reference), meteor.words_of(output)

        expected = single_meteor_score(right, said, wordnet=_NoWordNet())

        assert pytest.approx(expected, abs=1e-6) == meteor.meteor(right, said, None)


def test_meteor_with_synonyms_agrees_with_nltk(wordnet: WordNet) -> None:
    """
    The recorded pairs, made of synonyms and inflections, get the score that NLTK gave with WordNet's files.
    """
    for reference, output, expected in RECORDED["pairs"]:
        assert pytest.approx(expected, abs=1e-6) == meteor.meteor(reference, output, wordnet.synonyms)


def test_synonyms_are_those_of_nltk(wordnet: WordNet) -> None:
    """
    Recorded words, inflected ones among them, have the synonyms that NLTK reads from WordNet's files.
    """
    for word, digest in RECORDED["synonyms"].items():
        told = "\n".join(sorted(wordnet.synonyms(word)))
        assert digest == hashlib.sha256(told.encode()).hexdigest()[:12], word


def test_meteor_of_nltks_own_example(wordnet: WordNet) -> None:
    """
    The example in NLTK's documentation is 0.6944.
    """
    output = "It is a guide to action which ensures that the military always obeys the commands of the party"
    reference = "It is a guide to action that ensures that the military will forever heed Party commands"

    score = make_judge(ScorerChoice(name="meteor"))(Case(output, reference))

    assert pytest.approx(0.6944, abs=5e-5) == score.value


def _official_normalise(text: str) -> str:
    """
    normalize_answer of SQuAD's evaluate-v1.1.py and -v2.0.py.
    """

    def remove_articles(text: str) -> str:
        return re.sub(r"\b(a|an|the)\b", " ", text)

    def white_space_fix(text: str) -> str:
        return " ".join(text.split())

    def remove_punc(text: str) -> str:
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(text.lower())))


def _official_f1(gold: str, said: str) -> float:
    """
    compute_f1 of evaluate-v2.0.py.
    """
    gold_toks, pred_toks = _official_normalise(gold).split(), _official_normalise(said).split()
    num_same = sum((Counter(gold_toks) & Counter(pred_toks)).values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision, recall = num_same / len(pred_toks), num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def test_squad_agrees_with_the_official_script() -> None:
    """
    3,000 pairs get the script's exact match and F1.
    """
    for gold, said in pairs(3_000, seed=17):
        assert (_official_normalise(gold) == _official_normalise(said)) == squad.exact(gold, said)
        assert pytest.approx(_official_f1(gold, said), abs=1e-9) == squad.f1(gold, said)


@given(gold=st.text(max_size=40), said=st.text(max_size=40))
def test_squad_agrees_on_random_text(gold: str, said: str) -> None:
    """
    Also on any Unicode.
    """
    assert _official_normalise(gold) == squad.normalised(gold)
    assert pytest.approx(_official_f1(gold, said), abs=1e-9) == squad.f1(gold, said)


def test_best_of_several_right_answers_counts() -> None:
    """
    The column `references` holds further right answers.
    """
    case = Case("Denver Broncos", "The Denver team", metadata={"references": ["the Broncos", "Denver Broncos"]})

    assert 1.0 == make_judge(ScorerChoice(name="squad_em"))(case).value
    assert 1.0 == make_judge(ScorerChoice(name="rouge_l"))(case).value


def test_there_are_real_sentences_to_compare() -> None:
    """
    The agreement above is over hundreds of different sentences.
    """
    assert len(set(sentences())) > 300
