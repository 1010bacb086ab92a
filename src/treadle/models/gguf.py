"""Write a transformers Llama folder as one GGUF file that llama.cpp serves with the same tokens and the same numbers.

Only what we can carry over exactly is accepted: the Llama architecture, safetensors weights, a GPT-2 style byte-level
BPE tokenizer, a chat template. Everything else is refused by name. Needs the `gguf` wheel and no llama.cpp checkout.
Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Heavy imports stay inside: workers call this.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from treadle.core.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter

Precision = Literal["f32", "f16"]

BLOCK_TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
TOP_TENSORS = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
FILE_TYPE = {"f32": 0, "f16": 1}
"""GGUF's `general.file_type` numbers."""


class ExportRefused(InvalidInput):
    """These weights cannot be carried over to GGUF exactly."""

    code = "models.export_refused"


def write_gguf(weights: Path, out: Path, *, precision: Precision = "f32", name: str, licence: str | None = None) -> int:
    """Convert a transformers folder to GGUF; the file appears whole or not at all.

    Norm weights always stay f32, as llama.cpp wants. Returns the size in bytes.
    Raises ExportRefused for another architecture or tokenizer, scaled rotary positions, biases, pickled weights.
    """
    from gguf import GGUFWriter

    config = json.loads((weights / "config.json").read_text("utf-8"))
    check_config(config, weights)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.name}.part")
    writer = GGUFWriter(partial, "llama")
    write_description(writer, config, precision=precision, name=name, licence=licence)
    write_tokenizer(writer, weights, config)
    write_tensors(writer, weights, config, precision=precision)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(out)
    return out.stat().st_size


def check_config(config: dict[str, Any], weights: Path) -> None:
    """Refuse what the writer below would silently get wrong."""
    architecture = (config.get("architectures") or ["unknown"])[0]
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    problems = [
        (
            architecture != "LlamaForCausalLM",
            f"its architecture is '{architecture}', only 'LlamaForCausalLM' is written",
        ),
        (rope.get("rope_type", "default") != "default", f"its rotary positions are scaled ('{rope.get('rope_type')}')"),
        (bool(config.get("attention_bias") or config.get("mlp_bias")), "its linear layers have biases"),
        (config.get("hidden_act", "silu") != "silu", f"its activation is '{config.get('hidden_act')}', not 'silu'"),
        (not list(weights.glob("*.safetensors")), "it has no .safetensors file (pickled weights are never read)"),
    ]
    found = [text for is_bad, text in problems if is_bad]
    if found:
        raise ExportRefused(
            f"the weights cannot be exported to GGUF: {'; '.join(found)}; "
            "serve them through a provider or an engine that reads transformers folders instead",
            problems=found,
        )


def write_description(
    writer: GGUFWriter, config: dict[str, Any], *, precision: Precision, name: str, licence: str | None
) -> None:
    """Name, licence and the shape of the network."""
    heads = int(config["num_attention_heads"])
    head_size = int(config.get("head_dim") or config["hidden_size"] // heads)
    rope = config.get("rope_parameters") or {}
    writer.add_name(name)
    writer.add_file_type(FILE_TYPE[precision])
    if licence:
        writer.add_license(licence)
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))


def write_tokenizer(writer: GGUFWriter, weights: Path, config: dict[str, Any]) -> None:
    """Vocabulary, merges, special tokens and the chat template without the trainer's tags."""
    from gguf import TokenType

    core = json.loads((weights / "tokenizer.json").read_text("utf-8"))
    check_tokenizer(core)
    size = int(config["vocab_size"])
    special = {entry["id"]: entry["content"] for entry in core["added_tokens"] if entry["special"]}
    tokens = {index: token for token, index in core["model"]["vocab"].items()}
    tokens.update({entry["id"]: entry["content"] for entry in core["added_tokens"]})
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([tokens.get(index, f"<|unused_{index}|>") for index in range(size)])
    writer.add_token_types(
        [
            TokenType.CONTROL if index in special else TokenType.NORMAL if index in tokens else TokenType.UNUSED
            for index in range(size)
        ]
    )
    merges = core["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    for key, add in (
        ("bos_token_id", writer.add_bos_token_id),
        ("eos_token_id", writer.add_eos_token_id),
        ("pad_token_id", writer.add_pad_token_id),
    ):
        value = config.get(key)
        if value is not None:
            add(int(value[0] if isinstance(value, list) else value))
    writer.add_add_bos_token(False)  # the chat template writes it
    writer.add_add_eos_token(False)
    template = read_chat_template(weights)
    if template:
        writer.add_chat_template(without_training_tags(template))


def check_tokenizer(core: dict[str, Any]) -> None:
    """Refuse a tokenizer whose ids llama.cpp's `gpt-2` pre-tokenizer would not reproduce."""
    pre = core.get("pre_tokenizer") or {}
    facts = {
        "model": core.get("model", {}).get("type"),
        "pre_tokenizer": pre.get("type"),
        "add_prefix_space": pre.get("add_prefix_space"),
        "use_regex": pre.get("use_regex", True),
        "normalizer": core.get("normalizer"),
    }
    expected = {
        "model": "BPE",
        "pre_tokenizer": "ByteLevel",
        "add_prefix_space": False,
        "use_regex": True,
        "normalizer": None,
    }
    wrong = {key: value for key, value in facts.items() if value != expected[key]}
    if wrong:
        raise ExportRefused(
            f"the tokenizer cannot be exported to GGUF exactly: it has {wrong} where "
            f"{ {key: expected[key] for key in wrong} } would be right; train the base with Treadle's own tokenizer, "
            "or serve the weights elsewhere",
            tokenizer=wrong,
        )


def write_tensors(writer: GGUFWriter, weights: Path, config: dict[str, Any], *, precision: Precision) -> None:
    """Rename and convert every tensor; queries and keys are re-ordered for llama.cpp's rotary layout."""
    import numpy as np
    from safetensors import safe_open

    heads = int(config["num_attention_heads"])
    heads_kv = int(config.get("num_key_value_heads") or heads)
    tied = bool(config.get("tie_word_embeddings"))
    for path in sorted(weights.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for key in sorted(file.keys()):
                if key == "lm_head.weight" and tied:
                    continue
                value: np.ndarray[Any, Any] = file.get_tensor(key).float().numpy()
                if key.endswith("q_proj.weight"):
                    value = rotary_order(value, heads)
                elif key.endswith("k_proj.weight"):
                    value = rotary_order(value, heads_kv)
                as_type = np.float16 if precision == "f16" and value.ndim > 1 else np.float32
                writer.add_tensor(tensor_name(key), np.ascontiguousarray(value.astype(as_type)))


def tensor_name(key: str) -> str:
    """Translate a transformers Llama parameter name to GGUF's."""
    if key in TOP_TENSORS:
        return TOP_TENSORS[key]
    prefix, _, rest = key.removeprefix("model.layers.").partition(".")
    part = rest.removesuffix(".weight")
    if key.startswith("model.layers.") and prefix.isdigit() and part in BLOCK_TENSORS:
        return f"blk.{prefix}.{BLOCK_TENSORS[part]}.weight"
    raise ExportRefused(
        f"the weight '{key}' has no place in a GGUF Llama; export a plain merged model (merge adapters first)",
        tensor=key,
    )


def rotary_order(value: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Re-order a projection's rows from transformers' half-split rotary pairs to llama.cpp's neighbouring pairs.

    value: [heads * head_size, hidden]. Source: llama.cpp convert_hf_to_gguf.py, LlamaModel.permute.
    """
    rows = value.shape[0]
    return value.reshape(heads, 2, rows // heads // 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)


def read_chat_template(weights: Path) -> str | None:
    """Find the chat template of a transformers folder, in its own file or in tokenizer_config.json."""
    own = weights / "chat_template.jinja"
    if own.exists():
        return own.read_text("utf-8")
    settings = weights / "tokenizer_config.json"
    if not settings.exists():
        return None
    template = json.loads(settings.read_text("utf-8")).get("chat_template")
    return template if isinstance(template, str) else None


def without_training_tags(template: str) -> str:
    """Return a chat template without the `generation` tags, which mark the assistant's words for a trainer only."""
    for tag in ("generation", "endgeneration"):
        for form in (f"{{% {tag} %}}", f"{{%- {tag} %}}", f"{{% {tag} -%}}", f"{{%- {tag} -%}}"):
            template = template.replace(form, "")
    return template
