"""The order in which targets come into question, and the choice among those of one tier. Pure but for the dice handed in.

A tier holds the targets of one priority and one region; tiers are ordered by priority, then by the endpoint's order of
regions. Weights: 'weighted' sends shares by them, 'least_busy' reads them as capacity, 'latency' and 'cheapest' ignore
them. A weight of 0 is used only where nothing else is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import blake2b

from treadle.gateway.routing.health import Health
from treadle.gateway.types import Routing, Target

Random = Callable[[], float]
"""Uniform in [0, 1)."""

STALE_SECONDS = 30.0
"""A latency that was measured longer ago is unknown: the target is tried again."""
_INPUT_TO_OUTPUT = 3.0
"""Prices are compared at three tokens read for each one written, as public price comparisons do."""
_MASK = (1 << 64) - 1


class Seat:
    """A target in a plan, with what is read on every request laid out flat."""

    __slots__ = ("health", "key", "price", "salt", "target", "weight")

    def __init__(self, target: Target, health: Health) -> None:
        self.target = target
        self.key = target.key
        self.health = health
        self.weight = max(target.weight, 0.0)
        price = target.price
        self.price = (
            math.inf
            if price is None
            else float(price.input_usd_per_token) * _INPUT_TO_OUTPUT + float(price.output_usd_per_token)
        )
        """Comparable, not an amount; infinite where nobody stated one, since unknown is not free."""
        self.salt = number_of(self.key)


class Plan:
    """The targets of one arm, in tiers, for one way of routing."""

    __slots__ = ("choose", "is_sticky", "max_latency_seconds", "routing", "targets", "tiers")

    def __init__(self, targets: Sequence[Target], routing: Routing, find: Callable[[str], Health]) -> None:
        self.targets = targets
        self.routing = routing
        self.is_sticky = routing.sticky
        self.max_latency_seconds = math.inf if routing.max_latency_ms is None else routing.max_latency_ms / 1000.0
        self.choose = _STRATEGIES[routing.strategy]
        ranks = {region: rank for rank, region in enumerate(routing.regions)}
        tiers: dict[tuple[int, int], list[Seat]] = {}
        for target in targets:
            rank = ranks.get(target.region or "") if ranks else 0
            if rank is not None:
                tiers.setdefault((target.priority, rank), []).append(Seat(target, find(target.key)))
        self.tiers = tuple(tuple(tiers[place]) for place in sorted(tiers))


def number_of(text: str) -> int:
    """Return 64 bits that belong to a text, the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def home_of(seats: Sequence[Seat], session: str) -> Seat:
    """Return the seat that a session belongs to: weighted rendezvous hashing.

    Every seat draws a number that only the session and the target decide; the lowest -ln(u)/weight wins. A seat that
    leaves moves only its own sessions, and they come back with it. Source: Thaler and Ravishankar 1998; weights as in
    Schindelhauer and Schomaker 2005.
    """
    if len(seats) == 1:
        return seats[0]
    asked, best, lowest = number_of(session), seats[0], math.inf
    for seat in seats:
        # The finaliser of splitmix64: one blake2b per session instead of one per pair.
        mixed = ((asked ^ seat.salt) + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        drawn = ((mixed >> 11) + 0.5) * 2.0**-53
        distance = -math.log(drawn) / (seat.weight or 1e-12)
        if distance < lowest:
            best, lowest = seat, distance
    return best


def by_weight(seats: Sequence[Seat], plan: Plan, random: Random, now: float, stream: bool) -> Seat:
    """Choose in proportion to weight."""
    total = 0.0
    for seat in seats:
        total += seat.weight
    if total <= 0.0:
        return seats[int(random() * len(seats))]
    point = random() * total
    for seat in seats:
        point -= seat.weight
        if point < 0.0:
            return seat
    return next(seat for seat in reversed(seats) if seat.weight > 0.0)


def by_latency(seats: Sequence[Seat], plan: Plan, random: Random, now: float, stream: bool) -> Seat:
    """Choose the better of two drawn at random: the lower peak average x (in flight + 1).

    Source: power of two choices, Mitzenmacher 2001, over Finagle's peak EWMA. Of streams the time to first content counts, of
    whole answers the time for one of typical length: time per token, as others have it, would punish short ones.
    """
    number = len(seats)
    first = int(random() * number)
    second = int(random() * (number - 1))
    if second >= first:
        second += 1
    one, other = seats[first], seats[second]
    return one if _load(one.health, stream, now) <= _load(other.health, stream, now) else other


def by_requests(seats: Sequence[Seat], plan: Plan, random: Random, now: float, stream: bool) -> Seat:
    """Choose the one with the least in flight for its weight; ties are drawn."""
    start = int(random() * len(seats))
    best, lowest = seats[start], math.inf
    for offset in range(len(seats)):
        seat = seats[start - offset]
        load = (seat.health.in_flight + 1) / (seat.weight or 1e-12)
        if load < lowest:
            best, lowest = seat, load
    return best


def by_price(seats: Sequence[Seat], plan: Plan, random: Random, now: float, stream: bool) -> Seat:
    """Choose the cheapest that is fast enough; where none is, the fastest.

    A latency that is unknown or old counts as fast enough, but for one request at a time: that one measures it.
    """
    most, best, second = plan.max_latency_seconds, None, None
    for seat in seats:
        latency, at = seat.health.latency, seat.health.latency.observed_at
        if most == math.inf or (at is not None and now - at <= STALE_SECONDS):
            if latency.value <= most and (best is None or seat.price < best.price):
                best = seat
        elif seat.health.in_flight == 0:
            if best is None or seat.price < best.price:
                best = seat
        elif second is None or seat.price < second.price:
            second = seat
    if best is None:
        best = second
    return best or min(seats, key=lambda seat: seat.health.latency.value)


_STRATEGIES = {"weighted": by_weight, "latency": by_latency, "least_busy": by_requests, "cheapest": by_price}


def _load(health: Health, stream: bool, now: float) -> float:
    speed = health.streams if stream else health.wholes
    if speed.average.observed_at is None:
        # Unknown: the first request goes there at once, others wait for what it tells.
        return math.inf if speed.in_flight else 0.0
    return speed.average.at(now) * (health.in_flight + 1)
