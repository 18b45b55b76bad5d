"""Hub addresses: where on the Hugging Face hub a base model's files lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class HubFile:
    """Where on the hub a file lies: its ``path`` in a ``repository``; its SHA-256 where that is known beforehand."""

    repository: str
    path: str
    sha256: str = ""
    revision: str = "main"


def repository_of(address: str) -> str:
    """The repository of an address of the hub.

    Raises:
        UserError: ``base.hub_address``.
    """
    text = address.strip().removeprefix("https://").removeprefix("http://").removeprefix("huggingface.co/")
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(/(tree|blob)/.*)?/?", text)
    if match is None or ".." in text:
        raise UserError(
            "base.hub_address",
            "“{address}” is no address of a model on the hub.",
            "It looks like owner/name, or is the address of its page on huggingface.co.",
            address=address.strip()[:200],
        )
    return match[1]


def hub_file(repository: str, name: str, path: str, rewritten: str | None) -> HubFile:
    """Where the file ``name`` of a base lies: at ``path`` of the repository, or of another as ``owner/name:path``.

    ``rewritten`` is the suffix of a trainer's file that it may be made of instead.

    Raises:
        UserError: ``base.hub_file``, ``base.hub_address``.
    """
    owner, has_other, rest = path.strip().rpartition(":")
    place = rest.strip().strip("/")
    suffixes = [Path(name).suffix, *([rewritten] if rewritten else [])]
    if not place or ".." in place or Path(place).suffix not in suffixes:
        raise UserError(
            "base.hub_file",
            "“{path}” cannot be the file {name} of the base.",
            "Type its path as the page of the model shows it. It has to end in {suffix}: others may hold programs.",
            path=path.strip()[:200],
            name=name,
            suffix=" / ".join(suffixes),
        )
    return HubFile(repository_of(owner) if has_other else repository, place)
