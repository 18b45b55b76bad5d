"""The settings of a training run: one field each, with its range, unit and one sentence of help."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import UserError
from core.files import read_text

MOST_STEPS = 100_000
_MOST_BYTES = 1 << 16  # of a config


def _form(group: str, unit: str = "", **more: Any) -> dict[str, Any]:
    return {"group": group, "unit": unit, **more}


class TrainConfig(BaseModel):
    """Everything a run is trained with; frozen into the run's folder before it starts.

    ``json_schema_extra`` of a field holds its ``group`` in the form (length, learning, memory, adapter, listening)
    and its ``unit``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_steps: int = Field(
        1500,
        ge=1,
        le=MOST_STEPS,
        description="How many updates the voice gets. Too many, and it learns the clips by heart.",
        json_schema_extra=_form("length", "updates"),
    )
    save_every: int = Field(
        300,
        ge=1,
        le=10_000,
        description="A checkpoint is kept, and speaks the test sentences, every so many updates.",
        json_schema_extra=_form("length", "updates"),
    )
    eval_every: int = Field(
        50,
        ge=1,
        le=10_000,
        description="The error on unseen sentences is measured every so many updates.",
        json_schema_extra=_form("length", "updates"),
    )
    keep_checkpoints: int = Field(
        12,
        ge=0,
        le=1000,
        description="So many checkpoints stay, spread over the run; never the best, the last, or one you voted on, "
        "exported or asked to keep go. 0 keeps all.",
        json_schema_extra=_form("length", "checkpoints"),
    )
    patience: int = Field(
        5,
        ge=2,
        le=100,
        description="After so many checks without a lower error on unseen sentences it says that stopping costs "
        "nothing.",
        json_schema_extra=_form("length", "checks"),
    )
    early_stop: bool = Field(
        False,
        description="End the run by itself then, with everything saved.",
        json_schema_extra=_form("length"),
    )
    hang_minutes: float = Field(
        5.0,
        ge=0,
        le=1440,
        description="If the card stays silent for so long, and twenty times longer than ever before, the run ends so "
        "that it can be resumed. 0 waits for ever.",
        json_schema_extra=_form("length", "min"),
    )
    learning_rate: float = Field(
        2e-4,
        gt=0,
        le=1e-2,
        description="How far one update moves the voice. Too high and it breaks, too low and it barely changes.",
        json_schema_extra=_form("learning", log=True),
    )
    warmup_steps: int = Field(
        50,
        ge=0,
        le=10_000,
        description="The learning rate rises slowly over the first so many updates.",
        json_schema_extra=_form("learning", "updates"),
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Pulls what is learnt gently towards the base voice.",
        json_schema_extra=_form("learning"),
    )
    grad_clip: float = Field(
        1.0,
        gt=0,
        le=100,
        description="The largest an update's gradient may be; one odd clip cannot throw the voice off course.",
        json_schema_extra=_form("learning"),
    )
    text_loss_weight: float = Field(
        0.01,
        ge=0,
        le=1,
        description="How much predicting the text counts beside predicting the sound.",
        json_schema_extra=_form("learning"),
    )
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of what each layer adds that is left out at random while learning, against learning by "
        "heart.",
        json_schema_extra=_form("learning", step=0.01),
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        le=0.9999,
        description="Above 0, checkpoints hold a running mean of the weights, smoother than the last ones; 0.99 "
        "spans about a hundred updates.",
        json_schema_extra=_form("learning", log=True),
    )
    seed: int = Field(
        1,
        ge=0,
        le=2**31 - 1,
        description="The same seed, settings and clips give the same training.",
        json_schema_extra=_form("learning"),
    )
    batch_size: int = Field(
        4,
        ge=1,
        le=128,
        description="Clips in memory at once. Lower it if the card runs out of memory.",
        json_schema_extra=_form("memory", "clips"),
    )
    accumulation: int = Field(
        4,
        ge=1,
        le=128,
        description="Batches that make one update. Raise it when you lower the batch size.",
        json_schema_extra=_form("memory", "batches"),
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="How numbers are kept while computing. Automatic: bfloat16 where the card or the processor has it, "
        "else float16 on a card and float32 on a processor.",
        json_schema_extra=_form("memory"),
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Saves memory by computing some things twice; about a third slower.",
        json_schema_extra=_form("memory"),
    )
    batch_by: Literal["clips", "length"] = Field(
        "clips",
        description="Whether a batch is a number of clips, or clips of a total length: many short ones or few long "
        "ones, at the same mean.",
        json_schema_extra=_form("memory"),
    )
    auto_batch: bool = Field(
        False,
        description="Try the longest clips first and choose the batch size by what fits; an update keeps its number "
        "of clips.",
        json_schema_extra=_form("memory"),
    )
    compile: bool = Field(
        False,
        description="Compile the model before the first update: minutes of waiting, then somewhat faster on some "
        "cards.",
        json_schema_extra=_form("memory"),
    )
    train_what: Literal["lora", "last_layers", "full"] = Field(
        "lora",
        description="What learns: a small adapter, the last layers, or the whole model. More learns faster, by "
        "heart too, and needs memory and disk.",
        json_schema_extra=_form("adapter"),
    )
    last_layers: int = Field(
        6,
        ge=1,
        le=30,
        description="How many layers learn, counted from the last, if only the last layers do.",
        json_schema_extra=_form("adapter", "layers"),
    )
    lora_rank: int = Field(
        16,
        ge=1,
        le=256,
        description="How much the adapter can learn. Higher catches more of a voice and needs more recordings.",
        json_schema_extra=_form("adapter"),
    )
    lora_alpha: float = Field(
        32.0,
        gt=0,
        le=1024,
        description="How strongly the adapter acts; usually twice its rank.",
        json_schema_extra=_form("adapter"),
    )
    lora_dropout: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of the adapter that is left out at random while learning, against learning by heart.",
        json_schema_extra=_form("adapter", step=0.01),
    )
    lora_rslora: bool = Field(
        False,
        description="Scale the adapter by the root of its rank, so that high ranks learn as fast as low ones.",
        json_schema_extra=_form("adapter"),
    )
    lora_dora: bool = Field(
        False,
        description="Let size and direction of the weights learn apart (DoRA): a little better at low ranks, "
        "clearly slower.",
        json_schema_extra=_form("adapter"),
    )
    conditioning: Literal["other", "masked"] = Field(
        "other",
        description="What a clip is copied from while learning: another clip, as when speaking, or a piece of "
        "itself that is then not learnt.",
        json_schema_extra=_form("listening"),
    )
    reference_min_s: float = Field(
        3.0,
        ge=1,
        le=11,
        description="Shortest piece of another clip that the voice is copied from while learning.",
        json_schema_extra=_form("listening", "s"),
    )
    reference_max_s: float = Field(
        6.0,
        ge=1,
        le=11,
        description="Longest piece of another clip that the voice is copied from while learning.",
        json_schema_extra=_form("listening", "s"),
    )
    reference_pool: int = Field(
        512,
        ge=2,
        le=20_000,
        description="How many different pieces the voice is copied from in a run; each is computed once.",
        json_schema_extra=_form("listening", "pieces"),
    )
    sample_sentences: int = Field(
        4,
        ge=0,
        le=12,
        description="How many test sentences every checkpoint speaks.",
        json_schema_extra=_form("listening", "sentences"),
    )

    @model_validator(mode="after")
    def _lengths_in_order(self) -> TrainConfig:
        if self.reference_min_s > self.reference_max_s:
            raise ValueError("reference_min_s must not be longer than reference_max_s")
        return self


def make_config(values: Mapping[str, Any]) -> TrainConfig:
    """Check settings and make a config of them.

    Raises:
        UserError: ``train.unknown_setting`` (names the valid ones) or ``train.bad_setting`` (names the reason).
    """
    valid = list(TrainConfig.model_fields)
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
        return TrainConfig.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "reference_min_s"
        raise UserError(
            "train.bad_setting",
            "“{key}” cannot be {value}: {why}.",
            "Change it, or reset it to the preset's value.",
            key=key,
            value=str(values.get(key)),
            why=str(first["msg"]),
        ) from None


def config_text(config: TrainConfig, **about: Any) -> str:
    """``config`` as YAML under ``settings``, beside facts ``about`` the run (dataset, base, preset …).

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
    if newer:
        settings = {name: value for name, value in settings.items() if name in TrainConfig.model_fields}
    # A run from before it was a setting was promised that everything stays.
    settings.setdefault("keep_checkpoints", 0)
    return make_config(settings), raw
