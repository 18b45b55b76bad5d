"""The pieces of the Train, Listen and Speak pages."""

from __future__ import annotations

import pytest

from core.listening.pairs import Pair, Reveal
from ui.i18n import Translator
from ui.parts.choice import select
from ui.parts.listening import pair_view, voice_name

T = Translator("en")
PAIR = Pair("f" * 16, "Where is the bakery?", "a" * 16, "b" * 16)


def test_nothing_tells_the_names_before_the_vote() -> None:
    shown = pair_view(T, "ana", PAIR, None)
    assert "Where is the bakery?" in shown
    assert "vote-left" in shown
    assert "run" not in shown.lower()
    assert "update" not in shown.lower()


def test_after_the_vote_the_names_stand_there_and_no_answer_can_be_given() -> None:
    reveal = Reveal(PAIR.id, "run:0", "run:20", "Calm · 0", "Calm · 20", "right")
    shown = pair_view(T, "ana", PAIR, reveal)
    assert "Calm · Base voice" in shown
    assert "Calm · Update 20" in shown
    assert "vote-left" not in shown
    assert shown.index("won") > shown.index("Base voice")


def test_a_label_without_a_step_stays_as_it_is() -> None:
    assert voice_name(T, "XTTS-v2") == "XTTS-v2"


@pytest.mark.parametrize("name", ['<script>alert("1")</script>', "a\" onmouseover='x'"])
def test_names_from_outside_are_escaped(name: str) -> None:
    shown = select("Run", "run", [(name, name)], name)
    assert "<script" not in shown
    assert '" onmouseover' not in shown
