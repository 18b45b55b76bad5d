"""The steps in the header and the cards on the Projects page follow what is on disk."""

from __future__ import annotations

import time

import numpy as np
import soundfile

from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import freeze
from core.files import write_json
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.pipeline import KEYS, StepState, onward, onward_from, project_cards, steps
from core.project.records import Clip, Source, Vote
from core.project.workspace import Project, Workspace


def _states(project: Project) -> dict[str, str]:
    return {step.key: step.state for step in steps(project)}


def _cut(project: Project, source_id: str, count: int) -> None:
    project.store.replace_clips(
        source_id, [Clip(f"{source_id}-{n:04d}", source_id, n * 6.0, n * 6.0 + 5) for n in range(count)]
    )
    project.clips.mkdir(exist_ok=True)
    for n in range(count):
        soundfile.write(project.clip_file(f"{source_id}-{n:04d}"), np.full(5 * 22_050, n / 99, np.float32), 22_050)


def test_the_road_from_an_empty_project_to_a_spoken_take(project: Project) -> None:
    store = project.store
    assert [step.key for step in steps(project)] == list(KEYS)
    assert set(_states(project).values()) == {"empty"}

    store.add_source(Source("a", "A", seconds=60.0))
    store.add_source(Source("b", "B", seconds=30.0))
    assert steps(project)[0].seconds == 90.0 and _states(project)["sources"] == "done"

    _cut(project, "a", 10)
    assert _states(project)["segments"] == "partial"  # b is not cut yet
    _cut(project, "b", 2)
    assert _states(project)["segments"] == "done"

    store.store_transcript("a-0000", "Hello there.", 0.9, "en")
    transcripts = steps(project)[2]
    assert (transcripts.state, transcripts.count, transcripts.total) == ("partial", 1, 12)
    for clip in store.clips():
        store.edit_clip(clip.id, text=f"This is {clip.id}.", status="approved" if clip.source_id == "a" else "new")
    assert _states(project)["transcripts"] == "done"
    review = steps(project)[3]
    assert (review.state, review.count, review.total, review.seconds) == ("partial", 10, 12, 50.0)

    freeze(project)
    assert steps(project)[4].count == 10 and _states(project)["dataset"] == "done"
    store.edit_clip("b-0000", status="approved")
    assert _states(project)["dataset"] == "partial"
    freeze(project)
    assert _states(project)["dataset"] == "done"

    run = Job.create(project.runs, TrainArgs(dataset="d", base="starter"), name="first")
    (run.path / "checkpoints" / "step-000000").mkdir(parents=True)
    assert _states(project)["train"] == "partial"
    (run.path / "checkpoints" / "step-000010").mkdir()
    assert _states(project)["train"] == "done"

    store.add_vote(Vote("p", CheckpointRef("first", 0), CheckpointRef("first", 10), "right", time.time()))
    write_json(project.takes / "one.json", {})
    assert [_states(project)[key] for key in ("listen", "speak")] == ["done", "done"]


def test_a_card_tells_how_far_a_project_is(workspace: Workspace, project: Project) -> None:
    project.store.add_source(Source("a", "A", seconds=120.0))
    _cut(project, "a", 3)
    other = workspace.create("Second", "pt", demo=True)
    cards = {card.slug: card for card in project_cards(workspace)}
    assert cards[project.slug].seconds == 120.0
    assert (cards[project.slug].furthest, cards[project.slug].next) == ("segments", "transcripts")
    assert (cards[other.slug].furthest, cards[other.slug].next, cards[other.slug].demo) == ("", "sources", True)
    assert cards[other.slug].running is None


def test_who_has_trained_is_led_on_not_back_to_what_is_open_behind_them() -> None:
    def states(**reached: str) -> list[StepState]:
        return [StepState(key, reached.get(key, "empty")) for key in KEYS]

    assert onward(states()) == "sources"
    assert onward(states(sources="done", segments="done", transcripts="done")) == "review"  # came with their texts
    behind = {"sources": "done", "segments": "done", "transcripts": "partial", "review": "partial"}
    assert onward(states(**behind)) == "review"
    assert onward(states(**behind, dataset="partial")) == "dataset"
    assert onward(states(**behind, dataset="partial", train="partial")) == "train"
    assert onward(states(**behind, dataset="partial", train="done")) == "listen"
    assert onward(states(**behind, train="done", listen="done", speak="done")) == "speak"


def test_each_page_leads_to_the_next_step_or_past_those_that_are_done() -> None:
    road = dict.fromkeys(("sources", "segments", "transcripts", "review", "dataset", "train"), "done")

    def lead(key: str, **reached: str) -> str:
        return onward_from(key, [StepState(step, reached.get(step, "empty")) for step in KEYS])

    assert [lead(key, sources="done") for key in ("sources", "transcripts")] == ["segments", "review"]
    assert [lead(key, **road) for key in ("sources", "segments", "transcripts", "review")] == ["listen"] * 4
    assert lead("sources", **road | {"segments": "partial"}) == "segments"  # a recording that came later
    assert lead("review", **road | {"dataset": "partial"}) == "dataset"  # corrected since it was frozen
    assert lead("speak", **road) == "speak"
