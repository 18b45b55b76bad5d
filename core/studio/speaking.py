"""Speaking a document: each line that lacks a take is said, proofread, and said again while it is bad."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.audio.samples import Samples
from core.audio.synthetic import write_speech
from core.errors import DiskFull, UserError
from core.jobs import events
from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.reporter import Reporter, plain
from core.project.workspace import Project
from core.studio import document as documents
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
class Speech:
    """One job's work on a document; `speak` does it all.

    A person may change the document meanwhile: what was changed is said as it stands when its turn comes.
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
        done = 0
        while (line := self._next()) is not None:
            assert self._document is not None
            self.reporter.check_stop()
            self.reporter.progress("speak_lines", done, done + 1 + len(self._pending), item=line.text[:_SHOWN])
            self._say(self._document, line)
            done += 1
        broken = [error for error in self._mute.values() if error.code not in _OF_A_NAME]
        if broken or (self._mute and not self.spoken):
            raise (broken or list(self._mute.values()))[0]
        return {"spoken": self.spoken, "failed": self.failed, "doubtful": self.doubtful}

    def _next(self) -> Line | None:
        """The line that is said next, as the text stands now."""
        document = documents.document(self.project, self.args.document)
        # Read again only after a change: the same object is the same file.
        if document is not self._document or self._keys.is_outdated():
            self._look_through(document)
        assert self._document is not None
        self._again += asked_again(self.folder)
        while self._again:
            wish = self._again.pop(0)
            if line := next((line for line in self._document.lines if line.id == wish and self._can_say(line)), None):
                return line
        while self._pending:
            line = self._pending.pop(0)
            if self._keys.key(line) not in self._said:  # else it was asked for out of its turn
                return line
        return None

    def _can_say(self, line: Line) -> bool:
        assert self._document is not None
        return line.has_words and self._document.speaker(line.voice) is not None and line.voice not in self._mute

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
        takes, chosen = read_takes(self.folder), set(self.args.lines)
        # Of what is said once more, a resume leaves out what this job has said already.
        since = self.reporter.view.created_at if self.args.again else 0.0
        there = {path.stem for path in take_file(self.folder, "x").parent.glob("[!.]*.wav")}
        pending: dict[str, Line] = {}
        for line in document.lines:
            key = keys.key(line)
            if (chosen and line.id not in chosen) or not key or key in self._said or line.voice in self._mute:
                continue
            if not any(take.id in there and take.at >= since for take in takes.of(key)):
                pending.setdefault(key, line)
        self._pending = _by_model(document, list(pending.values()))

    def _say(self, document: Document, line: Line) -> None:
        """Say one line, again while it is bad, and keep every take; whatever goes wrong costs this line alone."""
        key, first = self._keys.key(line), self._keys.seed(line)
        self._said.add(key)
        # A seed whose sound is lost is said again; what is there is said with another.
        taken = {take.seed for take in read_takes(self.folder).of(key) if take_file(self.folder, take.id).exists()}
        seeds = (seed for seed in range(first, first + 2**31) if seed not in taken)
        tries = 1 + (document.tries if self._is_proofread(document) else 0)
        takes: list[LineTake] = []
        try:
            request = self._request(document, line)
            for _ in range(tries):
                takes.append(self._take(document, line, key, request, next(seeds) % 2**31))
                if not takes[-1].proof.is_doubtful:
                    break
        except UserError as error:
            if isinstance(error, DiskFull):
                raise
            if not takes:
                values = plain(error.values)
                failure = Failure(
                    key=key, code=error.code, text=error.text, hint=error.hint, values=values, at=time.time()
                )
                add_failure(self.folder, failure)
                self._tell_failure(document, line, error)
                self._give_up(line.voice, error)
                return
        self._failures_in_a_row.clear()
        self.spoken += 1
        self.doubtful += all(take.proof.is_doubtful for take in takes)

    def _take(self, document: Document, line: Line, key: str, request: SpeechRequest, seed: int) -> LineTake:
        began = time.monotonic()
        samples, rate = speaking.say(
            self.project.workspace,
            request.model_copy(update={"seed": seed}),
            should_stop=self.reporter.stop_requested,
        )
        take = LineTake(
            key=key,
            seed=seed,
            seconds=round(len(samples) / rate, 3),
            rate=rate,
            took_s=round(time.monotonic() - began, 3),
            at=time.time(),
        )
        if self._is_proofread(document):
            take = take.model_copy(update=self._proof(line, samples, rate))
        write_speech(take_file(self.folder, take.id), np.asarray(samples, np.float32), rate)
        add_take(self.folder, take)
        return take

    def _proof(self, line: Line, samples: Samples, rate: int) -> dict[str, object]:
        assert self._proofreader is not None
        keys = self._keys
        proof = self._proofreader.check(
            samples,
            rate,
            keys.text(line),
            lambda text: keys.reading(line.having(text=text)).text,
            self.reporter.stop_requested,
        )
        return {"checked": self._proofreader.name, "faults": proof.faults, "heard": proof.heard, "cer": proof.cer}

    def _is_proofread(self, document: Document) -> bool:
        if document.proofread is False:
            return False
        language = language_of(self.project, document)
        if self._proofreader is None or self._proofreader.language != language:
            self._proofreader = open_proofreader(self.project, language, self.reporter)
        return document.proofread is True or self._proofreader.recognizer is not None

    def _request(self, document: Document, line: Line) -> SpeechRequest:
        cast = document.speaker(line.voice)
        assert cast is not None  # else it would have no key
        if line.voice not in self._requests:
            self._requests[line.voice] = request_for(self.project, document, cast, self.args.device)
        update = {"text": self._keys.text(line), "settings": self._keys.settings(line)}
        return self._requests[line.voice].model_copy(update=update)

    def _tell_failure(self, document: Document, line: Line, error: UserError) -> None:
        self.failed += 1
        self.reporter.warning(
            "studio.line_failed",
            "Line {number}, “{line}”, was not spoken: {what}",
            "{advice}",
            number=1 + document.lines.index(line),
            line=line.text[:_SHOWN],
            what=error.text,
            advice=error.hint,
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


def _by_model(document: Document, lines: Sequence[Line]) -> list[Line]:
    """The lines in their order, but within a few of them model by model: to load another one takes seconds."""

    def model(line: Line) -> tuple[str, ...]:
        voice = document.speaker(line.voice)
        return (voice.checkpoint, voice.base, voice.imported) if voice else ()

    order: list[Line] = []
    for first in range(0, len(lines), _TOGETHER):
        group = lines[first : first + _TOGETHER]
        loaded = [model(order[-1])] if order else []
        models = dict.fromkeys([*loaded, *map(model, group)])
        order += [line for wish in models for line in group if model(line) == wish]
    return order
