"""Every pair of a caller's protocol and an upstream's dialect, against files that were read by people.

After a change that is meant, write them anew with `python -m tests.gateway.translate.test_golden` and read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.translate.exchanges import GOLDEN, PAIRS, answer, carried, request, stream, translation
from treadle.gateway.types import Dialect, ProtocolName


def outcomes(caller: ProtocolName, dialect: Dialect) -> dict[str, bytes]:
    """Return what a pair makes of its recorded exchange, by the name of the golden file."""
    made = translation(caller, dialect)
    return {
        "sent.json": _pretty(made.request(request(caller))),
        "answer.json": _pretty(made.answer(answer(dialect))),
        "answer.sse": carried(translation(caller, dialect).stream(), stream(dialect)),
    }


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
@pytest.mark.parametrize("name", ["sent.json", "answer.json", "answer.sse"])
def test_an_exchange_that_was_recorded(caller: ProtocolName, dialect: Dialect, name: str) -> None:
    """
    A recorded exchange is carried over exactly as its golden file says.
    """
    expected = (_folder(caller, dialect) / name).read_bytes()

    actual = outcomes(caller, dialect)[name]

    assert expected.decode() == actual.decode()


def _folder(caller: ProtocolName, dialect: Dialect) -> Path:
    return GOLDEN / f"{caller}-{dialect}"


def _pretty(data: bytes) -> bytes:
    return (json.dumps(json.loads(data), indent=2, ensure_ascii=False) + "\n").encode()


def _write_all() -> None:
    for caller, dialect in PAIRS:
        folder = _folder(caller, dialect)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in outcomes(caller, dialect).items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    _write_all()
