"""Arguments of jobs on what a run has become: scores, comparisons, reports, explanations."""

from __future__ import annotations

from core.jobs.args.base import JobArgs


class EvaluateArgs(JobArgs):
    """A run whose checkpoints are to be scored.

    Args:
        run_id: of the training run.
        model: the recognition model that listens; empty takes the usual one of the language.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "evaluate"
    run_id: str
    model: str = ""
    device: str = "auto"


class CompareArgs(JobArgs):
    """Checkpoints of the run ``speaker`` that speak the sentences of ``run``, with its references.

    With ``test_set`` those of both speak the project's test set, with the references of ``run``.
    """

    kind = "compare"
    run: str
    speaker: str
    test_set: bool = False
    device: str = "auto"


class ReportArgs(JobArgs):
    """A report on a run; what it says stands beside, in ``document.json`` (`core.report.document`)."""

    kind = "report"
    run: str


class ExplainArgs(JobArgs):
    """What a language model is asked about a run; the facts stand beside, in ``facts.json`` (`core.coach.explanation`).

    ``language`` is the answer's; without a ``question`` it explains the findings.
    """

    kind = "explain"
    run: str
    language: str = "en"
    question: str = ""
