"""How long until the first page is served, and how much of that is ours beside ``import gradio``.

    python -m benchmarks.startup [--runs 5]

Each run is a fresh process that imports Gradio, builds the application over an empty workspace, starts the server and
asks it for the first page; processor time is written beside wall time, since a busy machine stretches only the latter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks import machine, write_results
from core import REPOSITORY

PROGRAM = """
import json, socket, sys, threading, time, urllib.request
from pathlib import Path

marks = {"begin": (time.perf_counter(), time.process_time())}

def mark(name):
    marks[name] = (time.perf_counter(), time.process_time())

import os
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio
mark("gradio")
from core.settings import Settings
from ui.server import create_app
settings = Settings(_env_file=None, workspace=Path(sys.argv[1]))
app = create_app(settings)
mark("app")
app.state.pages["en"].build_now()
mark("page")
import uvicorn
listening = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
thread.start()
while not server.started:
    time.sleep(0.005)
with urllib.request.urlopen(f"http://127.0.0.1:{listening.getsockname()[1]}/en/") as page:
    assert b"gradio_config" in page.read()
mark("served")
app.state.pages["pt-BR"].build_now()
mark("second")
server.should_exit = True
thread.join()
print(json.dumps(marks))
"""

PARTS = (
    ("import_gradio", "begin", "gradio"),
    ("own_modules", "gradio", "app"),
    ("build_page", "app", "page"),
    ("serve_first_page", "page", "served"),
    ("own_share", "gradio", "served"),
    ("second_language", "served", "second"),
)


def measure() -> dict[str, float]:
    """One run: seconds of wall and processor time of each part."""
    with tempfile.TemporaryDirectory() as folder:
        completed = subprocess.run(
            [sys.executable, "-c", PROGRAM, folder],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        )
    marks = json.loads(completed.stdout.splitlines()[-1])
    return {
        f"{name}_{clock}": marks[until][index] - marks[since][index]
        for name, since, until in PARTS
        for index, clock in enumerate(("wall_s", "cpu_s"))
    }


def main() -> None:
    """Measure and write the median of each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    count, where = parser.parse_args().runs, machine("gradio")
    runs = [measure() for _ in range(count)]
    medians = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
    figures: dict[str, Any] = {"machine": where, "runs": count, **medians}
    write_results("startup", figures)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
