"""The real page in this process, and its events sent as a browser sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from core.settings import Settings

HERE = "http://127.0.0.1:7860"


class RealPage:
    """The English page over a workspace of its own."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.app = client.app.state.pages["en"].build_now()  # type: ignore[attr-defined]
        self.blocks = self.app.get_blocks()
        self.notices: list[str] = []

    def join(self, event: int, data: Sequence[Any], session: str, event_data: Any = None) -> str:
        """Send an event into the queue; gives its id."""
        asked = {"data": list(data), "fn_index": event, "session_hash": session, "event_data": event_data}
        answer = self.client.post("/en/gradio_api/queue/join", json=asked)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["event_id"])

    def answers(self, session: str) -> dict[str, dict[str, Any]]:
        """How all events of a session ended, by their id; waits for them. Notices they gave are in `notices`."""
        stream = self.client.get("/en/gradio_api/queue/data", params={"session_hash": session}).text
        messages = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
        self.notices = [message["log"] for message in messages if message["msg"] == "log"]
        return {message["event_id"]: message for message in messages if message["msg"] == "process_completed"}

    def run(self, event: int, data: Sequence[Any], session: str = "one", event_data: Any = None) -> dict[str, Any]:
        """Send one event and wait for how it ends."""
        number = self.join(event, data, session, event_data)
        return self.answers(session)[number]

    def events(self, component: str, trigger: str) -> list[int]:
        """Numbers of the events that a kind of component sets off."""
        kinds = {number: type(block).__name__ for number, block in self.blocks.blocks.items()}
        return [
            number
            for number, fn in self.blocks.fns.items()
            if fn.fn is not None and any((kinds.get(which), name) == (component, trigger) for which, name in fn.targets)
        ]

    def upload(self, path: Path, name: str = "") -> dict[str, Any]:
        """Upload a file; gives it as a component's value."""
        sent = {"files": (name or path.name, path.read_bytes())}
        answer = self.client.post("/en/gradio_api/upload", files=sent)
        assert answer.status_code == 200, answer.text
        return {"path": answer.json()[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


@contextmanager
def real_page(workspace: Path, **settings: Any) -> Iterator[RealPage]:
    """The application around the real page, for as long as it is needed."""
    from ui.server import create_app

    chosen = Settings(_env_file=None, workspace=workspace, **settings)  # type: ignore[call-arg]
    with TestClient(create_app(chosen), base_url=HERE, follow_redirects=False) as client:
        yield RealPage(client)
