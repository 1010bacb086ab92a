"""The language of filters: what it reads, what it refuses and where, and that printing and reading are inverse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.traces.asking.content import agrees, fits, lookup
from treadle.traces.asking.fields import FIELDS
from treadle.traces.asking.language import (
    All,
    Any,
    FilterRefused,
    Node,
    Not,
    Term,
    Value,
    Words,
    parse,
    render,
)

WORDS = st.text('abcdefgxyz0123:=<>-()",\\* é字', min_size=1, max_size=8).filter(
    lambda text: any(map(str.isalnum, text))
)
TERMS = st.one_of(
    st.builds(
        lambda field, text, scope: Term(field, ":", (Value(text, True),), "", scope),
        st.sampled_from(["name", "model", "endpoint", "session"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
        st.sampled_from(["", "root", "span"]),
    ),
    st.builds(lambda at: Term("latency", ">=", (Value(f"{at}ms"),)), st.integers(0, 10_000)),
    st.builds(lambda name: Term("attr", ":", (Value("a*"), Value("b")), name), st.sampled_from(["http.route", "x-y"])),
)
NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(TERMS, st.builds(lambda text: Words(text, is_phrase=True), WORDS)),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda parts: Any(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=12,
)
PIECES = [
    "status:error",
    "latency>2s",
    "(",
    ")",
    "-",
    "or",
    "not",
    " ",
    '"',
    ",",
    "score.",
    "attr.x:",
    "ü",
    "\\",
    "\x00",
]


def test_a_whole_filter() -> None:
    """
    Fields, scores, attributes, words, what is left out and alternatives stand side by side.
    """
    tree = parse(
        'status:error model:gpt-4o*,o3 latency>2s score.correct<0.5 attr.http.route="/x y" word -endpoint:demo (a or b)'
    )

    assert tree == All((
        Term("status", ":", (Value("error"),)),
        Term("model", ":", (Value("gpt-4o*"), Value("o3"))),
        Term("latency", ">", (Value("2s"),)),
        Term("score", "<", (Value("0.5"),), "correct"),
        Term("attr", ":", (Value("/x y", True),), "http.route"),
        Words("word"),
        Not(Term("endpoint", ":", (Value("demo"),))),
        Any((Words("a"), Words("b"))),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("status:eror", 7, "one of: ok, error, cancelled"),
        ("word latncy>2s", 5, "did you mean 'latency'?"),
        ("latency>fast", 8, "300ms, 2s"),
        ("latency> 2s", 8, "without a space"),
        ("(a or b", 0, "add ')'"),
        ("a )", 2, "nothing that it belongs to"),
        ('say "a', 4, "not closed"),
        ("a or", 4, "missing"),
        ("or a", 0, 'write "or"'),
        ("- a", 0, "without a space"),
        ("score:1", 0, "score.correct"),
        ("endpoint>a", 9, "endpoint:a"),
        ("started:2026-01-01", 8, "compared with <"),
        ("latency>1,2", 10, "one value"),
        ("timeout*", 0, "words are found whole"),
        ("a attr.x", 2, "attr.x:*"),
        ("age<3 days", 4, "has a unit, without a space"),
        ("latency:2s..1s", 8, "from the smaller to the larger"),
        ("latency>99999999999999999999999s", 8, "up to 100 years"),
        ("...", 0, "no letter or digit"),
        ("http://x", 0, "put them in quotes"),
        ("a\x00b", 1, "cannot be in any stored text"),
        ("(" * 40 + "a" + ")" * 40, 24, "24 deep"),
    ],
)
def test_refusals_point_at_the_place(text: str, at: int, says: str) -> None:
    """
    What cannot be read is refused with its place and what would be right.
    """
    with pytest.raises(FilterRefused) as refused:
        parse(text)

    assert "traces.filter" == refused.value.error_code
    assert at == refused.value.values["at"]
    assert says in refused.value.message


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_anything_typed(text: str) -> None:
    """
    Whatever is typed is read, or refused as a filter; what was read is printed to something that reads the same.
    """
    try:
        tree = parse(text)
    except FilterRefused:
        return

    assert tree == parse(render(tree))


@given(NODES)
def test_any_tree(tree: Node) -> None:
    """
    Every tree that is small enough is printed to what is read as the same tree.
    """
    assert tree == parse(render(tree))


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_stars(pattern: str, text: str) -> None:
    """
    A star stands for any characters, none among them, as in a regular expression.
    """
    import re

    expected = re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text) is not None

    assert expected == fits(pattern, text)


def test_values_of_attributes() -> None:
    """
    Numbers compare as numbers, lists by any of their items, objects are walked by dots, and nothing is never equal.
    """
    told = {"a.b": 5, "a": {"c": {"d": "x"}}, "tags": ["red", "blue"], "flag": True, "text": "12"}

    assert agrees(lookup(told, "a.b"), ">", Value("4.5"))
    assert agrees(lookup(told, "a.b"), ":", Value("1..5"))
    assert agrees(lookup(told, "a.c.d"), ":", Value("x"))
    assert agrees(lookup(told, "tags"), ":", Value("bl*"))
    assert agrees(lookup(told, "flag"), ":", Value("true"))
    assert agrees(lookup(told, "text"), "<", Value("13"))
    assert not agrees(lookup(told, "text"), ":", Value("1"))
    assert not agrees(lookup(told, "absent"), ":", Value("*"))


def test_names_of_fields_are_words() -> None:
    """
    No field is called like a part of the language.
    """
    assert not {"and", "or", "not", "root", "span", "score", "attr", "resource"} & set(FIELDS)
