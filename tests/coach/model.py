"""A small server on loopback that speaks the chat completions protocol as a language model's service does."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {
    "choices": [{"message": {"role": "assistant", "content": " Because of [F1]. "}}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 6, "cost": 0.0012},
}


EVER = -1
"""The status of an answer that goes on for ever: its body again and again, a piece each hundredth of a second."""


@dataclass
class Model:
    """A service that speaks the protocol: what it is asked, and what it answers next (status, body, headers)."""

    address: str = ""
    requests: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    """An answer of status 0 is held back until this is set."""

    def says(self, body: object, status: int = 200, **headers: str) -> None:
        """Answer the next request like this."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, content, {name.replace("_", "-"): value for name, value in headers.items()}))


def serve() -> Iterator[Model]:
    """A service on loopback for as long as it is wanted."""
    here = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.requests.append((body, self.headers.get("Authorization", "")))
            status, content, headers = here.answers.pop(0) if here.answers else (200, json.dumps(GOOD).encode(), {})
            if self.path != "/v1/chat/completions":
                status, content = 404, b"{}"
            if status == 0:
                here.hold.wait(20)
                status = 200
            if status == EVER:
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(OSError):  # who asked has had enough
                    while not here.hold.wait(0.01 if len(content) == 1 else 0):
                        self.wfile.write(content)
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield here
    here.hold.set()
    server.shutdown()
    server.server_close()
