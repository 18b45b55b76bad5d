"""What tests of links share: a small video site on this computer that yt-dlp takes for YouTube."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.jobs.args.sources import ImportArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from tests.sources.video_site import TEST_SITE, VideoSite

PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True, scope="module")
def _forked(forked: None) -> None:
    """Every file here starts jobs."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoSite]:
    """Every request of yt-dlp, in this process and in jobs it starts, goes there."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    found = VideoSite()
    monkeypatch.setenv(TEST_SITE, found.address)
    yield found
    found.close()


@pytest.fixture
def reporter(project: Project) -> Reporter:
    """Of a job that nothing else works on."""
    return Reporter(Job.create(project.jobs, ImportArgs()))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever network the machine has, yt-dlp finds none."""
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
