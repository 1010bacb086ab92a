"""What a queue is: its questions, its items, who judges them and what they said."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, StringConstraints, model_validator
from pydantic import Field as Limits

from treadle.core.revisions import Revised
from treadle.core.types import JsonObject, Record
from treadle.feedback.labels.types import Answers, Field, Option, check_fields
from treadle.feedback.selection import DEFAULT_MIX, Reason
from treadle.feedback.types import FeedbackName, Text, TraceId
from treadle.traces.asking.types import ViewName
from treadle.traces.types import TraceFilter

QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
"""1 to 60 of a-z, 0-9, '-' and '_'; unique in the project."""
QueueMode = Literal["single", "pairwise"]
Preference = Literal["a", "b", "tie"]
PREFERRED = "preferred"
"""The question of a pairwise queue, and the name of the feedback that it gives."""
SIDES: tuple[Preference, ...] = ("a", "b", "tie")
Strategy = Literal["newest", "sample", "active"]
MAX_ITEMS_AT_ONCE = 1_000


class NewQueue(Record):
    """A queue to make."""

    name: QueueName
    """Unique in the project."""
    description: Text = Limits(default="", max_length=2_000)
    """What it is for."""
    instructions: Text = Limits(default="", max_length=10_000)
    """What judges read before they begin."""
    mode: QueueMode = "single"
    """One answer at a time, or two side by side of which the better is chosen."""
    fields: list[Field] = Limits(default_factory=list, max_length=40)
    """What is asked; a pairwise queue asks which one is better, and what is here beside that."""
    judges_per_item: int = Limits(default=1, ge=1, le=20)
    """How many people judge each item before it is done."""
    reserve_minutes: int = Limits(default=30, ge=1, le=1_440)
    """How long an item that somebody has opened waits for them."""
    gold_every: int = Limits(default=10, ge=2, le=1_000)
    """Every so manieth item a judge gets is one with a known answer, as long as there are any."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        check_fields(self.fields)
        if self.mode == "single" and not self.fields:
            raise ValueError("a queue asks something; give it a field or more")
        if self.mode == "pairwise" and any(field.name == PREFERRED for field in self.fields):
            raise ValueError(f"a pairwise queue asks '{PREFERRED}' already; leave it out of the fields")
        if self.mode == "pairwise" and any(field.kind == "correction" for field in self.fields):
            raise ValueError("a correction is of one answer; ask for it in a queue of single answers")
        return self


class Queue(Revised, NewQueue):
    """A queue with how far it is."""

    EDITED = frozenset(NewQueue.model_fields)

    queue_id: str
    """'que_…'."""
    num_items: int
    """Items in it."""
    num_done: int
    """Items that enough people have judged."""
    num_judgements: int
    """Judgements so far: an item is done after as many as it has judges."""
    num_reserved: int
    """Items that somebody has open right now."""
    num_skipped: int
    """Items that somebody skipped and that are not done."""
    num_gold: int
    """Items with known answers."""
    created_by: str
    """Actor who made it."""
    created_at: datetime
    """Aware UTC."""


def asked_of(queue: NewQueue) -> list[Field]:
    """Return every question of a queue; a pairwise one asks first which answer is better."""
    if queue.mode == "single":
        return queue.fields
    options = [Option(label=side) for side in SIDES]
    return [Field(name=PREFERRED, kind="category", question="Which answer is better?", options=options), *queue.fields]


class NewItem(Record):
    """An answer to judge, or two to compare."""

    trace_id: TraceId
    """The answer."""
    other_trace_id: TraceId | None = None
    """The answer that it is compared with; None in a queue of single answers."""
    priority: int = Limits(default=0, ge=-1_000, le=1_000)
    """Higher ones come first."""
    gold: Answers | None = None
    """Answers that are known to be right, by field: judges do not see them, their accuracy is measured by them."""
    assigned_to: Text | None = Limits(default=None, max_length=64)
    """The one actor who gets it; None lets everybody."""


class NewItems(Record):
    """Answers to put into a queue."""

    items: list[NewItem] = Limits(min_length=1, max_length=MAX_ITEMS_AT_ONCE)
    """1 to 1,000 of them; those that are in the queue already stay as they are."""


class Added(Record):
    """What came of putting items into a queue."""

    num_added: int
    """New items."""
    num_known: int
    """Items that were there already."""


class Item(Record):
    """An item as whoever runs the queue sees it."""

    item_id: str
    """'qit_…'."""
    trace_id: str
    """The answer."""
    other_trace_id: str | None
    """The answer that it is compared with."""
    status: Literal["open", "done"]
    """Done when enough people have judged it."""
    priority: int
    """Higher ones come first."""
    reason: str
    """Why it was put in: by hand, newest, a sample, or what active learning saw in it."""
    gold: Answers | None
    """Answers that are known to be right."""
    assigned_to: str | None
    """The one actor who gets it."""
    num_judged: int
    """Judgements so far."""
    created_at: datetime
    """Aware UTC."""


class Side(Record):
    """An answer as a judge sees it."""

    trace_id: str
    """Where it is from."""
    variables: JsonObject
    """What the application was given."""
    output_text: str
    """What it answered; empty when there was nothing."""
    error_message: str | None = None
    """What went wrong, in words; None of a request that did not fail."""


class Work(Record):
    """An item as a judge gets it: nothing tells whether its answer is known already."""

    item_id: str
    """'qit_…'."""
    a: Side
    """The answer; of two the one that is shown first to this judge."""
    b: Side | None
    """The other of two; None for a single answer."""
    reserved_until: datetime
    """Aware UTC: until then nobody else gets it."""
    answers: Answers | None = None
    """What this judge said before, after an undo; None otherwise."""
    comment: str | None = None
    """The words that they put beside it; None otherwise."""


class Judgement(Record):
    """What one person said of one item."""

    item_id: str
    """The item."""
    actor_id: str
    """Who judged."""
    state: Literal["reserved", "judged", "skipped"]
    """Opened, judged, or passed on to others."""
    answers: Answers | None
    """What they said, by field; 'preferred' of a pair names the side as they saw it. None unless judged."""
    comment: str | None
    """Words beside the answers, or why it was skipped."""
    is_swapped: bool
    """Whether the second of a pair was shown to them first."""
    is_right: bool | None
    """Whether all known answers were given; None unless the item has any."""
    seconds: float | None
    """From opening to judging; None unless judged."""
    at: datetime
    """Aware UTC, of the last thing done."""


class NewJudgement(Record):
    """What somebody says of an item."""

    answers: Answers
    """By field; 'preferred' of a pair is 'a', 'b' or 'tie' as they are shown."""
    comment: Text | None = Limits(default=None, max_length=10_000)
    """Words beside the answers."""


class Skip(Record):
    """Why an item is left to others."""

    reason: Text | None = Limits(default=None, max_length=2_000)
    """In words."""


class JudgeFigures(Record):
    """How one judge gets on."""

    actor_id: str
    """Who."""
    name: str
    """Their name."""
    num_judged: int
    """Items judged."""
    num_skipped: int
    """Items skipped."""
    median_seconds: float | None
    """From opening to judging; None before the first."""
    num_gold: int
    """Judged items with known answers."""
    num_gold_right: int
    """Those where all known answers were given."""
    gold_low: float | None
    """Lower end of the 95 % interval of their accuracy (Wilson), 0-1; None without known answers."""
    gold_high: float | None
    """Its upper end."""


class CoefficientFigures(Record):
    """A coefficient of agreement with its 95 % interval."""

    value: float | None
    """1 is perfect agreement, 0 what chance gives; None where it is not defined."""
    low: float | None
    """Lower end."""
    high: float | None
    """Upper end."""


class FieldAgreement(Record):
    """How far judges agree on one question."""

    name: str
    """The field."""
    level: Literal["nominal", "ordinal", "interval"]
    """How its values were compared."""
    num_items: int
    """Items that two or more judged."""
    num_judgements: int
    """Their judgements."""
    observed: float | None
    """Share of pairs of judgements that are the same, 0-1."""
    cohen: CoefficientFigures | None
    """Cohen's kappa; None unless the same two people judged all."""
    fleiss: CoefficientFigures | None
    """Fleiss' kappa; None unless every item has as many judgements."""
    alpha: CoefficientFigures
    """Krippendorff's alpha."""


class QueueAgreement(Record):
    """How far the judges of a queue agree, with each other and with what is known."""

    fields: list[FieldAgreement]
    """By question; words and corrections are not compared."""
    judges: list[JudgeFigures]
    """By judge."""
    first_shown_preferred: float | None = None
    """Of decided pairs the share that went to the side shown first: far from 0.5 the position decides. None unless pairwise."""


class Fill(Record):
    """Which answers to put into a queue of single answers."""

    strategy: Strategy = "newest"
    """The newest that match, a random sample of them, or those that are worth most to judge (active learning)."""
    num: int = Limits(default=100, ge=1, le=MAX_ITEMS_AT_ONCE)
    """How many; those that are in the queue already are not among them."""
    wanted: TraceFilter = TraceFilter()
    """Which answers may be taken."""
    view: ViewName | None = None
    """Only answers that this kept filter of yours, or a shared one, finds; with `wanted`, those that match both."""
    priority: int = Limits(default=0, ge=-1_000, le=1_000)
    """Higher ones come first."""
    seed: int = Limits(default=0, ge=0, le=2**31)
    """Decides the sample and the choice: the same seed on the same answers takes the same."""
    label: FeedbackName | None = None
    """Whose judgements so far active learning goes by, such as 'correct'; None takes the queue's first question."""
    mix: dict[Reason, Annotated[float, Limits(ge=0, le=1)]] = Limits(default_factory=lambda: dict(DEFAULT_MIX))
    """Shares of active learning's reasons: uncertainty, disagreement, diversity, drift."""
    drift_since: AwareDatetime | None = None
    """Answers from before are the window that drift is measured against; None leaves drift's share to diversity."""

    @model_validator(mode="after")
    def _wants_something(self) -> Self:
        if sum(self.mix.values()) <= 0:
            raise ValueError("the mix has no share above 0; give some, such as uncertainty 0.6 and diversity 0.4")
        return self
