"""Vocabulary extension: a base whose tokenizer knows more characters or tags; embeddings and head grow with it.

``python -m core.engines.xtts.model.vocabulary BASE FOLDER --characters "șț" --tags ro`` writes one from another.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.engines.xtts.model.load import base_state
from core.errors import UserError
from core.files import read_json, sha256_file, write_json

EXTENSION_FILE = "extended.json"
_GROWING = ("gpt.text_embedding.weight", "gpt.text_head.weight", "gpt.text_head.bias")
_SPREAD = 0.1  # of the spread of what is there; new rows begin near the mean, each a little different


def extend(base: Path, folder: Path, characters: str = "", tags: Sequence[str] = ()) -> Path:
    """Write ``base`` with more tokens into ``folder``, itself a base; what was there keeps its numbers and weights.

    The new tokens mean nothing yet. Training on such a base teaches their rows, whatever else learns.

    Args:
        base: folder of a base model; only read.
        folder: where to; must not exist.
        characters: single characters the tokenizer has no token for; those it knows are left out.
        tags: of languages, such as ``sv`` for a token ``[sv]``. We read texts of one with such a tag as they stand;
            plain coqui-tts reads its own languages only.

    Raises:
        UserError: ``base.nothing_new``, ``base.bad_tag``, ``base.missing_file``, ``base.broken``.
    """
    vocabulary = json.loads((base / "vocab.json").read_text(encoding="utf-8"))
    token_ids: dict[str, int] = vocabulary["model"]["vocab"]
    tags = [tag.strip().lower() for tag in tags]
    for tag in tags:
        if not re.fullmatch("[a-z]{2,8}", tag):
            raise UserError(
                "base.bad_tag",
                "“{tag}” is no code of a language.",
                "Give its short code, such as sv or ro, without brackets or a region.",
                tag=tag,
            )
    candidates = dict.fromkeys([*(c for c in characters if not c.isspace()), *(f"[{tag}]" for tag in tags)])
    new = [token for token in candidates if token not in token_ids]
    if not new:
        raise UserError(
            "base.nothing_new", "The base knows all of these already.", "Train on it as it is.", base=base.name
        )
    first = max(token_ids.values()) + 1
    for number, token in enumerate(new, first):
        token_ids[token] = number
        if token.startswith("[") and len(token) > 1:
            vocabulary["added_tokens"].append(_special(number, token))
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder.parent))
    try:
        for path in base.iterdir():
            if path.name not in ("vocab.json", "model.pth", EXTENSION_FILE) and path.is_file():
                shutil.copyfile(path, temporary / path.name)
        (temporary / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        torch.save({"model": _grow(base_state(base), len(new))}, temporary / "model.pth")
        facts = {"first_new": first_new(base) or first, "tokens": new, "of": sha256_file(base / "model.pth")}
        write_json(temporary / EXTENSION_FILE, facts)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def first_new(base: Path) -> int | None:
    """The number of the first token that was added to a base; None for one as published."""
    path = base / EXTENSION_FILE
    return int(read_json(path)["first_new"]) if path.is_file() else None


def _grow(state: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    new_state = dict(state)
    for name in _GROWING:
        rows = state[name].float()
        noise = torch.randn(count, *rows.shape[1:], generator=generator)
        new_rows = rows.mean(dim=0, keepdim=True) + _SPREAD * rows.std(dim=0, keepdim=True) * noise
        new_state[name] = torch.cat([state[name], new_rows.to(state[name].dtype)])
    return new_state


def _special(number: int, token: str) -> dict[str, Any]:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": token, **plain, "special": True}


def main(argv: list[str] | None = None) -> int:
    """The command. Returns 0, or 2 if there was nothing to add or the base cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m core.engines.xtts.model.vocabulary", description=extend.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("base", type=Path, help="folder of a base model")
    parser.add_argument("folder", type=Path, help="where to write the larger one; must not exist")
    parser.add_argument("--characters", default="", help="what the tokenizer has no token for")
    parser.add_argument("--tags", nargs="*", default=[], help="codes of languages, such as sv")
    args = parser.parse_args(argv)
    if args.folder.exists():
        parser.error(f"{args.folder} exists")
    try:
        print(extend(args.base, args.folder, args.characters, args.tags))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
