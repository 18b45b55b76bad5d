"""Records of a project as dataclasses: recordings, clips, words, revisions, edits, votes."""

from __future__ import annotations

from dataclasses import dataclass

from core.checkpoint_ref import CheckpointRef

LOW_CONFIDENCE = 0.6  # below it a transcript is worth a second look; see core/transcription/base.py for the scale
_TITLE_LETTERS = 60
MISMATCH = 0.15  # a second opinion that differs in more of the characters than this is worth one too


NO_VOICE = -1  # the `Clip.voice` of a clip that sounds like none of the voices
READ_ALOUD, DATA_SET = "reading", "dataset"  # origins of recordings that bring their clips along


@dataclass(frozen=True, slots=True)
class Source:
    """A recording. ``sample_rate`` is that of the decoded FLAC, in hertz; ``sha256`` is of the file as brought.

    ``audio_md5`` is of the decoded samples, so that the same sound in another wrapping is recognised. ``note`` is a
    warning's code that stays with the recording, such as damage. ``use`` says which sound clips are cut from:
    ``original`` or ``cleaned`` (see `Project.sound_file`).
    """

    id: str
    title: str
    origin: str = ""
    rights: str = ""
    seconds: float = 0.0
    sample_rate: int = 0
    sha256: str = ""
    added_at: float = 0.0
    audio_md5: str = ""
    note: str = ""
    use: str = "original"

    @property
    def came_cut(self) -> bool:
        """Whether it brought its clips with their texts along; cutting all recordings leaves it as it is."""
        return self.origin in (READ_ALOUD, DATA_SET)


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of a source. ``status`` is new, approved or rejected; ``reason`` says why it was rejected.

    ``text`` is what will be trained on, ``raw_text`` what recognition heard; ``confidence`` is 0 to 1.
    ``second_text`` is what a second model heard, ``mismatch`` how much of the characters differ (0: none).
    ``text_flags`` and ``sound_flags`` are codes apart by spaces: why its text or its sound is worth a second look.
    ``given`` is 1 where the text is not what a model heard here but was brought along (subtitles, a data set, read
    aloud) or carried over from a person's; ``checked`` is 1 once a second model heard the clip.
    ``forced`` names the ends that were cut without a pause: ``start``, ``end`` or ``both``.

    Of the sound: ``snr_db`` how far speech stands above the room, ``loudness_lufs`` and ``peak_dbfs`` (true peak) of
    the recording, ``gain_db`` what the clip was raised by, ``clipped_fraction`` of its samples, ``bandwidth_hz`` up to
    where there is sound, ``lead_s`` and ``tail_s`` the quiet at its ends, ``speaker_similarity`` to the project's voice
    (cosine, at most 1), ``naturalness`` a DNSMOS score (1 to 5), ``voice`` the number of the voice it is nearest to
    (`core.measures.voices`; `NO_VOICE`: like none of them). None: not measured.
    """

    id: str
    source_id: str
    start_s: float
    end_s: float
    text: str = ""
    raw_text: str = ""
    language: str = ""
    status: str = "new"
    reason: str = ""
    confidence: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    second_text: str = ""
    mismatch: float | None = None
    text_flags: str = ""
    sound_flags: str = ""
    forced: str = ""
    given: int = 0
    checked: int = 0
    snr_db: float | None = None
    loudness_lufs: float | None = None
    peak_dbfs: float | None = None
    gain_db: float | None = None
    clipped_fraction: float | None = None
    bandwidth_hz: float | None = None
    lead_s: float | None = None
    tail_s: float | None = None
    speaker_similarity: float | None = None
    naturalness: float | None = None
    voice: int | None = None
    edited_at: float | None = None

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    @property
    def letters_per_s(self) -> float:
        """Speaking rate: letters and digits of the text a second."""
        return sum(letter.isalnum() for letter in self.text) / self.seconds if self.seconds > 0 else 0.0

    @property
    def is_doubtful(self) -> bool:
        """Whether recognition was unsure of it."""
        return self.confidence is not None and self.confidence < LOW_CONFIDENCE


def clip_title(clip: Clip, recording: str) -> str:
    """What a person knows a clip by: how its text begins, else its ``recording``'s title and when it is said there."""
    if clip.text:
        return clip.text if len(clip.text) <= _TITLE_LETTERS else f"{clip.text[: _TITLE_LETTERS - 1]}…"
    minutes, seconds = divmod(int(clip.start_s), 60)
    return f"{recording}, {minutes}:{seconds:02d}"


# The fields of a clip that measuring its sound sets.
MEASURES = frozenset(
    ("snr_db", "loudness_lufs", "peak_dbfs", "gain_db", "clipped_fraction", "bandwidth_hz", "lead_s", "tail_s")
    + ("speaker_similarity", "naturalness", "voice", "sound_flags")
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is said, in seconds of its recording; ``probability`` is None where nothing said it."""

    start_s: float
    end_s: float
    text: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One changed field of one clip; edits never destroy."""

    clip_id: str
    at: float
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RevisionGroup:
    """The revisions of one change, of one clip or of many at once: its stamp, its time, and a clip it is of."""

    stamp: str
    at: float
    clip_id: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Clips that took the place of others (a border moved, a split, a join, a removal), so that it can be undone."""

    number: int
    source_id: str
    what: str
    before: tuple[Clip, ...]
    after: tuple[Clip, ...]
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Vote:
    """A blind choice between two that said the same ``sentence``; ``choice`` is left, right or same.

    ``pair`` names what was compared. ``listener`` is a login's short name; empty where nobody logs in.
    """

    pair: str
    left: CheckpointRef
    right: CheckpointRef
    choice: str
    at: float
    sentence: str = ""
    listener: str = ""


@dataclass(frozen=True, slots=True)
class ClipFilter:
    """Which clips are meant. ``state`` is all, new, approved, rejected, usable (not rejected), low (confidence),
    untranscribed, unheard (by recognition), unmeasured (their sound), flagged (new ones whose text or sound is worth a
    second look), silent (new ones without speech), decided (approved or rejected), decided_flagged or
    decided_silent."""

    state: str = "all"
    source_id: str = ""
    search: str = ""
    sort: str = "time"  # time, confidence, length, words, mismatch, likeness, edited (the latest first)
    sure: float = 0.0  # only clips with text and at least this confidence
    flag: str = ""  # only clips with this code among their flags
    without_flags: bool = False  # only clips without any flag
    most_mismatch: float | None = None  # only clips with text on which two models differ by no more than this
    voice: int | None = None  # only clips of this voice (`Clip.voice`)
    besides_voice: int | None = None  # only clips that sound like another than this one, or like none


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and seconds for the header and the pages.

    ``segmented`` counts recordings that have clips; ``edited_at`` is when clips last came or went, or a person
    last changed one (0: never).
    """

    sources: int
    source_s: float
    clips: int
    clip_s: float
    transcribed: int
    approved: int
    approved_s: float
    rejected: int
    segmented: int = 0
    edited_at: float = 0.0
