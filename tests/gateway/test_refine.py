"""Answers are trimmed, their JSON mended where it is plainly broken, and held against a schema in words."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.gateway.mending import mend_json
from treadle.gateway.refine import Refiner, Trimmer, complaint, refine, refinement_fault
from treadle.gateway.refining import refined_beside
from treadle.gateway.types import Refinement

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("said", "mended"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ("Here it is:\n```\n[1, 2]\n```\nAnything else?", "[1, 2]"),
        ('Sure! {"a": {"b": 2}} Hope that helps.', '{"a": {"b": 2}}'),
        ('{"a": 1,}', '{"a": 1}'),
        ("{'a': 'x'}", '{"a": "x"}'),
        ('{"a": [1, 2', '{"a": [1, 2]}'),
        ('```json\n{"a": "cut o', '{"a": "cut o"}'),
        ("{a: True, b: None, // why\n c: [1 2]}", '{"a": true, "b": null, "c": ["1 2"]}'),
        ('{"a": "he said "no" to me", "b": 1}', '{"a": "he said \\"no\\" to me", "b": 1}'),
        ('{"a": "two\nlines"}', '{"a": "two\\nlines"}'),
        ('{"a": [1, {"b": 2}', '{"a": [1, {"b": 2}]}'),
        ('{"a": [1, 2}', '{"a": [1, 2]}'),
        ('{"a": 1, "b": tru', '{"a": 1, "b": true}'),
        ('{"a": 1, "b": 12.', '{"a": 1, "b": 12}'),
        ('{"a": 1, "b":', '{"a": 1}'),
        ('{"a": 1, "b', '{"a": 1}'),
        ("{“a”: “é”}", '{"a": "é"}'),
        ('{"a": "\\u00e9\\n" "b": 2}', '{"a": "é\\n", "b": 2}'),
        ("{'a': '\\ud800'}", None),
        ("{this is no JSON at all}", None),
        ("I cannot say.", None),
        ("", None),
    ],
)
def test_json_is_mended(said: str, mended: str | None) -> None:
    """
    Fences, words around, trailing commas, single quotes and cut ends are mended; prose stays prose.
    """
    assert mended == mend_json(said)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_json_is_never_touched(value: object) -> None:
    """
    What is JSON comes back as it is, also out of a fence.
    """
    text = json.dumps(value)

    assert text == mend_json(text)
    if isinstance(value, dict | list):
        assert text == mend_json(f"```json\n{text}\n```")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:a1 `\\\n', max_size=60))
def test_mending_never_breaks(text: str) -> None:
    """
    Whatever comes out is JSON, and mending it again changes nothing.
    """
    mended = mend_json(text)

    if mended is not None:
        json.loads(mended)
        assert mended == mend_json(mended)


@pytest.mark.parametrize(
    "piece",
    ["{", "[", '{"a":', '"', "[1,", '{"a":"', "```", "```\n", "{'", ",", '{"a":1}x', '"a" ', "/*", "// ", "[1,]", "“"],
)
def test_hostile_answers_cost_little(piece: str) -> None:
    """
    Eight times the broken text takes less than forty times as long.
    """

    def seconds(size: int) -> float:
        times = []
        for _ in range(2):
            began = time.process_time()
            mend_json("[" + piece * (size // len(piece)))
            times.append(time.process_time() - began)
        return max(min(times), 0.002)

    assert seconds(32_000) / seconds(4_000) < 40


def test_trim_schema_and_fault() -> None:
    """
    A refined answer says whether it changed and what is still wrong with it.
    """
    schema = {"type": "object", "required": ["label"]}

    good = refine(' {"label": 1,} \n', Refinement(trim=True, repair_json=True, json_schema=schema))
    bad = refine("{}", Refinement(json_schema=schema))
    plain = refine("  x ", Refinement())

    assert ('{"label": 1}', True, None) == good
    assert ("{}", False, "$: lacks 'label'") == tuple(bad)
    assert ("  x ", False, None) == plain
    assert "Your last answer cannot be used: $: lacks 'label'." in complaint(bad.fault or "")


def test_broken_schema_holds_up_its_own_release_only() -> None:
    """
    A schema that is none never raises where a configuration is made ready; then no answer of that release fits.
    """
    refinement = Refinement(json_schema={"type": "text"})

    refined = Refiner(refinement).refine("{}")

    assert "is no JSON schema" in str(refined.fault)
    assert refined.fault == refinement_fault(refinement)
    assert None is refinement_fault(Refinement(json_schema={"type": "object"}))


def test_asks_again_only_where_a_fault_can_be() -> None:
    """
    Without a schema and without mending there is nothing to ask again about.
    """
    assert not Refiner(Refinement(ask_again=True, trim=True)).asks_again
    assert Refiner(Refinement(ask_again=True, repair_json=True)).asks_again
    assert not Refiner(Refinement()).is_active


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab \n\t", max_size=4), max_size=10))
def test_stream_is_trimmed_as_the_whole(chunks: list[str]) -> None:
    """
    However a text is cut, what comes out is the text without white space around it.
    """
    trimmer = Trimmer()

    assert "".join(chunks).strip() == "".join([trimmer.feed(chunk) for chunk in chunks])


async def test_a_long_answer_is_mended_beside_the_loop() -> None:
    """
    While a long answer is mended, the loop goes on.
    """
    refiner = Refiner(Refinement(repair_json=True))
    work = asyncio.create_task(refined_beside(refiner, "[" + "{'a': 1}, " * 20_000))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 10
