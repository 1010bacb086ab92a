"""Requests that go on from an earlier response (`previous_response_id`), where an endpoint asks several providers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.harness import Plane, arm, endpoint, serving, wait_for
from tests.gateway.upstreams import provide, serve, trace
from tests.gateway.wall import Fault, Wall
from treadle.gateway.following import PREFIX, read_seal, seal
from treadle.gateway.types import CachePolicy, Target

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
THERE = "resp_wall"
"""What a response is called where it is kept."""
TARGETS = tuple(Target(provider=name, model="m") for name in ("north", "south", "west"))


@pytest.fixture
def wall(plane: Plane) -> Iterator[Wall]:
    """
    Three providers, which their keys tell apart.
    """
    with Wall() as made:
        for target in TARGETS:
            provide(plane, made, target.provider, secret=f"sk-{target.provider}-0123456789")
        yield made


def _answered(client: openai.OpenAI, *, stream: bool = False, **more: Any) -> Any:
    """Ask, whole or as a stream whose events the client puts together; return the response."""
    given = {"model": "support", "input": "and now?", **more}
    if not stream:
        return client.responses.create(**given)
    with client.responses.stream(**given) as events:
        for _ in events:
            pass
        return events.get_final_response()


def _asked(wall: Wall) -> list[tuple[str, str | None]]:
    """Return which provider was asked, and the response that each request went on from."""
    return [
        (seen.headers["authorization"].split("-")[1], seen.body.get("previous_response_id")) for seen in wall.requests
    ]


@contextmanager
def _second_worker(plane: Plane, folder: Path) -> Iterator[Plane]:
    other = copy(plane)
    other.data_plane, other._clients = plane.new_data_plane(folder), []
    with serving(other.application, "on") as url:
        other.url = url
        wait_for(lambda: (plane.ctx.project_id, "support") in other.data_plane.live.table.snapshot.endpoints)  # type: ignore[union-attr]
        yield other
        other.close_clients()


@BOTH
def test_who_keeps_it_is_asked(plane: Plane, key: str, wall: Wall, stream: bool) -> None:
    """
    A follow-up reaches the provider that gave the response, by the id that it has there; the caller hears its own ids only.
    """
    serve(plane, "support", *TARGETS)
    client = plane.openai(key)

    for _ in range(16):
        first = _answered(client, stream=stream)
        second = _answered(client, stream=stream, previous_response_id=first.id)
        third = _answered(client, stream=stream, previous_response_id=second.id)

        (one, none), *rest = _asked(wall)[-3:]
        assert (None, [(one, THERE)] * 2) == (none, rest)
        assert (first.id, second.id) == (second.previous_response_id, third.previous_response_id)
        assert all(each.id.startswith(PREFIX) for each in (first, second, third))
    assert len({name for name, _ in _asked(wall)}) > 1


def test_another_worker(plane: Plane, key: str, wall: Wall, tmp_path: Path) -> None:
    """
    Any worker knows who keeps a response, the moment it was told, also one that was started since.
    """
    serve(plane, "support", *TARGETS)
    told = [_answered(plane.openai(key)).id for _ in range(8)]

    with _second_worker(plane, tmp_path / "second") as other:
        for each in told:
            _answered(other.openai(key), previous_response_id=each)

    asked = _asked(wall)
    assert [(name, THERE) for name, _ in asked[:8]] == asked[8:]


@BOTH
def test_nobody_asks_there_any_more(plane: Plane, key: str, wall: Wall, stream: bool) -> None:
    """
    Where the endpoint no longer asks who keeps it, the caller is told so, and nobody else is asked.
    """
    serve(plane, "support", *TARGETS[:1], Target(provider="south", model="m", priority=1))
    client = plane.openai(key)
    first = _answered(client)
    serve(plane, "support", *TARGETS[1:])

    with pytest.raises(openai.BadRequestError) as caught:
        _answered(client, stream=stream, previous_response_id=first.id)

    assert ("previous_response_elsewhere", "previous_response_id") == (caught.value.code, caught.value.param)
    assert 1 == len(wall.requests)


def test_who_keeps_it_is_down(plane: Plane, key: str, wall: Wall) -> None:
    """
    A failure of who keeps it is not mended by somebody who does not.
    """
    serve(plane, "support", *TARGETS)
    client = plane.openai(key)
    first = _answered(client)
    wall.behave("m", Fault(status=503))

    with pytest.raises(openai.InternalServerError):
        _answered(client, previous_response_id=first.id)

    assert 1 == len({name for name, _ in _asked(wall)})


@pytest.mark.parametrize("told", ["resp_of_another_day", f"{PREFIX}eyJ_00", PREFIX])
def test_an_id_of_somebody_else(plane: Plane, key: str, wall: Wall, told: str) -> None:
    """
    An id that we did not make goes on as it came.
    """
    serve(plane, "support", *TARGETS)

    second = _answered(plane.openai(key), previous_response_id=told)

    assert told == second.previous_response_id
    assert told == _asked(wall)[-1][1]


def test_an_id_of_another_project(plane: Plane, key: str, wall: Wall) -> None:
    """
    What another project was told says nothing here.
    """
    serve(plane, "support", *TARGETS)
    told = seal(plane.master_keys.pepper, "prj_other", "north", "", THERE)

    _answered(plane.openai(key), previous_response_id=told)

    assert told == _asked(wall)[-1][1]


def test_one_provider(plane: Plane, key: str, wall: Wall) -> None:
    """
    Where only one provider is asked, its ids are the caller's, and those that were told before lead there as well.
    """
    serve(plane, "support", *TARGETS[:2])
    client = plane.openai(key)
    before = next(each for each in iter(lambda: _answered(client), None) if _asked(wall)[-1][0] == "north")
    serve(plane, "support", TARGETS[0])

    second = _answered(client, previous_response_id=before.id)

    assert second.id.startswith(PREFIX)
    assert before.id == second.previous_response_id
    assert ("north", THERE) == _asked(wall)[-1]


def test_a_conversation_keeps_its_arm(plane: Plane, key: str, wall: Wall) -> None:
    """
    A follow-up without a session is of the same unit as the response, so the arm that it was assigned to is asked and counted.
    """
    arms = [
        arm(release_id=f"rel_{role}", role=role, weight=0.5, prompt=(), targets=(target,))
        for role, target in zip(("stable", "candidate"), TARGETS, strict=False)
    ]
    plane.publish(endpoint(plane, *arms, rollout_id="rol_1"))
    client = plane.openai(key)

    for _ in range(24):
        replies = []
        earlier: dict[str, str] = {}
        for _ in range(2):
            reply = client.responses.with_raw_response.create(model="support", input="and?", **earlier)  # type: ignore[call-overload]
            replies.append(reply)
            earlier = {"previous_response_id": reply.parse().id}

        spans = [trace(plane, each.headers["x-treadle-trace-id"]).span for each in replies]
        assert 1 == len({(span.unit, span.release_id, span.arm) for span in spans})
        assert 2 == len({span.trace_id for span in spans})
    assert 2 == len({name for name, _ in _asked(wall)})


@BOTH
def test_an_answer_of_the_cache(plane: Plane, key: str, wall: Wall, stream: bool) -> None:
    """
    A response that was given before is gone on from where it was made.
    """
    serve(plane, "support", *TARGETS, cache=CachePolicy(mode="exact"))
    client = plane.openai(key)
    _answered(client, stream=stream)
    again = _answered(client, stream=stream)

    _answered(client, stream=stream, previous_response_id=again.id)

    assert 2 == len(wall.requests)
    assert [(_asked(wall)[0][0], THERE)] == _asked(wall)[1:]


def test_a_seal_that_was_changed() -> None:
    """
    No letter of a seal can be another one.
    """
    told = seal(b"secret", "prj", "north", "0123", THERE)

    found = read_seal(b"secret", "prj", told)
    changed = [told[:at] + ("A" if told[at] != "A" else "B") + told[at + 1 :] for at in range(len(told))]

    assert found is not None
    assert ("north", "0123", THERE, told) == found
    assert {None} == {read_seal(b"secret", "prj", each) for each in changed}


@pytest.mark.parametrize(("name", "copies"), [("north", 1), ("south", 0)])
def test_a_copy_for_a_shadow(plane: Plane, key: str, wall: Wall, name: str, copies: int) -> None:
    """
    A follow-up is copied to a shadow that can go on from the response, which another provider's cannot.
    """
    stable = arm(release_id="rel_a", prompt=(), targets=TARGETS[:1])
    shadow = arm(
        release_id="rel_b", role="candidate", weight=0.0, shadow_share=1.0, prompt=(),
        targets=(Target(provider=name, model="other"), Target(provider="west", model="m", priority=1)),
    )  # fmt: skip
    plane.publish(endpoint(plane, stable, shadow, rollout_id="rol_1"))
    client, shadows = plane.openai(key), plane.data_plane.shadows
    first = _answered(client)
    wait_for(lambda: len(wall.requests) == 2)
    left_out = shadows.left_out

    _answered(client, previous_response_id=first.id)
    wait_for(lambda: len(wall.requests) == 3 + copies and shadows.left_out == left_out + 1 - copies)

    assert [("north", THERE)] * (1 + copies) == _asked(wall)[2:]
