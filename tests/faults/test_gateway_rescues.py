"""What the gateway makes of upstream faults: repetitions, other targets, hedges, breakers; and where it leaves them be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, NamedTuple

import openai
import pytest

from tests.gateway.harness import Plane, wait_for
from tests.gateway.upstreams import Heard, ask_all, ask_once, provide, publish, serve, served_by, trace
from tests.gateway.wall import FOREVER, TEXT, Fault, Wall
from treadle.gateway.types import Clocks, ProtocolName, Retries, Routing, Target

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
CALLERS: tuple[ProtocolName, ...] = ("chat", "responses", "messages")
QUICK = Clocks(connect_seconds=10, first_token_seconds=1.5, between_seconds=20, total_seconds=30)
STALLS = Clocks(connect_seconds=10, first_token_seconds=20, between_seconds=1.5, total_seconds=30)
PATIENT = Clocks(connect_seconds=10, first_token_seconds=20, between_seconds=20, total_seconds=30)
AT_ONCE = Retries(attempts=3, base_seconds=0.001)
Count = Callable[[str], int]


@pytest.fixture
def wall(plane: Plane) -> Iterator[Wall]:
    """
    The provider 'open' of the test's project; its other providers speak chat only.
    """
    with Wall() as made:
        provide(plane, made, "open")
        yield made


@pytest.fixture
def asked(wall: Wall) -> Count:
    """
    How often a model was asked.
    """
    return lambda model: sum(1 for seen in wall.requests if seen.body["model"] == model)


def two(**more: Any) -> list[Target]:
    """A target, and one to fall back to."""
    return [Target(provider="open", model="first"), Target(provider="open", model="second", priority=1, **more)]


def rescued(plane: Plane, got: Heard) -> tuple[list[tuple[str, str]], list[str], str | None]:
    """What the trace says of attempts that failed, its signals, and which model answered."""
    attributes = trace(plane, got.trace_id).span.attributes
    failed: Any = attributes.get("treadle.attempts.failed", [])
    signals: Any = attributes.get("treadle.signals", [])
    return [(each["target"], each["code"]) for each in failed], signals, attributes.get("gen_ai.request.model")  # type: ignore[return-value]


BEFORE_CONTENT = {
    "garbage": (Fault(garbage=True), "upstream_failed", "rescued"),
    "500": (Fault(status=500), "upstream_failed", "rescued"),
    "503": (Fault(status=503), "upstream_overloaded", "rescued"),
    "529": (Fault(status=529), "upstream_overloaded", "rescued"),
    "429": (Fault(status=429, retry_after="30"), "upstream_rate_limited", "rescued"),
    "401": (Fault(status=401), "upstream_denied", "rescued"),
    "stall": (Fault(before_head=FOREVER), "upstream_timeout", "rescued:timeout"),
    "silence": (Fault(before_first=FOREVER), "upstream_timeout", "rescued:timeout"),
    "html": (Fault(body="<html>", content_type="text/html"), "upstream_failed", "rescued"),
    "cut": (Fault(cut_at=0), "upstream_failed", "rescued"),
}


AFTER_CONTENT = {
    "late cut": Fault(cut_at=6, gate_at=6),
    "late end": Fault(ends_at=6, gate_at=6),
    "late nonsense": Fault(malformed_at=6, gate_at=6),
    "late error": Fault(error_at=6, gate_at=6),
    "late stall": Fault(stall_at=6, gate_at=6),
}


class Site(NamedTuple):
    """A gateway with an endpoint for every fault of the two tables and every caller, each with targets of its own."""

    plane: Plane
    wall: Wall
    key: str

    def ask(self, name: str, *, stream: bool) -> dict[ProtocolName, Heard]:
        """Ask as every caller at once. The wall's gate opens when all of them have heard something."""
        spoken: list[None] = []

        def on_text() -> None:
            spoken.append(None)
            if len(spoken) == len(CALLERS):
                self.wall.gate.set()

        self.wall.gate.clear()
        asked = [(caller, f"{name}-{caller}-{stream}") for caller in CALLERS]
        return dict(zip(CALLERS, ask_all(self.plane, self.key, asked, stream=stream, on_text=on_text), strict=True))

    def count(self, model: str) -> int:
        """Return how often a model was asked."""
        return sum(1 for seen in self.wall.requests if seen.body["model"] == model)


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    Every fault, ready to be asked for.
    """
    with Wall() as made:
        provide(module_plane, made, "open")
        faults = {name: fault for name, (fault, _, _) in BEFORE_CONTENT.items()} | AFTER_CONTENT
        endpoints = []
        for name in [f"{name}-{caller}-{stream}" for name in faults for caller in CALLERS for stream in (False, True)]:
            fault = faults[name.partition("-")[0]]
            made.behave(f"first-{name}", fault)
            first = Target(provider="open", model=f"first-{name}")
            second = Target(provider="open", model=f"second-{name}", priority=1)
            clocks = STALLS if fault.stall_at else QUICK if fault.before_head or fault.before_first else PATIENT
            routing = Routing(clocks=clocks, retries=Retries(base_seconds=10, budget=5))
            endpoints.append(served_by(module_plane, name, first, second, routing=routing))
        publish(module_plane, endpoints)
        # The plane goes on to another project with the next test; what is here stays with its own.
        yield Site(copy(module_plane), made, module_plane.create_key().key)


@BOTH
@pytest.mark.parametrize("name", BEFORE_CONTENT)
def test_another_target_answers(site: Site, name: str, stream: bool) -> None:
    """
    Before the first content another target is asked at once; the caller sees nothing of it, the trace does.
    """
    _, code, signal = BEFORE_CONTENT[name]

    got = site.ask(name, stream=stream)

    for caller, each in got.items():
        first, second = (f"{which}-{name}-{caller}-{stream}" for which in ("first", "second"))
        assert ((200, None, True), TEXT) == (each.short, each.text)
        assert (1, 1) == (site.count(first), site.count(second))
        assert ([(f"open/{first}", code)], [signal], second) == rescued(site.plane, each)


@pytest.mark.parametrize("name", AFTER_CONTENT)
def test_nothing_is_repeated_after_the_first_content(site: Site, name: str) -> None:
    """
    What a caller has heard a part of is never asked again, on no target: the stream ends with an error.
    """
    got = site.ask(name, stream=True)

    for caller, each in got.items():
        first, second = (f"{which}-{name}-{caller}-True" for which in ("first", "second"))
        assert (200, False) == (each.status, each.is_complete)
        assert each.code
        assert (1, 0) == (site.count(first), site.count(second))
        assert ([], [], first) == rescued(site.plane, each)


@BOTH
def test_the_only_target_is_asked_again(plane: Plane, key: str, wall: Wall, asked: Count, stream: bool) -> None:
    """
    Where there is no other target the same one is asked again; each failure is counted.
    """
    wall.behave("first", Fault(status=500), Fault(garbage=True), Fault())
    serve(plane, "support", two()[0], routing=Routing(clocks=PATIENT, retries=AT_ONCE))

    got = ask_once(plane, key, "chat", "support", stream=stream)

    assert (200, 3) == (got.status, asked("first"))
    assert [("open/first", "upstream_failed")] * 2 == rescued(plane, got)[0]


@BOTH
def test_attempts_are_used_up(plane: Plane, key: str, wall: Wall, asked: Count, stream: bool) -> None:
    """
    After the last attempt the caller gets the last fault, and the trace is an error that nothing rescued.
    """
    wall.behave("*", Fault(status=500))
    serve(plane, "support", *two(), routing=Routing(clocks=PATIENT, retries=AT_ONCE))

    got = ask_once(plane, key, "chat", "support", stream=stream)

    assert ((502, "upstream_failed", False), 3) == (got.short, asked("first") + asked("second"))
    failed, signals, _ = rescued(plane, got)
    assert (3, []) == (len(failed), signals)


@BOTH
@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_is_the_callers_fault(plane: Plane, key: str, wall: Wall, asked: Count, status: int, stream: bool) -> None:
    """
    A request that the upstream finds fault with is not repeated; its error reaches the caller byte for byte.
    """
    said = '{"error": {"message": "no such tool", "type": "x", "param": "tools", "code": "tool_unknown", "more": 1}}'
    wall.behave("first", Fault(status=status, body=said))
    serve(plane, "support", *two(), routing=Routing(retries=AT_ONCE))

    got = ask_once(plane, key, "chat", "support", stream=stream)

    assert (status, "tool_unknown", said) == (got.status, got.code, got.raw)
    assert (1, 0) == (asked("first"), asked("second"))


def test_our_key_is_refused(plane: Plane, key: str, wall: Wall, asked: Count) -> None:
    """
    A refused key is not tried again on the same target, and what the provider said of it is not shown whole.
    """
    wall.behave("first", Fault(status=401, error="Incorrect API key provided: sk-upstream-0123456789"))
    serve(plane, "support", two()[0], routing=Routing(retries=AT_ONCE))

    got = ask_once(plane, key, "chat", "support")

    assert ((502, "upstream_denied", False), 1) == (got.short, asked("first"))
    assert "sk-upstream" not in got.raw
    assert "tell whoever runs this gateway" in got.raw


def test_what_one_target_cannot_say(plane: Plane, key: str, wall: Wall, asked: Count) -> None:
    """
    A request that one target's dialect has no words for goes to one that has them; where none has, the field is named.
    """
    provide(plane, wall, "claude", "anthropic")
    first = Target(provider="claude", model="first")
    serve(plane, "support", first, two()[1], routing=Routing(retries=AT_ONCE))
    serve(plane, "alone", first, routing=Routing(retries=AT_ONCE))
    client = plane.openai(key)
    said: Any = [{"role": "user", "content": "x"}]

    answer = client.chat.completions.create(model="support", messages=said, logprobs=True)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="alone", messages=said, logprobs=True)

    assert TEXT == answer.choices[0].message.content
    assert (0, 1) == (asked("first"), asked("second"))
    assert "logprobs" == caught.value.param


def test_a_short_wait_that_is_asked_for(plane: Plane, key: str, wall: Wall, asked: Count) -> None:
    """
    The only target asks for a second: the caller waits it out and never hears of it.
    """
    wall.behave("first", Fault(status=429, retry_after="1"), Fault())
    serve(plane, "support", two()[0], routing=Routing(retries=AT_ONCE))
    began = time.monotonic()

    got = ask_once(plane, key, "chat", "support")

    assert (200, 2) == (got.status, asked("first"))
    assert time.monotonic() - began >= 1.0


WAITS = {
    "in seconds": Fault(status=429, retry_after="120"),
    "as a date": Fault(
        status=429,
        retry_after="Thu, 02 Jan 2020 00:01:00 GMT",
        headers=(("Date", "Wed, 01 Jan 2020 23:59:00 GMT"),),  # its clock says so: two minutes before
    ),
    "in milliseconds": Fault(status=429, retry_after="1", headers=(("Retry-After-Ms", "120000"),)),
}


@pytest.mark.parametrize("form", WAITS)
def test_a_long_wait_that_is_asked_for(plane: Plane, key: str, wall: Wall, asked: Count, form: str) -> None:
    """
    A wait of minutes is passed on, and until it is over the target is left alone: its limit stays a 429 for callers.
    """
    wall.behave("first", WAITS[form], Fault())
    serve(plane, "support", two()[0], routing=Routing(retries=AT_ONCE))

    first, second = ask_once(plane, key, "chat", "support"), ask_once(plane, key, "chat", "support")

    assert ((429, "upstream_rate_limited", False), "120") == (first.short, first.headers["retry-after"])
    assert ((429, "upstream_rate_limited", False), "upstream") == (
        second.short,
        second.headers["x-treadle-limit-source"],
    )
    assert 100 < int(second.headers["retry-after"]) <= 120
    assert 1 == asked("first")


def test_the_total_clock_is_for_all_attempts(plane: Plane, key: str, wall: Wall) -> None:
    """
    Attempts share one total clock: silent targets one after the other do not add up.
    """
    wall.behave("*", Fault(before_first=FOREVER))
    targets = [Target(provider="open", model=f"m{number}", priority=number) for number in range(6)]
    clocks = Clocks(first_token_seconds=0.5, total_seconds=0.8)
    serve(plane, "support", *targets, routing=Routing(clocks=clocks, retries=Retries(attempts=6)))

    got = ask_once(plane, key, "chat", "support", stream=True)

    assert (504, "upstream_timeout", False) == got.short
    assert "within 0.8 s (total" in got.raw


def test_an_outage_is_not_multiplied(plane: Plane, key: str, wall: Wall, asked: Count) -> None:
    """
    Twenty-five requests in an outage: repetitions stay within the budget, the breaker opens, the rest is told at once.
    """
    wall.behave("first", Fault(status=500))
    serve(plane, "support", two()[0], routing=Routing(retries=Retries(attempts=5, base_seconds=0.001)))

    got = [ask_once(plane, key, "chat", "support") for _ in range(25)]

    assert {"upstream_failed", "no_healthy_target"} == {each.code for each in got}
    assert asked("first") <= 12
    assert all(int(each.headers["retry-after"]) >= 1 for each in got if each.code == "no_healthy_target")


def test_a_breaker_opens_and_closes(plane: Plane, key: str, wall: Wall, asked: Count) -> None:
    """
    A target that fails five times in a row is left alone; once it works a single probe brings all its traffic back.
    """
    wall.behave("first", Fault(status=500))
    serve(plane, "support", *two(), routing=Routing(clocks=PATIENT, retries=Retries(base_seconds=0.001, budget=5)))
    for _ in range(5):
        ask_once(plane, key, "chat", "support")
    failed = asked("first")

    around = [ask_once(plane, key, "chat", "support") for _ in range(3)]
    wall.behave("first", Fault())
    wait_for(lambda: rescued(plane, ask_once(plane, key, "chat", "support"))[2] == "first")
    after = [rescued(plane, ask_once(plane, key, "chat", "support")) for _ in range(5)]

    assert 5 == failed
    assert [200] * 3 == [each.status for each in around]
    assert [([], [], "first")] * 5 == after


def test_only_one_probes(plane: Plane, key: str, wall: Wall, asked: Count) -> None:
    """
    Of twenty requests at once one probes a target that failed; the others go round it, and all are answered.
    """
    wall.behave("first", Fault(status=500))
    serve(plane, "support", *two(), routing=Routing(clocks=QUICK, retries=Retries(base_seconds=0.001, budget=5)))
    for _ in range(5):
        ask_once(plane, key, "chat", "support")
    wall.behave("first", Fault(before_first=FOREVER))
    statuses: set[int] = set()

    def one_has_probed() -> bool:
        statuses.update(each.status for each in ask_all(plane, key, [("chat", "support")] * 20))
        return asked("first") > 5

    wait_for(one_has_probed)

    assert ({200}, 6) == (statuses, asked("first"))
