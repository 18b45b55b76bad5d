"""Fixtures shared by all tests: an empty workspace, a project in it, and real recorded speech."""

from __future__ import annotations

import csv
import functools
import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.engines.registry import DEFAULT, preload
from core.files import read_json, write_json
from core.jobs import fork_server
from core.jobs.job import worker_environment
from core.project.workspace import Project, Workspace
from tests import warm

# Nothing in a test may reach a model hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Each client of HTTP would read all certificates of the world, and nothing here is asked by https.
os.environ.setdefault("SSL_CERT_DIR", os.devnull)
# As in the worker: spinning threads make each other slow. Set before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A voice that somebody had speak is not kept longer than the next sentence would take to come.
os.environ.setdefault("VOICEWRIGHT_SPEAKING_IDLE_MINUTES", "0.05")
# Several processes that each use every core make each other slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

Mount = Callable[[Path, int], Path]
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A name of this computer that is, to the browser, another one's: without https.
    "--host-resolver-rules=MAP voice.lan 127.0.0.1",
]
MEMORY = Path("/dev/shm")
# Every tab of the page, in its order: an expectation of the tests, not what the page says of itself.
TABS = (
    "home",
    "sources",
    "segments",
    "transcripts",
    "review",
    "dataset",
    "train",
    "listen",
    "speak",
    "voices",
    "system",
)
ROOM_BYTES = 6 << 30
TESTS = Path(__file__).resolve().parent
DEMO = TESTS.parent / "presets" / "demo"
# Files that take about ten seconds of processor or more, the longest first; before all the one whose jobs use several
# threads, since without warm processes jobs after it need a fork server of their own.
LONGEST = (
    *("training/test_exact_resume.py", "browser/test_demo.py", "browser/test_clip_editor.py"),
    *("evaluation/test_end_to_end.py", "engines/f5/test_f5_road.py", "ui/test_notebook.py"),
    *("training/test_multi_process.py", "browser/test_links.py", "audio/test_container_clock.py"),
    *("ui/test_damage.py", "transcription/test_recognizers.py", "browser/test_accessibility.py"),
    *("audio/test_decode.py", "browser/test_bringing.py", "engines/test_xtts_voice.py", "browser/test_live.py"),
    *("training/test_xtts_loss.py", "transcription/test_transcribe_job.py", "training/test_memory.py"),
    *("engines/test_xtts_export.py", "browser/test_listening_room.py", "sources/test_links.py", "test_road.py"),
    *("sources/test_import.py", "browser/test_dataset_to_vote.py", "browser/test_two_windows.py"),
    *("browser/test_training.py", "server/test_sessions.py", "browser/test_review_keys.py", "training/test_runs.py"),
    *("training/test_mishaps.py", "training/test_xtts_trainables.py", "audio/test_clips.py", "test_speech.py"),
    *("browser/test_refusals.py", "browser/test_flagged.py", "browser/test_server_dies.py", "jobs/test_queue.py"),
    *("measures/test_measure_job.py", "jobs/test_children.py", "sources/test_lists.py", "browser/test_toy_engine.py"),
    *("server/test_serve.py", "training/test_xtts_compiled.py", "training/test_xtts_lowered.py"),
    *("server/test_proxy.py", "server/test_rest.py", "training/test_xtts_ranks.py", "training/test_control.py"),
    *("training/test_xtts_state.py", "training/test_full_disk.py", "synthesis/test_speaking.py"),
)
# What light jobs import, most of a short one's time.
LIGHT_JOBS = [
    *("core.jobs.worker", "core.tasks.import_sources", "core.tasks.scan_collection", "core.tasks.list_link"),
    *("core.tasks.segment", "core.sources.links.ytdlp"),
]
WARM = pytest.StashKey[subprocess.Popen[bytes]]()
PORTUGUESE = Path(__file__).resolve().parent / "data" / "portuguese"


def pytest_configure(config: pytest.Config) -> None:
    """Put the tests' files into memory where there is plenty: what is written through to a disk waits for it."""
    gc.disable()  # half of the time that collecting takes: hundreds of thousands of objects that stay; see below
    warm.use()
    if hasattr(config, "workerinput"):  # xdist may have set it: jobs with and without it load their libraries apart
        os.environ.pop("PYTHONPATH", None)
        os.environ.update(config.workerinput["environment"])
        warm.have_jobs_forked()
    if getattr(config.option, "tx", None) and not hasattr(config, "workerinput"):
        config.stash[WARM] = warm.start(config.args)
        config.option.tx = [spec.replace("popen", f"popen//python={warm.python()}") for spec in config.option.tx]
    folder = MEMORY / f"voicewright-tests-{os.getuid()}"
    if hasattr(config, "workerinput") or config.option.basetemp or not MEMORY.is_dir():
        return
    if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available / 2) < ROOM_BYTES:
        return
    for earlier in folder.glob("*"):  # what a broken-off run left behind
        if not Path("/proc", earlier.name).exists():
            shutil.rmtree(earlier, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    config.option.basetemp = folder / str(os.getpid())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a test worker what its environment is to be."""
    node.workerinput["environment"] = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: whoever runs several at once would wait for the last of them alone."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(TESTS).as_posix(), len(places)))
    for item in items:
        if item.get_closest_marker("browser"):
            # A browser on two cores with four other tests may be late for once. What is wrong fails again, and the
            # summary names what did not (-rR).
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_collection_finish() -> None:
    """Look for rubbish again, but seldom: what tests leave behind is cleared away before each file anyhow."""
    gc.set_threshold(100_000, 20, 20)
    gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what a test that ran again had failed for."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_sep("_", f"first try of {report.nodeid}")
        report.toterminal(terminalreporter._tw)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the memory back."""
    if WARM in config.stash:
        warm.end(config.stash[WARM])
    if config.option.basetemp and Path(config.option.basetemp).parent.parent == MEMORY:
        shutil.rmtree(config.option.basetemp, ignore_errors=True)


@dataclass(frozen=True)
class Prompts:
    """A recording and what is said in it, ``(start_s, end_s, text)`` a prompt."""

    recording: Path
    spoken: list[tuple[float, float, str]]


@pytest.fixture(autouse=True, scope="module")
def _heap_of_libraries() -> None:
    """Leave what is loaded by now to itself: memory is collected after each batch that does not fit, and often else."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace in a temporary folder."""
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def project(workspace: Workspace) -> Project:
    """An empty project."""
    return workspace.create("Test voice", "en")


@pytest.fixture(scope="session")
def prompts() -> Prompts:
    """Real recorded speech with known texts."""
    return _spoken(DEMO / "recording.flac")


@pytest.fixture(scope="session")
def portuguese() -> Prompts:
    """Seven sentences in Portuguese."""
    return _spoken(PORTUGUESE / "recording.ogg")


def _spoken(recording: Path) -> Prompts:
    with open(recording.with_name("transcripts.tsv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return Prompts(recording, [(float(row["start_s"]), float(row["end_s"]), row["text"]) for row in rows])


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The small base with random weights: one for all tests, never written to (a test sees to it)."""
    from core.engines.xtts.model.tiny import make_untrained

    base = tmp_path_factory.getbasetemp()
    folder = make_untrained((base if worker_id == "master" else base.parent) / "starter")
    # Untrained, it speaks until it is cut off: less of that proves as much.
    write_json(folder / "starter.json", read_json(folder / "starter.json") | {"max_seconds": 0.4})
    return folder


@pytest.fixture(scope="module")
def preloaded() -> None:
    """Jobs start as forks of a process that has imported torch and the engine, as they do from the page."""
    assert preload(DEFAULT).wait_until_ready(180)


@pytest.fixture(scope="module")
def forked() -> None:
    """Jobs on sound and files start as forks of a process that has imported what they need, as engines' jobs do.

    One that has imported an engine's libraries as well serves them too.
    """
    server = fork_server._server
    if not (server and server.alive):
        assert fork_server.warm(LIGHT_JOBS, worker_environment()).wait_until_ready(180)


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The window of a headless Chromium for the session.

    It has a profile on the disk, so that the page's scripts are loaded and compiled for one test and not for each: of a
    context of its own Chromium keeps no compiled code.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    # By itself it asks at every frame, and has sixty of them drawn a second.
    playwright.Page.wait_for_function = functools.partialmethod(playwright.Page.wait_for_function, polling=50)
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed (./launch.sh test installs it where it may)")
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=CHROMIUM,
            args=CHROMIUM_ARGUMENTS,
            viewport={"width": 1280, "height": 900},
            reduced_motion="reduce",
        )
        yield context
        context.close()


@pytest.fixture(scope="session")
def chromium(window: Any) -> Any:
    """That Chromium itself, for windows of one's own."""
    return window.browser


@pytest.fixture(autouse=True)
def _no_page_stays_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a test leaves open: it would ask its server and draw, second for second, until the last test ends."""
    yield
    window = request.node.funcargs.get("window")
    for context in window.browser.contexts if window else []:
        if context is not window and context.pages:  # of the shared window the fixture `page` closes its own
            context.close()


@pytest.fixture
def mount() -> Iterator[Mount]:
    """``mount(folder, size)`` puts a file system of that many bytes there."""
    mounted: list[Path] = []

    def put(folder: Path, size: int) -> Path:
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a file system can only be mounted by root")
        mounted.append(folder)
        return folder

    yield put
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
