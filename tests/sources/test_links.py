"""Links by job: lists to choose from, parts, subtitles as words, cookies, errors item by item, stop and resume."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile

from core.errors import UserError
from core.jobs.args.sources import ImportArgs, LinkOptions, ListLinkArgs
from core.jobs.events import Warning
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Word
from core.project.workspace import Project
from core.sources import recordings
from core.sources.links.captions import choose
from core.sources.links.cookies import cookies_file, cookies_kept, forget_cookies, keep_cookies
from core.sources.links.importer import words_within
from core.sources.links.options import read_options
from core.sources.links.playlist import (
    Entry,
    Listing,
    chosen_entries,
    close_list,
    keep_listing,
    list_around,
    list_named_by,
    listing_of,
    open_list,
    start_list,
)
from core.sources.links.playlist_reader import _flat, read_list
from core.tasks import import_sources, list_link
from tests.audio.sounds import tone, write
from tests.sources.video_site import Video, VideoSite

LIST = "PLtalkstalks01"
LIST_URL = f"https://www.youtube.com/playlist?list={LIST}"
IDS = tuple(f"talk{number:07d}" for number in range(6))


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, a minute at most."""
    last = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.01)


@pytest.fixture
def talks(site: VideoSite, tmp_path: Path) -> list[str]:
    """A playlist of four talks with sound, of 3 to 6 seconds, a private one and a deleted one."""
    urls = []
    for number, video_id in enumerate(IDS[:4]):
        sound = write(tmp_path / f"{number}.wav", tone(3 + number, hz=300 + 50 * number)).read_bytes()
        urls.append(site.add(video_id, sound, f"Talk {number}", seconds=3 + number))
    reason = "Private video. Sign in if you've been granted access to this video"
    site.videos[IDS[4]] = Video(title="[Private video]", seconds=0, status="LOGIN_REQUIRED", reason=reason)
    site.playlists[LIST] = ("All talks", list(IDS))
    return [*urls, *(f"https://www.youtube.com/watch?v={entry}" for entry in IDS[4:])]


@dataclass
class Brought:
    """What became of links that were taken in within this process: much faster than by a child, and the same code."""

    result: dict[str, Any]
    code: str
    warnings: list[Warning]


def bring(
    project: Project, urls: list[str], link: LinkOptions = LinkOptions(), titles: dict[str, str] | None = None
) -> Brought:
    job = Job.create(project.jobs, ImportArgs())
    args = ImportArgs(urls=urls, link=link, titles=titles or {})
    result, code = {}, ""
    try:
        result = import_sources.run(job, project, args, Reporter(job))
    except UserError as error:
        code = error.code
    return Brought(result, code, job.read().warnings)


def sounds_fetched(site: VideoSite) -> set[str]:
    return {name.split()[1] for name in site.hits if name.startswith("sound")}


def test_a_playlist_is_listed_without_being_fetched_and_only_what_is_chosen_comes(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    job = start_list(project, LIST_URL)
    assert job.wait(60).status == "done", job.read().text
    found = listing_of(job)
    assert found and (found.title, found.more) == ("All talks", False)
    assert [(entry.url, entry.title, entry.seconds) for entry in found.entries[:2]] == [
        (talks[0], "Talk 0", 3), (talks[1], "Talk 1", 4),
    ]  # fmt: skip
    assert [entry.note for entry in found.entries] == ["", "", "", "", "private", "private"]
    assert sounds_fetched(site) == set() and open_list(project).id == job.id  # type: ignore[union-attr]
    chosen = chosen_entries(job, [2, 0, 2, 99])
    view = recordings.add(
        project,
        ImportArgs(
            urls=[item.url for item in chosen], rights="agreed", titles={item.url: item.title for item in chosen}
        ),
    ).wait(60)
    assert view.status == "done" and view.result["added"] == 2, view.text
    assert [(source.title, source.origin, source.rights) for source in project.store.sources()] == [
        ("Talk 0", talks[0], "agreed"), ("Talk 2", talks[2], "agreed"),
    ]  # fmt: skip
    assert sounds_fetched(site) == {IDS[0], IDS[2]}
    close_list(project, job.id)
    assert open_list(project) is None


def test_a_list_that_is_too_long_is_read_as_far_as_allowed(site: VideoSite, project: Project) -> None:
    ids = [f"v{number:010d}" for number in range(620)]
    site.videos.update({id_: Video(title=id_, seconds=5) for id_ in ids})
    site.playlists[LIST] = ("Endless", ids)
    job = Job.create(project.jobs, ListLinkArgs(url=LIST_URL))
    result = list_link.run(job, project, ListLinkArgs(url=LIST_URL), Reporter(job))
    found = listing_of(job)
    assert result == {"entries": 500, "more": True} and found and len(found.entries) == 500 and found.more


def test_the_lists_in_a_channel_are_one_list_and_nothing_comes_twice() -> None:
    def item(name: str, **more: object) -> dict[str, object]:
        return {"_type": "url", "url": f"https://www.youtube.com/watch?v={name}", "title": name, **more}

    videos = {"entries": iter([item("a", duration=5), None, item("b", live_status="is_live")])}
    streams = {"entries": [item("b"), {"url": "http://10.0.0.7/x", "title": "x"}, item("c", availability="needs_auth")]}
    found = list(_flat({"title": "Channel", "entries": [videos, streams]}))
    assert [(match.title, match.seconds, match.note) for match in found] == [
        ("a", 5, ""), ("b", None, "live"), ("c", None, "private"),
    ]  # fmt: skip


def test_choosing_nothing_is_told(project: Project) -> None:
    job = Job.create(project.jobs, ListLinkArgs(url=LIST_URL))
    keep_listing(job, Listing(LIST_URL, "One", (Entry("https://example.com/a", "A"),)))
    with pytest.raises(UserError) as error:
        chosen_entries(job, [77])
    assert error.value.code == "link.nothing_chosen"


def test_an_empty_list_and_one_that_is_gone_are_told(site: VideoSite, reporter: Reporter) -> None:
    site.playlists[LIST] = ("Nothing", [])
    for url, code in ((LIST_URL, "link.empty_list"), (LIST_URL + "x", "youtube.gone")):
        with pytest.raises(UserError) as error:
            read_list(url, reporter)
        assert error.value.code == code


def test_private_and_deleted_ones_are_named_and_the_others_come_in(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    view = bring(project, [talks[0], talks[4], talks[5], talks[1]], titles={talks[4]: "The hidden one"})
    assert (view.result["added"], view.result["failed"]) == (2, 2)
    assert [warning.code for warning in view.warnings] == ["youtube.gone", "youtube.gone"]
    assert "The hidden one" in view.warnings[0].text and talks[5] in view.warnings[1].text


def test_when_the_site_takes_us_for_a_robot_the_rest_waits_for_a_resume(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    good = site.videos[IDS[1]]
    site.videos[IDS[1]] = Video(status="LOGIN_REQUIRED", reason="Sign in to confirm you’re not a bot")
    job = recordings.add(project, ImportArgs(urls=talks[:3]))
    view = job.wait(60)
    assert (view.status, view.code) == ("failed", "youtube.refused") and recordings.is_resumable(job)
    assert sounds_fetched(site) == {IDS[0]}, "the third was not asked for"
    site.videos[IDS[1]] = good
    view = recordings.resume(project, job.id).wait(60)
    assert view.status == "done" and [source.title for source in project.store.sources()] == [
        "Talk 0",
        "Talk 1",
        "Talk 2",
    ]
    assert site.hits[f"sound {IDS[0]}"] == 1


def test_without_a_network_files_come_in_and_links_wait_for_a_resume(
    no_network: None, project: Project, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", tone(1))
    job = recordings.add(
        project, ImportArgs(files=[(path, "a.wav")], urls=[f"https://www.youtube.com/watch?v={IDS[0]}", " "])
    )
    view = job.wait(120)
    assert (view.status, view.code) == ("failed", "youtube.no_network")
    assert [source.title for source in project.store.sources()] == ["a"] and recordings.is_resumable(job)


def test_stop_keeps_what_came_and_a_resume_fetches_only_the_rest(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    job = recordings.add(project, ImportArgs(urls=talks[:3]))
    until(lambda: bool(project.store.sources()))
    site.pause_s = 0.2
    until(lambda: f"sound {IDS[1]}" in site.hits)
    job.stop()
    began = time.monotonic()
    assert job.wait(30).status == "cancelled" and time.monotonic() - began < 10
    assert [source.title for source in project.store.sources()] == ["Talk 0"]
    site.pause_s = 0.0
    assert recordings.resume(project, job.id).wait(60).status == "done"
    assert len(project.store.sources()) == 3 and site.hits[f"sound {IDS[0]}"] == 1
    assert not (job.path / "download").exists()


def test_after_a_kill_only_what_is_missing_is_fetched(talks: list[str], site: VideoSite, project: Project) -> None:
    sound = site.videos[IDS[1]].sound = bytes(44) + site.videos[IDS[1]].sound * 4
    job = recordings.add(project, ImportArgs(urls=talks[:2]))
    until(lambda: bool(project.store.sources()))
    site.pause_s = 0.1
    until(lambda: any(path.stat().st_size > 100_000 for path in job.path.glob("download/*.part")))
    job.force_stop()
    assert job.wait(30).status == "interrupted"
    site.pause_s, site.sent = 0.0, 0
    recordings.resume(project, job.id).wait(60)
    assert site.hits[f"sound {IDS[0]}"] == 1
    assert 0 < site.sent <= len(sound) - 100_000 + 16_384


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_only_the_chosen_part_becomes_the_recording_and_another_part_is_another_recording(
    talks: list[str], project: Project
) -> None:
    parts = ((1.0, 3.0), (3.5, None), (1.0, 3.0))
    codes = []
    for start_s, end_s in parts:
        view = bring(project, [talks[3]], LinkOptions(start_s=start_s, end_s=end_s))
        codes += [warning.code for warning in view.warnings]
    first, second = project.store.sources()
    assert codes == ["source.same_link"]
    assert [round(soundfile.info(project.source_file(entry.id)).duration, 2) for entry in (first, second)] == [2.0, 2.5]
    assert (first.origin, second.origin) == (f"{talks[3]}#t=1,3", f"{talks[3]}#t=3.5")


def test_a_part_beyond_the_end_is_told(talks: list[str], project: Project) -> None:
    view = bring(project, [talks[0]], LinkOptions(start_s=60))
    assert view.code == "audio.no_part"


@pytest.mark.parametrize(
    ("typed", "seconds"), [("1:02:03", 3723), ("62:03", 3723), ("3723", 3723), (" 3:05.5 ", 185.5), ("0", 0), ("", 0)]
)
def test_times_are_read_as_people_write_them(typed: str, seconds: float) -> None:
    assert read_options({"start": typed}).start_s == seconds


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"start": "soon"}, "bad_time"), ({"end": "-3"}, "bad_time"), ({"end": "1:2:3:4"}, "bad_time"),
        ({"start": "2:00", "end": "1:59"}, "crossed_times"), ({"end": "0"}, "crossed_times"),
        ({"minutes": "many"}, "bad_minutes"), ({"minutes": "0"}, "bad_minutes"),
    ],
)  # fmt: skip
def test_what_is_no_time_or_number_is_told(typed: dict[str, str], code: str) -> None:
    with pytest.raises(UserError) as error:
        read_options(typed)
    assert error.value.code == f"link.{code}"


# ---- subtitles -------------------------------------------------------------------------------------------------------

WRITTEN = "WEBVTT\n\n00:00.500 --> 00:01.500\nGood morning\n\n00:02.000 --> 00:03.000\nall of you\n"
HEARD = "WEBVTT\n\n00:00.500 --> 00:01.500\ngood mourning\n"


def test_written_subtitles_in_the_projects_language_become_words(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    site.videos[IDS[2]].captions = [("de", "", "WEBVTT\n"), ("en", "asr", HEARD), ("en-GB", "", WRITTEN)]
    view = bring(project, [talks[2]], LinkOptions(subtitles=True))
    (source,) = project.store.sources()
    assert view.warnings == [] and view.result["texts"] == 1
    words = project.store.words(source.id)
    assert [word.text for word in words] == ["Good", "morning", "all", "of", "you"]
    assert words[0].start_s == pytest.approx(0.5, abs=0.1) and words[-1].end_s <= source.seconds


def test_of_a_part_the_words_said_in_it_are_kept_by_its_own_clock(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    site.videos[IDS[2]].captions = [("en", "", WRITTEN)]
    bring(project, [talks[2]], LinkOptions(start_s=1.8, subtitles=True))
    words = project.store.words(project.store.sources()[0].id)
    assert [word.text for word in words] == ["all", "of", "you"] and words[0].start_s == pytest.approx(0.2, abs=0.1)


def test_automatic_subtitles_are_the_second_choice_and_named_as_such(
    talks: list[str], site: VideoSite, project: Project
) -> None:
    site.videos[IDS[0]].captions = [("en", "asr", HEARD)]
    view = bring(project, talks[:2], LinkOptions(subtitles=True))
    assert [warning.code for warning in view.warnings] == ["link.automatic_subtitles", "link.no_subtitles"]
    assert (view.result["added"], view.result["texts"], view.result["failed"]) == (2, 1, 0)


def test_nobody_asks_for_subtitles_nobody_wants(talks: list[str], site: VideoSite, project: Project) -> None:
    site.videos[IDS[0]].captions = [("en", "", WRITTEN)]
    bring(project, [talks[0]])
    assert not any(name.startswith("captions") for name in site.hits)
    assert project.store.words(project.store.sources()[0].id) == []


def test_machine_translations_are_never_taken_for_what_is_said() -> None:
    one = [{"ext": "vtt", "url": "https://example.com/a"}]
    assert choose({}, {"en": one, "de-orig": one, "de": one}, "en") is None
    chosen = choose({}, {"en": one, "pt-orig": one, "pt": one}, "pt")
    assert chosen and (chosen.language, chosen.automatic) == ("pt", True)
    assert choose({"pt-BR": one, "pt": one, "en": one}, {}, "pt").language == "pt"  # type: ignore[union-attr]
    assert choose({"live_chat": one, "en": [{"ext": "json3", "url": "x"}]}, {}, "en") is None


def test_words_at_the_borders_of_a_part_stay_inside_it() -> None:
    words = [Word(0.0, 0.9, "before"), Word(0.9, 1.4, "edge"), Word(2.8, 3.1, "end"), Word(3.2, 4.0, "after")]
    found = words_within(words, 1.0, 2.0)
    assert [(word.text, word.start_s, word.end_s) for word in found] == [
        ("edge", 0.0, pytest.approx(0.4)), ("end", pytest.approx(1.8), 2.0),
    ]  # fmt: skip


# ---- cookies ---------------------------------------------------------------------------------------------------------

SECRET = "s3cr3t-value"
COOKIES = (
    "# Netscape HTTP Cookie File\n\n.youtube.com\tTRUE\t/\tTRUE\t2145916800\tPREF\tf1=1\n"
    f"#HttpOnly_www.youtube.com\tTRUE\t/\tFALSE\t0\tLOGIN\t{SECRET}\n"
)


def test_cookies_are_sent_and_are_nobody_elses_to_read(talks: list[str], site: VideoSite, project: Project) -> None:
    kept = keep_cookies(project.workspace, COOKIES)
    assert kept.count == 2 == cookies_kept(project.workspace).count  # type: ignore[union-attr]
    file = cookies_file(project.workspace)
    before = file.read_text()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    job = recordings.add(project, ImportArgs(urls=[talks[0]]))
    assert job.wait(60).status == "done"
    assert any(SECRET in line for line in site.cookies) and file.read_text() == before
    for path in project.path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    forget_cookies(project.workspace)
    assert cookies_kept(project.workspace) is None
    site.cookies.clear()
    start_list(project, LIST_URL).wait(60)
    assert site.cookies and not any(SECRET in line for line in site.cookies)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"domain": ".youtube.com", "name": "LOGIN", "value": SECRET}]), "", "# Netscape HTTP Cookie File\n",
        COOKIES + "a line of something else\n", "\x00\xff\x00", COOKIES.replace("2145916800", "tomorrow"),
        COOKIES.replace("\t", " "), COOKIES * 9000,
    ],
)  # fmt: skip
def test_what_is_no_cookie_file_is_refused_without_showing_it(content: str, project: Project) -> None:
    with pytest.raises(UserError) as error:
        keep_cookies(project.workspace, content, "my cookies.json")
    assert error.value.code == "cookies.not_cookies" and SECRET not in str(error.value)
    assert cookies_kept(project.workspace) is None


# ---- which links are lists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        LIST_URL, "https://youtube.com/@someone", "https://www.youtube.com/@someone/videos",
        "https://m.youtube.com/channel/UCabc/streams", "https://www.youtube.com/c/Name",
        "https://soundcloud.com/name/sets/first",
    ],
)  # fmt: skip
def test_playlists_and_channels_are_told_by_their_address(url: str) -> None:
    assert list_named_by(url) == url


@pytest.mark.parametrize(
    ("url", "around"),
    [
        (f"https://www.youtube.com/watch?v=abc&list={LIST}", LIST_URL), (f"https://youtu.be/abc?list={LIST}", LIST_URL),
        ("https://www.youtube.com/watch?v=abc", ""), ("https://www.youtube.com/watch?v=abc&list=RDabc12345678", ""),
        ("https://www.youtube.com/@someone/live", ""), ("https://www.youtube.com/shorts/abc", ""),
        (f"https://evil.example/watch?v=abc&list={LIST}", ""), ("https://soundcloud.com/name/song", ""),
    ],
)  # fmt: skip
def test_a_link_to_one_video_is_one_video_and_may_name_its_playlist(url: str, around: str) -> None:
    assert (list_named_by(url), list_around(url)) == ("", around)


def test_an_entry_needs_no_length() -> None:
    assert Entry("https://example.com/a", "A").seconds is None
