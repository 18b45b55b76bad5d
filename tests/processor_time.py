"""Processor seconds of each test file, those of all its processes: ``pytest -n 1 -p tests.processor_time``.

Told by the control group of the run, so nothing else should be in it (``systemd-run --user --scope`` makes a new one).
Unlike the time by the clock they say the same on a busy machine.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

_ROOT = Path("/sys/fs/cgroup")


def used_s() -> float:
    """Seconds that the control group has used so far, in its second version or the first."""
    groups = dict(line.split(":")[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    for controllers, group in groups.items():
        old = _ROOT / "cpuacct" / group.lstrip("/") / "cpuacct.usage"
        new = _ROOT / group.lstrip("/") / "cpu.stat"
        if "cpuacct" in controllers and old.exists():
            return int(old.read_text()) / 1e9
        if not controllers and new.exists():
            return int(new.read_text().split()[1]) / 1e6
    raise RuntimeError("no control group tells of processor time")


_by_file: Counter[str] = Counter()
_before_s = used_s()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what has been used since the report before."""
    global _before_s
    now_s = used_s()
    _by_file[report.nodeid.partition("::")[0]] += now_s - _before_s
    _before_s = now_s


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it, the most first; what was used before the first test, to collect them, counts for that one."""
    terminalreporter.section("processor seconds")
    for name, seconds in _by_file.most_common():
        terminalreporter.line(f"{seconds:7.1f}  {name}")
    terminalreporter.line(f"{_by_file.total():7.1f}  all")
