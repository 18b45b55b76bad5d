"""How clips sound, as the page shows it: lights with numbers, what is left to measure, the question about voices."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core.measures import embeddings
from core.measures.flags import FLAGS
from core.measures.voices import update_similarity
from core.project.records import Clip, Source
from core.project.workspace import Project
from ui.i18n import LANGUAGES, Translator
from ui.parts.measures import clip_lights, sound_of_clips

T = Translator("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_flag_has_its_words(language: str) -> None:
    t = Translator(language)
    assert not [code for code in FLAGS if not (t.has(f"flags.{code}") and t.has(f"flags.{code}_about"))]


def test_a_light_says_its_number_in_the_pages_language() -> None:
    clip = Clip("a-1", "a", 0, 5, snr_db=8.4, bandwidth_hz=7_800.0)
    shown = clip_lights(Translator("pt-BR"), clip)
    assert Translator("pt-BR")("review.light_bandwidth_value", value="7,8") in shown
    assert shown.count(Translator("pt-BR")("review.light_none")) == 6  # three measures, each as title and as text
    assert re.search(r'light-snr".*?vw-light bad', shown)


@pytest.fixture
def measured(project: Project) -> Project:
    """Eight clips, four of each of two voices; all but one measured."""
    project.store.add_source(Source("a", "A", seconds=60))
    clips = [Clip(f"a-{n:04d}", "a", n * 6.0, n * 6.0 + 5, "said") for n in range(8)]
    project.store.replace_clips("a", clips)
    for n, clip in enumerate(clips):
        embeddings.append(project, clip.id, np.eye(1, 256, n // 4, dtype=np.float32)[0])
        if n:
            project.store.measure_clip(clip.id, snr_db=30.0 + n, naturalness=3.1)
    update_similarity(project)
    return project


def test_what_is_left_to_measure_is_offered(measured: Project) -> None:
    shown = sound_of_clips(T, measured, measured.figures.totals())
    assert T("job.of", count="7", total="8") in shown
    assert T("review.measure_rest", count="1") in shown
    assert shown.count('class="vw-plot"') == 3
    measured.store.measure_clip("a-0000", snr_db=20.0)
    assert 'data-do="measure"' not in sound_of_clips(T, measured, measured.figures.totals())


def test_two_voices_are_asked_about_until_one_is_put_aside(measured: Project) -> None:
    shown = sound_of_clips(T, measured, measured.figures.totals())
    assert shown.count('data-do="keep_voice"') == 2 and shown.count("<audio") == 6
    assert T("review.voice_question", count="4") in shown
    measured.store.edit_clips([f"a-{n:04d}" for n in range(4)], status="rejected")
    assert "keep_voice" not in sound_of_clips(T, measured, measured.figures.totals())


def test_an_empty_project_shows_nothing(project: Project) -> None:
    assert sound_of_clips(T, project, project.figures.totals()) == ""
