"""launch.sh: installs once, repairs what is broken, passes arguments through; proved with a stand-in Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.server.conftest import REPOSITORY, wait_for

# Behaves like a Python that can make environments of itself, and writes down what pip and the app were asked for.
STUB = """#!/bin/bash
record="{folder}/calls"
case "$1" in
    -c) case "$2" in
            *ensurepip*) exit 0 ;;
            *requires*) echo "yt-dlp-ejs==9.9" ;;
            *YoutubeDL*) [ -z "${{LOADER_FAILS:-}}" ] ;;
            *get_arch_list*) echo "torch $3" >> "$record"; [ "$3" = "${{HAS_TORCH:-}}" ] ;;
            "import pip") [ -e "$(dirname "$0")/pip-works" ] || [ "$0" = "{folder}/python" ] ;;
            *) exit 0 ;;
        esac ;;
    -V) echo "Python 3.11.0" ;;
    -m) case "$2" in
            venv) [ $# = 3 ] && cfg=false || cfg=true
                  while [ $# -gt 3 ]; do shift; done
                  mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/bin/pip-works"
                  echo "include-system-site-packages = $cfg" > "$3/pyvenv.cfg"
                  $cfg && echo "venv with the system's packages" >> "$record" || echo "venv" >> "$record" ;;
            pip) shift 2; echo "pip $*" >> "$record"; until [ -e "${{PIP_WAITS_FOR:-/}}" ]; do sleep 0.05; done
                 case "$*" in *"${{PIP_FAILS_AT:-no such thing}}"*) exit 1 ;; esac ;;
            *) echo "$2 ${{*:3}}" >> "$record"; [ "$2" != "${{FAILS:-}}" ] ;;
        esac ;;
    *) shift; {{ printf '%s' "app"; printf ' [%s]' "$@"; echo; }} >> "$record"; pwd > "{folder}/where" ;;
esac
"""


class Machine:
    """A copy of the launcher with a stand-in Python, FFmpeg and graphics card."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "with space" / "voicewright"
        self.home.mkdir(parents=True)
        for file in (REPOSITORY / "launch.sh", *REPOSITORY.glob("requirements*.txt")):
            shutil.copy(file, self.home / file.name)
        self.script("python", STUB.format(folder=folder))
        for name in ("ffmpeg", "ffprobe", "chromium"):
            self.script(name, "#!/bin/bash\n")
        self.environment = {
            "PATH": f"{folder}:/usr/bin:/bin",
            "HOME": str(folder),
            "VOICEWRIGHT_PYTHON": str(folder / "python"),
        }

    def script(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def card(self, *capabilities: str) -> None:
        """Put graphics cards in."""
        lines = "\\n".join(capabilities)
        self.script("nvidia-smi", f"#!/bin/bash\nprintf '{lines}\\n'\n")

    def start(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        """Run the launcher."""
        return subprocess.Popen(
            [self.home / "launch.sh", *arguments],
            cwd=cwd or self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def launch(self, *arguments: str, cwd: Path | None = None, code: int = 0, **environment: str) -> str:
        """Run the launcher to its end; gives what it said."""
        process = self.start(*arguments, cwd=cwd, **environment)
        said = process.communicate(timeout=60)[0]
        assert process.returncode == code, said
        return said

    def calls(self, keep: bool = False) -> list[str]:
        """What was asked of the stand-in since the last time."""
        record = self.folder / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        if not keep:
            record.unlink(missing_ok=True)
        return [line.replace(str(self.home), "HOME") for line in lines]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing is set up yet."""
    return Machine(tmp_path)


_PIP = "pip install --disable-pip-version-check --no-input"
LOCKED = f"{_PIP} --no-deps --require-hashes"
INSTALL = f"{LOCKED} -r HOME/requirements-lock.txt -r HOME/requirements-alone.txt"


def test_setup_installs_and_starts_nothing(machine: Machine) -> None:
    machine.launch("setup")
    calls = machine.calls()
    assert INSTALL in calls and not any("webui.py" in call for call in calls)


def test_the_first_start_sets_up_and_the_second_installs_nothing(machine: Machine) -> None:
    machine.launch("--port", "8000")
    assert machine.calls() == ["venv", INSTALL, "app [--port] [8000]"]
    assert machine.launch() == "", "nothing to say when nothing is to be done"
    assert machine.calls() == ["app []"]


def test_it_works_from_anywhere_and_arguments_arrive_whole(machine: Machine) -> None:
    elsewhere = machine.folder / "else where"
    elsewhere.mkdir()
    link = machine.folder / "link"
    link.symlink_to(machine.home / "launch.sh")
    machine.launch("--workspace", "my voices", "--root-path", "/v*", cwd=elsewhere)
    assert machine.calls()[-1] == "app [--workspace] [my voices] [--root-path] [/v*]"
    assert (machine.folder / "where").read_text().strip() == str(elsewhere), "relative paths keep their meaning"
    subprocess.run([link], env=machine.environment, check=True)
    assert machine.calls() == ["app []"]


def _torch(machine: Machine) -> str:
    """What the requirements name, without the last number."""
    return re.search(r"^torch==(\d+\.\d+)", (machine.home / "requirements.txt").read_text(), re.M)[1]  # type: ignore[index]


def test_a_torch_that_is_there_is_used_where_it_fits_and_asked_for(machine: Machine) -> None:
    pin = _torch(machine)
    machine.launch("setup", VOICEWRIGHT_SYSTEM_TORCH="1", HAS_TORCH=pin)
    asked, made, installed = machine.calls()
    assert (asked, made) == (f"torch {pin}", "venv with the system's packages")
    assert installed.startswith(f"{LOCKED} -r HOME/.venv/.requirements-lock.txt")
    lock = (machine.home / ".venv" / ".requirements-lock.txt").read_text()
    assert "gradio==" in lock and not re.search(r"^(torch|nvidia-\S*)==", lock, re.M)
    assert not machine.launch("setup") and not machine.calls(), "it stays as it is"


@pytest.mark.parametrize(("wish", "installed"), [("1", "1.0"), ("", "this")])
def test_another_torch_or_one_that_nobody_asked_for_is_left_alone(machine: Machine, wish: str, installed: str) -> None:
    has = installed if installed == "1.0" else _torch(machine)
    machine.launch("setup", VOICEWRIGHT_SYSTEM_TORCH=wish, HAS_TORCH=has)
    assert [call for call in machine.calls() if not call.startswith("torch")] == ["venv", INSTALL]


def test_uv_installs_where_it_is_there(machine: Machine) -> None:
    uv = f"""#!/bin/bash
        echo "uv $*" >> "{machine.folder}/calls"
        [ "$1" = pip ] || {{ mkdir -p "${{@: -1}}/bin" && cp "{machine.folder}/python" "${{@: -1}}/bin/python"
                            touch "${{@: -1}}/bin/pip-works" "${{@: -1}}/pyvenv.cfg"; }}
    """
    machine.script("uv", uv)
    machine.launch("setup")
    made, installed = machine.calls()
    assert made.startswith("uv venv -q --seed --allow-existing --python ") and made.endswith("HOME/.venv")
    assert installed == INSTALL.replace(_PIP, "uv pip install -q --python HOME/.venv/bin/python")


def test_changed_requirements_are_installed(machine: Machine) -> None:
    machine.launch()
    with open(machine.home / "requirements-lock.txt", "a") as file:
        file.write("# new\n")
    machine.calls()
    machine.launch()
    assert machine.calls() == [INSTALL, "app []"]


def test_a_failed_install_is_said_and_tried_again(machine: Machine) -> None:
    said = machine.launch(code=1, PIP_FAILS_AT="requirements-lock.txt")
    assert "could not be installed" in said
    assert machine.calls() == ["venv", INSTALL], "the app is not started on half of its packages"
    machine.launch()
    assert machine.calls() == [INSTALL, "app []"]


@pytest.mark.parametrize("damage", ["pip-works", "python"])
def test_a_broken_environment_is_made_anew(machine: Machine, damage: str) -> None:
    machine.launch()
    (machine.home / ".venv" / "bin" / damage).unlink()
    (machine.home / ".venv" / "left-over").touch()
    machine.calls()
    machine.launch()
    assert machine.calls() == ["venv", INSTALL, "app []"]
    assert not (machine.home / ".venv" / "left-over").exists()


def test_a_folder_that_is_no_environment_is_left_alone(machine: Machine) -> None:
    precious = machine.folder / "documents"
    precious.mkdir()
    (precious / "thesis").touch()
    assert "not a virtual environment" in machine.launch(code=1, VOICEWRIGHT_VENV=str(precious))
    assert os.listdir(precious) == ["thesis"]


def test_two_starts_at_once_install_once(machine: Machine) -> None:
    go = machine.folder / "go"
    first = machine.start(PIP_WAITS_FOR=str(go))
    wait_for(lambda: INSTALL in machine.calls(keep=True))
    second = machine.start()
    assert second.stdout is not None
    assert "Another launch" in second.stdout.readline()
    go.touch()
    first.communicate(timeout=60)
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(machine.calls()) == sorted(["venv", INSTALL, "app []", "app []"])


@pytest.mark.parametrize(
    ("cards", "old"),
    [
        (["6.1"], True),
        (["7.0", "7.5"], True),
        (["7.5"], False),
        (["8.6"], False),
        (["12.0"], False),
        (["6.1", "12.0"], False),
    ],
)
def test_cards_older_than_turing_get_the_other_build_of_torch(machine: Machine, cards: list[str], old: bool) -> None:
    machine.card(*cards)
    machine.launch()
    calls = machine.calls()
    special = [call for call in calls if "--index-url" in call]
    assert bool(special) is old
    if old:
        assert "cu126 torch==2.11.0 torchaudio==2.11.0" in special[0]
        lock = (machine.home / ".venv" / ".requirements-lock.txt").read_text()
        names = {line.split("==")[0] for line in lock.splitlines() if line[:1].isalpha()}
        assert {"gradio", "coqui-tts", "torchcodec"} <= names, "the rest is installed as locked"
        assert not any(name in ("torch", "torchaudio", "triton") or name.startswith("nvidia-") for name in names)
    else:
        assert INSTALL in calls


def test_when_that_build_cannot_be_fetched_it_says_so_and_goes_on(machine: Machine) -> None:
    machine.card("6.1")
    said = machine.launch(PIP_FAILS_AT="--index-url")
    assert "will not be used" in said
    assert machine.calls()[-2:] == [INSTALL, "app []"]


def test_a_driver_that_does_not_answer_is_no_hindrance(machine: Machine) -> None:
    machine.script("nvidia-smi", "#!/bin/bash\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    machine.launch()
    assert machine.calls() == ["venv", INSTALL, "app []"]


def test_a_wrong_python_is_named(machine: Machine) -> None:
    assert "VOICEWRIGHT_PYTHON=/bin/false" in machine.launch(code=1, VOICEWRIGHT_PYTHON="/bin/false")


def test_help_installs_nothing(machine: Machine) -> None:
    said = machine.launch("--help")
    assert "./launch.sh test" in said
    assert machine.calls() == ["app [--help]"]


CHECKS = ["ruff check .", "ruff format --check .", "mypy "]
PYTEST = "pytest -n 5 --dist loadfile --no-loadscope-reorder"


def test_the_tests_are_run_with_the_checks_and_their_failure_is_told(machine: Machine) -> None:
    machine.launch("test", "-m", "not slow", "tests/a b")
    calls = machine.calls()
    assert calls[2] == f"{LOCKED} -r HOME/requirements-dev-lock.txt"
    assert sorted(calls[3:]) == sorted([*CHECKS, f"{PYTEST} -m not slow tests/a b"])
    for failing in ("ruff", "mypy", "pytest"):
        machine.launch("test", code=1, FAILS=failing)
        assert sorted(machine.calls()) == sorted([*CHECKS, PYTEST]), f"{failing} fails, the rest is run all the same"


def test_the_loader_of_links_is_updated_alone_and_stays_so(machine: Machine) -> None:
    machine.launch("update-ytdlp")
    update = [f"{_PIP} --no-deps --upgrade yt-dlp", f"{_PIP} --no-deps yt-dlp-ejs==9.9"]
    assert machine.calls() == ["venv", INSTALL, *update]
    machine.launch()
    assert machine.calls() == ["app []"], "a later start keeps it"
    with open(machine.home / "requirements-lock.txt", "a") as file:
        file.write("# new\n")
    machine.launch()
    assert machine.calls() == [INSTALL, *update, "app []"], "and so does one that installs the rest anew"


def test_a_loader_that_does_not_start_is_replaced_by_the_locked_one(machine: Machine) -> None:
    said = machine.launch("update-ytdlp", code=1, LOADER_FAILS="1")
    assert "tested version is put back" in said
    assert machine.calls()[-1] == f"{LOCKED} -r HOME/.venv/.ytdlp-lock.txt"
    lock = (machine.home / ".venv" / ".ytdlp-lock.txt").read_text()
    assert {line.split("==")[0] for line in lock.splitlines() if line[:1].isalpha()} == {"yt-dlp", "yt-dlp-ejs"}
    assert "--hash=sha256:" in lock


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
@pytest.mark.parametrize(
    ("wishes", "lock"),
    [("requirements.txt", "requirements-lock.txt"), ("requirements-dev.txt", "requirements-dev-lock.txt")],
)
def test_the_lock_holds_every_pin_with_hashes(wishes: str, lock: str, python: str) -> None:
    machine_facts = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}

    def pins(text: str) -> dict[str, str]:
        lines = text.replace("\\\n", " ").splitlines()
        wanted = [Requirement(line.split(" --hash")[0]) for line in lines if line.strip() and line[0] not in "#-"]
        packages = [item for item in wanted if item.marker is None or item.marker.evaluate(machine_facts)]
        assert len({item.name for item in packages}) == len(packages), "a package stands at two versions"
        return {canonicalize_name(item.name): str(item.specifier) for item in packages}

    locked = (REPOSITORY / lock).read_text()
    assert pins((REPOSITORY / wishes).read_text()).items() <= pins(locked).items()
    blocks = re.findall(r"^[a-z0-9][^\n]*\\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", locked, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^[a-z0-9]", locked, re.MULTILINE)), "each with at least one hash"


def test_what_is_installed_is_what_is_locked() -> None:
    text = (REPOSITORY / "requirements-lock.txt").read_text().replace("\\\n", " ")
    wanted = [Requirement(line.split(" --hash")[0]) for line in text.splitlines() if line[:1].isalnum()]
    here = {item.name: item.specifier for item in wanted if item.marker is None or item.marker.evaluate()}
    assert len(here) > 150
    loader = ("yt-dlp", "yt-dlp-ejs")  # may be newer: ./launch.sh update-ytdlp
    differing = {name for name in here if not here[name].contains(version(name), prereleases=True)} - {*loader}
    assert not differing
