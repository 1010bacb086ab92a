"""The export: same tokens, same numbers, and refusal where that cannot be."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import Served
from tests.models.tiny import write_weights
from treadle.models.compare import Prompt, compare_export, engine_tokens, judge
from treadle.models.gguf import ExportRefused, tensor_name, without_training_tags, write_gguf
from treadle.training.rows import TextRow, tokenise
from treadle.training.tokenizer import chat_template, load_tokenizer

ODD_TEXTS = [
    "naïve café ☕️  two  spaces",
    "日本語のテスト、句読点。",
    "\n\nline\tbreaks \n end ",
    "I'll we've DON'T can't 's 'S",
    "١٢٣ ½ ² ③",
    "🤷🏽‍♀️🇬🇧 👩‍👩‍👧‍👦",
    "zero\u200bwidth\u00a0nbsp\ufeffbom",
    "",
    "   ",
    "x" * 60,
    "mail [EMAIL], call [PHONE]!!! ???",
    "combining e\u0301 and \u0915\u094d\u0937",
    "\r\nwindows\r\n",
    "Ünïcödé123abc456",
    "<b>tags</b> & {braces} {{mustache}} {% jinja %}",
    "ends with newline\n",
]
ALPHABET = "abcXYZ019 .,!?'\"\n\t-_[]äßéñ中文🙂\u0301\u200d"


def random_texts(count: int) -> list[str]:
    """
    Return texts drawn from letters, marks and spaces that tokenizers disagree about.
    """
    draw = random.Random(7)
    return ["".join(draw.choices(ALPHABET, k=draw.randint(0, 40))) for _ in range(count)]


def test_engine_reads_the_same_tokens(served: Served) -> None:
    """
    llama.cpp turns hundreds of texts, broken and foreign ones too, into the very ids that training saw.
    """
    tokenizer = load_tokenizer(served.weights)
    texts = ODD_TEXTS + random_texts(300)
    rows = tokenise(tokenizer, [TextRow(number, text, "x") for number, text in enumerate(texts)])

    theirs = [engine_tokens(served.url, [{"role": "user", "content": text}]) for text in texts]

    ours = [row.ids[: row.answers.index(1)] for row in rows]
    assert ours == theirs


def test_export_has_the_same_numbers(served: Served) -> None:
    """
    Log-probabilities and greedy answers of the served file are those of the weights.
    """
    rows = [TextRow(number, text, "refund") for number, text in enumerate(ODD_TEXTS[:12])]
    prompts = [
        Prompt([{"role": "user", "content": row.text}], tokens.ids[: tokens.answers.index(1)], [6, 7])
        for row, tokens in zip(rows, tokenise(load_tokenizer(served.weights), rows), strict=True)
    ]

    found = compare_export(served.weights, served.url, prompts, precision="f32", max_tokens=8)

    assert found.agrees, found
    assert 1.0 == found.tokens_identical == found.argmax_agreement
    assert found.max_difference < 0.05


def test_other_weights_do_not_agree(served: Served, tmp_path: Path) -> None:
    """
    An export of other weights is found out.
    """
    other = write_weights(tmp_path / "other", seed=1)
    row = TextRow(1, "Where is my parcel?", "x")
    tokens = tokenise(load_tokenizer(other), [row])[0]

    found = compare_export(
        other, served.url, [Prompt([{"role": "user", "content": row.text}], tokens.ids[:-2], [6])], precision="f32"
    )

    assert not found.agrees


def test_judging_by_hand() -> None:
    """
    Differences count among likely tokens only: |-1 - -1.5| = 0.5 counts, the token at -20 does not.
    """
    import numpy as np

    ours = np.array([[-1.0, -0.5, -20.0]], dtype=np.float32)
    theirs = np.array([[-1.5, -0.5, -30.0]], dtype=np.float32)

    found = judge(ours, theirs, same_tokens=[True], confirmed=[True], allowed=0.4)

    assert 0.5 == found.max_difference
    assert 1.0 == found.argmax_agreement
    assert not found.agrees


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architectures": ["MistralForCausalLM"]}, "architecture is 'MistralForCausalLM'"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, "rotary positions are scaled"),
        ({"attention_bias": True}, "biases"),
        ({"hidden_act": "gelu"}, "activation is 'gelu'"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    served: Served, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """
    Weights that would come out subtly wrong are refused by name.
    """
    folder = tmp_path / "weights"
    shutil.copytree(served.weights, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))

    with pytest.raises(ExportRefused, match=words):
        write_gguf(folder, tmp_path / "out.gguf", name="x")

    assert not (tmp_path / "out.gguf").exists()


def test_foreign_tokenizer_is_refused(served: Served, tmp_path: Path) -> None:
    """
    A tokenizer that llama.cpp's gpt-2 rules would not reproduce is refused.
    """
    folder = tmp_path / "weights"
    shutil.copytree(served.weights, folder)
    core = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(core | {"normalizer": {"type": "Lowercase"}}))

    with pytest.raises(ExportRefused, match="normalizer"):
        write_gguf(folder, tmp_path / "out.gguf", name="x")


def test_unknown_tensor_is_refused() -> None:
    """
    A weight without a place in a GGUF Llama stops the export.
    """
    with pytest.raises(ExportRefused, match="lora_A"):
        tensor_name("model.layers.0.self_attn.q_proj.lora_A.weight")


def test_training_tags_leave_the_template() -> None:
    """
    Engines get the template without the tags that only trainers know.
    """
    assert "generation %}" not in without_training_tags(chat_template(fold_case=True)).replace(
        "add_generation_prompt", ""
    )


@given(st.integers(0, 99), st.sampled_from(["self_attn.q_proj", "mlp.up_proj", "input_layernorm"]))
def test_block_names_keep_their_number(block: int, part: str) -> None:
    """
    Every block's tensor keeps its block's number.
    """
    assert tensor_name(f"model.layers.{block}.{part}.weight").startswith(f"blk.{block}.")
