"""The check before any training hour is spent: what exactly will the model read, which tokens are learned, does it fit.

Pure: ids, masks, token strings and what the base has seen in; a report out. The report shows three rows token by token,
and lists every problem at once. A report with problems refuses the run. What it looks for went unnoticed in other
trainers: an empty loss mask that "trains" nothing, and chat tokens whose embeddings were never trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from treadle.core.errors import InvalidInput
from treadle.training.preflight_report import Preflight, Problem, ShownRow, ShownToken
from treadle.training.recipes import FinetuneRecipe
from treadle.training.rows import TextRow, TokenRow

SHOWN_ROWS = 3
NAMED_ROWS = 20
"""At most this many row numbers are listed per problem; the count is always exact."""


SHOWN_LABELS = 5
LABELS_PER_ROW = 0.2
"""Share of distinct answers from which answers count as texts of their own rather than labels."""


class PreflightRefused(InvalidInput):
    """A pre-flight found problems, so that nothing was trained."""

    code = "training.preflight_refused"

    def __init__(self, report: Preflight) -> None:
        lines = "; ".join(problem.message for problem in report.problems)
        super().__init__(
            f"the pre-flight refused this training run: {lines}",
            problems=[problem.model_dump() for problem in report.problems],
        )


def examine(
    rows: Sequence[TextRow],
    tokens: Sequence[TokenRow],
    recipe: FinetuneRecipe,
    *,
    pieces: Mapping[int, str],
    special_ids: Mapping[str, int],
    seen: Mapping[str, int] | None,
    suspicious: Sequence[str],
    context_length: int,
    held_out: Sequence[TextRow] = (),
    is_fresh: bool = False,
) -> Preflight:
    """Examine the training rows; of the held-out ones only whether training meets their labels at all.

    pieces: id to text, for the ids of the shown rows. special_ids: the base's special tokens. seen: how often the base
    met each, None when unknown. suspicious: special tokens whose embeddings look untrained, asked only when unknown.
    is_fresh: the base is one of ours that was never tuned.
    """
    limit = min(recipe.max_length, context_length)
    problems = [
        *find_masked(tokens, recipe),
        *find_long(tokens, limit),
        *find_empty(rows),
        *find_reserved(rows, special_ids),
        *find_unseen(tokens, recipe, special_ids=special_ids, seen=seen, suspicious=suspicious),
    ]
    answers = sum(sum(row.answers) for row in tokens)
    distinct = {row.answer for row in rows}
    warnings = []
    if len(distinct) == 1 and len(rows) > 1:
        warnings.append(f"all {len(rows):,} rows have the same expected output; the model can only learn to repeat it")
    if seen is None:
        warnings.append(
            "the base does not say which special tokens it was trained on; only their embeddings were checked"
        )
    if recipe.method == "lora" and is_fresh:
        warnings.append(
            "LoRA on a base that was never tuned learns little (0.14 exact match where a full fine-tune reached 0.88 on the "
            "sample); use method 'full' here, and LoRA to go on from a tuned version"
        )
    if unseen := find_unseen_labels(rows, held_out):
        named = ", ".join(f"'{label}'" for label in unseen[:SHOWN_LABELS])
        warnings.append(
            f"{len(unseen)} labels of the held-out rows are in no training row, so the model cannot give them: {named}"
            f"{' and more' if len(unseen) > SHOWN_LABELS else ''}; add training rows for them, or prepare the version again"
        )
    return Preflight(
        shown=[show(tokens[position], recipe, pieces) for position in shown_positions(tokens)],
        rows_count=len(tokens),
        input_tokens=sum(len(row.ids) for row in tokens) - answers,
        answer_tokens=answers,
        longest_tokens=max((len(row.ids) for row in tokens), default=0),
        special_tokens_seen=dict(seen) if seen is not None else None,
        problems=problems,
        warnings=warnings,
    )


def find_unseen_labels(rows: Sequence[TextRow], held_out: Sequence[TextRow]) -> list[str]:
    """Return labels that only held-out rows have, sorted; none where the answers are no labels but texts of their own."""
    known = {row.answer for row in rows}
    if len(known) > LABELS_PER_ROW * len(rows):
        return []
    return sorted({row.answer for row in held_out} - known)


def shown_positions(tokens: Sequence[TokenRow]) -> list[int]:
    """Choose the first row, the one of median length and the longest; fewer when there are fewer."""
    if not tokens:
        return []
    by_length = sorted(range(len(tokens)), key=lambda position: len(tokens[position].ids))
    wanted = [0, by_length[len(by_length) // 2], by_length[-1]]
    return list(dict.fromkeys([*wanted, *by_length]))[: min(SHOWN_ROWS, len(tokens))]


def show(row: TokenRow, recipe: FinetuneRecipe, pieces: Mapping[int, str]) -> ShownRow:
    """Spell a row out, token by token."""
    return ShownRow(
        row=row.number,
        tokens=[
            ShownToken(
                id=token_id,
                text=pieces.get(token_id, ""),
                is_learned=bool(spoken),
                loss_weight=recipe.answer_loss if spoken else recipe.text_loss,
            )
            for token_id, spoken in zip(row.ids, row.answers, strict=True)
        ],
    )


def find_masked(tokens: Sequence[TokenRow], recipe: FinetuneRecipe) -> list[Problem]:
    """No row may have an empty answer mask."""
    masked = [row.number for row in tokens if not any(row.answers)]
    if not masked:
        return []
    return [
        _problem(
            "training.all_masked",
            f"{_rows_have(masked)} no token of the assistant, so that no answer would be learned; "
            "the base's chat template must mark the assistant's words with {% generation %}; use a template that does",
            masked,
        )
    ]


def find_long(tokens: Sequence[TokenRow], limit: int) -> list[Problem]:
    """No row may be longer than the recipe and the base allow."""
    long = [row.number for row in tokens if len(row.ids) > limit]
    if not long:
        return []
    longest = max(len(row.ids) for row in tokens)
    return [
        _problem(
            "training.row_too_long",
            f"{_rows_have(long)} more than {limit} tokens (the longest has {longest}); shorten or drop them, "
            "or raise max_length on a base with a longer context",
            long,
        )
    ]


def find_empty(rows: Sequence[TextRow]) -> list[Problem]:
    """Every row needs an input and an expected output."""
    empty = [row.number for row in rows if not row.text.strip() or not row.answer.strip()]
    if not empty:
        return []
    return [
        _problem(
            "training.row_empty",
            f"{_rows_have(empty)} an empty input or expected output; both must hold text; "
            "drop them with: treadle data prepare",
            empty,
        )
    ]


def find_reserved(rows: Sequence[TextRow], special_ids: Mapping[str, int]) -> list[Problem]:
    """No text may spell out a special token: it would be read as the real one."""
    reserved = [row.number for row in rows if any(token in row.text or token in row.answer for token in special_ids)]
    if not reserved:
        return []
    return [
        _problem(
            "training.reserved_text",
            f"{_rows_have(reserved)} a chat token such as '<|end|>' spelled out, which the model would take for a real one; "
            "texts must be free of them; clean or drop these rows",
            reserved,
        )
    ]


def find_unseen(
    tokens: Sequence[TokenRow],
    recipe: FinetuneRecipe,
    *,
    special_ids: Mapping[str, int],
    seen: Mapping[str, int] | None,
    suspicious: Sequence[str],
) -> list[Problem]:
    """The base must have met every special token that the rows use."""
    if recipe.allow_untrained_chat_tokens and recipe.method == "full":
        return []
    used = {token_id for row in tokens for token_id in row.ids}
    needed = [token for token, token_id in special_ids.items() if token_id in used]
    unseen = [token for token in needed if (seen.get(token, 0) == 0 if seen is not None else token in suspicious)]
    if not unseen:
        return []
    return [
        _problem(
            "training.chat_tokens_unseen",
            f"the base never saw {', '.join(map(repr, unseen))} in its own training, so that their "
            "embeddings are noise and LoRA cannot mend them; start from a base trained on the chat format, or use method "
            "'full' with allow_untrained_chat_tokens",
            [],
        )
    ]


def _problem(code: str, message: str, rows: Sequence[int]) -> Problem:
    return Problem(code=code, message=message, rows=list(rows[:NAMED_ROWS]))


def _rows_have(numbers: Sequence[int]) -> str:
    named = ", ".join(str(number) for number in numbers[:5]) + (", ..." if len(numbers) > 5 else "")
    return f"row {named} has" if len(numbers) == 1 else f"{len(numbers):,} rows ({named}) have"
