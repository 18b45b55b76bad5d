"""The warm process: ``… -m tests.warm.server FOLDER TEST …`` imports, and forks for whoever connects to its sockets."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

from core.engines import registry
from core.jobs import fork_server
from core.system.process import import_heavy
from tests import warm
from tests.warm.rewriting import rewrite_tests
from ui.gradio_import import import_gradio

_PAGE = ["core.jobs.worker", "core.tasks.import_sources", "core.tasks.scan_collection", "core.tasks.list_link"]
_PAGE += ["core.tasks.segment", "core.sources.links.ytdlp", "ui.server", "ui.app", "httpx", "fastapi.testclient"]
_ENGINE = ["core.engines.xtts.engine", "core.engines.f5.engine", "core.tasks.train", "core.tasks.evaluate"]
_ENGINE += ["faster_whisper", "whisper"]
_MESSAGE_BYTES = 1 << 18
_MOST_FDS = 64
# Gradio sets the first when it is imported, launchers of training the next; no library reads them when it is.
_HARMLESS = ("HF_HUB_DISABLE_TELEMETRY", "PYTHON_EXEC", "TORCHELASTIC", "TORCH_NCCL_ASYNC_ERROR_HANDLING")
_HARMLESS += ("PYTHONPATH", "OMP_NUM_THREADS")  # see `_extend_path`, `_set_threads`
_FREE_FD = 500  # above all that is handed over


def main() -> None:
    """Listen, import what a page needs, leave a fork behind that serves those, import the rest, serve."""
    folder, environment = Path(sys.argv[1]), dict(os.environ)
    listening = {kind: _listen(folder / kind) for kind in (warm.PAGE, warm.ENGINE)}
    os.write(1, b"listening\n")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the system
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    warm.use()
    fork_server._IDLE_S = 3600.0
    import_gradio()
    for name in _PAGE:
        import_heavy(name)
    own, other = (warm.ENGINE, warm.PAGE) if os.fork() else (warm.PAGE, warm.ENGINE)
    listening[other].close()
    for name in _ENGINE if own == warm.ENGINE else []:
        import_heavy(name)
    if own == warm.ENGINE:
        rewrite_tests(map(Path, sys.argv[2:]))
    gc.freeze()
    os.environ.clear()
    os.environ.update(environment)  # libraries add to it
    _serve(listening[own])


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(path))
    listening.listen(128)
    return listening


def _serve(listening: socket.socket) -> None:
    """Fork for each connection, until the input ends with whoever holds it."""
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            return
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _attend(connection)
        connection.close()


def _attend(connection: socket.socket) -> None:
    """Be a fork server to who asks for jobs; for a program be its parent, and pass on signals and its end."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    message, handles, *_ = socket.recv_fds(connection, _MESSAGE_BYTES, _MOST_FDS)
    about = json.loads(message or b"null")
    if about is None or not _fits(about["environment"]):
        connection.send(b"other")
        os._exit(0)
    _extend_path(about["environment"].get("PYTHONPATH", ""))
    _set_threads(about["environment"].get("OMP_NUM_THREADS", ""))
    if "arguments" not in about:
        with contextlib.suppress(OSError):  # whoever asked has ended
            fork_server._serve(connection)
        os._exit(0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os.setpgid(0, 0)
        _become(about, handles)
    for handle in handles:
        os.close(handle)
    os.setpgid(pid, pid)
    connection.send(b"go")
    tell = os.killpg if about["leads"] else os.kill  # who leads a group is told what all of it is told
    ended = os.pidfd_open(pid)
    while True:
        ready, _, _ = select.select([connection, ended], [], [])
        if ended in ready:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(OSError):  # whoever waited was killed
                connection.send(b"%d" % code)
            os._exit(0)
        told = connection.recv(16)
        tell(pid, int(told or signal.SIGKILL))


def _fits(environment: dict[str, str]) -> bool:
    """Whether libraries were imported here as they would be there."""
    own, others = (
        {name: value for name, value in variables.items() if not name.startswith(_HARMLESS)}
        for variables in (os.environ, environment)
    )
    server = fork_server.ForkServer.__new__(fork_server.ForkServer)
    server._environment = own
    return server.fits(others)


def _extend_path(folders: str) -> None:
    """Find what else is to be found, as Python does when it begins: engines, and a task of a test's own."""
    added = [folder for folder in folders.split(os.pathsep) if folder and folder not in sys.path]
    sys.path[:0] = added
    if not added:
        return
    registry._engines.cache_clear()
    for name in [name for name in sys.modules if name.startswith("core.tasks.")]:
        del sys.modules[name]
    for folder in added:
        if (site := Path(folder, "sitecustomize.py")).exists():
            runpy.run_path(str(site))


def _set_threads(count: str) -> None:
    """Let torch use as many threads as it would have begun with."""
    if "torch" in sys.modules and count != os.environ.get("OMP_NUM_THREADS", ""):
        sys.modules["torch"].set_num_threads(int(count or len(os.sched_getaffinity(0))))


def _become(about: dict[str, Any], handles: list[int]) -> None:
    """Run Python's arguments as Python would: ``-c``, ``-m`` or a script. Does not return."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        high = [fcntl.fcntl(handle, fcntl.F_DUPFD, _FREE_FD) for handle in handles]
        for handle in handles:
            os.close(handle)
        for handle, descriptor in zip(high, about["descriptors"], strict=True):
            os.dup2(handle, descriptor)
            os.close(handle)
        os.environ.clear()
        os.environ.update(about["environment"])
        os.chdir(about["folder"])
        if about["arguments"][0] == "webui.py":
            os.environ["HF_HUB_DISABLE_TELEMETRY"] = "True"  # as Gradio will
            warm.have_jobs_forked()
        elif about["arguments"][:3] == ["-u", "-m", "core.train"]:  # as a launcher of several starts it
            warm.have_jobs_forked()
        _run(list(about["arguments"]))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the end of any program does
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")  # that a module was imported already
    while arguments[0] in ("-u", "-B"):
        del arguments[0]
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    importlib.import_module("tests.warm.server").main()
