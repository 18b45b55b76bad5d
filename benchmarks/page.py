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

from benchmarks import machine, median_and_p95, write_results
from core import REPOSITORY
from core.project.records import Clip, Source
from core.project.workspace import Workspace
from ui import app

CLIPS = 5_000
TABS = [module.__name__.split(".")[2] for module in app.TABS]
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
    """The served page and its process, which ends with the context.

    Raises:
        RuntimeError: the server did not start.
    """

    def __init__(self, workspace: Path) -> None:
        # Closed here once the server has it: else a request would wait for a server that has ended.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/en"
            command = [sys.executable, "-c", SERVER, str(listening.fileno()), str(workspace)]
            self.process = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[listening.fileno()])
        self.server = psutil.Process(self.process.pid)
        self.client = httpx.Client(timeout=120)
        try:
            self.config = self._config()
        except BaseException:
            self.close()
            raise

    def _config(self) -> dict[str, Any]:
        """What the page is made of, as soon as it is served."""
        for _ in range(600):
            try:
                return dict(self.client.get(f"{self.url}/config").json())
            except httpx.TransportError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_s(self) -> float:
        """Processor time of the server so far, in seconds."""
        times = self.server.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """What the server holds of the memory, in MB."""
        return float(self.server.memory_info().rss) / 1e6

    def tick(self, tab: str, seen: dict[str, str], client: httpx.Client | None = None) -> None:
        """Ask as the page's script does; the marks of the panels that came are put into ``seen``."""
        question = {"project": "ana", "tab": tab, "view": "", "seen": seen}
        answer = (client or self.client).post(f"{self.url}/live", json=question)
        answer.raise_for_status()
        seen |= {name: mark for name, (mark, _) in answer.json()["panels"].items()}

    def refresh(self, tab: str, session: str) -> None:
        """Show a tab anew by Gradio's event and queue.

        Raises:
            RuntimeError: the event failed.
        """
        event, values = show_event(self.config, tab)
        question = {"data": ["ana", tab, "", *values], "fn_index": event, "session_hash": session}
        self.client.post(f"{self.url}/gradio_api/queue/join", json=question).raise_for_status()
        messages = self.client.get(f"{self.url}/gradio_api/queue/data", params={"session_hash": session}).text
        if '"success": true' not in messages and '"success":true' not in messages:
            raise RuntimeError(messages[-500:])


def show_event(config: dict[str, Any], tab: str) -> tuple[int, list[Any]]:
    """The event that shows a tab anew: its number, and the first values of what it takes after project, tab and view.

    Raises:
        StopIteration: a page of this configuration has no such event.
    """
    event = next(event for event in config["dependencies"] if event["targets"][0][1] == f"show_{tab}")
    values = {component["id"]: component["props"].get("value") for component in config["components"]}
    return event["id"], [values[number] for number in event["inputs"][3:]]


def each_tab(page: Page) -> dict[str, dict[str, float]]:
    """Milliseconds of processor a tick where nothing changes, and a refresh by Gradio, of each tab."""
    costs = {}
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
        costs[tab] = {"tick_ms": round(tick, 2), "refresh_ms": round(refresh, 1)}
    return costs


def at_once(page: Page, tabs: int, seconds: float) -> dict[str, float]:
    """How long a tick takes while so many tabs ask once a second each; milliseconds of wall time."""
    times_ms: list[float] = []

    def follow(number: int) -> None:
        seen: dict[str, str] = {}
        until = time.monotonic() + seconds
        with httpx.Client(timeout=60) as client:
            time.sleep(number / tabs)
            while time.monotonic() < until:
                began = time.perf_counter()
                page.tick(TABS[number % len(TABS)], seen, client)
                times_ms.append(1000 * (time.perf_counter() - began))
                time.sleep(1.0)

    before = page.cpu_s()
    threads = [threading.Thread(target=follow, args=(number,)) for number in range(tabs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = (page.cpu_s() - before) / seconds
    median, p95 = median_and_p95(times_ms)
    return {"tabs": tabs, "p50_ms": round(median, 1), "p95_ms": round(p95, 1), "core_share": round(share, 3)}


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


def idle_share(page: Page) -> float:
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
    options = parser.parse_args()
    where: dict[str, Any] = machine("gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        with Page(Path(folder)) as page:
            tabs = each_tab(page)
            figures = {
                "clips": CLIPS,
                "of_each_tab": tabs,
                "at_once": at_once(page, options.tabs, 20.0),
                "memory": memory_over(page, options.ticks, 200),
                "nobody_core_share": idle_share(page),
                "tick_ms_mean": round(statistics.mean(tab["tick_ms"] for tab in tabs.values()), 2),
            }
    write_results("page", {"machine": where, **figures})
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
