"""Strings and how numbers and times are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clips.bulk import Replacement, preview_replacement
from core.engines.f5.text.vocabulary import read_vocabulary
from core.engines.registry import bases
from core.errors import UserError
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job, busy
from core.jobs.outcome import JobError
from core.jobs.reporter import Reporter, plain
from core.project.workspace import Project
from core.sources.adapter_import import check_sizes
from ui.i18n import Translator


def test_numbers_are_written_as_the_language_does() -> None:
    assert Translator("en").number(1234.5, 1) == "1,234.5"
    assert Translator("pt-BR").number(1234.5, 1) == "1.234,5"


def test_lengths_read_well_at_every_size() -> None:
    t = Translator("en")
    assert [t.length(s) for s in (42, 185, 34 * 60, 7800)] == ["42 s", "3 min 05 s", "34 min", "2 h 10 min"]


def test_an_error_is_told_in_the_pages_language_with_its_values() -> None:
    error = busy({"kind": "train", "title": "Ana 2"})
    text = Translator("pt-BR").error(error.code, error.text, error.hint, error.values)
    assert "Ana 2" in text
    assert Translator("pt-BR")("kinds.train") in text
    assert "still running" not in text


def test_why_something_is_refused_is_told_in_the_pages_language_and_what_a_library_says_introduced(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "vocab.txt").write_text("a\n")
    (tmp_path / "config.json").write_text('{"model": "vits"}')
    (tmp_path / "adapter.json").write_text('{"lora": {"rank": 0}}')
    for name in ("vocab.json", "model.pth", "dvae.pth", "mel_stats.pth"):
        (tmp_path / name).touch()
    refusals = {
        "a primeira linha não é um único espaço": lambda: read_vocabulary(tmp_path),
        "ele descreve outro modelo": lambda: bases("xtts").check(tmp_path),
        "o rank dele é 0": lambda: check_sizes(tmp_path / "adapter.json"),
        "o programa diz, em inglês: “error:": lambda: preview_replacement(project, Replacement("(", is_pattern=True)),
    }
    for words, refuse in refusals.items():
        with pytest.raises(UserError) as caught:
            refuse()
        error = caught.value
        assert words in Translator("pt-BR").error(error.code, error.text, error.hint, error.values)


def test_why_something_was_set_aside_is_told_in_the_pages_language_too(project: Project) -> None:
    job = Job.create(project.jobs, SegmentArgs())
    reporter = Reporter(job)
    lost = UserError("speak.checkpoint_gone", "The checkpoint {name} was deleted.", "Choose another.", name="step-5")
    reporter.warning("studio.line_failed", "Line {number}, “{line}”, was not spoken: {what}", "{what.hint}",
                     number=2, line="Hum.", what=lost)  # fmt: skip
    silent = UserError("collection.silent", "it is silent")
    reporter.set_aside(UserError("collection.bad_sound", "“{member}” was left out ({what}).", member="a", what=silent))
    english, ours = (
        [t.error(said.code, said.text, said.hint, said.values) for said in job.read().warnings]
        for t in map(Translator, ("en", "pt-BR"))
    )
    assert english[0] == "Line 2, “Hum.”, was not spoken: The checkpoint step-5 was deleted. Choose another."
    assert english[1] == "“a” was left out (it is silent)."
    assert "“a”" in ours[1] and "(está em silêncio)" in ours[1]
    t = Translator("pt-BR")
    inner = t.error(lost.code, lost.text, lost.hint, lost.values)
    assert ours[0].endswith(inner) and "deleted" not in ours[0] and "step-5" in ours[0]
    # As of a job that failed with it, be it told on by the job that waited for it; and from an earlier version.
    raised = UserError("collection.bad_sound", "“{member}” was left out ({what}).", member="a", what=silent)
    told = JobError(raised.code, raised.text, raised.hint, plain(plain(raised.values)))
    assert "(está em silêncio)" in t.error(told.code, told.text, told.hint, told.values)
    earlier = {"number": 2, "line": "Hum.", "what": "It broke.", "advice": "Mend it."}
    assert "It broke." in t.error("studio.line_failed", "", "", earlier)


def test_an_error_without_translation_is_told_as_it_was_raised() -> None:
    assert Translator("pt-BR").error("made.up", "It broke.", "Mend it.", {}) == "It broke. Mend it."
