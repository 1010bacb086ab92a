"""One target from what its workers say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from treadle.gateway.standing.types import TargetHealth, TargetState, WorkerView
from treadle.gateway.types import Endpoint

WORST_FIRST: tuple[TargetState, ...] = ("open", "probing", "closed", "unused")


def sum_up(views: Iterable[tuple[str, WorkerView]], endpoints: Iterable[Endpoint]) -> list[TargetHealth]:
    """Return every target that a worker speaks of or an endpoint names, by target."""
    by_target: dict[str, list[WorkerView]] = {}
    for target, view in views:
        by_target.setdefault(target, []).append(view)
    names = endpoints_of(endpoints)
    return [
        _summed(target, by_target.get(target, []), names.get(target, [])) for target in sorted({*by_target, *names})
    ]


def endpoints_of(endpoints: Iterable[Endpoint]) -> Mapping[str, list[str]]:
    """Return the names of the endpoints that may send requests to a target, by target."""
    found: dict[str, set[str]] = {}
    for endpoint in endpoints:
        for arm in endpoint.arms:
            keys = [target.key for target in arm.targets] or [f"{arm.provider}/{arm.model_version_id}"]
            for key in keys:
                found.setdefault(key, set()).add(endpoint.name)
    return {key: sorted(names) for key, names in found.items()}


def _summed(target: str, views: Sequence[WorkerView], endpoints: Sequence[str]) -> TargetHealth:
    provider, _, model = target.partition("/")
    ordered = sorted(views, key=lambda view: (WORST_FIRST.index(view.state), view.worker_id))
    failed = [view for view in views if view.last_failed_at is not None]
    last = max(failed, key=lambda view: view.last_failed_at or view.reported_at, default=None)
    return TargetHealth(
        target=target,
        provider=provider,
        model=model,
        endpoints=list(endpoints),
        state=ordered[0].state if ordered else "unused",
        probe_at=min((view.probe_at for view in views if view.probe_at is not None), default=None),
        in_flight=sum(view.in_flight for view in views),
        attempts_lately=sum(view.attempts_lately for view in views),
        failures_lately=sum(view.failures_lately for view in views),
        latency_ms=max((view.latency_ms for view in views if view.latency_ms is not None), default=None),
        last_failure=None if last is None else last.last_failure,
        last_failed_at=None if last is None else last.last_failed_at,
        workers=ordered,
    )
