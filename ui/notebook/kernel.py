"""Kernel side of the notebook: sets the program up, and shows what its session says. Imports nothing but Python's own.

What a rented machine's kernel has installed is left alone: the program lives in an environment beside it, and the cells
talk with it by lines of JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent.parent
_COLAB_DRIVE = Path("/content/drive")
_PAGE_S = 120.0  # for the page to answer
_WORDS = {
    "en": {
        "set_up": "Ready after {seconds} s.",
        "failed": "The set-up failed: see the lines above.",
        "ended": "The program ended unexpectedly. Run the cell again. Its last words:",
        "page": "The page is open: {address}<br>User name <b>{user}</b>, password <b>{password}</b>",
        "no_page": "The page did not start. Its last words:",
        "no_proxy": "This notebook has no way of its own to show a page of its machine; on this machine it is here.",
        "board": "TensorBoard cannot be shown here: {reason}",
    },
    "pt-BR": {
        "set_up": "Pronto depois de {seconds} s.",
        "failed": "A instalação falhou: veja as linhas acima.",
        "ended": "O programa terminou sem avisar. Rode a célula de novo. As últimas palavras dele:",
        "page": "A página está aberta: {address}<br>Usuário <b>{user}</b>, senha <b>{password}</b>",
        "no_page": "A página não abriu. As últimas palavras dela:",
        "no_proxy": "Este notebook não tem como mostrar uma página da máquina dele; na própria máquina ela está aqui.",
        "board": "Não dá para mostrar o TensorBoard aqui: {reason}",
    },
}


class Html(str):
    """A text that a notebook shows as HTML."""

    def _repr_html_(self) -> str:
        return str(self)


class NotebookError(Exception):
    """What went wrong, in words; a notebook shows these alone, and runs no cell after it."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Notebook:
    """What the cells call. ``page`` is the one page of a kernel, whichever notebook object opened it.

    Args:
        display: the notebook's own function of that name.
        language: of the words, ``en`` or ``pt-BR``.
        drive: folder of the drive that keeps the project; empty mounts Google Drive where there is one.
        workspace: the local folder; empty is ``~/voicewright``.
        python: a Python that has everything installed; empty sets one up.
        settings: what else the session is told (`ui.notebook.cell.Wish`).
    """

    page: ClassVar[subprocess.Popen[bytes] | None] = None

    def __init__(
        self,
        display: Callable[..., Any],
        *,
        language: str = "en",
        drive: str = "",
        workspace: str = "",
        python: str = "",
        **settings: Any,
    ) -> None:
        self.display, self.words = display, _WORDS[language]
        self.python = python
        self.workspace = Path(workspace or "~/voicewright").expanduser().resolve()
        self.drive = Path(drive).expanduser().resolve() if drive else None
        self.settings = {"language": language, "workspace": str(self.workspace), **settings}
        self.process: subprocess.Popen[str] | None = None
        self.log = Path(tempfile.mkdtemp(prefix="voicewright-")) / "session.log"

    def set_up(self) -> None:
        """Install what is missing, and say how long each part took."""
        if self.python:
            return
        began = time.monotonic()
        environment = {**os.environ, "VOICEWRIGHT_SYSTEM_TORCH": "1", "VOICEWRIGHT_PYTHON": sys.executable}
        command = [str(REPOSITORY / "launch.sh"), "setup"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment, **pipes) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
        if process.returncode:
            self._fail(self.words["failed"])
        self.python = str(REPOSITORY / ".venv" / "bin" / "python")
        print(self.words["set_up"].format(seconds=round(time.monotonic() - began)))

    def mount_drive(self) -> None:
        """Mount Google Drive where this is Colab; else a plain folder takes its place."""
        if self.drive is None and _colab():
            importlib.import_module("google.colab.drive").mount(str(_COLAB_DRIVE))
            self.drive = _COLAB_DRIVE / "MyDrive" / "Voicewright"
        if self.drive is None:
            self.drive = Path("~/voicewright-drive").expanduser()
        self.drive.mkdir(exist_ok=True)
        self.settings["drive"] = str(self.drive)

    def run(self, do: str, **facts: Any) -> Any:
        """Have the session do something, show what it says as it comes, and give its result.

        Stopping the cell stops what is at work there, with all it has kept.

        Raises:
            NotebookError: it failed, or was stopped.
        """
        process = self._session()
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, which is told below
            process.stdin.write(json.dumps({"do": do, **facts}) + "\n")
            process.stdin.flush()
        handles: dict[str, Any] = {}
        while True:
            try:
                line = process.stdout.readline()
                if not line:
                    process.wait()
                    self.process = None
                    self._fail(f"{self.words['ended']}\n{_tail(self.log)}")
                answer = json.loads(line)
                if "error" in answer:
                    self._fail(answer["error"])
                if "result" in answer:
                    return answer["result"]
                self._show(handles, answer["show"], Html(answer["html"]))
            except KeyboardInterrupt:  # also while something is shown: else its answer would be the next cell's
                process.send_signal(signal.SIGINT)

    def open_page(self) -> None:
        """Serve the page behind a password of its own, and say where it is; one that was opened before ends.

        It ends with this kernel. What is done there is kept on the drive, as if a cell had done it.
        """
        self._end(Notebook.page)
        self.run("keep")
        port = _free_port()
        address, host = _address(port)
        password = secrets.token_urlsafe(9)
        environment = {
            **os.environ,
            "VOICEWRIGHT_PASSWORD": password,
            "VOICEWRIGHT_ALLOWED_HOSTS": host,
            "VOICEWRIGHT_PORT": str(port),
            "VOICEWRIGHT_LANGUAGE": str(self.settings["language"]),
        }
        log = self.log.with_name("page.log")
        command = [self.python or sys.executable, "-m", "ui.notebook.page", "--workspace", str(self.workspace)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE}
        with open(log, "ab") as output:
            pipes |= {"stdout": output, "stderr": output}
            page = Notebook.page = subprocess.Popen(
                command, cwd=REPOSITORY, env=environment, start_new_session=True, **pipes
            )
        if not _answers(f"http://127.0.0.1:{port}/health", page):
            self._fail(f"{self.words['no_page']}\n{_tail(log)}")
        link = f'<a href="{address}" target="_blank" rel="noopener">{address}</a>'
        text = self.words["page"].format(address=link, user="voicewright", password=password)
        if not host:
            text += f"<br><small>{self.words['no_proxy']}</small>"
        self.display(Html(f"<p>{text}</p>"))

    def show_board(self, line_magic: Callable[[str, str], Any]) -> None:
        """TensorBoard in the notebook, by its own extension; it ends with this kernel."""
        for python in filter(None, (sys.executable, self.python)):  # of which a kernel's PATH need not know
            if (program := Path(python).parent / "tensorboard").exists():
                os.environ.setdefault("TENSORBOARD_BINARY", str(program))
        try:
            line_magic("load_ext", "tensorboard")
            line_magic("tensorboard", f"--logdir {self.workspace / 'projects'}")
        except Exception as error:  # whatever a machine's own TensorBoard has to say
            self.display(Html(f"<p>{self.words['board'].format(reason=type(error).__name__)}</p>"))

    def close(self) -> None:
        """End the session and the page; a run goes on."""
        self._end(self.process)
        self._end(Notebook.page)
        self.process = Notebook.page = None

    def _end(self, process: subprocess.Popen[Any] | None) -> None:
        if process is not None:
            process.terminate()
            process.wait()

    def _session(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [self.python or sys.executable, "-m", "ui.notebook", json.dumps(self.settings)],
                    cwd=REPOSITORY,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,  # it is told of a stop once, by us
                )
        return self.process

    def _show(self, handles: dict[str, Any], name: str, content: Html) -> None:
        if name in handles:
            handles[name].update(content)
        else:
            handles[name] = self.display(content, display_id=True)

    def _fail(self, text: str) -> NoReturn:
        raise NotebookError(text)


def _colab() -> bool:
    with contextlib.suppress(ImportError, ValueError):
        return importlib.util.find_spec("google.colab") is not None
    return False


def _address(port: int) -> tuple[str, str]:
    """Where a browser finds a port of this machine, and under which name it will ask; without a proxy, no name."""
    if _colab():
        output = importlib.import_module("google.colab.output")
        address = str(output.eval_js(f"google.colab.kernel.proxyPort({port}, {{'cache': false}})"))
        return address, address.partition("://")[2].partition("/")[0]
    return f"http://127.0.0.1:{port}/", ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + _PAGE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.3)
    return False


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    return ""
