"""What a version is like: counts, lengths, labels, duplicates, languages, personal data, conflicts and outliers.

Pure: rows in, one `Profile` out. Excerpts in it are masked, so that a profile can be shared. Languages come from
`py3langid` (97 languages, the model lies in the package) and count only when it is sure. Cost: BANKING77's 10,003 rows
take about two seconds.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from treadle.data.duplicates import Group, SimilarRows, find_similar
from treadle.data.files import Row
from treadle.data.labels import agreement_of, excerpt_of, find_everything, same_text_key, task_of
from treadle.data.profile_types import Bin, Conflict, Count, Distribution, FindingCount, Outlier, Profile, SimilarGroup
from treadle.data.repair import FAULTS, repair
from treadle.guards.secrets import SECRETS

NUM_BINS = 30
MOST_LABELS = 500
MOST_GROUPS = 50
MOST_OUTLIERS = 100
MOST_ROWS_SHOWN = 20
SURE_OF_LANGUAGE = 0.7
"""Least probability, from py3langid, for a language to count."""
FEWEST_CHARACTERS_FOR_LANGUAGE = 20
RARE_LABEL_ROWS = 5
LENGTH_SPREADS = 5.0
"""How many robust standard deviations (1.4826 MAD of the logarithm) from the median a length is an outlier."""
REPEATED_CHARACTERS = re.compile(r"(\S)\1{9,}")
_SECRET_KINDS = frozenset(detector.kind for detector in SECRETS)


def profile_rows(
    rows: Sequence[Row],
    *,
    near_threshold: float = 0.8,
    similar: SimilarRows | None = None,
    count_tokens: Callable[[str], int] | None = None,
) -> Profile:
    """Describe the rows of a version. similar: what `find_similar` found at this threshold; None looks for it here.

    Cost: all rows in memory, one pass per question.
    """
    texts = [row.input for row in rows]
    given = [row for row in rows if row.input.strip()]
    expected = [row.expected_output for row in rows]
    task = task_of(expected)
    labels = Counter(value for value in expected if value) if task == "classification" else Counter[str]()
    similar = similar or find_similar(rows, near_threshold)
    conflicts = _find_conflicts(given) if task == "classification" else []
    languages = languages_of(texts)
    faults = Counter(fault for text in texts for fault in repair(text).faults)
    personal, secrets = _count_findings(texts)
    outliers = list(_find_outliers(rows, labels, languages))
    answers = [value for value in expected if value] if task == "generation" else []
    return Profile(
        num_rows=len(rows),
        task=task,
        num_missing_inputs=len(rows) - len(given),
        num_missing_expected_outputs=sum(not value for value in expected),
        parts=_counts(Counter(row.part for row in rows if row.part), len(rows)),
        input_characters=distribution_of([len(row.input) for row in given]),
        input_words=distribution_of([len(row.input.split()) for row in given]),
        input_tokens=distribution_of([count_tokens(row.input) for row in given]) if count_tokens else None,
        expected_output_characters=distribution_of([len(value) for value in answers]),
        num_labels=len(labels),
        labels=_counts(labels, len(rows))[:MOST_LABELS],
        label_balance=_balance_of(labels),
        num_exact_duplicates=similar.num_exact,
        num_near_duplicates=sum(len(group.members) - 1 for group in similar.near),
        near_duplicate_threshold=near_threshold,
        similar_groups=[_similar_group(group) for group in similar.near[:MOST_GROUPS]],
        conflicts=conflicts[:MOST_GROUPS],
        num_conflicting_rows=sum(label.num_rows for conflict in conflicts for label in conflict.labels),
        languages=_counts(Counter(languages), len(rows)),
        personal_data=personal,
        secrets=secrets,
        unicode_faults=[
            Count(name=fault, num_rows=faults[fault], share=faults[fault] / len(rows))
            for fault in FAULTS
            if faults[fault]
        ],
        outliers=outliers[:MOST_OUTLIERS],
        num_outliers=len(outliers),
    )


def distribution_of(values: Sequence[float]) -> Distribution | None:
    """Summarise numbers; None when there are none. Percentiles are nearest ranks."""
    if not values:
        return None
    ordered = sorted(values)

    def rank(share: float) -> float:
        return float(ordered[max(math.ceil(share * len(ordered)) - 1, 0)])

    return Distribution(
        num_rows=len(ordered),
        minimum=float(ordered[0]),
        p05=rank(0.05),
        median=rank(0.5),
        mean=statistics.fmean(ordered),
        p95=rank(0.95),
        p99=rank(0.99),
        maximum=float(ordered[-1]),
        bins=_bins_of(ordered, rank(0.995)),
    )


def _bins_of(ordered: Sequence[float], cut: float) -> list[Bin]:
    """Count values in bars of equal whole-number width up to `cut`; what lies above joins the last bar."""
    low = math.floor(ordered[0])
    width = max(math.ceil((cut - low + 1) / NUM_BINS), 1)
    num_bins = max(math.ceil((cut - low + 1) / width), 1)
    counts = [0] * num_bins
    for value in ordered:
        counts[min(int((value - low) // width), num_bins - 1)] += 1
    uppers = [low + width * (place + 1) for place in range(num_bins)]
    uppers[-1] = max(uppers[-1], math.ceil(ordered[-1]))
    return [
        Bin(lower=low + width * place, upper=upper, num_rows=count)
        for place, (upper, count) in enumerate(zip(uppers, counts, strict=True))
    ]


def _counts(counter: Counter[str], num_rows: int) -> list[Count]:
    ordered = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Count(name=name, num_rows=count, share=count / num_rows) for name, count in ordered]


def _balance_of(labels: Counter[str]) -> float | None:
    """Shannon entropy of the labels over its largest possible value, log(number of labels)."""
    if not labels:
        return None
    if len(labels) == 1:
        return 0.0
    total = labels.total()
    entropy = -sum(count / total * math.log(count / total) for count in labels.values())
    return entropy / math.log(len(labels))


def _similar_group(group: Group) -> SimilarGroup:
    rows = [member.row for member in group.members]
    return SimilarGroup(
        rows=[row.row for row in rows[:MOST_ROWS_SHOWN]],
        num_rows=len(rows),
        similarity=round(group.least, 4),
        labels=sorted({row.expected_output for row in rows if row.expected_output})[:MOST_ROWS_SHOWN],
        excerpt=excerpt_of(rows[0].input),
    )


def _find_conflicts(rows: Sequence[Row]) -> list[Conflict]:
    same: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.expected_output:
            same[same_text_key(row.input)].append(row)
    conflicts = []
    for members in same.values():
        counts = agreement_of([row.expected_output or "" for row in members]).counts
        if len(counts) > 1:
            labels = [Count(name=name, num_rows=count, share=count / len(members)) for name, count in counts]
            shown = [row.row for row in members[:MOST_ROWS_SHOWN]]
            conflicts.append(Conflict(rows=shown, labels=labels, excerpt=excerpt_of(members[0].input)))
    return conflicts


def languages_of(texts: Sequence[str]) -> list[str]:
    """Name the language of each text, or 'unclear' when it is too short or the model is not sure."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    languages: list[str] = []
    for text in texts:
        language, confidence = model.classify(text) if len(text) >= FEWEST_CHARACTERS_FOR_LANGUAGE else ("", 0.0)
        languages.append(str(language) if confidence >= SURE_OF_LANGUAGE else "unclear")
    return languages


def _count_findings(texts: Sequence[str]) -> tuple[list[FindingCount], list[FindingCount]]:
    findings: Counter[str] = Counter()
    num_rows: Counter[str] = Counter()
    for text in texts:
        kinds = [finding.kind for finding in find_everything(text)]
        findings.update(kinds)
        num_rows.update(set(kinds))
    counts = [
        FindingCount(kind=kind, num_findings=count, num_rows=num_rows[kind]) for kind, count in findings.most_common()
    ]
    personal = [count for count in counts if count.kind not in _SECRET_KINDS]
    return personal, [count for count in counts if count.kind in _SECRET_KINDS]


def _find_outliers(rows: Sequence[Row], labels: Counter[str], languages: Sequence[str]) -> Iterator[Outlier]:
    """Yield each row that is unlike the others, with the first reason that fits."""
    lengths = [math.log1p(len(row.input)) for row in rows if row.input.strip()]
    middle = statistics.median(lengths) if lengths else 0.0
    spread = 1.4826 * statistics.median(abs(length - middle) for length in lengths) if lengths else 0.0
    main = Counter(language for language in languages if language != "unclear").most_common(1)
    for row, language in zip(rows, languages, strict=True):
        reason = _unlike(row, middle, max(spread, 0.15), main[0] if main else None, language, len(rows))
        if reason is None and row.expected_output and 0 < labels[row.expected_output] < RARE_LABEL_ROWS:
            reason = ("label_rare", f"the label '{row.expected_output}' has {labels[row.expected_output]} rows")
        if reason is not None:
            yield Outlier(row=row.row, reason=reason[0], detail=reason[1], excerpt=excerpt_of(row.input))


def _unlike(
    row: Row, middle: float, spread: float, main: tuple[str, int] | None, language: str, num_rows: int
) -> tuple[str, str] | None:
    text = row.input
    if not text.strip():
        return None
    distance = (math.log1p(len(text)) - middle) / spread
    if abs(distance) > LENGTH_SPREADS:
        reason = "too_long" if distance > 0 else "too_short"
        return reason, f"{len(text):,} characters, the median is {math.expm1(middle):.0f}"
    if "mojibake" in repair(text).faults:
        return "broken_unicode", "the text was decoded with the wrong encoding"
    letters = sum(character.isalpha() for character in text)
    visible = sum(not character.isspace() for character in text)
    if letters < 0.4 * visible:
        return "few_letters", f"{letters} of {visible} visible characters are letters"
    repeated = REPEATED_CHARACTERS.search(text)
    if repeated:
        return "repeated_characters", f"'{repeated.group(1)}' stands {len(repeated.group())} times in a row"
    is_other = main is not None and language not in ("unclear", main[0]) and main[1] > 0.9 * num_rows
    if is_other and main is not None:
        return "other_language", f"reads as '{language}', most rows as '{main[0]}'"
    return None
