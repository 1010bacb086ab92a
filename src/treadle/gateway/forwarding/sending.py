"""One batch of spans to one destination: what its answer means, and which of the batch it will not take.

Sent again later: nobody answers, 429, 5xx, and what a person can mend (401, 403, 404 ...). Never again, as OTLP says: 400,
413 and 422. Those may be about one span, so the batch is halved until that one stands alone, within a bounded number of
requests; what is not told apart by then is refused with it, so that a destination which refuses everything holds up nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from treadle.core.errors import Conflict, Unavailable
from treadle.gateway.forwarding.store import Outcome
from treadle.gateway.posting import Answer
from treadle.gateway.refusals import shown
from treadle.traces.otlp.raw import RawSpan

AT_FAULT = frozenset((400, 413, 422))
LOOP = 508
"""What our own door says to spans that its own project sent."""
MAX_REQUESTS = 24
"""For one batch: enough to find one span among a thousand."""

PostSpans = Callable[[Sequence[RawSpan]], Awaitable[Answer]]


class TryLater(Unavailable):
    """A destination took nothing for now."""

    code = "forwards.not_taken"

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class ForwardLoop(Conflict):
    """A destination is the project itself."""

    code = "forwards.loop"


class Unwritable(ValueError):
    """Among some spans is one that no export can carry."""


async def deliver(spans: Sequence[RawSpan], post: PostSpans) -> Outcome:
    """Send a batch; return how many were taken and refused. Raises TryLater, ForwardLoop."""
    parts, requests, sent, refused, error = [spans], 0, 0, 0, None
    while parts:
        part = parts.pop()
        if requests == MAX_REQUESTS:
            refused += len(part)
            continue
        try:
            answer = await post(part)
            requests += 1
            fault = said(answer) if answer.status in AT_FAULT else None
        except Unwritable as unwritable:  # costs no request
            fault = f"a span cannot be written as OTLP: {unwritable}"
        if fault is not None:
            error = fault
            if len(part) == 1:
                refused += 1
            else:
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
            continue
        check(answer)
        rejected, message = partial_success(answer)
        rejected = min(rejected, len(part))
        sent, refused = sent + len(part) - rejected, refused + rejected
        if rejected:
            error = f"it refused {rejected} of {len(part)} spans: {shown(message)}"
    return Outcome(sent=sent, refused=refused, error=error)


def check(answer: Answer) -> None:
    """Raise unless an export was taken: TryLater, or ForwardLoop where the destination is the sender."""
    if answer.status == LOOP:
        raise ForwardLoop(
            "the destination is this very project, so every span would come back; give it another address or key"
        )
    if not 200 <= answer.status < 300:
        raise TryLater(said(answer), status=answer.status, retry_after_seconds=answer.retry_after_seconds)


def said(answer: Answer) -> str:
    """Return what a destination answered, in words."""
    hint = {
        401: ": its key is wrong or missing; set it with --header",
        403: ": the key may not send spans",
        404: ": nothing takes spans at this path; OTLP's own is /v1/traces",
        415: ": it does not take this encoding; try the other one",
        429: ": it asks to be sent less",
    }.get(answer.status, "")
    return f"the destination answered with status {answer.status}{hint or _words(answer)}"


def partial_success(answer: Answer) -> tuple[int, str]:
    """Return how many spans an answer says were refused, and why."""
    if not answer.body:
        return 0, ""
    try:
        if answer.content_type == "application/json":
            told = msgspec.json.decode(answer.body).get("partialSuccess") or {}
            return max(0, int(told.get("rejectedSpans") or 0)), str(told.get("errorMessage") or "")
        if answer.content_type == "application/x-protobuf":
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

            partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
            return max(0, int(partial.rejected_spans)), str(partial.error_message)
    except Exception:  # the border to a server of somebody else's: it said 2xx, and the rest is its own matter
        return 0, ""
    return 0, ""


def _words(answer: Answer) -> str:
    """Return what an answer says of itself, where it is text."""
    text = answer.body[:400].decode(errors="replace").strip() if "protobuf" not in answer.content_type else ""
    return f": {shown(text)}" if text else ""
