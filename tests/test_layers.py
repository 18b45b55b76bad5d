"""The design's rules: who may import whom, what the page's process holds, that every string has its translation."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CODE = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), ROOT / "webui.py"])
CORE = [file for file in CODE if file.is_relative_to(ROOT / "core")]
UI = [file for file in CODE if file.is_relative_to(ROOT / "ui")]
HEAVY = (
    *("torch", "torchaudio", "TTS", "whisper", "faster_whisper", "ctranslate2", "transformers", "peft", "yt_dlp"),
    *("f5_tts", "vocos", "x_transformers", "torchdiffeq"),
)
LANGUAGES = ("en", "pt-BR")
CODE_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


@functools.cache
def tree(file: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@functools.cache
def nodes(file: Path) -> list[ast.AST]:
    """All of a file's syntax tree, one after the other."""
    return list(ast.walk(tree(file)))


@functools.cache
def imports(file: Path) -> frozenset[str]:
    """Everything a file imports, also inside functions, by full name."""
    found: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def at(file: Path, node: ast.AST) -> str:
    """Where something is, for a message."""
    return f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


@functools.cache
def strings(language: str) -> dict[str, Any]:
    """The string tree of a language."""
    text = (ROOT / "ui" / "i18n" / f"{language}.yaml").read_text(encoding="utf-8")
    tree: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return tree


def fields(template: Any) -> set[str]:
    """The names a template is filled with."""
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(str(template)) if name}


def flat(entries: dict[str, Any], before: str = "") -> dict[str, str]:
    """A string tree as ``{"section.key": text}``."""
    found: dict[str, str] = {}
    for key, value in entries.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": str(value)}
    return found


# ---- who may import whom ---------------------------------------------------------------------------------------------


def module(file: Path) -> str:
    """A file's name as it is imported."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def arrows() -> dict[str, set[str]]:
    """Which modules of ours each module of ours imports, be it inside a function or for its types alone."""
    ours = {module(file) for file in CODE}
    return {module(file): (imports(file) & ours) - {module(file)} for file in CODE}


def below(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of these, or lies in one."""
    return any(f"{name}.".startswith(f"{room}.") for room in rooms)


def test_no_file_imports_another_that_imports_it_back() -> None:
    remaining = {name: set(others) for name, others in arrows().items()}
    while done := {name for name, others in remaining.items() if not others & remaining.keys()}:
        remaining = {name: others for name, others in remaining.items() if name not in done}
    in_circles = {name: sorted(others & remaining.keys()) for name, others in remaining.items()}
    assert not in_circles


def test_engines_know_nothing_of_how_a_run_is_led() -> None:
    closed = ("core.training", "core.tasks", "core.synthesis.start", "core.listening", "core.dataset", "core.train")
    wrong = {(name, entry) for name, others in arrows().items() for entry in others if below(entry, closed)}
    assert not {pair for pair in wrong if below(pair[0], ("core.engines",))}


def test_what_opens_a_base_makes_none() -> None:
    makers, opener = ("core.engines.xtts.model.tiny", "core.engines.xtts.model.starter"), "core.engines.xtts.engine"
    assert {name for name, others in arrows().items() if others & {*makers}} == {opener, makers[1]}


# From the lowest room to the highest: each uses those before it only.
ROOMS = (
    *("spelling", "audio", "system", "jobs", "engines", "project", "notifications", "transcription", "measures"),
    *(
        "dataset",
        "training",
        "clips",
        "listening",
        "synthesis",
        "evaluation",
        "coach",
        "sources",
        "studio",
        "report",
        "sync",
        "tasks",
    ),
)
# At core's root: what all use, and what looks at all of it.
BELOW = {"errors", "files", "reasons", "settings", "damage", "text", "folding", "checkpoint_ref"}
ABOVE = {"inspection", "leftovers", "trash", "pipeline", "demo", "finetune", "health", "train", "transfer"}
ABOVE |= {"project_copy", "preparation", "merge", "merge_plan"}


def test_every_module_of_core_has_its_room() -> None:
    folders = {folder.name for folder in (ROOT / "core").iterdir() if (folder / "__init__.py").exists()}
    assert folders == set(ROOMS)
    assert {file.stem for file in (ROOT / "core").glob("*.py")} - {"__init__"} == BELOW | ABOVE


def test_no_arrow_leads_from_a_lower_room_to_a_higher() -> None:
    order = dict.fromkeys(BELOW, 0) | {name: 1 + place for place, name in enumerate(ROOMS)}
    order |= {name: len(ROOMS) for name in ABOVE}  # beside the tasks, whose own they are
    places = {name: order[name.split(".")[1]] for name in arrows() if name.count(".") and name.startswith("core.")}
    upward = {(name, other) for name in places for other in arrows()[name] if places.get(other, 0) > places[name]}
    assert not upward


def test_core_never_imports_the_page() -> None:
    page = ("gradio", "ui", "fastapi", "webui")
    assert not [(module(file), name) for file in CORE for name in imports(file) if below(name, page)]


def test_the_page_imports_neither_tasks_nor_an_engines_own_folder() -> None:
    engines = [folder.name for folder in (ROOT / "core" / "engines").iterdir() if (folder / "__init__.py").exists()]
    closed = ("core.tasks", "core.jobs.worker", *(f"core.engines.{name}" for name in engines), *HEAVY)
    assert not [(module(file), name) for file in UI for name in imports(file) if below(name, closed)]


def test_the_page_is_built_without_any_model_library() -> None:
    program = f"""
import json, pkgutil, sys, tempfile
from pathlib import Path
from core.settings import Settings
from ui.server import create_app
import ui
folder = tempfile.mkdtemp()
settings = Settings(_env_file=None, workspace=Path(folder))
assert "gradio" not in sys.modules, "a start sets Gradio up before it imports it, and is refused sooner without it"
app = create_app(settings)
for page in app.state.pages.values():
    page.build_now()
for module in pkgutil.walk_packages(ui.__path__, "ui."):
    __import__(module.name)
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_no_place_outside_an_engines_own_folder_knows_its_name() -> None:
    """What people read (`ui/i18n`) may, and the registry has to."""
    registry = ROOT / "core" / "engines" / "registry.py"
    engines = [folder for folder in registry.parent.iterdir() if (folder / "__init__.py").exists()]
    names = re.compile("|".join([*(folder.name for folder in engines), "coqui"]), re.IGNORECASE)
    scripts = [*(ROOT / "ui" / "assets").iterdir(), *(ROOT / "ui" / "parts").glob("*.js"), ROOT / "launch.sh"]
    shared = [file for file in (*CODE, *scripts) if file != registry and not set(engines) & set(file.parents)]
    assert len(shared) > 200
    places = [
        f"{file.relative_to(ROOT)}:{number}: {line}"
        for file in shared
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if names.search(re.sub("#[0-9a-f]{6}", "", line))  # a colour names no engine
    ]
    assert not places, "\n".join(places)


def test_the_starter_stays_short() -> None:
    assert len((ROOT / "webui.py").read_text().splitlines()) < 60


def test_no_module_is_a_drawer_for_everything() -> None:
    wrong = [file for file in CODE if file.stem in ("utils", "helpers", "common", "manager", "misc")]
    assert not wrong


def test_a_module_opens_with_a_line_saying_what_it_holds() -> None:
    assert not [module(file) for file in CODE if not ast.get_docstring(tree(file))]


def test_no_command_goes_through_a_shell_and_no_exception_is_swallowed() -> None:
    problems = []
    for file in CODE:
        for node in nodes(file):
            if isinstance(node, ast.Call):
                words = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                problems += [f"{at(file, node)}: shell=True"] if words.get("shell") is True else []
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
                silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                problems += [f"{at(file, node)}: an exception is swallowed"] if broad and silent else []
    assert not problems, "\n".join(problems)


def test_every_package_that_is_imported_is_pinned() -> None:
    names = importlib.metadata.packages_distributions()
    own = {"core", "ui", "tests", "webui", "benchmarks", "presets", "voicewright_toy"}

    def pins(*files: str) -> set[str]:
        lines = [line for name in files for line in (ROOT / name).read_text().splitlines() if re.match(r"\w", line)]
        assert all(
            re.match(r"[\w.-]+==[\w.]+(; python_version [<>]=? \"3\.\d+\"| --hash=\S+)?$", line) for line in lines
        )
        return {re.split("==", line)[0].lower().replace("_", "-") for line in lines}

    def missing(files: list[Path], pinned: set[str]) -> set[str]:
        tops = {name.split(".")[0] for file in files for name in imports(file)} - set(sys.stdlib_module_names) - own
        return {top for top in tops if not {name.lower().replace("_", "-") for name in names.get(top, [top])} & pinned}

    assert not missing(CODE, pins("requirements.txt", "requirements-alone.txt"))
    around = [file for folder in ("tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")]
    assert not missing(
        around, pins("requirements.txt", "requirements-alone.txt", "requirements-dev.txt") | {"httpx", "httpx2"}
    )


# ---- every string in both languages ----------------------------------------------------------------------------------


def error_classes() -> set[str]:
    """The family of errors made for people."""
    family = {"UserError"}
    classes = [node for file in CODE for node in nodes(file) if isinstance(node, ast.ClassDef)]
    for _ in range(3):
        family |= {node.name for node in classes if {getattr(base, "id", "") for base in node.bases} & family}
    return family


@functools.cache
def said() -> list[tuple[str, str, str, str]]:
    """Every error and warning made in the code: (where, code, text, hint)."""
    family = error_classes()
    entries = []
    for file in CODE:
        for node in nodes(file):
            if not isinstance(node, ast.Call):
                continue
            is_error = getattr(node.func, "id", "") in family
            is_warning = getattr(node.func, "attr", "") == "warning" and "reporter" in ast.unparse(node.func)
            if not (is_error or is_warning):
                continue
            named = {word.arg: word.value for word in node.keywords if word.arg in ("code", "text", "hint")}
            parts = [*node.args, *(named[name] for name in ("code", "text", "hint")[len(node.args) :] if name in named)]
            literal = [part.value if isinstance(part, ast.Constant) else None for part in parts[:3]]
            if literal and isinstance(literal[0], str):
                text, hint = (*literal[1:], "", "")[:2]
                entries.append((at(file, node), literal[0], str(text or ""), str(hint or "")))
            else:
                # Passing on an error that was made elsewhere is the only other way.
                assert ".code" in ast.unparse(parts[0]) or isinstance(parts[0], ast.Name | ast.Starred), (
                    f"{at(file, node)}: the code must be a literal"
                )
    return entries


def test_there_are_errors_to_check() -> None:
    codes = {code for _, code, _, _ in said()}
    assert {"server.no_password", "project.missing"} <= codes
    assert all(CODE_NAME.fullmatch(code) for code in codes)


def test_every_error_and_warning_speaks_portuguese_with_the_same_values() -> None:
    translated = strings("pt-BR").get("errors", {})
    problems = []
    for where, code, text, hint in said():
        entry = translated.get(code)
        if not entry:
            problems.append(f"{where}: {code} has no translation")
            continue
        entry = entry if isinstance(entry, dict) else {"text": entry}
        for name, english in (("text", text), ("hint", hint)):
            ours = str(entry.get(name) or "")
            if english and not ours:
                problems.append(f"{where}: {code} has no {name}")
            if english and fields(ours) - fields(text) - fields(hint):
                problems.append(f"{where}: {code} {name} asks for {fields(ours) - fields(text) - fields(hint)}")
            if english and fields(english) - fields(ours):
                problems.append(f"{where}: {code} {name} leaves out {fields(english) - fields(ours)}")
    assert not problems, "\n".join(problems)


def test_both_languages_have_the_same_strings_with_the_same_values() -> None:
    english, ours = (
        {key: value for key, value in strings(language).items() if key != "errors"} for language in LANGUAGES
    )
    english, ours = flat(english), flat(ours)
    assert english.keys() - ours.keys() == set(), "missing in pt-BR"
    assert ours.keys() - english.keys() == set(), "missing in en"
    differing = [key for key in english if fields(english[key]) != fields(ours[key])]
    assert not differing
    assert len(english) > 50


def test_every_stage_and_kind_of_job_has_its_words() -> None:
    tasks = {file.stem for file in (ROOT / "core" / "tasks").glob("*.py")} - {"__init__"}
    stages = set()
    for file in CORE:
        for node in nodes(file):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "progress" and node.args:
                stages |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    assert stages
    for language in LANGUAGES:
        words = strings(language)
        assert not tasks - words["kinds"].keys(), language
        assert not stages - words["stages"].keys(), language


VISIBLE = ("label", "placeholder", "info", "title", "value", "description", "toolbar")


def test_no_words_are_written_into_the_page_itself() -> None:
    problems = []
    for file in UI:
        for node in nodes(file):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("gr.")):
                continue
            parts = [word.value for word in node.keywords if word.arg in VISIBLE]
            if getattr(node.func, "attr", "") in ("Button", "Markdown", "Tab", "Info", "Warning"):
                parts += node.args[:1]
            for part in parts:
                text = part.value if isinstance(part, ast.Constant) else ""
                if isinstance(text, str) and re.search(r"[A-Z][a-z]+|[a-z]+ [a-z]+", text):
                    problems.append(f"{at(file, node)}: {text!r} belongs into ui/i18n")
    assert not problems, "\n".join(problems)
