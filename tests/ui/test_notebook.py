"""The notebook, run from fresh kernels: a machine that is lost in mid-run costs no more than its last checkpoint."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from core import REPOSITORY
from core.engines import registry
from core.errors import Cancelled, DiskFull
from core.jobs import events, locks
from core.project.records import Clip
from core.project.workspace import Workspace
from core.sync.ledger import lock_path
from core.training.checkpoints import Checkpoints
from core.training.run import Run
from tests import warm
from tests.audio.sounds import tone, write
from tests.jobs.conftest import until
from ui.notebook.cell import Wish
from ui.notebook.drive import write_zip
from ui.notebook.kernel import Notebook, NotebookError
from ui.notebook.session import Session

FOLDER = REPOSITORY / "notebooks"
ENGLISH, PORTUGUESE = FOLDER / "voicewright_colab.ipynb", FOLDER / "voicewright_colab.pt-BR.ipynb"
TOY = REPOSITORY / "tests" / "toy"
STEPS, SAVE_EVERY = 200, 20


@pytest.fixture(scope="module", autouse=True)
def _toy_engine() -> Iterator[None]:
    """The toy is found by this process, by kernels and by jobs, as an installed engine would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", str(TOY))
        registry._engines.cache_clear()
        yield
    registry._engines.cache_clear()


@pytest.fixture(scope="module")
def hums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of tones with their texts, as somebody would bring it."""
    folder = tmp_path_factory.mktemp("hums") / "hums"
    folder.mkdir()
    lines = []
    for number in range(12):
        write(folder / f"hum-{number:02d}.wav", tone(1.0 + 0.1 * number, 16_000, 220.0), 16_000)
        lines.append(f"hum-{number:02d}|Hum {'la ' * (number + 1)}.\n")
    (folder / "metadata.csv").write_text("".join(lines))
    return folder


def code_cells(path: Path) -> dict[str, str]:
    """Code by the id of its cell."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return {cell.id: cell.source for cell in book.cells if cell.cell_type == "code"}


def test_both_languages_run_the_same_code_and_ask_for_the_same() -> None:
    english, portuguese = code_cells(ENGLISH), code_cells(PORTUGUESE)
    names = [re.findall(r"^([A-Z_, ]+) = ", cells.pop("parameters"), re.M) for cells in (english, portuguese)]
    assert english == portuguese and names[0] == names[1] and len(names[0]) > 10
    for path in (ENGLISH, PORTUGUESE):
        book = nbformat.read(path, as_version=4)
        (tagged,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
        assert tagged.id == "parameters" and not any(cell.get("outputs") for cell in book.cells)


def test_no_training_code_stands_in_the_notebook() -> None:
    cells = code_cells(ENGLISH)
    assert all(len(source.splitlines()) <= 2 for name, source in cells.items() if name not in ("parameters", "ready"))
    assert not re.search(r"torch|optimizer|backward|!pip", "".join(cells.values()))


@pytest.mark.parametrize(("language", "word"), [("en", "repository"), ("pt-BR", "repositório")])
@pytest.mark.parametrize("program", ["", "/nowhere/at/all"])
def test_a_notebook_that_finds_no_program_says_what_to_write_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, word: str, program: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=word) as caught:
        exec(code_cells(ENGLISH)["ready"], {"PROGRAM": program, "LANGUAGE": language})
    assert caught.value._render_traceback_() == [str(caught.value)] and "PROGRAM" in str(caught.value)  # type: ignore[attr-defined]


def client(folder: Path, **parameters: Any) -> NotebookClient:
    """The notebook in a fresh kernel, with parameters as a runner of notebooks sets them: in a cell of their own."""
    book = nbformat.read(ENGLISH, as_version=4)
    at = next(number for number, cell in enumerate(book.cells) if cell.id == "parameters")
    text = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    book.cells.insert(at + 1, nbformat.v4.new_code_cell(text))
    return NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}})


def html_of(cell: Any) -> str:
    """What a cell has shown."""
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)


def is_answered(address: str) -> bool:
    """Whether a server listens there."""
    try:
        httpx.get(address)
    except httpx.TransportError:
        return False
    return True


def edit_a_clip(workspace: Workspace) -> Clip:
    """Change a text by hand."""
    store = workspace.project("my-voice").store
    return store.edit_clip(store.clips()[0].id, text="Hum by hand.")


def lose_machine(workspace: Workspace, kernel_pid: int) -> None:
    """Everything that runs there is killed at once, and its disk is gone."""
    project = workspace.project("my-voice")
    os.kill(kernel_pid, signal.SIGKILL)
    for job in project.all_jobs():
        job.force_stop()
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(locks.holder(lock_path(project))["pid"]), signal.SIGKILL)
    until(lambda: not locks.is_locked(lock_path(project)) and not project.running())
    shutil.rmtree(workspace.path)


def test_a_machine_that_is_lost_in_mid_run_is_gone_on_from_at_the_newest_whole_checkpoint(
    tmp_path: Path, hums: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive, local = tmp_path / "drive", Workspace(tmp_path / "local")
    drive.mkdir()
    parameters = {
        "PROGRAM": str(REPOSITORY), "SOURCE": str(hums), "ENGINE": "toy", "DRIVE": str(drive), "DEVICE": "cpu",
        "WORKSPACE": str(local.path), "PYTHON": warm.python(warm.PAGE), "MOST_GB": 1,
        "CHANGES": {"max_steps": STEPS, "save_every": SAVE_EVERY, "sample_sentences": 1},
    }  # fmt: skip
    mirror = Checkpoints(drive / "projects" / "my-voice" / "runs" / "notebook")

    monkeypatch.setenv("TOY_STEP_S", "0.1")
    first = client(tmp_path, SHOW_BOARD=False, **parameters)
    problems: list[BaseException] = []

    def execute() -> None:
        try:
            first.execute()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=execute)
    thread.start()
    until(lambda: mirror.resumable() or not thread.is_alive(), 90)
    assert mirror.resumable(), problems
    lose_machine(local, first.km.provisioner.pid)  # type: ignore[union-attr]
    thread.join(60)
    assert isinstance(problems[0], DeadKernelError)
    newest = mirror.resumable()[-1]
    assert SAVE_EVERY <= newest < STEPS
    shutil.rmtree(drive / "projects" / "my-voice" / "clips", ignore_errors=True)  # as if they had not got there yet

    monkeypatch.setenv("TOY_STEP_S", "0")
    second = client(tmp_path, OPEN_PAGE=True, **parameters)
    book = second.nb
    with second.setup_kernel():
        for number, cell in enumerate(book.cells):
            second.execute_cell(cell, number)
        opened = {cell.id: html_of(cell) for cell in book.cells if cell.id in ("board", "page")}
        board = f"http://localhost:{re.search(r'port = ([0-9]+)', opened['board'])[1]}/"  # type: ignore[index]
        page, user, password = re.findall(r'href="([^"]+)"|<b>([^<]+)</b>', opened["page"])
        assert "TensorBoard" in httpx.get(board).text
        with httpx.Client(base_url=page[0]) as visitor:
            assert visitor.get("/").status_code == 401
            visitor.post("/login", data={"user": user[1], "password": password[1]})
            assert visitor.get("/").headers["location"] == "/en/"
        edited = edit_a_clip(local)  # as on the page; no cell runs
        until(lambda: Workspace(drive).project("my-voice").store.clip(edited.id) == edited)
    until(lambda: not is_answered(board) and not is_answered(page[0]))
    run = Run(local.project("my-voice"), "notebook")
    view = run.read()
    assert view.job.status == "done" and [step for step, _ in view.train] == list(range(1, STEPS + 1))
    log = events.EventReader(run.job.events_path).read()
    starts = [(n, event.step) for n, event in enumerate(log) if isinstance(event, events.Started)]
    begun, resumed = [(n, step) for n, step in starts if step is not None]
    assert (begun[1], resumed[1]) == (0, newest)
    later = (event for event in log[resumed[0] :] if isinstance(event, events.Metrics))
    updates = [event.step for event in later if "loss" in event.values]
    assert updates == list(range(newest + 1, STEPS + 1)), "nothing is trained twice"

    shown = json.dumps([cell.get("outputs", []) for cell in book.cells])
    assert f"goes on from update {newest}" in shown and "<svg" in shown and "data:audio/mpeg;base64," in shown
    assert mirror.resumable()[-1] == STEPS
    names = zipfile.ZipFile(drive / "my-voice-voice.zip").namelist()
    assert any(name.endswith("manifest.json") for name in names)
    assert "project.db" in zipfile.ZipFile(drive / "my-voice.voicewright").namelist()


@pytest.fixture
def session(tmp_path: Path, hums: Path) -> Iterator[tuple[Session, list[dict[str, Any]]]]:
    """A session without a kernel, with a prepared project, and what it answered."""
    answers: list[dict[str, Any]] = []
    changes = {"max_steps": 40, "save_every": 20, "sample_sentences": 0}
    place = {"workspace": tmp_path / "local", "source": str(hums), "device": "cpu"}
    wish = Wish(**place, language="pt-BR", engine="toy", changes=changes)  # type: ignore[arg-type]
    session = Session(wish, answers.append)
    session.answer("prepare", {})
    assert answers[-1]["result"]["clips"] == 12
    yield session, answers
    project = session.workspace.project("my-voice")
    for job in project.all_jobs():
        job.force_stop()


def test_a_stopped_training_is_kept_and_the_next_call_goes_on_or_only_looks(
    session: tuple[Session, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook, answers = session
    monkeypatch.setenv("TOY_STEP_S", "0.1")

    def press_stop() -> None:
        until(lambda: Checkpoints(notebook.workspace.project("my-voice").runs / "notebook").resumable())
        notebook.stop_requested = True

    thread = threading.Thread(target=press_stop)
    thread.start()
    notebook.answer("train", {})
    thread.join()
    assert "guardado" in answers[-1]["error"]
    monkeypatch.setenv("TOY_STEP_S", "0")
    notebook.answer("train", {})
    assert answers[-1]["result"] == {"run": "notebook", "step": 40, "status": "done"}
    run = Run(notebook.workspace.project("my-voice"), "notebook")
    launches = run.job.events_path.read_text().count('"launched"')
    notebook.answer("train", {})
    assert answers[-1]["result"]["step"] == 40 and run.job.events_path.read_text().count('"launched"') == launches


def test_a_project_file_that_did_not_come_in_is_brought_again_and_never_filled_with_the_demo(tmp_path: Path) -> None:
    (tmp_path / "ana.voicewright").write_bytes(b"no zip")
    answers: list[dict[str, Any]] = []
    session = Session(
        Wish(workspace=tmp_path / "local", source=str(tmp_path / "ana.voicewright"), engine="toy"), answers.append
    )
    session.wish = (wish := session.wish).model_copy(update={"source": "/nowhere/bea.voicewright"})
    session.answer("prepare", {})
    assert "bea.voicewright" in answers[-1]["error"]
    session.wish = wish
    for _ in range(2):
        session.answer("prepare", {})
        assert "ana.voicewright" in answers[-1].get("error", "") or "My voice" in answers[-1].get("error", "")
        assert not session.workspace.project("my-voice").store.sources()


def test_the_page_opens_beside_a_damaged_project_which_is_mended_there(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    (tmp_path / "drive").mkdir()
    session = Session(Wish(workspace=tmp_path / "local", drive=tmp_path / "drive"), answers.append)
    project = session.workspace.create("My voice", "en")
    (project.path / "project.json").write_text("torn")
    session.answer("keep", {})
    assert answers == [{"result": {}}] and not session.watched


def test_a_file_for_home_that_is_broken_off_takes_no_room_on_the_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    session = Session(Wish(workspace=tmp_path), lambda answer: None)
    session.stop_requested = True
    for check, error in ((session.check_stop, Cancelled), (full, DiskFull)):
        with pytest.raises(error):
            write_zip(tmp_path / "home.zip", [("a", b"a")], check)
        assert not list(tmp_path.iterdir())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    with pytest.raises(DiskFull) as caught:  # said before anything is written
        write_zip(tmp_path / "home.zip", [("a", bytes(7 << 20))], lambda: None)
    assert (caught.value.values["needed_mb"], caught.value.values["free_mb"]) == (7, 5)


def test_stop_while_something_is_shown_reaches_the_session_and_its_answer_is_this_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """if True:
        import signal, sys
        signal.signal(signal.SIGINT, lambda *_: print('{"error": "stopped"}', flush=True))
        print('{"show": "run", "html": ""}', flush=True)
        sys.stdin.read()"""

    def display(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    notebook = Notebook(display, workspace=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        monkeypatch.setattr(notebook, "_session", lambda: process)
        with pytest.raises(NotebookError, match="stopped"):
            notebook.run("train")
        process.kill()


def test_a_page_that_is_opened_again_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = subprocess.Popen(["sleep", "60"])
    monkeypatch.setattr(Notebook, "page", earlier)
    with pytest.raises(NotebookError):  # nor does this one start
        Notebook(print, workspace=str(tmp_path), python="false").open_page()
    assert earlier.poll() is not None


def test_what_cannot_be_done_is_said_in_the_language_of_the_notebook(
    session: tuple[Session, list[dict[str, Any]]],
) -> None:
    notebook, answers = session
    notebook.answer("take_home", {})
    assert answers[-1]["error"].startswith("Ainda não há treino.")
    notebook.wish = notebook.wish.model_copy(update={"project": "Outra", "source": "/nowhere/talk.wav"})
    notebook.answer("prepare", {})
    assert "/nowhere/talk.wav" in answers[-1]["error"] or "talk.wav" in answers[-1]["error"]
