"""Share of pronouns and participles among the names that are assigned or passed: ``python -m tests.names [--list]``.

Such a name (`one`, `found`, `left`) says nothing of what it stands for. The share is printed; single lines are free.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRONOUNS = """
all another any anyone anything both each either every everyone everything few he her here him his how it its many
mine more most much neither nobody none nothing one ones other others ours some somebody someone something such that
theirs them there these they this those us we what whatever when where which who whole whom whose why yours again
already alone apart around aside away else enough ever instead later meanwhile once together twice yet
"""
PARTICIPLES = """
begun bound broken brought built chosen come cut done drawn driven fallen felt forgotten found given gone grown had
heard held hidden kept known laid lain led left lent lost made meant met paid put run said seen sent shown spoken
spent spread stood taken taught thought told understood won worn written
"""
# They end like participles and are none, or are terms of the field as they stand.
NOUNS = """
bed cut embed feed hundred id need put red run seed shed speed spread thread weed
"""


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that is assigned, declared as a parameter or passed by keyword, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def is_vague(name: str) -> bool:
    """Whether a name is a pronoun or a participle, and nothing else."""
    word = name.strip("_").lower()
    if word in NOUNS.split():
        return False
    return word in (PRONOUNS + PARTICIPLES).split() or bool(re.fullmatch(r"[a-z]{2,}ed", word))


def count(folders: tuple[str, ...] = ("core", "ui")) -> tuple[Counter[str], int, list[str]]:
    """Vague names, the number of all names, and where the vague ones stand."""
    vague: Counter[str] = Counter()
    total, places = 0, []
    for file in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for name, line in names(ast.parse(file.read_text(encoding="utf-8"))):
            total += 1
            if is_vague(name):
                vague[name] += 1
                places.append(f"{file.relative_to(ROOT)}:{line}: {name}")
    return vague, total, places


def main() -> None:
    """Print the share and the commonest of them; with ``--list``, each place."""
    vague, total, places = count()
    if "--list" in sys.argv:
        print(*places, sep="\n")
    print(f"{sum(vague.values())} of {total} names are pronouns or participles: {sum(vague.values()) / total:.1%}")
    print(", ".join(f"{name} {number}" for name, number in vague.most_common(60)))


if __name__ == "__main__":
    main()
