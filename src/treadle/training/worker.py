"""The verbs that run in a child process: JSON spec in, JSON facts out; weights, reports and GGUF as files in `out`.

A spec names local paths only; the service fetched the rows from the blob store and will put the files back there. Every
verb may be called again with the same spec after a kill: finished checkpoints in `checkpoints` are used, files are
written whole. Layout of `out`: `weights/` (transformers folder), `adapter/` (LoRA only), `model.gguf` and
`preflight.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.core.errors import Unavailable
from treadle.prompts.types import Message
from treadle.training.recipes import (
    SEEN_KEY,
    TUNED_KEY,
    DataSize,
    FinetuneRecipe,
    base_recipe_of,
    finetune_recipe_of,
    with_keep,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from treadle.models.compare import Prompt
    from treadle.models.gguf import Precision
    from treadle.training.loop import Report
    from treadle.training.preflight_report import Preflight
    from treadle.training.rows import TextRow, TokenRow

WEIGHTS_FOLDER = "weights"
GGUF_FILE = "model.gguf"
PREFLIGHT_FILE = "preflight.json"
COMPARED_ROWS = 24
"""Rows on which weights and export are compared: spread over the training rows' lengths."""


def train_base(spec: dict[str, Any], report: Report) -> dict[str, Any]:
    """Train a base from scratch, or take a transformers folder as it is, and export it.

    spec: rows (Parquet paths), out, checkpoints, name, recipe (fields of BaseRecipe to override),
    base (a folder or hub id to take instead of training), precision ('f32' or 'f16').
    """
    set_threads()
    started = time.monotonic()
    from treadle.training.rows import read_parts

    out = Path(spec["out"])
    parts = read_parts(spec["rows"])
    if spec.get("base"):
        from treadle.training.foreign import adopt

        facts = adopt(spec["base"], out / WEIGHTS_FOLDER, report=report)
    else:
        from treadle.training.base import train

        recipe = base_recipe_of(spec.get("recipe") or {}, size_of(parts))
        facts = train(parts, recipe, out=out / WEIGHTS_FOLDER, checkpoints=Path(spec["checkpoints"]), report=report)
    facts |= _export(spec, parts["train"], None, report)
    return facts | {"total_seconds": round(time.monotonic() - started, 2)}


def preflight(spec: dict[str, Any], report: Report) -> dict[str, Any]:
    """Examine rows and base without training; returns the report, problems included.

    spec: rows, base (weights folder), recipe (fields of FinetuneRecipe to override), prompt (messages or None).
    """
    set_threads()
    from treadle.training.rows import read_parts, tokenise
    from treadle.training.tokenizer import load_tokenizer

    base = check_weights(Path(spec["base"]))
    parts = read_parts(spec["rows"])
    rows = parts["train"]
    recipe = finetune_recipe_of(spec.get("recipe") or {}, size_of(parts))
    tokenizer = load_tokenizer(base)
    found = _examine(base, tokenizer, rows, tokenise(tokenizer, rows, _prompt_of(spec)), recipe, _held_out(parts))
    return found.model_dump(mode="json")


def finetune(spec: dict[str, Any], report: Report) -> dict[str, Any]:
    """Check, tune, export and compare.

    spec: rows, base (weights folder), out, checkpoints, name, recipe (fields of FinetuneRecipe to override), prompt,
    precision.
    Raises PreflightRefused before any training; its report is in `out/preflight.json` either way.
    """
    set_threads()
    started = time.monotonic()
    from treadle.training.preflight import PreflightRefused
    from treadle.training.rows import read_parts, tokenise
    from treadle.training.tokenizer import load_tokenizer

    out = Path(spec["out"])
    base = check_weights(Path(spec["base"]))
    parts = read_parts(spec["rows"])
    recipe = finetune_recipe_of(spec.get("recipe") or {}, size_of(parts))
    prompt = _prompt_of(spec)
    tokenizer = load_tokenizer(base)
    train_tokens = tokenise(tokenizer, parts["train"], prompt)
    found = _examine(base, tokenizer, parts["train"], train_tokens, recipe, _held_out(parts))
    out.mkdir(parents=True, exist_ok=True)
    (out / PREFLIGHT_FILE).write_text(found.model_dump_json(indent=1), "utf-8")
    if found.problems:
        raise PreflightRefused(found)
    report.log(f"pre-flight: {found.rows_count:,} rows, {found.answer_tokens:,} tokens to learn, no problem")
    for warning in found.warnings:
        report.log(f"pre-flight warns: {warning}")
    report.progress(0.02, "pre-flight passed")

    from transformers import AutoModelForCausalLM

    from treadle.training.finetune import TokenParts, train

    limit = found.longest_tokens
    validation = [
        row for row in tokenise(tokenizer, parts.get("validation", []), prompt) if len(row.ids) <= max(limit, 16)
    ]
    model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, trust_remote_code=False)
    is_fresh = hasattr(model.config, SEEN_KEY) and not getattr(model.config, TUNED_KEY, False)
    recipe = with_keep(recipe, is_fresh=is_fresh)
    facts = train(
        model,
        tokenizer,
        TokenParts(train_tokens, validation),
        recipe,
        out=out / WEIGHTS_FOLDER,
        checkpoints=Path(spec["checkpoints"]),
        report=report,
    )
    facts |= _export(spec, parts["train"], prompt, report)
    facts |= {"preflight": found.model_dump(mode="json"), "recipe": recipe.model_dump(mode="json")}
    return facts | {"total_seconds": round(time.monotonic() - started, 2)}


def export_gguf(spec: dict[str, Any], report: Report) -> dict[str, Any]:
    """Export a weights folder to GGUF and compare. spec: rows, out (holding `weights/`), name, precision."""
    set_threads()
    from treadle.training.rows import read_parts

    rows = read_parts(spec["rows"])["train"]
    return _export(spec, rows, _prompt_of(spec), report)


def set_threads() -> None:
    """Tell OpenMP to let idle threads sleep; must run before torch is imported. Worth 2.3 times on a shared machine."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def check_weights(folder: Path) -> Path:
    """Refuse a folder that is not plain weights. Raises InvalidInput."""
    from treadle.training.foreign import check_folder

    check_folder(folder)
    return folder


def _examine(
    base: Path,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[TextRow],
    tokens: Sequence[TokenRow],
    recipe: FinetuneRecipe,
    held_out: Sequence[TextRow],
) -> Preflight:
    from treadle.training.foreign import untrained_tokens
    from treadle.training.preflight import examine, shown_positions

    config = json.loads((base / "config.json").read_text("utf-8"))
    special_ids = {str(token): int(tokenizer.convert_tokens_to_ids(token)) for token in tokenizer.all_special_tokens}
    seen = config.get(SEEN_KEY)
    shown_ids = {token_id for position in shown_positions(tokens) for token_id in tokens[position].ids}
    return examine(
        rows,
        tokens,
        recipe,
        pieces={token_id: tokenizer.decode([token_id]) for token_id in shown_ids},
        special_ids=special_ids,
        seen=seen,
        suspicious=[] if seen is not None else untrained_tokens(base, special_ids),
        context_length=int(config.get("max_position_embeddings", recipe.max_length)),
        held_out=held_out,
        is_fresh=seen is not None and not config.get(TUNED_KEY),
    )


def _held_out(parts: Mapping[str, list[TextRow]]) -> list[TextRow]:
    return [row for part, rows in parts.items() if part != "train" for row in rows]


def _export(
    spec: dict[str, Any], rows: Sequence[TextRow], prompt: list[Message] | None, report: Report
) -> dict[str, Any]:
    """Write the GGUF, serve it, compare it with the weights, and keep it only if they agree.

    Weights that f16 cannot hold closely enough are exported once more in f32: a larger file beats a lost training run.
    """
    out = Path(spec["out"])
    precision: Precision = spec.get("precision", "f16")
    from treadle.models.compare import ExportDisagrees, compare_export
    from treadle.models.gguf import write_gguf

    report.progress(0.97, "exporting to GGUF and comparing")
    started = time.monotonic()
    gguf = out / GGUF_FILE
    size = write_gguf(out / WEIGHTS_FOLDER, gguf, precision=precision, name=spec["name"])
    with _engine(gguf) as url:
        found = compare_export(
            out / WEIGHTS_FOLDER, url, _prompts(out / WEIGHTS_FOLDER, rows, prompt), precision=precision
        )
    if not found.agrees:
        gguf.unlink()
        if precision == "f16":
            report.log(
                f"in f16 the log-probabilities differ by up to {found.max_difference:.4f} nats; exporting in f32"
            )
            return _export({**spec, "precision": "f32"}, rows, prompt, report)
        raise ExportDisagrees(found)
    report.log(
        f"exported {size / 1e6:.1f} MB; on {found.rows_count} rows the largest log-probability difference is "
        f"{found.max_difference:.4f} nats, same top token {found.argmax_agreement:.0%}"
    )
    return {
        "gguf_bytes": size,
        "precision": precision,
        "comparison": found.model_dump(mode="json"),
        "export_seconds": round(time.monotonic() - started, 2),
    }


def _prompts(weights: Path, rows: Sequence[TextRow], prompt: list[Message] | None) -> list[Prompt]:
    """Choose rows over all lengths and tokenise them as the trainer does."""
    from treadle.models.compare import Prompt
    from treadle.training.rows import conversation, tokenise
    from treadle.training.tokenizer import load_tokenizer

    by_length = sorted(rows, key=lambda row: len(row.text))
    chosen = by_length[:: max(1, len(by_length) // COMPARED_ROWS)][:COMPARED_ROWS]
    prompts = []
    for row, tokens in zip(chosen, tokenise(load_tokenizer(weights), chosen, prompt), strict=True):
        start = tokens.answers.index(1) if any(tokens.answers) else len(tokens.ids)
        prompts.append(Prompt(conversation(row, prompt), tokens.ids[:start], tokens.ids[start:]))
    return prompts


def size_of(parts: dict[str, list[TextRow]]) -> DataSize:
    """Measure what the recipe rule goes by."""
    everything = [row for rows in parts.values() for row in rows]
    return DataSize(
        rows=len(parts["train"]),
        labels=len({row.answer for row in parts["train"]}),
        longest_characters=max(len(row.text) + len(row.answer) for row in everything),
    )


def _prompt_of(spec: dict[str, Any]) -> list[Message] | None:
    messages = spec.get("prompt")
    return [Message.model_validate(message) for message in messages] if messages else None


@contextmanager
def _engine(gguf: Path) -> Iterator[str]:
    """Serve a GGUF for the length of a `with`; yields its URL. Raises Unavailable with the engine's reason."""
    from treadle.engines.llamacpp_process import command
    from treadle.engines.running import environment

    process = subprocess.Popen(
        command(gguf, "export"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        said = json.loads(line) if line.strip() else {"error": f"it ended with exit code {process.wait()}"}
        if "port" not in said:
            raise Unavailable(
                f"the exported model could not be served: {said.get('error')}; it should load in llama.cpp; "
                "run: treadle doctor",
                code="training.export_unservable",
            )
        yield f"http://127.0.0.1:{said['port']}"
    finally:
        process.terminate()
        process.communicate()
