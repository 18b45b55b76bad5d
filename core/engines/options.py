"""The settings that engines share, of training and of speaking: one field each, with range, unit and one sentence."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

MOST_STEPS = 100_000


def form(group: str, unit: str = "", **extra: str | float | bool) -> JsonDict:
    """What the Train page is told of a field.

    ``after`` names the shared field that it stands behind. Several values of one with ``sweep`` are worth trying:
    then the field that ``in_proportion`` names goes along, and it has to be as ``only_with`` says (``field=value``).
    """
    return {"group": group, "unit": unit, **extra}


class TrainConfig(BaseModel):
    """What a run of any engine is trained with; each engine has a subclass with its own settings beside these.

    ``json_schema_extra`` of a field holds its ``group`` in the form (length, learning, memory, adapter, listening)
    and its ``unit``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_steps: int = Field(
        1500,
        ge=1,
        le=MOST_STEPS,
        description="How many updates the voice gets. Too many, and it learns the clips by heart.",
        json_schema_extra=form("length", "updates", sweep=True),
    )
    save_every: int = Field(
        300,
        ge=1,
        le=10_000,
        description="A checkpoint is kept, and speaks the test sentences, every so many updates.",
        json_schema_extra=form("length", "updates"),
    )
    eval_every: int = Field(
        50,
        ge=1,
        le=10_000,
        description="The error on unseen sentences is measured every so many updates.",
        json_schema_extra=form("length", "updates"),
    )
    keep_checkpoints: int = Field(
        12,
        ge=0,
        le=1000,
        description="So many checkpoints stay, spread over the run; never the best, the last, or one you voted on, "
        "exported or asked to keep go. 0 keeps all.",
        json_schema_extra=form("length", "checkpoints"),
    )
    patience: int = Field(
        5,
        ge=2,
        le=100,
        description="After so many checks without a lower error on unseen sentences it says that stopping costs "
        "nothing.",
        json_schema_extra=form("length", "checks"),
    )
    early_stop: bool = Field(
        False,
        description="End the run by itself then, with everything saved.",
        json_schema_extra=form("length"),
    )
    early_stop_by: Literal["loss", "samples"] = Field(
        "loss",
        description="What it waits for: a lower error on unseen sentences, or samples that sound better (clearer, more "
        "like the speaker), counted by checkpoint.",
        json_schema_extra=form("length"),
    )
    hang_minutes: float = Field(
        5.0,
        ge=0,
        le=1440,
        description="If the card stays silent for so long, and twenty times longer than ever before, the run ends so "
        "that it can be resumed. 0 waits for ever.",
        json_schema_extra=form("length", "min"),
    )
    learning_rate: float = Field(
        2e-4,
        gt=0,
        le=1e-2,
        description="How far one update moves the voice. Too high and it breaks, too low and it barely changes.",
        json_schema_extra=form("learning", log=True, sweep=True),
    )
    warmup_steps: int = Field(
        50,
        ge=0,
        le=10_000,
        description="The learning rate rises slowly over the first so many updates.",
        json_schema_extra=form("learning", "updates"),
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Pulls what is learnt gently towards the base voice.",
        json_schema_extra=form("learning"),
    )
    grad_clip: float = Field(
        1.0,
        gt=0,
        le=100,
        description="The largest an update's gradient may be; one odd clip cannot throw the voice off course.",
        json_schema_extra=form("learning"),
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        le=0.9999,
        description="Above 0, checkpoints hold a running mean of the weights, smoother than the last ones; 0.99 "
        "spans about a hundred updates.",
        json_schema_extra=form("learning", log=True),
    )
    seed: int = Field(
        1,
        ge=0,
        le=2**31 - 1,
        description="The same seed, settings and clips give the same training.",
        json_schema_extra=form("learning"),
    )
    batch_size: int = Field(
        4,
        ge=1,
        le=128,
        description="Clips in memory at once. Lower it if the card runs out of memory.",
        json_schema_extra=form("memory", "clips"),
    )
    accumulation: int = Field(
        4,
        ge=1,
        le=128,
        description="Batches that make one update. Raise it when you lower the batch size.",
        json_schema_extra=form("memory", "batches"),
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="How numbers are kept while computing. Automatic: bfloat16 where the card or the processor has it, "
        "else float16 on a card and float32 on a processor.",
        json_schema_extra=form("memory"),
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Saves memory by computing some things twice; about a third slower.",
        json_schema_extra=form("memory"),
    )
    batch_by: Literal["clips", "length"] = Field(
        "clips",
        description="Whether a batch is a number of clips, or clips of a total length: many short ones or few long "
        "ones, at the same mean.",
        json_schema_extra=form("memory"),
    )
    auto_batch: bool = Field(
        False,
        description="Try the longest clips first and choose the batch size by what fits; an update keeps its number "
        "of clips.",
        json_schema_extra=form("memory"),
    )
    compile: bool = Field(
        False,
        description="Compile the model before the first update: minutes of waiting, then somewhat faster on some "
        "cards.",
        json_schema_extra=form("memory"),
    )
    sample_sentences: int = Field(
        4,
        ge=0,
        le=12,
        description="How many test sentences every checkpoint speaks.",
        json_schema_extra=form("listening", "sentences"),
    )
    measure_samples: bool = Field(
        True,
        description="Measure while training how clear the samples are and how like the speaker, with at most 5 % of "
        "the processor time that it takes itself.",
        json_schema_extra=form("listening"),
    )

    @property
    def clips_per_update(self) -> int:
        """How many clips an update learns from."""
        return self.batch_size * self.accumulation

    @classmethod
    def form_fields(cls) -> list[str]:
        """Field names in the order of the form: an engine's own stand behind the shared field that the first names."""
        names = list(TrainConfig.model_fields)
        place = len(names)
        for name, field in cls.model_fields.items():
            if name in TrainConfig.model_fields:
                continue
            extra = field.json_schema_extra
            if isinstance(extra, dict) and "after" in extra:
                place = names.index(str(extra["after"])) + 1
            names.insert(place, name)
            place += 1
        return names


def adapter_dropout(share: float) -> Any:
    """The field of an adapter's dropout, with an engine's own default."""
    return Field(
        share,
        ge=0,
        lt=1,
        description="Share of the adapter that is left out at random while learning, against learning by heart.",
        json_schema_extra=form("adapter", step=0.01),
    )


class AdapterTrainConfig(TrainConfig):
    """What a run of an engine is trained with that can learn by an adapter; ``train_what`` has an engine's choices."""

    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of what each layer adds that is left out at random while learning, against learning by "
        "heart.",
        json_schema_extra=form("learning", after="grad_clip", step=0.01),
    )
    train_what: str = Field("lora", json_schema_extra=form("adapter", after="compile"))
    lora_rank: int = Field(
        16,
        ge=1,
        le=256,
        description="How much the adapter can learn. Higher catches more of a voice and needs more recordings.",
        json_schema_extra=form("adapter", sweep=True, in_proportion="lora_alpha", only_with="train_what=lora"),
    )
    lora_alpha: float = Field(
        32.0,
        gt=0,
        le=1024,
        description="How strongly the adapter acts; usually twice its rank.",
        json_schema_extra=form("adapter"),
    )
    lora_dropout: float = adapter_dropout(0.0)
    lora_rslora: bool = Field(
        False,
        description="Scale the adapter by the root of its rank, so that high ranks learn as fast as low ones.",
        json_schema_extra=form("adapter"),
    )
    lora_dora: bool = Field(
        False,
        description="Let size and direction of the weights learn apart (DoRA): a little better at low ranks, "
        "clearly slower.",
        json_schema_extra=form("adapter"),
    )


class SpeakingOptions(BaseModel):
    """How a voice of any engine may be asked to speak; each engine has a subclass with its own settings.

    What is left at its default is not handed on: the model then goes by what lies in its own folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


SPEED: Any = Field(
    1.0,
    ge=0.25,
    le=4,
    description="How fast it speaks; 1 is its own pace.",
    json_schema_extra=form("speaking", step=0.05),
)
