"""What a row of `spans` stands for, as conditions in SQL: the root of its trace, or a request that the gateway answered.

Indexes are made of these very words, so lists that ask for them find few rows. How the marks come to be is in `heads`.
"""

from __future__ import annotations

SHADOW = "shadow"
"""The arm of a copy: a child span of the request that was copied, whose answer nobody gets."""


def head(x: str = "spans") -> str:
    """Return whether a row stands for the root of its trace: it is the root, or none has come and it stands in."""
    return f"coalesce({x}.stands_for_root, {x}.parent_span_id is null)"


def head_among(x: str = "spans") -> str:
    """Return the same of rows that are found by their trace: in other words, or the planner takes the index of all heads."""
    return f"({x}.parent_span_id is null or {x}.stands_for_root)"


def answer(x: str = "spans") -> str:
    """Return whether a row is a request that the gateway answered: nobody else says what was assigned."""
    return f"({x}.unit is not null and {x}.arm is distinct from '{SHADOW}')"


def answer_within(x: str = "spans") -> str:
    """Return whether a row is such a request within a caller's trace."""
    return f"({x}.parent_span_id is not null and {answer(x)})"
