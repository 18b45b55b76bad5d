"""What a run needs is looked at before Start, of every engine by the contract alone, and told with a light."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from core.audio.samples import write_wav
from core.dataset.freeze import freeze
from core.engines.bases import BaseModels
from core.engines.manifest import changed_files, verify
from core.engines.registry import bases, info
from core.errors import UserError
from core.files import sha256_file, write_json
from core.jobs import events
from core.jobs.args.bases import FetchBaseArgs, RewriteBaseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.system import hardware
from core.training.prerequisites import prerequisites
from core.training.presets import preset
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.train import tab as train_tab
from ui.tabs.train.ready import ready_view


def frozen(workspace: Workspace, engine: str, text: str = "Hello there.", count: int = 4) -> tuple[Project, str]:
    """A project of an engine with a dataset of a few clips."""
    project = workspace.create("Ana", "en", engine)
    project.store.add_source(Source("s", "Talk", seconds=60.0))
    clips = [Clip(f"s-{n:04d}", "s", 4.0 * n, 4.0 * n + 2, text=text, status="approved") for n in range(count)]
    project.store.replace_clips("s", clips)
    rate = info(engine).clip_rate
    for clip in clips:
        write_wav(project.clip_file(clip.id), np.full(2 * rate, 0.1, np.float32), rate)
    return project, freeze(project).id


def told(project: Project, dataset: str, base: str, size: str = "cpu") -> dict[str, str]:
    """``level verdict`` by what is looked at; each can be said in both languages."""
    chosen = preset(f"{project.info.engine}-{size}")
    for language in ("en", "pt-BR"):
        assert "{" not in ready_view(Translator(language), project, dataset, base, None, chosen)
    needed = prerequisites(project, dataset, base, chosen, chosen.config())
    assert [item.key for item in needed] == ["dataset", "letters", "memory", "disk", "base"]
    return {item.key: f"{item.level} {item.verdict}" for item in needed}


@pytest.mark.parametrize("engine", ["xtts", "f5"])
def test_a_small_dataset_and_a_base_that_is_made_can_be_started_with(workspace: Workspace, engine: str) -> None:
    project, dataset = frozen(workspace, engine)
    small = bases(engine).small
    assert told(project, dataset, small) == {
        "dataset": "fair little",
        "letters": "good good",
        "memory": "fair processor",
        "disk": "good good",
        "base": "good made",
    }
    assert told(project, "gone", small)["dataset"] == "bad none"
    assert told(project, dataset, small, "8gb")["memory"] == "fair slow"


@pytest.mark.parametrize("engine", ["xtts", "f5"])
def test_a_base_is_followed_from_its_licence_to_the_file_that_is_no_more_what_came(
    workspace: Workspace, engine: str
) -> None:
    project, dataset = frozen(workspace, engine)
    models: BaseModels = bases(engine)
    base, folder = models.default, workspace.models / models.default
    assert told(project, dataset, base)["base"] == "bad license"
    models.accept_license(workspace.models, base)
    assert told(project, dataset, base)["base"] == "bad missing"
    folder.mkdir()
    for name in models.catalog[base].files:
        (folder / name).write_bytes(name.encode())
    files = [
        {"name": path.name, "size": path.stat().st_size, "sha256": sha256_file(path), "revision": "main"}
        for path in sorted(folder.iterdir())
    ]
    write_json(folder / "manifest.json", {"files": files})
    assert told(project, dataset, base)["base"] == "bad broken"  # there in full, but no model
    verify(folder)
    weights = folder / max(files, key=lambda file: int(str(file["size"])))["name"]
    assert changed_files(folder) == []
    weights.write_bytes(weights.read_bytes()[::-1])  # as long as it was
    with pytest.raises(UserError) as refusal:
        verify(folder)
    assert refusal.value.code == "base.changed" and refusal.value.values["name"] == weights.name
    weights.write_bytes(b"shorter")
    assert told(project, dataset, base)["base"] == "bad changed"


def test_letters_disk_and_memory_are_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    project, dataset = frozen(workspace, "f5", "Ônibus ďábel.")
    assert told(project, dataset, "f5-starter")["letters"] == "fair helped"
    assert told(project, "", "f5-starter")["letters"] == "fair unknown"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**8, total=10**9))
    assert told(project, dataset, "f5-starter")["disk"] == "bad full"
    card: Callable[[float, float], Any] = lambda total, free: (hardware.Card("RTX", total, free, 8.6),)  # noqa: E731
    for total, free, expected in ((7.9, 7.5, "good good"), (7.9, 3.0, "fair taken"), (5.9, 5.8, "fair tried")):
        monkeypatch.setattr(hardware, "cards", lambda total=total, free=free: card(total, free))
        assert told(project, dataset, "f5-starter", "8gb")["memory"] == expected
    eight = preset("f5-8gb")
    needed = prerequisites(project, dataset, "f5-starter", eight, eight.config({"auto_batch": False}))
    assert [(item.level, item.verdict) for item in needed if item.key == "memory"] == [("bad", "small")]


def test_a_folder_nobody_has_answered_for_is_asked_about(workspace: Workspace, tmp_path: Path) -> None:
    project, dataset = frozen(workspace, "f5")
    chosen = preset("f5-cpu")
    needed = prerequisites(project, dataset, "", chosen, chosen.config())
    assert needed[-1].verdict == "unnamed"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.safetensors").write_bytes(b"x")
    needed = prerequisites(project, dataset, str(tmp_path / "own"), chosen, chosen.config())
    assert (needed[-1].level, needed[-1].verdict) == ("bad", "broken")
    from core.engines.f5.text.vocabulary import package_vocabulary

    shutil.copyfile(package_vocabulary(), tmp_path / "own" / "vocab.txt")
    needed = prerequisites(project, dataset, str(tmp_path / "own"), chosen, chosen.config())
    assert (needed[-1].level, needed[-1].verdict) == ("bad", "unasked")
    bases("f5").answer(workspace.models, tmp_path / "own", {"flags": "v0", "conversion": "pinyin"})
    needed = prerequisites(project, dataset, str(tmp_path / "own"), chosen, chosen.config())
    assert (
        needed[-1].verdict == "known"
        and needed[-1].values["sha256"] == sha256_file(tmp_path / "own" / "model.safetensors")[:12]
    )


def test_the_questions_about_a_folder_stay_while_another_is_fetched(workspace: Workspace) -> None:
    project, _ = frozen(workspace, "f5")
    job = Job.create(project.jobs, FetchBaseArgs(address="ana/voz", paths={}, hub="http://127.0.0.1:9"))
    Reporter(job).emit(events.Finished(outcome="done", result={"folder": str(project.path)}))
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "train", "")]
        settings = Settings(_env_file=None, workspace=workspace.path)
        tab = train_tab.build(Page(settings, workspace, Translator("en"), *hidden))
    panels = [str(panel) for panel in tab.tick(project, "base=folder").values()]
    assert sum('data-do="fetch-base"' in panel and 'data-do="use-fetched"' in panel for panel in panels) == 1
    assert not any('id="prerequisites"' in panel for panel in panels)  # nothing about the folder changes by itself


def test_the_list_is_that_of_the_folder_in_the_field_while_another_is_worked_on(
    workspace: Workspace, tmp_path: Path
) -> None:
    project, _ = frozen(workspace, "f5")
    typed, other = tmp_path / "typed", tmp_path / "other"
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "train", "")]
        settings = Settings(_env_file=None, workspace=workspace.path)
        tab = train_tab.build(Page(settings, workspace, Translator("en"), *hidden))

    def lists() -> list[str]:
        panels = tab.tick(project, f"base=folder&folder={typed}").values()
        return [str(panel) for panel in panels if 'id="prerequisites"' in str(panel)]

    Job.create(project.jobs, RewriteBaseArgs(folder=other, file="model.pt"))
    assert lists() == []
    Job.create(project.jobs, RewriteBaseArgs(folder=typed, file="model.pt"))
    [shown] = lists()
    assert f"{typed}" in shown and f"{other}" not in shown
