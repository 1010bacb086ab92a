"""Guards through the official clients, whoever speaks what: what is masked or blocked appears nowhere, in no event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import anthropic
import openai
import pytest

from tests.gateway.harness import Plane
from tests.gateway.site import Site, opened
from tests.gateway.upstreams import Heard, ask_once, publish, served_by, trace
from tests.gateway.wall import TEXT
from treadle.gateway.types import Endpoint, GuardRule, PromptMessage, ProtocolName, Target

LANES: dict[str, tuple[ProtocolName, str]] = {
    "chat": ("chat", "open"),
    "chat by claude": ("chat", "claude"),
    "responses": ("responses", "open"),
    "responses by claude": ("responses", "claude"),
    "messages": ("messages", "claude"),
    "messages by chat": ("messages", "open"),
    "messages by bedrock": ("messages", "bedrock"),
    "completions": ("completions", "open"),
}
ANY_LANE = pytest.mark.parametrize("lane", LANES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
MAIL = "ana@example.org"
SAID = f"Write to {MAIL} or to bob@example.org today"
MASKED = "Write to [EMAIL] or to [EMAIL] today"
SYSTEM = PromptMessage(role="system", template="The warehouse code is seven green bottles under the old bridge.")
REFUSED: Any = (openai.BadRequestError, anthropic.BadRequestError)
RULES = {
    "mask in": GuardRule(name="no mail", check="pii", stage="input", action="mask"),
    "block in": GuardRule(name="no mail", check="pii", stage="input", action="block"),
    "mask out": GuardRule(name="no mail", check="pii", stage="output", action="mask"),
    "block out": GuardRule(name="no mail", check="pii", stage="output", action="block"),
    "allow out": GuardRule(name="no mail", check="pii", stage="output", action="allow"),
    "leak": GuardRule(name="no leak", check="leak", stage="output", action="block"),
    "leak mask": GuardRule(name="no leak", check="leak", stage="output", action="mask"),
}


class Answer(NamedTuple):
    """What a client made of an answer."""

    text: str
    trace_id: str
    raw: str
    """Everything that it was sent, as the client's own types hold it."""


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    An endpoint for every rule and lane.
    """
    with opened(module_plane) as made:
        publish(module_plane, [_guarded(made.plane, rule, lane) for rule in RULES for lane in LANES])
        yield made


def _guarded(plane: Plane, rule: str, lane: str, **more: Any) -> Endpoint:
    name = f"{rule}/{lane}".replace(" ", "-")
    prompt = (SYSTEM, PromptMessage(role="user", template="{{input}}")) if "leak" in rule else ()
    arm = {"guards": (RULES[rule],), "prompt": prompt}
    return served_by(plane, name, Target(provider=LANES[lane][1], model=name), arm_=arm, **more)


def asking(site: Site, rule: str, lane: str, text: str, *, stream: bool) -> Answer:
    """Ask with the protocol's official client."""
    protocol, model = LANES[lane][0], f"{rule}/{lane}".replace(" ", "-")
    said: Any = [{"role": "user", "content": text}]
    if protocol == "messages":
        return _with_anthropic(site, stream, {"model": model, "messages": said, "max_tokens": 500})
    verb: Any = {
        "chat": site.openai.chat.completions,
        "completions": site.openai.completions,
        "responses": site.openai.responses,
    }[protocol]
    asked = {"chat": {"messages": said}, "completions": {"prompt": text}, "responses": {"input": said}}[protocol]
    if not stream:
        raw = verb.with_raw_response.create(model=model, **asked)
        whole = raw.parse()
        words = whole.output_text if protocol == "responses" else _chosen(whole)
        return Answer(words, raw.headers["x-treadle-trace-id"], raw.text)
    with verb.create(model=model, stream=True, **asked) as events:
        heard = list(events)
        trace_id = events.response.headers["x-treadle-trace-id"]
    everything = "\n".join(event.model_dump_json() for event in heard)
    if protocol == "responses":
        words = "".join(event.delta for event in heard if event.type == "response.output_text.delta")
        (last,) = [event.response for event in heard if event.type == "response.completed"]
        (done,) = [event.text for event in heard if event.type == "response.output_text.done"]
        assert words == last.output_text == done
    else:
        words = "".join(_chosen(event) for event in heard)
    return Answer(words, trace_id, everything)


def _chosen(answer: Any) -> str:
    if not answer.choices:
        return ""
    choice = answer.choices[0]
    said = getattr(choice, "message", None) or getattr(choice, "delta", None)
    return (said.content if said is not None else choice.text) or ""


def _with_anthropic(site: Site, stream: bool, asked: Any) -> Answer:
    if not stream:
        raw = site.anthropic.messages.with_raw_response.create(**asked)
        whole = raw.parse()
        words = "".join(block.text for block in whole.content if block.type == "text")
        return Answer(words, raw.headers["x-treadle-trace-id"], raw.text())
    with site.anthropic.messages.stream(**asked) as events:
        heard = list(events)
        final = events.get_final_message()
    words = "".join(block.text for block in final.content if block.type == "text")
    everything = "\n".join(event.model_dump_json() for event in heard)
    return Answer(words, events.response.headers["x-treadle-trace-id"], everything)


def streaming(site: Site, name: str, protocol: ProtocolName) -> Heard:
    """Ask for a stream; what waits at the wall's gate comes when something has been said."""
    site.wall.gate.clear()
    model = name.replace(" ", "-")
    return ask_once(site.plane, site.key, protocol, model, stream=True, on_text=site.wall.gate.set)


def guards_of(site: Site, trace_id: str) -> Any:
    """Return what the guards did, as the trace has it."""
    return trace(site.plane, trace_id).span.attributes["treadle.guards"]


def everything_of(site: Site, trace_id: str) -> str:
    """Return all that the trace holds, as text."""
    return trace(site.plane, trace_id).span.model_dump_json()


@ANY_LANE
@BOTH
def test_masked_on_the_way_in(site: Site, lane: str, stream: bool) -> None:
    """
    Neither the provider nor the trace gets the address; the guard's work is on the trace.
    """
    site.say()

    answer = asking(site, "mask in", lane, f"my mail is {MAIL}, who am I", stream=stream)

    assert TEXT == answer.text
    assert "my mail is [EMAIL], who am I" in json.dumps(site.asked.body)
    told = everything_of(site, answer.trace_id)
    assert MAIL not in json.dumps(site.asked.body) + told
    assert "my mail is [EMAIL]" in told
    (guard,) = guards_of(site, answer.trace_id)
    assert ("no mail", "input", "mask", {"EMAIL": 1}) == tuple(
        guard[name] for name in ("guard", "stage", "action", "kinds")
    )


@ANY_LANE
@BOTH
def test_blocked_on_the_way_in(site: Site, lane: str, stream: bool) -> None:
    """
    The client raises its own exception before anything is sent, which names the guard and not what it found.
    """
    site.say()

    with pytest.raises(REFUSED, match="guard 'no mail'") as caught:
        asking(site, "block in", lane, f"my mail is {MAIL}", stream=stream)

    assert [] == site.wall.requests
    told = everything_of(site, caught.value.response.headers["x-treadle-trace-id"])
    assert MAIL not in told + caught.value.message
    assert '"guard_blocked"' in told


@ANY_LANE
@BOTH
def test_masked_on_the_way_out(site: Site, lane: str, stream: bool) -> None:
    """
    Said letter by letter, the addresses are masked whole, in deltas and in every event that says the text again.
    """
    site.say(text=SAID, letters=stream)

    answer = asking(site, "mask out", lane, "whom do I write to", stream=stream)

    assert MASKED == answer.text
    assert "example" not in answer.raw
    told = everything_of(site, answer.trace_id)
    assert "example" not in told
    assert MASKED in told
    (guard,) = guards_of(site, answer.trace_id)
    assert {"EMAIL": 2} == guard["kinds"]


@ANY_LANE
def test_blocked_on_the_way_out(site: Site, lane: str) -> None:
    """
    A whole answer that a guard blocks is an error; what the model used of tokens is counted all the same.
    """
    site.say(text=SAID)

    with pytest.raises(REFUSED, match="guard 'no mail'") as caught:
        asking(site, "block out", lane, "whom do I write to", stream=False)

    span = trace(site.plane, caught.value.response.headers["x-treadle-trace-id"]).span
    assert ("error", "guard_blocked", 7) == (span.status, span.error_code, span.output_tokens)
    assert MAIL not in span.model_dump_json()


@ANY_LANE
def test_blocked_in_the_middle_of_a_stream(site: Site, lane: str) -> None:
    """
    The stream ends with an error before the first letter of what was found; the upstream is let go.
    """
    site.say(text=SAID, letters=True, gate_at=14)

    got = streaming(site, f"block out/{lane}", LANES[lane][0])

    assert (200, "guard_blocked", False) == got.short
    assert "Write to " == got.text
    span = trace(site.plane, got.trace_id).span
    assert ("error", "guard_blocked") == (span.status, span.error_code)
    assert "ana" not in got.raw
    assert "ana@" not in span.model_dump_json()


@ANY_LANE
@BOTH
def test_only_recorded(site: Site, lane: str, stream: bool) -> None:
    """
    A guard that only records changes nothing of what is said.
    """
    site.say(text=SAID, letters=stream)

    answer = asking(site, "allow out", lane, "whom do I write to", stream=stream)

    assert SAID == answer.text
    span = trace(site.plane, answer.trace_id).span
    assert ["guard:no mail"] == span.attributes["treadle.signals"]


@pytest.mark.parametrize("lane", ["chat", "responses by claude", "messages by chat", "messages"])
def test_a_mark_that_leaks(site: Site, lane: str) -> None:
    """
    Each prompt carries a mark; an answer that holds it, letter by letter, is stopped before it is out.
    """
    site.say()
    asking(site, "leak", lane, "hello", stream=False)
    sent = json.dumps(site.asked.body)
    mark = sent.split("Internal reference ")[1][:16]
    site.say(text=f"it says to you {mark} there", letters=True, gate_at=14)

    got = streaming(site, f"leak/{lane}", LANES[lane][0])
    masked = streaming(site, f"leak mask/{lane}", LANES[lane][0])

    assert (200, "guard_blocked", False) == got.short
    assert mark not in got.text
    assert (200, None, True) == masked.short
    assert "seven green bottles" in sent


@pytest.mark.parametrize("lane", ["chat", "responses", "messages"])
def test_a_prompt_that_leaks(site: Site, lane: str) -> None:
    """
    An answer that repeats a run of the prompt's words breaks off before it is all out.
    """
    site.say(text=f"Sure: {SYSTEM.template} Anything else?", letters=True)

    got = streaming(site, f"leak/{lane}", LANES[lane][0])

    assert "guard_blocked" == got.code
    assert "bottles under the old bridge" not in got.text


@pytest.mark.parametrize("lane", ["chat", "responses", "messages"])
def test_an_endpoint_decides_otherwise(site: Site, lane: str) -> None:
    """
    What a hit does is the endpoint's to say: the release blocks, this endpoint masks.
    """
    name = f"otherwise-{lane}"
    arm = {"guards": (RULES["block out"],)}
    target = Target(provider=LANES[lane][1], model=name)
    publish(site.plane, [served_by(site.plane, name, target, arm_=arm, guard_actions={"no mail": "mask"})])
    site.say(text=SAID, letters=True)

    got = ask_once(site.plane, site.key, LANES[lane][0], name, stream=True)

    assert ((200, None, True), MASKED) == (got.short, got.text)


@BOTH
def test_values_for_the_prompt(site: Site, stream: bool) -> None:
    """
    What a caller puts into the prompt by variables is looked at like what it says, however deep.
    """
    prompt = (PromptMessage(role="user", template="{{question}} {{#people}}{{mail}} {{/people}}"),)
    variables = {"question": f"is {MAIL} known", "people": [{"mail": "bob@example.org"}], "count": 3}
    site.serve(f"variables-{stream}", "open", arm={"prompt": prompt, "guards": (RULES["mask in"],)})
    site.say()

    raw = site.openai.chat.completions.with_raw_response.create(
        model=f"variables-{stream}",
        messages=[{"role": "user", "content": "x"}],
        stream=stream,
        extra_body={"treadle": {"variables": variables}},
    )

    assert "is [EMAIL] known [EMAIL]" in json.dumps(site.asked.body)
    assert "example" not in everything_of(site, raw.headers["x-treadle-trace-id"])


@pytest.mark.parametrize("lane", ["chat", "responses", "messages"])
def test_a_cut_stream_keeps_what_was_held(site: Site, lane: str) -> None:
    """
    What a guard still held back when the upstream broke off never goes out.
    """
    site.say(text="Write to ana@example.or", letters=True, gate_at=14, cut_at=24)

    got = streaming(site, f"mask out/{lane}", LANES[lane][0])

    assert "stream_cut" == got.code
    assert "Write to " == got.text


@pytest.mark.parametrize("lane", ["chat", "responses", "messages"])
def test_the_kill_switch(site: Site, lane: str) -> None:
    """
    An endpoint that was switched off says why, asks nobody, and serves again when it is switched on.
    """
    name = f"switched-{lane}"
    target = Target(provider=LANES[lane][1], model=name)
    publish(site.plane, [served_by(site.plane, name, target, disabled="it answers nonsense")])
    site.say()

    off = ask_once(site.plane, site.key, LANES[lane][0], name, stream=True)
    asked = len(site.wall.requests)
    publish(site.plane, [served_by(site.plane, name, target)])
    on = ask_once(site.plane, site.key, LANES[lane][0], name)

    assert ((503, "endpoint_disabled", False), 0) == (off.short, asked)
    assert "it answers nonsense" in off.raw
    assert ("60", "endpoint_disabled") == (off.headers["retry-after"], trace(site.plane, off.trace_id).span.error_code)
    assert 200 == on.status
