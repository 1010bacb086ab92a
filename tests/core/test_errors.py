"""Errors cross processes and the wire as JSON and come back as what they were."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core import errors
from treadle.core.errors import KIND_BY_NAME, MissingExtra, NotFound, TreadleError, describe, kind_of, rebuild
from treadle.data.errors import ColumnMissing

VALUES = st.dictionaries(
    st.text() | st.sampled_from(["message", "code", "kind", "self", "extra", "values"]),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=3),
    max_size=4,
)


@given(st.sampled_from(sorted(KIND_BY_NAME)), st.text(), st.text(min_size=1), VALUES)
def test_described_and_rebuilt(kind: str, message: str, code: str, values: dict[str, object]) -> None:
    """
    Whatever its kind, words and facts are (facts may be named as arguments are), an error comes back as it was described.
    """
    error = rebuild(kind, message, code, values)

    again = rebuild(**json.loads(json.dumps(describe(error))))

    assert type(error) is type(again) is KIND_BY_NAME[kind]
    assert (message, message, code, values) == (str(again), again.message, again.error_code, again.values)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MissingExtra("train", needed_for="counting tokens"), MissingExtra),
        (ColumnMissing("label", ["text", "category"]), errors.InvalidInput),
    ],
)
def test_kinds_with_a_constructor_of_their_own(error: TreadleError, kind: type[TreadleError]) -> None:
    """
    An error that was made from other arguments than its message comes back with that message, code and facts.
    """
    again = rebuild(**describe(error))

    assert kind is type(again)
    assert (error.message, error.error_code, error.values) == (again.message, again.error_code, again.values)


def test_facts_that_are_not_json() -> None:
    """
    A fact that JSON lacks crosses as its words, so that describing an error never fails.
    """
    error = NotFound("no file", path=Path("a/b"), cost=Decimal("0.5"))

    assert {"path": "a/b", "cost": "0.5"} == describe(error)["values"]


def test_kind_of_a_newer_release() -> None:
    """
    A kind that this release does not know is a plain TreadleError with the words it came with.
    """
    error = rebuild("Overheated", "too warm", "engines.too_warm", {})

    assert (TreadleError, "too warm", "engines.too_warm") == (type(error), error.message, error.error_code)


def test_every_kind_has_a_status_and_an_exit_code() -> None:
    """
    The tables from kind to HTTP status and to exit code hold the same kinds, and slices' errors belong to one of them.
    """
    assert set(errors.HTTP_STATUS) == set(errors.EXIT_CODE)
    assert errors.InvalidInput is kind_of(ColumnMissing("label", ["text"]))
