"""Weights of one's own as candidates: on their real engine, with size from the registry and speed as measured."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.choosing.models import choose, keep_rows, serve, wish
from tests.models.tiny import write_model_file
from tests.traces.home import Home
from treadle.choosing.types import Requirements
from treadle.models import service as models
from treadle.models.types import Description, Version


def test_weights_are_tried_on_their_engine_and_their_speed_is_known_after(home: Home, tmp_path: Path) -> None:
    """
    A version of the registry has its size and licence before, and its speed after it was tried; nobody bills it, so its cost
    is not known and not 0, and requirements on hosting keep it and leave an endpoint of a provider out.
    """
    write_model_file(tmp_path).rename(tmp_path / "model.gguf")

    async def register() -> Version:
        files = await models.keep_files(home.ctx, tmp_path, patterns=("model.gguf",))
        description = Description(kind="weights", files=files, run_id="run_1", licence="Apache-2.0", context_length=128)
        return await models.register_version(home.ctx, "tiny", description)

    made = anyio.run(register)
    dataset = keep_rows(home, 6)
    serve(home, "other", usd="1")
    before = home.client.catalogue.get("tiny@1")

    choice = choose(
        home,
        wish(
            dataset,
            "tiny@1",
            "other",
            max_tokens=4,
            requirements=Requirements(hosting="local", licences=["Apache-2.0"]),
        ),
    )

    after = home.client.catalogue.get("tiny@1")
    assert (made.size_bytes, "Apache-2.0", "local", None) == (
        before.size_bytes, before.licence, before.hosting, before.speed,
    )  # fmt: skip
    assert choice.outcome is not None
    (tried,) = choice.outcome.tried
    assert (None, None, 6) == (tried.problem, tried.usd_per_thousand, tried.metrics[0].scored)
    assert ["endpoint:other"] == [each.name for each in choice.plan.excluded]
    assert after.speed is not None
    assert tried.experiment_id == after.speed.source_id
    assert (after.speed.latency_p95_ms or 0) > 0
    assert "cost not known" in choice.outcome.words
