"""Does the exported file say what the weights say? Same token ids, same log-probabilities, same answers.

The reference is transformers on the weights folder; the other side is a running engine that holds the GGUF, asked over
its loopback URL. An export that disagrees is refused: a model whose numbers moved on the way to production is another
model. Workers call this; torch is imported inside.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.types import Record

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

LIKELY_LOGPROB = -12.0
"""Only tokens more likely than e**-12 in the reference are compared: below that rounding of 16-bit caches rules."""
ALLOWED_DIFFERENCE = {"f32": 0.05, "f16": 0.15}
"""Largest accepted difference of one log-probability, in nats; llama.cpp keeps its attention cache in 16 bits."""
SAME_TOP_TOKEN = 0.95
CONFIRMED_ANSWERS = 0.99
"""Two tokens can be equally likely to within rounding, so that a few positions may part without any fault."""
TIMEOUT_SECONDS = 60.0


class Comparison(Record):
    """The evidence that an exported file equals its weights, on real rows."""

    rows_count: int
    """Conversations compared."""
    positions_count: int
    """Next-token distributions compared: after each prompt, and inside each answer."""
    max_difference: float
    """Largest absolute difference of a log-probability among likely tokens, in nats."""
    mean_difference: float
    """Mean of the same."""
    argmax_agreement: float
    """Share of positions, 0-1, where both name the same most likely token."""
    tokens_identical: float
    """Share of rows, 0-1, whose prompt has the same token ids on both sides."""
    answers_confirmed: float
    """Share of rows, 0-1, whose greedy answer from the engine is, token by token, what the weights would choose too;
    tokens that are equally likely to within rounding count as the same choice."""
    allowed_difference: float
    """The bar that `max_difference` was held to."""

    @property
    def agrees(self) -> bool:
        """True when the export may be used."""
        return (
            self.tokens_identical == 1.0
            and self.max_difference <= self.allowed_difference
            and self.argmax_agreement >= SAME_TOP_TOKEN
            and self.answers_confirmed >= CONFIRMED_ANSWERS
        )


class ExportDisagrees(InvalidInput):
    """The exported file does not say what the weights say."""

    code = "models.export_disagrees"

    def __init__(self, found: Comparison) -> None:
        super().__init__(
            f"the exported GGUF disagrees with its weights on {found.rows_count} rows: largest log-probability "
            f"difference {found.max_difference:.3f} nats (at most {found.allowed_difference} is right), same top token "
            f"{found.argmax_agreement:.1%}, same tokens {found.tokens_identical:.1%}, confirmed "
            f"answers {found.answers_confirmed:.1%}; it was not registered; export again with precision f32",
            comparison=found.model_dump(),
        )


class Prompt(NamedTuple):
    """One conversation to compare on."""

    messages: list[dict[str, str]]
    """What a client would send."""
    ids: list[int]
    """The prompt as the trainer tokenises it, up to and including the assistant's marker."""
    answer_ids: list[int]
    """The expected answer's ids; the distributions inside it are compared too."""


def compare_export(
    weights: Path, engine_url: str, prompts: Sequence[Prompt], *, precision: str, max_tokens: int = 48
) -> Comparison:
    """Compare transformers on `weights` with the engine at `engine_url`. Cost: about 10 ms per prompt on a 2M model."""
    import numpy as np

    allowed = ALLOWED_DIFFERENCE[precision]
    contexts = [ids for prompt in prompts for ids in contexts_of(prompt)]
    answers = [engine_answer(engine_url, prompt.ids, max_tokens) for prompt in prompts]
    same_tokens = [engine_tokens(engine_url, prompt.messages) == prompt.ids for prompt in prompts]
    letter = call(engine_url, "/tokenize", {"content": "a", "add_special": False})["tokens"][0]
    ours, gaps = reference(
        weights, contexts, [(prompt.ids, said) for prompt, said in zip(prompts, answers, strict=True)]
    )
    theirs = np.stack([engine_logprobs(engine_url, ids, ours.shape[1], said_token=letter) for ids in contexts])
    confirmed = [gap <= 2 * allowed for gap in gaps]
    return judge(ours, theirs, same_tokens=same_tokens, confirmed=confirmed, allowed=allowed)


def judge(
    ours: Array, theirs: Array, *, same_tokens: Sequence[bool], confirmed: Sequence[bool], allowed: float
) -> Comparison:
    """Turn two tables of log-probabilities [positions, vocabulary] into evidence. Pure."""
    import numpy as np

    likely = ours > LIKELY_LOGPROB
    differences = np.abs(ours - theirs)[likely]
    return Comparison(
        rows_count=len(same_tokens),
        positions_count=int(ours.shape[0]),
        max_difference=round(float(differences.max()), 6),
        mean_difference=round(float(differences.mean()), 6),
        argmax_agreement=float((ours.argmax(1) == theirs.argmax(1)).mean()),
        tokens_identical=sum(same_tokens) / len(same_tokens),
        answers_confirmed=sum(confirmed) / len(confirmed),
        allowed_difference=allowed,
    )


def contexts_of(prompt: Prompt) -> list[list[int]]:
    """Return the prompt itself, and the prompt with the first half of the answer."""
    half = prompt.answer_ids[: max(1, len(prompt.answer_ids) // 2)]
    return [prompt.ids, [*prompt.ids, *half]]


def reference(
    weights: Path, contexts: Sequence[list[int]], said: Sequence[tuple[list[int], list[int]]]
) -> tuple[Array, list[float]]:
    """Ask transformers for log-probabilities after each context [contexts, vocabulary], and about given answers.

    said: pairs of prompt and answer ids. Returns for each the largest gap, in nats, between the token that the weights
    would choose and the one that was said; 0 means that the answer is the weights' own.
    """
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(weights, trust_remote_code=False, use_safetensors=True).eval()
    with torch.inference_mode():
        rows = [model(input_ids=torch.tensor([ids])).logits[0, -1].float().log_softmax(-1).numpy() for ids in contexts]
        gaps = []
        for prompt, answer in said:
            logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1].float()
            chosen = logits.gather(1, torch.tensor(answer, dtype=torch.long).unsqueeze(1)).squeeze(1)
            gaps.append(float((logits.max(1).values - chosen).max()) if answer else 0.0)
    return np.stack(rows), gaps


def engine_logprobs(url: str, ids: list[int], vocabulary_size: int, *, said_token: int) -> Array:
    """Ask llama.cpp for the whole next-token distribution after `ids`, as log-probabilities [vocabulary].

    The reported numbers are of the raw logits. What is sampled does not matter, but an end token or half a character is
    answered without numbers, so the bias makes it say `said_token`, a plain letter.
    """
    import numpy as np

    body: dict[str, object] = {"prompt": ids, "n_predict": 1, "n_probs": vocabulary_size, "temperature": 0}
    said = call(url, "/completion", {**body, "logit_bias": [[said_token, 1e4]]})
    table = np.full(vocabulary_size, -np.inf, dtype=np.float32)
    for entry in said["completion_probabilities"][0]["top_logprobs"]:
        table[entry["id"]] = entry["logprob"]
    return table


def engine_tokens(url: str, messages: list[dict[str, str]]) -> list[int]:
    """Ask llama.cpp to apply its chat template to a conversation and to tokenise the result."""
    prompt = call(url, "/apply-template", {"messages": messages})["prompt"]
    said = call(url, "/tokenize", {"content": prompt, "add_special": False, "parse_special": True})
    return [int(token) for token in said["tokens"]]


def engine_answer(url: str, ids: list[int], max_tokens: int) -> list[int]:
    """Ask llama.cpp for the greedy answer to a prompt, as ids without the end token."""
    body: dict[str, object] = {"prompt": ids, "n_predict": max_tokens, "temperature": 0, "return_tokens": True}
    return [int(token) for token in call(url, "/completion", body)["tokens"]]


def call(url: str, path: str, body: dict[str, object]) -> Any:
    """POST JSON to an engine on loopback."""
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
        return json.load(reply)
