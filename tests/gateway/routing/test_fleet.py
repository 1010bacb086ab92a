"""Which target is picked."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest

from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.types import Hedge, Retries, Routing, Target
from treadle.traces.pricing import Price

NORTH = Target(provider="north", model="m", region="eu")
SOUTH = Target(provider="south", model="m", region="us")
SPARE = Target(provider="spare", model="m", priority=1)


@pytest.fixture
def fleet() -> Fleet:
    """
    A fleet whose dice repeat.
    """
    return Fleet(random.Random(11).random)


def price(usd_per_million: int) -> Price:
    """Return a price for reading and writing alike."""
    rate = Decimal(usd_per_million) / 1_000_000
    return Price(input_usd_per_token=rate, output_usd_per_token=rate, source="test")


def break_(fleet: Fleet, target: Target, now: float) -> None:
    """Open a target's breaker for a minute."""
    pick = fleet.pick((target,), Routing(), now=now)
    assert pick is not None
    pick.failed("rate_limited", now, retry_after=60.0)


def picked(fleet: Fleet, targets: tuple[Target, ...], routing: Routing, *, now: float, **more: object) -> str | None:
    """Return the key that is picked, and end the attempt well."""
    pick = fleet.pick(targets, routing, now=now, **more)  # type: ignore[arg-type]
    if pick is None:
        return None
    pick.succeeded(now)
    return pick.key


def measured(fleet: Fleet, target: Target, seconds: float, now: float) -> None:
    """Let a target answer once in so many seconds, ending now."""
    pick = fleet.pick((target,), Routing(), now=now - seconds)
    assert pick is not None
    pick.succeeded(now)


def test_weights(fleet: Fleet) -> None:
    """
    Traffic is shared by weight: 4,000 draws of 3 to 1 stay within four standard errors (27) of 3,000.
    """
    targets = (Target(provider="a", model="m", weight=3.0), Target(provider="b", model="m", weight=1.0))
    routing = Routing()

    seen = Counter(picked(fleet, targets, routing, now=1.0) for _ in range(4000))

    assert abs(seen["a/m"] - 3000) < 4 * 27.4


def test_weight_of_zero(fleet: Fleet) -> None:
    """
    A target of weight 0 is used when nothing else is left.
    """
    targets = (Target(provider="a", model="m"), Target(provider="b", model="m", weight=0.0))
    routing = Routing()
    before = {picked(fleet, targets, routing, now=1.0) for _ in range(200)}

    break_(fleet, targets[0], 1.0)

    assert {"a/m"} == before
    assert "b/m" == picked(fleet, targets, routing, now=1.0)


def test_priority(fleet: Fleet) -> None:
    """
    A higher number is used only while every lower one is kept away.
    """
    targets, routing = (SPARE, NORTH, SOUTH), Routing()
    first = {picked(fleet, targets, routing, now=1.0) for _ in range(100)}
    break_(fleet, NORTH, 1.0)
    second = {picked(fleet, targets, routing, now=1.0) for _ in range(100)}
    break_(fleet, SOUTH, 1.0)

    third = {picked(fleet, targets, routing, now=1.0) for _ in range(100)}

    assert [{"north/m", "south/m"}, {"south/m"}, {"spare/m"}] == [first, second, third]


def test_regions(fleet: Fleet) -> None:
    """
    Regions are taken in the order that is stated, and others not at all.
    """
    targets, routing = (NORTH, SOUTH, SPARE), Routing(regions=("us", "eu"))
    first = picked(fleet, targets, routing, now=1.0)
    break_(fleet, SOUTH, 1.0)
    second = picked(fleet, targets, routing, now=1.0)
    break_(fleet, NORTH, 1.0)

    third = picked(fleet, targets, routing, now=1.0)

    assert ("south/m", "north/m", None) == (first, second, third)


def test_nothing_in_the_region(fleet: Fleet) -> None:
    """
    Where no target is in an allowed region, there is none, and no failure is named for it.
    """
    routing = Routing(regions=("ap",))

    assert fleet.pick((NORTH, SOUTH), routing, now=1.0) is None
    assert fleet.closed((NORTH, SOUTH), routing, now=1.0).why is None


def test_two_projects_with_one_name(fleet: Fleet) -> None:
    """
    What one project's target does is nothing to another project's of the same name.
    """
    routing, targets = Routing(), (NORTH,)
    pick = fleet.pick(targets, routing, scope="one", now=1.0)
    assert pick is not None
    pick.failed("rate_limited", 1.0, retry_after=60.0)

    assert fleet.pick(targets, routing, scope="one", now=2.0) is None
    assert fleet.pick(targets, routing, scope="two", now=2.0) is not None


def test_a_new_snapshot(fleet: Fleet) -> None:
    """
    A target that is down stays down when the configuration changes.
    """
    break_(fleet, NORTH, 1.0)

    again = fleet.pick((Target(provider="north", model="m", weight=9.0),), Routing(), now=2.0)

    assert again is None


def test_ten_times_slower(fleet: Fleet) -> None:
    """
    By latency, a target that takes ten times as long gets less than a twentieth of the traffic.
    """
    targets, routing = (NORTH, SOUTH), Routing(strategy="latency")
    seconds = {"north/m": 0.1, "south/m": 1.0}
    seen: Counter[str] = Counter()
    under_way: list[tuple[float, object]] = []

    for step in range(6000):
        now = step * 0.02
        for ends, pick in [entry for entry in under_way if entry[0] <= now]:
            pick.succeeded(ends)  # type: ignore[attr-defined]
            under_way.remove((ends, pick))
        pick = fleet.pick(targets, routing, now=now)
        assert pick is not None
        seen[pick.key] += 1
        under_way.append((now + seconds[pick.key], pick))

    assert 0 < seen["south/m"] < 6000 / 20


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_writes_more(fleet: Fleet, stream: bool) -> None:
    """
    Two targets that begin after 0.5 s and write 100 tokens a second share the traffic, though one writes 20 times as much:
    2,000 draws stay within four standard errors (22) of half.
    """
    targets, routing = (NORTH, SOUTH), Routing(strategy="latency")
    tokens = {"north/m": 2000, "south/m": 100}
    seen: Counter[str] = Counter()

    for step in range(2000):
        now = step * 60.0
        pick = fleet.pick(targets, routing, stream=stream, now=now)
        assert pick is not None
        seen[pick.key] += 1
        if stream:
            pick.first_token(now + 0.5)
        pick.succeeded(now + 0.5 + tokens[pick.key] / 100, 0 if stream else tokens[pick.key])

    assert abs(seen["north/m"] - 1000) < 4 * 22.4


def test_streams_and_whole_answers(fleet: Fleet) -> None:
    """
    What is fast with streams may be slow with whole answers, and each kind of request goes where its kind is fast.
    """
    targets, routing = (NORTH, SOUTH), Routing(strategy="latency")
    for target, first, whole in ((NORTH, 0.1, 9.0), (SOUTH, 0.8, 1.0)):
        stream = fleet.pick((target,), routing, stream=True, now=0.0)
        at_once = fleet.pick((target,), routing, now=0.0)
        assert stream is not None
        assert at_once is not None
        stream.first_token(first)
        stream.succeeded(9.0)
        at_once.succeeded(whole, 200)

    keys = [
        {picked(fleet, targets, routing, stream=stream, now=9.0) for _ in range(50)}
        for stream in (True, False)
    ]  # fmt: skip

    assert [{"north/m"}, {"south/m"}] == keys


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_always_beaten(fleet: Fleet, stream: bool) -> None:
    """
    A target that another one always beats is slow for as long as it was waited for: it gets what is left of the traffic.
    """
    targets, routing = (NORTH, SOUTH), Routing(strategy="latency")
    seen: Counter[str] = Counter()

    for step in range(6000):
        now = step * 0.02
        pick = fleet.pick(targets, routing, stream=stream, now=now)
        assert pick is not None
        seen[pick.key] += 1
        if pick.key == "south/m":
            pick.abandoned(now + 0.5, 0 if stream else 400)
            continue
        if stream:
            pick.first_token(now + 0.1)
        pick.succeeded(now + 0.45, 0 if stream else 400)

    assert 0 < seen["south/m"] < 6000 / 20


def test_least_busy(fleet: Fleet) -> None:
    """
    The one with the least in flight for its weight is next.
    """
    targets = (Target(provider="a", model="m", weight=2.0), Target(provider="b", model="m", weight=1.0))
    routing = Routing(strategy="least_busy")

    picks = [fleet.pick(targets, routing, now=1.0) for _ in range(30)]

    assert {"a/m": 20, "b/m": 10} == Counter(pick.key for pick in picks if pick is not None)


def test_cheapest_that_is_fast_enough(fleet: Fleet) -> None:
    """
    The cheapest is left for the next one when it exceeds the latency that is allowed.
    """
    cheap = Target(provider="cheap", model="m", price=price(1))
    dear = Target(provider="dear", model="m", price=price(9))
    unknown = Target(provider="unknown", model="m")
    targets, routing = (unknown, dear, cheap), Routing(strategy="cheapest", max_latency_ms=500.0)
    for target in targets:
        measured(fleet, target, 0.1, 1.0)
    first = picked(fleet, targets, routing, now=1.0)

    measured(fleet, cheap, 2.0, 3.0)

    assert "cheap/m" == first
    assert "dear/m" == picked(fleet, targets, routing, now=3.0)


def test_latency_that_is_not_known(fleet: Fleet) -> None:
    """
    A cheap target without a measurement gets one request, and others only when that has told.
    """
    cheap = Target(provider="cheap", model="m", price=price(1))
    dear = Target(provider="dear", model="m", price=price(9))
    targets, routing = (cheap, dear), Routing(strategy="cheapest", max_latency_ms=500.0)
    measured(fleet, dear, 0.1, 1.0)

    picks = [fleet.pick(targets, routing, now=1.0) for _ in range(3)]

    assert ["cheap/m", "dear/m", "dear/m"] == [pick.key for pick in picks if pick is not None]


def test_none_is_fast_enough(fleet: Fleet) -> None:
    """
    Where all are too slow the fastest answers.
    """
    cheap = Target(provider="cheap", model="m", price=price(1))
    dear = Target(provider="dear", model="m", price=price(9))
    measured(fleet, cheap, 3.0, 3.0)
    measured(fleet, dear, 2.0, 3.0)

    key = picked(fleet, (cheap, dear), Routing(strategy="cheapest", max_latency_ms=500.0), now=3.0)

    assert "dear/m" == key


def test_sticky_sessions(fleet: Fleet) -> None:
    """
    A session keeps its target, moves while that is kept away, and comes back; others do not move.
    """
    targets, routing = (NORTH, SOUTH, Target(provider="west", model="m")), Routing(sticky=True)
    names = [f"session {number}" for number in range(300)]
    before = {name: picked(fleet, targets, routing, session=name, now=1.0) for name in names}
    break_(fleet, NORTH, 1.0)
    during = {name: picked(fleet, targets, routing, session=name, now=2.0) for name in names}

    after = {name: picked(fleet, targets, routing, session=name, now=100.0) for name in names}

    assert before == after
    assert all(before[name] == during[name] for name in names if before[name] != "north/m")
    assert "north/m" not in during.values()
    assert all(60 < number < 140 for number in Counter(before.values()).values())


def test_sticky_weights(fleet: Fleet) -> None:
    """
    Sessions are shared by weight too: 3 to 1 over 2,000 sessions, within four standard errors (19).
    """
    targets = (Target(provider="a", model="m", weight=3.0), Target(provider="b", model="m", weight=1.0))
    routing = Routing(sticky=True)

    seen = Counter(picked(fleet, targets, routing, session=f"s{number}", now=1.0) for number in range(2000))

    assert abs(seen["a/m"] - 1500) < 4 * 19.4


def test_recovered_target_is_probed(fleet: Fleet) -> None:
    """
    When its time is over, a target gets one request even though others are healthy.
    """
    targets, routing = (NORTH, SOUTH), Routing()
    break_(fleet, NORTH, 0.0)

    picks = [fleet.pick(targets, routing, now=61.0) for _ in range(5)]

    assert ["north/m"] + 4 * ["south/m"] == [pick.key for pick in picks if pick is not None]


def test_second_attempts_are_no_probes(fleet: Fleet) -> None:
    """
    A request that has failed once goes to a healthy target rather than to one on probation.
    """
    targets, routing = (NORTH, SOUTH, Target(provider="west", model="m")), Routing()
    break_(fleet, NORTH, 0.0)

    pick = fleet.pick(targets, routing, tried=["south/m"], now=61.0)

    assert pick is not None
    assert "west/m" == pick.key


def test_everything_was_tried(fleet: Fleet) -> None:
    """
    When all were tried, the least tried is next, lower priorities first.
    """
    targets, routing = (NORTH, SPARE), Routing()

    keys = [picked(fleet, targets, routing, tried=tried, now=1.0) for tried in (
        [], ["north/m"], ["north/m", "spare/m"], ["north/m", "spare/m", "north/m"],
    )]  # fmt: skip

    assert ["north/m", "spare/m", "north/m", "spare/m"] == keys


def test_caller_leaves_a_slow_target(fleet: Fleet) -> None:
    """
    An attempt that is abandoned is no verdict, but the time it took already is known.
    """
    pick = fleet.pick((NORTH,), Routing(), now=0.0)
    assert pick is not None

    pick.abandoned(8.0)
    pick.succeeded(9.0)
    seen = fleet.view(9.0)[0]

    assert (0, 8000.0, "closed") == (seen.in_flight, seen.latency_ms, seen.state)


def test_hedge_at_p95(fleet: Fleet) -> None:
    """
    A hedge waits for the p95 of the time to first content, once twenty are known, and never less than stated; whole answers
    have their own.
    """
    routing = Routing(hedge=Hedge(min_seconds=0.05))
    for number in range(100):
        pick = fleet.pick((NORTH, SOUTH), routing, stream=True, now=0.0)
        assert pick is not None
        if number == 5:
            early = fleet.hedge_after(pick, routing)
        pick.first_token(0.2)
        pick.succeeded(1.0)
    last, whole = (fleet.pick((NORTH, SOUTH), routing, stream=stream, now=1.0) for stream in (True, False))
    assert last is not None
    assert whole is not None

    wait = fleet.hedge_after(last, routing)
    patient = fleet.hedge_after(last, Routing(hedge=Hedge(min_seconds=3.0)))

    assert early is None
    assert fleet.hedge_after(whole, routing) is None
    assert 0.2 == pytest.approx(wait, rel=0.05)
    assert 3.0 == patient


def test_hedges_go_elsewhere(fleet: Fleet) -> None:
    """
    A hedge takes another target, within its budget and the number of attempts.
    """
    targets, routing = (NORTH, SOUTH), Routing(hedge=Hedge(budget=0.05), retries=Retries(attempts=2))
    budget = fleet.budget("p", "e")

    hedges = [fleet.hedge(targets, routing, budget, tried=["north/m"], now=1.0) for _ in range(10)]
    third = fleet.hedge(targets, routing, budget, tried=["north/m", "south/m"], now=1.0)

    assert 3 * ["south/m"] == [pick.key for pick in hedges if pick is not None]
    assert third is None
