"""Pictures of every tab in every state, width, theme and language: ``python -m tests.screenshots [FOLDER]``.

They are meant to be looked at. States: an empty project, one whose demo is running, one that is done, one where an
import has failed, one with a playlist to choose from. With ``--readme`` only the pictures of the README are made, into
docs/pictures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from core.audio.options import SegmentOptions
from core.audio.samples import read, write_wav
from core.clips import edit
from core.clips.cut import start_segment
from core.demo import start_demo
from core.jobs.args.sources import ImportArgs
from core.measures.start import start_measure
from core.project.records import Clip, Source, Word
from core.project.workspace import Workspace
from core.sources import recordings
from core.sources.links.playlist import start_list
from core.sources.upload import add_file
from tests.browser.conftest import REPOSITORY, Server
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, DEMO, TABS
from tests.sources.video_site import TEST_SITE, Video, VideoSite
from ui.i18n import LANGUAGES

WIDTHS = (1280, 390)
THEMES = ("light", "dark")
SETTLE_MS = 700


def shoot(browser: Any, url: str, state: str, slug: str, tabs: tuple[str, ...], folder: Path, place: str = "") -> None:
    """All variants of some tabs of one project, ``place`` being where in the tab."""
    for language in LANGUAGES:
        for width in WIDTHS:
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": 820}, color_scheme=theme, locale=language
                )
                page = context.new_page()
                for tab in tabs:
                    page.goto(f"{url}/{language}/?project={slug}&tab={tab}{place}")
                    page.wait_for_selector(f"#page-{tab} h1:visible")
                    page.wait_for_timeout(SETTLE_MS)
                    page.screenshot(path=folder / f"{state}-{tab}-{width}-{theme}-{language}.png", full_page=True)
                context.close()


def readme_pictures(browser: Any, url: str, slug: str) -> None:
    """The pictures the README shows: wide, light, English."""
    folder = REPOSITORY / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    page = browser.new_context(viewport={"width": 1180, "height": 1080}, color_scheme="light", locale="en").new_page()
    for tab in TABS[1:-1]:
        place = "&filter=all" if tab == "review" else ""  # the demo's clips are all approved
        page.goto(f"{url}/en/?project={slug}&tab={tab}{place}")
        page.wait_for_selector(f"#page-{tab} h1:visible")
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=folder / f"{tab}.png")


def failed_import(workspace: Workspace, folder: Path) -> str:
    """A project in which a file that is no recording was brought."""
    project = workspace.create("Broken file", "en")
    notes = folder / "notes.pdf"
    notes.write_bytes(b"%PDF-1.4 this is no sound")
    recordings.add(project, ImportArgs(files=[(notes, notes.name)])).wait(60)
    return project.slug


def flagged_clips(workspace: Workspace) -> str:
    """A project with clips worth a second look: measured, of two voices (the second is the first, deeper)."""
    project = workspace.create("Two voices", "en")
    prompts = [entry.split("\t") for entry in (DEMO / "transcripts.tsv").read_text().splitlines()[1:]]
    project.sources.mkdir()
    deeper = "asetrate=12000,aresample=16000,atempo=1.3333,volume=-22dB"
    for name, sound, count in (("s1", "anull", 12), ("s2", deeper, 5)):
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(DEMO / "recording.flac"), "-t", "120", "-af", sound]
        subprocess.run([*command, str(project.source_file(name))], check=True)
        project.store.add_source(Source(name, "Interview" if name == "s1" else "Second guest", seconds=120.0))
        clips = []
        for number, (start, end, text) in enumerate(prompts[:count], 1):
            clip = Clip(f"{name}-{number:04d}", name, float(start), float(end), text, text, "en", confidence=0.93)
            write_wav(project.clip_file(clip.id), *read(project.source_file(name), clip.start_s, clip.end_s, 22_050))
            clips.append(clip)
        project.store.replace_clips(name, clips)
    start_measure(project).wait(300)
    for clip in project.store.clips()[2:9:3]:
        first, *rest = clip.text.split()
        project.store.second_opinion(clip.id, " ".join([*rest, "maybe"]), 0.24, "mismatch unsure")
        word = Word(clip.start_s + 0.2, clip.start_s + 0.5, rest[0], 0.31)
        project.store.replace_words("s1", clip.start_s, clip.end_s, [word])
    return project.slug


def listed_playlist(workspace: Workspace) -> str:
    """A project in which a playlist was listed and one of its videos was refused."""
    site = VideoSite()
    os.environ[TEST_SITE] = site.address
    titles = ("How a voice is made", "Reading aloud: the first chapter", "Questions & answers", "[Private video]")
    ids = [f"talk{number:07d}" for number in range(24)]
    for number, video_id in enumerate(ids):
        title = titles[number % 4]
        seconds = 0 if title.startswith("[") else 200 + 137 * number
        site.videos[video_id] = Video(
            title=title, seconds=seconds, status="LOGIN_REQUIRED", reason="Sign in: not a bot"
        )
    site.playlists["PLtalkstalks01"] = ("Talks of a whole year", ids)
    project = workspace.create("Playlist", "en")
    try:
        recordings.add(project, ImportArgs(urls=[f"https://youtu.be/{ids[0]}"])).wait(60)
        start_list(project, "https://www.youtube.com/playlist?list=PLtalkstalks01").wait(60)
    finally:
        os.environ.pop(TEST_SITE)
        site.close()
    return project.slug


def edited_clips(workspace: Workspace, folder: Path) -> tuple[str, str, str]:
    """A project whose clips were changed by hand and cut again; its slug, and the places of a mark and of a gap."""
    project = workspace.create("Edited", "en")
    # Music between the prompts, and a stretch that has no pause for longer than a clip may be.
    music = "sine=frequency=330:duration=14,volume=-14dB[m];[0]atrim=0:40[a];[0]atrim=52:100,silenceremove="
    music += "stop_periods=-1:stop_duration=0.1:stop_threshold=-45dB,volume=0.9[b];[a][m][b]concat=n=3:v=0:a=1"
    sound = folder / "edited.wav"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(DEMO / "recording.flac"), "-filter_complex", music]
    subprocess.run([*command, str(sound)], check=True)
    source = add_file(project, sound, title="An interview")
    start_segment(project).wait(120)
    for number, clip in enumerate(project.store.clips(), 1):
        project.store.edit_clip(clip.id, text=f"What is said in the clip number {number}, word for word.")
    start_segment(project, [source.id], SegmentOptions(pad_ms=80)).wait(120)
    for number, clip in enumerate(project.store.clips(), 1):
        project.store.edit_clip(clip.id, text=f"What is said in the clip number {number}, word for word.")
    clips = project.store.clips()
    edit.remove(project, clips[2].id)
    marked = next((clip for clip in clips if clip.forced), clips[1])
    places = [
        f"&from={clip.start_s - 6:.2f}&to={clip.end_s + 14:.2f}&at={clip.start_s + 1:.2f}"
        for clip in (marked, clips[2])
    ]
    return project.slug, places[0], places[1]


def main() -> None:
    """Make the states, then the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("screenshots"))
    parser.add_argument("--readme", action="store_true", help="only the pictures of the README")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        workspace = Workspace(Path(temporary) / "workspace")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        server = Server(workspace.path)
        try:
            if not chosen.readme:
                shoot(browser, server.url, "first", "", ("home",), chosen.folder)
                empty = workspace.create("Ana", "en")
                shoot(browser, server.url, "empty", empty.slug, TABS, chosen.folder)
                slug = failed_import(workspace, Path(temporary))
                shoot(browser, server.url, "error", slug, ("sources",), chosen.folder)
                shoot(browser, server.url, "list", listed_playlist(workspace), ("sources",), chosen.folder)
                flagged = flagged_clips(workspace)
                shoot(browser, server.url, "flagged", flagged, ("review",), chosen.folder, "&filter=flagged")
                slug, mark, gap = edited_clips(workspace, Path(temporary))
                shoot(browser, server.url, "editor-marked", slug, ("segments",), chosen.folder, mark)
                shoot(browser, server.url, "editor-left-out", slug, ("segments",), chosen.folder, gap)
                shoot(browser, server.url, "editor-preview", slug, ("segments",), chosen.folder, f"{gap}&show=preview")
            demo, job = start_demo(workspace)
            while job.alive() and not demo.figures.totals().clips:
                time.sleep(0.5)
            if not chosen.readme:
                shoot(browser, server.url, "running", demo.slug, ("home", "segments", "transcripts"), chosen.folder)
            while job.alive() and not any(demo.runs.glob("*/checkpoints/*")):
                time.sleep(0.5)
            if not chosen.readme:
                shoot(browser, server.url, "running", demo.slug, ("train",), chosen.folder)
            job.wait(600)
            if chosen.readme:
                readme_pictures(browser, server.url, demo.slug)
            else:
                shoot(browser, server.url, "done", demo.slug, TABS, chosen.folder)
        finally:
            server.stop()
            browser.close()


if __name__ == "__main__":
    main()
