"""The pytest plugin: finds functions under `@treadle.case`, makes a test of each row, judges what it returns.

It is loaded by pytest wherever Treadle is installed, and does nothing unless a function is decorated.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import pytest

from treadle.testing.case import MARK, Told, fault_of, judge, rows_of

ARGUMENT = "row"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per row."""
    told: Told | None = getattr(metafunc.function, MARK, None)
    if told is None:
        return
    if ARGUMENT not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"'{metafunc.function.__name__}' is a @treadle.case and takes no '{ARGUMENT}'; give it one"
        )
    rows = list(rows_of(told))
    if not rows:
        raise pytest.UsageError(f"'{metafunc.function.__name__}' has no rows; name another part or dataset")
    names = [f"row{row.get('row', number)}" for number, row in enumerate(rows, start=1)]
    metafunc.parametrize(ARGUMENT, rows, ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a decorated function and judge what it returns; others are called by pytest itself."""
    told: Told | None = getattr(pyfuncitem.function, MARK, None)
    if told is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    began = time.perf_counter()
    output = pyfuncitem.obj(**arguments)
    latency_ms = (time.perf_counter() - began) * 1000
    check(told, cast(Mapping[str, Any], arguments[ARGUMENT]), output, pyfuncitem, latency_ms)
    return True


def check(told: Told, row: Mapping[str, Any], output: object, item: pytest.Item, latency_ms: float) -> None:
    """Fail unless each score of an answer is good enough; the scores stand in the test's report."""
    if not isinstance(output, str):
        pytest.fail(f"the function returned {type(output).__name__}; return the answer as text", pytrace=False)
    scores = judge(told, row, output, latency_ms)
    item.user_properties += [(f"treadle.{score.name}", score.value) for score in scores]
    faults = [fault for score in scores if (fault := fault_of(told, score)) is not None]
    if faults:
        words = "; ".join(faults)
        pytest.fail(
            f"{words}\ninput: {row.get('input')}\nexpected: {row.get('expected')}\noutput: {output}", pytrace=False
        )
