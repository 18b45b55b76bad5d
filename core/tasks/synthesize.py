"""Job ``synthesize``: have the speaking process say a text with a checkpoint, keep what it said, and proofread it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from core.audio.samples import Samples, resample
from core.audio.synthetic import write_speech
from core.audio.vad import RATE_HZ
from core.errors import Cancelled, UserError
from core.files import write_json
from core.jobs.args.speech import SynthesizeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures.proofreading import Proof, check, transcribe
from core.project.engine import read_text
from core.project.workspace import Project
from core.synthesis import speaking
from core.synthesis.live import LiveSound
from core.synthesis.start import speech_request
from core.transcription.base import Transcript
from core.transcription.load import Choice, open_model
from core.transcription.start import usual_recogniser


def run(job: Job, project: Project, args: SynthesizeArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``takes/<job id>.wav`` and, when it is whole, ``takes/<job id>.json``; it is checked when it can be heard.

    Returns:
        ``take``, ``seconds``, ``took_s``.
    """
    began = time.monotonic()

    def on_stage(stage: str, done: int, total: int) -> None:
        nonlocal began
        if stage == "speak" and done == 0:
            began = time.monotonic()
        reporter.progress(stage, done, total)

    with LiveSound(job) as live:
        samples, rate = speaking.say(
            project.workspace,
            speech_request(project, args),
            should_stop=reporter.stop_requested,
            on_stage=on_stage,
            on_samples=live.add,
        )
    facts: dict[str, Any] = {
        **args.model_dump(mode="json", exclude={"device"}),
        "sample_rate": rate,
        "seconds": round(len(samples) / rate, 3),
        "took_s": round(time.monotonic() - began, 3),
        "at": time.time(),
    }
    sound, note = project.takes / f"{job.id}.wav", project.takes / f"{job.id}.json"
    write_speech(sound, samples, rate)
    write_json(note, facts)
    proof = proofread(project, args, samples, rate, reporter)
    if sound.exists():  # else it was deleted meanwhile, and its note with it
        write_json(note, facts | {"faults": proof.faults, "heard": proof.heard, "cer": proof.cer})
    return {"take": job.id, "seconds": facts["seconds"], "took_s": facts["took_s"]}


def proofread(project: Project, args: SynthesizeArgs, samples: Samples, rate: int, reporter: Reporter) -> Proof:
    """What is doubtful about a take: by its sound alone where no recogniser can be opened, or Stop was pressed."""
    transcript: Transcript | None = None
    try:
        model = usual_recogniser(project, args.language)
        ears = open_model(project.workspace, Choice(model, args.language, "", "cpu", beam_size=1), reporter)
        reporter.progress("proofread", 0, 1)
        sound = np.ascontiguousarray(resample(samples, rate, RATE_HZ))
        transcript = transcribe(ears, [sound], args.language, reporter.stop_requested)[0]
    except (UserError, Cancelled):
        pass  # what was said is there, and can be listened to
    return check(
        samples, rate, args.text, args.language, transcript, lambda text: read_text(project, text, args.language).text
    )
