"""The tiny task's rows and recipes, and a report that keeps what it is told."""

from __future__ import annotations

import random
from pathlib import Path

import polars

KINDS = {
    "refund_request": ("I want my money back for the {thing}", "Please refund the {thing}", "Refund my {thing} now"),
    "parcel_late": ("Where is my {thing}?", "My {thing} has not arrived", "The {thing} is late again"),
    "login_trouble": (
        "I cannot log in to see my {thing}",
        "The password for my {thing} is wrong",
        "Login fails, {thing}",
    ),
}
THINGS = ("book", "lamp", "phone", "chair", "coat", "bike", "watch", "radio", "table", "guitar", "camera", "kettle")

TINY_BASE = {
    "vocab_size": 420,
    "hidden_size": 64,
    "num_layers": 2,
    "head_size": 32,
    "intermediate_size": 128,
    "max_length": 64,
    "epochs": 2,
    "batch_rows": 32,
    "learning_rate": 3e-3,
}
TINY_FINETUNE = {"epochs": 10, "batch_rows": 16, "learning_rate": 4e-3, "max_length": 64, "evaluations": 4}


class Collected:
    """What a worker reported."""

    def __init__(self) -> None:
        self.logs: list[str] = []
        self.curves: dict[str, list[tuple[int, float]]] = {}
        self.fractions: list[float] = []

    def log(self, text: str) -> None:
        """Keep a line."""
        self.logs.append(text)

    def metric(self, name: str, step: int, value: float) -> None:
        """Keep a point."""
        self.curves.setdefault(name, []).append((step, value))

    def progress(self, fraction: float, text: str) -> None:
        """Keep how far it is."""
        self.fractions.append(fraction)


def write_rows(path: Path, draw: random.Random, *, count: int = 240) -> Path:
    """Write the tiny task as Parquet."""
    rows = []
    for number in range(count):
        label = draw.choice(list(KINDS))
        text = draw.choice(KINDS[label]).format(thing=draw.choice(THINGS)) + draw.choice(("", ".", "!", " please"))
        part = "train" if number % 6 < 4 else "validation" if number % 6 == 4 else "test"
        rows.append({"input": text, "expected_output": label, "part": part})
    polars.DataFrame(rows).write_parquet(path)
    return path
