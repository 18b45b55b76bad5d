"""What the Voices page shows of a voice, what its form says, and what is taken along."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.engines import registry
from core.errors import UserError
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.synthesis.saved_voices import SavedVoice, change_voice, discard_voice, save_voice, saved_voice
from core.synthesis.voices import speakers
from core.training.config import config_text
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import toy as toy
from ui.http import voice_routes
from ui.i18n import LANGUAGES, Translator
from ui.page import Page
from ui.tabs.speak import tab as speak_tab
from ui.tabs.voices import tab as voices_tab
from ui.tabs.voices.card import new_voice, voice_cards
from ui.tabs.voices.editor import editor, fields_of, usual_references
from ui.tabs.voices.tab import _open, _toggled

T = Translator("en")
SETTINGS = Settings(_env_file=None)  # type: ignore


@pytest.fixture
def ana(humming: Project) -> Iterator[SavedVoice]:
    made = save_voice(humming, "<b>Ana</b>", "base:tuning-fork", settings={"speed": 1.5}, rights="<script>")
    yield made
    discard_voice(humming, made.id)


def test_a_voice_is_shown_with_all_it_is_made_of_and_nothing_of_it_is_taken_for_html(
    humming: Project, ana: SavedVoice
) -> None:
    for language in LANGUAGES:
        t = Translator(language)
        page = editor(t, humming, ana, speakers(humming)) + voice_cards(
            t, humming, [ana], speakers(humming), [], ana.id
        )
        assert "<b>Ana" not in page and "<script>" not in page and "&lt;b&gt;Ana" in page
        for part in ('name="speaker"', 'name="language"', 'name="rights"', 'value="1.5"', 'data-do="toggle-reference"'):
            assert part in page, part
        assert "Public domain" in page and "MODEL_CARD" not in page and t("voices.card") in page
        assert 'data-id="s1-0000"' in page and t("voices.reference_out") in page
    assert "adapter" not in editor(T, humming, ana, speakers(humming)), "a base has none"
    assert "primary" in new_voice(T, humming, speakers(humming), is_first=True)


def test_what_the_form_says_is_kept_and_what_is_no_number_is_named(humming: Project, ana: SavedVoice) -> None:
    form = {"speaker": "base:tuning-fork", "language": "en", "colour": "#7a5ca8", "rights": "Hers.", "seed": "7"}
    said = fields_of(humming, {**form, "setting-speed": "1,25", "setting-pace_s": " "})
    changed = change_voice(humming, ana.id, **said)
    assert (changed.settings, changed.seed, changed.language) == ({"speed": 1.25}, 7, "en")
    assert fields_of(humming, {"seed": ""})["seed"] == 0
    for typed in ("fast", "nan", "inf", "1e999"):
        with pytest.raises(UserError) as caught:
            fields_of(humming, {"setting-speed": typed})
        assert caught.value.code == "voice.number"


def test_references_are_taken_in_and_left_out_but_never_all(humming: Project, ana: SavedVoice) -> None:
    assert _toggled(humming, ana, "another") == ("s1-0000", "another"), "beside what was chosen by itself"
    with pytest.raises(UserError) as caught:
        _toggled(humming, ana, "s1-0000")
    assert caught.value.code == "voice.last_reference"
    assert _open(humming, "?saved=-") is None and _open(humming, "?saved=none") is None
    opened = _open(humming, "?tab=voices")
    assert opened is not None and opened.id == ana.id, "the only one there is"


def test_a_voice_whose_training_is_gone_is_shown_to_be_changed_or_deleted_even_where_nothing_else_can_speak(
    workspace: Workspace,
) -> None:
    project = workspace.create("Eva", "en", "xtts")
    eva = save_voice(project, "Eva", "lost:20")
    with gr.Blocks():
        hidden = [gr.Textbox(visible=False) for _ in range(3)]
        tab = voices_tab.build(Page(SETTINGS, workspace, T, *hidden))
    shown = "".join(str(value) for value in tab.refresh(project, "").values())
    assert T("voices.speaker_gone") in shown and T("voices.no_voice") in shown
    assert 'data-do="delete-voice"' in shown and 'id="voice-editor"' in shown and 'value="lost:20" selected' in shown
    assert usual_references(project, eva) == []


def test_a_voice_is_taken_along_as_its_card_and_its_adapter(humming: Project, ana: SavedVoice) -> None:
    app = FastAPI()
    app.include_router(voice_routes.routes(humming.workspace, SETTINGS))
    with TestClient(app) as client:
        card = client.get(f"/download/{humming.slug}/voice/{ana.id}/card")
        assert card.text.startswith("---\nlanguage: en") and "Public domain" in card.text and "<script>" in card.text
        assert card.headers["content-type"].startswith("text/markdown") and "attachment" in str(card.headers)
        for path in (f"{ana.id}/adapter", "none/card", "..%2Fx/card"):
            assert client.get(f"/download/{humming.slug}/voice/{path}").status_code == 404
        config = config_text(registry.train_config("toy")(), dataset="none", base="tuning-fork", language="en")
        wish = TrainArgs(dataset="none", base="tuning-fork")
        run = Job.create(humming.runs, wish, title="First", name="first", files={"config.yaml": config}).path
        folder = run / "checkpoints" / "step-000020"
        folder.mkdir(parents=True)
        try:
            (folder / "adapter.json").write_text('{"vibrato_hz": 3}')
            (folder / "adapter.safetensors").write_bytes(b"weights")
            (folder / "state.pt").write_bytes(b"not to be taken along")
            change_voice(humming, ana.id, speaker="first:20")
            answer = client.get(f"/download/{humming.slug}/voice/{ana.id}/adapter")
            with zipfile.ZipFile(io.BytesIO(answer.content)) as entries:
                files = {name.split("/")[1]: entries.read(name) for name in entries.namelist()}
            about = {"MODEL_CARD.md", "voice.json", "base.toy.json"}
            assert {*files} == about | {"adapter.json", "adapter.safetensors", "reference-01.wav"}
            assert json.loads(files["voice.json"])["name"] == "<b>Ana</b>"
            base = json.loads(files["base.toy.json"])
            assert len(base["sha256"]) == 64 and base["references"] == [{"file": "reference-01.wav", "text": "Hum la."}]
            assert files["reference-01.wav"] == humming.clip_file("s1-0000").read_bytes()

            fork = humming.workspace.models / "tuning-fork"
            fork.rename(fork.with_name("away"))
            try:
                changed = saved_voice(humming, ana.id)
                for language in LANGUAGES:
                    t = Translator(language)
                    headers = {"Accept-Language": language}
                    answer = client.get(f"/download/{humming.slug}/voice/{ana.id}/adapter", headers=headers)
                    assert answer.status_code == 409 and "Tuning fork" in answer.text and t("tabs.train") in answer.text
                    page = editor(t, humming, changed, speakers(humming))
                    assert answer.text in page and "/adapter" not in page
                    assert answer.text in speak_tab._setup(t, humming, f"?voice={ana.id}"), "before anything is said"
            finally:
                fork.with_name("away").rename(fork)
        finally:
            shutil.rmtree(run)
