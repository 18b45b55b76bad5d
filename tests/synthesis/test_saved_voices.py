"""A saved voice is one file; whoever lets it speak (page, REST, OpenAI's API, Wyoming) speaks as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from core import trash
from core.errors import UserError
from core.inspection import of_project
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.project.records import Clip, Source
from core.project.workspace import Project
from core.report.model_card import model_card
from core.synthesis.exports import brought
from core.synthesis.saved_voices import change_voice, discard_voice, save_voice, saved_voice, saved_voices
from core.synthesis.start import best_references, complete, reference_quality
from core.synthesis.voices import language_of, named_voice, voice, voices


@pytest.fixture
def saved(humming: Project) -> Iterator[str]:
    """A voice that was saved in the humming project, by its id."""
    made = save_voice(humming, "  Ana,\n calm ", "base:tuning-fork", settings={"pace_s": 0.0, "speed": 1.5}, seed=7)
    yield made.id
    for entry in saved_voices(humming):
        (humming.voices / f"{entry.id}.json").unlink()


def test_what_programs_ask_for_by_name_speaks_as_the_saved_voice_says(humming: Project, saved: str) -> None:
    assert [choice.id for choice in voices(humming)] == [saved, "base:tuning-fork"] and saved == "ana-calm"
    change_voice(
        humming, saved, reference_clip_ids=["s1-0000"], language="EN", colour="#7a5ca8", rights=" She  agreed."
    )
    first = named_voice(humming.workspace, humming.slug)
    assert first.choice.id == saved and named_voice(humming.workspace, f"{humming.slug}/{saved}").choice == first.choice
    args = complete(humming, first.choice.wish(SynthesizeArgs, text="Hum."))
    assert (args.seed, args.settings, args.voice) == (7, {"pace_s": 0.0, "speed": 1.5}, "Ana, calm")
    assert args.reference_clip_ids == ("s1-0000",) and args.base == "tuning-fork" and language_of(first) == "en"
    asked = first.choice.wish(SynthesizeArgs, text="Hum.", seed=0, settings={"speed": 2.0}, language="en")
    assert (asked.seed, asked.settings) == (0, {"pace_s": 0.0, "speed": 2.0})
    export = first.choice.wish(ExportArgs, name="Ana")
    assert (export.rights, export.colour, export.settings["speed"]) == ("She agreed.", "#7a5ca8", 1.5)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": " \n"}, "voice.no_name"),
        ({"colour": "red;background:url(//x)"}, "voice.colour"),
        ({"settings": {"speed": 99}}, "speak.setting_range"),
        ({"settings": {"volume": 1}}, "speak.setting"),
        ({"language": "xx"}, "engine.language"),
        ({"reference_clip_ids": ["../../x"]}, ""),
        ({"reference_clip_ids": ["gone"]}, "speak.no_clip"),
    ],
)
def test_what_a_voice_cannot_have_is_named_and_nothing_changes(
    humming: Project, saved: str, fields: dict[str, object], code: str
) -> None:
    before = saved_voice(humming, saved)
    with pytest.raises((UserError, ValueError)) as caught:
        change_voice(humming, saved, **fields)
    assert not code or caught.value.code == code  # type: ignore[attr-defined]
    assert saved_voice(humming, saved) == before


def test_a_reference_that_is_gone_keeps_nothing_else_from_being_changed(humming: Project, saved: str) -> None:
    change_voice(humming, saved, reference_clip_ids=["s1-0000"])
    path = humming.clip_file("s1-0000")
    path.rename(path.with_suffix(".away"))
    try:
        assert change_voice(humming, saved, name="Bea").name == "Bea"
        assert saved_voice(humming, saved).reference_clip_ids == ("s1-0000",)
    finally:
        path.with_suffix(".away").rename(path)


def test_a_voice_goes_to_the_trash_and_comes_back_and_two_of_a_name_stay_apart(humming: Project, saved: str) -> None:
    other = save_voice(humming, "Ana, calm", "base:tuning-fork")
    assert other.id != saved and other.colour != saved_voice(humming, saved).colour
    discard_voice(humming, saved)
    discard_voice(humming, saved)
    assert [entry.id for entry in saved_voices(humming)] == [other.id]
    [entry] = [entry for entry in trash.contents(humming.workspace) if entry.kind == "saved_voice"]
    trash.restore(humming.workspace, entry.id)
    assert {entry.id for entry in saved_voices(humming)} == {saved, other.id}


def test_a_damaged_voice_is_named_and_the_others_speak(humming: Project, saved: str) -> None:
    path = humming.voices / "broken.json"
    for content in ("{", '{"name": "X", "speaker": "no checkpoint", "saved_at": 1}', '{"name": "X"}', "[]"):
        path.write_text(content)
        assert [entry.id for entry in saved_voices(humming)] == [saved]
        assert [file.kind for file in of_project(humming)] == ["saved_voice"]
    path.unlink()


def test_a_voice_whose_checkpoint_is_gone_stays_and_says_nothing(humming: Project) -> None:
    kept = save_voice(humming, "Old", "a-run:20")
    try:
        assert [entry.id for entry in saved_voices(humming)] == [kept.id] and kept.checkpoint is not None
        assert all(choice.id != kept.id for choice in voices(humming))
        found = voice(humming, kept.id)
        assert found is not None and found.id != kept.id
        assert "no longer there" in model_card(humming, "Old", SynthesizeArgs(checkpoint=kept.checkpoint))
    finally:
        discard_voice(humming, kept.id)


def test_references_are_those_most_alike_and_most_surely_understood(humming: Project) -> None:
    def clip(number: int, **facts: object) -> Clip:
        return Clip(f"r{number}", "s1", 0.0, 2.0, text="Hum la.", status="approved", **facts)  # type: ignore[arg-type]

    clips = [
        clip(0, confidence=0.9, speaker_similarity=0.4),
        clip(1, confidence=0.9, speaker_similarity=0.9),
        clip(2, confidence=0.9, speaker_similarity=0.9, mismatch=0.5),
        clip(3, confidence=0.3, speaker_similarity=0.9),
    ]
    assert reference_quality(clips[1]) == pytest.approx(0.81) and reference_quality(Clip("x", "s", 0, 1)) == 0
    project = humming.workspace.create("References", "en", "toy")
    project.store.add_source(Source(id="s1", title="Tone", seconds=2, sample_rate=16_000))
    project.store.replace_clips("s1", clips)
    assert best_references(project, 4)[0] == "r1"


def test_how_a_foreign_voice_speaks_is_taken_over_as_far_as_it_makes_sense(humming: Project) -> None:
    path = humming.path / "manifest-of-a-stranger.json"
    cases = [
        ({"speaking": {"settings": {"speed": 1.5}, "seed": 3}}, {"settings": {"speed": 1.5}, "seed": 3}),
        ({"speaking": {"settings": {"speed": 99}}}, {}),
        ({"speaking": {"settings": {"rm": 1}}}, {}),
        ({"speaking": [1]}, {}),
        ({"speaking": {"seed": -5}}, {"settings": {}, "seed": 0}),
        ([], {}),
        ({}, {}),
    ]
    for manifest, manner in cases:
        path.write_text(json.dumps(manifest))
        assert brought(path, "toy").manner == manner
    path.unlink()
    assert brought(path, "toy").manner == {}
