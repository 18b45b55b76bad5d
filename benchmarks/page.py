"""What an open page costs the server: each tick, many tabs at once, thousands of ticks, and nobody there.

    python -m benchmarks.page [--ticks 3000] [--tabs 20]

The real page is served to this process over loopback, a project with 5,000 clips in it. Processor time is the server's
own. As a comparison, the same tabs are shown anew by Gradio's event, which is what each tick was before.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import RESULTS, machine
from core.project.records import Clip, Source
from core.project.workspace import Workspace

RESULT = RESULTS / "page.json"
ROOT = Path(__file__).resolve().parent.parent
CLIPS = 5_000
TABS = ("home", "sources", "segments", "transcripts", "review", "dataset", "train", "listen", "speak", "system")
IDLE_S = 10.0
SERVER = """
import socket, sys
import uvicorn
from pathlib import Path
from core.settings import Settings
from ui.server import create_app
app = create_app(Settings(_env_file=None, workspace=Path(sys.argv[2])))
app.state.pages["en"].build_now()
config = uvicorn.Config(app, log_level="warning", ws="none")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""


class Page:
    """The served page and its process."""

    def __init__(self, workspace: Path) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/en"
        number = str(listening.fileno())
        command = [sys.executable, "-c", SERVER, number, str(workspace)]
        self.process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()])
        self.server = psutil.Process(self.process.pid)
        self.client = httpx.Client(timeout=120)
        for _ in range(600):
            try:
                self.config = self.client.get(f"{self.url}/config").json()
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def cpu_s(self) -> float:
        """Processor time of the server so far, in seconds."""
        times = self.server.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """What the server holds of the memory, in MB."""
        return float(self.server.memory_info().rss) / 1e6

    def tick(self, tab: str, seen: dict[str, str], client: httpx.Client | None = None) -> None:
        """Ask as the page's script does, and remember what came."""
        asked = {"project": "ana", "tab": tab, "view": "", "seen": seen}
        answer = (client or self.client).post(f"{self.url}/live", json=asked)
        answer.raise_for_status()
        seen |= {name: mark for name, (mark, _) in answer.json()["panels"].items()}

    def refresh(self, tab: str, session: str) -> None:
        """Show a tab anew by Gradio's event and queue."""
        events = [
            event for event in self.config["dependencies"] if event["targets"] and event["targets"][0][1] == "load"
        ]
        event = events[0]
        values = {component["id"]: component["props"].get("value") for component in self.config["components"]}
        data = ["ana", tab, "", *[values[number] for number in event["inputs"][3:]]]
        asked = {"data": data, "fn_index": event["id"], "session_hash": session}
        self.client.post(f"{self.url}/gradio_api/queue/join", json=asked).raise_for_status()
        ended = self.client.get(f"{self.url}/gradio_api/queue/data", params={"session_hash": session}).text
        if '"success": true' not in ended and '"success":true' not in ended:
            raise RuntimeError(ended[-500:])


def each_tab(page: Page) -> dict[str, dict[str, float]]:
    """Milliseconds of processor a tick where nothing changes, and a refresh by Gradio, of each tab."""
    found = {}
    for tab in TABS:
        seen: dict[str, str] = {}
        page.tick(tab, seen)
        before = page.cpu_s()
        for _ in range(100):
            page.tick(tab, seen)
        tick = 10 * (page.cpu_s() - before)
        before = page.cpu_s()
        for _ in range(10):
            page.refresh(tab, "refresh")
        refresh = 100 * (page.cpu_s() - before)
        found[tab] = {"tick_ms": round(tick, 2), "refresh_ms": round(refresh, 1)}
    return found


def at_once(page: Page, tabs: int, seconds: float) -> dict[str, float]:
    """How long a tick takes while so many tabs ask once a second each; milliseconds of wall time."""
    took: list[float] = []

    def follow(number: int) -> None:
        seen: dict[str, str] = {}
        until = time.monotonic() + seconds
        with httpx.Client(timeout=60) as client:
            time.sleep(number / tabs)
            while time.monotonic() < until:
                began = time.perf_counter()
                page.tick(TABS[number % len(TABS)], seen, client)
                took.append(1000 * (time.perf_counter() - began))
                time.sleep(1.0)

    before = page.cpu_s()
    threads = [threading.Thread(target=follow, args=(number,)) for number in range(tabs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = (page.cpu_s() - before) / seconds
    took.sort()
    return {"tabs": tabs, "p50_ms": round(statistics.median(took), 1), "p95_ms": round(took[int(0.95 * len(took))], 1),
            "core_share": round(share, 3)}  # fmt: skip


def memory_over(page: Page, ticks: int, refreshes: int) -> dict[str, float]:
    """MB that the server grows by over so many ticks, and then so many refreshes in a row."""
    seen: dict[str, str] = {}
    for number in range(200):
        page.tick(TABS[number % len(TABS)], seen)
    start = page.memory_mb()
    for number in range(ticks):
        page.tick(TABS[number % len(TABS)], seen)
    ticked = page.memory_mb()
    for number in range(refreshes):
        page.refresh(TABS[number % len(TABS)], "grows")
    end = page.memory_mb()
    return {
        "ticks": ticks, "ticks_mb": round(ticked - start, 1),
        "refreshes": refreshes, "refreshes_mb": round(end - ticked, 1),
    }  # fmt: skip


def nobody(page: Page) -> float:
    """The share of a core that the server takes while nobody asks anything."""
    before = page.cpu_s()
    time.sleep(IDLE_S)
    return round((page.cpu_s() - before) / IDLE_S, 4)


def fill(folder: Path) -> None:
    """A project with a recording and its clips."""
    project = Workspace(folder).create("Ana", "en")
    project.store.add_source(Source("a", "Recording", seconds=4.0 * CLIPS))
    clips = [Clip(f"a-{n:05d}", "a", 4.0 * n, 4.0 * n + 3.5, text=f"Sentence {n}.") for n in range(CLIPS)]
    project.store.replace_clips("a", clips)


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=3000)
    parser.add_argument("--tabs", type=int, default=20)
    given = parser.parse_args()
    where: dict[str, Any] = machine("gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        page = Page(Path(folder))
        try:
            figures = {
                "clips": CLIPS,
                "of_each_tab": each_tab(page),
                "at_once": at_once(page, given.tabs, 20.0),
                "memory": memory_over(page, given.ticks, 200),
                "nobody_core_share": nobody(page),
            }
        finally:
            page.process.terminate()
            page.process.wait(20)
    figures["tick_ms_mean"] = round(statistics.mean(entry["tick_ms"] for entry in figures["of_each_tab"].values()), 2)
    RESULT.write_text(json.dumps({"machine": where, **figures}, indent=2) + "\n")
    print(RESULT.read_text(), end="")


if __name__ == "__main__":
    main()
