"""Sentences of the starter's world, from ``grammar.txt``: the same seed gives the same ones."""

from __future__ import annotations

import csv
import random
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRESETS = HERE.parents[1]
LONGEST = 90  # characters
_VOWEL_SOUND = re.compile(r"\b([Aa]) (?=[aeiou]|hour)(?!one\b|uni|use)")


@cache
def rules() -> dict[str, tuple[str, ...]]:
    """Each rule's alternatives."""
    text: dict[str, str] = {}
    name = ""
    for line in (HERE / "grammar.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            text[name] += " " + line.strip()
        else:
            name, _, text[name] = line.partition(":")
    return {key: tuple(part.strip() for part in value.split("|")) for key, value in text.items()}


def words(text: str) -> list[str]:
    """Lower case, without signs."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


@cache
def forbidden() -> frozenset[tuple[str, ...]]:
    """What must not come out: the demo's prompts and the sentences that checkpoints and people read."""
    with open(PRESETS / "demo" / "transcripts.tsv", encoding="utf-8", newline="") as file:
        lines = [row["text"] for row in csv.DictReader(file, delimiter="\t")]
    lines += (PRESETS / "reading" / "en.txt").read_text(encoding="utf-8").splitlines()
    lines += re.findall(r"^  - (.+)$", (PRESETS / "xtts" / "sentences.yaml").read_text(encoding="utf-8"), re.M)
    sentences = [part for line in lines for part in (line, *re.split(r"(?<=[.!?])\s+", line))]
    return frozenset(tuple(words(sentence)) for sentence in sentences)


def sentences(seed: int) -> Iterator[str]:
    """Different sentences without end (until the grammar has no more)."""
    draw = random.Random(seed)
    known: set[tuple[str, ...]] = set(forbidden())
    while True:
        sentence = _finish(_expand("sentence", draw), draw)
        key = tuple(words(sentence))
        if key not in known and len(sentence) <= LONGEST:
            known.add(key)
            yield sentence


def vocabulary() -> list[str]:
    """All words that the rules hold."""
    return sorted({word for parts in rules().values() for part in parts for word in words(re.sub(r"{\w+}", " ", part))})


def references(alternative: str) -> list[str]:
    """The rules that an alternative is filled with."""
    return re.findall(r"{(\w+)}", alternative)


def _expand(rule: str, draw: random.Random) -> str:
    chosen = draw.choice(rules()[rule])
    used: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        for _ in range(8):  # "a cat and a cat" says nothing
            value = _expand(name, draw)
            if value not in used or name in ("digit", "time"):
                break
        used.add(value)
        return value

    return re.sub(r"{(\w+)}", fill, chosen)


def _finish(text: str, draw: random.Random) -> str:
    text = re.sub(r"\b([Aa]) an? ", r"\1 ", text)  # "a a sandwich"
    text = _VOWEL_SOUND.sub(r"\1n ", text)
    text = text[:1].upper() + text[1:]
    if text[-1] in ".?!":
        return text
    asks = re.match(
        r"(Could|Where|Do you|Have you|What (time|is|did)|When does|How (far|many|do|much)|Can (I|you)|Would you|Who "
        r"|Why|Is |Did|Are |Which|May I|Shall|Whose|Will )",
        text,
    )
    calls = re.match(r"(What a|How |Hurry|Well done|Happy)", text)
    return text + ("?" if asks else "!" if calls and draw.random() < 0.6 else ".")


if __name__ == "__main__":
    source = sentences(0)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(next(source))
    print(f"{len(vocabulary())} words", file=sys.stderr)
