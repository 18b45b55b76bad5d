"""Clips worth a second look in a real browser: found by kind, put right with what the second model heard, approved."""

from __future__ import annotations

from typing import Any

import pytest

from core.audio.samples import write_wav
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from tests.audio.sounds import tone
from tests.browser.conftest import Server
from ui.i18n import Translator

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_MS = 30_000
T = Translator("en")


@pytest.fixture
def project(server: Server) -> Project:
    """Four clips: two on which the models disagree, the second more; a noisy one; one without a flag."""
    project = Workspace(server.workspace).create("Ana", "en")
    project.store.add_source(Source("s1", "Talk", seconds=40.0, sample_rate=16_000))
    clips = [Clip(f"s1-{n:04d}", "s1", n * 5, n * 5 + 3, f"Text {n}.", f"Text {n}.", "en") for n in range(1, 5)]
    for clip in clips:
        write_wav(project.clip_file(clip.id), tone(3, 22_050), 22_050)
    project.store.replace_clips("s1", clips)
    project.store.second_opinion("s1-0001", "Text one.", 0.2, "mismatch")
    project.store.second_opinion("s1-0002", "Next, too.", 0.7, "mismatch")
    project.store.measure_clip("s1-0003", snr_db=8.0, sound_flags="noisy")
    return project


def shows(page: Any, clip_id: str) -> None:
    """Wait until the card shows this clip."""
    page.wait_for_selector(f'.vw-review[data-clip="{clip_id}"]')


def test_a_flagged_clip_is_put_right_with_what_the_second_model_heard_and_approved(
    page: Any, server: Server, project: Project
) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=review")
    page.get_by_role("button", name=f"{T('review.filter_flagged')} 3", exact=True).click()
    page.get_by_role("button", name=f"{T('flags.mismatch')} 2", exact=True).click()
    page.wait_for_selector(".vw-flags")
    page.select_option(".vw-narrow select", "mismatch")
    shows(page, "s1-0002")  # the one that differs most
    assert T("flags.mismatch_about") in page.inner_text(".vw-flags")

    assert page.get_attribute("#take-second_text", "title") == "2"
    page.locator("h1:visible").click()  # out of the list, so that the key is not meant for it
    page.keyboard.press("2")
    page.wait_for_function("document.querySelector('#review-text').value === 'Next, too.'")
    page.click("#review-approved")
    shows(page, "s1-0001")
    page.wait_for_url("**clip=s1-0001**")
    clip = project.store.clip("s1-0002")
    assert (clip.text, clip.status) == ("Next, too.", "approved")
    page.get_by_role("button", name=f"{T('flags.mismatch')} 1", exact=True).wait_for()

    page.keyboard.press("z")  # the approval is taken back, the text stays
    shows(page, "s1-0002")
    clip = project.store.clip("s1-0002")
    assert (clip.text, clip.status) == ("Next, too.", "new")
    assert "flag=mismatch" in page.url and "filter=flagged" in page.url


def test_a_kind_is_rejected_at_once_after_it_was_listed_and_comes_back_as_one(
    page: Any, server: Server, project: Project
) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=review&filter=flagged&flag=mismatch")
    page.click("#reject-flagged")
    page.wait_for_selector("#many-list audio")
    assert page.locator("#many-list li").count() == 2
    page.click("#decide-many")
    shows(page, "s1-0003")  # the kind is gone: on with the others
    assert [clip.status for clip in project.store.clips()] == ["rejected", "rejected", "new", "new"]
    page.keyboard.press("z")
    page.get_by_role("button", name=f"{T('flags.mismatch')} 2", exact=True).wait_for()
    assert {clip.status for clip in project.store.clips()} == {"new"}


def test_a_light_opens_to_its_number_and_unit_on_a_tap(page: Any, server: Server, project: Project) -> None:
    page.goto(f"{server.url}/en/?project=ana&tab=review&filter=flagged&flag=noisy")
    light = page.locator('[data-key="light-snr"]')
    number = T("review.light_snr_value", value="8")
    assert number in light.get_attribute("title")
    assert not light.get_by_text(number).is_visible()
    light.locator("summary").click()
    light.get_by_text(number).wait_for()
