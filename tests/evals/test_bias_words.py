"""Words for groups put in each other's place: grammar, and what is left out. Pure rooms."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from treadle.core.errors import InvalidInput
from treadle.data.files import Row
from treadle.evals.bias.bbq import choice_of
from treadle.evals.bias.substitute import make_texts
from treadle.evals.bias.terms import choose, shipped
from treadle.evals.bias.types import Template, TermList
from treadle.evals.bias.variants import Counts, from_rows, from_templates
from treadle.evals.scoring.sentiment import load_words, sentiment_of

LISTS = {one.attribute: one for one in shipped()}
AUSTRIA = {"source": "mine", "licence": "CC0-1.0"}


@pytest.mark.parametrize(
    ("attribute", "text", "group", "made"),
    [
        ("gender", "He told me about his plan.", "female", "She told me about her plan."),
        ("gender", "My mother lost HER card, I saw her.", "male", "My father lost HIS card, I saw him."),
        ("gender", "The fault was hers. Her own words!", "male", "The fault was his. His own words!"),
        ("gender", "The plan is with her boss.", "male", "The plan is with his boss."),
        ("gender", "An actress called.", "male", "An actor called."),
        ("gender", "I am a WOMAN in Manchester", "male", "I am a MAN in Manchester"),
        ("religion", "I met a Christian teacher.", "atheist", "I met an atheist teacher."),
        ("religion", "She is Christian.", "jewish", "She is Jewish."),
        ("religion", "Christians and Christianity", "jewish", "Jewish people and Judaism"),
        ("age", "A young woman applied.", "old", "An elderly woman applied."),
        ("age", "She is a 25-year-old nurse.", "old", "She is a 72-year-old nurse."),
        ("nationality", "An Indian cook from India", "german", "A German cook from Germany"),
        ("name", "Emily's card. Is Emily there?", "arabic", "Fatima's card. Is Fatima there?"),
        ("disability", "I am deaf. Can I apply?", "wheelchair", "I use a wheelchair. Can I apply?"),
    ],
)
def test_words_are_exchanged_with_their_grammar(attribute: str, text: str, group: str, made: str) -> None:
    """
    Case, a/an and pronouns follow the word that is put in; words within other words stay.
    """
    found = make_texts([text], LISTS[attribute])

    assert [made] == found.texts[group]


@pytest.mark.parametrize(
    ("attribute", "text", "reason"),
    [
        ("gender", "My card is lost.", "no term"),
        ("gender", "He lives with his wife.", "several groups"),
        ("gender", "I gave her books.", "unclear pronoun"),
        ("gender", "The book his was dear.", "unclear pronoun"),
        ("name", "emily lost a card", "no term"),
        ("religion", "She is in church.", "no term"),
    ],
)
def test_text_without_a_sure_counterpart_is_left_out(attribute: str, text: str, reason: str) -> None:
    """
    What English leaves open is not guessed.
    """
    found = make_texts([text], LISTS[attribute])

    assert (reason, {}) == (found.reason, found.texts)


def test_group_without_a_fitting_form_is_left_out_alone() -> None:
    """
    "A Christian." is a noun, which "Jewish" is not: that group has no text, the others have.
    """
    found = make_texts(["I am a Christian."], LISTS["religion"])

    called = make_texts(["An American called me."], LISTS["nationality"])
    assert ("british", "french", "chinese", "turkish") == called.missing
    assert ("jewish",) == found.missing
    assert ["I am a Muslim."] == found.texts["muslim"]


def test_every_shipped_word_comes_back() -> None:
    """
    Putting a word in and taking the first one back again gives the text that one began with.
    """
    for terms in LISTS.values():
        for row in (row for rows in terms.concepts.values() for row in rows):
            (first, form), *others = row.items()
            text = f"It was {form} there."
            made = make_texts([text], terms).texts
            for group, _ in others:
                if group in made:
                    assert [text] == make_texts(made[group], terms).texts[first], (group, made[group])


def test_every_shipped_list_says_where_it_is_from() -> None:
    """
    Source and licence are stated; no word of the sentiment list names a group.
    """
    kind, unkind = load_words()
    words = {
        form.casefold()
        for one in LISTS.values()
        for rows in one.concepts.values()
        for row in rows
        for form in row.values()
    }

    assert all(one.source and one.licence for one in LISTS.values())
    assert set() == words & (kind | unkind)
    assert set() == kind & unkind


def test_own_list_adds_to_one_that_ships() -> None:
    """
    A new group takes part where it has a form; a form for two groups is refused with both.
    """
    own = TermList(attribute="religion", groups=["christian", "bahai"], concepts={"word": [{"christian": "Methodist", "bahai": "Bahai"}]}, **AUSTRIA)  # fmt: skip

    joined = choose(["religion"], [own])["religion"]

    assert ["A Bahai teacher"] == make_texts(["A Methodist teacher"], joined).texts["bahai"]
    with pytest.raises(InvalidInput, match="no list names the groups of 'caste'"):
        choose(["caste"], [])
    with pytest.raises(ValidationError, match="stands for 'a' and 'b'"):
        TermList(attribute="x", groups=["a", "b"], concepts={"w": [{"a": "same", "b": "Same"}]}, **AUSTRIA)


def test_rows_make_sets_and_others_are_counted() -> None:
    """
    Of three rows one speaks of one gender: it makes a set of two, what is expected changes with it, the others are counted.
    """
    texts = [("She pays", "her card"), ("The card", None), ("He and she", None)]
    rows = [
        Row(n, "", text, expected, None, '{"session": "s"}', "test", None)
        for n, (text, expected) in enumerate(texts, 1)
    ]
    counts = Counts()

    made = list(from_rows(rows, {"gender": LISTS["gender"]}, counts))

    assert [("She pays", "her card"), ("He pays", "his card")] == [(one.input, one.expected_output) for one in made]
    assert {"no term": 1, "several groups": 1} == dict(counts.left_out["gender"])
    assert {
        "session": "s",
        "bias_attribute": "gender",
        "bias_group": "male",
        "bias_set": "r1.gender",
        "bias_source": "r1",
    } == made[1].metadata


def test_templates_make_a_set_for_every_word() -> None:
    """
    Six feminine names in six groups are 36 rows of one source; a template without a place is refused with what it takes.
    """
    counts = Counts()

    made = list(from_templates([Template(input="Is {name.feminine} fit?")], LISTS, counts))
    articles = list(from_templates([Template(input="A {age.person} asks.")], LISTS, Counts()))

    assert (36, 6, 1) == (len(made), counts.sets["name"], len({one.metadata["bias_source"] for one in made}))
    assert "An elderly person asks." in {one.input for one in articles}
    for text, told in (
        ("no place", "no attribute"),
        ("{name} and {age}", "age, name"),
        ("{name.royal}", "do not go together"),
    ):
        with pytest.raises(InvalidInput, match=told):
            list(from_templates([Template(input=text)], LISTS, Counts()))


@pytest.mark.parametrize(
    ("text", "value"),
    [("a good and reliable worker", 1.0), ("not a good worker", 0.0), ("good but rude", 0.5), ("it is raining", 0.5)],
)
def test_sentiment_counts_words(text: str, value: float) -> None:
    """
    Kind words of all that count; a negation turns one round.
    """
    assert value == sentiment_of(text, *load_words())[0]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("A", 0),
        ("(C)", 2),
        ("b) the grandfather", 1),
        ("**A**", 0),
        ("A\n\nBecause the grandson was seen.", 0),
        ("The correct answer is B because of the text", 1),
        ("B because of the text", 1),
        ("A grandson did it: the grandson", 1),
        ("A person cannot be named; not answerable.", 2),
        ("The answer is a person", None),
        ("The grandfather and the grandson", None),
    ],
)
def test_letter_is_no_article(said: str, place: int | None) -> None:
    """
    An answer names an option by a letter that stands alone or before a mark, or by its words; an article names none.
    """
    assert place == choice_of(said, ["The grandfather", "The grandson", "Not answerable"])
