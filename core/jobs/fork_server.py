"""Fork server: a process that has imported an engine's libraries, and from which jobs start in a moment.

Importing torch and an engine's model takes seven seconds of processor in every child. Asked by `warm`, this process
does it once, ahead of the click; a job is then a fork of it. It ends with the process that asked for it, or when idle.
It never computes anything itself, so a fork finds neither a card nor threads in use.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core import REPOSITORY
from core.system.process import import_heavy

_WORKER = "core.jobs.worker"
_IDLE_S = 600.0
_MOST_FDS = 64
_MESSAGE_BYTES = 1 << 18
# Read when a library is loaded: a job that differs in one of these starts as a process of its own.
_READ_AT_IMPORT = (
    "OMP",
    "MKL",
    "KMP",
    "OPENBLAS",
    "NUMBA",
    "CUDA",
    "NVIDIA",
    "TORCH",
    "PYTORCH",
    "PYTHON",
    "LD_",
    "HF_",
)

_lock = threading.Lock()
_server: ForkServer | None = None


class ForkServer:
    """The side of whoever starts jobs."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        own_socket, child_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.modules = tuple(modules)
        self._environment = dict(environment)
        self._connection = own_socket
        self._ready = False
        with child_socket:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.fork_server", str(child_socket.fileno()), *modules],
                cwd=REPOSITORY,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[child_socket.fileno()],
            )
        threading.Thread(target=self._process.wait, daemon=True).start()

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Whether everything is imported, waiting for it that long at most."""
        if not self._ready and select.select([self._connection], [], [], timeout_s)[0]:
            self._ready = self._connection.recv(1) == b"r"
        return self._ready

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether a job with this environment would find its libraries as it would have loaded them itself."""

        def of_libraries(variables: Mapping[str, str]) -> dict[str, str]:
            return {name: value for name, value in variables.items() if name.startswith(_READ_AT_IMPORT)}

        return of_libraries(environment) == of_libraries(self._environment)

    def fork(
        self, arguments: Sequence[str | int], environment: Mapping[str, str], log: int, module: str = _WORKER
    ) -> bool:
        """Start a process; False if nothing was started.

        Args:
            arguments: of its ``main``; whole numbers are descriptors that go along.
            environment: of the process.
            log: descriptor of what it prints to.
            module: whose ``main`` it runs.
        """
        handles = [item for item in arguments if isinstance(item, int)]
        wish = {"module": module, "arguments": list(arguments), "environment": dict(environment)}
        message = json.dumps(wish).encode()
        try:
            socket.send_fds(self._connection, [message], [log, *handles])
            return bool(self._connection.recv(16))
        except OSError:  # it has just ended, being idle
            return False

    def close(self) -> None:
        """Let it end; workers stay."""
        self._connection.close()


def warm(modules: Sequence[str], environment: Mapping[str, str]) -> ForkServer:
    """Import ``modules`` ahead of the jobs that need them; returns at once."""
    global _server
    with _lock:
        if _server and _server.alive and _server.modules == tuple(modules) and _server.fits(environment):
            return _server
        if _server:
            _server.close()
        _server = ForkServer(modules, environment)
        return _server


def fork(arguments: Sequence[str | int], environment: Mapping[str, str], log: int, module: str = _WORKER) -> bool:
    """Start a process from the fork server, if there is one that is ready and fits; see `ForkServer.fork`."""
    with _lock:
        server = _server if _server and _server.alive and _server.fits(environment) else None
        return bool(server and server.wait_until_ready(0) and server.fork(arguments, environment, log, module))


def _serve(connection: socket.socket) -> None:
    """Fork a worker for every message, until nobody is there to send any."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the system
    connection.send(b"r")
    while select.select([connection], [], [], _IDLE_S)[0]:
        message, handles, *_ = socket.recv_fds(connection, _MESSAGE_BYTES, _MOST_FDS)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become_worker(json.loads(message), handles)
        for handle in handles:
            os.close(handle)
        connection.send(str(pid).encode())


def _become_worker(message: dict[str, Any], handles: list[int]) -> None:
    """What `subprocess` does for an ordinary worker: its own session, log and environment. Does not return."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log, *descriptors = handles
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.environ.clear()
    os.environ.update(message["environment"])
    numbers = iter(descriptors)
    sys.argv[1:] = [str(next(numbers)) if isinstance(item, int) else item for item in message["arguments"]]
    run: Callable[[], None] = importlib.import_module(message["module"]).main
    try:
        run()
    finally:
        os._exit(1)


def main() -> None:
    """Import, then serve."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the worker does, before anything imports torch
    for name in sys.argv[2:]:
        import_heavy(name)  # frozen, so it stays shared between the forks
    _serve(connection)


if __name__ == "__main__":
    main()
