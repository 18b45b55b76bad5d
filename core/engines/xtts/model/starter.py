"""The starter: the small XTTS base that comes with the app, expanded into a base's folder when first needed."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from core.engines.made_base import place_made
from core.engines.xtts.bases import PACKED
from core.engines.xtts.model.decoder import padded
from core.engines.xtts.model.load import no_initialization
from core.engines.xtts.model.tiny import make_untrained, save, small_config
from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary
from core.files import read_json, write_json

FACTS = "starter.json"


def make_starter(folder: Path, packed: Path = PACKED) -> Path:
    """Expand a packed small base into ``folder`` (about 70 MB); returns ``folder``. One already there is kept.

    ``packed`` holds the weights, ``starter.json`` beside it the sizes. Where there is none the base has random weights,
    and says so.

    Raises:
        UserError: ``base.folder_taken``: the folder holds something else.
    """
    if not packed.is_file():
        return make_untrained(folder)
    return place_made(folder, "starter.json", lambda new: _expand(new, packed))


def _expand(folder: Path, packed: Path) -> None:
    facts = read_json(packed.with_name(FACTS))
    config = small_config(**facts["sizes"])
    config.model_args.output_sample_rate = facts["rate_hz"]
    for name, value in facts["speaking"].items():
        config[name] = value
    starter_vocabulary().save(str(folder / "vocab.json"))
    config.save_json(str(folder / "config.json"))
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "dvae": {}, "speakers": {}}
    for name, value in load_file(packed).items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    config.model_args.gpt_number_text_tokens = starter_vocabulary().get_vocab_size()
    with no_initialization():  # only the shapes are asked for
        xtts = Xtts(config)
    model = {name: padded(name, parts["model"].get(name), value.shape) for name, value in xtts.state_dict().items()}
    save({"model": model}, folder / "model.pth")
    save(parts["dvae"], folder / "dvae.pth")
    save(model["mel_stats"], folder / "mel_stats.pth")
    speakers: dict[str, dict[str, Tensor]] = {}
    for name, value in parts["speakers"].items():
        voice, _, rest = name.partition("/")
        speakers.setdefault(voice, {})[rest] = value.float()
    save(speakers, folder / "speakers_xtts.pth")
    write_json(folder / "starter.json", facts)
