"""The line under a text that says what the model will read, or why it cannot."""

from __future__ import annotations

import pytest

from core.project.workspace import Project, Workspace
from ui.i18n import Translator
from ui.parts.model_reads import model_reads

EN, PT = Translator("en"), Translator("pt-BR")


@pytest.fixture
def brazilian(workspace: Workspace) -> Project:
    """A project in Portuguese, no base on the computer yet."""
    return workspace.create("Voz", "pt-BR")


def test_numbers_and_signs_are_shown_in_words(brazilian: Project) -> None:
    line = model_reads(PT, brazilian, "Custa R$ 1.234,56 às 10h30.")
    assert "O modelo vai ler:" in line
    assert "custa mil duzentos e trinta e quatro reais e cinquenta e seis centavos às dez horas e trinta." in line
    assert "ten thirty" in model_reads(EN, brazilian, "At 10:30", "en")


@pytest.mark.parametrize("text", ["", "Uma frase simples, sem números.", "ÁGUA", "“Aspas” – só sinais…", "a\u200bb"])
def test_nothing_is_said_where_the_text_is_read_as_it_stands(brazilian: Project, text: str) -> None:
    assert model_reads(PT, brazilian, text) == ""


def test_a_character_without_a_sound_is_named_before_anything_is_trained_or_spoken(brazilian: Project) -> None:
    assert "O modelo não tem som para “😀” (U+1F600 GRINNING FACE)." in model_reads(PT, brazilian, "Oi 😀 <b>")
    assert "<b>" not in model_reads(EN, brazilian, "1 <b>")


def test_a_language_no_base_speaks_says_nothing(workspace: Workspace) -> None:
    assert model_reads(EN, workspace.create("Röst", "sv"), "Klockan 10:30") == ""
