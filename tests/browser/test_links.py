"""Links in the page: a list asked for, filtered and chosen from; parts of videos; cookies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.project.workspace import Project, Workspace
from core.sources.links.cookies import cookies_kept
from tests.audio.sounds import tone, write
from tests.browser.conftest import Server
from tests.sources.video_site import TEST_SITE, Video, VideoSite

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
LIST = "PLtalkstalks01"
IDS = [f"talk{number:07d}" for number in range(5)]


@pytest.fixture(scope="module")
def site() -> Iterator[VideoSite]:
    """Every request of yt-dlp in the jobs of this module's server goes there."""
    found = VideoSite()
    yield found
    found.close()


@pytest.fixture(scope="module")
def own_server(site: VideoSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose jobs are told where the video site is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TEST_SITE, site.address)
        running = Server(tmp_path_factory.mktemp("links") / "workspace")
    yield running
    running.stop()


@pytest.fixture
def ana(tmp_path: Path, site: VideoSite, own_server: Server) -> Project:
    """An empty project, and on the site a list of four talks and a private one."""
    site.hits.clear()
    for number, video_id in enumerate(IDS[:4]):
        sound = write(tmp_path / f"{number}.wav", tone(3 + number, hz=300 + 50 * number)).read_bytes()
        site.add(video_id, sound, ["Opening", "Café & más", "The second half", "Closing"][number], seconds=3 + number)
    site.videos[IDS[4]] = Video(title="[Private video]", seconds=0, status="LOGIN_REQUIRED", reason="Private video")
    site.playlists[LIST] = ("A course <in> five parts", IDS)
    return Workspace(own_server.workspace).create("Ana", "en")


def test_a_list_is_shown_chosen_from_and_what_was_chosen_arrives(
    ana: Project, site: VideoSite, own_server: Server, page: Any
) -> None:
    page.goto(f"{own_server.url}/en/?project={ana.slug}&tab=sources")
    page.fill("input[name=link]", f"https://www.youtube.com/playlist?list={LIST}")
    page.click("#add-link")
    page.wait_for_selector(".vw-list [data-row]")
    assert page.locator(".vw-list h3").inner_text() == "A course <in> five parts"
    assert page.input_value("input[name=link]") == ""
    assert page.locator("#add-listed").is_disabled()
    assert page.locator("[data-row]", has_text="private or deleted").locator("input").is_disabled()
    page.click("button[data-all=yes]")
    assert page.locator("[data-total]").inner_text() == "4 chosen · 0:18"
    page.click("button[data-all=no]")
    page.fill("[data-filter]", "cafe")
    assert page.locator("[data-row]:visible").count() == 1
    page.click("button[data-all=yes]")
    page.fill("[data-filter]", "")
    page.locator("[data-row='Closing'] input").check()
    assert page.locator("[data-total]").inner_text() == "2 chosen · 0:10"
    page.fill("#rights input, #rights textarea", "she agreed")
    page.click("#add-listed")
    page.wait_for_selector("#page-sources input[data-do=title][value=Closing]")
    page.wait_for_selector(".vw-list", state="detached")
    assert [(source.title, source.rights) for source in ana.store.sources()] == [
        ("Café & más", "she agreed"), ("Closing", "she agreed"),
    ]  # fmt: skip
    assert not site.hits[f"sound {IDS[0]}"] and not site.hits[f"sound {IDS[2]}"]


def test_a_video_in_a_list_is_one_video_and_its_list_is_offered(ana: Project, own_server: Server, page: Any) -> None:
    page.goto(f"{own_server.url}/pt-BR/?project={ana.slug}&tab=sources")
    page.click("#link-settings summary")
    page.fill("input[name=start]", "0:01")
    page.fill("input[name=end]", "soon")
    page.fill("input[name=link]", f"https://www.youtube.com/watch?v={IDS[3]}&list={LIST}")
    page.click("#add-link")
    page.wait_for_selector(".toast-body:has-text('soon')")
    page.fill("input[name=end]", "3")
    page.click("#add-link")
    page.wait_for_selector("#page-sources input[data-do=title]")
    assert [(source.title, round(source.seconds)) for source in ana.store.sources()] == [("Closing", 2)]
    page.click("#show-list")
    page.wait_for_selector(".vw-list [data-row]")
    page.click("#close-list")
    page.wait_for_selector(".vw-list", state="detached")


def test_a_site_that_wants_to_know_who_asks_is_answered_with_cookies(
    ana: Project, site: VideoSite, own_server: Server, page: Any, tmp_path: Path
) -> None:
    good = site.videos[IDS[0]]
    site.videos[IDS[0]] = Video(status="LOGIN_REQUIRED", reason="Sign in to confirm you’re not a bot")
    page.goto(f"{own_server.url}/en/?project={ana.slug}&tab=sources")
    page.fill("input[name=link]", f"https://youtu.be/{IDS[0]}")
    page.click("#add-link")
    page.wait_for_selector(".vw-notice.bad:has-text('robot')")
    page.wait_for_selector("#link-settings[open]")
    (tmp_path / "wrong.txt").write_text("[]")
    page.set_input_files("input[data-file-do=cookies]", tmp_path / "wrong.txt")
    page.wait_for_selector(".toast-body:has-text('wrong.txt')")
    (tmp_path / "cookies.txt").write_text(".youtube.com\tTRUE\t/\tTRUE\t2145916800\tLOGIN\tsecret-value\n")
    page.set_input_files("input[data-file-do=cookies]", tmp_path / "cookies.txt")
    page.wait_for_selector("[data-do=forget-cookies]", state="attached")
    site.videos[IDS[0]] = good
    page.click("[data-do=resume]")
    page.wait_for_selector("#page-sources input[data-do=title][value=Opening]")
    assert any("secret-value" in line for line in site.cookies)
    assert "secret-value" not in page.content() and "secret-value" not in own_server.log.read_text()
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#link-settings").wait_for(state="hidden")
    page.locator("#add-recordings button").first.click()  # folded away once there is a recording
    if page.locator("#link-settings[open]").count() == 0:
        page.click("#link-settings summary")
    page.click("[data-do=forget-cookies]")
    page.wait_for_selector("[data-do=forget-cookies]", state="detached")
    assert cookies_kept(ana.workspace) is None


def test_what_is_typed_in_the_first_moment_and_while_a_link_is_taken_stays(
    ana: Project, own_server: Server, page: Any
) -> None:
    page.goto(f"{own_server.url}/en/?project={ana.slug}&tab=sources", wait_until="commit")
    page.wait_for_selector("input[name=link]")
    page.locator("input[name=link]").focus()
    page.keyboard.type(f"https://youtu.be/{IDS[0]}", delay=40)  # through the first answers of the server
    assert page.input_value("input[name=link]") == f"https://youtu.be/{IDS[0]}"
    page.click("#add-link")
    page.locator("input[name=link]").fill("https://youtu.be/the-next")
    page.wait_for_selector("#page-sources input[data-do=title][value=Opening]")
    # The new field is there a moment before what was typed has moved over to it.
    page.wait_for_function("() => document.querySelector('input[name=link]')?.value")
    assert page.input_value("input[name=link]") == "https://youtu.be/the-next"
