"""Self-check of the installation for the System page: findings, each with a way to mend it. Imports no torch."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from pydantic import SecretStr

from core import REPOSITORY
from core.reasons import reason_of
from core.settings import Settings
from core.system import hardware

_PYTHON = ((3, 10), (3, 12))
_DISK_GB = (5.0, 20.0)  # below the first a run may not end, from the second on there is room for base model and runs
_MEMORY_GB = (7.0, 14.0)
# Lowest and highest compute capability that PyTorch's builds for a CUDA version hold code for, and the oldest driver.
_CUDA = (
    ((11, 0), (3.7, 9.0), 450),
    ((12, 0), (5.0, 9.0), 525),
    ((12, 8), (7.0, 12.0), 525),
    ((13, 0), (7.5, 12.1), 580),
)


@dataclass(frozen=True)
class Finding:
    """One line: ``key`` names its sentence, ``tone`` is good, fair or bad, ``fix`` names what to do, if anything."""

    key: str
    tone: str
    values: dict[str, Any] = field(default_factory=dict)
    fix: str = ""


@dataclass(frozen=True)
class SettingLine:
    """A setting as it is now; a secret's value is never told."""

    name: str
    variable: str
    value: str
    secret: bool


def examine(workspace: Path) -> list[Finding]:
    """Every check, in the order a person should read them. Takes some tens of milliseconds."""
    return [
        _python(),
        _packages(REPOSITORY / "requirements.txt"),
        _ffmpeg(),
        *_graphics(),
        _memory(),
        *_disk(workspace),
    ]


def version() -> str:
    """Voicewright's own version."""
    match = re.search(r'^version = "([^"]+)"', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    return match.group(1) if match else ""


def setting_lines(settings: Settings) -> list[SettingLine]:
    """All settings with the environment variable that sets each."""
    prefix = settings.model_config.get("env_prefix", "")
    lines = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        secret = name == "password" or isinstance(value, SecretStr)
        text = ("•••••" if value else "") if secret else str(value)
        lines.append(SettingLine(name, f"{prefix}{name.upper()}", text, secret))
    return lines


def _python() -> Finding:
    low, high = _PYTHON
    good = low <= sys.version_info[:2] <= high
    values = {"version": platform.python_version()}
    return Finding("python", "good" if good else "bad", values, "" if good else "python")


@lru_cache
def _packages(pins: Path) -> Finding:
    pins_by_name = _pins(pins)
    missing, mismatches = [], []
    for name, pin in pins_by_name.items():
        try:
            present = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        # "2.11.0+cpu" is the same release as "2.11.0", built for another machine.
        if present.split("+")[0] != pin.split("+")[0]:
            mismatches.append(f"{name} {present} ({pin})")
    if missing:
        return Finding("packages_missing", "bad", {"names": ", ".join(missing)}, "launch")
    if mismatches:
        return Finding("packages_other", "fair", {"names": ", ".join(mismatches)}, "launch")
    return Finding("packages", "good", {"count": len(pins_by_name)})


def _pins(pins: Path) -> dict[str, str]:
    """Package names and versions that a requirements file asks of this Python."""
    lines = (line.split("#")[0].strip() for line in _text(pins).splitlines())
    requirements = [Requirement(line) for line in lines if "==" in line]
    return {r.name: next(iter(r.specifier)).version for r in requirements if r.marker is None or r.marker.evaluate()}


def _ffmpeg() -> Finding:
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        return Finding("ffmpeg_missing", "bad", fix="ffmpeg")
    first = _output_of("ffmpeg", "-hide_banner", "-version")
    match = re.search(r"version (\S+)", first)
    return Finding("ffmpeg", "good", {"version": match.group(1) if match else "?"})


def _graphics() -> list[Finding]:
    """Card, driver, and whether the installed PyTorch can use them."""
    torch = _version_of("torch")
    cuda_version = torch_cuda()
    cards = hardware.cards()
    if not torch:
        return [Finding("torch_missing", "bad", fix="launch")]
    if not cards:
        return [Finding("no_card", "fair", fix="card"), Finding("torch", "good", {"version": torch})]
    card = cards[0]
    lines = [Finding("card", "good", {"name": card.name, "gb": round(card.total_gb, 1), "capability": card.capability})]
    if cuda_version is None:
        return [*lines, Finding("torch_no_cuda", "bad", {"version": torch}, "launch_again")]
    return [*lines, _fits(torch, cuda_version, card.capability, _driver())]


def _fits(torch: str, cuda_version: tuple[int, int], capability: float, driver: str) -> Finding:
    cuda = f"{cuda_version[0]}.{cuda_version[1]}"
    _, (low, high), oldest = next(row for row in reversed(_CUDA) if row[0] <= max(cuda_version, _CUDA[0][0]))
    values = {"version": torch, "cuda": cuda, "capability": capability, "driver": driver, "oldest": oldest}
    if capability < low:
        return Finding("card_too_old", "bad", values, "older_torch")
    # A newer card of the same major version runs the code of an older one.
    if int(capability) > int(high):
        return Finding("card_too_new", "bad", values, "newer_torch")
    if driver and int(driver.split(".")[0]) < oldest:
        return Finding("driver_too_old", "bad", values, "driver")
    return Finding("torch_cuda", "good", values)


def torch_cuda() -> tuple[int, int] | None:
    """The CUDA version the installed PyTorch was built for, read from its version file; None: for the processor."""
    spec = find_spec("torch")
    if spec is None or not spec.origin:
        return None
    match = re.search(r"^cuda\b[^=]*=\s*['\"](\d+)\.(\d+)", _text(Path(spec.origin).with_name("version.py")), re.M)
    return (int(match.group(1)), int(match.group(2))) if match else None


def _driver() -> str:
    return _output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").split("\n")[0].strip()


def _memory() -> Finding:
    gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    tone = _tone(gb, _MEMORY_GB)
    return Finding("memory", tone, {"gb": round(gb, 1)}, "" if tone == "good" else "memory")


def _disk(workspace: Path) -> list[Finding]:
    existing = next(path for path in (workspace, *workspace.parents) if path.exists())
    usage = shutil.disk_usage(existing)
    free = usage.free / 2**30
    tone = _tone(free, _DISK_GB)
    room = Finding(
        "disk", tone, {"free": round(free, 1), "total": round(usage.total / 2**30)}, "disk" * (tone != "good")
    )
    return [_writable(workspace, existing), room]


def _writable(workspace: Path, existing: Path) -> Finding:
    values = {"folder": str(workspace)}
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("workspace", "good", values)
    except OSError as error:
        return Finding("workspace_locked", "bad", {**values, "why": reason_of(error)}, "workspace")


def _tone(value: float, limits: tuple[float, float]) -> str:
    fair, good = limits
    return "good" if value >= good else "fair" if value >= fair else "bad"


def _version_of(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


_answers: dict[tuple[str, ...], str] = {}


def _output_of(*command: str) -> str:
    """What a program answers, asked until it does and then kept: starting one takes tenths of a second."""
    if command not in _answers and (answer := _output(*command)):
        _answers[command] = answer
    return _answers.get(command, "")


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
