"""How a project's copy on a drive stands, in one sentence or two; on the page and in the notebook."""

from __future__ import annotations

from core.sync.ledger import SyncState
from ui.i18n import Translator

_MOST_NAMES = 3
TROUBLE = ("no_room", "away", "taken")


def drive_line(t: Translator, state: SyncState) -> str:
    """What is there, what is not and why, and what to do about it."""
    names = ", ".join(state.left_out[:_MOST_NAMES]) + (" …" if len(state.left_out) > _MOST_NAMES else "")
    facts = {
        "files": t.number(state.files),
        "size": t.megabytes(state.bytes),
        "names": names,
        "missing": t.megabytes(state.missing_bytes),
        "when": t.moment(state.at) if state.at else "–",
    }
    if state.state == "no_room" and not (state.left_out and state.missing_bytes):
        return t("drive.full", **facts)
    if state.state == "no_room" and state.is_limit:
        return t("drive.over_limit", **facts)
    reason = ""
    if state.state == "taken":
        reason = t.error(state.code, state.reason, "", state.values)
    elif state.code.startswith("reason."):
        reason = t.error_text(state.code, state.reason, state.values)
        reason = f"{reason[:1].upper()}{reason[1:]}."
    return f"{t(f'drive.{state.state}', **facts)} {reason}".strip()
