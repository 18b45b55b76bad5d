"""Run configuration (``config.yaml``): settings, checked by the engine's model, beside facts about the run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.engines.options import TrainConfig
from core.engines.registry import DEFAULT, train_config
from core.errors import UserError
from core.files import read_text

_MOST_BYTES = 1 << 16  # of a config


def make_config(values: Mapping[str, Any], engine: str) -> TrainConfig:
    """Check settings and make a config of an engine's model of them.

    Raises:
        UserError: ``train.unknown_setting`` (names the valid ones) or ``train.bad_setting`` (names the reason).
    """
    model = train_config(engine)
    valid = model.form_fields()
    for key in values:
        if key not in valid:
            close = difflib.get_close_matches(key, valid, 1)
            raise UserError(
                "train.unknown_setting",
                "There is no training setting “{key}”.",
                "Did you mean {close}? The settings are: {valid}.",
                key=key,
                close=close[0] if close else valid[0],
                valid=", ".join(valid),
            )
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        # Of two that are wrong together the message names the first.
        key = str(first["loc"][0]) if first["loc"] else next(name for name in valid if name in first["msg"])
        raise UserError(
            "train.bad_setting",
            "“{key}” cannot be {value}: {why}.",
            "Change it, or reset it to the preset's value.",
            key=key,
            value=str(values.get(key)),
            why=str(first["msg"]),
        ) from None


def config_text(config: TrainConfig, **about: str) -> str:
    """``config`` as YAML under ``settings``, beside facts ``about`` the run (engine, dataset, base, preset …).

    They come last: a file that breaks off lacks them, and is not taken for one with fewer settings.
    """
    return str(yaml.safe_dump({"settings": config.model_dump(), **about}, sort_keys=False, allow_unicode=True))


def read_config(path: Path, *, newer: bool = False) -> tuple[TrainConfig, dict[str, Any]]:
    """A file of `config_text`: the config and the facts about the run.

    With ``newer``, settings that this version does not know are passed over: enough to show the run, not to go on.

    Raises:
        UserError: see `make_config`.
        ValueError, TypeError, KeyError, OSError, yaml.YAMLError: it is no such file.
    """
    text = read_text(path, _MOST_BYTES)
    if not text.endswith("\n"):
        raise ValueError("it breaks off")
    raw = dict(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    settings = dict(raw.pop("settings"))
    for name, value in (*raw.items(), *settings.items()):
        # References of YAML may stand for a tree of any size, which would be written out into a message.
        if not isinstance(value, str | int | float | bool | None):
            raise TypeError(name)
    engine = str(raw.get("engine", DEFAULT))  # runs did not always say it
    if newer:
        settings = {name: value for name, value in settings.items() if name in train_config(engine).model_fields}
    # A run from before it was a setting was promised that everything stays.
    settings.setdefault("keep_checkpoints", 0)
    return make_config(settings, engine), raw
