"""What the System page checks."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from core.settings import Settings
from core.system import doctor, hardware
from core.system.doctor import Finding
from ui.i18n import Translator
from ui.tabs.system import tab as system_tab


def _tone(findings: list[Finding], key: str) -> str:
    return next(finding.tone for finding in findings if finding.key == key)


def test_this_machine_is_fit_to_run_it(tmp_path: Path) -> None:
    findings = doctor.examine(tmp_path / "not" / "there" / "yet")
    assert _tone(findings, "python") == "good"
    assert _tone(findings, "workspace") == "good"
    assert {finding.tone for finding in findings} <= {"good", "fair", "bad"}
    assert all(finding.fix for finding in findings if finding.tone == "bad")


def test_missing_ffmpeg_is_bad_and_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = next(finding for finding in doctor.examine(tmp_path) if finding.key.startswith("ffmpeg"))
    assert (missing.key, missing.tone, missing.fix) == ("ffmpeg_missing", "bad", "ffmpeg")


@pytest.mark.parametrize(
    ("built", "capability", "driver", "key"),
    [
        ((12, 6), 8.6, "560.35", "torch_cuda"),
        ((13, 0), 6.1, "580.65", "card_too_old"),
        ((12, 6), 12.0, "570.10", "card_too_new"),
        ((13, 0), 12.0, "560.35", "driver_too_old"),
        ((12, 8), 12.0, "570.10", "torch_cuda"),
    ],
)
def test_a_card_that_the_installed_torch_cannot_use_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: tuple[int, int], capability: float, driver: str, key: str
) -> None:
    monkeypatch.setattr(hardware, "cards", lambda: (hardware.Card("Some card", 12.0, 11.0, capability),))
    monkeypatch.setattr(doctor, "torch_cuda", lambda: built)
    monkeypatch.setattr(doctor, "_driver", lambda: driver)
    assert key in {finding.key for finding in doctor.examine(tmp_path)}


def test_a_torch_for_the_processor_beside_a_card_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "cards", lambda: (hardware.Card("Some card", 12.0, 11.0, 8.6),))
    monkeypatch.setattr(doctor, "torch_cuda", lambda: None)
    assert _tone(doctor.examine(tmp_path), "torch_no_cuda") == "bad"


def test_little_room_on_the_disk_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = SimpleNamespace(free=2 * 2**30, total=100 * 2**30)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert _tone(doctor.examine(tmp_path), "disk") == "bad"


def test_the_password_is_never_told() -> None:
    settings = Settings(password=SecretStr("sesame-open"), _env_file=None)  # type: ignore[call-arg]
    lines = doctor.setting_lines(settings)
    assert "sesame" not in repr(lines)
    assert next(line for line in lines if line.name == "password").variable == "VOICEWRIGHT_PASSWORD"
    assert {line.name for line in lines} == set(Settings.model_fields)


def test_how_busy_a_card_is_takes_more_than_one_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'NVIDIA L4, 23034, 20000, 8.9, 20'\necho 'NVIDIA A100 MIG, 9856, 9000, 8.0, [N/A]'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(hardware, "_KEPT_S", 0.0)
    monkeypatch.setattr(hardware, "_last", None)
    monkeypatch.setattr(hardware, "_looks", type(hardware._looks)(maxlen=hardware._LOOKS))
    for _ in range(hardware._LOOKS):
        assert hardware.busy_share() is None
        first, second = hardware.cards()
    assert (first.name, first.busy, second.busy) == ("L4", 0.2, None)
    assert hardware.busy_share() == pytest.approx(0.2)


def test_why_the_workspace_cannot_be_written_is_told_in_the_pages_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    line = system_tab._line(Translator("pt-BR"), doctor._writable(tmp_path, tmp_path))
    assert "(não se pode gravar nada nesse disco)" in line
