"""The list of models, as both official clients read it."""

from __future__ import annotations

from tests.gateway.replay import Said, replaying
from treadle.gateway.protocols.models import model_answer, models_page

CREATED = 1_760_000_000


def test_both_clients_list_the_models() -> None:
    """
    One answer serves both clients, and their paging ends.
    """
    with replaying() as replay:
        replay.says = Said(body=models_page(["support", "sales"], CREATED))
        theirs = [model.id for model in replay.openai().models.list()]
        others = [(model.id, model.created_at.timestamp()) for model in replay.anthropic().models.list()]
        replay.says = Said(body=model_answer("support", CREATED))
        one = replay.openai().models.retrieve("support")

    assert ["support", "sales"] == theirs
    assert [("support", CREATED), ("sales", CREATED)] == others
    assert ("support", CREATED) == (one.id, one.created)


def test_a_key_that_may_call_nothing() -> None:
    """
    An empty list is a list.
    """
    with replaying() as replay:
        replay.says = Said(body=models_page([], CREATED))

        assert [] == list(replay.openai().models.list())
        assert [] == list(replay.anthropic().models.list())
