"""Job ``explain``: ask a language model what the findings on a run mean, and keep the answer with the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from core.coach.config import CoachConfig, load
from core.coach.explanation import FACTS, Explanation, check_limit, keep, messages
from core.coach.findings import sentences
from core.coach.service import Answer, Messages, about_tokens, ask
from core.errors import UserError
from core.files import read_json
from core.jobs.args.runs import ExplainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.training.run import Run

_MOST_TEXTS = 20
_LOOK_S = 0.25


def run(job: Job, project: Project, args: ExplainArgs, reporter: Reporter) -> dict[str, Any]:
    """Ask, and add the answer to the run's.

    Raises:
        UserError: of `core.coach.service.ask`; ``coach.off`` if it was switched off meanwhile, ``coach.spent``.
    """
    config, training = load(project.workspace), Run(project, args.run)
    if not config.is_ready:
        raise UserError("coach.off", "No language model is switched on.", "Switch one on under System.")
    facts = tuple(str(fact) for fact in read_json(job.path / FACTS))
    texts = tuple(sentences(project, training, _MOST_TEXTS)) if config.share_texts else ()
    question = messages(facts, args.language, args.question, texts)
    check_limit(training, config, about_tokens(question))
    reporter.progress("explain", 0, 1)
    answer = _until_stopped(config, question, reporter)
    keep(
        training.path,
        Explanation(
            at=time.time(),
            kind="question" if args.question else "report",
            question=args.question,
            answer=answer.text,
            facts=facts,
            step=training.read().step,
            model=config.model,
            language=args.language,
            tokens=answer.tokens,
            cost=answer.cost,
            shared_texts=texts,
        ),
    )
    return {"tokens": answer.tokens}


def _until_stopped(config: CoachConfig, question: Messages, reporter: Reporter) -> Answer:
    """The answer; Stop leaves the request to itself, since nothing comes of it."""
    outcome: list[Answer | BaseException] = []

    def work() -> None:
        try:
            outcome.append(ask(config, question, _waiting(stop)))
        except BaseException as error:
            outcome.append(error)

    stop = threading.Event()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            reporter.check_stop()
            thread.join(_LOOK_S)
    finally:
        stop.set()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _waiting(stop: threading.Event) -> Callable[[float], None]:
    def wait(seconds: float) -> None:
        stop.wait(seconds)

    return wait
