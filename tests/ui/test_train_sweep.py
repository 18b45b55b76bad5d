"""Values tried in turn on the Train page: what is shown of them belongs to one project and preset."""

from __future__ import annotations

import gradio as gr
import numpy as np

from core.audio.samples import write_wav
from core.dataset.freeze import freeze
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.settings import Settings
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.train.selection import Selection
from ui.tabs.train.sweep import SweepDraft, sweep_preview
from ui.tabs.train.tab import build


def test_the_cost_of_a_sweep_is_not_left_on_show_beside_its_button_in_another_project(workspace: Workspace) -> None:
    ana, bruno = (workspace.create(name, "en") for name in ("Ana", "Bruno"))
    for project in (ana, bruno):
        _freeze_noise(project)
    settings = Settings(_env_file=None, workspace=workspace.path)  # type: ignore[call-arg]
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "train", "")]
        tab = build(Page(settings, workspace, Translator("en"), *hidden))
    _, _, path, *values = (component.value for component in tab.inputs)
    chosen = Selection.read(ana, "")
    draft = SweepDraft(chosen.dataset, chosen.preset.id, chosen.base, {})
    assert 'data-do="sweep-start"' in sweep_preview(Translator("en"), ana, draft, "learning_rate", "0.0001 0.0002")

    shown_for = f"{ana.slug}/{chosen.preset.id}"
    stays, changes = (tab.refresh(project, "", shown_for, path, *values) for project in (ana, bruno))
    emptied = [part for part, view in changes.items() if isinstance(part, gr.HTML) and view == "" and part not in stays]
    assert len(emptied) == 1 and emptied[0] in tab.outputs


def _freeze_noise(project: Project) -> None:
    sound = (0.1 * np.random.default_rng(0).standard_normal(22_050)).astype(np.float32)
    clips = [Clip(f"a-{n}", "a", n, n + 1.0, text="Hello there, all of you.", status="approved") for n in range(5)]
    project.store.add_source(Source("a", "Morning", seconds=60.0, sample_rate=22_050), [], clips)
    project.clips.mkdir(exist_ok=True)
    for clip in clips:
        write_wav(project.clip_file(clip.id), sound, 22_050)
    freeze(project)
