"""What a rollout has seen, to JSON and back. Inverse of each other, and tested as such.

Python writes the shortest text that reads back as the same float, and jsonb keeps decimals exactly, so nothing is lost.
What an older release did not keep is as it is at a rollout's start.
"""

from __future__ import annotations

from typing import Any

from treadle.core.sequence import Betting
from treadle.core.types import JsonObject
from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.evidence import Evidence
from treadle.releases.rollouts.means import ArmMean, Means
from treadle.releases.rollouts.shadow import Shadow
from treadle.releases.rollouts.state import Seen

_SHADOW = ("seq", "wins", "losses", "unscored", "judged_seq", "judge_problem")
"""What a shadow stage keeps as it is."""


def seen_to(seen: Seen) -> JsonObject:
    """Return what a rollout has seen as JSON."""
    return {
        "guards": {name: state._asdict() for name, state in seen.guards.items()},
        "run": seen.run._asdict(),
        "errors": seen.errors._asdict() if seen.errors else None,
        "limits": dict(seen.limits),
        "samples": {name: list(values) for name, values in seen.samples.items()},
        "target": _means_to(seen.target),
        "rates": {name: _means_to(state) for name, state in seen.rates.items()},
        "runs": {name: run._asdict() for name, run in seen.runs.items()},
        "shadow": {
            "agreement": seen.shadow.agreement._asdict(),
            "gain": seen.shadow.gain._asdict(),
            "failures": seen.shadow.failures._asdict(),
            "preference": seen.shadow.preference._asdict(),
            **{name: getattr(seen.shadow, name) for name in _SHADOW},
        },
    }


def seen_from(value: dict[str, Any]) -> Seen:
    """Return what a rollout has seen from JSON."""
    errors, told = value["errors"], value.get("shadow")
    return Seen(
        {name: _evidence(state) for name, state in value["guards"].items()},
        Run(**value["run"]),
        _evidence(errors) if errors else None,
        limits={name: float(limit) for name, limit in value.get("limits", {}).items()},
        samples={name: tuple(float(one) for one in values) for name, values in value.get("samples", {}).items()},
        target=_means_from(value["target"]) if "target" in value else Means(),
        rates={name: _means_from(state) for name, state in value.get("rates", {}).items()},
        runs={name: Run(**run) for name, run in value.get("runs", {}).items()},
        shadow=Shadow(
            agreement=Betting(**told["agreement"]),
            gain=Betting(**told["gain"]),
            failures=_evidence(told["failures"]),
            preference=Betting(**told["preference"]) if "preference" in told else Shadow().preference,
            **{name: told[name] for name in _SHADOW if name in told},
        )
        if told
        else Shadow(),
    )


def _evidence(value: dict[str, Any]) -> Evidence:
    return Evidence(**{**value, "log_bad": tuple(float(one) for one in value["log_bad"])})


def _means_to(state: Means) -> JsonObject:
    return {**state._asdict(), "arms": {name: arm._asdict() for name, arm in state.arms.items()}}


def _means_from(value: dict[str, Any]) -> Means:
    return Means(**{**value, "arms": {name: ArmMean(**arm) for name, arm in value["arms"].items()}})
