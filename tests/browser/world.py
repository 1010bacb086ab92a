"""What the browser tests look at: one small turn, really done, and where to find what it made."""

from __future__ import annotations

import csv
import random
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from treadle.client.client import Client
from treadle.core.types import JsonObject
from treadle.jobs.types import FINAL, Run
from treadle.pipelines.types import FileSource, NewTurn

NAME = "desk"
ROWS_PER_LABEL = 160
TURN_TIMEOUT_SECONDS = 600
ASKED = {
    "delivery_status": [
        "Where is my parcel {order}?",
        "When will order {order} arrive?",
        "My {thing} has not been delivered yet",
        "Please tell me the delivery date of {order}",
        "The courier never came with my {thing}",
        "I am still waiting for the {thing} from {day}",
    ],
    "refund_request": [
        "I want my money back for {order}",
        "Please refund the {thing} I bought on {day}",
        "How do I get a refund for order {order}?",
        "I returned the {thing}, where is my refund?",
        "Give me back what I paid for the {thing}",
        "Refund {order} to my card please, since {day}",
    ],
}
THINGS = ["lamp", "chair", "kettle", "radio", "book", "coat", "phone", "table", "mirror", "carpet", "clock", "desk"]
DAYS = ["Monday", "Tuesday", "Friday", "3 May", "12 June", "last week"]


@dataclass
class World:
    """A server to look at, and what stands in it."""

    url: str
    key: str
    client: Client

    @cached_property
    def turn(self) -> Run:
        """The newest turn that went all the way."""
        return next(run for run in self.client.turns.list_().items if run.status == "succeeded")

    @cached_property
    def name(self) -> str:
        """What dataset, model and endpoint are called."""
        return str(self.turn.params["name"])

    @cached_property
    def made(self) -> JsonObject:
        """The figures of the turn."""
        return self.turn.outputs

    def step(self, name: str) -> Run:
        """Return the run of one of the turn's stations."""
        found = next(step.run for step in self.client.turns.get(self.turn.run_id).steps if step.step == name)
        assert found is not None
        return found

    @cached_property
    def trace_id(self) -> str:
        """An answer that was given."""
        return self.client.traces.list_(limit=1).items[0].trace_id


def turn_the_wheel(client: Client, folder: Path) -> None:
    """Go once around the loop on 320 rows with two intents; waits until it is done."""
    file = client.turns.upload(write_rows(folder / f"{NAME}.csv"))
    source = FileSource(digest=file.digest, file_name=file.file_name, input="text", label="category")
    run = client.turns.start(NewTurn(name=NAME, source="file", file=source, play_customers=True))
    until = time.monotonic() + TURN_TIMEOUT_SECONDS
    while (run := client.runs.get(run.run_id)).status not in FINAL:
        assert time.monotonic() < until, f"the turn is still at '{run.progress_text}'"
        time.sleep(0.5)
    assert "succeeded" == run.status, run.error


def write_rows(path: Path) -> Path:
    """Write the file that the turn starts from; the same every time."""
    chance = random.Random(7)
    rows = [
        (chance.choice(asked).format(order=chance.randint(1000, 9999), thing=chance.choice(THINGS), day=chance.choice(DAYS)), label)
        for label, asked in ASKED.items()
        for _ in range(ROWS_PER_LABEL)
    ]  # fmt: skip
    chance.shuffle(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        writer.writerows(rows)
    return path
