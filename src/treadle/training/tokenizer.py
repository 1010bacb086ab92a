"""The house tokenizer: byte-level BPE with six special tokens and a chat template that marks the assistant's words.

Byte-level means that every text, broken Unicode included, has tokens and comes back exactly. The pre-tokenizer is
GPT-2's, because llama.cpp reproduces that one to the id (`tokenizer.ggml.pre = gpt-2`). The tokenizer lowercases nothing; the template may.
Heavy libraries are imported inside the functions: this room is used in worker processes only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, USER, ASSISTANT, SYSTEM, END = SPECIAL_TOKENS = (
    "<|pad|>",
    "<|bos|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|end|>",
)
"""In the order of their ids, 0 to 5."""

CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLDED = "".join(f" | replace('{letter}', '{letter.lower()}')" for letter in CAPITALS)


def chat_template(*, fold_case: bool) -> str:
    """Return the house's Jinja chat template.

    The `generation` tags tell a trainer which tokens the assistant says; without them every loss mask would be empty.
    fold_case: what is read is read in small letters, and as if after a space, so that a small vocabulary meets each word
    in one spelling. Folding is spelled out letter by letter for A to Z, because engines' own `lower` filters differ on
    other alphabets and a trainer must see the very tokens that the engine will. What the assistant says stays as it is.
    """
    read = f" {{{{ message['content']{_FOLDED} }}}}" if fold_case else "{{ message['content'] }}"
    return (
        "<|bos|>"
        "{% for message in messages %}"
        "{% if message['role'] == 'assistant' %}"
        "<|assistant|>{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
        "{% elif message['role'] == 'system' %}"
        f"<|system|>{read}<|end|>"
        "{% else %}"
        f"<|user|>{read}<|end|>"
        "{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )


def as_read(text: str, *, fold_case: bool) -> str:
    """Return a text as the template puts it before the model."""
    return " " + text.translate(str.maketrans(CAPITALS, CAPITALS.lower())) if fold_case else text


def train_tokenizer(texts: Iterable[str], *, vocab_size: int, fold_case: bool = True) -> PreTrainedTokenizerFast:
    """Learn merges from texts as they are given (fold them first: `as_read`); the result holds at most `vocab_size` entries, the 256 bytes and specials included.

    Deterministic: the same texts in any order give the same merges. Cost: about 1 s per 5 MB.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            min_frequency=2,
            show_progress=False,
        ),
    )
    return wrap(core, fold_case=fold_case)


def wrap(core: object, *, fold_case: bool) -> PreTrainedTokenizerFast:
    """Give a bare tokenizer its special tokens' roles and the chat template."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        chat_template=chat_template(fold_case=fold_case),
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Read the tokenizer of a weights folder; no code from the folder is run."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    return tokenizer
