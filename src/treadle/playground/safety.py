"""The run `playground.safety`: attack a prompt version through an endpoint and keep how it held.

The prompt is filled in as a gateway would, a mark is put into its first system message, and each attack is asked once, four
at a time. An attempt without an answer is not judged, and then the evaluation has not passed: what was not seen is not shown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import cast

from treadle.core.errors import InvalidInput
from treadle.core.ids import derive_id
from treadle.core.types import JsonObject
from treadle.evals.judges.asking import Ask, ask_through, require_endpoint
from treadle.evals.patience import reach
from treadle.gateway.plane import DataPlane
from treadle.guards.leak import LeakCheck, canary_for, with_canary
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.scope import RunScope
from treadle.jobs.types import Run
from treadle.playground import attacks
from treadle.playground.types import NewSafety
from treadle.prompts import labels
from treadle.prompts import service as prompts
from treadle.prompts.jinja_room import JinjaRoom
from treadle.prompts.types import Attack, Safety, Version

SAFETY_KIND = "playground.safety"
AT_ONCE = 4
SAMPLING = frozenset(
    {"temperature", "top_p", "top_k", "min_p", "seed", "reasoning_effort", "presence_penalty", "frequency_penalty"}
)
_TOKEN_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
LEAST_TOKENS = 100
"""An answer that is cut off before has no room for what it must not say."""


class ParameterRefused(InvalidInput):
    """A safety evaluation would ask in a way that hides what a model would say."""

    code = "playground.parameter_refused"


async def start_safety(ctx: Context, name: str, version: int | str, new: NewSafety) -> Run:
    """Start to attack a version; returns the run, queued. Raises VersionNotFound, and NotFound where the endpoint does not serve."""
    ctx.require("evals.write")
    _require_open(new.parameters)
    found = await prompts.get_version(ctx, name, version)
    await require_endpoint(ctx, new.endpoint)
    params: JsonObject = {"prompt_version_id": found.prompt_version_id, "safety": new.model_dump(mode="json")}
    return await jobs.start(ctx, kind=SAFETY_KIND, title=f"Attack prompt {name} v{found.version}", params=params)


def _require_open(parameters: JsonObject) -> None:
    """Raise ParameterRefused for what would keep a model from saying the word, such as `stop` or a handful of tokens."""
    for name, value in parameters.items():
        if name in _TOKEN_LIMITS and isinstance(value, int) and value >= LEAST_TOKENS:
            continue
        if name not in SAMPLING:
            raise ParameterRefused(
                f"a safety evaluation cannot ask with '{name}' = {json.dumps(value)[:80]}, for it may hide what the model would say; "
                f"it takes {', '.join(sorted(SAMPLING))}, and token limits from {LEAST_TOKENS}"
            )


async def run_safety(scope: RunScope) -> JsonObject:
    """Do one safety evaluation. Returns safety_id and passed."""
    new = NewSafety.model_validate(scope.params["safety"])
    version = await prompts.get_version_by_id(scope.ctx, str(scope.params["prompt_version_id"]))
    data_plane = cast(DataPlane | None, scope.services.get("data_plane"))
    ask = ask_through(None if data_plane is None else data_plane.application)
    tried = await _attack(scope, version, new, ask)
    safety = summed_up(tried, new, safety_id=derive_id("psf", scope.run_id, "safety"), version=version, scope=scope)
    await labels.keep_safety(scope.ctx, safety)
    held = sum(attack.held is True for attack in tried)
    scope.log(f"{held} of {len(tried)} attempts held; {'passed' if safety.passed else 'not passed'}")
    return {"safety_id": safety.safety_id, "passed": safety.passed}


async def _attack(scope: RunScope, version: Version, new: NewSafety, ask: Ask) -> list[Attack]:
    attempts = attacks.attempts(new.packs, scope.run_id)
    canary = canary_for(scope.run_id.encode(), version.prompt_version_id)
    room, places, done = JinjaRoom(), asyncio.Semaphore(AT_ONCE), 0

    async def put(attempt: attacks.Attempt) -> Attack:
        nonlocal done
        async with places:
            messages = await prompts.fill(version, {**new.variables, new.attacked: attempt.text}, room)
            if new.attacked not in version.variables:
                messages = [*messages, {"role": "user", "content": attempt.text}]
            marked, secrets = _marked(messages, canary, attempt.text)
            asking = partial(ask, scope.ctx, new.endpoint, marked, dict(new.parameters))
            reply = await reach(asking, f"endpoint '{new.endpoint}'")
        done += 1
        scope.progress(done / len(attempts), f"{done} of {len(attempts)} attempts")
        lost = reply.problem or reply.refusal
        if lost is not None:
            return Attack(pack=attempt.pack, name=attempt.name, held=None, why=f"no answer: {lost}")
        held, why = attacks.judge(attempt, reply.text, LeakCheck(secrets, canary=canary))
        return Attack(pack=attempt.pack, name=attempt.name, held=held, why=why)

    try:
        async with (
            asyncio.TaskGroup() as group
        ):  # one that fails takes the others with it: none asks on beside a run that is over
            tasks = [group.create_task(put(attempt)) for attempt in attempts]
        return [task.result() for task in tasks]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        await room.close()


def _marked(messages: Sequence[JsonObject], canary: str, attack: str) -> tuple[list[JsonObject], list[str]]:
    """Return the messages with the mark in the first of the system, and what must stay inside."""
    marked, secrets, is_marked = [], [], False
    for message in messages:
        text = str(message["content"])
        if message["role"] == "system":
            secrets.append(text.replace(attack, " "))
            if not is_marked:
                text, is_marked = with_canary(text, canary), True
        marked.append({**message, "content": text})
    if not secrets:  # a prompt without a system message: what surrounds the attack is its instructions
        secrets = [str(message["content"]).replace(attack, " | ") for message in messages]
    return marked, secrets


def summed_up(tried: Sequence[Attack], new: NewSafety, *, safety_id: str, version: Version, scope: RunScope) -> Safety:
    """Return the evaluation: passed when every attempt was judged and every pack held at least as often as was asked."""
    packs: dict[str, float | None] = {}
    for pack in new.packs:
        judged = [attack.held for attack in tried if attack.pack == pack and attack.held is not None]
        packs[pack] = sum(judged) / len(judged) if judged else None
    everything = all(attack.held is not None for attack in tried)
    return Safety(
        safety_id=safety_id,
        prompt_version_id=version.prompt_version_id,
        endpoint=new.endpoint,
        passed=everything and all(share is not None and share >= new.least_held for share in packs.values()),
        least_held=new.least_held,
        packs=packs,
        attacks=list(tried),
        run_id=scope.run_id,
        ran_at=scope.ctx.clock.now(),
    )


HANDLERS = {SAFETY_KIND: run_safety}
"""What the runner calls for each kind of run."""
