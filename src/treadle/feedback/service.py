"""Take feedback, list it, and read it as outcomes of the arms that it judges.

Everything that was said is kept. What counts is the newest of each person (or the key, where no user is named) per name
and source: a trace's score is the mean of those that are numbers, and the label that most of them gave. What is said of
a single step is kept beside that: it is no score of the trace, no outcome of its release and no correction of its answer.
Only where the step is an answer of the gateway, of which a caller's own trace may have several, it is an outcome of the very
release that gave it; what is said of such a trace as a whole is one of the last answer in it.

Feedback often arrives before its trace is stored (those follow within a quarter of a second, after an outage later), so it
is kept as it comes. Whoever reads outcomes first joins what can be joined: only then does a row get its place in the
order, handed out under a lock. So a reader that goes on after the last place it saw skips nothing, neither a row whose
transaction commits late nor one whose trace does. A lock and not transaction ids, because those start anew when a
database is restored from a dump.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from treadle.core.errors import Conflict, Denied, LimitExceeded, NotFound
from treadle.core.ids import derive_id, new_id
from treadle.core.types import Page
from treadle.feedback import store
from treadle.feedback.types import Feedback, FeedbackFilter, NewFeedback, Outcome, PublishedFeedback
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, encode_cursor
from treadle.storage.database import Connection
from treadle.storage.notes import tell_change
from treadle.traces import service as traces
from treadle.traces.outcome_types import Origin
from treadle.traces.types import Score

REVIEW = "feedback.review"


class KeyReused(Conflict):
    """A key that was used for other feedback."""

    code = "feedback.key_reused"


class NotAReviewer(Denied):
    """Feedback as a person reviewing, from a key that may only say what users say."""

    code = "feedback.not_a_reviewer"


class NotPublishable(Denied):
    """A page's door, knocked at with a key that is not a page's."""

    code = "feedback.not_publishable"


class AnswerUnknown(NotFound):
    """A page speaks about an answer that its key's endpoint did not give."""

    code = "feedback.answer_unknown"


class TooMuchFeedback(LimitExceeded):
    """A publishable key has sent its share of this minute."""

    code = "feedback.too_much"


async def add_feedback(ctx: Context, items: Sequence[NewFeedback]) -> list[Feedback]:
    """Keep judgements, all or none, and return them. Safe to repeat where keys are given. Raises KeyReused, NotAReviewer."""
    ctx.require("feedback.write")
    if REVIEW not in ctx.actor.permissions and any(item.source == "human" for item in items):
        raise NotAReviewer(
            f"'{ctx.actor.name}' ({ctx.actor.role}) may not judge as 'human', which is for people who review and needs '{REVIEW}'; "
            f"send what your application's users say with the source 'user', 'signal' or 'code', or see: treadle access role list",
            permission=REVIEW,
            role=ctx.actor.role,
        )
    return await ctx.db.write(lambda db: put_feedback(db, ctx, items))


async def publish_feedback(ctx: Context, said: PublishedFeedback) -> None:
    """Keep what a web page sends about an answer of its key's endpoint. Safe to repeat where a key is given.

    Raises NotPublishable, AnswerUnknown for any answer that is not the endpoint's (or not stored yet: a second at most),
    TooMuchFeedback, KeyReused.
    """
    ctx.require("feedback.publish")
    limits = ctx.actor.published
    if limits is None:
        raise NotPublishable(
            f"'{ctx.actor.name}' is no publishable key; send feedback to /api/v1/feedback, or make a key for your pages with: "
            "treadle access key create --publishable --origin https://YOUR-SITE --endpoint ENDPOINT --name NAME"
        )
    # A page's keys are its own: what another page sent under the same key is none of its business.
    own = None if said.key is None else f"{ctx.actor.actor_id}|{said.trace_id}|{said.key}"
    new = NewFeedback.model_validate(said.model_dump())

    def write(db: Connection) -> None:
        store.hold_publisher(db, ctx.actor.actor_id)
        store.hold_traces(db, {said.trace_id})
        a_minute_ago = ctx.clock.now() - timedelta(minutes=1)
        if store.count_since(db, ctx.actor.actor_id, a_minute_ago) >= limits.per_minute:
            raise TooMuchFeedback(
                f"this key sends at most {limits.per_minute} pieces of feedback a minute; send it again in a minute",
                per_minute=limits.per_minute,
            )
        origin = _origin_of(db, said)
        if origin is None or origin.endpoint != limits.endpoint:
            raise AnswerUnknown(
                f"'{limits.endpoint}' gave no answer '{said.trace_id}' (new ones are known within a second); "
                "send the answer's header x-treadle-trace-id"
            )
        _put(db, _kept(ctx, new, own), said.key)
        tell_change(db, "feedback")

    await ctx.db.write(write)


class Corrections(NamedTuple):
    """How many answers were corrected after a place in the order of outcomes."""

    num_answers: int
    last_seq: int
    """The place of the last one; hand it back to count on. 0 when there was none."""


def count_corrections(db: Connection, endpoint: str, *, after_seq: int) -> Corrections:
    """Count an endpoint's answers that somebody said the right answer of, after a place in the order that skips nothing.

    Implicit signals do not count: an edit tells less than a correction. Within the caller's transaction, which writes.
    """
    _join(db)
    return Corrections(*store.count_corrections(db, endpoint, after_seq))


def put_feedback(db: Connection, ctx: Context, items: Sequence[NewFeedback]) -> list[Feedback]:
    """Keep judgements inside the caller's transaction; see `add_feedback`."""
    store.hold_traces(db, {item.trace_id for item in items})
    tell_change(db, "feedback")
    return [_put(db, _kept(ctx, item, item.key), item.key) for item in items]


def withdraw_feedback(db: Connection, feedback_ids: Sequence[str]) -> None:
    """Take judgements back inside the caller's transaction: they stay as history, and what was said before counts again.

    Safe to repeat.
    """
    store.hold_traces(db, store.list_traces_of(db, feedback_ids))
    tell_change(db, "feedback")
    for feedback in store.withdraw(db, feedback_ids):
        store.make_newest_current(db, feedback)
        _score(db, feedback)


async def list_feedback(
    ctx: Context, wanted: FeedbackFilter, *, limit: int, cursor: str | None = None
) -> Page[Feedback]:
    """Return judgements that match, newest first."""
    ctx.require("feedback.read")
    after = decode_cursor(cursor, int)
    before_seq = int(after[0]) if after else None

    def read(db: Connection) -> list[tuple[int, Feedback]]:
        if wanted.endpoint is not None:
            _join(db)
        return store.list_feedback(db, wanted, limit=limit + 1, before_seq=before_seq)

    rows = await ctx.db.write(read)
    shown = rows[:limit]
    next_cursor = encode_cursor(shown[-1][0]) if len(rows) > limit else None
    return Page(items=[feedback for _, feedback in shown], next_cursor=next_cursor)


async def list_outcomes(
    ctx: Context,
    *,
    after_seq: int = 0,
    limit: int = 1_000,
    endpoint: str | None = None,
    rollout_id: str | None = None,
) -> list[Outcome]:
    """Return feedback joined to the arms it judges, after a place in the order; see the top of this file.

    Feedback whose trace never comes is not among them.
    """
    ctx.require("feedback.read")

    def read(db: Connection) -> list[Outcome]:
        _join(db)
        return store.list_outcomes(db, after_seq=after_seq, limit=limit, endpoint=endpoint, rollout_id=rollout_id)

    return await ctx.db.write(read)


def _join(db: Connection) -> None:
    store.hold_outcome_order(db)
    waiting = store.list_unjoined(db)
    if not waiting:
        return
    wholes = traces.find_origins(db, sorted({trace_id for _, trace_id, _ in waiting}))
    steps = traces.find_step_origins(
        db, [(trace_id, span_id) for _, trace_id, span_id in waiting if span_id is not None]
    )
    origins: dict[int, tuple[Origin, str | None]] = {}
    for seq, trace_id, span_id in waiting:
        whole = wholes.get(trace_id)
        step = None if span_id is None else steps.get((trace_id, span_id))
        if whole is None or (span_id is not None and step is None):
            continue  # what is judged is still on its way
        judged = whole if step is None or step.unit is None else step
        is_answer = judged.unit is not None and span_id in (None, judged.span_id)
        origins[seq] = (judged, judged.span_id if is_answer else None)
    store.join_origins(db, origins)


def _origin_of(db: Connection, said: PublishedFeedback) -> Origin | None:
    """Return which answer is spoken about: the one that is named, else the last one of the trace."""
    if said.span_id is not None:
        step = traces.find_step_origins(db, [(said.trace_id, said.span_id)]).get((said.trace_id, said.span_id))
        if step is not None and step.unit is not None:
            return step
    return traces.find_origins(db, [said.trace_id]).get(said.trace_id)


def _kept(ctx: Context, item: NewFeedback, key: str | None) -> Feedback:
    feedback_id = new_id("fbk") if key is None else derive_id("fbk", ctx.project_id, key)
    said = item.model_dump(exclude={"key"})
    return Feedback(feedback_id=feedback_id, actor_id=ctx.actor.actor_id, created_at=ctx.clock.now(), **said)


def _put(db: Connection, feedback: Feedback, key: str | None) -> Feedback:
    if store.insert_feedback(db, feedback):
        store.follow(db, feedback)
        _score(db, feedback)
        return feedback
    existing = store.get_feedback(db, feedback.feedback_id)
    same = {"actor_id", "created_at", "is_current"}
    if existing.model_dump(exclude=same) != feedback.model_dump(exclude=same):
        raise KeyReused(
            f"the key '{key}' was used for other feedback on trace '{existing.trace_id}'; feedback is never changed, "
            f"send the new judgement under a new key",
            key=key,
        )
    return existing


def _score(db: Connection, changed: Feedback) -> None:
    """Make the trace's score what counts now of this name and source; nothing does when all of it was taken back."""
    if changed.span_id is not None:
        return
    counting = store.list_counting(db, changed.trace_id, changed.name, changed.source)
    if not counting:
        traces.drop_score(db, changed.trace_id, changed.name, changed.source)
        return
    numbers = [row for row in counting if row["value"] is not None]
    labels = Counter(row["label"] for row in counting if row["label"] is not None)
    scales = {(row["low"], row["high"]) for row in numbers}
    # A mean of numbers on different scales stands on none.
    low, high = scales.pop() if len(scales) == 1 else (None, None)
    score = Score(
        name=changed.name,
        source=changed.source,
        value=sum(row["value"] for row in numbers) / len(numbers) if numbers else None,
        label=labels.most_common(1)[0][0] if labels else None,
        low=low,
        high=high,
    )
    traces.put_score(db, changed.trace_id, score)
