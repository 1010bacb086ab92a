"""What a search may still ask."""

from __future__ import annotations

from decimal import Decimal

import pytest

from treadle.optimize.budget import Budget, Spent


def test_request_without_an_answer_is_no_call() -> None:
    """
    What failed is given back, so that the comparison at the end has the calls that were kept for it, and its limit in USD stands.
    """
    budget = Budget(max_calls=1, max_usd=Decimal(1))

    budget.take("support", "support")
    with pytest.raises(Spent):
        budget.take("support", "support")
    budget.give_back("support", None)
    budget.take("support", "support")
    budget.settle("support", Decimal("0.25"))

    assert (1, Decimal("0.25")) == (budget.calls, budget.usd)
    with pytest.raises(Spent):
        budget.take("support", "support")
