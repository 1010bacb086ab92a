"""Run a text classifier on the CPU: its folder found and checked, its tokens counted, its logits made probabilities.

As transformers' own pipeline does: sigmoid where labels do not exclude each other or there is only one, softmax otherwise. Not as it
does for a regression, whose number it leaves as it is: here one label is always a probability.
torch and transformers are imported when a folder is opened, so only workers pay for them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from treadle.core.errors import InvalidInput, MissingExtra
from treadle.core.types import JsonObject
from treadle.models.foreign import dangers_in, fetch

TAKEN = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer*.json", "special_tokens_map.json",
         "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "*.model")  # fmt: skip
MOST_TOKENS = 512
"""Of a text, where neither the tokenizer nor the model says how many it takes."""
_NO_LIMIT = 1_000_000
"""A tokenizer that says more than this says nothing."""


class ClassifierRefused(InvalidInput):
    """A classifier that cannot be used: nothing to read, something that could execute, or no such label."""

    code = "evals.classifier_refused"


class Said(NamedTuple):
    """What a classifier says of a text."""

    probability: float
    tokens: int
    """Of the whole text, marks at its ends included, also where fewer were read."""


def open_folder(name: str, likely: Sequence[str], parameters: JsonObject) -> tuple[Path, str]:
    """Return the folder of a classifier, fetched where it is a hub's, and the label that is meant. Loads no weights.

    name: the scorer, for messages. likely: labels to look for where none is told. Raises MissingExtra, NotOnHub,
    HubUnreachable, ClassifierRefused.
    """
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise MissingExtra("train", needed_for=f"the scorer '{name}'")
    source, revision = str(parameters["model"]), parameters.get("revision")
    folder, is_of_hub = Path(source), not Path(source).is_absolute()
    if is_of_hub:
        folder = fetch(source, patterns=TAKEN, revision=None if revision is None else str(revision))
    config = folder / "config.json"
    if not config.is_file():
        raise ClassifierRefused(
            f"'{source}' is no transformers folder on the server: it has no config.json; give one that has, such as what "
            f"`hf download MODEL --local-dir FOLDER` makes"
        )
    if dangers := dangers_in(folder, is_of_hub=is_of_hub):
        raise ClassifierRefused(
            f"the classifier '{source}' is not read: {'; '.join(dangers)}; a folder with config.json, a tokenizer and "
            "safetensors weights and no code would be right"
        )
    labels = _labels(source, config)
    asked = parameters.get("label")
    wanted = likely if asked is None else [str(asked)]
    found = [label for label in labels if label in wanted] or [
        label for label in labels if label.casefold() in {each.casefold() for each in wanted}
    ]
    if not found:
        raise ClassifierRefused(
            f"the classifier '{source}' has no label {' or '.join(repr(each) for each in wanted)}; it has: {', '.join(labels)}; "
            "name the one that is meant as `label`"
        )
    return folder, found[0]


def _labels(source: str, config: Path) -> list[str]:
    told = json.loads(config.read_text("utf-8")).get("id2label", {"0": "LABEL_0", "1": "LABEL_1"})
    if not isinstance(told, dict) or not all(isinstance(label, str) for label in told.values()):
        raise ClassifierRefused(
            f"the classifier '{source}' does not name its labels: in its config.json `id2label` is an object such as "
            '{"0": "polite", "1": "toxic"}; correct the file, or take another classifier'
        )
    return list(told.values())


class Classifier:
    """A loaded text classifier."""

    def __init__(self, folder: Path, *, is_multi_label: bool | None) -> None:
        """is_multi_label: whether labels do not exclude each other; None goes by the model's configuration."""
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self._model: Any = AutoModelForSequenceClassification.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True
        ).eval()
        config = self._model.config
        self._is_multi_label = is_multi_label
        if is_multi_label is None:
            self._is_multi_label = (
                getattr(config, "problem_type", None) == "multi_label_classification"
                or getattr(config, "function_to_apply", None) == "sigmoid"
            )
        taken = self._tokenizer.model_max_length
        places = getattr(config, "max_position_embeddings", None) or MOST_TOKENS
        self.limit: int = min(taken, places) if taken < _NO_LIMIT else min(MOST_TOKENS, places)
        """Tokens of a text that are read, marks at its ends included."""

    def read(self, texts: Sequence[str], label: str) -> list[Said]:
        """Return a label's probability in each text, and how long each is. Cost: one pass over all, padded to the longest."""
        import torch

        lengths = [len(ids) for ids in self._tokenizer(list(texts), verbose=False)["input_ids"]]
        tokens = self._tokenizer(list(texts), truncation=True, max_length=self.limit, padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**tokens).logits.float()
        is_each_alone = self._is_multi_label or logits.shape[-1] == 1
        shares = logits.sigmoid() if is_each_alone else logits.softmax(-1)
        place = next(int(number) for number, name in self._model.config.id2label.items() if name == label)
        return [Said(float(share), length) for share, length in zip(shares[:, place], lengths, strict=True)]
