"""Weights that we did not train: a local transformers folder or a hub id, taken in only when nothing in it can execute.

Refused by name: custom code (`auto_map`), pickled weights, folders without a tokenizer.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.core.errors import InvalidInput
from treadle.models.foreign import dangers_in, fetch

if TYPE_CHECKING:
    from treadle.training.loop import Report

TAKEN = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer*.json",
         "special_tokens_map.json", "chat_template.jinja", "vocab.json", "merges.txt")  # fmt: skip
ALIKE = 0.999
"""Two chat tokens whose embeddings have at least this cosine were never told apart by training."""


class BaseRefused(InvalidInput):
    """The given weights are not taken in."""

    code = "training.base_refused"


def adopt(source: str, out: Path, *, report: Report) -> dict[str, Any]:
    """Copy foreign weights to `out` as a plain folder. source: a local folder, or a hub id such as `org/name`."""
    folder = Path(source).expanduser()
    is_of_hub = not folder.is_dir()
    if is_of_hub:
        if source.startswith((".", "/", "~")) or source.count("/") != 1:
            raise BaseRefused(
                f"the base '{source}' is neither a folder on the server nor a hub id of the form org/name; "
                "give the path of a transformers folder or a hub id"
            )
        folder = fetch(source, patterns=TAKEN)
    check_folder(folder, is_of_hub=is_of_hub)
    out.mkdir(parents=True, exist_ok=True)
    for pattern in TAKEN:
        for path in folder.glob(pattern):
            shutil.copyfile(path, out / path.name)
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(out, use_safetensors=True, trust_remote_code=False)
    report.log(f"took in the base '{source}': {type(model).__name__}")
    return {
        "parameters_count": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary_size": int(model.config.vocab_size),
        "steps": 0,
        "training_tokens": 0,
        "special_tokens_seen": getattr(model.config, "treadle_special_tokens_seen", None),
        "source": source,
    }


def check_folder(folder: Path, *, is_of_hub: bool = False) -> None:
    """Refuse a folder that could execute something or lacks a part. Raises BaseRefused with every reason at once.

    is_of_hub: see `dangers_in`.
    """
    if not (folder / "config.json").is_file():
        raise BaseRefused(
            f"'{folder.name}' is no transformers folder: it has no config.json; give a folder that has one"
        )
    found = dangers_in(folder, is_of_hub=is_of_hub)
    if not (folder / "tokenizer.json").is_file():
        found.append("it has no tokenizer.json")
    if found:
        raise BaseRefused(
            f"the weights in '{folder.name}' are not taken in: {'; '.join(found)}; a folder with config.json, "
            "tokenizer.json and safetensors weights and no code would be right; convert it first",
            reasons=found,
        )


def untrained_tokens(folder: Path, special_ids: Mapping[str, int]) -> list[str]:
    """Name the special tokens whose input embeddings look untrained: zero, or one and the same for several of them.

    The only thing to go by when a base does not say what it was trained on; it misses random, untrained rows.
    """
    import torch
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            name = next((key for key in file.keys() if key.endswith("embed_tokens.weight")), None)  # noqa: SIM118
            if name is None:
                continue
            table = file.get_tensor(name).float()
            rows = {token: table[index] for token, index in special_ids.items() if index < table.shape[0]}
            zero = [token for token, row in rows.items() if float(row.norm()) < 1e-6]
            twins = [
                token
                for token, row in rows.items()
                if any(
                    other != token and float(torch.nn.functional.cosine_similarity(row, twin, dim=0)) > ALIKE
                    for other, twin in rows.items()
                )
            ]
            return sorted({*zero, *twins})
    return []
