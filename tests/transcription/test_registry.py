"""Which models there are, and what is refused before a job starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import UserError
from core.jobs.args.clips import TranscribeArgs
from core.project.workspace import Project, Workspace
from core.transcription import registry
from core.transcription.start import start_transcribe
from tests.transcription.conftest import MakeClips

CPU = {"device": "cpu"}


def refused(workspace: Workspace, model: str, language: str = "en", engine: str = "") -> str:
    with pytest.raises(UserError) as caught:
        registry.locate(workspace, model, language, engine)
    assert caught.value.hint
    return caught.value.code


def test_the_builtin_models_are_there_and_need_no_download(workspace: Workspace) -> None:
    english, every = registry.models(workspace)[:2]
    assert (english.id, english.is_downloaded, english.languages) == ("builtin:tiny.en", True, ("en",))
    assert (every.id, every.is_downloaded, every.languages) == ("builtin:base", True, ())
    assert registry.locate(workspace, "builtin:base", "pt", card=True).is_builtin
    # By its ordinary name as well, where faster-whisper runs it.
    assert registry.locate(workspace, "base", "pt").is_builtin
    assert not registry.locate(workspace, "base", "pt", card=True).is_builtin
    found = registry.locate(workspace, "builtin:tiny.en", "en")
    assert found.engine == "faster-whisper" and found.path and (found.path / "model.bin").is_file()


def test_qualities_name_models_that_understand_the_language(workspace: Workspace) -> None:
    for language in ("en", "pt", "zh-cn"):
        for quality in registry.qualities(workspace, language):
            assert quality.model.languages in ((), (language,))
    assert registry.choose("fast", "en") == "builtin:tiny.en"
    assert registry.choose("fast", "pt") == registry.choose("fast", "auto") == "builtin:base"
    with pytest.raises(ValueError, match="fast, balanced, best"):
        registry.choose("finest", "en")


def test_a_second_opinion_is_another_model_that_knows_the_language(workspace: Workspace) -> None:
    assert registry.second_choice(workspace, "builtin:tiny.en", "en").id == "builtin:base"
    assert registry.second_choice(workspace, "small", "pt").id == "builtin:base"
    assert registry.second_choice(workspace, "builtin:base", "pt").id == "small"
    folder = registry.model_folder(workspace, "faster-whisper") / "medium"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).touch()
    assert registry.second_choice(workspace, "builtin:tiny.en", "en").id == "medium"
    assert registry.same_weights("builtin:tiny.en", "tiny.en") and not registry.same_weights("tiny.en", "tiny")


def test_distilled_models_are_for_english_and_one_engine(workspace: Workspace) -> None:
    assert registry.locate(workspace, "distil-large-v3", "en", card=True).engine == "faster-whisper"
    assert refused(workspace, "distil-large-v3", "pt") == "asr.english_only"
    assert refused(workspace, "distil-large-v3", "en", "openai-whisper") == "asr.wrong_engine"
    assert "distil-large-v3" not in [model.id for model in registry.models(workspace, "openai-whisper")]


def test_a_model_counts_as_downloaded_only_when_it_is_whole(workspace: Workspace, builtin: Path) -> None:
    def downloaded() -> list[str]:
        return [model.id for model in registry.models(workspace, "faster-whisper") if model.is_downloaded]

    folder = registry.model_folder(workspace, "faster-whisper") / "base.en"
    folder.mkdir(parents=True)
    shutil.copy(builtin / "config.json", folder)
    shutil.copy(builtin / "tokenizer.json", folder)
    (folder / "model.bin.part").write_bytes(b"half")
    assert "base.en" not in downloaded()
    (folder / "model.bin.part").rename(folder / "model.bin")
    assert "base.en" in downloaded()
    assert registry.locate(workspace, "base.en", "en", "faster-whisper").path == folder


def test_what_cannot_work_is_refused_by_its_reason(workspace: Workspace, tmp_path: Path, builtin: Path) -> None:
    assert refused(workspace, "gigantic") == "asr.unknown_model"
    assert refused(workspace, "small.en", "pt") == "asr.english_only"
    assert refused(workspace, "builtin:tiny.en", "de") == "asr.english_only"
    assert refused(workspace, "small", engine="no-such-engine") == "asr.engine_missing"
    assert refused(workspace, str(tmp_path)) == "asr.wrong_folder"
    assert refused(workspace, str(tmp_path / "nowhere")) == "asr.wrong_folder"
    assert refused(workspace, str(builtin), engine="openai-whisper") == "asr.wrong_engine"


def test_an_incomplete_folder_is_told_what_is_missing(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(UserError, match=r"config\.json, tokenizer\.json"):
        registry.locate(workspace, str(tmp_path), "en")


def test_a_folder_or_file_chooses_its_engine(workspace: Workspace, tmp_path: Path, builtin: Path) -> None:
    (tmp_path / "mine.pt").touch()
    assert registry.locate(workspace, str(builtin), "en", card=True).engine == "faster-whisper"
    assert registry.locate(workspace, str(tmp_path), "en").engine == "openai-whisper"
    assert registry.locate(workspace, str(tmp_path / "mine.pt"), "en").engine == "openai-whisper"


def test_names_take_the_engine_that_suits_the_machine(workspace: Workspace) -> None:
    assert registry.locate(workspace, "small", "pt", card=False).engine == "faster-whisper"
    assert registry.locate(workspace, "small", "pt", card=True).engine == "openai-whisper"


def test_refusals_come_in_the_click_and_leave_no_job(project: Project, make_clips: MakeClips) -> None:
    with pytest.raises(UserError) as caught:
        start_transcribe(project, TranscribeArgs(model="builtin:tiny.en", **CPU))
    assert caught.value.code == "transcribe.no_clips"
    make_clips(1)
    with pytest.raises(UserError) as caught:
        start_transcribe(project, TranscribeArgs(model="builtin:tiny.en", second="tiny.en", **CPU))
    assert caught.value.code == "asr.same_model"
    with pytest.raises(UserError) as caught:
        start_transcribe(project, TranscribeArgs(model="builtin:tiny.en", language="pt", **CPU))
    assert caught.value.code == "asr.english_only"
    project.store.store_transcript("s1-0001", "Heard before.", 0.9, "en")
    with pytest.raises(UserError) as caught:
        start_transcribe(project, TranscribeArgs(model="builtin:tiny.en", **CPU))
    assert caught.value.code == "transcribe.nothing_left"
    assert project.all_jobs() == []


def test_the_page_does_not_load_an_engine() -> None:
    code = (
        "import sys, core.transcription.start, core.transcription.wer; from pathlib import Path; "
        "from core.transcription import registry; from core.project.workspace import Workspace; "
        "registry.qualities(Workspace(Path('x')), 'en'); registry.engines(); "
        "print([m for m in ('torch', 'whisper', 'faster_whisper', 'ctranslate2') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
