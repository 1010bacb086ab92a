"""The worker's verbs on a tiny task, for real: base, pre-flight, both methods of tuning, export, refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars
import pytest

from tests.training.tiny import TINY_FINETUNE, Collected
from treadle.core.errors import InvalidInput
from treadle.training import worker

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # peft with transformers 5.23
TinyBase = tuple[Path, dict[str, Any], Collected]


def spec(tmp_path: Path, rows: Path, base: Path, **recipe: object) -> dict[str, Any]:
    """
    Return a fine-tune's spec.
    """
    return {
        "rows": [str(rows)],
        "base": str(base / "weights"),
        "out": str(tmp_path / "out"),
        "checkpoints": str(tmp_path / "checkpoints"),
        "recipe": TINY_FINETUNE | recipe,
        "name": "tiny-tuned",
    }


def test_base_is_served_and_says_what_it_saw(tiny_base: TinyBase) -> None:
    """
    A base comes with a GGUF that agrees with its weights, and with the count of special tokens it was trained on.
    """
    out, facts, report = tiny_base

    config = json.loads((out / "weights" / "config.json").read_text())
    assert (out / "model.gguf").stat().st_size == facts["gguf_bytes"]
    assert 1.0 == facts["comparison"]["tokens_identical"]
    assert facts["special_tokens_seen"] == config["treadle_special_tokens_seen"]
    assert all(count > 0 for token, count in facts["special_tokens_seen"].items() if token != "<|pad|>")
    assert report.curves["train_loss"][0][1] > report.curves["train_loss"][-1][1]


def test_base_knows_no_label(tiny_base: TinyBase, rows_file: Path, tmp_path: Path) -> None:
    """
    The base was never taught the task: before tuning it answers no validation row right, and after it nearly all.
    """
    from transformers import AutoModelForCausalLM

    from treadle.training.loop import score_rows
    from treadle.training.rows import read_parts, tokenise
    from treadle.training.tokenizer import load_tokenizer

    out, _, _ = tiny_base
    rows = tokenise(load_tokenizer(out / "weights"), read_parts([rows_file])["test"])
    before = score_rows(AutoModelForCausalLM.from_pretrained(out / "weights"), rows)

    facts = worker.finetune(spec(tmp_path, rows_file, out, epochs=24), Collected())

    after = score_rows(AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "weights"), rows)
    assert 0.0 == before["exact_match"]
    assert after["exact_match"] >= 0.9
    assert facts["validation_exact_match"] >= 0.9
    assert [] == facts["preflight"]["problems"]
    assert (tmp_path / "out" / "model.gguf").exists()


def test_lora_keeps_its_adapter_and_merges(tiny_base: TinyBase, rows_file: Path, tmp_path: Path) -> None:
    """
    LoRA trains few weights, keeps the adapter as safetensors, and exports merged weights that agree.
    """
    out, base_facts, _ = tiny_base
    report = Collected()

    facts = worker.finetune(spec(tmp_path, rows_file, out, method="lora", max_steps=30), report)

    weights = json.loads((tmp_path / "out" / "weights" / "config.json").read_text())
    assert facts["trainable_parameters_count"] < base_facts["parameters_count"]
    assert facts["parameters_count"] == base_facts["parameters_count"]
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").exists()
    assert "LlamaForCausalLM" == weights["architectures"][0]
    assert report.curves["train_loss"][0][1] > report.curves["train_loss"][-1][1]
    assert 1.0 == facts["comparison"]["tokens_identical"]


def test_preflight_refuses_before_any_training(tiny_base: TinyBase, tmp_path: Path) -> None:
    """
    Rows that are too long stop the run, with their numbers, and the report is there to read.
    """
    out, _, _ = tiny_base
    rows = tmp_path / "rows.parquet"
    long = "Where is my lamp? " * 30
    frame = polars.DataFrame({"input": ["Where is it?", long], "expected_output": ["late", "late"]})
    frame.write_parquet(rows)

    with pytest.raises(InvalidInput, match="row 2 has more than 64 tokens"):
        worker.finetune(spec(tmp_path, rows, out), Collected())

    report = json.loads((tmp_path / "out" / "preflight.json").read_text())
    assert ["training.row_too_long"] == [problem["code"] for problem in report["problems"]]
    assert not (tmp_path / "checkpoints").exists()


def test_base_without_chat_training_is_refused(tiny_base: TinyBase, rows_file: Path, tmp_path: Path) -> None:
    """
    A base whose config says that it never saw the chat tokens is refused.
    """
    import shutil

    out, _, _ = tiny_base
    shutil.copytree(out / "weights", tmp_path / "base" / "weights")
    path = tmp_path / "base" / "weights" / "config.json"
    config = json.loads(path.read_text())
    config["treadle_special_tokens_seen"]["<|assistant|>"] = 0
    path.write_text(json.dumps(config))

    report = worker.preflight(spec(tmp_path, rows_file, tmp_path / "base"), Collected())

    assert ["training.chat_tokens_unseen"] == [problem["code"] for problem in report["problems"]]


def test_template_that_marks_nothing_is_refused(tiny_base: TinyBase, rows_file: Path, tmp_path: Path) -> None:
    """
    A chat template without generation tags gives an empty loss mask: refused instead of training nothing.
    """
    import shutil

    from treadle.models.gguf import without_training_tags

    out, _, _ = tiny_base
    shutil.copytree(out / "weights", tmp_path / "base" / "weights")
    template = tmp_path / "base" / "weights" / "chat_template.jinja"
    template.write_text(without_training_tags(template.read_text()))

    report = worker.preflight(spec(tmp_path, rows_file, tmp_path / "base"), Collected())

    assert "training.all_masked" in [problem["code"] for problem in report["problems"]]


def test_validation_that_stops_improving_ends_training(tiny_base: TinyBase, rows_file: Path, tmp_path: Path) -> None:
    """
    With no patience left the run stops early, and the weights are those of the best step.
    """
    out, _, _ = tiny_base
    recipe = {"learning_rate": 1e-9, "evaluations": 10, "patience": 1, "epochs": 4}

    facts = worker.finetune(spec(tmp_path, rows_file, out, **recipe), Collected())

    assert facts["steps"] <= facts["planned_steps"]
    assert facts["best_step"] <= facts["steps"]
