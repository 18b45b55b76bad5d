"""What the demo takes, from its start to the first pair of voices: ``python -m benchmarks.demo``.

Its job and the jobs it starts are children of this process; their processor time is read while they run. On a machine
that does other work as well it tells more than the clock.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from benchmarks import machine, write_results
from benchmarks.processes import Watch
from core.demo import start_demo
from core.project.workspace import Workspace

_LOOK_S = 0.1


def main() -> None:
    """Measure and write the figures."""
    where, processes = machine("torch"), Watch()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        project, job = start_demo(Workspace(Path(folder) / "workspace"))
        while job.alive():
            processes.look()
            time.sleep(_LOOK_S)
        seconds = time.perf_counter() - began
        view = job.read()
        if view.status != "done":
            raise SystemExit(f"the demo ended as {view.status}: {view.text}")
        clips = project.figures.totals().clips
    figures = {"clips": clips, "seconds": round(seconds, 1), "processor_s": round(processes.cpu_s(), 1)}
    write_results("demo", {"machine": where, **figures})
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
