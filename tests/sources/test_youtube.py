"""yt-dlp, the real one with its own YouTube extractor, against a video site on this machine; errors, limits, safety."""

from __future__ import annotations

import errno
import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Cancelled, DiskFull, UserError
from core.jobs.args.sources import ImportArgs, LinkOptions
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources import recordings
from core.sources.links.download import check_url, download
from core.sources.links.errors import explain
from core.sources.links.progress import Watch
from tests.audio.sounds import tone, write
from tests.sources.video_site import TEST_SITE, Video, VideoSite

TALK = "abcdefghijk"


@pytest.fixture
def talk(site: VideoSite, tmp_path: Path) -> str:
    """The address of a video with half a minute of sound."""
    return site.add(TALK, write(tmp_path / "talk.wav", tone(30)).read_bytes(), "A talk")


def failed(url: str, tmp_path: Path, reporter: Reporter, **more: object) -> UserError:
    """The error a download ends with; it leaves nothing behind."""
    with pytest.raises(UserError) as error:
        download(url, tmp_path / "in", reporter, **{"pauses_s": (0.0,), **more})  # type: ignore[arg-type]
    assert list((tmp_path / "in").iterdir()) == []
    return error.value


def test_a_sound_is_fetched_with_progress_under_a_name_of_our_own(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path
) -> None:
    reporter.MIN_INTERVAL_S = 0.0  # type: ignore[misc]
    (fetched,) = download(talk, tmp_path / "in", reporter, position=(2, 12))
    assert fetched.path.read_bytes() == site.videos[TALK].sound
    assert (fetched.title, fetched.origin, fetched.seconds) == ("A talk", talk, 30)
    assert "talk" not in fetched.path.name and fetched.path.parent == tmp_path / "in"
    view = reporter.job.read()
    assert (view.stage, view.done, view.total, view.item) == ("download", 3, 12, "A talk")
    log = reporter.job.events_path.read_text().splitlines()
    assert sum('"download"' in line for line in log) > 3


def test_the_small_quality_is_the_small_file(talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path) -> None:
    site.videos[TALK].small = b"small" * 500
    (small,) = download(talk, tmp_path / "in", reporter, options=LinkOptions(quality="small"))
    assert small.path.read_bytes() == site.videos[TALK].small
    (best,) = download(talk, tmp_path / "in", reporter)
    assert best.path.read_bytes() == site.videos[TALK].sound


def test_stop_breaks_off_a_download_and_leaves_nothing(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path
) -> None:
    site.pause_s = 0.1
    site.on_block = reporter.job.stop
    with pytest.raises(Cancelled):
        download(talk, tmp_path / "in", reporter)
    assert 0 < site.sent < len(site.videos[TALK].sound)
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("announce", [True, False])
def test_a_download_that_is_too_large_is_refused(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path, announce: bool
) -> None:
    site.announce, site.videos[TALK].sound = announce, bytes(3_000_000)
    assert failed(talk, tmp_path, reporter, max_mb=1).code == "youtube.too_big"


def test_a_video_longer_than_chosen_or_allowed_is_not_fetched(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path
) -> None:
    site.videos[TALK].seconds = 3 * 3600
    error = failed(talk, tmp_path, reporter, options=LinkOptions(max_minutes=90))
    assert error.code == "youtube.longer_than_chosen" and "90 minutes" in error.text
    assert failed(talk, tmp_path, reporter, max_hours=2).code == "youtube.too_long"
    assert site.hits[f"sound {TALK}"] == 0
    assert download(talk, tmp_path / "in", reporter, options=LinkOptions(max_minutes=90, end_s=60))


@pytest.mark.parametrize(
    ("part", "refused"),
    [
        (LinkOptions(end_s=3600), False), (LinkOptions(start_s=7200), False), (LinkOptions(start_s=3599), True),
        (LinkOptions(), True), (LinkOptions(start_s=60, end_s=8000), True),
    ],
)  # fmt: skip
def test_of_a_longer_video_a_part_that_is_short_enough_may_come(
    reporter: Reporter, part: LinkOptions, refused: bool
) -> None:
    watch = Watch("a talk", "A talk", reporter, 4096, 2.0, part, (0, 1))
    assert bool(watch.refuse({"duration": 3 * 3600})) == refused


def test_a_download_that_is_cut_off_and_then_forbidden_goes_on_where_it_was(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path
) -> None:
    sound = site.videos[TALK].sound
    site.videos[TALK].answers = [(200, 300_000), (403, 0)]
    (fetched,) = download(talk, tmp_path / "in", reporter, pauses_s=(0.0,))
    assert fetched.path.read_bytes() == sound
    assert site.hits[f"page {TALK}"] == 2, "a new address was asked of the page"
    assert site.sent < len(sound) + 100_000, "what had come was not fetched again"


def test_what_stays_forbidden_is_said_after_new_tries(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path
) -> None:
    site.videos[TALK].answers = [(200, 300_000), (403, 0), (403, 0), (403, 0)]
    error = failed(talk, tmp_path, reporter)
    assert error.code == "youtube.forbidden" and "403" in error.text
    assert site.hits[f"sound {TALK}"] == 3


def test_what_a_killed_process_had_fetched_is_not_fetched_again(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = site.videos[TALK].sound
    site.videos[TALK].answers = [(200, 600_000), (403, 0)]
    monkeypatch.setattr("core.sources.links.download._clear", lambda *_: None)  # a killed process clears nothing away
    with pytest.raises(UserError):
        download(talk, tmp_path / "in", reporter, pauses_s=())
    assert [path.suffix for path in (tmp_path / "in").iterdir()] == [".part"]
    sent = site.sent
    (fetched,) = download(talk, tmp_path / "in", reporter)
    assert fetched.path.read_bytes() == sound and site.sent - sent < len(sound) - 500_000


@pytest.mark.parametrize(
    ("video", "code"),
    [
        (Video(status="LOGIN_REQUIRED", reason="Private video. Sign in if you've been granted access"), "gone"),
        (Video(status="ERROR", reason="Video unavailable. This video has been removed by the uploader"), "gone"),
        (Video(status="LOGIN_REQUIRED", reason="Sign in to confirm your age"), "age"),
        (Video(status="LOGIN_REQUIRED", reason="Sign in to confirm you’re not a bot"), "refused"),
        (Video(status="UNPLAYABLE", reason="Join this channel to get access to members-only content"), "members"),
        (Video(status="UNPLAYABLE", reason="The uploader has not made this video available in your country"), "region"),
        (Video(status="LIVE_STREAM_OFFLINE", reason="This live event will begin in 3 hours."), "live"),
        (Video(b"x", drm=True), "drm"),
        (Video(b"x", details={"isLive": True}), "live"),
        (None, "gone"),
    ],
)
def test_what_youtube_says_of_a_video_is_understood(
    site: VideoSite, reporter: Reporter, tmp_path: Path, video: Video | None, code: str
) -> None:
    if video:
        site.videos[TALK] = video
    url = f"https://youtu.be/{TALK}"
    error = failed(url, tmp_path, reporter, title="The third talk")
    assert error.code == f"youtube.{code}"
    assert url in error.text and "The third talk" in error.text and error.hint


def test_a_full_disk_is_told_and_can_be_gone_on_from(
    talk: str, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yt_dlp.downloader.common import FileDownloader

    def full(*_: object) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FileDownloader, "sanitize_open", full)
    error = failed(talk, tmp_path, reporter)
    assert isinstance(error, DiskFull) and error.code == "link.no_room"


def test_too_many_requests_are_told_as_that(talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path) -> None:
    site.page_status = 429
    site.videos[TALK].status = "BROKEN"
    site.api_status = 429
    assert failed(talk, tmp_path, reporter).code == "youtube.refused"


def test_the_page_of_a_list_asks_for_a_choice(site: VideoSite, reporter: Reporter, tmp_path: Path) -> None:
    site.playlists["PLaaaaaaaaaaaa"] = ("Talks", [TALK, "bbbbbbbbbbb"])
    url = "https://www.youtube.com/playlist?list=PLaaaaaaaaaaaa"
    assert failed(url, tmp_path, reporter).code == "youtube.is_list"
    assert not any(name.startswith("sound") for name in site.hits)


# ---- safety ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def neighbour() -> Iterator[http.server.ThreadingHTTPServer]:
    """A server of the own network; ``asked`` is what was asked of it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            return

    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = asked  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("how", ["redirect", "elsewhere"])
@pytest.mark.parametrize(
    "private", ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://10.0.0.7/x", "http://[::1]:{port}/x"]
)
def test_neither_a_redirect_nor_an_address_a_page_names_leads_into_the_own_network(
    talk: str, site: VideoSite, reporter: Reporter, tmp_path: Path, neighbour: object, private: str, how: str
) -> None:
    port = neighbour.server_port  # type: ignore[attr-defined]
    setattr(site.videos[TALK], how, private.format(port=port))
    assert failed(talk, tmp_path, reporter, retries=0).code == "youtube.own_network"
    assert neighbour.asked == []  # type: ignore[attr-defined]


def test_a_public_name_that_stands_for_a_private_address_is_not_asked(
    reporter: Reporter, tmp_path: Path, neighbour: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    port = neighbour.server_port  # type: ignore[attr-defined]
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    error = failed(f"https://www.youtube.com/watch?v={TALK}", tmp_path, reporter, retries=0)
    assert error.code == "youtube.own_network"
    assert neighbour.asked == []  # type: ignore[attr-defined]


def test_an_address_of_the_own_network_is_never_asked(reporter: Reporter, tmp_path: Path, neighbour: object) -> None:
    port = neighbour.server_port  # type: ignore[attr-defined]
    assert failed(f"http://127.0.0.1:{port}/talk.wav", tmp_path, reporter).code == "youtube.unsupported"
    assert neighbour.asked == []  # type: ignore[attr-defined]


def test_a_page_no_site_is_known_for_is_refused_without_being_asked(
    site: VideoSite, reporter: Reporter, tmp_path: Path
) -> None:
    assert failed("https://example.com/talk.mp3", tmp_path, reporter).code == "youtube.unsupported"
    assert not site.hits


def test_the_test_site_has_to_be_on_this_computer(
    reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEST_SITE, "10.0.0.7:80")
    error = failed(f"https://www.youtube.com/watch?v={TALK}", tmp_path, reporter, retries=0)
    assert error.code == "youtube.own_network"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.1.2.3", False), ("100.64.0.1", False), ("::1", False),
        ("169.254.169.254", False), ("fe80::1%eth0", False), ("::ffff:127.0.0.1", False), ("2002:7f00:1::", False),
        ("224.0.0.1", False), ("0.0.0.0", False), ("64:ff9b::7f00:1", False), ("no address", False),
    ],
)  # fmt: skip
def test_which_addresses_are_of_the_internet_at_large(address: str, public: bool) -> None:
    from core.sources.links.ytdlp import is_public

    assert is_public(address) == public


def test_settings_of_the_account_are_not_read(
    talk: str, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".config" / "yt-dlp").mkdir(parents=True)
    (home / ".config" / "yt-dlp" / "config").write_text(f"-o {tmp_path}/elsewhere.wav\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    (fetched,) = download(talk, tmp_path / "in", reporter)
    assert fetched.path.parent == tmp_path / "in" and not (tmp_path / "elsewhere.wav").exists()


def test_plugins_of_the_account_are_not_run(
    no_network: None, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "config" / "yt-dlp" / "plugins" / "own" / "yt_dlp_plugins" / "extractor" / "own.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(tmp_path / 'was-here')!r}, 'w').close()\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    job = recordings.add(project, ImportArgs(urls=["https://youtu.be/dQw4w9WgXcQ"]))
    assert job.wait(120).code == "youtube.no_network"
    assert not (tmp_path / "was-here").exists()


def test_without_a_network_the_error_says_so(no_network: None, reporter: Reporter, tmp_path: Path) -> None:
    url = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    began = time.monotonic()
    error = failed(url, tmp_path, reporter, socket_timeout_s=2, retries=0)
    assert error.code == "youtube.no_network" and url in error.text
    assert "internet" in error.hint and time.monotonic() - began < 60


def test_the_generic_extractor_is_not_among_the_allowed_and_no_ffmpeg_goes_to_the_network() -> None:
    from yt_dlp.downloader import HlsFD, get_suitable_downloader
    from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

    from core.sources.links.ytdlp import Loader

    with Loader({}) as loader:
        assert "Generic" not in loader._ies and "Youtube" in loader._ies
        assert not FFmpegPostProcessor(loader).available
        hls = {"protocol": "m3u8", "url": "https://example.com/a.m3u8", "ext": "mp4"}
        assert get_suitable_downloader(hls, loader.params) is HlsFD
        assert set(loader._request_director.handlers) == {"Guarded"}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("ERROR: [youtube] abc: Private video. Sign in if you've been granted access to this video", "gone"),
        ("ERROR: [youtube] abc: Video unavailable", "gone"),
        ("ERROR: [youtube:truncated_id] dQw: Incomplete YouTube ID dQw. URL https://… looks truncated.", "gone"),
        ("ERROR: [youtube] abc: Sign in to confirm your age. This video may be inappropriate for some users.", "age"),
        ("ERROR: [youtube] abc: Sign in to confirm you’re not a bot. Use --cookies-from-browser", "refused"),
        ("ERROR: unable to download video data: HTTP Error 403: Forbidden", "forbidden"),
        ("ERROR: [youtube] abc: HTTP Error 429: Too Many Requests", "refused"),
        ("ERROR: [youtube] abc: Join this channel to get access to members-only content", "members"),
        ("ERROR: [vimeo] 1: This only works when logged-in. Use --cookies, --cookies-from-browser", "members"),
        ("ERROR: [youtube] abc: The uploader has not made this video available in your country", "region"),
        ("ERROR: [youtube] abc: This live event will begin in 3 hours.", "live"),
        ("ERROR: [DRM] The requested site is known to use DRM protection", "drm"),
        ("ERROR: [youtube] abc: Unable to download: [Errno -3] Temporary failure in name resolution", "no_network"),
        ("ERROR: [vimeo] 1: Unable to download webpage: timed out", "no_network"),
        ("ERROR: unable to download video data: The read operation timed out", "broken_off"),
        ("ERROR: [site] 1: Unable to download JSON metadata: HTTP Error 503: Service Unavailable", "broken_off"),
        ("ERROR: No suitable extractor found for URL http://example.com", "unsupported"),
        ("ERROR: [youtube] abc: Requested format is not available. Use --list-formats", "no_sound"),
        ("ERROR: [site] 1: Unable to extract title; please report this issue on https://…", "changed"),
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
