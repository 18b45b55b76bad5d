"""Problems: the tabs' errors as programs read them, each with its code, what happened and what to do now."""

from __future__ import annotations

import logging
import math
from typing import Any

from core.damage import DamagedFile
from core.errors import Busy, DiskFull, UserError, described_bug
from core.reasons import failure_of, original_words

log = logging.getLogger("voicewright.api")
API_PATHS = ("/v1/", "/api/v1/")  # what programs ask
PROBLEM = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}
_CONFLICTS = ("incoming.offset", "incoming.incomplete", "clip.changed", "clips.changed")
# How codes end of what is not there.
_MISSING = (
    *("missing", "gone", "no_run", "no_checkpoint", "no_clip", "no_pair", "no_sound", "unknown_voice"),
    *("unknown_model", "not_in_trash", "no_document", "no_line", "no_take"),
    "transcript.none",
)


def problem_of(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the body (RFC 9457, with ``code`` and ``hint``) of any error; a bug is logged in full."""
    if not isinstance(error, UserError):
        failure = failure_of(error)
        if not isinstance(failure, DiskFull):
            log.error("a request failed", exc_info=error)
        if failure is None:
            text, hint = (
                f"Something went wrong inside Voicewright ({described_bug(error)}).",
                "The log has the full story.",
            )
            return 500, _body(500, "bug", text, hint, {})
        error = failure
    return status_of(error), body_of(error, status_of(error))


def body_of(error: UserError, status: int) -> dict[str, Any]:
    """An error's body where its status is known."""
    return _body(status, error.code, error.text, error.hint, error.values)


def status_of(error: UserError) -> int:
    """The HTTP status of an error."""
    if error.code in ("speak.too_many", "asr.too_many"):
        return 503
    if isinstance(error, Busy) or error.code in _CONFLICTS:
        return 409
    if error.code == "upload.too_large":
        return 413
    if isinstance(error, DiskFull) or error.code in ("disk.full", "upload.no_room"):  # also as a process told it
        return 507
    if isinstance(error, DamagedFile) or error.code in (
        "reason.failure",
        "speak.process_died",
        "speak.process_hung",
        "speak.process_start",
        "speak.process_bug",
        "asr.process_died",
        "asr.process_bug",
    ):
        return 500
    return 404 if error.code.endswith(_MISSING) else 422


def _body(status: int, code: str, text: str, hint: str, values: dict[str, Any]) -> dict[str, Any]:
    texts = {name: value.text if isinstance(value, UserError) else value for name, value in values.items()}
    if words := original_words(values):
        texts["words"] = words[0]
    # JSON knows no NaN and no infinity.
    plain = {
        name: value if not isinstance(value, float) or math.isfinite(value) else str(value)
        for name, value in texts.items()
        if isinstance(value, str | int | float)
    }
    return {
        "type": f"urn:voicewright:{code}",
        "title": text,
        "status": status,
        "code": code,
        "detail": f"{text} {hint}".strip(),
        "hint": hint,
        "values": plain,
    }
