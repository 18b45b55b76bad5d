"""The base models of F5-TTS, and the facts about a base that no tensor of it shows. Light."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from core.engines.bases import Base, BaseModels
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.text.conversion import Conversion
from core.engines.f5.text.vocabulary import NAME as VOCABULARY
from core.engines.f5.text.vocabulary import read_vocabulary
from core.engines.hub import HubFile
from core.engines.options import TrainConfig
from core.engines.questions import Choice, Question
from core.errors import UserError
from core.files import read_json, sha256_file, write_json
from core.reasons import reason_of

V1, V0, STARTER = "f5tts-v1", "f5tts-v0", "f5-starter"
FACTS = "f5.json"
WEIGHTS, LAST_WEIGHTS = "model.safetensors", "last.safetensors"
_CHECKPOINT = ".pt"  # of a trainer's files; read in a job only, which rewrites them
VOCODER = ("config.yaml", "pytorch_model.bin")  # as Vocos has them, and f5-tts looks for them
FILES = (WEIGHTS, VOCABULARY, *VOCODER)
_MOST_BYTES = 1 << 20
_MANIFEST = "manifest.json"
_MOST_NAMED = 6

_V1_SHA256 = "670900fd14e6c458b95da6e9ed317cdb20dbaf7a1c02ac06a05475a9d32b6a38"
_V0_SHA256 = "4180310f91d592cee4bc14998cd37c781f779cf105e8ca8744d9bd48ca7046ae"
_PUBLISHED = {_V1_SHA256: "v1", _V0_SHA256: "v0"}
_VOCOS_SHA256 = "97ec976ad1fd67a33ab2682d29c0ac7df85234fae875aefcc5fb215681a91b2a"


@dataclass(frozen=True)
class Flags:
    """How the model was built: either checkpoint loads into either model, and speaks gibberish in the wrong one.

    v0 masks no padding of texts and turns the first attention head alone; v1 masks it and turns all.
    """

    text_mask_padding: bool
    pe_attn_head: int | None


FLAGS = {"v1": Flags(True, None), "v0": Flags(False, 1)}


@dataclass(frozen=True)
class BaseFacts:
    """What has to be known of a base beside its files; ``sha256`` is of its weights, ``trained`` False if random."""

    flags: Flags
    conversion: Conversion
    sha256: str
    trained: bool = True
    vocoder: str = ""
    """Folder with the vocoder's files, where they do not lie beside the weights."""
    vocabulary: str = ""
    """SHA-256 of its tokens in their order; another order of as many loads, and speaks gibberish. Empty: not noted."""
    steps: int = 32
    """In how many steps it speaks where nothing else is said; random weights need no more than a few."""
    weights: str = WEIGHTS
    """The file it speaks with, of the two that a rewritten checkpoint may have."""


def read_facts(folder: Path) -> BaseFacts:
    """What is known of a base: of a published one by the hash of its weights, else what a person has said.

    Raises:
        UserError: ``base.unasked``: nobody has said; it is never guessed. ``base.broken``.
    """
    try:
        if (folder / FACTS).is_file():
            raw = read_json(folder / FACTS, _MOST_BYTES)
            facts = BaseFacts(**{**raw, "flags": Flags(**raw["flags"])})
            if facts.flags not in FLAGS.values() or facts.conversion not in get_args(Conversion):
                raise UserError("reason.no_flags", "how it was built, or how it makes tokens, is none that there is")
            if facts.weights not in (WEIGHTS, LAST_WEIGHTS):
                raise UserError("reason.no_weights", "the weights it names are none of its own")
            return facts
        if (folder / _MANIFEST).is_file():
            files = {str(file["name"]): str(file["sha256"]) for file in read_json(folder / _MANIFEST)["files"]}
            if base := _PUBLISHED.get(files.get(WEIGHTS, "")):
                return BaseFacts(FLAGS[base], "pinyin", files[WEIGHTS])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise UserError(
            "base.broken",
            "{name} in {folder} is not what the model needs ({what}).",
            "Download the base again, or choose another folder.",
            folder=str(folder),
            name=FACTS,
            what=reason_of(error),
        ) from error
    raise UserError(
        "base.unasked",
        "How the base model in {folder} was built is not known yet, and cannot be seen from its files.",
        "Answer the questions under the folder's name on the Train page.",
        folder=str(folder),
    )


def write_facts(folder: Path, facts: BaseFacts) -> None:
    """Write them down beside the weights."""
    write_json(folder / FACTS, asdict(facts))


def weights_sha256(path: Path, on_block: Callable[[], object] | None = None) -> str:
    """Of a file of weights; read once in a process, as long as it stays as it is. ``on_block`` may break off."""
    about = path.resolve().stat()
    key = about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
    if key not in _digests:
        _digests[key] = sha256_file(path, on_block)
    return _digests[key]


_digests: dict[tuple[int, int, int, int], str] = {}


def published_label(sha256: str) -> str:
    """What a published base is called, by its weights; empty of any other."""
    labels = {base.elsewhere[WEIGHTS].sha256: base.label for base in F5Bases.catalog.values() if base.elsewhere}
    return labels.get(sha256, "")


class F5Bases(BaseModels):
    """See `BaseModels`."""

    default, small = V1, STARTER
    required_files = (WEIGHTS, VOCABULARY)
    rewritten = {WEIGHTS: _CHECKPOINT}
    catalog: Mapping[str, Base] = {
        base_id: Base(
            id=base_id,
            label=label,
            files=FILES,
            repository="SWivid/F5-TTS",
            revision="main",
            size_mb=1403,
            license="CC BY-NC 4.0",
            license_url="https://creativecommons.org/licenses/by-nc/4.0/",
            elsewhere={
                WEIGHTS: HubFile("SWivid/F5-TTS", f"{folder}/{weights}.safetensors", sha256),
                VOCABULARY: HubFile("SWivid/F5-TTS", f"{folder}/{VOCABULARY}"),
                "config.yaml": HubFile("charactr/vocos-mel-24khz", "config.yaml"),
                "pytorch_model.bin": HubFile("charactr/vocos-mel-24khz", "pytorch_model.bin", _VOCOS_SHA256),
            },
        )
        for base_id, label, folder, weights, sha256 in (
            (V1, "F5-TTS v1", "F5TTS_v1_Base", "model_1250000", _V1_SHA256),
            (V0, "F5-TTS v0", "F5TTS_Base", "model_1200000", _V0_SHA256),
        )
    } | {
        STARTER: Base(
            STARTER, "Starter", (WEIGHTS, VOCABULARY, FACTS), "", "", size_mb=6, license="Apache-2.0", license_url=""
        )
    }

    def check(self, folder: Path) -> None:
        """As of `BaseModels`; vocabulary and facts have to be right as well."""
        self._check_files(folder)
        read_vocabulary(folder)
        read_facts(folder)

    def questions(self, folder: Path) -> Sequence[Question]:
        """As of `BaseModels`: flags and conversion, which no tensor shows, and which of two sets of weights speaks."""
        self._check_files(folder)
        read_vocabulary(folder)
        try:
            read_facts(folder)
        except UserError as error:
            if error.code != "base.unasked":
                raise
            return _asked(folder)
        return ()

    def unread_weights(self, folder: Path) -> Sequence[str]:
        """As of `BaseModels`: a trainer's checkpoints, where no weights lie beside them."""
        if (folder / WEIGHTS).is_file() or not folder.is_dir():
            return ()
        return sorted(path.name for path in folder.glob(f"*{_CHECKPOINT}") if path.is_file())

    def _check_files(self, folder: Path) -> None:
        if names := self.unread_weights(folder):
            raise UserError(
                "base.unread",
                "The weights in {folder} are in a trainer's file ({names}), which has to be rewritten once.",
                "Press “Rewrite …” under the folder's name on the Train page.",
                folder=str(folder),
                names=", ".join(names[:_MOST_NAMED]),
            )
        super().check(folder)

    def answer(
        self, models: Path, folder: Path, answers: Mapping[str, str], on_block: Callable[[], object] | None = None
    ) -> None:
        """As of `BaseModels`; the weights' hash is written down with it, so that others are not taken for them.

        Of published weights it is known how they were built, whatever is answered.
        """
        values: dict[str, Any] = {}
        for question in _asked(folder):
            values[question.key] = question.pick(answers)
        weights = LAST_WEIGHTS if values.get("weights") == "last" else WEIGHTS
        own = all((folder / name).is_file() for name in VOCODER)
        ready = [models / base_id for base_id in (V1, V0) if all((models / base_id / n).is_file() for n in VOCODER)]
        sha256 = weights_sha256(folder / weights, on_block)
        if base := _PUBLISHED.get(sha256):
            values = {"flags": base, "conversion": "pinyin"}
        facts = BaseFacts(
            FLAGS[values["flags"]],
            values["conversion"],
            sha256,
            vocoder="" if own or not ready else str(ready[0]),
            vocabulary=read_vocabulary(folder).sha256,
            weights=weights,
        )
        write_facts(folder, facts)

    def sha256(self, folder: Path) -> str:
        """As of `BaseModels`; of a folder that was answered for, the weights it was answered for."""
        try:
            return read_facts(folder).sha256
        except UserError:
            return ""

    def is_trained(self, base: Base | None, folder: Path) -> bool:
        """As of `BaseModels`."""
        try:
            return read_facts(folder).trained
        except UserError:
            return base is None or not base.is_made

    def weights_bytes(self, folder: Path, config: TrainConfig) -> int:
        """As of `BaseModels`."""
        if not isinstance(config, F5TrainConfig) or config.train_what != "full":
            return 0
        try:
            name = read_facts(folder).weights
        except UserError:
            name = WEIGHTS
        try:
            return (folder / name).stat().st_size
        except OSError:
            return 0


_QUESTIONS = (
    Question(
        "flags",
        "How was it built? A wrong answer speaks gibberish; whoever published it says so.",
        (
            Choice("v1", "As F5-TTS v1 (since March 2025)"),
            Choice("v0", "As F5-TTS v0 (nearly all bases of other languages)"),
        ),
    ),
    Question(
        "conversion",
        "How were its texts made into tokens?",
        (Choice("pinyin", "As f5-tts does (pinyin)"), Choice("characters", "Each character by itself")),
    ),
)
_WHICH_WEIGHTS = Question(
    "weights",
    "Which of its weights? The mean of a short training holds little of what it learnt.",
    (
        Choice("mean", "The running mean (what f5-tts speaks with)"),
        Choice("last", "The last ones (what its trainer's samples were made with)"),
    ),
)


def _asked(folder: Path) -> tuple[Question, ...]:
    return (*_QUESTIONS, _WHICH_WEIGHTS) if (folder / LAST_WEIGHTS).is_file() else _QUESTIONS
