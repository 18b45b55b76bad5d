"""The base models of XTTS: the published one, and a small one that is made for the demo. Light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core import REPOSITORY
from core.engines.bases import Base, BaseModels
from core.engines.options import TrainConfig
from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from core.files import read_json

_MOST_BYTES = 1 << 20  # of starter.json
FILES = ("config.json", "vocab.json", "mel_stats.pth", "speakers_xtts.pth", "dvae.pth", "model.pth")
STARTER = "starter"
PACKED = REPOSITORY / "presets" / "starter" / "weights.safetensors"  # of the starter; without it, it has random ones
XTTS_V2 = "xtts-v2"


def is_starter(folder: Path) -> bool:
    """Whether a base folder is the small one made for tests and the demo."""
    return (folder / "starter.json").is_file()


def starter_facts(folder: Path) -> dict[str, Any]:
    """What ``starter.json`` says; ``trained`` is False where the weights are random. Empty if not to be read."""
    try:
        return dict(read_json(folder / "starter.json", _MOST_BYTES))
    except (OSError, ValueError, TypeError):
        return {}


def other_model() -> UserError:
    """Why a ``config.json`` is refused."""
    return UserError("reason.other_model", "it describes another model")


class XttsBases(BaseModels):
    """See `BaseModels`."""

    default, small = XTTS_V2, STARTER
    required_files = tuple(name for name in FILES if name != "speakers_xtts.pth")
    catalog = {
        XTTS_V2: Base(
            id=XTTS_V2,
            label="XTTS-v2",
            files=FILES,
            repository="coqui/XTTS-v2",
            revision="main",
            size_mb=2090,
            license="Coqui Public Model License 1.0.0",
            license_url="https://coqui.ai/cpml",
        ),
        STARTER: Base(
            STARTER, "Starter", FILES, repository="", revision="", size_mb=60, license="Apache-2.0", license_url=""
        ),
    }

    def check(self, folder: Path) -> None:
        """As of `BaseModels`; the config has to be that of an XTTS model."""
        super().check(folder)
        try:
            model = read_json(folder / "config.json").get("model")
        except (OSError, ValueError, AttributeError):
            model = None
        if model != "xtts":
            raise UserError(
                "base.broken",
                "{name} in {folder} is not what the model needs ({what}).",
                "Download the base again, or choose another folder.",
                folder=str(folder),
                name="config.json",
                what=other_model(),
            )

    def is_trained(self, base: Base | None, folder: Path) -> bool:
        """As of `BaseModels`."""
        if is_starter(folder):
            return bool(starter_facts(folder).get("trained"))
        return base is None or not base.is_made or PACKED.is_file()

    def weights_bytes(self, folder: Path, config: TrainConfig) -> int:
        """As of `BaseModels`: nearly all of a base is its GPT, and its heads learn with the last layers."""
        if not isinstance(config, XttsTrainConfig) or config.train_what == "lora":
            return 0
        try:
            total = (folder / "model.pth").stat().st_size
            of = int(read_json(folder / "config.json")["model_args"]["gpt_layers"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return total if config.train_what == "full" else int(total * min(1.0, (config.last_layers + 1) / max(1, of)))
