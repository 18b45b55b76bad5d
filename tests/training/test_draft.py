"""Settings that were changed and not yet trained with."""

from __future__ import annotations

from core.project.workspace import Project
from core.training.draft import changed_settings, keep_changed_settings


def test_changed_settings_are_kept_for_each_preset_until_they_are_reset(project: Project) -> None:
    keep_changed_settings(project, "xtts-cpu", {"learning_rate": 0.0005, "max_steps": 90})
    keep_changed_settings(project, "xtts-6gb", {"seed": 7})
    assert changed_settings(project, "xtts-cpu") == {"learning_rate": 0.0005, "max_steps": 90}
    assert changed_settings(project, "xtts-6gb") == {"seed": 7}
    keep_changed_settings(project, "xtts-cpu", {})
    assert changed_settings(project, "xtts-cpu") == {}


def test_what_cannot_be_trained_with_is_not_kept_and_a_broken_draft_is_none(project: Project) -> None:
    keep_changed_settings(project, "xtts-cpu", {"max_steps": 90})
    keep_changed_settings(project, "xtts-cpu", {"max_steps": 0})
    assert changed_settings(project, "xtts-cpu") == {"max_steps": 90}
    (project.path / "draft.json").write_text('{"xtts-cpu": {"no_such_setting": 1}}')
    assert changed_settings(project, "xtts-cpu") == {}
    (project.path / "draft.json").write_text("[")
    assert changed_settings(project, "xtts-cpu") == {}
