"""What jobs are told: refused when it is wrong, read when an earlier version wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.audio.options import SegmentOptions
from core.checkpoint_ref import CheckpointRef
from core.damage import DamagedFile
from core.jobs.args.base import JobArgs, OtherArgs
from core.jobs.args.clips import SegmentArgs, TranscribeArgs
from core.jobs.args.sources import ImportArgs, LinkOptions, ListLinkArgs
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project

EARLIER = Path(__file__).parents[1] / "data" / "jobs"
VOICE = {"base": "starter", "reference_clip_ids": ("s1-0001", "s1-0002"), "language": "en", "seed": 3, "device": "cpu"}
# What each of the files there must be read as.
MEANT: dict[str, JobArgs] = {
    "import_sources": ImportArgs(
        files=[("/voices/projects/ana/uploads/upload-0a1b.wav", "Talk.wav")],
        urls=["https://example.com/talk"],
        rights="mine",
        max_hours=12,
        link=LinkOptions(start_s=5),
    ),
    "list_link": ListLinkArgs(url="https://example.com/playlist", link=LinkOptions(quality="small")),
    "segment": SegmentArgs(source_ids=["s1"], options=SegmentOptions(pad_ms=80)),
    "transcribe": TranscribeArgs(model="small", language="pt", again=True, device="cpu"),
    "train": TrainArgs(dataset="0a1b2c", base="starter", preset="xtts-cpu", device="cpu", project="ana"),
    "synthesize": SynthesizeArgs(
        **VOICE, checkpoint=CheckpointRef("evening", 20), voice="Evening", text="Good evening."
    ),
    "synthesize_base": SynthesizeArgs(**VOICE, voice="Starter", text="Good evening.", settings={"speed": 1.1}),
    "export": ExportArgs(
        **VOICE, checkpoint=CheckpointRef("evening", 20), voice="Evening", text="Hi.", name="Ana", folder="ana"
    ),
}


def _job(folder: Path, **spec: Any) -> Job:
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"title": "", "at": 1.0, **spec}))
    return Job(folder)


@pytest.mark.parametrize("name", MEANT)
def test_a_job_of_an_earlier_version_is_read(name: str, tmp_path: Path) -> None:
    job = _job(tmp_path / "job", **json.loads((EARLIER / f"{name}.json").read_text()))
    assert job.check().spec().args == MEANT[name]


@pytest.mark.parametrize("args", MEANT.values(), ids=lambda args: args.kind)
def test_what_is_written_is_what_is_read(args: JobArgs, project: Project) -> None:
    assert Job.create(project.jobs, args).spec().args == args


def test_what_a_newer_version_says_besides_is_passed_over_and_its_kinds_are_listed(tmp_path: Path) -> None:
    newer = {"source_ids": ["s1"], "options": {"pad_ms": 80, "of_2030": 1}, "of_2030": {"a": 1}}
    job = _job(tmp_path / "segment", kind="segment", arguments=newer)
    assert job.spec().args == SegmentArgs(source_ids=["s1"]), "cutting options it does not know: as usual"
    link = {"url": "https://example.com/playlist", "link": {"quality": "small", "of_2030": 1}}
    job = _job(tmp_path / "list", kind="list_link", arguments=link)
    assert job.spec().args == ListLinkArgs(url=link["url"], link=LinkOptions(quality="small"))
    job = _job(tmp_path / "dub", kind="dub", arguments={"of_2030": 1})
    assert isinstance(job.spec().args, OtherArgs) and job.read().kind == "dub"


def test_options_beyond_todays_limits_give_way_to_the_defaults(tmp_path: Path) -> None:
    job = _job(tmp_path / "segment", kind="segment", arguments={"options": {"pad_ms": 5_000}})
    assert job.check().spec().args == SegmentArgs()


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("train", {"base": "starter"}),
        ("train", {"base": "starter", "dataset": "../../other"}),
        ("transcribe", {"model": ["small"]}),
        ("import_sources", {"files": [["/a.wav"]]}),
        ("segment", {"options": "none"}),
        ("synthesize", {"run_id": "r", "step": "x"}),
        ("synthesize", {"checkpoint": "no step"}),
        ("measure", "all"),
    ],
)
def test_arguments_that_make_no_sense_are_named_as_damage(tmp_path: Path, kind: str, arguments: object) -> None:
    with pytest.raises(DamagedFile) as damaged:
        _job(tmp_path / "job", kind=kind, arguments=arguments).check()
    assert damaged.value.path.name == "job.json"


@pytest.mark.parametrize(
    "make",
    [
        lambda: TranscribeArgs(model="small", modle="large"),
        lambda: SegmentArgs(options={"pad_ms": 5_000}),
        lambda: SegmentArgs(options={"paddms": 50}),
        lambda: ImportArgs(link={"qualty": "small"}),
        lambda: TranscribeArgs(model="small").having(beam=3),
    ],
)
def test_who_starts_a_job_with_what_it_does_not_know_is_refused(make: Any) -> None:
    with pytest.raises(ValidationError):
        make()


def test_a_checkpoint_is_spelled_one_way() -> None:
    ref = CheckpointRef("evening: take 2", 250)
    assert ref.name == "evening: take 2:250" and CheckpointRef.parse(ref.name) == ref
    for name in ("", "evening", ":20", "evening:", "evening:-1", "evening:²"):
        with pytest.raises(ValueError, match="no checkpoint"):
            CheckpointRef.parse(name)
