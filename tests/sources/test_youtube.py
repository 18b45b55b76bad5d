"""yt-dlp, the real one: progress, stop and limits against a server on this machine; errors against no network."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Cancelled, UserError
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.sources import recordings
from core.sources.youtube import EXTRACTORS, check_url, download
from core.sources.youtube_errors import explain
from core.workspace import Project
from tests.audio.sounds import tone, write

# yt-dlp's extractor for any address: never allowed in the product, the only way to a server on this machine here.
GENERIC = ("generic",)
CLOSED_PROXY = "http://127.0.0.1:9"


class Site:
    """A web server that hands out one sound file, as slowly as wanted."""

    def __init__(self, content: bytes) -> None:
        self.content, self.pause_s, self.announce = content, 0.0, True
        self.requests = self.sent = 0
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests += 1
                self.send_response(200)
                self.send_header("Content-Type", "audio/wav")
                if site.announce:
                    self.send_header("Content-Length", str(len(site.content)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                for at in range(0, len(site.content), 16_384):
                    try:
                        self.wfile.write(site.content[at : at + 16_384])
                    except OSError:
                        return
                    site.sent += 16_384
                    if site.pause_s:
                        time.sleep(site.pause_s)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/talk.wav"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    found = Site(write(tmp_path / "talk.wav", tone(30)).read_bytes())
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def reporter(project: Project) -> Reporter:
    return Reporter(Job.create(project.jobs, "import_sources", {}))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever network the machine has, yt-dlp finds none."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, CLOSED_PROXY)
        monkeypatch.setenv(name.upper(), CLOSED_PROXY)


def test_a_sound_is_fetched_with_progress_under_a_name_of_our_own(
    site: Site, reporter: Reporter, tmp_path: Path
) -> None:
    reporter.MIN_INTERVAL_S = 0.0  # type: ignore[misc]
    (fetched,) = download(site.url, tmp_path / "in", reporter, extractors=GENERIC)
    assert fetched.path.read_bytes() == site.content
    assert fetched.title == "talk" and fetched.origin == site.url
    assert "talk" not in fetched.path.name and fetched.path.parent == tmp_path / "in"
    view = reporter.job.read()
    assert (view.stage, view.done, view.total, view.item) == ("download", 1, 1, "talk")
    log = reporter.job.events_path.read_text().splitlines()
    assert sum('"download"' in line for line in log) > 3


def test_stop_breaks_off_a_download_and_leaves_nothing(site: Site, reporter: Reporter, tmp_path: Path) -> None:
    site.pause_s = 0.1
    threading.Timer(0.3, reporter.job.stop).start()
    with pytest.raises(Cancelled):
        download(site.url, tmp_path / "in", reporter, extractors=GENERIC)
    assert 0 < site.sent < len(site.content)
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("announce", [True, False])
def test_a_download_that_is_too_large_is_refused(
    site: Site, reporter: Reporter, tmp_path: Path, announce: bool
) -> None:
    site.content, site.announce = site.content * 3, announce
    with pytest.raises(UserError) as error:
        download(site.url, tmp_path / "in", reporter, extractors=GENERIC, max_mb=1)
    assert error.value.code == "youtube.too_big"
    assert list((tmp_path / "in").iterdir()) == []


def test_an_address_of_the_own_network_is_never_asked(site: Site, reporter: Reporter, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        download(site.url, tmp_path / "in", reporter)
    assert error.value.code == "youtube.unsupported" and site.requests == 0


def test_settings_of_the_account_are_not_read(
    site: Site, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".config" / "yt-dlp").mkdir(parents=True)
    (home / ".config" / "yt-dlp" / "config").write_text(f"-o {tmp_path}/elsewhere.wav\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    (fetched,) = download(site.url, tmp_path / "in", reporter, extractors=GENERIC)
    assert fetched.path.parent == tmp_path / "in" and not (tmp_path / "elsewhere.wav").exists()


def test_plugins_of_the_account_are_not_run(
    no_network: None, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "config" / "yt-dlp" / "plugins" / "own" / "yt_dlp_plugins" / "extractor" / "own.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(tmp_path / 'was-here')!r}, 'w').close()\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert recordings.add(project, [], ["https://youtu.be/dQw4w9WgXcQ"]).wait(120).code == "youtube.no_network"
    assert not (tmp_path / "was-here").exists()


def test_without_a_network_the_error_says_so(no_network: None, reporter: Reporter, tmp_path: Path) -> None:
    url = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    began = time.monotonic()
    with pytest.raises(UserError) as error:
        download(url, tmp_path / "in", reporter, socket_timeout_s=2, retries=0)
    assert error.value.code == "youtube.no_network" and url in error.value.text
    assert "internet" in error.value.hint and time.monotonic() - began < 60


def test_the_job_names_the_address_and_takes_the_file_all_the_same(
    no_network: None, project: Project, tmp_path: Path
) -> None:
    url = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    path = write(tmp_path / "a.wav", tone(1))
    view = recordings.add(project, [(path, "a.wav")], [url, " "]).wait(120)
    assert view.status == "done", view.text
    assert (view.result["added"], view.result["failed"]) == (1, 1)
    assert [(w.code, w.values["url"]) for w in view.warnings] == [("youtube.no_network", url)]


def test_the_generic_extractor_is_not_among_the_allowed() -> None:
    import yt_dlp

    with yt_dlp.YoutubeDL({"allowed_extractors": list(EXTRACTORS), "quiet": True}) as loader:
        assert "Generic" not in loader._ies and "Youtube" in loader._ies


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("ERROR: [youtube] abc: Private video. Sign in if you've been granted access to this video", "gone"),
        ("ERROR: [youtube] abc: Video unavailable. This video has been removed by the uploader", "gone"),
        ("ERROR: [youtube] abc: Video unavailable", "gone"),
        ("ERROR: [youtube:truncated_id] dQw: Incomplete YouTube ID dQw. URL https://… looks truncated.", "gone"),
        ("ERROR: [youtube] abc: Sign in to confirm your age. This video may be inappropriate for some users.", "age"),
        ("ERROR: [youtube] abc: Sign in to confirm you’re not a bot. Use --cookies-from-browser", "refused"),
        ("ERROR: unable to download video data: HTTP Error 403: Forbidden", "refused"),
        ("ERROR: [youtube] abc: HTTP Error 429: Too Many Requests", "refused"),
        ("ERROR: [youtube] abc: Join this channel to get access to members-only content", "members"),
        ("ERROR: [youtube] abc: The uploader has not made this video available in your country", "region"),
        ("ERROR: [youtube] abc: This live event will begin in 3 hours.", "live"),
        ("ERROR: [youtube] abc: Unable to download: [Errno -3] Temporary failure in name resolution", "no_network"),
        ("ERROR: [vimeo] 1: Unable to download webpage: timed out", "no_network"),
        ("ERROR: No suitable extractor found for URL http://example.com", "unsupported"),
        ("ERROR: [youtube] abc: Requested format is not available. Use --list-formats", "no_sound"),
        ("ERROR: [youtube] abc: Something nobody foresaw; please report this issue on https://…", "failed"),
    ],
)  # fmt: skip
def test_what_a_site_says_becomes_a_cause_and_a_next_step(said: str, code: str) -> None:
    error = explain("https://youtu.be/abc", said)
    assert error.code == f"youtube.{code}" and "https://youtu.be/abc" in error.text and error.hint


def test_an_unforeseen_error_is_quoted_in_short() -> None:
    said = "\x1b[0;31mERROR:\x1b[0m [youtube] abc: Something new; please report this issue on https://github.com"
    assert "(Something new)" in explain("https://youtu.be/abc", said).text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (" https://www.youtube.com/watch?v=abc&t=10 ", "https://www.youtube.com/watch?v=abc&t=10"),
        ("youtu.be/abc", "https://youtu.be/abc"),
        ("http://vimeo.com/1", "http://vimeo.com/1"),
        ("https://mañana.com/ä", "https://mañana.com/ä"),
    ],
)
def test_addresses_of_pages_pass(typed: str, expected: str) -> None:
    assert check_url(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "hello", "file:///etc/passwd", "ftp://example.com/a", "javascript:alert(1)", "https://", "ytsearch:cats",
        "https://example.com/a b", "https://example.com/\nHost: x", "https://[::1", "-o /tmp/x", "https://a\\@b.com/",
        "data:audio/wav;base64,AAAA", "https://example.com:99999/", "https://example.com/" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(typed: str) -> None:
    with pytest.raises(UserError) as error:
        check_url(typed)
    assert error.value.code == "url.not_web"


@pytest.mark.parametrize(
    "typed",
    [
        "http://127.0.0.1/x", "http://localhost:8000/x", "http://10.0.0.7/x", "http://192.168.1.1", "http://[::1]/x",
        "http://169.254.169.254/latest/meta-data", "http://0/", "http://2130706433/", "http://0x7f.1/", "http://127.1/",
        "http://router.local/", "http://nas.lan/", "http://intranet/", "https://user:pass@example.com/",
        "https://example.com:8443/", "http://localhost./", "http://8.8.8.8/",
    ],
)  # fmt: skip
def test_addresses_of_the_own_network_are_refused(typed: str) -> None:
    with pytest.raises(UserError) as error:
        check_url(typed)
    assert error.value.code == "url.private"
