"""The documents say what is there: settings, commands, files."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FIELDS = Settings.model_fields
CODE = ("core", "ui", "tests", "benchmarks", "presets", "deploy")
AT_THE_ROOT = [file.name for file in ROOT.iterdir()]


def shown(name: str) -> str:
    """A setting's default as the documents write it."""
    default = FIELDS[name].default
    return "" if default is None else str(default)


def code_lines(text: str) -> list[str]:
    """The lines of all fenced blocks, comments taken off."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def test_every_setting_has_its_line_in_the_example_file() -> None:
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line]
    assert lines == [f"#VOICEWRIGHT_{name.upper()}={shown(name)}" for name in FIELDS]


def test_the_settings_page_has_every_setting_with_its_default_and_description() -> None:
    rows = re.findall(r"^\| `VOICEWRIGHT_(\w+)` \| (.*?) ?\| (.*) \|$", (ROOT / "docs/settings.md").read_text(), re.M)
    expected = [(name.upper(), f"`{shown(name)}`" if shown(name) else "", FIELDS[name].description) for name in FIELDS]
    assert [(name, default.strip(), said) for name, default, said in rows] == expected


def test_every_variable_in_a_document_exists() -> None:
    known = {f"VOICEWRIGHT_{name.upper()}" for name in FIELDS} | set(
        re.findall(r"VOICEWRIGHT_[A-Z_]+", (ROOT / "launch.sh").read_text())
    )
    files = [*PAGES, *(ROOT / "deploy").iterdir()]
    for page in files:
        unknown = set(re.findall(r"VOICEWRIGHT_[A-Z_]*[A-Z]", page.read_text())) - known
        assert not unknown, f"{page.name} speaks of {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_leads_to_every_document() -> None:
    linked = set(re.findall(r"\]\((docs/\w[\w-]*\.md)\)", (ROOT / "README.md").read_text()))
    assert linked == {str(page.relative_to(ROOT)) for page in PAGES[1:]}


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in a link to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run_files_that_exist(page: Path) -> None:
    for line in code_lines(page.read_text()):
        words = [word for word in shlex.split(line) if "=" not in word] if line.startswith("./") else []
        if words:
            assert (ROOT / words[0]).stat().st_mode & 0o111, f"{page.name}: {words[0]} cannot be run"


def test_the_example_for_slurm_can_be_read() -> None:
    script = ROOT / "deploy" / "slurm.sh"
    subprocess.run(["bash", "-n", script], check=True)
    before, _, _ = script.read_text().partition("set -euo")
    options = [word for line in re.findall(r"^#SBATCH (.*)$", before, re.M) for word in shlex.split(line)]
    assert options and all(re.fullmatch(r"--[a-z-]+=\S+", option) for option in options)
    assert not re.search(r"^[^#\n]", before, re.M), "sbatch reads no option behind a command"


def test_the_example_for_skypilot_can_be_read() -> None:
    task = yaml.safe_load((ROOT / "deploy" / "skypilot.yaml").read_text())
    assert task.keys() == {"name", "resources", "workdir", "file_mounts", "setup", "run"}
    for part in ("setup", "run"):
        subprocess.run(["bash", "-n", "-c", task[part]], check=True)
    assert all(count == 1 for count in task["resources"]["accelerators"].values())


def test_the_two_commands_are_in_the_readme() -> None:
    commands = code_lines((ROOT / "README.md").read_text())
    assert "./launch.sh" in commands
    assert "./launch.sh test" in commands


def test_every_argument_the_readme_names_is_known_to_the_launcher() -> None:
    helped = subprocess.run([ROOT / "launch.sh", "--help"], capture_output=True, text=True, check=True).stdout
    readme = (ROOT / "README.md").read_text() + (ROOT / "docs/settings.md").read_text()
    named = set(re.findall(r"(?<![\w-])--(host|port|root-path|workspace)\b", readme))
    assert named == {"host", "port", "root-path", "workspace"}
    for argument in named:
        assert f"--{argument}" in helped


def test_modules_the_documents_run_exist() -> None:
    for page in PAGES:
        for module in re.findall(r"python -m ((?:core|tests|benchmarks|ui)[\w.]*)", page.read_text()):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page.name}: {module}"


def test_every_file_that_the_map_names_is_there() -> None:
    names = {
        name
        for page in ("architecture.md", "how-do-i.md")
        for name in re.findall(r"`((?:core|ui|tests|presets|benchmarks)/[\w/.-]+)", (ROOT / "docs" / page).read_text())
    }
    assert len(names) > 50
    lost = {name for name in names if not (ROOT / name.rstrip("./")).exists()}
    assert not {name for name in lost if not re.search("[A-Z]{4}", name)}  # NAME, KIND, CODE stand for any


def module_of(parts: list[str]) -> Path | None:
    """The file of a dotted name, be it a module or a package; None where it is neither."""
    place = ROOT.joinpath(*parts)
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()), None)


def defines(file: Path, name: str) -> bool:
    """Whether a module defines a function, class, method, field or constant."""
    return re.search(rf"^ *(?:(?:async )?def|class) {name}\b|^ *{name}\b ?[:=]", file.read_text(), re.M) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_source_file_that_a_document_names_is_there(page: Path) -> None:
    files = [str(file.relative_to(ROOT)) for folder in CODE for file in (ROOT / folder).rglob("*.*")]
    names = re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|js|css|sh))\b", page.read_text())
    lost = {name for name in names if not any(f"/{file}".endswith(f"/{name}") for file in [*files, *AT_THE_ROOT])}
    assert not {name for name in lost if not re.search("[A-Z]{4}", name)}  # NAME, KIND, CODE stand for any


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_named_with_its_file_is_there(page: Path) -> None:
    modules = [file for folder in CODE for file in (ROOT / folder).rglob("*.py")]
    for path, name, others in re.findall(r"`([\w/]+\.py): (\w+)[^`]*`((?:, `\w+`)*)", page.read_text()):
        files = [file for file in modules if f"/{file}".endswith(f"/{path}")]
        for symbol in (name, *re.findall(r"\w+", others)):
            assert any(defines(file, symbol) for file in files), f"{page.name}: {path} has no {symbol}"


def test_every_dotted_name_in_documents_and_docstrings_leads_somewhere() -> None:
    lost = []
    for file in (*PAGES, *(ROOT / "core").rglob("*.py"), *(ROOT / "ui").rglob("*.py")):
        for name in re.findall(r"`((?:core|ui|tests|benchmarks)\.[\w.]*\w)`", file.read_text()):
            parts = name.split(".")
            modules = {depth: module_of(parts[:depth]) for depth in range(1, len(parts) + 1)}
            depth, module = max((depth, module) for depth, module in modules.items() if module is not None)
            is_there = all(defines(module, part) for part in parts[depth:])
            if not is_there:
                lost.append(f"{file.relative_to(ROOT)}: {name}")
    assert not lost
