"""Tiny random models for tests: a real tokenizer and a real Llama of some thousand weights, made in a second."""

from __future__ import annotations

from pathlib import Path

from treadle.models.gguf import write_gguf
from treadle.training.tokenizer import train_tokenizer

TEXTS = [
    "Where is my parcel? It should have come on Monday.",
    "I want my money back for order 4711, please.",
    "The app crashes when I open my invoice.",
    "Kündigung zum Monatsende, bitte bestätigen!",
    "My card was charged twice, what now?",
] * 8


def write_weights(folder: Path, *, seed: int = 0, hidden_size: int = 32, context: int = 128) -> Path:
    """Write a random transformers Llama folder; returns it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    tokenizer = train_tokenizer(TEXTS, vocab_size=400)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden_size,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=context,
            tie_word_embeddings=True,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=5,
            pad_token_id=0,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_model_file(folder: Path, *, seed: int = 0) -> Path:
    """Write a random tiny GGUF; returns the file."""
    out = folder / "tiny.gguf"
    write_gguf(write_weights(folder / "weights", seed=seed), out, precision="f32", name="tiny")
    return out
