"""What is used of f5-tts and Vocos: their models alone. Heavy.

``f5_tts.model`` would import the package's trainer (wandb, datasets), ``vocos`` a codec under a licence of its own.
Empty modules with their paths in their places let the parts beneath be imported by themselves. The model itself is
used rather than copied: the quirks that old weights need live in it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType


def _leave_out_init(name: str) -> None:
    if name in sys.modules:
        return
    spec = find_spec(name)
    assert spec is not None and spec.submodule_search_locations is not None
    module = ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    module.__spec__ = spec
    sys.modules[name] = module
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)


_leave_out_init("f5_tts.model")
_leave_out_init("vocos")

from f5_tts.model.backbones.dit import DiT  # noqa: E402
from f5_tts.model.cfm import CFM  # noqa: E402
from f5_tts.model.modules import MelSpec  # noqa: E402
from f5_tts.model.utils import convert_char_to_pinyin, get_epss_timesteps, get_tokenizer  # noqa: E402
from vocos.heads import ISTFTHead  # noqa: E402
from vocos.models import VocosBackbone  # noqa: E402

__all__ = [
    "CFM",
    "DiT",
    "ISTFTHead",
    "MelSpec",
    "VocosBackbone",
    "convert_char_to_pinyin",
    "get_epss_timesteps",
    "get_tokenizer",
]
