"""The project's own sample: messages to the support of an invented shop, with planted faults that are written down.

The same seed gives the same rows, byte for byte, on every machine. Faults are what real exports have: exact and near
duplicates, wrong labels, broken Unicode and personal data (reserved or test values only: nobody is behind them).
`Planted` says which rows have which, so that a preparation can be measured against it. Cost: under a second.
"""

from __future__ import annotations

import csv
import json
import random
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from treadle.data.sample_phrases import ASIDES, CLOSINGS, GREETINGS, INTENTS, SLOTS

EXACT_DUPLICATE_RATE = 0.03
NEAR_DUPLICATE_RATE = 0.05
WRONG_LABEL_RATE = 0.02
CONTRADICTIONS_AMONG_WRONG = 4
"""One in this many wrong labels stands on a copy of a row that is labelled right."""
BROKEN_UNICODE_RATE = 0.04
PERSONAL_DATA_RATE = 0.06

_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")


class SampleRow(NamedTuple):
    """One message as it stands in the file."""

    text: str
    label: str


class Planted(NamedTuple):
    """Where the faults are. Rows count from 1, the header not counted."""

    exact_duplicates: tuple[int, ...]
    """Rows that repeat another row to the letter."""
    near_duplicates: tuple[int, ...]
    """Rows that are another row with a small edit, and the same label."""
    wrong_labels: tuple[int, ...]
    """Rows whose label is not what was asked; a quarter of them repeat a row with the right label."""
    broken_unicode: tuple[int, ...]
    """Rows with mojibake, decomposed letters or invisible characters."""
    personal_data: tuple[int, ...]
    """Rows with an e-mail address, phone, card, IBAN or IP address."""


class Sample(NamedTuple):
    """The rows and what was planted in them."""

    rows: tuple[SampleRow, ...]
    planted: Planted


@dataclass
class _Message:
    """A message while it is being made."""

    text: str
    label: str
    faults: set[str] = field(default_factory=set)


def make_sample(*, seed: int, num_rows: int = 2400) -> Sample:
    """Make the sample. Same seed and size, same rows."""
    chance = random.Random(f"fennel-and-oak/{seed}")
    num_exact, num_near = int(num_rows * EXACT_DUPLICATE_RATE), int(num_rows * NEAR_DUPLICATE_RATE)
    messages = _write_distinct(chance, num_rows - num_exact - num_near)
    _plant_personal_data(chance, messages, int(num_rows * PERSONAL_DATA_RATE))
    clean = [message for message in messages if not message.faults]
    copied = chance.sample(clean, num_exact + num_near)
    messages += [_Message(one.text, one.label, {"exact_duplicates"}) for one in copied[:num_exact]]
    messages += [_Message(_edit(chance, one.text), one.label, {"near_duplicates"}) for one in copied[num_exact:]]
    originals = {id(one) for one in copied}
    num_wrong = int(num_rows * WRONG_LABEL_RATE)
    copies = [message for message in messages if "exact_duplicates" in message.faults]
    contradicting = copies[: num_wrong // CONTRADICTIONS_AMONG_WRONG]
    single = [message for message in messages if not message.faults and id(message) not in originals]
    num_alone = num_wrong - len(contradicting)
    chosen = chance.sample(single, num_alone + int(num_rows * BROKEN_UNICODE_RATE))
    for message in chosen[:num_alone] + contradicting:
        message.label = chance.choice([label for label in INTENTS if label != message.label])
        message.faults.add("wrong_labels")
    for message in chosen[num_alone:]:
        message.text = _break(chance, message.text)
        message.faults.add("broken_unicode")
    chance.shuffle(messages)
    rows = tuple(SampleRow(message.text, message.label) for message in messages)
    return Sample(rows, Planted(*(_rows_with(messages, fault) for fault in Planted._fields)))


def write_sample(path: Path, *, seed: int, num_rows: int = 2400) -> Planted:
    """Write the sample as CSV with the columns `text` and `label`, and what was planted as JSON beside it."""
    sample = make_sample(seed=seed, num_rows=num_rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SampleRow._fields)
        writer.writerows(sample.rows)
    side = path.with_suffix(".planted.json")
    side.write_text(json.dumps(sample.planted._asdict(), indent=1) + "\n", encoding="utf-8")
    return sample.planted


def _rows_with(messages: list[_Message], fault: str) -> tuple[int, ...]:
    return tuple(row for row, message in enumerate(messages, start=1) if fault in message.faults)


def _write_distinct(chance: random.Random, count: int) -> list[_Message]:
    """Write messages of which no two say the same in nearly the same words."""
    labels = list(INTENTS)
    weights = [1 + (place % 4) * 0.25 for place in range(len(labels))]
    seen: set[tuple[str, ...]] = set()
    messages: list[_Message] = []
    while len(messages) < count:
        label = chance.choices(labels, weights)[0]
        text = _compose(chance, label)
        key = tuple(sorted(set(re.findall(r"\w+", text.lower()))))
        if key not in seen:
            seen.add(key)
            messages.append(_Message(text, label))
    return messages


def _compose(chance: random.Random, label: str) -> str:
    """Write one message: perhaps a greeting, perhaps asides, the request, perhaps a closing, then how people type."""
    parts = [_expand(chance, chance.choice(INTENTS[label])) + chance.choice(("", "", "?", ".", "!"))]
    if chance.random() < 0.45:
        parts.insert(0, _expand(chance, chance.choice(ASIDES)) + ".")
    if chance.random() < 0.15:
        parts.append(_expand(chance, chance.choice(ASIDES)) + ".")
    if chance.random() < 0.4:
        parts.insert(0, _expand(chance, chance.choice(GREETINGS)) + chance.choice((",", "!", ".", "")))
    if chance.random() < 0.35:
        parts.append(_expand(chance, chance.choice(CLOSINGS)) + chance.choice(("", "!", ".")))
    return _type(chance, " ".join(parts).replace("??", "?").replace("?.", "?").replace("?!", "?"))


def _expand(chance: random.Random, template: str) -> str:
    """Resolve choices from the inside out, then slots until none is left."""
    while choice := _CHOICE.search(template):
        template = template[: choice.start()] + chance.choice(choice.group(1).split("|")) + template[choice.end() :]
    while slot := _SLOT.search(template):
        template = template[: slot.start()] + chance.choice(SLOTS[slot.group(1)]) + template[slot.end() :]
    return template.strip()


def _type(chance: random.Random, text: str) -> str:
    """Apply a hand's habits: capitals, contractions, slips of the finger."""
    style = chance.random()
    if style < 0.62:
        text = re.sub(r"(^|[.!?] )(\w)", lambda found: found.group(1) + found.group(2).upper(), text)
        text = re.sub(r"\bi\b", "I", text)
    elif style < 0.66:
        text = text.upper()
    if chance.random() < 0.25:
        text = re.sub(r"\b(do|does|did|is|was|has|have) not\b", r"\1n't", text)
    if chance.random() < 0.12:
        text = text.replace(". ", "... ", 1)
    for _ in range(chance.choices((0, 1, 2), (0.8, 0.15, 0.05))[0]):
        text = _slip(chance, text)
    return text


def _slip(chance: random.Random, text: str) -> str:
    """Swap, drop or double one letter inside a word."""
    places = [found.start() for found in re.finditer(r"(?<=[a-z])[a-z](?=[a-z]{2})", text)]
    if not places:
        return text
    at = chance.choice(places)
    kind = chance.random()
    if kind < 0.4:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind < 0.7:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]


def _edit(chance: random.Random, text: str) -> str:
    """Make a near-duplicate: the same message sent again with a slip, another end or other capitals."""
    edits = (
        lambda: text.rstrip(".!?") + chance.choice(("!!", " ...", "?!", " :(")),
        lambda: text.lower() if text != text.lower() else text.capitalize(),
        lambda: _slip(chance, text) + " ",
        lambda: text.replace(" ", "  ", 1),
        lambda: text + " ok?" if len(text) > 60 else text + "?",
    )
    while (edited := chance.choice(edits)()) == text:
        pass
    return edited


def _break(chance: random.Random, text: str) -> str:
    """Damage the Unicode of a message in one of the ways exports do."""
    kind = chance.randrange(4)
    curly = text.replace("'", "’").replace("...", "…") + chance.choice(
        (" – Zoë", " “asap”", " – José", " it’s urgent…")
    )
    if kind == 0:
        return curly.encode("utf-8").decode("cp1252", errors="ignore")
    if kind == 1:
        return unicodedata.normalize("NFD", text + chance.choice((" – Siobhán", " – Jürgen", " – Zoë", " déjà vu")))
    if kind == 2:
        at = chance.randrange(1, len(text))
        return text[:at] + chance.choice(("\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060")) + text[at:]
    return text.replace(" ", "\u00a0", 2) + chance.choice(("\u200b", " &amp; thanks", "\u0007", "\u202e"))


def _plant_personal_data(chance: random.Random, messages: list[_Message], count: int) -> None:
    for message in chance.sample(messages, count):
        message.text = f"{message.text.rstrip()} {_personal_data(chance)}"
        message.faults.add("personal_data")


def _personal_data(chance: random.Random) -> str:
    """Write a contact or payment detail with values that are reserved for documentation or tests."""
    digits = "".join(chance.choice("0123456789") for _ in range(10))
    name = chance.choice(("ana", "tom.b", "s_okafor", "mei+shop", "j.silva"))
    account = f"VIRT{digits}{digits[:4]}"
    check = 98 - int("".join(str(int(c, 36)) for c in f"{account}GB00")) % 97
    return chance.choice(
        (
            f"My mail is {name}{digits[:2]}@{chance.choice(('example.com', 'mail.example.org', 'example.net'))}",
            f"Call me on 07700 900{digits[:3]}",
            f"my phone: +44 20 7946 0{digits[:3]}.",
            f"Reach me at (212) 555-01{digits[:2]}",
            f"card {chance.choice(('4111 1111 1111 1111', '5555 5555 5555 4444', '4242-4242-4242-4242'))}",
            f"Please pay it to GB{check:02d} {' '.join(account[at : at + 4] for at in range(0, 18, 4))}".strip(),
            f"(sent from 203.0.113.{int(digits[:2]) + 1})",
        )
    )
