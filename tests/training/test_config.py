"""Settings and presets: refused with a reason, described once, labelled in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from core.engines.f5.options import F5SpeakingOptions, F5TrainConfig
from core.engines.options import TrainConfig
from core.engines.xtts.options import XttsSpeakingOptions, XttsTrainConfig
from core.errors import UserError
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Workspace
from core.system import hardware
from core.training.config import config_text, make_config, read_config
from core.training.presets import choose, machine_preset, preset, presets
from core.training.run import CONFIG, Run
from core.training.sentences import held_out

I18N = Path(__file__).resolve().parents[2] / "ui" / "i18n"


def test_an_unknown_setting_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(UserError) as caught:
        make_config({"learning_rat": 1e-4}, "xtts")
    assert caught.value.code == "train.unknown_setting"
    assert caught.value.values["close"] == "learning_rate"
    assert all(name in caught.value.hint for name in XttsTrainConfig.model_fields)


@pytest.mark.parametrize(
    "values",
    [{"batch_size": 0}, {"precision": "int4"}, {"reference_min_s": 8.0}, {"learning_rate": "fast"}],
)
def test_a_setting_out_of_range_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        make_config(values, "xtts")
    assert caught.value.code == "train.bad_setting"
    assert caught.value.values["key"] in values


def test_a_frozen_config_reads_back(tmp_path: Path) -> None:
    config = XttsTrainConfig(max_steps=7, learning_rate=3e-4)
    (tmp_path / "config.yaml").write_text(config_text(config, preset="xtts-cpu", language="pt"))
    assert read_config(tmp_path / "config.yaml") == (config, {"preset": "xtts-cpu", "language": "pt"})


def test_a_run_from_before_checkpoints_were_cleared_away_keeps_them_all(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("preset: xtts-cpu\nsettings:\n  max_steps: 7\n")
    assert read_config(tmp_path / "config.yaml")[0] == XttsTrainConfig(max_steps=7, keep_checkpoints=0)


def test_a_run_of_the_same_name_in_a_project_of_the_same_name_has_its_own_config(workspace: Workspace) -> None:
    def read(steps: int) -> int:
        project = workspace.create("Anna")
        files = {CONFIG: config_text(XttsTrainConfig(max_steps=steps))}
        job = Job.create(project.runs, TrainArgs(base="starter", dataset="d"), name="run", files=files)
        total = Run(project, job.id).read().total
        assert project.slug == "anna"
        workspace.delete(project)
        return total

    assert [read(5), read(7)] == [5, 7]


@pytest.mark.parametrize(
    ("vram_gb", "expected"),
    [
        (None, "xtts-cpu"),
        (4.0, "xtts-6gb"),
        (7.6, "xtts-8gb"),
        (11.6, "xtts-12gb"),
        (15.7, "xtts-16gb"),
        (23.5, "xtts-24gb"),
        (80.0, "xtts-40gb"),
    ],
)
def test_the_preset_follows_from_the_card(vram_gb: float | None, expected: str) -> None:
    assert choose(vram_gb, "xtts").id == expected


def test_a_machine_gets_its_cards_preset_unless_the_processor_is_wished_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "cards", lambda: (hardware.Card("Some card", 11.6, 11.0, 8.6),))
    assert machine_preset("xtts").id == "xtts-12gb" and machine_preset("xtts", "cpu").id == "xtts-cpu"
    monkeypatch.setattr(hardware, "cards", lambda: ())
    assert machine_preset("xtts").id == "xtts-cpu"


def test_every_preset_is_valid_and_takes_overrides() -> None:
    for one in (*presets("xtts"), *presets("f5")):
        assert one.config().max_steps >= one.config().save_every
        assert one.config({"max_steps": 9}).max_steps == 9
    with pytest.raises(UserError, match="xtts-cpu"):
        preset("xtts-nothing")


def test_the_whole_model_learns_slowly_and_only_if_wished() -> None:
    full = preset("xtts-full-16gb")
    assert full.config().train_what == "full" and full.config().learning_rate <= 1e-5
    assert not full.is_suggested and presets("xtts")[-1] == full and choose(16.0, "xtts").config().train_what == "lora"


def test_every_setting_has_a_range_and_a_group() -> None:
    for name, field in {**XttsTrainConfig.model_fields, **F5TrainConfig.model_fields}.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict) and extra["group"], name
        assert field.description, name
        assert field.metadata or field.annotation is bool or "Literal" in str(field.annotation), name


def merged(language: str) -> dict[str, Any]:
    """All texts of a language, whether they lie in one file or in parts."""
    texts: dict[str, Any] = {}
    for path in sorted(I18N.glob(f"{language}*.yaml")):
        for section, entries in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if isinstance(entries, dict):
                texts.setdefault(section, {}).update(entries)
    return texts


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_every_setting_and_preset_is_labelled(language: str) -> None:
    texts = merged(language)
    for name in (*XttsTrainConfig.model_fields, *F5TrainConfig.model_fields):
        assert texts["training"][name] and texts["training"][f"{name}_help"], name
    for name in (*XttsSpeakingOptions.model_fields, *F5SpeakingOptions.model_fields):
        assert texts["speaking"][name] and texts["speaking"][f"{name}_help"], name
    for one in (*presets("xtts"), *presets("f5")):
        assert texts["presets"][f"{one.id}.label"] and texts["presets"][f"{one.id}.description"], one.id


def test_held_out_sentences_come_from_the_language_then_from_the_validation_set() -> None:
    three = held_out("en", ["Yes.", "A sentence of the validation set, long enough to hear something."], 5, "xtts")
    assert len(three) == 5 and "train" in three[0]
    assert three[3].startswith("A sentence") and three[4] == "Yes."
    assert held_out("pt-BR", [], 3, "xtts")[0].startswith("O trem")
    assert held_out("hi", ["एक वाक्य"], 3, "xtts") == ["एक वाक्य"]


EARLIER = Path(__file__).resolve().parents[1] / "data" / "runs" / "earlier"
ADDED = {"early_stop_by": "loss", "measure_samples": True}  # since that version, with what they are for its runs


def test_a_run_of_an_earlier_version_reads_as_it_was(workspace: Workspace) -> None:
    project = workspace.create("Anna")
    about = {"base": "xtts-v2", "dataset": "abc123"}
    job = Job.create(project.runs, TrainArgs(**about), files={CONFIG: (EARLIER / CONFIG).read_text()})
    job.events_path.write_bytes((EARLIER / "events.jsonl").read_bytes())
    view = Run(project, job.id).read()
    assert isinstance(view.config, XttsTrainConfig)
    assert view.config.model_dump() == yaml.safe_load((EARLIER / CONFIG).read_text())["settings"] | ADDED
    assert view.train == [(step, pytest.approx(4.0 - step / 10)) for step in range(1, 11)]
    assert view.val == [(0, 4.5), (10, 3.5)] and view.job.metrics[10]["text_loss"] == 5.0
    assert view.step == 10 and view.about["base"] == "xtts-v2"


def test_the_form_keeps_the_order_in_which_people_know_the_settings() -> None:
    known = [name for name in XttsTrainConfig.form_fields() if name not in ADDED]
    assert known == list(yaml.safe_load((EARLIER / CONFIG).read_text())["settings"])
    assert TrainConfig.form_fields() == list(TrainConfig.model_fields)


def test_settings_of_one_engine_are_refused_where_an_engine_has_them_not() -> None:
    with pytest.raises(ValidationError, match="lora_rank"):
        TrainConfig.model_validate({"lora_rank": 8})
