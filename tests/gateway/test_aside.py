"""Requests of the platform's own judges: answered beside whatever rollout their endpoint is in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.gateway.harness import Plane, arm, endpoint, scripted
from treadle.gateway.types import Rule
from treadle.releases.rollouts.judging import ask_through
from treadle.traces import outcomes
from treadle.traces import service as traces
from treadle.traces.types import TraceFilter


async def test_judge_that_is_on_trial_itself(plane: Plane, tmp_path: Path) -> None:
    """
    What a judge is asked is answered by its endpoint's stable release, and copied to no shadow: judges cannot feed each other.
    """
    stable = scripted(Rule(reply="VERDICT: A"), prompt=())
    shadow = arm("rel_b", role="candidate", weight=0.0, shadow_share=1.0, prompt=(), provider="scripted")
    served = endpoint(plane, stable, shadow, rollout_id="rol_judge")
    await asyncio.to_thread(plane.publish, served)
    data_plane = plane.new_data_plane(tmp_path / "spool")
    await data_plane.start()

    said = await ask_through(data_plane.application)(plane.ctx, "support", [{"role": "user", "content": "A or B?"}])
    await data_plane.close()
    (trace,) = (await traces.list_traces(plane.ctx, TraceFilter(), limit=10)).items
    copies = await outcomes.list_shadow_pairs(plane.ctx, "rol_judge", after_seq=0, limit=10)

    assert ("VERDICT: A", None) == (said.text, said.problem)
    assert ("rel_a", "stable", None, []) == (trace.release_id, trace.arm, trace.rollout_id, copies)
