"""What a rollout has seen survives its way into the database and back."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.sequence import bet
from treadle.releases.rollouts import evidence, intake, means
from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.evidence import Outcome
from treadle.releases.rollouts.keeping import seen_from, seen_to
from treadle.releases.rollouts.plans.types import ArmPlan, ArmsPlan, Guard, Plan
from treadle.releases.rollouts.state import Seen

CANARY = Plan(guards=[Guard(name="slow", signals=["slow"]), Guard(name="errors", signals=["error"])])
SEVERAL = CANARY.model_copy(update={"kind": "ab", "arms": ArmsPlan(arms=[ArmPlan(release_id="rel_a", weight=0.3)])})


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.05, 0.95)), max_size=20), st.booleans())
@settings(max_examples=50, deadline=None)
def test_there_and_back(events: list[tuple[bool, bool, float]], several: bool) -> None:
    """
    JSON and back is the same to the last bit, whatever was seen.
    """
    seen = intake.begin(SEVERAL if several else CANARY, {"slow:slow": 12.5})
    for candidate, bad, weight in events:
        arm = "candidate" if candidate else "stable"
        outcome = Outcome("candidate" if candidate else "stable", weight, bad)
        seen = seen._replace(
            guards={name: evidence.observe(state, outcome) for name, state in seen.guards.items()},
            target=means.observe(seen.target, arm, weight, float(bad)),
            rates={name: means.observe(rate, arm, weight, float(bad)) for name, rate in seen.rates.items()},
            runs={"rel_a": Run(failures=len(events))},
            samples={"slow:slow": (1.5, 2.5)},
            shadow=seen.shadow._replace(agreement=bet(seen.shadow.agreement, float(bad)), seq=7),
        )

    assert seen == seen_from(json.loads(json.dumps(seen_to(seen))))


def test_what_an_older_release_kept_is_read() -> None:
    """
    A rollout that was under way before there were stages and targets goes on with what it had.
    """
    whole = seen_to(intake.begin(CANARY))
    old = {name: whole[name] for name in ("guards", "run", "errors")}

    seen = seen_from(json.loads(json.dumps(old)))

    assert Seen(intake.begin(CANARY).guards, errors=intake.begin(CANARY).errors) == seen
