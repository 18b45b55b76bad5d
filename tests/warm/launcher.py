"""Runs in place of Python: hands its arguments to a fork of the warm process and passes signals and its end on.

``launcher.py SOCKET PYTHON-ARGUMENT …``; without a module of ours, since it is run without site packages, to be quick.
"""

import json
import os
import signal
import socket
import sys

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    """Start it, wait for its end, and end alike."""
    address, *arguments = sys.argv[1:]
    descriptors = [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    about = {
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "descriptors": descriptors,
        "leads": os.getpgrp() == os.getpid(),
    }
    try:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(about).encode()], descriptors)
        is_started = connection.recv(16) == b"go"
    except OSError:
        is_started = False
    if not is_started:  # its libraries would read another environment, or there is none
        os.execv(sys.executable, [sys.executable, *arguments])
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: connection.send(b"%d" % number))
    code = int(connection.recv(16) or b"1")
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
