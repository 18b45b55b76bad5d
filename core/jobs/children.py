"""Children of a job: further jobs that it starts one after the other; the failure of one is its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.jobs.job import Job, JobView
from core.jobs.outcome import check_done
from core.jobs.reporter import Reporter

_POLL_S = 0.2
_PATIENCE_S = 20.0  # for a child that was asked to stop; then it is killed


@dataclass
class Children:
    """The jobs that a job has started."""

    reporter: Reporter
    jobs: list[Job] = field(default_factory=list)

    def start(self, start: Callable[[], Job]) -> Job:
        """Start one, unless Stop was pressed."""
        self.reporter.check_stop()
        child = start()
        self.jobs.append(child)
        return child

    def follow(self, child: Job, on_view: Callable[[JobView], object]) -> JobView:
        """Wait until it ends, telling how far it is; one that was started elsewhere is one of ours from now on.

        Raises:
            Cancelled: Stop was pressed here or on it.
            UserError: it failed, with its own error; ``demo.part_ended``: it ended without a word.
        """
        if child not in self.jobs:
            self.jobs.append(child)
        self.reporter.check_stop()
        while child.alive():
            self.reporter.check_stop()
            on_view(child.read())
            time.sleep(_POLL_S)
        return check_done(child)

    def stop(self) -> None:
        """End whatever is still at work: kindly, and after a while by force."""
        running = [child for child in self.jobs if child.alive()]
        for child in running:
            child.stop()
        until = time.monotonic() + _PATIENCE_S
        for child in running:
            child.wait(max(0.0, until - time.monotonic()))
            if child.alive():
                child.force_stop()
                child.wait(5)
