"""Make the table of synonyms from WordNet 3.0's database files: `python tools/make_wordnet.py FOLDER`.

FOLDER holds data.noun, index.noun, noun.exc ... as Princeton ships them, or Debian's package `wordnet-base`
(/usr/share/wordnet). Writes src/treadle/evals/measures/wordnet.txt.xz; same input, same bytes.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "treadle" / "evals" / "measures" / "wordnet.txt.xz"
PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}


def main() -> None:
    """Write the table and say how large it is."""
    folder = Path(sys.argv[1])
    lines = [line for pos, name in PARTS.items() for line in _lines(folder, pos, name)]
    packed = lzma.compress("".join(f"{line}\n" for line in lines).encode(), preset=9 | lzma.PRESET_EXTREME)
    TARGET.write_bytes(packed)
    print(f"{TARGET}: {len(lines):,} lines, {len(packed):,} bytes")


def _lines(folder: Path, pos: str, name: str) -> Iterator[str]:
    """Yield 'l pos lemma synset...', 's pos synset word...' and 'e pos form lemma...'; synsets are numbered as they come."""
    numbers: dict[str, int] = {}
    synsets = []
    for line in _entries(folder / f"data.{name}"):
        fields = line.split(" | ")[0].split(" ")
        numbers[fields[0]] = len(numbers)
        count = int(fields[3], 16)
        # A marker such as '(p)' after an adjective says where it may stand; it is no part of the word.
        words = [fields[4 + 2 * at].split("(")[0] for at in range(count)]
        single = [word for word in dict.fromkeys(words) if "_" not in word]
        synsets.append(" ".join(["s", pos, str(numbers[fields[0]]), *single]))
    for line in _entries(folder / f"index.{name}"):
        fields = line.split()
        offsets = fields[-int(fields[2]) :]
        yield " ".join(["l", pos, fields[0], *(str(numbers[offset]) for offset in offsets)])
    yield from synsets
    for line in (folder / f"{name}.exc").read_text().splitlines():
        yield " ".join(["e", pos, *line.split()])


def _entries(path: Path) -> Iterator[str]:
    return (line for line in path.read_text(encoding="latin-1").splitlines() if line and not line.startswith(" "))


if __name__ == "__main__":
    main()
