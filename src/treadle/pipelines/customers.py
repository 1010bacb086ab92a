"""Customers whose right answers are known: they write to an endpoint through the official `openai` client and say afterwards whether the
answer was right. Runs in a child process until the rollout has decided, or the customers have asked as often as they may.

Every message is a session of its own. What a customer says comes back through the feedback API with the right answer beside it, as a
support team's corrections would.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.core.types import JsonObject
from treadle.jobs.child import Report
from treadle.pipelines.source import Customer, read_customers

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

AT_ONCE = 4
FEEDBACK_BATCH = 20
LOOK_EVERY_SECONDS = 0.25
FINAL = ("promoted", "rolled_back", "held")
TRACE_HEADER = "x-treadle-trace-id"
RELEASE_HEADER = "x-treadle-release-id"
CUSTOMER_SCOPES = ["gateway.invoke", "feedback.write", "releases.read"]
"""What their key may do: ask, say whether the answer was right, and see how the rollout goes."""
UNAVAILABLE = 503
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5


class Reply(NamedTuple):
    """What one customer got."""

    number: int
    trace_id: str
    release_id: str
    answer: str | None
    expected_output: str
    latency_ms: float


def ask_until_decided(spec: JsonObject, report: Report) -> JsonObject:
    """Ask and judge until the rollout is final.

    spec: url, api_key, endpoint, rollout_id, customers (path), max_requests, seed, key (prefix of feedback keys).
    Returns status, words, num_requests, num_failed, by_release (release id -> asked, right), latency_p50_ms, latency_p95_ms,
    example_trace_id (an answer that was right).
    """
    import httpx2
    from openai import OpenAI

    openai = OpenAI(
        base_url=f"{spec['url']}/v1",
        api_key=str(spec["api_key"]),
        max_retries=0,
        timeout=30,
        http_client=httpx2.Client(trust_env=False),
    )
    headers = {"authorization": f"Bearer {spec['api_key']}"}
    with httpx2.Client(base_url=f"{spec['url']}/api/v1", headers=headers, timeout=30, trust_env=False) as http:
        return _ask(spec, report, openai, http)


def _ask(spec: JsonObject, report: Report, openai: OpenAI, http: httpx2.Client) -> JsonObject:
    customers = _endlessly(read_customers(Path(str(spec["customers"]))), int(str(spec["seed"])))
    limit, rollout_id = int(str(spec["max_requests"])), str(spec["rollout_id"])
    replies: list[Reply] = []
    unsaid: list[Reply] = []
    rollout = _get(http, f"/rollouts/{rollout_id}")
    looked = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asking: set[Future[Reply]] = set()
        while rollout["status"] not in FINAL:
            while len(asking) < AT_ONCE and len(replies) + len(asking) < limit:
                number = len(replies) + len(asking)
                asking.add(
                    pool.submit(_ask_one, openai, str(spec["endpoint"]), str(spec["key"]), next(customers), number)
                )
            done, asking = wait(asking, timeout=LOOK_EVERY_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                replies.append(future.result())
                unsaid.append(replies[-1])
            if len(unsaid) >= FEEDBACK_BATCH or (unsaid and not asking):
                _judge(http, unsaid, str(spec["key"]))
                unsaid = []
            if time.monotonic() - looked > LOOK_EVERY_SECONDS:
                rollout, looked = _get(http, f"/rollouts/{rollout_id}"), time.monotonic()
                report.progress(min(0.95, len(replies) / limit), f"{len(replies):,} asked; {rollout['words']}")
                report.metric("weight", len(replies), float(str(rollout["weight"])))
            if not asking and len(replies) >= limit:
                break
        late = [future.result() for future in asking]
    replies += late
    unsaid += late
    if unsaid:
        _judge(http, unsaid, str(spec["key"]))
    return _figures(_get(http, f"/rollouts/{rollout_id}"), replies)


def _ask_one(openai: OpenAI, endpoint: str, visit: str, customer: Customer, number: int) -> Reply:
    from openai import APIError

    started = time.perf_counter()
    try:
        raw = openai.chat.completions.with_raw_response.create(
            model=endpoint, messages=[{"role": "user", "content": customer.input}], user=f"{visit}-{number}"
        )
        answer = raw.parse().choices[0].message.content
        headers: Any = raw.headers
    except APIError as error:
        answer, headers = None, getattr(getattr(error, "response", None), "headers", {})
        time.sleep(0.05)
    return Reply(
        number=number,
        trace_id=headers.get(TRACE_HEADER, ""),
        release_id=headers.get(RELEASE_HEADER, ""),
        answer=answer,
        expected_output=customer.expected_output,
        latency_ms=(time.perf_counter() - started) * 1000,
    )


def _judge(http: httpx2.Client, replies: list[Reply], key: str) -> None:
    items = [
        {
            "trace_id": reply.trace_id,
            "name": "correct",
            "value": float(_is_right(reply)),
            "expected_output": reply.expected_output,
            "source": "user",
            "key": f"{key}-{reply.trace_id}",
        }
        for reply in replies
        if reply.trace_id and reply.answer is not None
    ]
    if items:
        _call(http, "POST", "/feedback/batch", {"items": items})


def _figures(rollout: JsonObject, replies: list[Reply]) -> JsonObject:
    by_release: dict[str, dict[str, int]] = {}
    for reply in replies:
        if reply.release_id:
            counts = by_release.setdefault(reply.release_id, {"asked": 0, "right": 0})
            counts["asked"] += 1
            counts["right"] += _is_right(reply)
    example = next((reply.trace_id for reply in reversed(replies) if reply.trace_id and _is_right(reply)), None)
    latencies = sorted(reply.latency_ms for reply in replies) or [0.0]
    return {
        "status": rollout["status"],
        "words": rollout["reason"] or rollout["words"],
        "num_requests": len(replies),
        "num_failed": sum(reply.answer is None for reply in replies),
        "by_release": by_release,
        "example_trace_id": example,
        "latency_p50_ms": round(latencies[len(latencies) // 2], 2),
        "latency_p95_ms": round(latencies[int(len(latencies) * 0.95)], 2),
    }


def _is_right(reply: Reply) -> bool:
    return reply.answer is not None and reply.answer.strip() == reply.expected_output.strip()


def _endlessly(customers: list[Customer], seed: int) -> Iterator[Customer]:
    chance = random.Random(seed)
    for _ in itertools.count():
        yield from chance.sample(customers, len(customers))


def _get(http: httpx2.Client, path: str) -> JsonObject:
    found: JsonObject = _call(http, "GET", path, None).json()
    return found


def _call(http: httpx2.Client, method: str, path: str, body: JsonObject | None) -> httpx2.Response:
    """Call the API; when it is unavailable (its database is being started again), try again for a minute. Feedback has keys, so nothing counts twice."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := http.request(method, path, json=body)).status_code == UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(RETRY_SECONDS)
    answer.raise_for_status()
    return answer
