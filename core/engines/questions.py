"""Questions about a local base model that no file of it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import UserError


@dataclass(frozen=True)
class Choice:
    """An answer to a `Question`, and what it says."""

    value: str
    label: str


@dataclass(frozen=True)
class Question:
    """What only a person knows of a folder, because no file of it tells; in English, see ``bases:`` in ``ui/i18n``."""

    key: str
    text: str
    choices: tuple[Choice, ...]

    def pick(self, answers: Mapping[str, str]) -> str:
        """The answer to it.

        Raises:
            UserError: ``base.unanswered``.
        """
        answer = answers.get(self.key, "")
        if answer not in {choice.value for choice in self.choices}:
            raise UserError(
                "base.unanswered",
                "The question “{question}” has no answer yet.",
                "Choose one of its answers.",
                question=self.text,
            )
        return answer
