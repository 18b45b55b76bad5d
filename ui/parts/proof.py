"""What is doubtful about a spoken text, as one line that says why."""

from __future__ import annotations

from core.measures.proofreading import Proof
from ui import html
from ui.i18n import Translator


def proof_line(t: Translator, proof: Proof) -> str:
    """HTML of why a person should listen to it, and what was understood if that differs; empty if all is well."""
    doubts = [t.get(f"proof.{fault}", fault) for fault in proof.faults]
    if proof.is_misheard and "nothing" not in proof.faults:
        doubts.append(t("proof.misheard"))
    if not doubts:
        return ""
    hearing = t("proof.heard", heard=proof.heard) if proof.heard and proof.cer else ""
    return html.notice(" ".join(filter(None, [t("proof.doubtful", doubts=", ".join(doubts)), hearing])), "warn")
