"""How often work that fails is tried again, and when that is news."""

from __future__ import annotations

from treadle.core.resting import Outcome, Resting, Work

WORK = Work("prj_a", "signals")


def test_pauses_grow_to_a_bound() -> None:
    """
    1, 2, 4 … seconds, at most 300; other work is due meanwhile, and after one success the first pause is short again.
    """
    now, pauses = 0.0, []
    resting = Resting(lambda: now)
    for _ in range(11):
        resting.note(Outcome(WORK, "DataError", "…"))
        assert not resting.is_due(WORK)
        assert resting.is_due(Work("prj_b", "signals"))
        failed_at = now
        while not resting.is_due(WORK):
            now += 1
        pauses.append(now - failed_at)

    resting.note(Outcome(WORK))
    resting.note(Outcome(WORK, "DataError", "…"))
    now += 1

    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] == pauses
    assert resting.is_due(WORK)


def test_what_is_news() -> None:
    """
    The first failure, one of another kind, and the first success after one: nothing between.
    """
    resting = Resting(lambda: 0.0)
    faults = [None, "DataError", "DataError", "CheckViolation", "CheckViolation", None, None]

    news = [resting.note(Outcome(WORK, fault)) for fault in faults]

    assert [False, True, False, True, False, True, False] == news
