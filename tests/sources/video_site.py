"""A small YouTube on this computer: pages, players, playlists, subtitles and sound as yt-dlp's own extractor asks them.

yt-dlp reaches it through the one test-only setting there is, see core/sources/links/ytdlp.py.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

TEST_SITE = "VOICEWRIGHT_TEST_SITE"  # its address in the environment sends all requests of yt-dlp there
SOUND_HOST = "rr1---sn-test.googlevideo.com"
BLOCK = 16_384


@dataclass
class Video:
    """One video. ``status`` and ``reason`` are YouTube's; ``captions`` are (language, ``asr`` or empty, WebVTT)."""

    sound: bytes = b""
    title: str = ""
    seconds: int = 30
    status: str = "OK"
    reason: str = ""
    captions: list[tuple[str, str, str]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    answers: list[tuple[int, int]] = field(default_factory=list)  # (status, bytes sent before the line is cut), in turn
    elsewhere: str = ""  # where its sound is said to lie instead
    redirect: str = ""  # where its sound is redirected to
    small: bytes = b""  # a second, smaller format
    drm: bool = False


class VideoSite:
    """The server. ``hits`` counts requests by what was asked; ``cookies`` are those that came with pages."""

    def __init__(self) -> None:
        self.videos: dict[str, Video] = {}
        self.playlists: dict[str, tuple[str, list[str]]] = {}
        self.hits: Counter[str] = Counter()
        self.cookies: list[str] = []
        self.pause_s, self.announce, self.sent = 0.0, True, 0
        self.on_block: Callable[[], object] | None = None  # called for every block of sound that goes out
        self.page_status = self.api_status = 200
        site = self

        class Handler(_Handler):
            pass

        Handler.site = site
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def add(self, video_id: str, sound: bytes, title: str = "", **more: Any) -> str:
        """Put a video there; returns its address."""
        assert len(video_id) == 11, "YouTube's ids have 11 letters"
        self.videos[video_id] = Video(sound, title or f"Talk {video_id}", **more)
        return f"https://www.youtube.com/watch?v={video_id}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    site: VideoSite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site, parts = self.site, urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        host = self.headers.get("Host", "")
        if host == SOUND_HOST:
            return self._sound(query["id"], small=query.get("itag") == "139")
        site.cookies.append(self.headers.get("Cookie", ""))
        if parts.path == "/watch":
            site.hits[f"page {query['v']}"] += 1
            return self._answer(_page({"contents": {"twoColumnWatchNextResults": {}}}), status=site.page_status)
        if parts.path.startswith("/embed/"):
            return self._answer(_EMBED)
        if parts.path == "/playlist" and query.get("list") in site.playlists:
            site.hits[f"playlist {query['list']}"] += 1
            return self._answer(_page(_playlist(site, query["list"])))
        if parts.path == "/api/timedtext":
            site.hits[f"captions {query['v']} {query['lang']}"] += 1
            captions = self.site.videos[query["v"]].captions
            text = next(text for lang, kind, text in captions if (lang, kind) == (query["lang"], query.get("kind", "")))
            return self._answer(text.encode(), "text/vtt")
        self._answer(b"", status=200 if parts.path == "/iframe_api" else 404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = urlsplit(self.path).path
        if self.site.api_status != 200:
            return self._answer(b"{}", "application/json", self.site.api_status)
        if path == "/youtubei/v1/browse" and (list_id := str(body.get("browseId", ""))[2:]) in self.site.playlists:
            return self._answer(json.dumps(_playlist(self.site, list_id)).encode(), "application/json")
        if path != "/youtubei/v1/player":
            return self._answer(b"{}", "application/json", 404)
        self._answer(json.dumps(_player(self.site, body["videoId"])).encode(), "application/json")

    def _sound(self, video_id: str, small: bool = False) -> None:
        site, video = self.site, self.site.videos[video_id]
        site.hits[f"sound {video_id}{' small' if small else ''}"] += 1
        if video.redirect:
            self.send_response(302)
            self.send_header("Location", video.redirect)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        sound = video.small if small else video.sound
        begin, status, length = 0, 200, len(sound)
        cut = len(sound)
        if video.answers:
            status, cut = video.answers.pop(0)
        if status >= 400:
            return self._answer(b"", status=status)
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, status = int(first), 206
            length = min(int(last) + 1 if last else length, len(sound))
        self.send_response(status)
        self.send_header("Content-Type", "audio/mp4")
        if site.announce:
            self.send_header("Content-Length", str(length - begin))
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{length - 1}/{len(sound)}")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.command == "HEAD":
            return
        for at in range(begin, min(length, begin + cut), BLOCK):
            try:
                self.wfile.write(sound[at : min(at + BLOCK, length, begin + cut)])
            except OSError:
                return
            site.sent += BLOCK
            if site.on_block:
                site.on_block()
            if site.pause_s:
                time.sleep(site.pause_s)

    def _answer(self, body: bytes, kind: str = "text/html", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


_EMBED = b"""<script>ytcfg.set({"INNERTUBE_CONTEXT": {"client": {"clientName": "WEB_EMBEDDED_PLAYER"}}});</script>"""


def _page(data: dict[str, Any]) -> bytes:
    return f"<html><body><script>var ytInitialData = {json.dumps(data)};</script></body></html>".encode()


def _player(site: VideoSite, video_id: str) -> dict[str, Any]:
    video = site.videos.get(video_id)
    if video is None:
        return {
            "playabilityStatus": {"status": "ERROR", "reason": "Video unavailable"},
            "videoDetails": {"videoId": video_id},
        }
    answer: dict[str, Any] = {
        "playabilityStatus": {"status": video.status, "reason": video.reason},
        "videoDetails": {
            "videoId": video_id, "title": video.title, "lengthSeconds": str(video.seconds), "isLiveContent": False,
            **video.details,
        },
    }  # fmt: skip
    if video.status != "OK":
        return answer
    formats = [_format(video_id, 140, video, len(video.sound), 129_000)]
    if video.small:
        formats.append(_format(video_id, 139, video, len(video.small), 49_000))
    if video.drm:
        formats = [{**format_, "drmFamilies": ["WIDEVINE"]} for format_ in formats]
        answer["streamingData"] = {"adaptiveFormats": formats, "licenseInfos": [{"drmFamily": "WIDEVINE"}]}
    else:
        answer["streamingData"] = {"adaptiveFormats": formats}
    tracks = [
        {
            "baseUrl": f"https://www.youtube.com/api/timedtext?v={video_id}&lang={language}&kind={kind}",
            "languageCode": language, "vssId": ("a." if kind else ".") + language, "kind": kind,
            "name": {"simpleText": language}, "isTranslatable": True,
        }
        for language, kind, _ in video.captions
    ]  # fmt: skip
    if tracks:
        answer["captions"] = {"playerCaptionsTracklistRenderer": {"captionTracks": tracks}}
    return answer


def _format(video_id: str, itag: int, video: Video, size: int, bitrate: int) -> dict[str, Any]:
    address = video.elsewhere or f"https://{SOUND_HOST}/videoplayback?id={video_id}&itag={itag}"
    return {
        "itag": itag, "url": address, "mimeType": 'audio/mp4; codecs="mp4a.40.2"', "bitrate": bitrate,
        "averageBitrate": bitrate, "contentLength": str(size), "audioQuality": "AUDIO_QUALITY_MEDIUM",
        "approxDurationMs": str(video.seconds * 1000), "audioSampleRate": "44100",
    }  # fmt: skip


def _playlist(site: VideoSite, list_id: str) -> dict[str, Any]:
    title, ids = site.playlists[list_id]
    rows = []
    for one in ids:
        video = site.videos.get(one) or Video(title="[Private video]", seconds=0)
        row: dict[str, Any] = {"videoId": one, "title": {"runs": [{"text": video.title}]}}
        if video.seconds:
            row["lengthText"] = {"simpleText": f"{video.seconds // 60}:{video.seconds % 60:02d}"}
        rows.append({"playlistVideoRenderer": row})
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": rows}}]}}
    tab = {"tabRenderer": {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [tab]}},
        "metadata": {"playlistMetadataRenderer": {"title": title}},
        "sidebar": {"playlistSidebarRenderer": {"items": []}},
    }
