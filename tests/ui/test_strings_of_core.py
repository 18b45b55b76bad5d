"""Keys that core hands out have their sentence in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.engines.xtts.options import XttsTrainConfig
from core.settings import Settings
from core.training.presets import presets
from ui.i18n import LANGUAGES, Translator

CORE = Path(__file__).resolve().parents[2] / "core"


def _found(file: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (CORE / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_and_every_fix_of_the_doctor(language: str) -> None:
    t = Translator(language)
    findings = _found("system/doctor.py", r'Finding\("(\w+)"')
    fixes = _found("system/doctor.py", r'"(python|launch\w*|ffmpeg|card|\w+_torch|driver|memory|disk|workspace)"[)*]')
    assert len(findings) > 12
    assert not [key for key in findings if not t.has(f"system.{key}")]
    assert not [key for key in fixes if not t.has(f"system.fix_{key}")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_about_the_way_a_request_came(language: str) -> None:
    t = Translator(language)
    findings = _found("system/connection.py", r'Finding\(\s*"(\w+)"') | {"proxied"}
    fixes = _found("system/connection.py", r'values, "(\w+)"\)') | {"proxy_untrusted"}
    assert len(findings) >= 6
    assert not [key for key in findings if not t.has(f"system.{key}")]
    assert not [key for key in fixes if not t.has(f"system.fix_{key}")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_of_the_coach_says_what_is_seen_what_it_means_and_what_to_do(language: str) -> None:
    t = Translator(language)
    keys = _found("training/diagnosis.py", r'Remark\("(\w+)"') | {
        "by_heart",
        "learnt_by_heart",
        "skipped",
        "smaller",
        "more_anew",
    }
    keys |= {"by_heart", "learnt_by_heart", "skipped", "smaller", "more_anew"}
    keys |= _found("coach/rules.py", r'Finding\("(\w+)"')
    lights = {f"light_{key}" for key in _found("dataset/grades.py", r'Grade\("(\w+)"')}
    assert len(keys) > 25
    wanted = {*keys, *(f"{key}_{part}" for key in keys | lights for part in ("means", "do"))}
    assert not [key for key in wanted if not t.has(f"finding.{key}")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_light_and_reason_of_a_dataset(language: str) -> None:
    t = Translator(language)
    lights = _found("dataset/grades.py", r'Grade\("(\w+)"')
    reasons = _found("dataset/checks.py", r'"dataset\.(\w+)"')
    wanted = [f"light_{key}_{level}" for key in lights for level in ("good", "fair", "poor")]
    wanted += [f"reason_{key}" for key in reasons]
    assert len(lights) >= 12
    assert not [key for key in wanted if not t.has(f"dataset.{key}")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_and_preset(language: str) -> None:
    t = Translator(language)
    assert not [name for name in Settings.model_fields if not t.has(f"setting.{name}")]
    assert not [name for name in XttsTrainConfig.model_fields if not t.has(f"training.{name}_help")]
    assert not [
        preset.id for preset in presets("xtts") if not (t.has(preset.label_key) and t.has(preset.description_key))
    ]
