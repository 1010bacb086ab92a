"""Options of a guard are checked when it is made, in words."""

from __future__ import annotations

from typing import Any

import pytest

from treadle.guards.catalog import OPTIONS, make_check, needs_embedder
from treadle.guards.check import CheckOptionsInvalid


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("toxicity", {}, "there is no check 'toxicity'; there are pii"),
        ("pii", {"kind": ["EMAIL"]}, "has no option 'kind'"),
        ("pii", {"kinds": ["NAME"]}, "knows no kind 'NAME'"),
        ("pii", {"kinds": "EMAIL"}, "give a list"),
        ("injection", {"model": False, "threshold": 2}, "give a number between 0 and 1"),
        ("injection", {"model": False, "when_late": "wait"}, "give 'allow' or 'block'"),
        ("jailbreak", {"model": False, "deadline_seconds": 0}, "more than 0"),
        ("leak", {"words": 2}, "from 4 to 50"),
        ("schema", {}, "needs `json_schema`"),
    ],
)
def test_wrong_options(name: str, options: dict[str, Any], words: str) -> None:
    """
    The message says what is wrong and what would be right.
    """
    with pytest.raises(CheckOptionsInvalid) as caught:
        make_check(name, options)

    assert words in caught.value.message


def test_every_check_can_be_made() -> None:
    """
    Each name of the catalog gives a check; without an embedder those that embed say so.
    """
    good: dict[str, dict[str, Any]] = {"schema": {"json_schema": {}}, "topics": {"topics": {"a": "b"}}}

    for name in OPTIONS:
        options = good.get(name, {})
        if needs_embedder(name, options):
            with pytest.raises(CheckOptionsInvalid, match="embeds texts"):
                make_check(name, options)
        else:
            assert [] == make_check(name, options).find("{}")
