"""Speaking a document: lines without a take are said one by one, proofread meanwhile, and said again while bad."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from core.audio.samples import Samples
from core.audio.synthetic import write_speech
from core.errors import DiskFull, UserError
from core.jobs import events
from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.reporter import Reporter, plain
from core.measures.proofreading import Proof
from core.project.workspace import Project
from core.studio import documents
from core.studio.cast import cast_of, request_for
from core.studio.document import Document
from core.studio.keys import Keys
from core.studio.line import Line
from core.studio.proofreading import Proofreader, open_proofreader
from core.studio.reading import language_of
from core.studio.takes import LOG, Failure, LineTake, add_failure, add_take, asked_again, read_takes, take_file
from core.synthesis import speaking
from core.synthesis.wire import SpeechRequest

_MOST_ALIKE = 3  # lines in a row that fail for the same reason, which then is none of theirs
# Errors that are about one text; all others may meet the next line as well.
_OF_A_TEXT = ("speak.empty", "speak.too_long", "speak.unknown_characters", "speak.not_finite")
# Errors that are about a voice, and those about the name that a mark gives one.
_OF_A_VOICE = ("speak.checkpoint_gone", "train.no_checkpoint", "train.no_run", "voice.gone", "speak.no_clip")
_OF_A_NAME = ("studio.unknown_voice",)
_TOGETHER = 20  # lines within which those of one voice are said together
_SHOWN = 60  # characters of a line in a message


@dataclass
class _Work:
    """One line that is being said, as it was when its turn came, and what takes there are of it so far."""

    line: Line
    document: Document
    keys: Keys
    key: str
    tries: int  # that are left
    attempts: int = 0
    takes: list[LineTake] = field(default_factory=list)

    @property
    def model(self) -> tuple[str, ...]:
        """What has to be loaded to say it."""
        return _model(self.document, self.line)


@dataclass(frozen=True)
class _Check:
    """A take that is being proofread."""

    work: _Work
    take: LineTake
    samples: Samples
    proof: Future[Proof]


@dataclass
class Speech:
    """One job's work on a document; `speak` does it all.

    While the process that speaks says a line, the line before it is proofread here, so that neither waits for the
    other; a bad one is said again next. A person may change the document meanwhile: what was changed is said as it
    stands when its turn comes.
    """

    project: Project
    args: SpeakDocumentArgs
    reporter: Reporter
    spoken: int = 0
    failed: int = 0
    doubtful: int = 0
    _document: Document | None = None  # as it was when `_pending` was made
    _pending: list[Line] = field(default_factory=list)
    _again: list[int] = field(default_factory=list)  # lines a person has asked for meanwhile, however often said
    _said: set[str] = field(default_factory=set)  # keys that were had a go at: the same line again needs no other
    _in_hand: list[_Work] = field(default_factory=list)  # before all that is pending: what is bad, or was put back
    _check: _Check | None = None  # never more than one: what waits for its check is held in memory
    _requests: dict[str, SpeechRequest] = field(default_factory=dict)  # by the name that the text gives a voice
    _mute: dict[str, UserError] = field(default_factory=dict)  # voices that cannot speak, by their name in the text
    _failures_in_a_row: list[UserError] = field(default_factory=list)
    _proofreader: Proofreader | None = None

    def speak(self) -> dict[str, int]:
        """Say what is missing; returns how many lines were spoken, failed, and are doubtful.

        Raises:
            Cancelled: Stop was pressed; what was said is kept, and the rest said by a resume.
            UserError: nothing could be said, or a voice failed for a reason that is none of its lines'.
        """
        self.folder = documents.folder(self.project, self.args.document)
        events.end_torn_line(self.folder / LOG)
        self.reporter.progress("load_voice", 0, 1)
        with ThreadPoolExecutor(1, "proofread") as self._checker:
            try:
                self._speak_lines()
            except BaseException:
                with contextlib.suppress(UserError):  # what ended it is told
                    self._settle()
                raise
        errors = [error for error in self._mute.values() if error.code not in _OF_A_NAME]
        if errors or (self._mute and not self.spoken):
            raise (errors or list(self._mute.values()))[0]
        return {"spoken": self.spoken, "failed": self.failed, "doubtful": self.doubtful}

    def _speak_lines(self) -> None:
        done = 0
        while True:
            work = self._next()
            if self._check and (work is None or work.model != self._check.work.model):
                # Before another model is loaded: a line that turns out bad would need the present one once more.
                self._in_hand += [work] if work else []
                self._settle()
                continue
            if work is None:
                return
            self.reporter.check_stop()
            if not work.attempts:
                total = done + 1 + len(self._pending)
                self.reporter.progress("speak_lines", done, total, item=work.line.text[:_SHOWN])
                done += 1
            self._say(work)

    def _next(self) -> _Work | None:
        """What is said next, as the text stands now."""
        document = documents.document(self.project, self.args.document)
        # Read again only after a change: the same object is the same file.
        if document is not self._document or self._keys.is_outdated():
            self._look_through(document)
        while self._in_hand:
            work = self._in_hand.pop(0)
            if self._is_still_wanted(work):
                return work
            if work.takes:
                self._count(work)
        self._again += asked_again(self.folder)
        while self._again:
            wish = self._again.pop(0)
            if line := next((line for line in self._lines if line.id == wish and self._can_say(line)), None):
                return self._work_on(line)
        while self._pending:
            line = self._pending.pop(0)
            if self._keys.key(line) not in self._said:  # else it was asked for out of its turn
                return self._work_on(line)
        return None

    @property
    def _lines(self) -> tuple[Line, ...]:
        assert self._document is not None
        return self._document.lines

    def _is_still_wanted(self, work: _Work) -> bool:
        line = next((line for line in self._lines if line.id == work.line.id), None)
        return line is not None and self._can_say(line) and self._keys.key(line) == work.key

    def _can_say(self, line: Line) -> bool:
        assert self._document is not None
        return line.has_words and self._document.speaker(line.voice) is not None and line.voice not in self._mute

    def _work_on(self, line: Line) -> _Work:
        document, keys = self._document, self._keys
        assert document is not None
        tries = 1 + (document.tries if self._is_proofread(document) else 0)
        return _Work(line, document, keys, keys.key(line), tries)

    def _seed(self, work: _Work) -> int:
        """The next seed of a line: one whose sound is lost is said again, what is there is said with another."""
        takes = [take for take in read_takes(self.folder).of(work.key) if take_file(self.folder, take.id).exists()]
        takes += [self._check.take] if self._check and self._check.work.key == work.key else []
        seeds, first = {take.seed for take in takes}, work.keys.seed(work.line)
        return next(seed % 2**31 for seed in range(first, first + 2**31) if seed % 2**31 not in seeds)

    def _look_through(self, document: Document) -> None:
        cast, errors = cast_of(self.project, document)
        for name, error in errors.items():
            if name not in self._mute:
                self._mute[name] = error
                line = next(line for line in document.lines if line.has_words and line.voice == name)
                self._tell_failure(document, line, error)
        documents.recast(self.project, document, cast)
        document = self._document = documents.document(self.project, document.id)
        names = {line.voice for line in document.lines if line.has_words}
        if any(document.speaker(name) is None for name in names.difference(self._mute)):  # changed meanwhile
            self._look_through(document)
            return
        self._keys = keys = Keys(self.project, document)
        self._requests.clear()
        takes, wishes = read_takes(self.folder), set(self.args.lines)
        # Of what is said once more, a resume leaves out what this job has said already.
        since = self.reporter.view.created_at if self.args.again else 0.0
        stems = {path.stem for path in take_file(self.folder, "x").parent.glob("[!.]*.wav")}
        pending: dict[str, Line] = {}
        for line in document.lines:
            key = keys.key(line)
            if (wishes and line.id not in wishes) or not key or key in self._said or line.voice in self._mute:
                continue
            if not any(take.id in stems and take.at >= since for take in takes.of(key)):
                pending.setdefault(key, line)
        self._pending = _by_model(document, list(pending.values()))

    def _say(self, work: _Work) -> None:
        """Have a line said once; whatever goes wrong costs this line alone."""
        self._said.add(work.key)
        work.attempts, work.tries = work.attempts + 1, work.tries - 1
        seed, began = self._seed(work), time.monotonic()
        try:
            request = self._request(work).model_copy(update={"seed": seed})
            samples, rate = speaking.say(self.project.workspace, request, should_stop=self.reporter.stop_requested)
        except UserError as error:
            self._fail(work, error)
            return
        take = LineTake(
            key=work.key,
            seed=seed,
            seconds=round(len(samples) / rate, 3),
            rate=rate,
            took_s=round(time.monotonic() - began, 3),
            at=time.time(),
        )
        self._settle()
        if self._is_proofread(work.document):
            assert self._proofreader is not None
            take = take.model_copy(update={"checked": self._proofreader.name})
            proof = self._checker.submit(_proof, self._proofreader, work, samples, rate)
            self._check = _Check(work, take, samples, proof)
        else:
            self._keep(work, take, samples)
            self._count(work)

    def _settle(self) -> None:
        """Wait until the last take is proofread, and keep it; if it is bad its line is said again before any other."""
        check, self._check = self._check, None
        if check is None:
            return
        work = check.work
        try:
            proof = check.proof.result()
        except UserError as error:
            self._fail(work, error)
            return
        update = {"faults": proof.faults, "heard": proof.heard, "cer": proof.cer}
        self._keep(work, check.take.model_copy(update=update), check.samples)
        if proof.is_doubtful and work.tries:
            self._in_hand.insert(0, work)
        else:
            self._count(work)

    def _keep(self, work: _Work, take: LineTake, samples: Samples) -> None:
        write_speech(take_file(self.folder, take.id), np.asarray(samples, np.float32), take.rate)
        add_take(self.folder, take)
        work.takes.append(take)
        self._failures_in_a_row.clear()

    def _count(self, work: _Work) -> None:
        """A line is done with."""
        self.spoken += 1
        self.doubtful += all(take.proof.is_doubtful for take in work.takes)

    def _fail(self, work: _Work, error: UserError) -> None:
        if isinstance(error, DiskFull):
            raise error
        if work.takes:
            self._count(work)
            return
        values = plain(error.values)
        failure = Failure(
            key=work.key, code=error.code, text=error.text, hint=error.hint, values=values, at=time.time()
        )
        add_failure(self.folder, failure)
        self._tell_failure(work.document, work.line, error)
        self._give_up(work.line.voice, error)

    def _is_proofread(self, document: Document) -> bool:
        if document.proofread is False:
            return False
        language = language_of(self.project, document)
        if self._proofreader is None or self._proofreader.language != language:
            self._proofreader = open_proofreader(self.project, language, self.reporter)
        return document.proofread is True or self._proofreader.recognizer is not None

    def _request(self, work: _Work) -> SpeechRequest:
        line = work.line
        cast = work.document.speaker(line.voice)
        assert cast is not None  # else it would have no key
        if line.voice not in self._requests:
            self._requests[line.voice] = request_for(self.project, work.document, cast, self.args.device)
        update = {"text": work.keys.text(line), "settings": work.keys.settings(line)}
        return self._requests[line.voice].model_copy(update=update)

    def _tell_failure(self, document: Document, line: Line, error: UserError) -> None:
        self.failed += 1
        self.reporter.warning(
            "studio.line_failed",
            "Line {number}, “{line}”, was not spoken: {what}",
            "{what.hint}",
            number=1 + document.lines.index(line),
            line=line.text[:_SHOWN],
            what=error,
        )

    def _give_up(self, voice: str, error: UserError) -> None:
        """Ask no more of a voice where the error of a line is that of all."""
        self._failures_in_a_row.append(error)
        last = self._failures_in_a_row[-_MOST_ALIKE:]
        is_all = len(last) == _MOST_ALIKE and {entry.code for entry in last} == {error.code}
        if error.code in _OF_A_TEXT or not (is_all or error.code in _OF_A_VOICE):
            return
        self._mute[voice] = error
        self._failures_in_a_row.clear()
        self._pending = [line for line in self._pending if line.voice != voice]


def _proof(proofreader: Proofreader, work: _Work, samples: Samples, rate: int) -> Proof:
    """Listen to a take, in a thread of its own. It is not broken off by Stop: it takes about as long as the line."""
    keys, line = work.keys, work.line
    read = lambda text: keys.reading(line.having(text=text)).text  # noqa: E731
    return proofreader.check(samples, rate, keys.text(line), read, lambda: False)


def _model(document: Document, line: Line) -> tuple[str, ...]:
    voice = document.speaker(line.voice)
    return (voice.checkpoint, voice.base, voice.imported) if voice else ()


def _by_model(document: Document, lines: Sequence[Line]) -> list[Line]:
    """The lines in their order, but within a few of them model by model: to load another one takes seconds."""

    order: list[Line] = []
    for first in range(0, len(lines), _TOGETHER):
        group = lines[first : first + _TOGETHER]
        loaded = [_model(document, order[-1])] if order else []
        models = dict.fromkeys([*loaded, *(_model(document, line) for line in group)])
        order += [line for wish in models for line in group if _model(document, line) == wish]
    return order
