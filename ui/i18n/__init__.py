"""Every visible string, in English and Brazilian Portuguese, and the small grammar of numbers and times."""

from __future__ import annotations

import contextlib
import functools
import time
from pathlib import Path
from typing import Any

import yaml

from core.errors import Reason, UserError, without_folders

LANGUAGES = {"en": "English", "pt-BR": "Português"}
_TYPED_PATHS = ("collection.missing", "folder.not_one", "folder.own")  # errors that repeat what a person typed
_FOLDER = Path(__file__).parent


@functools.lru_cache
def strings(language: str) -> dict[str, Any]:
    """The string tree of one language: sections of keys."""
    text = (_FOLDER / f"{language}.yaml").read_text(encoding="utf-8")
    tree: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tree


class Translator:
    """``t("review.title")`` in one language; also formats numbers, lengths and errors as that language does."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._tree = strings(language)

    def __call__(self, key: str, **values: Any) -> str:
        """The string under a dotted ``section.key`` with its values filled in.

        Raises:
            KeyError: there is no such string (a bug a test finds).
        """
        section, _, name = key.partition(".")
        text = str(self._tree[section][name])
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        """Whether there is such a string."""
        section, _, name = key.partition(".")
        return name in self._tree.get(section, {})

    def get(self, key: str, fallback: str) -> str:
        """The string, or ``fallback`` if there is none."""
        return self(key) if self.has(key) else fallback

    def error(self, code: str, text: str, hint: str, values: dict[str, Any]) -> str:
        """What happened and what to do now, in this language; English as raised if it has no translation.

        Where this computer keeps its files is no business of a page: paths are told from the workspace on, but for
        those that the person typed.
        """
        return " ".join(self._sentences(code, text, hint, values)).strip()

    def error_text(self, code: str, text: str, values: dict[str, Any]) -> str:
        """Only what happened, without what to do now."""
        return self._sentences(code, text, "", values)[0]

    def _sentences(self, code: str, text: str, hint: str, values: dict[str, Any]) -> tuple[str, str]:
        values = self.with_reasons(values)
        if code not in _TYPED_PATHS:
            for name, value in values.items():
                relative = without_folders(str(value))
                if relative != str(value):
                    text, hint = (sentence.replace(str(value), relative) for sentence in (text, hint))
                    advice = without_folders(value.hint) if isinstance(value, Reason) else ""
                    values = {**values, name: Reason.of(relative, advice)}
        if "kind" in values:
            values = {**values, "job": self.job_name(values["kind"], values.get("title", ""))}
        entry = self._tree.get("errors", {}).get(code)
        if entry:
            with contextlib.suppress(LookupError, ValueError, TypeError, AttributeError):
                # Of another version, or from a damaged file, it may come without what the sentence is filled with.
                text, hint = (str(entry.get(part, "")).format(**values) for part in ("text", "hint"))
        return text, hint

    def with_reasons(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values of an error; those that are errors themselves, or records of them, as sentences in this language."""
        return {name: self._reason(value) for name, value in values.items()}

    def _reason(self, value: Any) -> Any:
        if isinstance(value, UserError):
            value = {"code": value.code, "text": value.text, "hint": value.hint, "values": value.values}
        if not isinstance(value, dict) or not isinstance(value.get("code"), str):
            return Reason(value) if type(value) is str else value
        parts = {part: str(value.get(part, "")) for part in ("text", "hint")}
        entry = self._tree.get("errors", {}).get(value["code"])
        if entry:
            with contextlib.suppress(LookupError, ValueError, TypeError, AttributeError):
                inner = self.with_reasons(value["values"])
                parts = {part: str(entry.get(part, "")).format(**inner) for part in parts}
        return Reason.of(parts["text"], parts["hint"])

    def job_name(self, kind: str, title: str = "") -> str:
        """What a person calls a job: its kind, and their own words for it if they say more."""
        name = self.get(f"kinds.{kind}", kind)
        return f"{name} “{title}”" if title and title != name else name

    def number(self, value: float, digits: int = 0) -> str:
        """``1,234.5`` or ``1.234,5``."""
        plain = f"{value:,.{digits}f}"
        return plain.translate(str.maketrans(",.", ".,")) if self.language == "pt-BR" else plain

    def plain(self, value: float) -> str:
        """As few digits as it takes: ``0.5`` or ``0,5``, ``10,000`` or ``10.000``."""
        if abs(value) >= 1000 and value == round(value):
            return self.number(value)
        short = f"{value:g}"
        return short.replace(".", ",") if self.language == "pt-BR" else short

    def length(self, seconds: float) -> str:
        """A length for reading: ``42 s``, ``3 min 05 s``, ``34 min``, ``2 h 10 min``."""
        total = round(seconds)
        if total < 60:
            return f"{total} s"
        if total < 600:
            return f"{total // 60} min {total % 60:02d} s"
        if total < 3600:
            return f"{round(total / 60)} min"
        return f"{total // 3600} h {total % 3600 // 60:02d} min"

    def minutes(self, seconds: float) -> str:
        """Minutes of material, short: ``0.4 min``, ``34 min``."""
        minutes = seconds / 60
        return f"{self.number(minutes, 1 if minutes < 10 else 0)} min"

    def megabytes(self, size: float) -> str:
        """Room on a disk: ``12 MB``, ``1.6 GB``."""
        if size >= 1e9:
            return f"{self.number(size / 1e9, 1)} GB"
        return f"{self.number(size / 1e6, 1 if 5e4 <= size < 1e7 else 0)} MB"

    def clock(self, seconds: float) -> str:
        """A position: ``1:02:03`` or ``2:03``."""
        total = int(seconds)
        hours, rest = divmod(total, 3600)
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"

    def time_left(self, eta_s: float | None) -> str:
        """Time left, in words, or nothing if unknown."""
        return self("common.time_left", time=self.length(max(1.0, eta_s))) if eta_s is not None else ""

    def exactly(self, at: float) -> str:
        """A point in time to the minute, with its day."""
        return time.strftime("%d/%m/%Y %H:%M" if self.language == "pt-BR" else "%b %d, %Y, %H:%M", time.localtime(at))

    def moment(self, at: float) -> str:
        """A point in time for reading: the hour today, else the day."""
        moment, now = time.localtime(at), time.localtime()
        if moment[:3] == now[:3]:
            return time.strftime("%H:%M", moment)
        return time.strftime("%d/%m/%Y" if self.language == "pt-BR" else "%b %d, %Y", moment)
