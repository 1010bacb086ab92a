"""Train the classifiers of guards/attacks.py on our own sentences, measure them, and write weights and documentation.

    python tools/train_guards.py [--banking77 train.csv]

Reads tools/guards/train.txt and held_out.txt; writes src/treadle/guards/attacks.json and docs/guards.md. Deterministic.
Logistic regression on MiniLM vectors with an L2 penalty, by Newton's method. The threshold is the smallest at which at
most 4 % of the ordinary training sentences (a third of which were written to look like attacks) are taken for one, in
cross-validation. Held-out families are only ever measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.embeddings.minilm import NAME, WEIGHTS_SHA256, load_minilm
from treadle.guards.attacks import WEIGHTS, AttackCheck, Kind, load_classifier

HERE = Path(__file__).parent / "guards"
DOCS = Path(__file__).parents[1] / "docs" / "guards.md"
PENALTY = 0.1
FALSE_SHARE = 0.04
FOLDS = 10

Floats = NDArray[np.float64]


class Sentence(NamedTuple):
    """One line of the data."""

    label: str
    family: str
    text: str


def read(path: Path) -> list[Sentence]:
    """Return the sentences of a data file."""
    found, label, family = [], "", ""
    for line in path.read_text().splitlines():
        if heading := re.fullmatch(r"\[(injection|jailbreak|benign) (\w+)\]", line):
            label, family = heading.groups()
        elif line.strip() and not line.startswith("# "):
            found.append(Sentence(label, family, line.replace("\\n", "\n")))
    return found


def fit(vectors: Floats, labels: Floats) -> tuple[Floats, float]:
    """Return weights and bias; both classes weigh the same."""
    features = np.hstack([vectors, np.ones((len(vectors), 1))])
    weight = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())
    penalty = np.full(features.shape[1], PENALTY / features.shape[1] * 4)
    penalty[-1] = 0
    beta = np.zeros(features.shape[1])
    for _ in range(50):
        guess = 1 / (1 + np.exp(-features @ beta))
        gradient = features.T @ (weight * (guess - labels)) + penalty * beta
        curvature = (features * (weight * guess * (1 - guess))[:, None]).T @ features
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return beta[:-1], float(beta[-1])


def train(kind: Kind, sentences: list[Sentence], vectors: Floats) -> dict[str, object]:
    """Return one head: weights, bias, threshold."""
    used = [index for index, each in enumerate(sentences) if each.label in (kind, "benign")]
    labels = np.array([float(sentences[index].label == kind) for index in used])
    x = vectors[used]
    scores = np.zeros(len(used))
    folds = np.random.default_rng(0).permutation(len(used)) % FOLDS
    for fold in range(FOLDS):
        away = folds != fold
        weights, bias = fit(x[away], labels[away])
        scores[~away] = 1 / (1 + np.exp(-(x[~away] @ weights + bias)))
    benign = np.sort(scores[labels == 0])
    threshold = float(benign[int(np.ceil(len(benign) * (1 - FALSE_SHARE))) - 1]) + 1e-6
    weights, bias = fit(x, labels)
    print(
        f"{kind}: threshold {threshold:.3f}, recall in cross-validation {(scores[labels == 1] >= threshold).mean():.3f}"
    )
    return {
        "weights": [round(float(each), 5) for each in weights],
        "bias": round(bias, 5),
        "threshold": round(threshold, 4),
    }


def share(check: AttackCheck, texts: Iterable[str]) -> tuple[int, int]:
    """Return how many texts have a finding, and how many there are."""
    found = [bool(check.find(text)) for text in texts]
    return sum(found), len(found)


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--banking77", type=Path, help="train.csv of BANKING77, to measure false alarms on")
    options = parser.parse_args()
    embedder = load_minilm(needed_for="training the guards")
    known, unseen = read(HERE / "train.txt"), read(HERE / "held_out.txt")
    vectors = embedder.embed([each.text for each in known]).astype(np.float64)
    heads = {kind: train(kind, known, vectors) for kind in ("injection", "jailbreak")}
    WEIGHTS.write_text(json.dumps({"embedder": NAME, "digest": WEIGHTS_SHA256, "heads": heads}) + "\n")
    load_classifier.cache_clear()
    questions = []
    if options.banking77:
        questions = [row["text"] for row in csv.DictReader(options.banking77.open())]
    lines = []
    for kind in ("injection", "jailbreak"):
        for name, used in (("signatures only", None), ("signatures and classifier", embedder)):
            check = AttackCheck(kind, embedder=used)
            hits, attacks = share(check, (each.text for each in unseen if each.label == kind))
            alarms, benign = share(check, (each.text for each in unseen if each.label == "benign"))
            near, nears = share(check, (each.text for each in unseen if each.family == "near"))
            row = f"| {kind} | {name} | {hits}/{attacks} = {hits / attacks:.2f} | "
            row += f"{alarms}/{benign} = {alarms / benign:.3f} | {near}/{nears} | {hits / max(1, hits + alarms):.2f} | "
            if questions:
                false, asked = share(check, questions)
                row += f"{false}/{asked} = {false / asked:.4f} |"
            else:
                row += "not measured |"
            lines.append(row)
            print(row)
    text = DOCS.read_text()
    start, end = text.index("<!-- measured -->"), text.index("<!-- /measured -->")
    head = (
        "<!-- measured -->\n"
        "| guard | how | recall, held-out attacks | false alarms, held-out ordinary texts | of these with suspicious words"
        " | precision there | false alarms, BANKING77 |\n|---|---|---|---|---|---|---|\n"
    )
    DOCS.write_text(text[:start] + head + "\n".join(lines) + "\n" + text[end:])


if __name__ == "__main__":
    main()
