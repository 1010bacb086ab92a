"""The four ways to search: each proposes candidates, the trier scores them on the validation rows.

    demonstrations  rows of the train part that the prompt itself answers right, drawn anew for each candidate (Khattab et al.
                    2023, DSPy's bootstrap with random search)
    instructions    a model is shown the best wordings with their scores and some failures, and writes another (Yang et al.
                    2023, OPRO)
    gepa            the `gepa` package: reflection on failures of small batches, parents from a Pareto front over rows (Agrawal
                    et al. 2025)
    parameters      `optuna`'s TPE sampler over request fields

What a model writes is refused where it lost a frozen passage, a variable or an include; it is kept with the reason.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from treadle.core.errors import InvalidInput, MissingExtra
from treadle.core.types import JsonObject
from treadle.optimize.trying import Row, Scored, Trier, mean
from treadle.optimize.types import Method
from treadle.playground.demonstrations import choose
from treadle.prompts.types import Example, Examples, NewVersion

Search = Callable[[Trier, Sequence[Row], Sequence[Row]], Awaitable[None]]
"""Proposes candidates until it is done or the budget raises Spent. Takes the train rows and the validation rows."""

_TAGS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_WRITTEN = re.compile(r"<prompt>\n?(.*?)\n?</prompt>", re.DOTALL)
_SHOWN_FAILURES = 5
_SHOWN_WORDINGS = 5
_SHOWN_CHARACTERS = 1_000
_BATCH = 3
"""Rows that GEPA reflects on at once."""


async def demonstrations(trier: Trier, train: Sequence[Row], validation: Sequence[Row]) -> None:
    """Show rows that the prompt itself answers right."""
    plain = trier.content()
    seen = await trier.score(plain, train)
    right = max((one.score for one in seen), default=0.0)
    pool = [Example(input=one.row.input, output=one.row.expected) for one in seen if one.score == right and right > 0]
    if not pool:
        trier.keep(plain, parent=0, refused="the prompt answers no train row right, so there is nothing to show")
        return
    template = plain.messages[trier.new.message].template
    tag = "{{> treadle/examples}}" if plain.engine == "mustache" else '{% include "treadle/examples" %}'
    if "treadle/examples" not in "".join(message.template for message in plain.messages):
        template = f"{template}\n\n{tag}"
    for number in range(trier.new.candidates):
        rows = choose(pool, trier.new.count, seed=trier.new.seed + number)
        await _try(trier, trier.content(template, Examples(count=len(rows), rows=rows)), validation)


async def instructions(trier: Trier, train: Sequence[Row], validation: Sequence[Row]) -> None:
    """Have a model write wordings, knowing how the earlier ones scored."""
    failures = [one for one in await trier.score(trier.content(), train) if one.score < 1]
    for number in range(trier.new.candidates):
        shown = failures[number % max(len(failures), 1) :][:_SHOWN_FAILURES]
        text = await _write(trier, _opro(trier, shown), {"seed": trier.new.seed + number})
        await _try_text(trier, text, validation)


async def reflection(trier: Trier, train: Sequence[Row], validation: Sequence[Row]) -> None:
    """Let GEPA evolve the wording. It is not asynchronous, so it works in a thread and asks through this loop."""
    try:
        import gepa
        from gepa.core.adapter import EvaluationBatch
    except ImportError as error:
        raise MissingExtra("optimize", needed_for="the method 'gepa'") from error
    loop = asyncio.get_running_loop()
    known: dict[str, int] = {trier.content().messages[trier.new.message].template: 0}

    def wait(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def scored_of(text: str, rows: Sequence[Row]) -> list[Scored]:
        fault = _fault(trier, text)
        if fault is None:
            try:
                return await trier.score(trier.content(text), rows)
            except InvalidInput as error:
                fault = error.message
        if text not in known:
            known[text] = trier.keep(trier.content(text), parent=0, refused=fault).number
        return [Scored(row, None, 0.0) for row in rows]

    class Adapter:
        propose_new_texts = None

        def evaluate(self, batch: list[Row], candidate: dict[str, str], capture_traces: bool = False) -> Any:
            text = candidate["prompt"]
            scored: list[Scored] = wait(scored_of(text, batch))
            if text not in known and len(batch) == len(validation) and list(batch) == list(validation):
                known[text] = trier.keep(trier.content(text), parent=0, scored=scored).number
            return EvaluationBatch(
                outputs=[one.output for one in scored],
                scores=[one.score for one in scored],
                trajectories=scored if capture_traces else None,
            )

        def make_reflective_dataset(
            self, candidate: dict[str, str], batch: Any, components: list[str]
        ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
            told = [
                {
                    "Inputs": one.row.input[:_SHOWN_CHARACTERS],
                    "Generated Outputs": (one.output or "no answer")[:_SHOWN_CHARACTERS],
                    "Feedback": f"score {one.score:g}; expected was: {one.row.expected[:_SHOWN_CHARACTERS]}",
                }
                for one in batch.trajectories
            ]
            return dict.fromkeys(components, told)

    def reflect(prompt: str | list[dict[str, Any]]) -> str:
        messages: list[JsonObject] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        reply = wait(trier.request(trier.new.writer or trier.new.endpoint, messages, {}))
        return str(reply.text)

    class Quiet:
        def log(self, message: str) -> None:
            """Say nothing: what matters is kept as candidates."""

    def enough(state: Any) -> bool:
        return len(trier.candidates) > trier.new.candidates

    await asyncio.to_thread(
        gepa.optimize,
        seed_candidate={"prompt": trier.content().messages[trier.new.message].template},
        trainset=list(train),
        valset=list(validation),
        adapter=Adapter(),
        reflection_lm=reflect,
        reflection_minibatch_size=min(_BATCH, len(train)),
        max_metric_calls=trier.budget.max_calls,
        stop_callbacks=enough,
        logger=Quiet(),
        seed=trier.new.seed,
    )


async def parameters(trier: Trier, train: Sequence[Row], validation: Sequence[Row]) -> None:
    """Search request fields."""
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("optimize", needed_for="the method 'parameters'") from error
    if not trier.new.search:
        raise InvalidInput(
            "the method 'parameters' needs fields to search, such as temperature 0 to 1", code="optimize.no_search"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=trier.new.seed))
    for _ in range(trier.new.candidates):
        trial = study.ask()
        fields: JsonObject = {
            name: round(trial.suggest_float(name, bounds.low, bounds.high), 4)
            for name, bounds in trier.new.search.items()
        }
        scored = await trier.score(trier.content(), validation, fields)
        trier.keep(trier.content(parameters=fields), parent=0, scored=scored, parameters=fields)
        study.tell(trial, mean(scored))


async def _try_text(trier: Trier, text: str | None, validation: Sequence[Row]) -> None:
    if text is None:
        trier.keep(trier.content(), parent=0, refused="the writer gave no text between <prompt> and </prompt>")
        return
    fault = _fault(trier, text)
    if fault is not None:
        trier.keep(trier.content(text), parent=0, refused=fault)
        return
    await _try(trier, trier.content(text), validation)


async def _try(trier: Trier, content: NewVersion, validation: Sequence[Row]) -> None:
    try:
        scored = await trier.score(content, validation)
    except InvalidInput as error:
        trier.keep(content, parent=0, refused=error.message)
        return
    trier.keep(content, parent=0, scored=scored)


def _fault(trier: Trier, text: str) -> str | None:
    """Return what a text lost that it must hold; None when nothing."""
    before = trier.content().messages[trier.new.message].template
    must = [*_TAGS.findall(before), *trier.new.frozen]
    lost = next((passage for passage in must if passage not in text), None)
    return None if lost is None else f"it lost '{lost[:100]}', which is frozen"


async def _write(trier: Trier, words: str, fields: JsonObject) -> str | None:
    reply = await trier.request(trier.new.writer or trier.new.endpoint, [{"role": "user", "content": words}], fields)
    found = _WRITTEN.search(reply.text)
    return found[1] if found else None


def _opro(trier: Trier, failures: Sequence[Scored]) -> str:
    tried = [candidate for candidate in trier.candidates if candidate.score is not None]
    tried.sort(key=lambda candidate: candidate.score or 0.0)
    wordings = "\n\n".join(
        f"score {candidate.score:.3f}:\n<prompt>\n{candidate.messages[trier.new.message].template}\n</prompt>"
        for candidate in tried[-_SHOWN_WORDINGS:]
    )
    shown = "\n\n".join(
        f"input: {one.row.input[:_SHOWN_CHARACTERS]}\nanswer: {(one.output or 'none')[:_SHOWN_CHARACTERS]}\n"
        f"expected: {one.row.expected[:_SHOWN_CHARACTERS]}"
        for one in failures
    )
    kept = "\n".join(
        f"- {passage}"
        for passage in dict.fromkeys([*_TAGS.findall(tried[0].messages[trier.new.message].template), *trier.new.frozen])
    )
    return (
        "You improve the prompt of a language model. These wordings were tried; the score is the mean over rows, higher is "
        f"better:\n\n{wordings}\n\nRows that the first wording got wrong:\n\n{shown or '(none)'}\n\n"
        f"Passages that must stay as they are:\n{kept or '(none)'}\n\n"
        "Write one new wording that scores higher: general, not about these rows. Answer with it alone, between <prompt> and "
        "</prompt>."
    )


SEARCHES: Mapping[Method, Search] = {
    "demonstrations": demonstrations,
    "instructions": instructions,
    "gepa": reflection,
    "parameters": parameters,
}
